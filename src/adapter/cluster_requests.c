/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "adapter/cluster_peer.h"
#include "base/container.h"
#include "base/mem.h"
#include "bus/ask.h"
#include "proto/json_scan.h"

/*
 * Requests of ours.  How many servers will answer is what Redis counts of subscriptions to the
 * namespace's channel, less our own if that is there.  An event that clients acknowledge is
 * answered by each server with the number of its clients, and then by each of those.
 */

struct request {
    struct yd_list node; /* of the cluster's; with its lock held, like all below but timer */
    struct yd_cluster *cluster;
    enum yd_sio_remote_kind kind;
    uint64_t token;
    uint32_t timeout_ms;
    bool counted;      /* num_servers is known */
    unsigned servers;  /* that will answer */
    unsigned answered; /* that have */
    uint64_t clients, acks;
    uint64_t lost;         /* answers that came, and could not be taken */
    unsigned why;          /* YD_MISSING_...: of those */
    struct yd_timer timer; /* of the client's loop */
};

static bool read_token(yodel_str text, uint64_t *ret_token)
{
    uint64_t token = 0;

    if (text.len != YD_CLUSTER_REQUEST_SIZE - 1)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                                                : 16;

        if (digit > 15)
            return false;
        token = token << 4 | digit;
    }
    *ret_token = token;
    return true;
}

/* With the lock held. */
static struct request *find(struct yd_cluster *cluster, uint64_t token)
{
    struct yd_list *head = &cluster->requests;

    for (struct yd_list *node = head->next; node != head; node = node->next) {
        struct request *request = yd_container_of(node, struct request, node);

        if (request->token == token)
            return request;
    }
    return NULL;
}

static bool is_complete(const struct request *request)
{
    return request->counted && request->answered >= request->servers &&
           request->acks >= request->clients;
}

/* Servers that have not answered, clients that have not acknowledged. */
static uint64_t num_awaited(const struct request *request)
{
    uint64_t num = request->servers > request->answered ? request->servers - request->answered : 0;

    return num + (request->clients > request->acks ? request->clients - request->acks : 0);
}

/* On the client's loop, without the lock; the request has been taken off the list. */
static void end(struct request *request, unsigned missing)
{
    struct yd_cluster *cluster = request->cluster;
    uint64_t num = missing != 0 ? num_awaited(request) : 0;

    if (missing == 0)
        yd_adapter_count(&cluster->counters.requests_complete);
    else if (missing == YD_MISSING_LATE)
        yd_adapter_count(&cluster->counters.requests_late);
    if (missing != 0 && num == 0)
        num = 1; /* how many is not known */
    num += request->lost;
    yd_timer_stop(&yd_redis_loop(cluster->redis)->wheel, &request->timer);
    yd_bus_close_part(cluster->bus, &cluster->peer, request->token, missing | request->why,
                      num < UINT32_MAX ? (unsigned)num : UINT32_MAX);
    yd_free(cluster->mem, request);
}

static void on_timeout(struct yd_timer *timer)
{
    struct request *request = yd_container_of(timer, struct request, timer);

    pthread_mutex_lock(&request->cluster->lock);
    yd_list_remove(&request->node);
    pthread_mutex_unlock(&request->cluster->lock);
    end(request, YD_MISSING_LATE);
}

/* ---- how many there are ---- */

struct count {
    struct yd_cluster *cluster;
    uint64_t token;
    yodel_str nsp;
    char name[];
};

/* channel, number; own: how many of them are ours */
static bool read_count(const struct yd_redis_reply *reply, unsigned own, unsigned *ret_servers)
{
    int64_t num;

    if (reply == NULL || reply->type != YODEL_REDIS_ARRAY || reply->num != 2 ||
        reply->elements[1]->type != YODEL_REDIS_INTEGER)
        return false;
    num = reply->elements[1]->integer;
    *ret_servers = num > own ? (unsigned)YD_MIN(num - own, (int64_t)9999) : 0;
    return true;
}

/* The bus closes its part then, too: ours is a little earlier, so that it counts who is missing. */
static void start_timer(struct request *request)
{
    struct yd_loop *loop = yd_redis_loop(request->cluster->redis);

    yd_timer_start(&loop->wheel, &request->timer,
                   yd_loop_due(loop, request->timeout_ms - request->timeout_ms / 8));
}

static void on_count(const struct yd_redis_reply *reply, void *arg)
{
    struct count *count = arg;
    struct yd_cluster *cluster = count->cluster;
    struct request *request;
    bool known, done = false;
    unsigned servers = 0;

    known = read_count(reply, cluster->hears(cluster, count->nsp), &servers);
    pthread_mutex_lock(&cluster->lock);
    if ((request = find(cluster, count->token)) != NULL) {
        request->servers = servers;
        request->counted = true;
        done = !known || is_complete(request);
        if (done)
            yd_list_remove(&request->node);
    }
    pthread_mutex_unlock(&cluster->lock);
    if (request != NULL && done)
        end(request, known ? 0 : YD_MISSING_UNABLE);
    else if (request != NULL)
        start_timer(request);
}

static void free_count(void *arg)
{
    struct count *count = arg;

    yd_free(count->cluster->mem, count);
}

static yodel_bytes word(const char *text)
{
    return (yodel_bytes){(const uint8_t *)text, strlen(text)};
}

static int count_servers(struct yd_cluster *cluster, yodel_str nsp, uint64_t token)
{
    struct count *count = yd_alloc(cluster->mem, sizeof *count + nsp.len);
    struct yd_buf channel = {0};
    yodel_bytes argv[3] = {word("PUBSUB"), word(cluster->shards ? "SHARDNUMSUB" : "NUMSUB")};
    struct yd_redis_command command = {3, argv, on_count, count, free_count, {NULL, 0}};
    int rc;

    if (count == NULL)
        return -ENOMEM;
    *count = (struct count){cluster, token, {count->name, nsp.len}};
    memcpy(count->name, nsp.ptr, nsp.len);
    if (yd_cluster_put_channel(cluster, &channel, nsp, (yodel_str){NULL, 0}) < 0) {
        yd_free(cluster->mem, count);
        yd_buf_free(cluster->mem, &channel);
        return -ENOMEM;
    }
    argv[2] = (yodel_bytes){channel.ptr, channel.len};
    if (cluster->shards)
        command.key = (yodel_str){(char *)channel.ptr, channel.len};
    rc = yd_redis_command(cluster->redis, &command);
    yd_buf_free(cluster->mem, &channel);
    return rc;
}

int yd_cluster_ask(struct yd_cluster *cluster, const struct yd_sio_outgoing *out, uint64_t token)
{
    struct request *request = yd_zalloc(cluster->mem, sizeof *request);
    int rc;

    if (request == NULL)
        return -ENOMEM;
    request->cluster = cluster;
    request->kind = out->kind;
    request->token = token;
    request->timeout_ms = out->timeout_ms;
    yd_timer_init(&request->timer, on_timeout);
    pthread_mutex_lock(&cluster->lock);
    yd_list_append(&cluster->requests, &request->node);
    pthread_mutex_unlock(&cluster->lock);
    if ((rc = count_servers(cluster, out->ns, token)) == 0) {
        yd_adapter_count(&cluster->counters.requests);
        return 0;
    }
    pthread_mutex_lock(&cluster->lock);
    yd_list_remove(&request->node);
    pthread_mutex_unlock(&cluster->lock);
    yd_free(cluster->mem, request);
    return rc;
}

void yd_cluster_forget_requests(struct yd_cluster *cluster)
{
    while (!yd_list_is_empty(&cluster->requests)) {
        struct request *request = yd_container_of(cluster->requests.next, struct request, node);

        yd_list_remove(&request->node);
        yd_timer_stop(&yd_redis_loop(cluster->redis)->wheel, &request->timer);
        yd_free(cluster->mem, request);
    }
}

/* ---- answers ---- */

/* The names of the rooms of all sockets. */
static int put_rooms(struct yd_cluster *cluster, yodel_str sockets, struct yd_buf *result)
{
    struct yd_json_iter iter = yd_json_array(sockets);
    struct yd_buf names = {0};
    yodel_str socket, rooms;
    int rc = 0;

    while (rc == 0 && yd_json_next(&iter, &socket)) {
        if (!yd_json_get(socket, YODEL_STR("rooms"), &rooms))
            continue;
        rooms = yd_json_inside(rooms);
        if (rooms.len > 0 && names.len > 0)
            rc = yd_buf_append(cluster->mem, &names, ",", 1);
        if (rc == 0)
            rc = yd_buf_append_str(cluster->mem, &names, rooms);
    }
    if (rc == 0)
        rc = yd_sio_put_room_names(cluster->mem, result, (yodel_str){(char *)names.ptr, names.len});
    yd_buf_free(cluster->mem, &names);
    return rc;
}

static int put_result(struct yd_cluster *cluster, enum yd_sio_remote_kind kind,
                      const struct yd_cluster_message *message, struct yd_buf *result)
{
    if (message->type != YD_CLUSTER_FETCH_RESPONSE)
        return yd_sio_put_answers(cluster->mem, result, message->is_list, message->value,
                                  message->attachments, message->num_attachments);
    if (kind == YD_SIO_REMOTE_ROOMS)
        return put_rooms(cluster, message->sockets, result);
    return yd_sio_put_sockets(cluster->mem, result, yd_json_inside(message->sockets));
}

/* Whether an answer of that type answers a request of that kind. */
static bool answers(enum yd_cluster_type type, enum yd_sio_remote_kind kind)
{
    switch (type) {
    case YD_CLUSTER_FETCH_RESPONSE:
        return kind == YD_SIO_REMOTE_SOCKETS || kind == YD_SIO_REMOTE_ROOMS;
    case YD_CLUSTER_SERVER_SIDE_RESPONSE:
        return kind == YD_SIO_REMOTE_SERVER;
    case YD_CLUSTER_CLIENT_COUNT:
    case YD_CLUSTER_ACK:
        return kind == YD_SIO_REMOTE_EMIT;
    default:
        return false;
    }
}

/* With the lock held.  False: it is more than was to come, and does not count. */
static bool note(struct request *request, const struct yd_cluster_message *message)
{
    if (message->type == YD_CLUSTER_ACK) {
        request->acks++;
        return true;
    }
    if (request->counted && request->answered >= request->servers)
        return false;
    request->answered++;
    request->clients += message->client_count;
    return true;
}

static int add(struct yd_cluster *cluster, enum yd_sio_remote_kind kind, uint64_t token,
               const struct yd_cluster_message *message)
{
    struct yd_buf result = {0};
    int rc = put_result(cluster, kind, message, &result);

    if (rc == 0)
        rc = yd_bus_add_result(cluster->bus, &cluster->peer, token,
                               (yodel_bytes){result.ptr, result.len});
    if (rc < 0)
        yd_cluster_note_failure(cluster, rc);
    yd_buf_free(cluster->mem, &result);
    return rc;
}

/* With the lock held: one that was noted, and could not be taken. */
static void note_lost(struct request *request, int rc)
{
    request->lost++;
    request->why |= rc == YODEL_ERR_PROTOCOL ? YD_MISSING_UNABLE : YD_MISSING_MEMORY;
}

void yd_cluster_answered(struct yd_cluster *cluster, const struct yd_cluster_message *message)
{
    enum yd_sio_remote_kind kind = YD_SIO_REMOTE_EMIT;
    struct request *request = NULL;
    bool counts = false, done = false;
    uint64_t token;
    int rc = 0;

    if (!read_token(message->request, &token)) {
        yd_adapter_count(&cluster->counters.ignored);
        return;
    }
    pthread_mutex_lock(&cluster->lock);
    request = find(cluster, token);
    if (request != NULL && answers(message->type, request->kind)) {
        kind = request->kind;
        counts = note(request, message);
    }
    pthread_mutex_unlock(&cluster->lock);
    if (!counts) {
        yd_adapter_count(&cluster->counters.ignored);
        return;
    }
    if (message->type != YD_CLUSTER_CLIENT_COUNT)
        rc = add(cluster, kind, token, message);
    pthread_mutex_lock(&cluster->lock);
    if ((request = find(cluster, token)) != NULL && rc < 0)
        note_lost(request, rc);
    if (request != NULL && (done = is_complete(request)))
        yd_list_remove(&request->node);
    pthread_mutex_unlock(&cluster->lock);
    if (done)
        end(request, 0);
}
