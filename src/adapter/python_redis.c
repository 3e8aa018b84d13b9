/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "adapter/python.h"
#include "adapter/python_peer.h"
#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "redis/redis.h"

struct python {
    struct yd_part part;
    struct yd_python_peer peer;
    const struct yodel_allocator *mem;
    struct yd_redis_sub sub;
    pthread_mutex_t lock; /* for redis */
    yodel_redis *redis;   /* NULL: the server has ended */
    char *channel;
};

static struct python *python_of(const struct yd_part *part)
{
    return (struct python *)yd_container_of(part, struct python, part);
}

static int publish(struct yd_python_peer *peer, yodel_bytes message)
{
    struct python *python = yd_container_of(peer, struct python, peer);
    int rc = YODEL_ERR_CLOSED;

    pthread_mutex_lock(&python->lock);
    if (python->redis != NULL)
        rc = yd_redis_publish(python->redis, yodel_str_of(python->channel), message, 0);
    pthread_mutex_unlock(&python->lock);
    return rc;
}

static void on_message(struct yd_redis_sub *sub, yodel_str channel, yodel_bytes payload)
{
    struct python *python = yd_container_of(sub, struct python, sub);

    int rc = yd_python_peer_receive(&python->peer, payload);

    if (rc != YODEL_ERR_PROTOCOL && rc != YODEL_ERR_TOO_BIG && rc != YODEL_ERR_UNSUPPORTED)
        return;
    yd_redis_count_malformed(python->redis);
    if (yd_redis_may_log(python->redis))
        yd_log(yd_redis_log(python->redis), YODEL_LOG_WARN,
               "a message of %zu bytes on %" YODEL_PRI " is dropped: %s", payload.len,
               YODEL_ARG(channel),
               rc == YODEL_ERR_UNSUPPORTED ? "more than plain data, or an unknown method"
                                           : yodel_strerror(rc));
}

static void end(struct yd_part *part)
{
    struct python *python = python_of(part);
    yodel_redis *redis = python->redis;

    yd_redis_unsubscribe(redis, &python->sub);
    pthread_mutex_lock(&python->lock);
    python->redis = NULL;
    pthread_mutex_unlock(&python->lock);
    yodel_redis_unref(redis);
}

static void free_python(struct yd_part *part)
{
    struct python *python = python_of(part);

    pthread_mutex_destroy(&python->lock);
    yd_free(python->mem, python->channel);
    yd_free(python->mem, python);
}

static const struct yd_part_ops ops = {.end = end, .free = free_python};

static struct python *make(const struct yd_python_setup *setup)
{
    struct python *python = yd_zalloc(setup->mem, sizeof *python);

    if (python == NULL)
        return NULL;
    if ((python->channel = yd_strdup(setup->mem, setup->options->channel)) == NULL) {
        yd_free(setup->mem, python);
        return NULL;
    }
    python->part.ops = &ops;
    python->mem = setup->mem;
    python->redis = setup->redis;
    python->sub = (struct yd_redis_sub){
        .kind = YD_REDIS_CHANNEL, .name = yodel_str_of(python->channel), .on_message = on_message};
    pthread_mutex_init(&python->lock, NULL);
    return python;
}

static enum yd_python_form form_of(yodel_sio_python_data data)
{
    switch (data) {
    case YODEL_SIO_PYTHON_BARE:
        return YD_PYTHON_BARE;
    case YODEL_SIO_PYTHON_PLAIN:
        return YD_PYTHON_PLAIN;
    case YODEL_SIO_PYTHON_PICKLE:
        return YD_PYTHON_PICKLE;
    case YODEL_SIO_PYTHON_LIST:
        break;
    }
    return YD_PYTHON_LIST;
}

int yd_python_new(const struct yd_python_setup *setup, struct yd_part **ret_part)
{
    const yodel_sio_python_options *options = setup->options;
    const struct yd_python_options of_peer = {form_of(options->data), options->max_message,
                                              options->callback_ms, options->max_callbacks};
    struct python *python = make(setup);
    int rc;

    if (python == NULL)
        return -ENOMEM;
    rc = yd_redis_subscribe(setup->redis, &python->sub);
    if (rc == 0 && (rc = yd_python_peer_init(&python->peer, setup->sio, &of_peer, publish)) < 0)
        yd_redis_unsubscribe(setup->redis, &python->sub);
    if (rc < 0) {
        free_python(&python->part);
        return rc;
    }
    yodel_redis_ref(setup->redis);
    *ret_part = &python->part;
    return 0;
}

bool yd_python_is_of(const struct yd_part *part, const yodel_sio *sio)
{
    return part->ops == &ops && python_of(part)->peer.sio == sio;
}

void yd_python_get_stats(const struct yd_part *part, yodel_sio_python_stats *ret_stats)
{
    const struct yd_python_counters *counters = &python_of(part)->peer.counters;

    ret_stats->published = atomic_load(&counters->published);
    ret_stats->failed = atomic_load(&counters->failed);
    ret_stats->unable = atomic_load(&counters->unable);
    ret_stats->received = atomic_load(&counters->received);
    ret_stats->lost = atomic_load(&counters->lost);
    ret_stats->malformed = atomic_load(&counters->malformed);
    ret_stats->refused = atomic_load(&counters->refused);
    ret_stats->callbacks_refused = atomic_load(&counters->callbacks_refused);
}
