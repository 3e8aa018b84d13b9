/* SPDX-License-Identifier: MIT */
#ifndef YG_API_CALL_H
#define YG_API_CALL_H

#include <yodel/http_body.h>
#include <yodel/http_stream.h>

#include "api/order.h"

/* One request of the API. */
struct yg_call {
    struct yg_open open;
    struct yg_api *api;
    yodel_loop *loop;
    yodel_decision *decision; /* NULL: answered, or the client has gone */
    const char *idem;         /* a copy; NULL: none */
    struct yg_text body;
    struct yg_order order; /* of a call of one command */
    struct yg_batch *batch;
    int route; /* of the table in api.c */
};

/* Answers a request by its decision or, where that is NULL, itself. */
void yg_call_respond(yodel_decision *decision, yodel_request *req, enum yg_problem problem,
                     yodel_bytes body, const yodel_header *headers, size_t num_headers);

/* Answers a request that was not deferred. */
void yg_call_refuse(yodel_request *req, const struct yg_complaint *complaint,
                    const yodel_header *headers, size_t num_headers);

/* Answers the call and frees it. */
void yg_call_reply(struct yg_call *call, const struct yg_reply *reply);
void yg_call_fail(struct yg_call *call, const struct yg_complaint *complaint);

/* ---- batches ---- */

/* Runs the body of a call as a batch; the call is answered, now or later. */
void yg_batch_run(struct yg_call *call, const json_t *body);
/* Gives up what is under way.  NULL does nothing. */
void yg_batch_free(struct yg_batch *batch);

/* ---- streams ---- */

/* Takes the request: commands come in its body, and results go out.  who is taken, too. */
void yg_ndjson_begin(struct yg_api *api, yodel_request *req, struct yg_api_who who);

#endif
