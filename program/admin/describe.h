/* SPDX-License-Identifier: MIT */
#ifndef YG_ADMIN_DESCRIBE_H
#define YG_ADMIN_DESCRIBE_H

#include <yodel/sio.h>

#include "base/text.h"
#include "config/config.h"

/* What pages are told, as JSON text.  A failure is the text's. */

#define YG_DESCRIBE_PART 4096  /* bytes of a handshake, of data; what is more is left out */
#define YG_DESCRIBE_ROOMS 100  /* of one socket */
#define YG_DESCRIBE_EVENT 8192 /* bytes of an event's arguments */

/* A socket: {"id", "clientId", "transport", "nsp", "data", "handshake", "rooms"}.  On its loop. */
void yg_describe_socket(struct yg_text *text, yodel_sio_socket *socket,
                        const struct yg_texts *listed);

/* What of data is shown; NULL: {}. */
void yg_describe_data(struct yg_text *text, const json_t *data);

/* A handshake, which is changed; NULL: {}. */
void yg_describe_handshake(struct yg_text *text, json_t *handshake, const struct yg_texts *listed);

/* ["name",args...]: what is too long, and binary, is told by its size.  args: a JSON array. */
void yg_describe_event(struct yg_text *text, yodel_str name, yodel_str args,
                       const size_t *attachments, size_t num_attachments);

/* A comma and the time of now, as text. */
void yg_describe_time(struct yg_text *text);

/* A comma and a JSON string. */
void yg_describe_word(struct yg_text *text, yodel_str word);

#endif
