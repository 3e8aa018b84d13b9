/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "sio_gate.h"

/* ---- the service ---- */

int yp_service_init(struct yp_service *service, const struct yp_queue_limits *limits)
{
    uint64_t secret[2];
    int rc;

    yd_list_init(&service->deciding);
    yp_make_secret(secret);
    yd_map_init(&service->records, &yd_mem_default, secret);
    yd_map_init(&service->clients, &yd_mem_default, secret);
    if ((rc = yp_queue_init(&service->queue, limits)) < 0)
        return rc;
    if ((rc = -pthread_mutex_init(&service->lock, NULL)) < 0)
        yp_queue_destroy(&service->queue);
    return rc;
}

void yp_service_done(struct yp_service *service)
{
    yd_map_done(&service->records);
    yd_map_done(&service->clients);
    pthread_mutex_destroy(&service->lock);
    yp_queue_destroy(&service->queue);
}

/* ---- clients ---- */

static struct yp_client *client_of(struct yp_strand *strand)
{
    return (struct yp_client *)(void *)strand;
}

/* The last reference has gone; the map's is none. */
static void free_client(struct yp_strand *strand)
{
    struct yp_client *client = client_of(strand);

    pthread_mutex_lock(&client->service->lock);
    if (client->is_known)
        yd_map_remove(&client->service->clients, &client->node);
    pthread_mutex_unlock(&client->service->lock);
    free(client);
}

static struct yp_client *client_new(struct yp_service *service, yodel_sio_socket *socket,
                                    yodel_str id)
{
    struct yp_client *client = calloc(1, sizeof *client);

    if (client == NULL)
        return NULL;
    yp_strand_init(&client->strand, yp_client_wake, free_client);
    client->service = service;
    client->loop = yodel_sio_socket_loop(socket);
    yd_list_init(&client->sockets);
    if (id.len < sizeof client->id)
        memcpy(client->id, id.ptr, id.len);
    client->node.key = (yodel_str){client->id, strlen(client->id)};
    return client;
}

/* One that is being freed on another thread is not found again: it leaves the map, and a new one
 * takes its place. */
static struct yp_client *find_client(struct yp_service *service, yodel_str id)
{
    struct yd_map_node *node = yd_map_find(&service->clients, id);
    struct yp_client *client;
    unsigned refs;

    if (node == NULL)
        return NULL;
    client = yd_container_of(node, struct yp_client, node);
    refs = atomic_load(&client->strand.refs);
    while (refs > 0)
        if (atomic_compare_exchange_weak(&client->strand.refs, &refs, refs + 1))
            return client;
    yd_map_remove(&service->clients, node);
    client->is_known = false;
    return NULL;
}

struct yp_client *yp_client_get(struct yp_service *service, yodel_sio_socket *socket)
{
    yodel_str id = yodel_sio_socket_session_id(socket);
    struct yp_client *client;

    pthread_mutex_lock(&service->lock);
    client = find_client(service, id);
    if (client == NULL && (client = client_new(service, socket, id)) != NULL)
        client->is_known = yd_map_insert(&service->clients, &client->node) == 0;
    pthread_mutex_unlock(&service->lock);
    return client;
}

/* ---- records ---- */

struct yp_record *yp_record_ref(struct yp_record *record)
{
    atomic_fetch_add_explicit(&record->refs, 1, memory_order_relaxed);
    return record;
}

static void free_early(struct yp_early *early)
{
    while (early != NULL) {
        struct yp_early *next = early->next;

        free(early->args);
        free(early);
        early = next;
    }
}

static void free_record(struct yp_record *record)
{
    struct yp_service *service = record->client->service;

    pthread_mutex_lock(&service->lock);
    if (record->node.key.len > 0)
        yd_map_remove(&service->records, &record->node);
    pthread_mutex_unlock(&service->lock);
    yodel_decision_unref(record->decision);
    yodel_sio_namespace_unref(record->ns);
    free_early(record->early);
    yp_names_free(&record->rooms);
    yp_strand_unref(&record->client->strand);
    free(record);
}

struct yp_record *yp_record_unref(struct yp_record *record)
{
    if (record != NULL && atomic_fetch_sub_explicit(&record->refs, 1, memory_order_acq_rel) == 1)
        free_record(record);
    return NULL;
}

static int enter_map(struct yp_service *service, struct yp_record *record)
{
    yodel_str key = {record->sid, strlen(record->sid)};
    int rc = -EEXIST;

    pthread_mutex_lock(&service->lock);
    if (yd_map_find(&service->records, key) == NULL) {
        record->node.key = key;
        if ((rc = yd_map_insert(&service->records, &record->node)) < 0)
            record->node.key.len = 0;
    }
    pthread_mutex_unlock(&service->lock);
    return rc;
}

struct yp_record *yp_record_new(struct yp_service *service, yodel_sio_socket *socket)
{
    yodel_str sid = yodel_sio_socket_id(socket);
    struct yp_record *record = calloc(1, sizeof *record);

    if (record == NULL)
        return NULL;
    if ((record->client = yp_client_get(service, socket)) == NULL) {
        free(record);
        return NULL;
    }
    atomic_init(&record->refs, 1);
    record->ns = yodel_sio_namespace_ref(yodel_sio_socket_namespace(socket));
    record->transport = yodel_sio_socket_transport(socket);
    record->early_end = &record->early;
    record->left.kind = YP_DISCONNECT;
    record->left.item.bytes = sizeof *record;
    yd_list_init(&record->of_client);
    yd_list_init(&record->of_deciding);
    if (sid.len < sizeof record->sid)
        memcpy(record->sid, sid.ptr, sid.len);
    if (enter_map(service, record) < 0)
        return yp_record_unref(record);
    return record;
}

yodel_str yp_record_ns(const struct yp_record *record)
{
    return yodel_sio_namespace_name(record->ns);
}

struct yp_record *yp_record_find(struct yp_service *service, yodel_str sid, yodel_str ns)
{
    struct yp_record *record = NULL;
    struct yd_map_node *node;
    unsigned refs = 0;

    pthread_mutex_lock(&service->lock);
    if ((node = yd_map_find(&service->records, sid)) != NULL) {
        record = yd_container_of(node, struct yp_record, node);
        refs = atomic_load(&record->refs);
        while (refs > 0 && !atomic_compare_exchange_weak(&record->refs, &refs, refs + 1))
            continue;
    }
    pthread_mutex_unlock(&service->lock);
    if (refs == 0)
        return NULL;
    return yodel_str_eq(yp_record_ns(record), ns) ? record : yp_record_unref(record);
}

/* ---- the end of one ---- */

/* Its one disconnect item, which holds it; under the lock. */
void yp_record_tell_left(struct yp_record *record, const char *reason)
{
    struct yp_queue *queue = &record->client->service->queue;

    record->phase = YP_LEFT;
    if (record->reason[0] == '\0')
        (void)snprintf(record->reason, sizeof record->reason, "%s", reason);
    record->left.record = yp_record_ref(record);
    if (yp_queue_push(queue, &record->client->strand, &record->left.item, true) < 0)
        atomic_fetch_sub(&record->refs, 1); /* the caller has one more */
}

/* ---- items ---- */

static void free_connect(struct yp_connect *connect)
{
    struct yp_record *record = connect->work.record;

    if (record->phase == YP_WAITING || record->phase == YP_DECIDING)
        (void)yp_connect_refuse(connect, NULL, NULL);
    json_decref(connect->handshake);
    free(connect);
}

static void free_event(struct yp_event *event)
{
    yodel_decision_unref(event->ack);
    free(event->args);
    free(event);
}

void yp_work_free(struct yp_work *work)
{
    struct yp_record *record = work->record;

    if (work->kind == YP_CONNECT)
        free_connect((struct yp_connect *)(void *)work);
    else if (work->kind == YP_EVENT)
        free_event((struct yp_event *)(void *)work);
    else if (work->kind != YP_DISCONNECT) /* which is in its record */
        free(work);
    yp_record_unref(record);
}
