/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_PROXY_HEAD_H
#define YD_PROTO_PROXY_HEAD_H

#include "base/ip.h"

/*
 * The header that a proxy sends ahead of all else: the PROXY protocol, versions 1 and 2
 * (haproxy.org, doc/proxy-protocol.txt).  Takes bytes as they come, each once.  Zero is the start.
 */
struct yd_proxy_head {
    uint8_t bytes[108]; /* of version 1 all of it (2.1), of version 2 up to the addresses */
    uint8_t len;        /* of these */
    uint8_t state;
    uint8_t tlv[4];  /* head of a TLV, and the first byte of its value */
    uint8_t tlv_len; /* of these */
    uint16_t left;   /* bytes of version 2 that follow the addresses */
    uint16_t skip;   /* of which belong to the present TLV */
    bool has_from;   /* else the connection's own address is the client's: LOCAL, UNKNOWN, Unix */
    bool is_tls;     /* the client uses TLS, as the proxy says (PP2_TYPE_SSL) */
    struct yd_ip from;
};

/*
 * Takes bytes of data[0..len).  *ret_used: how many; all of them unless the head is whole.
 * Returns 1 when it is whole, 0 when more is needed, or -EPROTO as soon as it cannot be: *ret_used
 * is then untouched, and it is not called again.
 */
int yd_proxy_head_take(struct yd_proxy_head *head, const uint8_t *data, size_t len,
                       size_t *ret_used);

#endif
