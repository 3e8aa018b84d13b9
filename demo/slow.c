/* SPDX-License-Identifier: MIT */
/* Many handlers ask a database.  Here it is a thread that answers after a delay: the
 * handlers hand it a decision and return, and it decides from where it is. */
#include "demo.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The view of a literal, as an initializer. */
#define BYTES(literal)                                                                             \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

enum { DEFAULT_DELAY_MS = 50, MAX_DELAY_MS = 60000 };

enum answer { ANSWER_ACCEPT, ANSWER_REJECT, ANSWER_NEVER, ANSWER_VIEW };

struct job {
    struct job *next;
    struct timespec due;
    enum answer answer;
    yodel_id ws;
    yodel_decision *decision;
};

struct demo_worker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    yodel_server *server;
    struct job *jobs; /* the earliest first */
    int stopped;
};

static int is_before(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* A decision that is given back undecided is answered 503; so is one that came too late. */
static void answer_job(yodel_server *server, const struct job *job)
{
    yodel_decision *decision = job->decision;

    switch (job->answer) {
    case ANSWER_ACCEPT:
        if (yodel_decision_accept(decision, NULL) == 0)
            (void)yodel_ws_send_id(server, job->ws, YODEL_WS_TEXT, (yodel_bytes)BYTES("welcome"));
        break;
    case ANSWER_REJECT:
        (void)yodel_decision_refuse(decision, "the worker says no\n", NULL);
        break;
    case ANSWER_NEVER:
        break;
    case ANSWER_VIEW:
        (void)yodel_decision_respond_pack(decision, 200, "{s:s}", "answered", "later");
        break;
    }
}

static void free_job(struct job *job)
{
    yodel_decision_unref(job->decision);
    free(job);
}

static void *work(void *arg)
{
    struct demo_worker *worker = arg;

    pthread_mutex_lock(&worker->lock);
    while (!worker->stopped) {
        struct job *job = worker->jobs;
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        if (job == NULL) {
            pthread_cond_wait(&worker->changed, &worker->lock);
        } else if (is_before(&now, &job->due)) {
            pthread_cond_timedwait(&worker->changed, &worker->lock, &job->due);
        } else {
            worker->jobs = job->next;
            pthread_mutex_unlock(&worker->lock);
            answer_job(worker->server, job);
            free_job(job);
            pthread_mutex_lock(&worker->lock);
        }
    }
    pthread_mutex_unlock(&worker->lock);
    return NULL;
}

static void put_job(struct demo_worker *worker, struct job *job)
{
    struct job **place = &worker->jobs;

    pthread_mutex_lock(&worker->lock);
    while (*place != NULL && !is_before(&job->due, &(*place)->due))
        place = &(*place)->next;
    job->next = *place;
    *place = job;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
}

static unsigned long delay_of(yodel_request *req)
{
    yodel_str text = yodel_request_query_param(req, "delay");
    unsigned long delay = 0;

    if (text.len == 0)
        return DEFAULT_DELAY_MS;
    for (size_t i = 0; i < text.len && delay <= MAX_DELAY_MS; i++)
        if (text.ptr[i] >= '0' && text.ptr[i] <= '9')
            delay = delay * 10 + (unsigned long)(text.ptr[i] - '0');
    return delay <= MAX_DELAY_MS ? delay : MAX_DELAY_MS;
}

static struct job *new_job(yodel_request *req, enum answer answer)
{
    struct job *job = calloc(1, sizeof *job);
    unsigned long delay = delay_of(req);

    if (job == NULL)
        return NULL;
    job->answer = answer;
    clock_gettime(CLOCK_MONOTONIC, &job->due);
    job->due.tv_sec += (time_t)(delay / 1000);
    job->due.tv_nsec += (long)(delay % 1000) * 1000000;
    if (job->due.tv_nsec >= 1000000000) {
        job->due.tv_nsec -= 1000000000;
        job->due.tv_sec++;
    }
    return job;
}

/* /slow?answer=accept|reject|never&delay=MS */
static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    struct demo *demo = user;
    yodel_str wish = yodel_request_query_param(req, "answer");
    enum answer answer = ANSWER_ACCEPT;
    struct job *job;

    if (yodel_str_eq(wish, YODEL_STR("reject")))
        answer = ANSWER_REJECT;
    else if (yodel_str_eq(wish, YODEL_STR("never")))
        answer = ANSWER_NEVER;
    job = new_job(req, answer);
    if (job == NULL)
        return -ENOMEM;
    if ((job->decision = yodel_ws_defer(ws)) == NULL) {
        free(job);
        return -ENOMEM;
    }
    job->ws = yodel_ws_id(ws);
    put_job(demo->worker, job);
    return YODEL_DEFER;
}

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    (void)user;
    return demo_after_send(ws, yodel_ws_send(ws, message->type, message->data));
}

/* GET /later?delay=MS */
static void view_later(yodel_request *req, void *user)
{
    struct demo *demo = user;
    struct job *job = new_job(req, ANSWER_VIEW);

    if (job == NULL)
        return;
    if ((job->decision = yodel_request_defer(req)) != NULL)
        put_job(demo->worker, job);
    else
        free(job);
}

int demo_add_slow(struct demo *demo)
{
    int rc = yodel_server_route(demo->server, "GET /later", view_later, demo);

    if (rc < 0)
        return rc;
    return yodel_server_route_ws(
        demo->server, "/slow",
        YODEL_OPTIONS(yodel_ws_handlers, .on_connect = on_connect, .on_message = on_message), demo);
}

int demo_worker_start(struct demo *demo)
{
    struct demo_worker *worker = calloc(1, sizeof *worker);
    pthread_condattr_t attributes;
    int rc;

    if (worker == NULL)
        return -ENOMEM;
    pthread_mutex_init(&worker->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    worker->server = yodel_server_ref(demo->server);
    rc = -pthread_create(&worker->thread, NULL, work, worker);
    if (rc < 0) {
        yodel_server_unref(worker->server);
        pthread_cond_destroy(&worker->changed);
        pthread_mutex_destroy(&worker->lock);
        free(worker);
        return rc;
    }
    demo->worker = worker;
    return 0;
}

void demo_worker_stop(struct demo *demo)
{
    struct demo_worker *worker = demo->worker;

    if (worker == NULL)
        return;
    pthread_mutex_lock(&worker->lock);
    worker->stopped = 1;
    pthread_cond_signal(&worker->changed);
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->thread, NULL);
    for (struct job *job = worker->jobs, *next; job != NULL; job = next) {
        next = job->next;
        free_job(job);
    }
    yodel_server_unref(worker->server);
    pthread_cond_destroy(&worker->changed);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
    demo->worker = NULL;
}
