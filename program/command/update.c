/* SPDX-License-Identifier: MIT */
#include "command/update.h"

#include <errno.h>
#include <stdlib.h>

#include "state/socket_state.h"

/* A change that several sockets get, on several loops. */
struct shared {
    atomic_uint refs;
    struct yg_change change;
    json_t *meta; /* a reference of our own, which nobody changes */
};

static void unref(void *arg)
{
    struct shared *shared = arg;

    if (atomic_fetch_sub(&shared->refs, 1) > 1)
        return;
    json_decref(shared->meta);
    free(shared);
}

static void on_socket(yodel_sio_socket *socket, void *arg)
{
    const struct shared *shared = arg;

    (void)yg_state_change(socket, &shared->change);
}

static struct shared *share(const struct yg_change *change)
{
    struct shared *shared = calloc(1, sizeof(*shared));

    if (shared == NULL)
        return NULL;
    shared->refs = 1;
    shared->change = *change;
    if (change->meta != NULL) {
        shared->meta = json_deep_copy(change->meta);
        shared->change.meta = shared->meta;
        if (shared->meta == NULL) {
            free(shared);
            return NULL;
        }
    }
    return shared;
}

/* Those of this process; of others there is none here, and nothing happens. */
static int post_all(yodel_sio_namespace *ns, const json_t *sids, const struct yg_change *change)
{
    struct shared *shared = share(change);
    int result = shared != NULL ? 0 : -ENOMEM;

    for (size_t i = 0; result == 0 && i < json_array_size(sids); i++) {
        const char *sid = json_string_value(json_array_get(sids, i));
        int rc;

        if (sid == NULL)
            continue;
        atomic_fetch_add(&shared->refs, 1);
        rc = yodel_sio_namespace_post(ns, sid, on_socket, shared, unref);
        if (rc < 0 && rc != YODEL_ERR_NAME)
            result = rc;
    }
    if (shared != NULL)
        unref(shared);
    return result;
}

static struct yg_change change_of(const struct yg_command *command)
{
    return (struct yg_change){command->meta, command->has_expires, command->expires_at};
}

int yg_update_sender(struct yg_run *run)
{
    const struct yg_change change = change_of(run->command);

    return yg_state_change(run->sender, &change);
}

/* [{"sids", "meta"?, "expires_at"?}] as text; NULL when out of memory. */
static char *dump(const json_t *sids, const struct yg_change *change)
{
    json_t *object = json_pack("{sO}", "sids", sids);
    json_t *list = json_array();
    char *text = NULL;

    if (object != NULL && list != NULL &&
        (change->meta == NULL || json_object_set(object, "meta", (json_t *)change->meta) == 0) &&
        (!change->has_expires ||
         json_object_set_new(object, "expires_at", json_integer(change->expires_at)) == 0) &&
        json_array_append(list, object) == 0)
        text = json_dumps(list, JSON_COMPACT);
    json_decref(object);
    json_decref(list);
    return text;
}

int yg_update_sockets(struct yg_run *run, const json_t *sids)
{
    const struct yg_change change = change_of(run->command);
    char *text;
    int rc = post_all(run->ns, sids, &change);

    if (rc < 0 || run->service->cluster == NULL || run->command->is_local)
        return rc;
    text = dump(sids, &change);
    if (text == NULL)
        return -ENOMEM;
    rc = yodel_sio_server_side_emit_args(run->ns, YG_UPDATE_EVENT,
                                         YODEL_OPTIONS(yodel_sio_args, .json = yodel_str_of(text)));
    free(text);
    return rc;
}

bool yg_execute_server_event(yodel_sio_namespace *ns, yodel_sio_server_event *event)
{
    const json_t *object, *expires;
    struct yg_change change;

    if (!yodel_str_eq(yodel_sio_server_event_name(event), YODEL_STR(YG_UPDATE_EVENT)))
        return false;
    object = json_array_get(yodel_sio_server_event_json(event), 0);
    expires = json_object_get(object, "expires_at");
    change = (struct yg_change){json_object_get(object, "meta"), json_is_integer(expires),
                                json_integer_value(expires)};
    (void)post_all(ns, json_object_get(object, "sids"), &change);
    return true;
}
