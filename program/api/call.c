/* SPDX-License-Identifier: MIT */
#include "api/call.h"

#include <stdlib.h>
#include <string.h>
#include <yodel/decision.h>

#define JSON_TYPE "application/json"
#define PROBLEM_TYPE "application/problem+json"
#define MAX_HEADERS 4

void yg_call_respond(yodel_decision *decision, yodel_request *req, enum yg_problem problem,
                     yodel_bytes body, const yodel_header *headers, size_t num_headers)
{
    yodel_header all[MAX_HEADERS + 3] = {{"Cache-Control", "no-store"}};
    yodel_response response = {.size = sizeof(response),
                               .status = yg_problem_status(problem),
                               .content_type =
                                   problem == YG_PROBLEM_NONE ? JSON_TYPE : PROBLEM_TYPE,
                               .body = body,
                               .headers = all,
                               .num_headers = 1};

    for (size_t i = 0; i < num_headers; i++)
        all[response.num_headers++] = headers[i];
    if (response.status == 429 || response.status == 503)
        all[response.num_headers++] = (yodel_header){"Retry-After", "1"};
    /* A failure leaves it open: the server answers for it, when the reference is given back. */
    if (decision != NULL)
        (void)yodel_decision_respond(decision, &response);
    else
        (void)yodel_request_respond(req, &response);
}

void yg_call_refuse(yodel_request *req, const struct yg_complaint *complaint,
                    const yodel_header *headers, size_t num_headers)
{
    struct yg_text text = {0};

    yg_problem_put(&text, complaint);
    yg_call_respond(NULL, req, complaint->problem,
                    (yodel_bytes){(const uint8_t *)text.ptr, text.len}, headers, num_headers);
    yg_text_done(&text);
}

static void free_call(struct yg_call *call)
{
    yodel_decision_unref(call->decision);
    yg_order_drop(&call->order);
    yg_batch_free(call->batch);
    yg_text_done(&call->body);
    free((char *)call->idem);
    free(call);
}

void yg_call_reply(struct yg_call *call, const struct yg_reply *reply)
{
    const yodel_header replayed = {"Idempotency-Replayed", "true"};

    if (call->decision != NULL)
        yg_call_respond(call->decision, NULL, reply->problem,
                        (yodel_bytes){(const uint8_t *)reply->ptr, reply->len}, &replayed,
                        reply->is_replayed);
    yg_open_unlink(&call->open);
    free_call(call);
}

void yg_call_fail(struct yg_call *call, const struct yg_complaint *complaint)
{
    struct yg_text text = {0};
    struct yg_reply reply = {.problem = complaint->problem};

    yg_problem_put(&text, complaint);
    reply.ptr = text.ptr;
    reply.len = text.len;
    yg_call_reply(call, &reply);
    yg_text_done(&text);
}
