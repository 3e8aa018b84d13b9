/* SPDX-License-Identifier: MIT */
#include "adapter/classic.h"

#include <errno.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "bus/op_wire.h"
#include "proto/json_scan.h"

/* Which channels are subscribed, and what is published. */

/* A namespace: four subscriptions, and their names. */
struct space {
    struct yd_map_node node; /* key: its name */
    struct yd_classic *classic;
    uint64_t round; /* the last in which it was there */
    struct yd_redis_sub broadcasts, requests, answers, own_answers;
    size_t channel_len; /* of broadcasts, without a room */
    char *channel, *pattern, *request_channel, *answer_channel, *own_channel;
    size_t name_len;
    char name[];
};

#define RETRY_MS 1000

int yd_classic_publish(struct yd_classic *classic, yodel_str channel, yodel_bytes payload)
{
    int rc = YODEL_ERR_CLOSED;

    pthread_mutex_lock(&classic->lock);
    if (classic->redis != NULL)
        rc = yd_redis_publish(classic->redis, channel, payload, 0);
    if (rc == -ENOMEM || rc == YODEL_ERR_TOO_BIG) /* the rest the client counts */
        yd_redis_count_dropped(classic->redis, 1);
    pthread_mutex_unlock(&classic->lock);
    yd_adapter_count(rc < 0 ? &classic->counters.failed : &classic->counters.published);
    return rc;
}

static void count_malformed(struct yd_classic *classic)
{
    pthread_mutex_lock(&classic->lock);
    if (classic->redis != NULL)
        yd_redis_count_malformed(classic->redis);
    pthread_mutex_unlock(&classic->lock);
}

void yd_classic_count_malformed(struct yd_classic *classic)
{
    yd_adapter_count(&classic->counters.malformed);
    count_malformed(classic);
}

void yd_classic_count_refused(struct yd_classic *classic)
{
    yd_adapter_count(&classic->counters.requests_refused);
    count_malformed(classic);
}

/* <prefix>-request#<namespace># */
bool yd_classic_hears(struct yd_classic *classic, yodel_str channel)
{
    size_t before = strlen(classic->prefix) + strlen("-request#");
    yodel_str name = {channel.ptr + before, channel.len - before - 1};
    struct yd_map_node *node = yd_map_find(&classic->spaces, name);

    return node != NULL && yd_container_of(node, struct space, node)->requests.active;
}

/* ---- what comes ---- */

/* <channel>, or <channel><room>#. */
static void on_broadcast(struct yd_redis_sub *sub, yodel_str channel, yodel_bytes payload)
{
    const struct space *space = yd_container_of(sub, struct space, broadcasts);
    yodel_str name = {space->name, space->name_len}, room = {NULL, 0};

    if (channel.len < space->channel_len ||
        memcmp(channel.ptr, space->channel, space->channel_len) != 0)
        return;
    if (channel.len > space->channel_len)
        room = (yodel_str){channel.ptr + space->channel_len, channel.len - space->channel_len - 1};
    yd_classic_on_broadcast(space->classic, name, room, payload);
}

static void on_request(struct yd_redis_sub *sub, yodel_str channel, yodel_bytes payload)
{
    const struct space *space = yd_container_of(sub, struct space, requests);

    (void)channel;
    yd_classic_on_request(space->classic, (yodel_str){space->name, space->name_len}, payload);
}

static void on_answer(struct yd_redis_sub *sub, yodel_str channel, yodel_bytes payload)
{
    (void)channel;
    yd_classic_on_answer(yd_container_of(sub, struct space, answers)->classic, payload);
}

static void on_own_answer(struct yd_redis_sub *sub, yodel_str channel, yodel_bytes payload)
{
    (void)channel;
    yd_classic_on_answer(yd_container_of(sub, struct space, own_answers)->classic, payload);
}

/* ---- namespaces ---- */

static char *join(const struct yodel_allocator *mem, const char *prefix, const char *middle,
                  yodel_str name, const char *end)
{
    struct yd_buf buf = {0};

    if (yd_buf_append_str(mem, &buf, yodel_str_of(prefix)) < 0 ||
        yd_buf_append_str(mem, &buf, yodel_str_of(middle)) < 0 ||
        yd_buf_append_str(mem, &buf, name) < 0 ||
        yd_buf_append_str(mem, &buf, yodel_str_of(end)) < 0 ||
        yd_buf_append(mem, &buf, "", 1) < 0) {
        yd_buf_free(mem, &buf);
        return NULL;
    }
    return (char *)buf.ptr;
}

/* The characters of Redis' patterns stand for themselves, in prefixes too. */
static char *make_pattern(const struct yodel_allocator *mem, const char *channel)
{
    struct yd_buf buf = {0};
    int rc = 0;

    for (; rc == 0 && *channel != '\0'; channel++) {
        if (strchr("*?[]\\", *channel) != NULL)
            rc = yd_buf_append(mem, &buf, "\\", 1);
        if (rc == 0)
            rc = yd_buf_append(mem, &buf, channel, 1);
    }
    if (rc < 0 || yd_buf_append(mem, &buf, "*", 2) < 0) {
        yd_buf_free(mem, &buf);
        return NULL;
    }
    return (char *)buf.ptr;
}

static void free_space(struct space *space)
{
    const struct yodel_allocator *mem = space->classic->mem;

    yd_free(mem, space->channel);
    yd_free(mem, space->pattern);
    yd_free(mem, space->request_channel);
    yd_free(mem, space->answer_channel);
    yd_free(mem, space->own_channel);
    yd_free(mem, space);
}

static int make_channels(struct space *space)
{
    struct yd_classic *classic = space->classic;
    const struct yodel_allocator *mem = classic->mem;
    yodel_str name = {space->name, space->name_len};

    if ((space->channel = join(mem, classic->prefix, "#", name, "#")) == NULL ||
        (space->pattern = make_pattern(mem, space->channel)) == NULL ||
        (space->request_channel = join(mem, classic->prefix, "-request#", name, "#")) == NULL ||
        (space->answer_channel = join(mem, classic->prefix, "-response#", name, "#")) == NULL ||
        (space->own_channel =
             join(mem, space->answer_channel, classic->uid, (yodel_str){NULL, 0}, "#")) == NULL)
        return -ENOMEM;
    space->channel_len = strlen(space->channel);
    return 0;
}

static struct space *make_space(struct yd_classic *classic, yodel_str name)
{
    struct space *space = yd_zalloc(classic->mem, sizeof *space + name.len);

    if (space == NULL)
        return NULL;
    space->classic = classic;
    space->name_len = name.len;
    memcpy(space->name, name.ptr, name.len);
    space->node.key = (yodel_str){space->name, name.len};
    if (make_channels(space) < 0) {
        free_space(space);
        return NULL;
    }
    space->broadcasts = (struct yd_redis_sub){
        .kind = YD_REDIS_PATTERN, .name = yodel_str_of(space->pattern), .on_message = on_broadcast};
    space->requests = (struct yd_redis_sub){.name = yodel_str_of(space->request_channel),
                                            .on_message = on_request};
    space->answers =
        (struct yd_redis_sub){.name = yodel_str_of(space->answer_channel), .on_message = on_answer};
    space->own_answers = (struct yd_redis_sub){.name = yodel_str_of(space->own_channel),
                                               .on_message = on_own_answer};
    return space;
}

/* Those that are subscribed already are left alone. */
static int subscribe(struct space *space)
{
    struct yd_redis_sub *subs[] = {&space->own_answers, &space->answers, &space->broadcasts,
                                   &space->requests};
    yodel_redis *redis = space->classic->redis;
    int rc = 0;

    for (unsigned i = 0; rc == 0 && i < 4; i++)
        if ((rc = yd_redis_subscribe(redis, subs[i])) == YODEL_ERR_STATE)
            rc = 0;
    return rc;
}

static void unsubscribe(struct space *space)
{
    yodel_redis *redis = space->classic->redis;

    if (redis == NULL)
        return;
    yd_redis_unsubscribe(redis, &space->requests);
    yd_redis_unsubscribe(redis, &space->broadcasts);
    yd_redis_unsubscribe(redis, &space->answers);
    yd_redis_unsubscribe(redis, &space->own_answers);
}

static int add_space(struct yd_classic *classic, yodel_str name)
{
    struct yd_map_node *node = yd_map_find(&classic->spaces, name);
    struct space *space;

    if (node == NULL) {
        if ((space = make_space(classic, name)) == NULL)
            return -ENOMEM;
        if (yd_map_insert(&classic->spaces, &space->node) < 0) {
            free_space(space);
            return -ENOMEM;
        }
    } else {
        space = yd_container_of(node, struct space, node);
    }
    space->round = classic->round;
    return subscribe(space);
}

/* ---- which there are ---- */

struct adding {
    struct yd_classic *classic;
    int rc;
};

static void add_ns(yodel_sio_namespace *ns, void *user)
{
    struct adding *adding = user;

    if (adding->rc == 0)
        adding->rc = add_space(adding->classic, yodel_sio_namespace_name(ns));
}

static bool is_old(const struct yd_map_node *node)
{
    const struct space *space = yd_container_of(node, const struct space, node);

    return space->round != space->classic->round;
}

static void remove_space(struct yd_classic *classic, struct space *space)
{
    unsubscribe(space);
    yd_map_remove(&classic->spaces, &space->node);
    free_space(space);
}

/* All that are there, and no others.  Out of memory it is tried again. */
static void refresh(struct yd_classic *classic)
{
    struct adding adding = {classic, 0};
    struct yd_map_node *node;
    size_t slot = 0;
    int rc;

    classic->round++;
    rc = yd_sio_remote_each(classic->sio, add_ns, &adding);
    if (rc < 0 || adding.rc < 0) {
        yd_timer_start(&classic->loop->wheel, &classic->retry,
                       yd_loop_due(classic->loop, RETRY_MS));
        return;
    }
    while ((node = yd_map_next(&classic->spaces, &slot, is_old)) != NULL) {
        remove_space(classic, yd_container_of(node, struct space, node));
        slot = 0;
    }
}

static void on_retry(struct yd_timer *timer)
{
    refresh(yd_container_of(timer, struct yd_classic, retry));
}

static void run_refresh(struct yd_loop *loop, void *arg)
{
    struct yd_classic *classic = arg;

    (void)loop;
    atomic_store(&classic->refresh_queued, false);
    if (classic->begun)
        refresh(classic);
}

/* With a lock of the service's held. */
static void on_change(struct yd_sio_watcher *watcher)
{
    struct yd_classic *classic = yd_container_of(watcher, struct yd_classic, watcher);

    if (!atomic_exchange(&classic->refresh_queued, true))
        (void)yd_call_post(&classic->refresh, classic->loop);
}

/* ---- the peer ---- */

static struct yd_classic *classic_of(struct yd_peer *peer)
{
    return yd_container_of(peer, struct yd_classic, peer);
}

static bool takes(struct yd_peer *peer, const struct yd_op *op)
{
    struct yd_sio_outgoing out;

    return yd_sio_is_op_of(classic_of(peer)->sio, op) && yd_sio_read_op(op, &out);
}

static int put_channel(struct yd_classic *classic, const struct yd_sio_outgoing *out,
                       const char *kind, struct yd_buf *buf)
{
    const struct yodel_allocator *mem = classic->mem;

    if (yd_buf_append_str(mem, buf, yodel_str_of(classic->prefix)) < 0 ||
        yd_buf_append_str(mem, buf, yodel_str_of(kind)) < 0 ||
        yd_buf_append_str(mem, buf, out->ns) < 0 || yd_buf_append(mem, buf, "#", 1) < 0)
        return -ENOMEM;
    if (*kind != '#' || out->num_rooms != 1)
        return 0;
    if (yd_buf_append_str(mem, buf, yd_sio_out_room(out, 0)) < 0)
        return -ENOMEM;
    return yd_buf_append(mem, buf, "#", 1);
}

static yodel_str make_request(const struct yd_classic *classic, uint64_t token,
                              char text[YD_CLASSIC_REQUEST_LEN])
{
    if (token == 0)
        return (yodel_str){NULL, 0};
    memcpy(text, classic->uid, YD_CLASSIC_UID_LEN);
    for (size_t i = 0; i < 16; i++)
        text[YD_CLASSIC_UID_LEN + i] = "0123456789abcdef"[token >> (60 - 4 * i) & 15];
    return (yodel_str){text, YD_CLASSIC_REQUEST_LEN};
}

/* The length of the channel's name 4, the name, the payload. */
static int encode(struct yd_peer *peer, const struct yd_op *op, uint64_t token, struct yd_buf *buf)
{
    struct yd_classic *classic = classic_of(peer);
    const struct yodel_allocator *mem = classic->mem;
    char text[YD_CLASSIC_REQUEST_LEN];
    yodel_str request = make_request(classic, token, text);
    struct yd_sio_outgoing out;
    struct yd_buf channel = {0};
    bool is_plain;
    int rc;

    if (!yd_sio_read_op(op, &out))
        return YODEL_ERR_UNSUPPORTED;
    is_plain = out.kind == YD_SIO_REMOTE_EMIT && !out.wants_reply;
    if ((rc = put_channel(classic, &out, is_plain ? "#" : "-request#", &channel)) == 0)
        rc = yd_wire_put_str(mem, buf, (yodel_str){(char *)channel.ptr, channel.len});
    yd_buf_free(mem, &channel);
    if (rc < 0)
        return rc;
    rc = out.kind == YD_SIO_REMOTE_EMIT
             ? yd_classic_put_emit(mem, buf, yd_classic_uid(classic), request, &out)
             : yd_classic_put_request(mem, buf, yd_classic_uid(classic), request, &out);
    return rc == 0 || rc == -ENOMEM ? rc : YODEL_ERR_UNSUPPORTED;
}

static int send(struct yd_peer *peer, const struct yd_op *op, uint64_t token, yodel_bytes bytes)
{
    struct yd_wire_reader reader = {bytes, false};
    yodel_str channel = yd_wire_get_str(&reader);
    struct yd_classic *classic = classic_of(peer);
    struct yd_sio_outgoing out;
    int rc;

    if (token != 0 && yd_sio_read_op(op, &out) &&
        (rc = yd_classic_ask_begin(classic, out.kind, token, out.timeout_ms, channel)) < 0)
        return rc;
    return yd_classic_publish(classic, channel, reader.rest);
}

static const struct yd_peer_ops peer_ops = {.takes = takes, .encode = encode, .send = send};

/* ---- life ---- */

static void begin(struct yd_part *part, struct yd_loop *loop)
{
    struct yd_classic *classic = (struct yd_classic *)part;

    (void)loop;
    classic->begun = true;
    refresh(classic);
}

static void end(struct yd_part *part)
{
    struct yd_classic *classic = (struct yd_classic *)part;
    yodel_redis *redis;
    struct yd_map_node *node;

    yd_sio_unwatch(classic->sio, &classic->watcher);
    yd_timer_stop(&classic->loop->wheel, &classic->retry);
    while ((node = yd_map_any(&classic->spaces)) != NULL)
        remove_space(classic, yd_container_of(node, struct space, node));
    pthread_mutex_lock(&classic->lock);
    redis = classic->redis;
    classic->redis = NULL;
    pthread_mutex_unlock(&classic->lock);
    yodel_redis_unref(redis);
}

static void free_classic(struct yd_part *part)
{
    struct yd_classic *classic = (struct yd_classic *)part;

    yd_classic_asks_free(classic);
    yd_map_done(&classic->spaces);
    pthread_mutex_destroy(&classic->lock);
    yd_free(classic->mem, classic->prefix);
    yd_free(classic->mem, classic);
}

static const struct yd_part_ops part_ops = {.begin = begin, .end = end, .free = free_classic};

/* Characters that are none of Redis' patterns. */
static int choose_uid(struct yd_classic *classic)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    uint8_t bytes[YD_CLASSIC_UID_LEN];

    if (RAND_bytes(bytes, sizeof bytes) != 1 ||
        RAND_bytes((uint8_t *)classic->secret, sizeof classic->secret) != 1)
        return -EIO;
    for (size_t i = 0; i < sizeof bytes; i++)
        classic->uid[i] = alphabet[bytes[i] & 63];
    return 0;
}

static void init(struct yd_classic *classic, const struct yd_adapter_setup *setup)
{
    classic->part.ops = &part_ops;
    classic->peer.ops = &peer_ops;
    classic->watcher.changed = on_change;
    classic->mem = setup->mem;
    classic->sio = setup->sio;
    classic->bus = yd_sio_bus(setup->sio);
    classic->redis = yodel_redis_ref(setup->redis);
    classic->loop = yd_redis_loop(setup->redis);
    classic->is_cluster = yd_redis_is_cluster(setup->redis);
    classic->answer_one = setup->options->answer_one != 0;
    classic->max_requests = setup->options->max_requests;
    pthread_mutex_init(&classic->lock, NULL);
    yd_map_init(&classic->asks, classic->mem, classic->secret);
    yd_map_init(&classic->spaces, classic->mem, classic->secret);
    yd_timer_init(&classic->retry, on_retry);
    yd_call_init(&classic->refresh, YD_CALL_CONTROL, run_refresh, classic);
}

bool yd_classic_add_stats(const struct yd_part *part, const yodel_sio *sio,
                          yodel_sio_redis_stats *stats)
{
    const struct yd_classic *classic = (const struct yd_classic *)part;

    if (part->ops != &part_ops || classic->sio != sio)
        return false;
    yd_adapter_sum(&classic->counters, stats);
    return true;
}

int yd_classic_new(const struct yd_adapter_setup *setup, struct yd_part **ret_part)
{
    struct yd_classic *classic = yd_zalloc(setup->mem, sizeof *classic);
    const char *prefix = setup->options->prefix;
    int rc;

    if (classic == NULL)
        return -ENOMEM;
    if ((rc = choose_uid(classic)) == 0 &&
        (classic->prefix = yd_strndup(setup->mem, prefix, strlen(prefix))) == NULL)
        rc = -ENOMEM;
    if (rc == 0)
        rc = yd_bus_add_peer(yd_sio_bus(setup->sio), &classic->peer);
    if (rc < 0) {
        yd_free(setup->mem, classic->prefix);
        yd_free(setup->mem, classic);
        return rc;
    }
    init(classic, setup);
    yd_sio_watch(setup->sio, &classic->watcher);
    *ret_part = &classic->part;
    return 0;
}
