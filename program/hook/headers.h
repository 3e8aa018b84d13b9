/* SPDX-License-Identifier: MIT */
#ifndef YG_HOOK_HEADERS_H
#define YG_HOOK_HEADERS_H

#include "base/text.h"
#include "config/config.h"

/* The headers of a request to a back end: its own, then those of the configuration. */

struct yg_signer;

struct yg_hook_head {
    const struct yg_webhook *options;
    struct yg_signer *signer; /* of its secrets; NULL: they are keyed for this request alone */
    const char *node;
    const char *id;   /* of the request */
    int64_t time_s;   /* since 1970 */
    unsigned attempt; /* from 1 */
    uint32_t kinds;   /* bits of YG_KIND_, of the events in it */
    yodel_str body;
    const char *trace; /* the traceparent of its only event; "": none */
};

struct yg_hook_headers {
    struct yg_text text;
    const char **items; /* "Name: value", and a NULL behind the last; views of text */
};

/* Returns 0, -ENOMEM, -EINVAL (a secret that is none).  For yg_hook_headers_done(). */
int yg_hook_headers_make(const struct yg_hook_head *head, struct yg_hook_headers *ret_headers);
void yg_hook_headers_done(struct yg_hook_headers *headers);

#endif
