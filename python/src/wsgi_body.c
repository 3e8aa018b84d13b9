/* SPDX-License-Identifier: MIT */
#include "wsgi_body.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"

#define PAUSE_ABOVE ((size_t)64 << 10)

struct yp_body {
    _Atomic unsigned refs; /* of the loop until the end, and of workers */
    pthread_mutex_t lock;
    pthread_cond_t some;
    struct yd_buf data;
    bool paused, ended;
    int result;
    yodel_loop *loop;
    yodel_request *req; /* on the loop; NULL once it has ended */
};

struct yp_body *yp_body_ref(struct yp_body *body)
{
    atomic_fetch_add_explicit(&body->refs, 1, memory_order_relaxed);
    return body;
}

void yp_body_unref(struct yp_body *body)
{
    if (body == NULL || atomic_fetch_sub_explicit(&body->refs, 1, memory_order_acq_rel) != 1)
        return;
    pthread_cond_destroy(&body->some);
    pthread_mutex_destroy(&body->lock);
    yd_buf_free(&yd_mem_default, &body->data);
    free(body);
}

/* ---- on the loop ---- */

static int on_data(yodel_request *req, yodel_bytes data, void *user)
{
    struct yp_body *body = user;
    int rc;

    pthread_mutex_lock(&body->lock);
    rc = yd_buf_append(&yd_mem_default, &body->data, data.ptr, data.len);
    if (rc == 0 && body->data.len > PAUSE_ABOVE) {
        body->paused = true;
        (void)yodel_request_body_pause(req);
    }
    pthread_cond_signal(&body->some);
    pthread_mutex_unlock(&body->lock);
    return rc;
}

static void on_end(yodel_request *req, int result, void *user)
{
    struct yp_body *body = user;

    (void)req;
    pthread_mutex_lock(&body->lock);
    body->req = NULL;
    body->ended = true;
    body->result = result;
    pthread_cond_signal(&body->some);
    pthread_mutex_unlock(&body->lock);
    yp_body_unref(body);
}

struct yp_body *yp_body_begin(yodel_request *req)
{
    struct yp_body *body = calloc(1, sizeof *body);

    if (body == NULL)
        return NULL;
    pthread_mutex_init(&body->lock, NULL);
    pthread_cond_init(&body->some, NULL);
    atomic_init(&body->refs, 2);
    body->req = req;
    body->loop = yodel_request_loop(req);
    if (yodel_request_body_read(req,
                                YODEL_OPTIONS(yodel_body_handlers, .on_data = on_data,
                                              .on_end = on_end, .max_body = UINT64_MAX),
                                body) == 0)
        return body;
    yp_body_unref(body);
    yp_body_unref(body);
    return NULL;
}

static void resume(yodel_loop *loop, void *arg)
{
    struct yp_body *body = arg;

    (void)loop;
    if (body->req != NULL)
        (void)yodel_request_body_resume(body->req);
}

static void give_back(void *arg)
{
    yp_body_unref(arg);
}

/* ---- on workers ---- */

/* Where there is too much mail it stays paused until the next attempt. */
static void go_on(struct yp_body *body)
{
    int rc = yodel_loop_post(body->loop, resume, yp_body_ref(body), give_back);

    if (rc != YODEL_ERR_CONGESTED && rc != -ENOMEM)
        return;
    pthread_mutex_lock(&body->lock);
    body->paused = true;
    pthread_mutex_unlock(&body->lock);
}

static int take(struct yp_body *body, struct yd_buf *into, bool *ret_resumes)
{
    int rc;

    while (body->data.len == 0 && !body->ended && !body->paused)
        pthread_cond_wait(&body->some, &body->lock);
    *ret_resumes = body->paused && !body->ended;
    body->paused = false;
    if (body->data.len == 0)
        return body->ended ? body->result : 1;
    rc = yd_buf_append(&yd_mem_default, into, body->data.ptr, body->data.len);
    if (rc == 0)
        yd_buf_free(&yd_mem_default, &body->data);
    return rc == 0 ? 1 : rc;
}

int yp_body_take(struct yp_body *body, struct yd_buf *into)
{
    bool resumes;
    int rc;

    pthread_mutex_lock(&body->lock);
    rc = take(body, into, &resumes);
    pthread_mutex_unlock(&body->lock);
    if (resumes)
        go_on(body);
    return rc;
}
