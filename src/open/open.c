/* SPDX-License-Identifier: MIT */
#include "open/open.h"

#include <errno.h>

#include "base/log.h"
#include "base/mem.h"
#include "bus/call.h"

/* What a call of the program's counts in a mailbox: what it keeps besides is not known. */
#define POST_WEIGHT 100

void yd_open_init(yodel_loop *open, struct yd_loop *loop, yodel_server *server)
{
    open->loop = loop;
    open->server = server;
    open->closed = false;
    yd_list_init(&open->timers);
    yd_list_init(&open->watches);
    yd_list_init(&open->jobs);
    loop->open = open;
}

int yd_open_check(const yodel_loop *open, const char *call)
{
    (void)call;
    if (open == NULL)
        return -EINVAL;
    if (!yd_loop_is_current(open->loop)) {
#ifdef YODEL_DEBUG
        yd_log(yd_loop_log(open->loop), YODEL_LOG_ERROR, "%s() on another thread than its loop's",
               call);
#endif
        return YODEL_ERR_STATE;
    }
    return open->closed ? YODEL_ERR_CLOSED : 0;
}

yodel_server *yodel_loop_server(const yodel_loop *open)
{
    if (open == NULL)
        return NULL;
    return open->server;
}

unsigned yodel_loop_index(const yodel_loop *open)
{
    if (open == NULL)
        return 0;
    return open->loop->index;
}

uint64_t yodel_loop_now(const yodel_loop *open)
{
    if (open == NULL)
        return 0;
    return yd_loop_due(open->loop, 0);
}

/* ---- data ---- */

void yd_open_free_data(yodel_loop *open)
{
    void *data = open->data;
    yodel_free_fn *free_data = open->free_data;

    open->data = NULL;
    open->free_data = NULL;
    if (free_data != NULL)
        free_data(data);
}

int yodel_loop_set_data(yodel_loop *open, void *data, yodel_free_fn *free_data)
{
    int rc = yd_open_check(open, __func__);
    yodel_free_fn *free_before;
    void *before;

    if (rc < 0) {
        if (free_data != NULL)
            free_data(data);
        return rc;
    }
    before = open->data;
    free_before = before != data ? open->free_data : NULL;
    open->data = data;
    open->free_data = free_data;
    if (free_before != NULL)
        free_before(before); /* which may set other data */
    return 0;
}

void *yodel_loop_data(const yodel_loop *open)
{
    if (open == NULL)
        return NULL;
    return open->data;
}

/* ---- posts ---- */

struct post {
    struct yd_call call;
    yodel_loop_fn *fn;
    void *arg;
    yodel_free_fn *free_arg;
};

/* A loop that has ended without running it, or never ran, has no thread to call fn on. */
static void run_post(struct yd_loop *loop, void *arg)
{
    struct post *post = arg;

    if (yd_loop_is_current(loop) && !loop->open->closed)
        post->fn(loop->open, post->arg);
    if (post->free_arg != NULL)
        post->free_arg(post->arg);
    yd_free(loop->mem, post);
}

static int send_post(yodel_loop *open, const struct post *given)
{
    struct post *post = yd_alloc(open->loop->mem, sizeof *post);
    int rc;

    if (post == NULL)
        return -ENOMEM;
    *post = *given;
    yd_call_init(&post->call, POST_WEIGHT, run_post, post);
    if ((rc = yd_call_post(&post->call, open->loop)) < 0)
        yd_free(open->loop->mem, post);
    return rc;
}

int yodel_loop_post(yodel_loop *open, yodel_loop_fn *fn, void *arg, yodel_free_fn *free_arg)
{
    struct post post = {.fn = fn, .arg = arg, .free_arg = free_arg};
    int rc = open != NULL && fn != NULL ? send_post(open, &post) : -EINVAL;

    if (rc < 0 && free_arg != NULL)
        free_arg(arg);
    return rc;
}
