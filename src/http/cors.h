/* SPDX-License-Identifier: MIT */
#ifndef YD_HTTP_CORS_H
#define YD_HTTP_CORS_H

#include <yodel/http.h>
#include <yodel/http_files.h>

#include "http/out.h"
#include "proto/http1.h"

/* Cross-origin sharing (Fetch standard 3.2) of the paths below a prefix. */
struct yd_cors;

/* Adds one to the list, which keeps longer prefixes first.  As yodel_server_cors(). */
int yd_cors_add(struct yd_cors **list, const struct yodel_allocator *mem, const char *prefix,
                const yodel_cors_options *options);
void yd_cors_free(struct yd_cors *list, const struct yodel_allocator *mem);

/* The one whose prefix path is below; NULL for none. */
const struct yd_cors *yd_cors_find(const struct yd_cors *list, yodel_str path);

/* True for the request that a browser sends ahead of one that is not simple. */
bool yd_cors_is_preflight(const struct yd_http_head *head);

/* Writes the header lines of the answer to head; all of them for a preflight. */
void yd_cors_write(const struct yd_cors *cors, const struct yd_http_head *head, struct yd_out *out);

#endif
