/* SPDX-License-Identifier: MIT */
#ifndef YD_HTTP_CONDITIONAL_H
#define YD_HTTP_CONDITIONAL_H

#include "proto/http1.h"

/* What a request's conditions and ranges (RFC 9110 sections 13 and 14) make of a representation. */

struct yd_file_meta {
    uint64_t size;    /* bytes */
    int64_t modified; /* seconds since 1970 */
    char etag[64];    /* strong, quoted */
};

/*
 * Returns 200, 206, 304, 412 or 416.  *ret_first and *ret_len: the bytes that an answer of 200 or
 * 206 has.  Several ranges at once are answered with the whole.  now: seconds since 1970.
 */
int yd_file_decide(const struct yd_http_head *head, const struct yd_file_meta *meta, int64_t now,
                   uint64_t *ret_first, uint64_t *ret_len);

#endif
