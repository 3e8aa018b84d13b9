/* SPDX-License-Identifier: MIT */
#include "command/reads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command/fetch.h"
#include "command/paging.h"
#include "command/target.h"

/* ---- sockets ---- */

static json_t *show_sockets(const struct yg_run *run, const json_t *found)
{
    const struct yg_command *command = run->command;

    if (command->only_count)
        return json_pack("{sI}", "count", (json_int_t)json_array_size(found));
    return yg_page(found, "sockets", "sid", command->cursor, command->limit);
}

static void on_sockets(struct yg_parcel *parcel)
{
    json_t *body = parcel->json != NULL ? show_sockets(parcel->run, parcel->json) : NULL;

    yg_run_done(parcel->run, yg_run_partial(body, parcel->missing));
}

static void fetch(struct yg_run *run, yodel_sio_target target, bool whole,
                  void (*open)(struct yg_parcel *parcel))
{
    const int rc = yg_fetch_sockets(run, target, whole, open);

    if (rc < 0)
        yg_run_fail_result(run, rc);
}

void yg_read_sockets(struct yg_run *run)
{
    const struct yg_command *command = run->command;
    const char *room = command->room;

    if (command->user != NULL) {
        const int rc = yg_target_user_room(run, command->user, &room);

        if (rc < 0) {
            yg_run_fail(run, rc == -ENOTSUP ? YG_PROBLEM_NOT_ENABLED : yg_problem_of_result(rc),
                        rc == -ENOTSUP ? "the namespace has no personal_room" : NULL, NULL);
            return;
        }
    }
    fetch(run, room != NULL ? yodel_sio_to_room(run->ns, room) : yodel_sio_to_all(run->ns),
          !command->only_count, on_sockets);
}

static void on_socket(struct yg_parcel *parcel)
{
    struct yg_run *run = parcel->run;

    for (size_t i = 0; i < json_array_size(parcel->json); i++) {
        json_t *socket = json_array_get(parcel->json, i);
        const char *sid = json_string_value(json_object_get(socket, "sid"));

        if (sid != NULL && strcmp(sid, run->command->sid) == 0) {
            yg_run_done(run, json_incref(socket));
            return;
        }
    }
    if (parcel->json == NULL)
        yg_run_done(run, NULL);
    else
        yg_run_fail_absent(parcel);
}

void yg_read_socket(struct yg_run *run)
{
    fetch(run, yodel_sio_to_room(run->ns, run->command->sid), true, on_socket);
}

/* ---- presence in a room ---- */

static json_t *show_member(const json_t *socket)
{
    json_t *member = json_object();

    if (member != NULL && json_object_set(member, "sid", json_object_get(socket, "sid")) == 0 &&
        (json_object_get(socket, "user") == NULL ||
         json_object_set(member, "user", json_object_get(socket, "user")) == 0) &&
        (json_object_get(socket, "info") == NULL ||
         json_object_set(member, "info", json_object_get(socket, "info")) == 0))
        return member;
    json_decref(member);
    return NULL;
}

static json_t *show_members(const json_t *found)
{
    json_t *members = json_array();

    for (size_t i = 0; members != NULL && i < json_array_size(found); i++) {
        if (json_array_append_new(members, show_member(json_array_get(found, i))) != 0) {
            json_decref(members);
            return NULL;
        }
    }
    if (members == NULL)
        return NULL;
    return json_pack("{sosI}", "members", members, "count", (json_int_t)json_array_size(found));
}

static void on_present(struct yg_parcel *parcel)
{
    json_t *body = parcel->json != NULL ? show_members(parcel->json) : NULL;

    yg_run_done(parcel->run, yg_run_partial(body, parcel->missing));
}

void yg_read_presence(struct yg_run *run)
{
    if (run->command->group != NULL)
        yg_read_members(run);
    else
        fetch(run, yodel_sio_to_room(run->ns, run->command->room), true, on_present);
}

/* ---- rooms ---- */

static json_t *show_rooms(const struct yg_run *run, const json_t *counts)
{
    const char *prefix = run->command->prefix != NULL ? run->command->prefix : "";
    json_t *rooms = json_array();

    for (size_t i = 0; rooms != NULL && i < json_array_size(counts); i++) {
        json_t *room = json_array_get(counts, i);
        const char *name = json_string_value(json_object_get(room, "name"));

        if (name != NULL && strncmp(name, prefix, strlen(prefix)) == 0 &&
            json_array_append(rooms, room) != 0) {
            json_decref(rooms);
            return NULL;
        }
    }
    return rooms;
}

static void on_rooms(struct yg_parcel *parcel)
{
    struct yg_run *run = parcel->run;
    json_t *rooms = parcel->json != NULL ? show_rooms(run, parcel->json) : NULL;
    json_t *body = NULL;

    if (rooms != NULL)
        body = yg_page(rooms, "rooms", "name", run->command->cursor, run->command->limit);
    json_decref(rooms);
    yg_run_done(run, yg_run_partial(body, parcel->missing));
}

static void on_counts(const yodel_sio_sockets *sockets, void *user)
{
    struct yg_parcel *parcel = user;

    parcel->missing = sockets->missing;
    parcel->json = sockets->json != NULL ? json_deep_copy(sockets->json) : NULL;
    yg_parcel_send(parcel);
}

void yg_read_rooms(struct yg_run *run)
{
    struct yg_parcel *parcel = yg_parcel_new(run, on_rooms);
    int rc = -ENOMEM;

    if (parcel != NULL) {
        yg_run_wait(run, 10000);
        rc = yodel_sio_namespace_fetch_room_counts(run->ns, on_counts, parcel);
        if (rc < 0)
            yg_parcel_drop(parcel);
    }
    if (rc < 0)
        yg_run_fail_result(run, rc);
}
