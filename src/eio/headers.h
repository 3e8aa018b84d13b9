/* SPDX-License-Identifier: MIT */
#ifndef YD_EIO_HEADERS_H
#define YD_EIO_HEADERS_H

#include "eio/eio_service.h"

#define YD_EIO_MAX_HEADERS 32

/* Headers of an answer; those of hooks are copies, bad ones and those beyond the limit are left
 * out. */
struct yd_eio_headers {
    const struct yodel_allocator *mem;
    yodel_header list[YD_EIO_MAX_HEADERS];
    char *copies[YD_EIO_MAX_HEADERS]; /* name, NUL, value; NULL: static */
    size_t num;
};

void yd_eio_headers_init(struct yd_eio_headers *headers, const struct yodel_allocator *mem);
void yd_eio_headers_done(struct yd_eio_headers *headers);
/* Static text. */
void yd_eio_headers_put(struct yd_eio_headers *headers, const char *name, const char *value);
/* Asks the hooks, which may do anything to any session; first: it is the first answer of a session.
 */
void yd_eio_headers_ask(struct yd_eio_headers *headers, struct yd_eio *eio,
                        const yodel_request *req, bool first);
/* The cookie of a session, if there is to be one. */
void yd_eio_headers_put_cookie(struct yd_eio_headers *headers, const struct yd_eio *eio,
                               yodel_str id);

#endif
