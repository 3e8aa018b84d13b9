/* SPDX-License-Identifier: MIT */
#ifndef YG_CLIENT_HANDSHAKE_H
#define YG_CLIENT_HANDSHAKE_H

#include "base/text.h"

/* The handshake of a WebSocket (RFC 6455, 4.1) on the side of a client, as text. */

#define YG_HANDSHAKE_MAX 16384 /* bytes of the head of an answer */

/*
 * Adds the request.
 *
 * extensions   those that are offered; NULL: none
 */
void yg_handshake_put(struct yg_text *out, const char *authority, const char *target,
                      const char *key, const char *extensions, const char *const *headers,
                      size_t num_headers);

/*
 * Looks at an answer, of which so much has come.
 *
 * key          of the request
 * ret_status   the HTTP status; written when the result is positive, or -ECONNREFUSED
 *
 * Returns how long its head is; 0: it has not come whole; -ECONNREFUSED: another status than 101;
 * -EPROTO: no answer to this request; -EMSGSIZE: above YG_HANDSHAKE_MAX.
 */
int yg_handshake_check(yodel_str answer, const char *key, int *ret_status);

/* The extensions that an answer has agreed on, a view of it; {NULL, 0} where it has none. */
yodel_str yg_handshake_extensions(yodel_str answer);

#endif
