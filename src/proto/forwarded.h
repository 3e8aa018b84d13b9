/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_FORWARDED_H
#define YD_PROTO_FORWARDED_H

#include "base/ip.h"
#include "proto/http1.h"

/*
 * What proxies say about the client in a request's head.  Each proxy adds the address that it was
 * called from at the end of the list; so the list is read from the right, as long as the one who
 * has added an element is trusted.  What stands to the left of that anyone may have written.
 */

struct yd_forwarded {
    /* The first that is not trusted, or the last of all; YD_IP_UNKNOWN: someone of whom no address
     * is told ("unknown", "_hidden", or nothing that can be read).  peer when there is no list. */
    struct yd_ip client;
    bool has_client; /* a list was there */
    int is_tls;      /* 1: the client uses https; 0: http; -1: not said */
    yodel_str host;  /* that the client has asked for; {NULL, 0}: not said, or not valid */
};

/* Which fields are believed. */
#define YD_FORWARDED_FOR 1u   /* X-Forwarded-For */
#define YD_FORWARDED_PROTO 2u /* X-Forwarded-Proto */
#define YD_FORWARDED_HOST 4u  /* X-Forwarded-Host */
#define YD_FORWARDED_RFC 8u   /* Forwarded (RFC 7239), and none of the others */

/* peer: whom the connection is from.  When that one is not trusted nothing is read. */
void yd_forwarded_read(const struct yd_http_head *head, unsigned which, const struct yd_ip *peer,
                       const struct yd_trust *trust, struct yd_forwarded *ret);

#endif
