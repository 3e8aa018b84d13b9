/* SPDX-License-Identifier: MIT */
#include "eio/polling.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "eio/eio_answer.h"
#include "net/caller.h"
#include "proto/eio_payload.h"

/* A poll that comes while a probe is on is let wait so long, ms: the client may not be far enough
 * to pause, and would ask again at once. */
#define RELEASE_MS 50

/* What a client that polls again is told when its session was closed meanwhile. */
#define CLOSED_PAYLOAD                                                                             \
    "6\x1e"                                                                                        \
    "1"

/* Bytes in the queue above which a client is not listened to until it has fetched them: its packets
 * cause more of them. */
#define HOLD_BACK_ABOVE (256 * 1024)

/* The first answer of a session is none of these. */
static const yodel_str opens_none = {NULL, 0};

static struct yd_loop *loop_of(const struct yd_eio_poll *poll)
{
    return poll->session->home->loop;
}

/* ---- what waits for a poll ---- */

static void clear_queue(struct yd_eio_session *session, struct yd_eio_queue *queue)
{
    yd_count(&session->home->loop->counters.send_queue, -(uint64_t)queue->bytes);
    yd_eio_queue_clear(yd_eio_mem(session), queue);
}

/* ---- its state ---- */

static void on_release(struct yd_timer *timer);

int yd_eio_poll_new(struct yd_eio_session *session)
{
    struct yd_eio_poll *poll = yd_zalloc(yd_eio_mem(session), sizeof *poll);

    if (poll == NULL)
        return -ENOMEM;
    poll->session = session;
    yd_timer_init(&poll->release_timer, on_release);
    yd_eio_probe_init(&poll->probe, loop_of(poll));
    session->poll = poll;
    atomic_fetch_add_explicit(&session->home->eio->num_polling, 1, memory_order_relaxed);
    return 0;
}

void yd_eio_poll_free(struct yd_eio_poll *poll)
{
    struct yd_eio *eio = poll->session->home->eio;

    clear_queue(poll->session, &poll->queue);
    yd_free(eio->mem, poll);
    atomic_fetch_sub_explicit(&eio->num_polling, 1, memory_order_relaxed);
}

/* ---- answers ---- */

static const struct yd_hold abandoned = {.gone = NULL};

static void count_sent(struct yd_eio_loop *home, size_t num)
{
    yd_count(&home->loop->counters.messages_out, num);
    yd_count(&home->messages_out, num);
}

/* Answers req with what was queued, which is given up. */
static int answer_queue(struct yd_eio_session *session, yodel_request *req,
                        struct yd_eio_queue *queue, const char *last)
{
    const struct yodel_allocator *mem = yd_eio_mem(session);
    struct yd_buf buf = {0};
    int rc = yd_eio_queue_put(mem, queue, last, &buf);

    if (rc == 0)
        rc = yd_eio_answer_payload(session->home, req, (yodel_bytes){buf.ptr, buf.len},
                                   yd_eio_queue_may_compress(queue), opens_none);
    if (rc == 0)
        count_sent(session->home, queue->num);
    yd_buf_free(mem, &buf);
    clear_queue(session, queue);
    return rc;
}

static void answer_post(struct yd_eio_session *session, yodel_request *req)
{
    (void)yd_eio_answer(session->home->eio, req,
                        &(struct yd_eio_answer){.status = 200,
                                                .content_type = "text/html",
                                                .body = {(const uint8_t *)"ok", 2}});
}

/* A POST is no longer in flight, or in our way. */
static void let_post_go(struct yd_eio_session *session)
{
    struct yd_eio_poll *poll = session->poll;
    yodel_request *req = poll->post;

    if (!poll->held_back) {
        yd_eio_poll_forget_post(poll);
        return;
    }
    poll->post = NULL;
    poll->held_back = false;
    (void)yd_request_hold(req, &abandoned, NULL, 0);
    answer_post(session, req);
}

/* Answers req with all there is; a failure ends the session.  The queue is taken off first, as the
 * hooks that are asked for headers may send more. */
static void answer(struct yd_eio_session *session, yodel_request *req, const char *last)
{
    struct yd_eio_queue queue = session->poll->queue;

    session->poll->queue = (struct yd_eio_queue){.items = NULL};
    if (answer_queue(session, req, &queue, last) == 0) {
        if (session->poll->held_back)
            yd_eio_queue_task(session); /* which goes on with the POST */
        return;
    }
    yd_conn_abort(yd_request_conn(req), 0);
    yd_eio_end(session, YD_EIO_TRANSPORT_ERROR);
}

/* Takes the held poll off the session. */
static yodel_request *take_get(struct yd_eio_poll *poll)
{
    yodel_request *req = poll->get;

    poll->get = NULL;
    yd_timer_stop(&loop_of(poll)->wheel, &poll->release_timer);
    (void)yd_request_hold(req, &abandoned, NULL, 0);
    return req;
}

static void answer_held(struct yd_eio_session *session, const char *last)
{
    answer(session, take_get(session->poll), last);
}

void yd_eio_poll_release(struct yd_eio_session *session)
{
    if (session->poll->get == NULL)
        return;
    answer_held(session, session->poll->queue.num == 0 ? "6" : NULL);
    yd_eio_drained(session);
}

static void on_release(struct yd_timer *timer)
{
    struct yd_eio_poll *poll = yd_container_of(timer, struct yd_eio_poll, release_timer);

    if (poll->probe.answered)
        yd_eio_poll_release(poll->session);
}

void yd_eio_poll_part(struct yd_eio_session *session)
{
    struct yd_eio_poll *poll = session->poll;
    yodel_request *req;

    let_post_go(session);
    if (poll->get == NULL)
        return;
    req = take_get(poll);
    if (yd_eio_answer_payload(session->home, req, (yodel_bytes){(const uint8_t *)"1", 1}, false,
                              opens_none) < 0)
        yd_conn_abort(yd_request_conn(req), 0);
}

/* ---- the transport ---- */

static int send(struct yd_eio_session *session, struct yd_msg *const *msgs, size_t num,
                unsigned flags)
{
    struct yd_eio_poll *poll = session->poll;
    size_t before = poll->queue.bytes;

    if (yd_eio_queue_push(yd_eio_mem(session), &poll->queue, msgs, num,
                          (flags & YD_EIO_NO_COMPRESS) == 0) < 0)
        return -ENOMEM;
    yd_count(&session->home->loop->counters.send_queue, poll->queue.bytes - before);
    if (poll->get != NULL)
        yd_eio_queue_task(session);
    return 0;
}

static void go_on_with_post(struct yd_eio_session *session);

static void flush(struct yd_eio_session *session)
{
    go_on_with_post(session);
    if (session->poll->get == NULL || session->poll->queue.num == 0)
        return;
    answer_held(session, NULL);
    yd_eio_drained(session);
}

/* A client that has said goodbye itself is not told again. */
static void close_poll(struct yd_eio_session *session, enum yd_eio_reason reason)
{
    struct yd_eio_poll *poll = session->poll;

    if (poll->get != NULL && reason != YD_EIO_TRANSPORT_CLOSE)
        answer_held(session, "1");
    else if (poll->get != NULL)
        answer_held(session, poll->queue.num == 0 ? "6" : NULL);
    let_post_go(session);
    yd_eio_probe_drop(&poll->probe);
}

/* A POST that is held back goes on in the session's task. */
static void pause(struct yd_eio_session *session)
{
    if (!session->paused && session->poll->held_back)
        yd_eio_queue_task(session);
}

static void free_poll(struct yd_eio_session *session)
{
    if (session->poll != NULL)
        yd_eio_poll_free(session->poll);
}

static size_t buffered(const struct yd_eio_session *session)
{
    return session->poll->queue.bytes;
}

static bool is_idle(const struct yd_eio_session *session)
{
    return session->poll->get != NULL && session->poll->queue.num == 0;
}

static uint64_t heard_at(const struct yd_eio_session *session)
{
    const struct yd_eio_poll *poll = session->poll;

    if (poll->post == NULL)
        return 0;
    if (poll->held_back)
        return session->paused ? loop_of(poll)->now : 0;
    return yd_request_heard_at(poll->post);
}

const struct yd_eio_transport_ops yd_eio_polling = {
    .send = send,
    .flush = flush,
    .pause = pause,
    .close = close_poll,
    .free = free_poll,
    .buffered = buffered,
    .is_idle = is_idle,
    .heard_at = heard_at,
};

/* ---- GET ---- */

static void on_gone(yodel_request *req, void *user)
{
    struct yd_eio_poll *poll = user;

    (void)req;
    poll->get = NULL;
    yd_timer_stop(&loop_of(poll)->wheel, &poll->release_timer);
    yd_eio_end(poll->session, YD_EIO_TRANSPORT_ERROR);
}

/* The next poll comes by another way: the node that this one came to stops. */
static void on_stop(yodel_request *req, void *user)
{
    struct yd_eio_poll *poll = user;

    (void)req;
    yd_eio_poll_release(poll->session);
}

static const struct yd_hold waiting = {.gone = on_gone, .stop = on_stop};

/* Packets would be out of order with two at once. */
static void refuse_second(struct yd_eio_session *session, yodel_request *req)
{
    struct yd_eio *eio = session->home->eio;

    yd_eio_end(session, YD_EIO_TRANSPORT_ERROR);
    yd_eio_answer_empty(eio, req, 400);
}

static void tell_end(struct yd_eio_session *session, yodel_request *req)
{
    (void)yd_eio_answer_payload(
        session->home, req, (yodel_bytes){(const uint8_t *)CLOSED_PAYLOAD, 3}, false, opens_none);
    yd_eio_end_closing(session);
}

static void hold_get(struct yd_eio_poll *poll, yodel_request *req)
{
    if (yd_request_hold(req, &waiting, poll, 0) < 0)
        return;
    poll->get = req;
    if (poll->probe.answered)
        yd_timer_start(&loop_of(poll)->wheel, &poll->release_timer,
                       yd_loop_due(loop_of(poll), RELEASE_MS));
}

void yd_eio_on_get(struct yd_eio_session *session, yodel_request *req)
{
    struct yd_eio_poll *poll = session->poll;

    if (poll->get != NULL) {
        refuse_second(session, req);
    } else if (poll->queue.num > 0) {
        answer(session, req, NULL);
        yd_eio_drained(session);
    } else if (!yd_eio_is_open(session)) {
        tell_end(session, req);
    } else {
        hold_get(poll, req);
    }
}

/* ---- POST ---- */

void yd_eio_poll_forget_post(struct yd_eio_poll *poll)
{
    if (poll->post == NULL)
        return;
    yd_request_set_mark(poll->post, NULL);
    poll->post = NULL;
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

/* One packet more; false when there are too many: answers, and ends the session. */
static bool count_one(struct yd_eio_session *session, yodel_request *req)
{
    static const yodel_header retry = {"Retry-After", "1"};

    if (yd_conn_count_message(yd_request_conn(req)))
        return true;
    (void)yd_request_fail(req, 429, "too many messages", &retry, 1);
    yd_eio_end(session, YD_EIO_TRANSPORT_ERROR);
    return false;
}

/* As long as the session is open and not paused. */
static void take_packets(struct yd_eio_session *session, yodel_request *req,
                         struct yd_eio_payload *payload)
{
    struct yd_eio_packet packet;
    int rc = 0;

    while (yd_eio_is_open(session) && !session->paused &&
           (rc = yd_eio_payload_next(payload, &packet)) == 1) {
        if (!count_one(session, req))
            return;
        if (packet.type == YD_EIO_MESSAGE) {
            yd_count(&session->home->loop->counters.messages_in, 1);
            yd_count(&session->home->messages_in, 1);
        }
        yd_eio_on_packet(session, &packet);
    }
    if (rc < 0)
        yd_eio_end(session, YD_EIO_PARSE_ERROR);
}

static void on_post_gone(yodel_request *req, void *user)
{
    struct yd_eio_poll *poll = user;

    (void)req;
    poll->post = NULL;
    poll->held_back = false;
    yd_eio_end(poll->session, YD_EIO_TRANSPORT_ERROR);
}

static const struct yd_hold held_back = {.gone = on_post_gone};

/* The client sends nothing more until its POST is answered. */
static bool hold_back(struct yd_eio_poll *poll, yodel_request *req,
                      const struct yd_eio_payload *rest)
{
    if (yd_request_hold(req, &held_back, poll, 0) < 0)
        return false;
    poll->post = req;
    poll->held_back = true;
    poll->rest = *rest;
    return true;
}

static bool must_wait(const struct yd_eio_session *session)
{
    return yd_eio_is_open(session) &&
           (session->paused || session->poll->queue.bytes > HOLD_BACK_ABOVE);
}

static void take_post(struct yd_eio_session *session, yodel_request *req,
                      struct yd_eio_payload *payload)
{
    take_packets(session, req, payload);
    if (yd_request_is_answered(req))
        return;
    if (!must_wait(session) || !hold_back(session->poll, req, payload))
        answer_post(session, req);
}

static void take_rest(yodel_request *req, void *user)
{
    struct yd_eio_session *session = user;
    struct yd_eio_payload rest = session->poll->rest;

    take_post(session, req, &rest);
}

static void go_on_with_post(struct yd_eio_session *session)
{
    struct yd_eio_poll *poll = session->poll;
    yodel_request *req = poll->post;

    if (!poll->held_back || must_wait(session))
        return;
    poll->post = NULL;
    poll->held_back = false;
    yd_request_resume(req, take_rest, session);
}

void yd_eio_on_post(struct yd_eio_session *session, yodel_request *req)
{
    yodel_bytes body = yodel_request_body(req);
    struct yd_eio_payload payload;

    if (session->poll->post != NULL) { /* this one has no body */
        refuse_second_post(session, req);
        return;
    }
    if (yodel_str_eq(yodel_request_header(req, "Content-Type"),
                     YODEL_STR("application/octet-stream"))) {
        refuse_second(session, req);
        return;
    }
    if (body.len == 0) {
        yd_eio_end(session, YD_EIO_PARSE_ERROR);
        answer_post(session, req);
        return;
    }
    /* The body is the request's own memory, and no one looks at it again. */
    yd_eio_payload_init(&payload, (uint8_t *)body.ptr, body.len);
    take_post(session, req, &payload);
}
