/* SPDX-License-Identifier: MIT */
#include "state/socket_state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "state/until.h"

struct attached {
    void *it;
    yodel_free_fn *free_it; /* NULL: nothing */
};

/* Of this process alone. */
struct own {
    yodel_sio_socket *socket;
    struct yg_until expiry;
    yg_expired_fn *on_expiring, *on_expired, *on_changed;
    uint32_t lead_ms, leeway_ms;
    bool is_connected, is_warned;
    void *expired_user;
    struct attached lane, session;
};

static struct own *own_of(yodel_sio_socket *socket)
{
    return yodel_sio_socket_data(socket);
}

/* ---- the time of its end ---- */

static bool is_to_warn(const struct own *own)
{
    return own->on_expiring != NULL && own->is_connected && !own->is_warned;
}

/* When something is to be done next; -1: never. */
static int64_t next_ms(const struct own *own)
{
    const int64_t at = yg_state_expires_at(own->socket);

    if (at == 0 || (own->on_expired == NULL && !is_to_warn(own)))
        return -1;
    return at * 1000 + (is_to_warn(own) ? -(int64_t)own->lead_ms : own->leeway_ms);
}

static void arm(struct own *own)
{
    const int64_t at = next_ms(own);

    if (at < 0)
        yg_until_stop(&own->expiry);
    else
        yg_until_set(&own->expiry, at);
}

/* The time may have been changed meanwhile. */
static void on_time(void *user)
{
    struct own *own = user;

    if (next_ms(own) > yg_clock_wall_ms()) {
        arm(own);
    } else if (is_to_warn(own)) {
        own->is_warned = true;
        arm(own);
        own->on_expiring(own->socket, own->expired_user);
    } else if (next_ms(own) >= 0) {
        own->on_expired(own->socket, own->expired_user);
    }
}

/* In place of what was there. */
static void attach(struct attached *attached, void *it, yodel_free_fn *free_it)
{
    if (attached->free_it != NULL)
        attached->free_it(attached->it);
    *attached = (struct attached){it, free_it};
}

static void free_own(void *data)
{
    struct own *own = data;

    yg_until_stop(&own->expiry);
    attach(&own->lane, NULL, NULL);
    attach(&own->session, NULL, NULL);
    free(own);
}

static struct own *new_own(yodel_sio_socket *socket, const struct yg_identity *who)
{
    struct own *own = calloc(1, sizeof(*own));

    if (own == NULL)
        return NULL;
    own->socket = socket;
    own->on_expiring = who->on_expiring;
    own->lead_ms = who->lead_ms;
    own->on_expired = who->on_expired;
    own->leeway_ms = who->leeway_ms;
    own->on_changed = who->on_changed;
    own->expired_user = who->expired_user;
    yg_until_init(&own->expiry, yodel_sio_socket_loop(socket), on_time, own);
    return own;
}

/* ---- what every node sees ---- */

/* Adds a copy to object; a null stands for none. */
static int put_copy(json_t *object, const char *name, const json_t *value)
{
    json_t *copy;

    if (value == NULL || json_is_null(value))
        return 0;
    copy = json_deep_copy(value);
    return copy != NULL && json_object_set_new(object, name, copy) == 0 ? 0 : -ENOMEM;
}

static int put_number(json_t *object, const char *name, int64_t number)
{
    if (number == 0)
        return 0;
    return json_object_set_new(object, name, json_integer(number)) == 0 ? 0 : -ENOMEM;
}

static json_t *describe(const struct yg_identity *who)
{
    json_t *object = json_object();

    if (object == NULL)
        return NULL;
    if ((who->user != NULL && json_object_set_new(object, "user", json_string(who->user)) != 0) ||
        put_copy(object, "meta", who->meta) < 0 || put_copy(object, "info", who->info) < 0 ||
        put_number(object, "expires_at", who->expires_at) < 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static int join_personal(yodel_sio_socket *socket, const struct yg_identity *who)
{
    char room[512];

    if (who->user == NULL || who->personal_room == NULL || who->personal_room[0] == '\0')
        return 0;
    if (yg_personal_room(who->personal_room, who->user, room, sizeof(room)) == 0)
        return YODEL_ERR_NAME;
    return yodel_sio_socket_join(socket, room);
}

int yg_state_begin(yodel_sio_socket *socket, const struct yg_identity *who)
{
    json_t *json = yodel_sio_socket_json(socket);
    json_t *fresh = describe(who);
    struct own *own = new_own(socket, who);
    int rc = json != NULL && fresh != NULL && own != NULL ? 0 : -ENOMEM;

    if (rc == 0)
        rc = join_personal(socket, who);
    if (rc == 0 && json_object_update(json, fresh) < 0)
        rc = -ENOMEM;
    json_decref(fresh);
    if (rc < 0) {
        free(own);
        return rc;
    }
    yodel_sio_socket_set_data(socket, own, free_own);
    arm(own);
    return 0;
}

static const json_t *member(yodel_sio_socket *socket, const char *name)
{
    return json_object_get(yodel_sio_socket_json(socket), name);
}

void yg_state_connected(yodel_sio_socket *socket)
{
    struct own *own = own_of(socket);

    if (own == NULL)
        return;
    own->is_connected = true;
    arm(own);
}

void yg_state_set_session(yodel_sio_socket *socket, void *session, yodel_free_fn *free_session)
{
    attach(&own_of(socket)->session, session, free_session);
}

void *yg_state_session(yodel_sio_socket *socket)
{
    struct own *own = own_of(socket);

    return own != NULL ? own->session.it : NULL;
}

const char *yg_state_user(yodel_sio_socket *socket)
{
    return json_string_value(member(socket, "user"));
}

const json_t *yg_state_meta(yodel_sio_socket *socket)
{
    const json_t *meta = member(socket, "meta");

    return json_is_null(meta) ? NULL : meta;
}

int64_t yg_state_expires_at(yodel_sio_socket *socket)
{
    return json_integer_value(member(socket, "expires_at"));
}

/* A member that is there can be replaced without memory; null is none. */
static int ensure(json_t *json, const char *name)
{
    if (json_object_get(json, name) != NULL)
        return 0;
    return json_object_set_new(json, name, json_null()) == 0 ? 0 : -ENOMEM;
}

static json_t *time_of(const struct yg_change *change)
{
    return change->expires_at != 0 ? json_integer(change->expires_at) : json_null();
}

int yg_state_change(yodel_sio_socket *socket, const struct yg_change *change)
{
    json_t *json = yodel_sio_socket_json(socket);
    json_t *meta = change->meta != NULL ? json_deep_copy(change->meta) : NULL;
    json_t *expires = change->has_expires ? time_of(change) : NULL;
    struct own *own = own_of(socket);

    if (json == NULL || (meta == NULL && change->meta != NULL) ||
        (expires == NULL && change->has_expires) || ensure(json, "meta") < 0 ||
        ensure(json, "expires_at") < 0) {
        json_decref(meta);
        json_decref(expires);
        return -ENOMEM;
    }
    if (meta != NULL)
        json_object_set_new(json, "meta", meta);
    if (expires != NULL)
        json_object_set_new(json, "expires_at", expires);
    if (expires != NULL && own != NULL) {
        own->is_warned = false;
        arm(own);
    }
    if (own != NULL && own->on_changed != NULL)
        own->on_changed(socket, own->expired_user);
    return 0;
}

void yg_state_set_lane(yodel_sio_socket *socket, void *lane, yodel_free_fn *free_lane)
{
    attach(&own_of(socket)->lane, lane, free_lane);
}

void *yg_state_lane(yodel_sio_socket *socket)
{
    struct own *own = own_of(socket);

    return own != NULL ? own->lane.it : NULL;
}

size_t yg_personal_room(const char *pattern, const char *user, char *ret_name, size_t size)
{
    const char *mark = strstr(pattern, "{user}");
    const size_t user_len = strlen(user);
    size_t before, after;

    if (mark == NULL)
        return 0;
    before = (size_t)(mark - pattern);
    after = strlen(mark + 6);
    if (before + user_len + after >= size)
        return 0;
    memcpy(ret_name, pattern, before);
    memcpy(ret_name + before, user, user_len);
    memcpy(ret_name + before + user_len, mark + 6, after + 1);
    return before + user_len + after;
}
