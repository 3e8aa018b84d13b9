/* SPDX-License-Identifier: MIT */
/*
 * features-app's remote control: the event "ctl" of the namespace /ctl with
 *
 *     {nsp, socket?, chain: [[method, argument], ...], call, args: [...]}
 *
 * is carried out as nsp.method(argument)...call(...args), or the same of a socket by its id, and is
 * acknowledged with {ok: result} or {err: message, responses}.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "apps.h"

enum { MAX_ROOMS = 64 };

struct command {
    struct app *app;
    yodel_decision *ack; /* NULL: nobody asks */
    json_t *request;     /* a copy */
    json_t *args;        /* of it, with placeholders for binary; borrowed */
    yodel_sio_namespace *ns;
    const char *call;   /* borrowed from request, as all strings */
    const char *socket; /* NULL: of the namespace */
    int is_broadcast;   /* of a socket: to all but it */
    yodel_sio_target target;
    const char *rooms[MAX_ROOMS + 1], *except[MAX_ROOMS + 1];
    const char *own[2]; /* the room of socket */
    size_t num_rooms, num_except;
    yodel_bytes attachments[APP_MAX_ATTACHMENTS];
    size_t num_attachments;
};

static const char too_late[] = "operation has timed out";

/* ---- answers; each frees the command ---- */

static void free_command(struct command *command)
{
    yodel_decision_unref(command->ack);
    json_decref(command->request);
    for (size_t i = 0; i < command->num_attachments; i++)
        free((void *)(uintptr_t)command->attachments[i].ptr);
    (void)yodel_sio_namespace_unref(command->ns);
    free(command);
}

static void answer(struct command *command, json_t *answer, const yodel_sio_answers *binary)
{
    json_t *array = json_pack("[o]", answer);
    char *text = array != NULL ? json_dumps(array, JSON_COMPACT) : NULL;
    yodel_sio_args args = {.size = sizeof args, .json = yodel_str_of(text)};

    if (binary != NULL) {
        args.attachments = binary->attachments;
        args.num_attachments = binary->num_attachments;
    }
    app_must(yodel_decision_answer_args(command->ack, &args), YODEL_ERR_CLOSED);
    free(text);
    json_decref(array);
    free_command(command);
}

/* value is taken; NULL is JavaScript's undefined. */
static void succeed(struct command *command, json_t *value)
{
    answer(command, json_pack("{s:o*}", "ok", value), NULL);
}

static void fail(struct command *command, const char *why)
{
    answer(command, json_pack("{s:s}", "err", why), NULL);
}

static void finish(struct command *command, int rc)
{
    if (rc < 0)
        fail(command, yodel_strerror(rc));
    else
        succeed(command, json_true());
}

/* ---- arguments ---- */

/* Adds the attachment of {"$bin":[1,2]}; its placeholder, or NULL. */
static json_t *add_binary(struct command *command, const json_t *bytes)
{
    size_t len = json_array_size(bytes), i = command->num_attachments;
    uint8_t *data = i < APP_MAX_ATTACHMENTS ? malloc(len + 1) : NULL;

    if (data == NULL)
        return NULL;
    for (size_t k = 0; k < len; k++)
        data[k] = (uint8_t)json_integer_value(json_array_get(bytes, k));
    command->attachments[i] = (yodel_bytes){data, len};
    command->num_attachments++;
    return yodel_sio_binary(i);
}

static int replace_binary(struct command *command)
{
    for (size_t i = 0; i < json_array_size(command->args); i++) {
        const json_t *bytes = json_object_get(json_array_get(command->args, i), "$bin");
        json_t *placeholder;

        if (bytes == NULL)
            continue;
        if ((placeholder = add_binary(command, bytes)) == NULL)
            return -ENOMEM;
        (void)json_array_set_new(command->args, i, placeholder);
    }
    return 0;
}

static const char *text_arg(const struct command *command, size_t i)
{
    return json_string_value(json_array_get(command->args, i));
}

/* One room or an array of them. */
static void add_rooms(const json_t *value, const char **list, size_t *num)
{
    const json_t *room;
    size_t i;

    if (json_is_string(value) && *num < MAX_ROOMS)
        list[(*num)++] = json_string_value(value);
    json_array_foreach(value, i, room)
    {
        if (json_is_string(room) && *num < MAX_ROOMS)
            list[(*num)++] = json_string_value(room);
    }
}

/* ---- the chain ---- */

/* Returns whether the method is known. */
static int follow(struct command *command, const char *method, const json_t *value)
{
    yodel_sio_target *target = &command->target;

    if (strcmp(method, "to") == 0 || strcmp(method, "in") == 0)
        add_rooms(value, command->rooms, &command->num_rooms);
    else if (strcmp(method, "except") == 0)
        add_rooms(value, command->except, &command->num_except);
    else if (strcmp(method, "local") == 0)
        target->flags |= YODEL_SIO_LOCAL;
    else if (strcmp(method, "volatile") == 0)
        target->flags |= YODEL_SIO_VOLATILE;
    else if (strcmp(method, "compress") == 0)
        target->flags |= app_is_true(value) ? 0 : YODEL_SIO_NO_COMPRESS;
    else if (strcmp(method, "timeout") == 0)
        target->timeout_ms = (uint32_t)json_integer_value(value);
    else if (strcmp(method, "broadcast") != 0)
        return 0;
    if (strcmp(method, "volatile") != 0 && strcmp(method, "compress") != 0 &&
        strcmp(method, "timeout") != 0)
        command->is_broadcast = 1;
    return 1;
}

static int follow_chain(struct command *command)
{
    const json_t *chain = json_object_get(command->request, "chain"), *link;
    size_t i;

    json_array_foreach(chain, i, link)
    {
        const char *method = json_string_value(json_array_get(link, 0));

        if (method == NULL || !follow(command, method, json_array_get(link, 1)))
            return 0;
    }
    return 1;
}

/* As the JavaScript server does it: without rooms everyone is meant, whatever the list was. */
static void aim(struct command *command)
{
    yodel_sio_target *target = &command->target;

    unsigned flags = target->flags;
    uint32_t timeout_ms = target->timeout_ms;

    command->own[0] = command->socket;
    if (command->socket != NULL && !command->is_broadcast)
        *target = yodel_sio_to_room(command->ns, command->socket);
    else if (command->num_rooms > 0)
        *target = yodel_sio_to_rooms(command->ns, command->rooms);
    else
        *target = yodel_sio_to_all(command->ns);
    if (command->socket != NULL && command->is_broadcast)
        *target = yodel_sio_target_except(*target, command->own);
    if (command->num_except > 0)
        *target = yodel_sio_target_except(*target, command->except);
    *target = yodel_sio_target_timeout(yodel_sio_target_with(*target, flags), timeout_ms);
}

static int is_one(const struct command *command)
{
    return command->socket != NULL && !command->is_broadcast;
}

/* ---- emits ---- */

/* The arguments after the event's name as text, to be freed. */
static char *emit_args(const struct command *command, size_t first, yodel_sio_args *ret_args)
{
    json_t *rest = json_array();
    char *text;

    for (size_t i = first; rest != NULL && i < json_array_size(command->args); i++)
        (void)json_array_append(rest, json_array_get(command->args, i));
    text = rest != NULL ? json_dumps(rest, JSON_COMPACT) : NULL;
    json_decref(rest);
    *ret_args = (yodel_sio_args){sizeof(yodel_sio_args), yodel_str_of(text), command->attachments,
                                 command->num_attachments};
    return text;
}

static void fail_emit(struct command *command, const char *event, int rc)
{
    char why[200];

    snprintf(why, sizeof why, "\"%s\" is a reserved event name", event);
    fail(command, rc == YODEL_ERR_NAME ? why : yodel_strerror(rc));
}

static void emit(struct command *command, const char *event, size_t first)
{
    yodel_sio_args args;
    char *text = emit_args(command, first, &args);
    int rc = yodel_sio_emit_args(command->target, event, &args);

    free(text);
    if (rc < 0)
        fail_emit(command, event, rc);
    else
        finish(command, 0);
}

static void call_emit(struct command *command)
{
    const char *event = text_arg(command, 0);

    if (event == NULL)
        fail(command, "no event name");
    else
        emit(command, event, 1);
}

static void call_send(struct command *command)
{
    emit(command, "message", 0);
}

/* Of one socket it is the answer, of many the list of theirs. */
static void on_answers(const yodel_sio_answers *answers, void *user)
{
    struct command *command = user;
    json_t *list = json_loadb(answers->json.ptr, answers->json.len, JSON_ALLOW_NUL, NULL);
    int complete = answers->result == 0 && list != NULL;

    if (is_one(command) && (!complete || json_array_size(list) == 0))
        answer(command, json_pack("{s:s}", "err", too_late), NULL);
    else if (is_one(command))
        answer(command, json_pack("{s:O}", "ok", json_array_get(list, 0)), answers);
    else if (complete)
        answer(command, json_pack("{s:O}", "ok", list), answers);
    else
        answer(command, json_pack("{s:s, s:O*}", "err", too_late, "responses", list), answers);
    json_decref(list);
}

static void call_emit_with_ack(struct command *command)
{
    const char *event = text_arg(command, 0);
    yodel_sio_args args;
    char *text = emit_args(command, 1, &args);
    int rc = event != NULL ? yodel_sio_emit_ack(command->target, event, &args, on_answers, command)
                           : YODEL_ERR_FORMAT;

    free(text);
    if (rc < 0)
        fail_emit(command, event != NULL ? event : "", rc);
}

/* ---- operations on sockets ---- */

/* All loops have done what was asked of them before. */
static void on_all_done(const yodel_sio_sockets *sockets, void *user)
{
    (void)sockets->json;
    finish(user, 0);
}

static void finish_everywhere(struct command *command, int rc)
{
    yodel_sio_target target = yodel_sio_to_all(command->ns);

    if (rc < 0 || (rc = yodel_sio_target_fetch(target, on_all_done, command)) < 0)
        finish(command, rc);
}

static void call_join(struct command *command)
{
    const char *rooms[MAX_ROOMS + 1] = {NULL};
    size_t num = 0;

    add_rooms(json_array_get(command->args, 0), rooms, &num);
    finish_everywhere(command, yodel_sio_target_join(command->target, rooms));
}

static void call_leave(struct command *command)
{
    const char *rooms[MAX_ROOMS + 1] = {NULL};
    size_t num = 0;

    add_rooms(json_array_get(command->args, 0), rooms, &num);
    finish_everywhere(command, yodel_sio_target_leave(command->target, rooms));
}

static void call_disconnect(struct command *command)
{
    int close = app_is_true(json_array_get(command->args, 0));

    finish_everywhere(command, yodel_sio_target_disconnect(command->target, close));
}

static void on_sockets(const yodel_sio_sockets *sockets, void *user)
{
    json_t *list = json_array();
    const json_t *socket;
    size_t i;

    json_array_foreach(sockets->json, i, socket)
    {
        (void)json_array_append_new(list, json_pack("{s:O, s:O, s:O}", "id",
                                                    json_object_get(socket, "id"), "rooms",
                                                    json_object_get(socket, "rooms"), "data",
                                                    json_object_get(socket, "data")));
    }
    succeed(user, list);
}

static void call_fetch(struct command *command)
{
    int rc = yodel_sio_target_fetch(command->target, on_sockets, command);

    if (rc < 0)
        finish(command, rc);
}

static void call_server_side(struct command *command)
{
    finish(command, 0);
}

/* Of this one server there are no others. */
static void call_server_side_with_ack(struct command *command)
{
    succeed(command, json_array());
}

/* ---- commands ---- */

struct method {
    const char *name;
    void (*run)(struct command *command);
};

static const struct method methods[] = {
    {"emit", call_emit},
    {"send", call_send},
    {"write", call_send},
    {"emitWithAck", call_emit_with_ack},
    {"join", call_join},
    {"socketsJoin", call_join},
    {"leave", call_leave},
    {"socketsLeave", call_leave},
    {"disconnect", call_disconnect},
    {"disconnectSockets", call_disconnect},
    {"fetchSockets", call_fetch},
    {"serverSideEmit", call_server_side},
    {"serverSideEmitWithAck", call_server_side_with_ack},
};

static void run(struct command *command)
{
    const char *call = command->call;

    if (!follow_chain(command)) {
        fail(command, "o[m] is not a function");
        return;
    }
    aim(command);
    if (replace_binary(command) < 0) {
        finish(command, -ENOMEM);
        return;
    }
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(call, methods[i].name) == 0) {
            methods[i].run(command);
            return;
        }
    fail(command, "o[r.call] is not a function");
}

/* The socket may be on another loop: it is asked for first. */
static void on_socket(const yodel_sio_sockets *sockets, void *user)
{
    struct command *command = user;
    const json_t *socket, *found = NULL;
    size_t i;

    json_array_foreach(sockets->json, i, socket)
    {
        const char *id = json_string_value(json_object_get(socket, "id"));

        if (id != NULL && strcmp(id, command->socket) == 0)
            found = socket;
    }
    if (found == NULL)
        fail(command, "no such socket");
    else if (strcmp(command->call, "rooms") == 0)
        succeed(command, json_incref(json_object_get(found, "rooms")));
    else
        run(command);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(json_string_value(*(json_t *const *)a), json_string_value(*(json_t *const *)b));
}

static void append_name(yodel_str name, void *array)
{
    (void)json_array_append_new(array, json_stringn(name.ptr, name.len));
}

static void list_namespaces(struct command *command)
{
    json_t *names = json_array(), *sorted = json_array(), **list;
    size_t num;

    yodel_sio_each_namespace(command->app->sio, append_name, names);
    num = json_array_size(names);
    list = calloc(num + 1, sizeof *list);
    for (size_t i = 0; list != NULL && i < num; i++)
        list[i] = json_array_get(names, i);
    if (list != NULL)
        qsort(list, num, sizeof *list, compare_names);
    for (size_t i = 0; list != NULL && i < num; i++)
        (void)json_array_append(sorted, list[i]);
    free(list);
    json_decref(names);
    succeed(command, sorted);
}

static void on_rooms(const yodel_sio_sockets *sockets, void *user)
{
    succeed(user, json_deep_copy(sockets->json));
}

static void start(struct command *command)
{
    const char *name = json_string_value(json_object_get(command->request, "nsp"));
    int rc = 0;

    if (strcmp(command->call, "nsps") == 0) {
        list_namespaces(command);
        return;
    }
    command->ns = yodel_sio_find_namespace(command->app->sio, name != NULL ? name : "/");
    if (command->ns == NULL)
        fail(command, "no such socket");
    else if (strcmp(command->call, "adapterRooms") == 0)
        rc = yodel_sio_namespace_fetch_rooms(command->ns, on_rooms, command);
    else if (command->socket != NULL)
        rc = yodel_sio_target_fetch(yodel_sio_to_room(command->ns, command->socket), on_socket,
                                    command);
    else
        run(command);
    if (rc < 0)
        finish(command, rc);
}

/* Binary of the event itself stays where it is: its attachments are copied. */
static int copy_attachments(struct command *command, const yodel_sio_event *event)
{
    size_t num = yodel_sio_event_num_attachments(event);

    for (size_t i = 0; i < num; i++) {
        yodel_bytes data = yodel_sio_event_attachment(event, i);
        uint8_t *copy = malloc(data.len + 1);

        if (copy == NULL)
            return -ENOMEM;
        if (data.len > 0)
            memcpy(copy, data.ptr, data.len);
        command->attachments[command->num_attachments++] = (yodel_bytes){copy, data.len};
    }
    return 0;
}

static void on_ctl(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    struct command *command = calloc(1, sizeof *command);

    (void)socket;
    if (command == NULL)
        return;
    command->app = user;
    command->ack = yodel_sio_event_ack(event);
    command->request = json_deep_copy(app_arg(event, 0));
    command->args = json_object_get(command->request, "args");
    command->call = json_string_value(json_object_get(command->request, "call"));
    command->socket = json_string_value(json_object_get(command->request, "socket"));
    if (command->call == NULL || copy_attachments(command, event) < 0)
        fail(command, "o[r.call] is not a function");
    else
        start(command);
}

int features_add_ctl(struct app *app, yodel_sio_namespace **ret_ctl)
{
    *ret_ctl = app_of(app->sio, "/ctl");
    if (*ret_ctl == NULL)
        return -ENOMEM;
    return yodel_sio_namespace_on(*ret_ctl, "ctl", on_ctl, app);
}
