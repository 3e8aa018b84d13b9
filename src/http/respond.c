/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "http/http_internal.h"

int yodel_request_respond(yodel_request *req, const yodel_response *response)
{
    yodel_response known;
    struct yd_answer answer;
    bool no_body;
    int rc;

    if (req == NULL)
        return -EINVAL;
    if ((rc = yd_response_read(response, &known)) < 0)
        return rc;
    answer = (struct yd_answer){.status = known.status != 0 ? known.status : 200,
                                .content_type = known.content_type,
                                .headers = known.headers,
                                .num_headers = known.num_headers};
    no_body = answer.status == 204 || answer.status == 205 || answer.status == 304;
    if (!no_body)
        answer.body = known.body;
    answer.length = answer.body.len;
    if ((rc = yd_request_answer(req, &answer)) == 0)
        yd_request_end(req);
    return rc;
}

int yodel_request_reply(yodel_request *req, int status, const char *content_type, yodel_bytes body)
{
    if (req == NULL)
        return -EINVAL;
    return yodel_request_respond(req, YODEL_OPTIONS(yodel_response, .status = status,
                                                    .content_type = content_type, .body = body));
}

int yodel_request_reply_text(yodel_request *req, int status, const char *content_type,
                             yodel_str text)
{
    if (req == NULL)
        return -EINVAL;
    return yodel_request_reply(req, status, content_type != NULL ? content_type : YD_TEXT_TYPE,
                               (yodel_bytes){(const uint8_t *)text.ptr, text.len});
}
