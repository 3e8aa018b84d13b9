/* SPDX-License-Identifier: MIT */
#include "api/control.h"

#include <string.h>
#include <unistd.h>

#include "api/call.h"
#include "base/json.h"

static const struct {
    const char *method, *path;
    enum yg_control what;
} calls[] = {
    {"GET", "process", YG_CONTROL_PROCESS},
    {"POST", "reload", YG_CONTROL_RELOAD},
    {"POST", "reopen", YG_CONTROL_REOPEN},
    {"POST", "stop", YG_CONTROL_STOP},
};

#define NUM_CALLS (sizeof(calls) / sizeof(calls[0]))

static void refuse(yodel_request *req, enum yg_problem problem, const char *detail,
                   const yodel_header *header)
{
    yg_call_refuse(req, &(struct yg_complaint){.problem = problem, .detail = detail}, header,
                   header != NULL ? 1 : 0);
}

/* ---- who asks ---- */

static bool is_owner(yodel_request *req)
{
    yodel_peer_credentials peer = {.size = sizeof(peer)};

    return yodel_str_eq(yodel_request_peer(req), YODEL_STR("unix")) &&
           yodel_request_peer_credentials(req, &peer) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

/* Returns false when it was refused. */
static bool may_control(struct yg_api *api, yodel_request *req)
{
    const yodel_header challenge = {"WWW-Authenticate", "Bearer"};
    const yodel_str value = yodel_request_header(req, "authorization");
    struct yg_api_held *held = yg_api_hold(api);
    const struct yg_api_key *key = yg_api_key_find(&held->terms, value);
    const bool has_key = key != NULL;
    const bool may =
        has_key ? (key->rights.scopes & YG_SCOPE_PROCESS) != 0 : value.ptr == NULL && is_owner(req);

    yg_api_held_unref(held);
    if (!may && has_key)
        refuse(req, YG_PROBLEM_SCOPE, "the key has not the scope process", NULL);
    else if (!may)
        refuse(req, YG_PROBLEM_UNAUTHORIZED,
               "a key with the scope process, or a Unix socket and the user of the server",
               &challenge);
    return may;
}

/* ---- requests ---- */

static enum yg_control what_of(size_t n, yodel_request *req)
{
    const bool now = yodel_request_query_param(req, "now").ptr != NULL;

    return calls[n].what == YG_CONTROL_STOP && now ? YG_CONTROL_STOP_NOW : calls[n].what;
}

static void begin(struct yg_api *api, yodel_request *req, enum yg_control what)
{
    yodel_decision *decision = yodel_request_defer(req);

    if (decision == NULL)
        refuse(req, YG_PROBLEM_OVERLOADED, "out of memory", NULL);
    else
        api->options.control(what, decision, api->options.user);
}

bool yg_control_request(struct yg_api *api, yodel_request *req, yodel_str path)
{
    size_t n = 0;

    while (n < NUM_CALLS && !yodel_str_eq(path, yodel_str_of(calls[n].path)))
        n++;
    if (n == NUM_CALLS || api->options.control == NULL)
        return false;
    if (!may_control(api, req))
        return true;
    if (yodel_str_eq(yodel_request_method(req), yodel_str_of(calls[n].method)))
        begin(api, req, what_of(n, req));
    else
        refuse(req, YG_PROBLEM_METHOD, NULL, &(yodel_header){"Allow", calls[n].method});
    return true;
}

/* ---- answers ---- */

static void put(struct yg_text *text, const struct yg_complaint *complaint, const json_t *body)
{
    const bool is_good = complaint->problem == YG_PROBLEM_NONE;

    if (!is_good) {
        yg_problem_put(text, complaint);
        if (body == NULL || yg_text_failed(text))
            return;
        text->len--;
        yg_text_putc(text, ',');
    } else if (body == NULL) {
        yg_text_puts(text, "{}");
        return;
    }
    yg_json_put(text, body, is_good ? 0 : JSON_EMBED);
    yg_text_puts(text, is_good ? "" : "}");
}

void yg_control_settle(yodel_decision *decision, enum yg_problem problem, const char *detail,
                       json_t *body)
{
    const struct yg_complaint complaint = {.problem = problem, .detail = detail};
    struct yg_text text = {0};

    put(&text, &complaint, body);
    /* Without memory it is not answered here, and the server answers 503. */
    if (!yg_text_failed(&text))
        yg_call_respond(decision, NULL, problem, (yodel_bytes){(const uint8_t *)text.ptr, text.len},
                        NULL, 0);
    yg_text_done(&text);
    json_decref(body);
    yodel_decision_unref(decision);
}
