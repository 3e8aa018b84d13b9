/* SPDX-License-Identifier: MIT */
#include "eio/eio_answer.h"

#include <string.h>

#include "eio/headers.h"

/* Old Internet Explorers take a payload for a page with a script in it. */
static bool needs_xss_off(const struct yd_http_head *head)
{
    yodel_str agent = yd_http_field(head, YODEL_STR("User-Agent"));

    return agent.len > 0 && (memmem(agent.ptr, agent.len, ";MSIE", 5) != NULL ||
                             memmem(agent.ptr, agent.len, "Trident/", 8) != NULL);
}

static void put_headers(struct yd_eio_headers *headers, struct yd_eio *eio,
                        const yodel_request *req, const struct yd_eio_answer *answer)
{
    static const char *const codings[] = {NULL, "gzip", "deflate"};

    if (answer->status == 200)
        yd_eio_headers_put(headers, "Cache-Control", "no-store");
    if (answer->status == 200 && needs_xss_off(yd_request_head(req)))
        yd_eio_headers_put(headers, "X-XSS-Protection", "0");
    if (answer->coding != YD_EIO_IDENTITY)
        yd_eio_headers_put(headers, "Content-Encoding", codings[answer->coding]);
    if (answer->closes)
        yd_eio_headers_put(headers, "Connection", "close");
    if (answer->opens.len > 0)
        yd_eio_headers_put_cookie(headers, eio, answer->opens);
    yd_eio_headers_ask(headers, eio, req, answer->opens.len > 0);
}

int yd_eio_answer(struct yd_eio *eio, yodel_request *req, const struct yd_eio_answer *answer)
{
    struct yd_eio_headers headers;
    int rc;

    yd_eio_headers_init(&headers, eio->mem);
    put_headers(&headers, eio, req, answer);
    rc = yodel_request_respond(req, YODEL_OPTIONS(yodel_response, .status = answer->status,
                                                  .content_type = answer->content_type,
                                                  .body = answer->body, .headers = headers.list,
                                                  .num_headers = headers.num));
    yd_eio_headers_done(&headers);
    return rc;
}

void yd_eio_answer_empty(struct yd_eio *eio, yodel_request *req, int status)
{
    (void)yd_eio_answer(eio, req, &(struct yd_eio_answer){.status = status});
}

int yd_eio_answer_payload(struct yd_eio_loop *home, yodel_request *req, yodel_bytes payload,
                          bool may_compress, yodel_str opens)
{
    struct yd_eio_answer answer = {.status = 200,
                                   .content_type = "text/plain; charset=UTF-8",
                                   .body = payload,
                                   .opens = opens};
    struct yd_buf packed = {0};
    int rc;

    if (may_compress && payload.len >= home->eio->options.compress_min)
        answer.coding = yd_eio_choose_coding(yd_request_head(req));
    if (answer.coding != YD_EIO_IDENTITY) {
        if (yd_eio_compress(home, answer.coding, payload, &packed) == 0)
            answer.body = (yodel_bytes){packed.ptr, packed.len};
        else
            answer.coding = YD_EIO_IDENTITY;
    }
    rc = yd_eio_answer(home->eio, req, &answer);
    yd_buf_free(home->eio->mem, &packed);
    return rc;
}
