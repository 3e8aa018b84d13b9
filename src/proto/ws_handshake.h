/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_WS_HANDSHAKE_H
#define YD_PROTO_WS_HANDSHAKE_H

#include "proto/http1.h"

/* The opening handshake (RFC 6455 4.2), all but the hash. */

/* Appended to the key before hashing. */
#define YD_WS_GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
#define YD_WS_KEY_LEN 24

/*
 * Checks an upgrade request: GET, HTTP/1.1, Upgrade has "websocket", exactly one version 13,
 * exactly one key of 24 characters that is base64 of 16 octets, no body.
 *
 * Returns 0 with *ret_key set (borrowed), 1 when the request asks for no WebSocket at all (plain
 * HTTP then), or minus the status: 400, 405, 426; *ret_error says why (static text).
 */
int yd_ws_check_request(const struct yd_http_head *head, yodel_str *ret_key,
                        const char **ret_error);

/* permessage-deflate as agreed on (RFC 7692 section 7). */
struct yd_ws_deflate_params {
    bool on;
    bool server_no_context, client_no_context;
    uint8_t server_bits, client_bits; /* 9..15 */
    bool answer_server_bits;          /* server_max_window_bits stands in the answer */
    bool answer_client_bits;          /* client_max_window_bits does */
};

/* What this server is ready for. */
struct yd_ws_deflate_policy {
    bool server_context, client_context; /* may keep a context between messages */
    uint8_t server_bits, client_bits;    /* largest windows it wants to keep, 9..15 */
};

/*
 * Chooses among the Sec-WebSocket-Extensions offers, over all fields of that name, the first that
 * can be had; *ret is all zero when none is.  Malformed lists, unknown parameters, doubled or
 * out-of-range values decline that offer (RFC 7692 7.1), never the handshake.  Linear time.
 */
void yd_ws_choose_deflate(const struct yd_http_head *head,
                          const struct yd_ws_deflate_policy *policy,
                          struct yd_ws_deflate_params *ret);

/* Writes the value of the answering header ("permessage-deflate; ..."), NUL-terminated. */
#define YD_WS_EXTENSION_MAX 160
void yd_ws_write_extension(const struct yd_ws_deflate_params *params,
                           char ret_text[YD_WS_EXTENSION_MAX]);

/* The i-th subprotocol offered, over all fields of that name; {NULL, 0} past the last.  A list with
 * an element that is no token offers nothing.  One call reads the whole list, so that those after
 * the first YD_WS_MAX_SUBPROTOCOLS are not given out: a loop over i stays linear. */
#define YD_WS_MAX_SUBPROTOCOLS 64
yodel_str yd_ws_subprotocol(const struct yd_http_head *head, size_t i);

/* True when name, case counting, is among all that are offered. */
bool yd_ws_offers_subprotocol(const struct yd_http_head *head, yodel_str name);

/*
 * Matches an Origin header against one pattern of an allow-list: "https://a.example",
 * "//a.example:8443", "a.example" (any scheme and port), ".example.com" (it and its subdomains; a
 * scheme or port may be added), "*".  Hosts ignore case; default ports are filled in from the
 * scheme.  Origins of several, "null" and malformed ones match only "*".
 */
bool yd_ws_origin_matches(yodel_str origin, yodel_str pattern);

/* Whether an Origin header is where the request itself went: host as in a Host header, is_tls: by
 * https.  The scheme's port is filled in on both sides. */
bool yd_ws_origin_is_same_host(yodel_str origin, yodel_str host, bool is_tls);

#endif
