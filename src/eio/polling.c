/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "eio/eio_internal.h"

/* What a client that polls again is told when its session was closed meanwhile. */
#define CLOSED_PAYLOAD                                                                             \
    "6\x1e"                                                                                        \
    "1"

static const struct yodel_allocator *mem_of(const struct yd_eio_session *session)
{
    return session->home->eio->mem;
}

/* ---- the queue ---- */

int yd_eio_poll_new(struct yd_eio_session *session)
{
    struct yd_eio_poll *poll = yd_zalloc(mem_of(session), sizeof *poll);

    if (poll == NULL)
        return -ENOMEM;
    poll->session = session;
    yd_eio_probe_init(poll);
    session->poll = poll;
    atomic_fetch_add_explicit(&session->home->eio->num_polling, 1, memory_order_relaxed);
    return 0;
}

static void clear_items(struct yd_eio_poll *poll)
{
    for (size_t i = 0; i < poll->num; i++)
        yd_msg_unref(poll->items[i].msg);
    yd_free(mem_of(poll->session), poll->items);
    poll->items = NULL;
    poll->num = poll->cap = 0;
    poll->bytes = 0;
}

void yd_eio_poll_free(struct yd_eio_session *session)
{
    struct yd_eio_poll *poll = session->poll;

    if (poll == NULL)
        return;
    clear_items(poll);
    yd_free(mem_of(session), poll);
    session->poll = NULL;
    atomic_fetch_sub_explicit(&session->home->eio->num_polling, 1, memory_order_relaxed);
}

static int reserve(struct yd_eio_poll *poll, size_t num)
{
    size_t cap = poll->cap < 4 ? 4 : poll->cap;
    struct yd_eio_item *items;

    if (num <= poll->cap - poll->num)
        return 0;
    while (cap - poll->num < num) {
        if (cap > SIZE_MAX / 2 / sizeof *items)
            return -ENOMEM;
        cap *= 2;
    }
    if ((items = yd_resize(mem_of(poll->session), poll->items, cap * sizeof *items)) == NULL)
        return -ENOMEM;
    poll->items = items;
    poll->cap = cap;
    return 0;
}

/* In a payload, with a separator. */
static size_t size_of(const struct yd_msg *msg)
{
    return 1 +
           (msg->type == YODEL_WS_TEXT ? yd_eio_text_size(msg->len) : yd_eio_binary_size(msg->len));
}

int yd_eio_poll_push(struct yd_eio_session *session, struct yd_msg *const *msgs, size_t num,
                     bool may_compress)
{
    struct yd_eio_poll *poll = session->poll;

    if (reserve(poll, num) < 0)
        return -ENOMEM;
    for (size_t i = 0; i < num; i++) {
        poll->items[poll->num++] = (struct yd_eio_item){yd_msg_ref(msgs[i]), may_compress};
        poll->bytes += size_of(msgs[i]);
    }
    if (poll->get != NULL)
        yd_eio_queue_task(session);
    return 0;
}

/* ---- answers ---- */

static int put_item(const struct yodel_allocator *mem, struct yd_buf *buf, struct yd_msg *msg)
{
    const uint8_t *data = yd_msg_payload(msg);

    if (msg->type == YODEL_WS_TEXT)
        return yd_eio_payload_put_text(mem, buf, (yodel_str){(const char *)data, msg->len});
    return yd_eio_payload_put_binary(mem, buf, (yodel_bytes){data, msg->len});
}

static int build(const struct yd_eio_poll *poll, const char *last, struct yd_buf *buf,
                 bool *ret_may_compress)
{
    const struct yodel_allocator *mem = mem_of(poll->session);
    int rc = yd_buf_reserve(mem, buf, poll->bytes + 2);

    *ret_may_compress = false;
    for (size_t i = 0; rc == 0 && i < poll->num; i++) {
        rc = put_item(mem, buf, poll->items[i].msg);
        *ret_may_compress |= poll->items[i].may_compress;
    }
    if (rc == 0 && last != NULL)
        rc = yd_eio_payload_put_text(mem, buf, yodel_str_of(last));
    return rc;
}

/* Answers req with what is queued; false when that failed: the session has then ended. */
static bool answer(struct yd_eio_session *session, yodel_request *req, const char *last)
{
    struct yd_eio_poll *poll = session->poll;
    struct yd_buf buf = {0};
    bool may_compress;
    int rc = build(poll, last, &buf, &may_compress);

    if (rc == 0)
        rc = yd_eio_answer_payload(session->home, req, (yodel_bytes){buf.ptr, buf.len},
                                   may_compress, NULL);
    yd_buf_free(mem_of(session), &buf);
    if (rc == 0) {
        yd_count(&session->home->loop->counters.messages_out, poll->num);
        clear_items(poll);
        return true;
    }
    yd_conn_abort(yd_request_conn(req), 0);
    yd_eio_end(session, YD_EIO_TRANSPORT_ERROR);
    return false;
}

static const struct yd_hold abandoned = {.gone = NULL};

/* Takes the held poll off the session. */
static yodel_request *release(struct yd_eio_session *session)
{
    struct yd_eio_poll *poll = session->poll;
    yodel_request *req = poll->get;

    poll->get = NULL;
    yd_timer_stop(&session->home->loop->wheel, &poll->release_timer);
    (void)yd_request_hold(req, &abandoned, NULL, 0);
    return req;
}

void yd_eio_poll_flush(struct yd_eio_session *session, const char *last)
{
    if (answer(session, release(session), last))
        yd_eio_drained(session);
}

bool yd_eio_poll_answer_only(struct yd_eio_session *session, const char *packet)
{
    yodel_request *req = release(session);
    yodel_bytes payload = {(const uint8_t *)packet, strlen(packet)};

    if (yd_eio_answer_payload(session->home, req, payload, false, NULL) == 0)
        return true;
    yd_conn_abort(yd_request_conn(req), 0);
    return false;
}

/* ---- GET ---- */

static void on_gone(yodel_request *req, void *user)
{
    struct yd_eio_session *session = user;

    (void)req;
    session->poll->get = NULL;
    yd_timer_stop(&session->home->loop->wheel, &session->poll->release_timer);
    yd_eio_end(session, YD_EIO_TRANSPORT_ERROR);
}

static const struct yd_hold waiting = {.gone = on_gone};

/* Packets would be out of order with two at once. */
static void refuse_second(struct yd_eio_session *session, yodel_request *req)
{
    struct yd_eio *eio = session->home->eio;

    yd_eio_end(session, YD_EIO_TRANSPORT_ERROR);
    yd_eio_answer_empty(eio, req, 400);
}

static void tell_end(struct yd_eio_session *session, yodel_request *req)
{
    (void)yd_eio_answer_payload(session->home, req,
                                (yodel_bytes){(const uint8_t *)CLOSED_PAYLOAD, 3}, false, NULL);
    yd_eio_end(session, (enum yd_eio_reason)session->reason);
}

void yd_eio_on_get(struct yd_eio_session *session, yodel_request *req)
{
    struct yd_eio_poll *poll = session->poll;

    if (poll->get != NULL) {
        refuse_second(session, req);
    } else if (poll->num > 0) {
        if (answer(session, req, NULL))
            yd_eio_drained(session);
    } else if (session->state == YD_EIO_STATE_CLOSING) {
        tell_end(session, req);
    } else if (yd_request_hold(req, &waiting, session, 0) == 0) {
        poll->get = req;
        yd_eio_probe_see_poll(session);
    }
}

/* ---- POST ---- */

void yd_eio_poll_forget_post(struct yd_eio_session *session)
{
    if (session->poll == NULL || session->poll->post == NULL)
        return;
    yd_request_set_mark(session->poll->post, NULL);
    session->poll->post = NULL;
}

static void refuse_second_post(struct yd_eio_session *session, yodel_request *req)
{
    yd_conn_abort(yd_request_conn(session->poll->post), 0);
    refuse_second(session, req);
}

void yd_eio_poll_expect_post(struct yd_eio_session *session, yodel_request *req)
{
    if (session->poll->post != NULL) {
        refuse_second_post(session, req);
        return;
    }
    session->poll->post = req;
    yd_request_set_mark(req, session);
}

static void take_packets(struct yd_eio_session *session, yodel_bytes body)
{
    struct yd_eio_payload payload;
    struct yd_eio_packet packet;
    uint8_t nothing[1];
    int rc = 0;

    /* The body is the request's own memory, and no one looks at it again. */
    yd_eio_payload_init(&payload, body.len > 0 ? (uint8_t *)body.ptr : nothing, body.len);
    while (session->state == YD_EIO_STATE_OPEN &&
           (rc = yd_eio_payload_next(&payload, &packet)) == 1) {
        if (packet.type == YD_EIO_MESSAGE)
            yd_count(&session->home->loop->counters.messages_in, 1);
        yd_eio_on_packet(session, &packet);
    }
    if (rc < 0)
        yd_eio_end(session, YD_EIO_PARSE_ERROR);
}

void yd_eio_on_post(struct yd_eio_session *session, yodel_request *req)
{
    struct yd_eio *eio = session->home->eio;

    if (session->poll->post != NULL) { /* this one has no body */
        refuse_second_post(session, req);
        return;
    }
    if (yodel_str_eq(yodel_request_header(req, "Content-Type"),
                     YODEL_STR("application/octet-stream"))) {
        refuse_second(session, req);
        return;
    }
    take_packets(session, yodel_request_body(req));
    (void)yd_eio_answer(eio, req,
                        &(struct yd_eio_answer){.status = 200,
                                                .content_type = "text/html",
                                                .body = {(const uint8_t *)"ok", 2}});
}
