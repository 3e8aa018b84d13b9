/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "adapter/classic.h"
#include "base/container.h"
#include "base/mem.h"
#include "proto/json_scan.h"

/*
 * What this process asks of the others.  How many they are Redis knows, who counts the subscribers
 * of the channel of requests; it is asked together with them, and again while answers are missing,
 * so that one that ends is not waited for.
 */

struct ask {
    struct yd_map_node node; /* key: token, as bytes */
    uint64_t token;
    struct yd_classic *classic;
    enum yd_sio_remote_kind kind;
    uint32_t timeout_ms;
    /* On the loop. */
    struct yd_call start;
    bool started;
    bool over; /* before it has started */
    struct yd_timer timer;
    uint64_t due;
    int64_t servers, most;  /* others now, and at most so far; -1: not known */
    int64_t got;            /* that have answered */
    uint64_t clients, acks; /* of those: to be awaited, and come */
    uint64_t lost;          /* answers that came, and there was no memory for */
    size_t channel_len;
    char channel[];
};

/* Looking for another count. */
#define AGAIN_MS 500
/* Ahead of the time limit of the bus, so that what is missing is counted. */
#define MARGIN_MS 20

static yodel_str key_of(const uint64_t *token)
{
    return (yodel_str){(const char *)token, sizeof *token};
}

static struct ask *find(struct yd_classic *classic, uint64_t token)
{
    struct yd_map_node *node;

    pthread_mutex_lock(&classic->lock);
    node = yd_map_find(&classic->asks, key_of(&token));
    pthread_mutex_unlock(&classic->lock);
    return node != NULL ? yd_container_of(node, struct ask, node) : NULL;
}

/* ---- the end ---- */

static void forget(struct ask *ask)
{
    struct yd_classic *classic = ask->classic;

    pthread_mutex_lock(&classic->lock);
    yd_map_remove(&classic->asks, &ask->node);
    pthread_mutex_unlock(&classic->lock);
    yd_timer_stop(&classic->loop->wheel, &ask->timer);
    if (ask->started)
        yd_free(classic->mem, ask);
    else
        ask->over = true; /* its call is under way */
}

static void end(struct ask *ask, unsigned missing)
{
    struct yd_classic *classic = ask->classic;
    int64_t servers = ask->most >= 0 ? ask->most - ask->got : 1;
    uint64_t num = (servers > 0 ? (uint64_t)servers : 0) +
                   (ask->clients > ask->acks ? ask->clients - ask->acks : 0);
    uint64_t token = ask->token;

    if (num == 0)
        missing = 0;
    if (missing == 0)
        yd_adapter_count(&classic->counters.requests_complete);
    else if (missing == YD_MISSING_LATE)
        yd_adapter_count(&classic->counters.requests_late);
    if (ask->lost > 0)
        missing |= YD_MISSING_MEMORY;
    num += ask->lost;
    forget(ask);
    yd_bus_close_part(classic->bus, &classic->peer, token, missing,
                      num < UINT32_MAX ? (unsigned)num : UINT32_MAX);
}

/* All that are there have answered; what has left meanwhile is missing. */
static void check_end(struct ask *ask)
{
    if (ask->servers >= 0 && ask->got >= ask->servers && ask->acks >= ask->clients)
        end(ask, YD_MISSING_CLOSED);
}

/* ---- how many there are ---- */

struct counting {
    struct yd_classic *classic;
    uint64_t token;
};

/* [channel, number]; this process is one of them, unless its own subscription has been lost. */
static void on_count(const struct yd_redis_reply *reply, void *arg)
{
    const struct counting *counting = arg;
    struct ask *ask = find(counting->classic, counting->token);
    int64_t num, own;

    if (ask == NULL || yodel_redis_reply_count(reply) < 2 ||
        yodel_redis_reply_type(yodel_redis_reply_at(reply, 1)) != YODEL_REDIS_INTEGER)
        return;
    num = yodel_redis_reply_integer(yodel_redis_reply_at(reply, 1));
    own = yd_classic_hears(ask->classic, (yodel_str){ask->channel, ask->channel_len});
    ask->servers = num > own ? num - own : 0;
    if (ask->most < ask->servers)
        ask->most = ask->servers;
    check_end(ask);
}

static void free_counting(void *arg)
{
    struct counting *counting = arg;

    yd_free(counting->classic->mem, counting);
}

/* A Redis Cluster would tell of one of its nodes alone: then the time limit is the end. */
static int count_servers(struct yd_classic *classic, uint64_t token, yodel_str channel)
{
    const yodel_bytes argv[] = {
        {(const uint8_t *)"PUBSUB", 6},
        {(const uint8_t *)"NUMSUB", 6},
        {(const uint8_t *)channel.ptr, channel.len},
    };
    struct yd_redis_command command = {
        .argc = 3, .argv = argv, .fn = on_count, .free_arg = free_counting};
    struct counting *counting;
    int rc = YODEL_ERR_CLOSED;

    if (classic->is_cluster)
        return 0;
    if ((counting = yd_alloc(classic->mem, sizeof *counting)) == NULL)
        return -ENOMEM;
    *counting = (struct counting){classic, token};
    command.arg = counting;
    pthread_mutex_lock(&classic->lock);
    if (classic->redis != NULL)
        rc = yd_redis_command(classic->redis, &command);
    else
        free_counting(counting);
    pthread_mutex_unlock(&classic->lock);
    return rc;
}

/* ---- time ---- */

static void wait_more(struct ask *ask)
{
    struct yd_loop *loop = ask->classic->loop;
    uint64_t again = yd_loop_due(loop, AGAIN_MS);

    yd_timer_start(&loop->wheel, &ask->timer, again < ask->due ? again : ask->due);
}

static void on_timer(struct yd_timer *timer)
{
    struct ask *ask = yd_container_of(timer, struct ask, timer);
    struct yd_classic *classic = ask->classic;

    if (yd_loop_due(classic->loop, 0) >= ask->due) {
        end(ask, YD_MISSING_LATE);
        return;
    }
    (void)count_servers(classic, ask->token, (yodel_str){ask->channel, ask->channel_len});
    wait_more(ask);
}

static void run_start(struct yd_loop *loop, void *arg)
{
    struct ask *ask = arg;
    uint32_t margin = ask->timeout_ms > 8 * MARGIN_MS ? MARGIN_MS : ask->timeout_ms / 8;

    ask->started = true;
    if (ask->over) {
        yd_free(ask->classic->mem, ask);
        return;
    }
    ask->due = yd_loop_due(loop, ask->timeout_ms - margin);
    wait_more(ask);
}

/* ---- beginning ---- */

static struct ask *make(struct yd_classic *classic, uint64_t token, yodel_str channel)
{
    struct ask *ask = yd_zalloc(classic->mem, sizeof *ask + channel.len);

    if (ask == NULL)
        return NULL;
    ask->classic = classic;
    ask->token = token;
    ask->node.key = key_of(&ask->token);
    ask->servers = ask->most = -1;
    ask->channel_len = channel.len;
    memcpy(ask->channel, channel.ptr, channel.len);
    yd_timer_init(&ask->timer, on_timer);
    yd_call_init(&ask->start, YD_CALL_CONTROL, run_start, ask);
    return ask;
}

static int insert(struct ask *ask)
{
    struct yd_classic *classic = ask->classic;
    int rc;

    pthread_mutex_lock(&classic->lock);
    rc = classic->redis != NULL ? yd_map_insert(&classic->asks, &ask->node) : YODEL_ERR_CLOSED;
    pthread_mutex_unlock(&classic->lock);
    return rc;
}

/* The call is posted last: from then on it is the loop's. */
int yd_classic_ask_begin(struct yd_classic *classic, enum yd_sio_remote_kind kind, uint64_t token,
                         uint32_t timeout_ms, yodel_str channel)
{
    struct ask *ask = make(classic, token, channel);
    int rc;

    if (ask == NULL)
        return -ENOMEM;
    ask->kind = kind;
    ask->timeout_ms = timeout_ms;
    if ((rc = insert(ask)) < 0) {
        yd_free(classic->mem, ask);
        return rc;
    }
    if ((rc = yd_call_post(&ask->start, classic->loop)) < 0) {
        ask->started = true;
        forget(ask);
        return rc;
    }
    yd_adapter_count(&classic->counters.requests);
    return count_servers(classic, token, channel);
}

/* ---- answers ---- */

static bool get_token(const struct yd_classic *classic, yodel_str request, uint64_t *ret_token)
{
    uint64_t token = 0;

    if (request.len != YD_CLASSIC_REQUEST_LEN ||
        memcmp(request.ptr, classic->uid, YD_CLASSIC_UID_LEN) != 0)
        return false;
    for (size_t i = YD_CLASSIC_UID_LEN; i < request.len; i++) {
        char c = request.ptr[i];

        if ((c < '0' || c > '9') && (c < 'a' || c > 'f'))
            return false;
        token = token << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *ret_token = token;
    return true;
}

/* Whether it is one that the ask wants, as a result for the bus. */
static int put_result(const struct ask *ask, const struct yd_classic_message *answer,
                      struct yd_buf *buf)
{
    const struct yodel_allocator *mem = ask->classic->mem;

    switch (ask->kind) {
    case YD_SIO_REMOTE_SOCKETS:
        return answer->type == YD_CLASSIC_PLAIN && answer->num_attachments == 0
                   ? yd_sio_put_sockets(mem, buf, yd_json_inside(answer->list))
                   : YODEL_ERR_PROTOCOL;
    case YD_SIO_REMOTE_ROOMS:
        return answer->type == YD_CLASSIC_PLAIN
                   ? yd_sio_put_room_names(mem, buf, yd_json_inside(answer->list))
                   : YODEL_ERR_PROTOCOL;
    case YD_SIO_REMOTE_EMIT:
    case YD_SIO_REMOTE_SERVER:
        if (answer->type !=
            (ask->kind == YD_SIO_REMOTE_EMIT ? YD_CLASSIC_ACK : YD_CLASSIC_SERVER_SIDE))
            return YODEL_ERR_PROTOCOL;
        return yd_sio_put_answers(mem, buf, answer->is_list, answer->value, answer->attachments,
                                  answer->num_attachments);
    default:
        return YODEL_ERR_PROTOCOL;
    }
}

static int add_result(struct ask *ask, const struct yd_classic_message *answer)
{
    struct yd_classic *classic = ask->classic;
    struct yd_buf buf = {0};
    int rc = put_result(ask, answer, &buf);

    if (rc == 0)
        rc = yd_bus_add_result(classic->bus, &classic->peer, ask->token,
                               (yodel_bytes){buf.ptr, buf.len});
    yd_buf_free(classic->mem, &buf);
    return rc;
}

static void note_lost(struct ask *ask)
{
    ask->lost++;
    yd_adapter_count(&ask->classic->counters.lost);
}

/* What is no answer to this ask does not count as one. */
static void take(struct ask *ask, const struct yd_classic_message *answer)
{
    bool is_count = answer->type == YD_CLASSIC_COUNT && ask->kind == YD_SIO_REMOTE_EMIT;
    int rc = 0;

    if (is_count)
        ask->clients += answer->count;
    else if ((rc = add_result(ask, answer)) == YODEL_ERR_PROTOCOL) {
        yd_classic_count_malformed(ask->classic);
        return;
    }
    if (rc < 0)
        note_lost(ask);
    if (is_count || ask->kind != YD_SIO_REMOTE_EMIT)
        ask->got++;
    else
        ask->acks++;
    check_end(ask);
}

/* Answers to others come too, on the channel that all share. */
void yd_classic_on_answer(struct yd_classic *classic, yodel_bytes payload)
{
    struct yd_classic_message answer;
    struct ask *ask;
    uint64_t token;
    int rc;

    if (memmem(payload.ptr, payload.len, classic->uid, YD_CLASSIC_UID_LEN) == NULL)
        return;
    yd_adapter_count(&classic->counters.received);
    if ((rc = yd_classic_read_answer(classic->mem, payload, &answer)) < 0) {
        if (rc == YODEL_ERR_PROTOCOL)
            yd_classic_count_malformed(classic);
        else
            yd_adapter_count(&classic->counters.lost);
        return;
    }
    if (get_token(classic, answer.request, &token) && (ask = find(classic, token)) != NULL)
        take(ask, &answer);
    else
        yd_adapter_count(&classic->counters.ignored);
    yd_classic_message_done(&answer, classic->mem);
}

/* ---- the end of all ---- */

void yd_classic_asks_free(struct yd_classic *classic)
{
    struct yd_map_node *node;

    while ((node = yd_map_any(&classic->asks)) != NULL) {
        struct ask *ask = yd_container_of(node, struct ask, node);

        yd_map_remove(&classic->asks, node);
        yd_free(classic->mem, ask);
    }
    yd_map_done(&classic->asks);
}
