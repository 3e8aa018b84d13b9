/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "adapter/adapter.h"
#include "adapter/streams.h"
#include "base/container.h"
#include "base/mem.h"

/* The sharded and the streams adapter, as parts of a server. */

struct cluster_part {
    struct yd_part part;
    const struct yodel_allocator *mem;
    struct yd_cluster cluster;
    struct yd_streams streams; /* of STREAMS */
    bool has_ended;
};

static struct cluster_part *part_of(struct yd_part *part)
{
    return yd_container_of(part, struct cluster_part, part);
}

static void begin(struct yd_part *part, struct yd_loop *loop)
{
    struct cluster_part *self = part_of(part);

    (void)loop;
    if (self->cluster.streams != NULL)
        yd_streams_begin(&self->streams);
}

static void end(struct yd_part *part)
{
    struct cluster_part *self = part_of(part);

    if (self->cluster.streams != NULL)
        yd_streams_done(&self->streams);
    yd_cluster_done(&self->cluster);
}

static void free_part(struct yd_part *part)
{
    struct cluster_part *self = part_of(part);

    yd_free(self->mem, self);
}

static const struct yd_part_ops part_ops = {.begin = begin, .end = end, .free = free_part};

static struct cluster_part *new_part(const struct yd_adapter_setup *setup)
{
    struct cluster_part *self = yd_zalloc(setup->mem, sizeof *self);

    if (self == NULL)
        return NULL;
    self->part.ops = &part_ops;
    self->mem = setup->mem;
    return self;
}

static struct yd_cluster_config config_of(const struct yd_adapter_setup *setup)
{
    return (struct yd_cluster_config){
        .sio = setup->sio,
        .redis = setup->redis,
        .prefix = setup->options->prefix,
        .max_requests = setup->options->max_requests,
    };
}

static enum yd_cluster_mode mode_of(yodel_sio_redis_rooms rooms)
{
    switch (rooms) {
    case YODEL_SIO_REDIS_STATIC:
        return YD_CLUSTER_STATIC;
    case YODEL_SIO_REDIS_DYNAMIC_PRIVATE:
        return YD_CLUSTER_DYNAMIC_PRIVATE;
    case YODEL_SIO_REDIS_DYNAMIC:
        break;
    }
    return YD_CLUSTER_DYNAMIC;
}

bool yd_cluster_add_stats(const struct yd_part *part, const yodel_sio *sio,
                          yodel_sio_redis_stats *stats)
{
    const struct cluster_part *self = yd_container_of(part, const struct cluster_part, part);

    if (part->ops != &part_ops || self->cluster.sio != sio)
        return false;
    yd_adapter_sum(&self->cluster.counters, stats);
    return true;
}

int yd_sharded_new(const struct yd_adapter_setup *setup, struct yd_part **ret_part)
{
    struct yd_cluster_config config = config_of(setup);
    struct cluster_part *self = new_part(setup);
    int rc;

    if (self == NULL)
        return -ENOMEM;
    config.shards = true;
    config.mode = mode_of(setup->options->rooms);
    if ((rc = yd_cluster_init(&self->cluster, &config, NULL)) < 0) {
        yd_free(setup->mem, self);
        return rc;
    }
    *ret_part = &self->part;
    return 0;
}

int yd_streams_new(const struct yd_adapter_setup *setup, struct yd_part **ret_part)
{
    const yodel_sio_redis_options *options = setup->options;
    struct yd_streams_config streams = {
        .name = options->stream,
        .num = options->num_streams,
        .sessions = options->session_prefix,
        .max_len = options->max_len,
        .read_count = options->read_count,
        .max_waiting = options->max_waiting,
    };
    struct yd_cluster_config config = config_of(setup);
    struct cluster_part *self = new_part(setup);
    int rc;

    if (self == NULL)
        return -ENOMEM;
    config.shards = options->sharded_pubsub != 0;
    config.packs = true;
    config.mode = YD_CLUSTER_STATIC;
    if ((rc = yd_streams_init(&self->streams, setup->sio, setup->redis, &streams)) < 0)
        goto fail;
    if ((rc = yd_cluster_init(&self->cluster, &config, &self->streams)) < 0) {
        yd_streams_done(&self->streams);
        goto fail;
    }
    *ret_part = &self->part;
    return 0;

fail:
    yd_free(setup->mem, self);
    return rc;
}
