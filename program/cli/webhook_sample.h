/* SPDX-License-Identifier: MIT */
#ifndef YG_CLI_WEBHOOK_SAMPLE_H
#define YG_CLI_WEBHOOK_SAMPLE_H

#include <jansson.h>

#include "hook/answer.h"

/* What a sample of a hook tells; NULL: a word of its own, or nothing. */
struct yg_webhook_sample {
    enum yg_hook_kind kind;
    const char *id, *ns, *sid, *user, *event, *room, *reason;
    const json_t *args, *meta, *auth, *claims;
    bool wants_ack;
    json_int_t count;
};

/* The body of a request with one event of this kind; NULL: out of memory, or not UTF-8. */
json_t *yg_webhook_sample_body(const struct yg_webhook_sample *sample);

#endif
