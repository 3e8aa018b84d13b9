/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "sio_gate.h"

/* What a connect handler does to its own client, which is not in its namespace yet. */

static bool is_outside(const struct yp_record *record)
{
    return !record->is_in && record->phase <= YP_ACCEPTED && !record->has_gone;
}

/* ---- emits ---- */

static struct yp_early *early_new(const char *event, const struct yp_args *args)
{
    size_t len = strlen(event) + 1;
    struct yp_early *early = malloc(sizeof *early + len);

    if (early == NULL)
        return NULL;
    early->next = NULL;
    early->args = yp_args_new((yodel_str){args->json, args->json_len}, args->attachments,
                              args->num_attachments);
    memcpy(early->event, event, len);
    if (early->args != NULL)
        return early;
    free(early);
    return NULL;
}

/* Under the lock. */
static int keep(struct yp_record *record, const char *event, const struct yp_args *args)
{
    struct yp_early *early;
    size_t size = args->size + strlen(event);

    if (record->early_bytes + size > YP_EARLY_MAX) {
        atomic_fetch_add(&record->client->service->counts.early_dropped, 1);
        return 1;
    }
    if ((early = early_new(event, args)) == NULL)
        return -ENOMEM;
    record->early_bytes += size;
    *record->early_end = early;
    record->early_end = &early->next;
    return 1;
}

int yp_early_emit(struct yp_record *record, const char *event, const struct yp_args *args)
{
    struct yp_service *service = record->client->service;
    int rc = 0;

    pthread_mutex_lock(&service->lock);
    if (is_outside(record))
        rc = keep(record, event, args);
    pthread_mutex_unlock(&service->lock);
    return rc;
}

static bool is_named(const struct yp_record *record, const char *const *rooms)
{
    for (; *rooms != NULL; rooms++)
        if (strcmp(*rooms, record->sid) == 0 || yp_names_have(&record->rooms, *rooms))
            return true;
    return false;
}

static bool is_meant(const struct yp_record *record, const char *const *rooms,
                     const char *const *skip)
{
    if (rooms != NULL && !is_named(record, rooms))
        return false;
    return skip == NULL || !is_named(record, skip);
}

int yp_early_broadcast(struct yp_service *service, yodel_str ns, const char *const *rooms,
                       const char *const *skip, unsigned long thread, const char *event,
                       const struct yp_args *args)
{
    int rc = 0;

    pthread_mutex_lock(&service->lock);
    for (struct yd_list *node = service->deciding.next; rc >= 0 && node != &service->deciding;
         node = node->next) {
        struct yp_record *record = yd_container_of(node, struct yp_record, of_deciding);

        if (record->decider == thread && is_outside(record) &&
            yodel_str_eq(yp_record_ns(record), ns) && is_meant(record, rooms, skip))
            rc = keep(record, event, args);
    }
    pthread_mutex_unlock(&service->lock);
    return rc < 0 ? rc : 0;
}

struct yp_early *yp_early_take(struct yp_record *record)
{
    struct yp_early *early = record->early;

    record->early = NULL;
    record->early_end = &record->early;
    record->early_bytes = 0;
    return early;
}

void yp_early_send(struct yp_early *early, yodel_sio_socket *socket)
{
    while (early != NULL) {
        struct yp_early *next = early->next;
        yodel_sio_args args = yp_args_view(early->args);

        (void)yodel_sio_emit_args(yodel_sio_to(socket), early->event, &args);
        free(early->args);
        free(early);
        early = next;
    }
}

/* ---- rooms, and the end ---- */

int yp_early_room(struct yp_record *record, const char *room, bool join)
{
    struct yp_service *service = record->client->service;
    int rc = 0;

    pthread_mutex_lock(&service->lock);
    if (is_outside(record)) {
        rc = 1;
        if (!join)
            yp_names_remove(&record->rooms, room);
        else if (!yp_names_have(&record->rooms, room) &&
                 yp_names_add(&record->rooms, yodel_str_of(room)) < 0)
            rc = -ENOMEM;
    }
    pthread_mutex_unlock(&service->lock);
    return rc;
}

int yp_early_join_rooms(struct yp_record *record, yodel_sio_socket *socket)
{
    struct yp_names_kept rooms;
    const char *room;
    size_t at = 0;
    int rc = 0;

    pthread_mutex_lock(&record->client->service->lock);
    rooms = record->rooms;
    record->rooms = (struct yp_names_kept){.num = 0};
    record->is_in = true; /* from here on rooms are the socket's */
    pthread_mutex_unlock(&record->client->service->lock);
    while (rc == 0 && (room = yp_names_next(&rooms, &at)) != NULL)
        rc = yodel_sio_socket_join(socket, room);
    yp_names_free(&rooms);
    return rc;
}

int yp_early_leave(struct yp_record *record)
{
    struct yp_service *service = record->client->service;
    int rc;

    pthread_mutex_lock(&service->lock);
    rc = !record->is_in;
    if (rc)
        record->must_leave = true;
    pthread_mutex_unlock(&service->lock);
    return rc;
}
