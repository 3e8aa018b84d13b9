/* SPDX-License-Identifier: MIT */
#include "command/fetch.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

/* Nothing of what the library shows is shared with it: other threads may read it, too. */
static int put_copy(json_t *object, const char *name, const json_t *value)
{
    if (value == NULL || json_is_null(value))
        return 0;
    return json_object_set_new(object, name, json_deep_copy(value));
}

static int put_time(json_t *object, const char *name, const json_t *ms)
{
    char text[YG_CLOCK_TEXT];

    if (!json_is_integer(ms))
        return 0;
    yg_clock_text(json_integer_value(ms), text);
    return json_object_set_new(object, name, json_string(text));
}

/* found: {"id", "rooms", "data", "handshake"}. */
static json_t *describe(const char *ns, const json_t *found)
{
    const json_t *data = json_object_get(found, "data");
    const json_t *handshake = json_object_get(found, "handshake");
    json_t *socket = json_object();

    if (socket != NULL && put_copy(socket, "sid", json_object_get(found, "id")) == 0 &&
        json_object_set_new(socket, "namespace", json_string(ns)) == 0 &&
        put_copy(socket, "user", json_object_get(data, "user")) == 0 &&
        put_copy(socket, "meta", json_object_get(data, "meta")) == 0 &&
        put_copy(socket, "info", json_object_get(data, "info")) == 0 &&
        put_copy(socket, "expires_at", json_object_get(data, "expires_at")) == 0 &&
        put_copy(socket, "rooms", json_object_get(found, "rooms")) == 0 &&
        put_copy(socket, "address", json_object_get(handshake, "address")) == 0 &&
        put_time(socket, "connected_at", json_object_get(handshake, "issued")) == 0)
        return socket;
    json_decref(socket);
    return NULL;
}

/* ns NULL: ids. */
static json_t *copy_list(const json_t *found, const char *ns)
{
    json_t *list = json_array();

    for (size_t i = 0; list != NULL && i < json_array_size(found); i++) {
        const json_t *socket = json_array_get(found, i);
        json_t *item =
            ns != NULL ? describe(ns, socket) : json_deep_copy(json_object_get(socket, "id"));

        if (json_array_append_new(list, item) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static void send(const yodel_sio_sockets *sockets, void *user, const char *ns)
{
    struct yg_parcel *parcel = user;

    parcel->result = sockets->result;
    parcel->missing = sockets->missing;
    if (sockets->json != NULL)
        parcel->json = copy_list(sockets->json, ns);
    yg_parcel_send(parcel);
}

static void on_ids(const yodel_sio_sockets *sockets, void *user)
{
    send(sockets, user, NULL);
}

/* The command's strings do not change while it is under way. */
static void on_whole(const yodel_sio_sockets *sockets, void *user)
{
    const struct yg_parcel *parcel = user;

    send(sockets, user, parcel->run->command->ns);
}

int yg_fetch_sockets(struct yg_run *run, yodel_sio_target target, bool whole,
                     void (*open)(struct yg_parcel *parcel))
{
    struct yg_parcel *parcel = yg_parcel_new(run, open);
    int rc;

    if (parcel == NULL)
        return -ENOMEM;
    yg_run_wait(run, YG_FETCH_MS);
    rc = yodel_sio_target_fetch(yodel_sio_target_timeout(target, YG_FETCH_MS),
                                whole ? on_whole : on_ids, parcel);
    if (rc < 0)
        yg_parcel_drop(parcel);
    return rc;
}
