/* SPDX-License-Identifier: MIT */
/* Emits that no client has asked for: socketio.emit('notification', {...}, namespace='/chat'), by a
 * thread of the program and by an HTTP view. */
#include "demo.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct demo_notifier {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    yodel_sio_namespace *chat;
    uint32_t interval_ms;
    int stopped;
};

/* card: sio_notify */
static void notify_time(yodel_sio_namespace *chat)
{
    time_t now = time(NULL);
    struct tm parts;
    char clock[16];

    if (localtime_r(&now, &parts) == NULL || strftime(clock, sizeof clock, "%H:%M:%S", &parts) == 0)
        return;
    (void)yodel_sio_emit(yodel_sio_to_all(chat), "notification", "{s:s+,s:s,s:s}", "data",
                         "Важное уведомление! На часах сервера ", clock, "code", "clock", "time",
                         clock);
}
/* card end */

static void add_ms(struct timespec *time, uint32_t ms)
{
    time->tv_sec += (time_t)(ms / 1000);
    time->tv_nsec += (long)(ms % 1000) * 1000000;
    if (time->tv_nsec >= 1000000000) {
        time->tv_nsec -= 1000000000;
        time->tv_sec++;
    }
}

static void *tick(void *arg)
{
    struct demo_notifier *notifier = arg;
    struct timespec due;

    clock_gettime(CLOCK_MONOTONIC, &due);
    add_ms(&due, notifier->interval_ms);
    pthread_mutex_lock(&notifier->lock);
    while (!notifier->stopped) {
        if (pthread_cond_timedwait(&notifier->changed, &notifier->lock, &due) != ETIMEDOUT)
            continue;
        pthread_mutex_unlock(&notifier->lock);
        notify_time(notifier->chat);
        add_ms(&due, notifier->interval_ms);
        pthread_mutex_lock(&notifier->lock);
    }
    pthread_mutex_unlock(&notifier->lock);
    return NULL;
}

static void free_notifier(struct demo_notifier *notifier)
{
    pthread_cond_destroy(&notifier->changed);
    pthread_mutex_destroy(&notifier->lock);
    free(notifier);
}

int demo_notifier_start(struct demo *demo, uint32_t interval_ms)
{
    struct demo_notifier *notifier;
    pthread_condattr_t attributes;
    int rc;

    if (interval_ms == 0)
        return 0;
    notifier = calloc(1, sizeof *notifier);
    if (notifier == NULL)
        return -ENOMEM;
    notifier->chat = demo->sio_chat;
    notifier->interval_ms = interval_ms;
    pthread_mutex_init(&notifier->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&notifier->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    rc = -pthread_create(&notifier->thread, NULL, tick, notifier);
    if (rc < 0) {
        free_notifier(notifier);
        return rc;
    }
    demo->notifier = notifier;
    return 0;
}

void demo_notifier_stop(struct demo *demo)
{
    struct demo_notifier *notifier = demo->notifier;

    if (notifier == NULL)
        return;
    pthread_mutex_lock(&notifier->lock);
    notifier->stopped = 1;
    pthread_cond_signal(&notifier->changed);
    pthread_mutex_unlock(&notifier->lock);
    pthread_join(notifier->thread, NULL);
    free_notifier(notifier);
    demo->notifier = NULL;
}

/* card: sio_notify */
static void post_notification(yodel_request *req, void *user)
{
    struct demo *demo = user;
    const char *text;
    size_t len;

    if (!demo_takes_json(req))
        return;
    if (yodel_request_unpack(req, "{s:s%}", "data", &text, &len) < 0) {
        (void)yodel_request_reply_text(req, 400, NULL,
                                       YODEL_STR("the body must be JSON: {\"data\": \"...\"}\n"));
        return;
    }
    if (yodel_sio_emit(yodel_sio_to_all(demo->sio_chat), "notification", "{s:s%}", "data", text,
                       len) < 0)
        return; /* the library answers 500 */
    (void)yodel_request_reply_pack(req, 202, "{s:b,s:I}", "sent", 1, "members",
                                   (json_int_t)atomic_load(&demo->num_sio_chat));
}
/* card end */

int demo_add_notify(struct demo *demo)
{
    return yodel_server_route(demo->server, "POST /notify", post_notification, demo);
}
