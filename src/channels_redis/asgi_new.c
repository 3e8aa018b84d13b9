/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "channels/channel_op.h"
#include "channels_redis/asgi_call.h"
#include "channels_redis/asgi_groups.h"
#include "channels_redis/asgi_life.h"
#include "channels_redis/asgi_names.h"
#include "channels_redis/asgi_send.h"
#include "channels_redis/asgi_take.h"
#include "channels_redis/asgi_target.h"
#include "channels_redis/channels_redis.h"

/* How a layer in Redis is made, and how others reach it. */

#define MAX_HOSTS 32
#define MAX_PREFIX 100
#define MIN_LEASE_S 15

static struct yd_asgi *asgi_of(struct yd_peer *peer)
{
    return yd_container_of(peer, struct yd_asgi, peer);
}

/* ---- a peer of the bus ---- */

/* Any thread: the layer cannot go while it has an operation. */
static bool takes(struct yd_peer *peer, const struct yd_op *op)
{
    return yodel_str_eq(op->layer->name, yodel_str_of(asgi_of(peer)->layer)) &&
           yd_channel_op_event(op) != NULL;
}

/* The number of pairs, 4, low byte first, and the pairs. */
static int encode(struct yd_peer *peer, const struct yd_op *op, uint64_t token, struct yd_buf *buf)
{
    const struct yodel_allocator *mem = asgi_of(peer)->mem;
    struct yd_asgi_pairs pairs = {0};
    int rc = yd_asgi_make_pairs(mem, yd_channel_op_event(op), &pairs);

    (void)token;
    if (rc == 0)
        rc = yd_buf_append(mem, buf, &pairs.num, sizeof pairs.num);
    if (rc == 0)
        rc = yd_buf_append(mem, buf, pairs.bytes.ptr, pairs.bytes.len);
    yd_buf_free(mem, &pairs.bytes);
    if (rc < 0 && rc != -ENOMEM)
        yd_asgi_count(&asgi_of(peer)->counters.dropped, 1);
    return rc;
}

static int send(struct yd_peer *peer, const struct yd_op *op, uint64_t token, yodel_bytes bytes)
{
    struct yd_asgi *asgi = asgi_of(peer);
    uint32_t num;
    int rc;

    (void)token;
    memcpy(&num, bytes.ptr, sizeof num);
    bytes = (yodel_bytes){bytes.ptr + sizeof num, bytes.len - sizeof num};
    if ((rc = yd_asgi_send(asgi, true, op->scope.rooms[0].text, bytes, num)) < 0)
        yd_asgi_count(&asgi->counters.dropped, 1);
    return rc;
}

/* As of yd_channels_source(); -1: they are none of ours. */
static int source_of(struct yd_asgi *asgi, yodel_str layer)
{
    int source = -1;

    if (yodel_str_eq(layer, yodel_str_of(asgi->layer)))
        return 0;
    if (!asgi->rooms)
        return -1;
    pthread_mutex_lock(&asgi->lock);
    if (asgi->channels != NULL)
        source = yd_channels_source(asgi->channels, layer);
    pthread_mutex_unlock(&asgi->lock);
    return source;
}

static void group_begins(struct yd_peer *peer, yodel_str layer, yodel_str group)
{
    int source = source_of(asgi_of(peer), layer);

    if (source >= 0)
        yd_asgi_group_begins(asgi_of(peer), source, group);
}

static void group_ends(struct yd_peer *peer, yodel_str layer, yodel_str group)
{
    int source = source_of(asgi_of(peer), layer);

    if (source >= 0)
        yd_asgi_group_ends(asgi_of(peer), source, group);
}

static bool hears(struct yd_peer *peer, yodel_str layer, yodel_str group)
{
    return source_of(asgi_of(peer), layer) < 0 || yd_asgi_hears(asgi_of(peer), group);
}

static const struct yd_peer_ops peer_ops = {.takes = takes,
                                            .encode = encode,
                                            .send = send,
                                            .group_begins = group_begins,
                                            .group_ends = group_ends,
                                            .hears = hears};

/* ---- who carries the events of a layer ---- */

static bool is_channel(const struct yd_asgi *asgi, yodel_str name)
{
    return asgi->form == YODEL_CHANNELS_CORE ? yd_asgi_is_channel(name)
                                             : name.len > 0 && name.len <= YODEL_GROUP_NAME_MAX;
}

static int send_to_channel(struct yd_channels_far *far, yodel_str channel, const yodel_event *event)
{
    struct yd_asgi *asgi = yd_container_of(far, struct yd_asgi, far);
    struct yd_asgi_pairs pairs = {0};
    int rc;

    if (!is_channel(asgi, channel))
        return YODEL_ERR_NAME;
    if (yd_asgi_is_full(asgi, yd_asgi_process_part(channel))) {
        yd_asgi_count(&asgi->counters.full, 1);
        return YODEL_ERR_CONGESTED;
    }
    if ((rc = yd_asgi_make_pairs(asgi->mem, event, &pairs)) == 0)
        rc = yd_asgi_send(asgi, false, channel, (yodel_bytes){pairs.bytes.ptr, pairs.bytes.len},
                          pairs.num);
    yd_buf_free(asgi->mem, &pairs.bytes);
    return rc;
}

static void gone(struct yd_channels_far *far)
{
    struct yd_asgi *asgi = yd_container_of(far, struct yd_asgi, far);

    pthread_mutex_lock(&asgi->lock);
    asgi->channels = NULL;
    pthread_mutex_unlock(&asgi->lock);
}

static const struct yd_channels_far_ops far_ops = {.send = send_to_channel, .gone = gone};

struct yd_asgi *yd_asgi_of_channels(const yodel_channels *channels)
{
    struct yd_channels_far *far = yd_channels_far(channels);

    return far != NULL && far->ops == &far_ops ? yd_container_of(far, struct yd_asgi, far) : NULL;
}

/* ---- making ---- */

#define OR(value, otherwise) ((value) != 0 ? (value) : (otherwise))

static int read_numbers(struct yd_asgi *asgi, const yodel_channels_redis_options *options)
{
    asgi->form = OR(options->form, YODEL_CHANNELS_CORE);
    asgi->expiry_s = OR(options->expiry_s, 60);
    asgi->group_expiry_s = OR(options->group_expiry_s, 86400);
    asgi->lease_s = OR(options->lease_s, YD_MIN(300, asgi->group_expiry_s));
    asgi->capacity = OR(options->capacity, 100);
    asgi->max_queue = OR(options->max_queue, (size_t)8 << 20);
    asgi->max_message = OR(options->max_message, (size_t)1 << 20);
    asgi->max_waiting = OR(options->max_waiting, 1000);
    asgi->rooms = options->rooms != 0;
    if ((asgi->form != YODEL_CHANNELS_CORE && asgi->form != YODEL_CHANNELS_PUBSUB) ||
        asgi->lease_s > asgi->group_expiry_s || asgi->lease_s < MIN_LEASE_S ||
        asgi->expiry_s > UINT32_MAX / 2 || asgi->group_expiry_s > UINT32_MAX / 2)
        return -EINVAL;
    return 0;
}

static int copy_capacities(struct yd_asgi *asgi, const yodel_channels_redis_options *options)
{
    if (options->num_capacities == 0)
        return 0;
    asgi->capacities = yd_alloc_array(asgi->mem, options->num_capacities, sizeof *asgi->capacities);
    if (asgi->capacities == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < options->num_capacities; i++) {
        char *pattern;

        if (options->capacities[i].pattern == NULL)
            return -EINVAL;
        if ((pattern = yd_strdup(asgi->mem, options->capacities[i].pattern)) == NULL)
            return -ENOMEM;
        asgi->capacities[asgi->num_capacities++] =
            (yodel_channels_capacity){pattern, options->capacities[i].capacity};
    }
    return 0;
}

static int make_keys(struct yd_asgi *asgi, const yodel_channels_redis_options *options)
{
    int rc = 0;

    if (options->num_symmetric_keys == 0)
        return 0;
    asgi->keys = yd_alloc_array(asgi->mem, options->num_symmetric_keys, sizeof *asgi->keys);
    if (asgi->keys == NULL)
        return -ENOMEM;
    asgi->num_keys = options->num_symmetric_keys;
    for (size_t i = 0; i < asgi->num_keys && rc == 0; i++)
        rc = yd_fernet_make_key(options->symmetric_keys[i], &asgi->keys[i]);
    return rc;
}

static int copy_hosts(struct yd_asgi *asgi, const struct yd_asgi_setup *setup)
{
    if ((asgi->hosts = yd_zalloc(asgi->mem, setup->num_hosts * sizeof *asgi->hosts)) == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < setup->num_hosts; i++) {
        asgi->hosts[i].asgi = asgi;
        asgi->hosts[i].index = i;
        asgi->hosts[i].redis = yodel_redis_ref(setup->hosts[i]);
        asgi->num_hosts++;
    }
    return 0;
}

static int copy_options(struct yd_asgi *asgi, const struct yd_asgi_setup *setup)
{
    const yodel_channels_redis_options *options = setup->options;
    const char *prefix = options->prefix != NULL ? options->prefix : "asgi";
    int rc;

    if (strlen(prefix) > MAX_PREFIX)
        return -EINVAL;
    if ((rc = read_numbers(asgi, options)) < 0)
        return rc;
    if ((asgi->prefix = yd_strdup(asgi->mem, prefix)) == NULL)
        return -ENOMEM;
    if ((rc = copy_capacities(asgi, options)) < 0 || (rc = make_keys(asgi, options)) < 0)
        return rc;
    return copy_hosts(asgi, setup);
}

static int check_hosts(const struct yd_asgi_setup *setup)
{
    if (setup->hosts == NULL || setup->num_hosts == 0 || setup->num_hosts > MAX_HOSTS)
        return -EINVAL;
    for (size_t i = 0; i < setup->num_hosts; i++)
        if (setup->hosts[i] == NULL ||
            yd_redis_loop(setup->hosts[i]) != yd_bus_get_loop(yd_channels_bus(setup->channels), 0))
            return -EINVAL;
    return 0;
}

static void init(struct yd_asgi *asgi, yodel_channels *channels)
{
    asgi->peer.ops = &peer_ops;
    asgi->far.ops = &far_ops;
    asgi->part.ops = &yd_asgi_part_ops;
    asgi->mem = yd_channels_mem(channels);
    asgi->bus = yd_channels_bus(channels);
    asgi->channels = channels;
    (void)snprintf(asgi->layer, sizeof asgi->layer, "%.*s", (int)yd_channels_name(channels).len,
                   yd_channels_name(channels).ptr);
    pthread_mutex_init(&asgi->lock, NULL);
    yd_list_init(&asgi->queue);
    yd_list_init(&asgi->dirty);
    yd_list_init(&asgi->items);
    yd_map_init(&asgi->groups, asgi->mem, asgi->bus->secret);
    yd_map_init(&asgi->ids, asgi->mem, asgi->bus->secret);
    yd_asgi_targets_init(asgi);
    yd_asgi_init_call(asgi);
}

int yd_asgi_new(const struct yd_asgi_setup *setup, struct yd_part **ret_part)
{
    struct yd_asgi *asgi;
    int rc;

    if (yd_channels_far(setup->channels) != NULL)
        return YODEL_ERR_STATE;
    if ((rc = check_hosts(setup)) < 0)
        return rc;
    if ((asgi = yd_zalloc(yd_channels_mem(setup->channels), sizeof *asgi)) == NULL)
        return -ENOMEM;
    init(asgi, setup->channels);
    if ((rc = copy_options(asgi, setup)) == 0 && RAND_bytes(asgi->random, sizeof asgi->random) != 1)
        rc = -EIO;
    if (rc == 0)
        rc = yd_bus_add_peer(asgi->bus, &asgi->peer);
    if (rc < 0) {
        yd_asgi_free(asgi);
        return rc;
    }
    yd_channels_set_far(setup->channels, &asgi->far);
    *ret_part = &asgi->part;
    return 0;
}

int yd_asgi_receive(struct yd_asgi *asgi, const char *channel, yodel_channel_receive_fn *fn,
                    void *user)
{
    yodel_str name = yodel_str_of(channel);
    struct yd_asgi_receiver *receiver;

    if (!yd_asgi_is_channel(name) || yd_asgi_is_specific(name))
        return YODEL_ERR_NAME;
    if ((receiver = yd_zalloc(asgi->mem, sizeof *receiver + name.len + 1)) == NULL)
        return -ENOMEM;
    receiver->pops = yd_zalloc(asgi->mem, asgi->num_hosts * sizeof *receiver->pops);
    if (receiver->pops == NULL) {
        yd_free(asgi->mem, receiver);
        return -ENOMEM;
    }
    memcpy(receiver->name, name.ptr, name.len);
    receiver->asgi = asgi;
    receiver->fn = fn;
    receiver->user = user;
    receiver->next = asgi->receivers;
    asgi->receivers = receiver;
    return 0;
}

static uint64_t value(const atomic_uint_least64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void yd_asgi_get_stats(const struct yd_asgi *asgi, yodel_channels_redis_stats *ret)
{
    const struct yd_asgi_counters *counters = &asgi->counters;

    *ret = (yodel_channels_redis_stats){
        .size = sizeof *ret,
        .published = value(&counters->published),
        .received = value(&counters->received),
        .malformed = value(&counters->malformed),
        .expired = value(&counters->expired),
        .full = value(&counters->full),
        .dropped = value(&counters->dropped),
        .lost = value(&counters->lost),
        .waiting = atomic_load_explicit(&asgi->waiting, memory_order_relaxed),
    };
}
