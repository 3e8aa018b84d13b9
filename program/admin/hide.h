/* SPDX-License-Identifier: MIT */
#ifndef YG_ADMIN_HIDE_H
#define YG_ADMIN_HIDE_H

#include <jansson.h>
#include <stdbool.h>

#include "config/config.h"

/* What no operator needs to see of a client's handshake: cookies, credentials, tokens. */

/* Whether a header or parameter of that name is hidden: in any case, those that are listed, and
 * those whose name has one of the usual words in it. */
bool yg_is_hidden(const char *name, const struct yg_texts *listed);

/*
 * The handshake of a socket, as yodel_sio_socket_handshake() gives it, without what is hidden:
 * headers and fields of the query are left out, url and the Referer lose their queries' values,
 * auth goes.
 *
 * handshake   changed; NULL does nothing
 *
 * Returns 0 or -ENOMEM: then it must not be shown.
 */
int yg_hide_handshake(json_t *handshake, const struct yg_texts *listed);

#endif
