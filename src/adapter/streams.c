/* SPDX-License-Identifier: MIT */
#include "adapter/streams.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"

/* The streams of a service.  Those of negative index come after the others: the servers of node add
 * to them, and read them only when a client comes back. */

void yd_streams_need(struct yd_streams *streams, yodel_str nsp)
{
    struct yd_xstream *stream = yd_streams_of(streams, nsp);

    stream->is_needed = true;
    if (streams->begun)
        yd_xstream_start_reading(stream);
}

/* ---- state ---- */

static void on_up(struct yd_redis_watcher *watcher)
{
    struct yd_streams *streams = yd_container_of(watcher, struct yd_streams, watcher);

    for (unsigned i = 0; i < streams->num_all; i++) {
        streams->all[i].away = false;
        if (!yd_list_is_empty(&streams->all[i].outbox))
            yd_xstream_wait(&streams->all[i], 0);
    }
}

static void on_down(struct yd_redis_watcher *watcher)
{
    struct yd_streams *streams = yd_container_of(watcher, struct yd_streams, watcher);

    if (yodel_redis_state(streams->redis) != YODEL_REDIS_DOWN)
        return;
    for (unsigned i = 0; i < streams->num_all; i++)
        yd_xstream_flush(&streams->all[i]);
    for (unsigned i = 0; i < streams->num_all; i++)
        yd_xstream_fail_restores(&streams->all[i], true);
}

static void on_finish(struct yd_redis_watcher *watcher)
{
    struct yd_streams *streams = yd_container_of(watcher, struct yd_streams, watcher);

    for (unsigned i = 0; i < streams->num_all; i++)
        yd_xstream_finish(&streams->all[i]);
}

/* ---- begin and end ---- */

static int name_stream(struct yd_xstream *stream, const char *name, unsigned i)
{
    const struct yd_streams *streams = stream->streams;
    const struct yodel_allocator *mem = streams->mem;
    int index = i < streams->num ? (int)i : -(int)(i - streams->num + 1);
    struct yd_buf buf = {0};

    if (streams->num == 1) {
        stream->name = yd_strdup(mem, name);
        return stream->name != NULL ? 0 : -ENOMEM;
    }
    if (yd_buf_printf(mem, &buf, "%s-%d", name, index) < 0 || yd_buf_append(mem, &buf, "", 1) < 0) {
        yd_buf_free(mem, &buf);
        return -ENOMEM;
    }
    stream->name = (char *)buf.ptr;
    return 0;
}

int yd_streams_init(struct yd_streams *streams, yodel_sio *sio, yodel_redis *redis,
                    const struct yd_streams_config *config)
{
    const struct yodel_allocator *mem = yd_sio_mem(sio);
    int rc = 0;

    memset(streams, 0, sizeof *streams);
    streams->mem = mem;
    streams->redis = redis;
    streams->num = config->num;
    streams->num_all = 2 * config->num - 1;
    streams->max_len = config->max_len;
    streams->read_count = config->read_count;
    streams->max_waiting = config->max_waiting;
    yd_map_init(&streams->senders, mem, yd_sio_bus(sio)->secret);
    streams->sessions = yd_strdup(mem, config->sessions);
    streams->all = yd_zalloc(mem, streams->num_all * sizeof *streams->all);
    if (streams->sessions == NULL || streams->all == NULL)
        rc = -ENOMEM;
    for (unsigned i = 0; streams->all != NULL && i < streams->num_all; i++) {
        struct yd_xstream *stream = &streams->all[i];

        stream->streams = streams;
        yd_list_init(&stream->ready);
        yd_list_init(&stream->restores);
        yd_xstream_outbox_init(stream);
        if (rc == 0)
            rc = name_stream(stream, config->name, i);
    }
    if (rc < 0)
        yd_streams_done(streams);
    return rc;
}

void yd_streams_attach(struct yd_streams *streams, struct yd_cluster *cluster)
{
    streams->cluster = cluster;
    if (yd_sio_recovery_ms(cluster->sio) == 0)
        return;
    streams->order.ops = &yd_streams_order_ops;
    yd_sio_set_order(cluster->sio, &streams->order);
}

void yd_streams_begin(struct yd_streams *streams)
{
    streams->begun = true;
    streams->watcher.on_up = on_up;
    streams->watcher.on_down = on_down;
    streams->watcher.on_finish = on_finish;
    yd_redis_on_state(streams->redis, &streams->watcher);
    for (unsigned i = 0; i < streams->num_all; i++)
        if (i < streams->num || streams->all[i].is_needed)
            yd_xstream_start_reading(&streams->all[i]);
}

void yd_streams_done(struct yd_streams *streams)
{
    const struct yodel_allocator *mem = streams->mem;

    if (streams->watcher.on_up != NULL)
        yd_redis_off_state(streams->redis, &streams->watcher);
    for (unsigned i = 0; streams->all != NULL && i < streams->num_all; i++) {
        struct yd_xstream *stream = &streams->all[i];

        yd_xstream_stop_reading(stream);
        yd_xstream_drop_restores(stream);
        yd_xstream_drop_ready(stream);
        yd_xstream_empty(stream);
        if (streams->begun)
            yd_timer_stop(&yd_redis_loop(streams->redis)->wheel, &stream->timer);
        yd_free(mem, stream->name);
    }
    yd_xstream_forget_senders(streams);
    yd_free(mem, streams->all);
    yd_free(mem, streams->sessions);
}
