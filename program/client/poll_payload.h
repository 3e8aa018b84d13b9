/* SPDX-License-Identifier: MIT */
#ifndef YG_CLIENT_POLL_PAYLOAD_H
#define YG_CLIENT_POLL_PAYLOAD_H

#include <stdint.h>

#include "base/text.h"

/* Payloads of Engine.IO's long polling (protocol 4), and the cookies that keep a client at its
 * server; as text. */

#define YG_PAYLOAD_SEPARATOR '\x1e'

/*
 * Takes the first packet off a payload.
 *
 * rest   moved on; one that is empty, but is no NULL pointer, has one more packet, which is empty
 *
 * Returns whether there was one.
 */
bool yg_payload_next(yodel_str *rest, yodel_str *ret_packet);

/* Adds a packet of text, or a binary message. */
void yg_payload_put(struct yg_text *payload, yodel_str packet);
void yg_payload_put_binary(struct yg_text *payload, yodel_bytes bytes);

/* How many bytes of a payload are whole packets of at most max bytes, without the separator behind
 * them; the first packet is always one. */
size_t yg_payload_fit(yodel_str payload, size_t max);

#define YG_COOKIES_MAX 16384 /* bytes */

/*
 * Takes what a Set-Cookie says: its name and value, but not for where or how long.
 *
 * cookies   "a=b; c=d", the value of Cookie; what would make it longer than YG_COOKIES_MAX is left
 * out
 */
void yg_cookies_take(struct yg_text *cookies, const char *set_cookie);

/* Takes those of a header line, if it is "Cookie: ..."; there is to be but one (RFC 6265, 5.4).
 * Returns whether it is. */
bool yg_cookies_take_line(struct yg_text *cookies, const char *line);

/* Makes the line of that header; of no cookies an empty one.  Returns 0 or -ENOMEM, also for what
 * the cookies lack. */
int yg_cookies_put(struct yg_text *line, const struct yg_text *cookies);

#endif
