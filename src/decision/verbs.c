/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <yodel/json.h>

#include "base/buf.h"
#include "base/options.h"
#include "base/utf8.h"
#include "decision/decision.h"
#include "proto/json_pack.h"
#include "proto/json_scan.h"

/* The verbs of the program. */

/* Whether there is what is to be copied; the layer of the subject checks the rest. */
static bool have_text(const yodel_header *headers, size_t num)
{
    if (num > 0 && headers == NULL)
        return false;
    for (size_t i = 0; i < num; i++)
        if (headers[i].name == NULL || headers[i].value == NULL)
            return false;
    return true;
}

int yodel_decision_accept(yodel_decision *d, const yodel_ws_accept_options *given)
{
    struct yd_verdict verdict = {.verb = YD_ACCEPT};
    yodel_ws_accept_options options;
    int rc;

    if (d == NULL)
        return -EINVAL;
    if ((rc = yd_options_read(given, &options, sizeof options)) < 0)
        return rc;
    if (!have_text(options.headers, options.num_headers))
        return -EINVAL;
    options.size = sizeof options;
    if (given != NULL)
        verdict.accept = &options;
    return yd_decision_decide(d, &verdict);
}

static int give_response(yodel_decision *d, enum yd_verb verb, const yodel_response *given)
{
    struct yd_verdict verdict = {.verb = verb};
    yodel_response response;
    int rc;

    if ((rc = yd_options_read(given, &response, sizeof response)) < 0)
        return rc;
    if (!have_text(response.headers, response.num_headers) ||
        (response.body.len > 0 && response.body.ptr == NULL))
        return -EINVAL;
    response.size = sizeof response;
    if (response.status == 0 && verb == YD_REJECT)
        response.status = 403;
    verdict.response = &response;
    return yd_decision_decide(d, &verdict);
}

int yodel_decision_reject(yodel_decision *d, const yodel_response *response)
{
    if (d == NULL)
        return -EINVAL;
    return give_response(d, YD_REJECT, response);
}

int yodel_decision_respond(yodel_decision *d, const yodel_response *response)
{
    if (d == NULL)
        return -EINVAL;
    return response != NULL ? give_response(d, YD_RESPOND, response) : -EINVAL;
}

int yodel_decision_respond_text(yodel_decision *d, int status, const char *content_type,
                                yodel_str text)
{
    if (d == NULL)
        return -EINVAL;
    return yodel_decision_respond(
        d, YODEL_OPTIONS(yodel_response, .status = status,
                         .content_type =
                             content_type != NULL ? content_type : "text/plain; charset=utf-8",
                         .body = {(const uint8_t *)text.ptr, text.len}));
}

int yodel_decision_respond_pack(yodel_decision *d, int status, const char *format, ...)
{
    const struct yodel_allocator *mem = d != NULL ? d->loop->mem : NULL;
    struct yd_buf text = {0};
    va_list args;
    int rc;

    va_start(args, format);
    rc = yd_json_pack(mem, &text, format, args);
    va_end(args);
    if (rc == 0)
        rc = yodel_decision_respond(d, YODEL_OPTIONS(yodel_response, .status = status,
                                                     .content_type = "application/json",
                                                     .body = {text.ptr, text.len}));
    yd_buf_free(mem, &text);
    return rc;
}

int yodel_decision_respond_json(yodel_decision *d, int status, const json_t *json)
{
    const struct yodel_allocator *mem;
    struct yd_buf text = {0};
    int rc;

    if (d == NULL || json == NULL)
        return -EINVAL;
    mem = d->loop->mem;
    if ((rc = yd_json_put_document(mem, &text, json)) == 0)
        rc = yodel_decision_respond(d, YODEL_OPTIONS(yodel_response, .status = status,
                                                     .content_type = "application/json",
                                                     .body = {text.ptr, text.len}));
    yd_buf_free(mem, &text);
    return rc;
}

int yd_decision_check_refusal(const char *message, const char *data)
{
    yodel_str text = yodel_str_of(message), value;

    if (!yd_utf8_is_valid(text.ptr, text.len))
        return YODEL_ERR_ENCODING;
    if (data != NULL && !(yd_utf8_is_valid(data, strlen(data)) &&
                          yd_json_check(yodel_str_of(data), YD_JSON_MAX_DEPTH, &value)))
        return YODEL_ERR_FORMAT;
    return 0;
}

int yodel_decision_refuse(yodel_decision *d, const char *message, const char *data)
{
    struct yd_verdict verdict = {.verb = YD_REFUSE, .message = message, .data = data};
    int rc = yd_decision_check_refusal(message, data);

    if (d == NULL)
        return -EINVAL;
    return rc == 0 ? yd_decision_decide(d, &verdict) : rc;
}
