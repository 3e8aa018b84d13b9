/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/json_read.h"
#include "command/reads.h"

/* Runs a call of the library that tells a parcel; it is dropped when that fails. */
static void settle(struct yg_run *run, struct yg_parcel *parcel, int result)
{
    if (result >= 0)
        return;
    yg_parcel_drop(parcel);
    if (result == YODEL_ERR_UNSUPPORTED)
        yg_run_fail(run, YG_PROBLEM_NOT_ENABLED, "no history is kept of it", NULL);
    else
        yg_run_fail_result(run, result);
}

/* That of what a command names. */
static yodel_channels *layer_of(const struct yg_run *run)
{
    return run->command->group != NULL ? run->service->channels : run->service->kept;
}

static struct yg_parcel *begin(struct yg_run *run, void (*open)(struct yg_parcel *parcel))
{
    struct yg_parcel *parcel;

    if (layer_of(run) == NULL) {
        yg_run_fail(
            run, YG_PROBLEM_NOT_ENABLED,
            run->command->group != NULL ? "there are no groups" : "no history is kept of it", NULL);
        return NULL;
    }
    parcel = yg_parcel_new(run, open);
    if (parcel == NULL)
        yg_run_done(run, NULL);
    else
        yg_run_wait(run, 10000);
    return parcel;
}

/* A document that this program has made, perhaps around one that was given to it; NULL when out of
 * memory. */
static json_t *read_own(const char *text, size_t len)
{
    struct yg_json_where where;
    json_t *document = NULL;

    return yg_json_read(text, len, YG_JSON_DEPTH + 10, &where, &document) == 0 ? document : NULL;
}

/* The body that was made where it was told. */
static void on_body(struct yg_parcel *parcel)
{
    json_t *body = parcel->json;

    parcel->json = NULL;
    if (parcel->result < 0) {
        json_decref(body);
        yg_run_fail(parcel->run,
                    parcel->result == -ENOTCONN ? YG_PROBLEM_REDIS_UNAVAILABLE
                                                : yg_problem_of_result(parcel->result),
                    yodel_strerror(parcel->result), NULL);
    } else {
        yg_run_done(parcel->run, yg_run_partial(body, parcel->missing));
    }
}

/* ---- members ---- */

/* The document of a member that the program let in says who it is, and what others may know. */
static int show_document(json_t *object, json_t *document)
{
    json_t *user = json_object_get(document, "user");

    if (user == NULL)
        return json_object_set(object, "info", document);
    if (json_object_set(object, "user", user) != 0)
        return -1;
    return json_object_get(document, "info") == NULL
               ? 0
               : json_object_set(object, "info", json_object_get(document, "info"));
}

/* A WebSocket has the name of its channel as its sid, in webhooks, too. */
static json_t *show_member(const yodel_group_member *member)
{
    json_t *object = json_pack("{ss%}", "sid", member->channel.ptr, member->channel.len);
    json_t *document;
    int rc;

    if (object == NULL || member->json.len == 0)
        return object;
    document = read_own(member->json.ptr, member->json.len);
    rc = document != NULL ? show_document(object, document) : -1;
    json_decref(document);
    if (rc == 0)
        return object;
    json_decref(object);
    return NULL;
}

static void on_members(const yodel_group_members_result *result, void *user)
{
    struct yg_parcel *parcel = user;
    json_t *members = json_array();

    for (size_t i = 0; members != NULL && i < result->num_members; i++) {
        if (json_array_append_new(members, show_member(&result->members[i])) != 0) {
            json_decref(members);
            members = NULL;
        }
    }
    parcel->missing = result->missing;
    if (members != NULL)
        parcel->json =
            json_pack("{sosI}", "members", members, "count", (json_int_t)result->num_members);
    yg_parcel_send(parcel);
}

void yg_read_members(struct yg_run *run)
{
    struct yg_parcel *parcel = begin(run, on_body);

    if (parcel != NULL)
        settle(
            run, parcel,
            yodel_group_members(run->service->channels, run->command->group, on_members, parcel));
}

/* ---- history ---- */

/* The group that has the history of a room has its name. */
struct group_name {
    char text[600];
};

static const char *group_of(const struct yg_run *run, struct group_name *name)
{
    const yodel_str ns = run->ns != NULL ? yodel_sio_namespace_name(run->ns) : (yodel_str){NULL, 0};

    if (run->command->group != NULL)
        return run->command->group;
    snprintf(name->text, sizeof(name->text), "%.*s#%s", (int)ns.len, ns.ptr, run->command->room);
    return name->text;
}

static json_t *show_binary(const yodel_kept_message *message)
{
    const size_t len = YG_BASE64_CHARS(message->data.len);
    char *text = malloc(len + 1);
    json_t *item;

    if (text == NULL)
        return NULL;
    yg_base64_encode(message->data.ptr, message->data.len, text);
    item = json_pack("{ssss%}", "offset", message->offset, "attachment", text, len);
    free(text);
    return item;
}

/* ["event", argument, ...] */
static json_t *show_event(const yodel_kept_message *message)
{
    json_t *args = read_own((const char *)message->data.ptr, message->data.len);
    json_t *event = json_incref(json_array_get(args, 0));

    if (event == NULL || json_array_remove(args, 0) != 0) {
        json_decref(event);
        json_decref(args);
        return NULL;
    }
    return json_pack("{sssoso}", "offset", message->offset, "event", event, "args", args);
}

static json_t *show_message(const yodel_kept_message *message, bool of_room)
{
    if (of_room)
        return show_event(message);
    if (message->type == YODEL_WS_BINARY)
        return show_binary(message);
    return json_pack("{ssss%}", "offset", message->offset, "text", message->data.ptr,
                     message->data.len);
}

static json_t *show_history(const yodel_history *history, bool reverse, bool of_room)
{
    json_t *items = json_array();

    for (size_t i = 0; items != NULL && i < history->num_messages; i++) {
        const size_t at = reverse ? history->num_messages - 1 - i : i;

        if (json_array_append_new(items, show_message(&history->messages[at], of_room)) != 0) {
            json_decref(items);
            return NULL;
        }
    }
    if (items == NULL)
        return NULL;
    return json_pack("{sosssb}", "items", items, "offset",
                     history->last != NULL ? history->last : "", "gone", history->gone);
}

static void on_history(const yodel_history *history, void *user)
{
    struct yg_parcel *parcel = user;

    parcel->result = history->result;
    if (history->result == 0)
        parcel->json = show_history(history, parcel->run->command->reverse,
                                    parcel->run->command->group == NULL);
    yg_parcel_send(parcel);
}

void yg_read_history(struct yg_run *run)
{
    const struct yg_command *command = run->command;
    struct yg_parcel *parcel = begin(run, on_body);
    struct group_name name;

    if (parcel != NULL)
        settle(run, parcel,
               yodel_group_history(layer_of(run), group_of(run, &name), command->since,
                                   command->limit, on_history, parcel));
}

static void on_forgotten(const yodel_history *history, void *user)
{
    struct yg_parcel *parcel = user;

    parcel->result = history->result;
    if (history->result == 0)
        parcel->json = json_object();
    yg_parcel_send(parcel);
}

void yg_forget_history(struct yg_run *run)
{
    struct yg_parcel *parcel = begin(run, on_body);
    struct group_name name;

    if (parcel != NULL)
        settle(
            run, parcel,
            yodel_group_forget_history(layer_of(run), group_of(run, &name), on_forgotten, parcel));
}

/* ---- nodes ---- */

/* list NULL: memory has ended. */
static void on_node(const yodel_node *node, void *user)
{
    json_t **list = user;
    json_t *item =
        json_pack("{sssssb}", "id", node->process, "name", node->name, "self", node->is_self);

    if (*list != NULL && json_array_append_new(*list, item) != 0) {
        json_decref(*list);
        *list = NULL;
    } else if (*list == NULL) {
        json_decref(item);
    }
}

void yg_read_nodes(struct yg_run *run)
{
    const char *name = run->service->node != NULL ? run->service->node : "";
    json_t *list = json_array();

    if (run->service->cluster == NULL)
        on_node(&(yodel_node){.process = name, .name = name, .is_self = 1}, &list);
    else if (yodel_cluster_each_node(run->service->cluster, on_node, &list) < 0)
        yg_run_done(run, NULL);
    if (!run->is_over)
        yg_run_done(run, list != NULL ? json_pack("{sO}", "nodes", list) : NULL);
    json_decref(list);
}

/* ---- counts ---- */

void yg_read_stats(struct yg_run *run)
{
    yodel_server_stats server = {.size = sizeof(server)};
    yodel_sio_stats sio = {.size = sizeof(sio)};

    yodel_server_get_stats(run->service->server, &server);
    yodel_sio_get_stats(run->service->sio, &sio);
    yg_run_done(
        run, json_pack("{sssIsIsIsIsIsIsIsI}", "version", yodel_version(), "connections",
                       (json_int_t)server.connections, "websockets", (json_int_t)server.websockets,
                       "clients", (json_int_t)sio.clients, "polling", (json_int_t)sio.polling,
                       "messages_received", (json_int_t)server.messages_in, "messages_sent",
                       (json_int_t)server.messages_out, "received_bytes",
                       (json_int_t)server.bytes_in, "sent_bytes", (json_int_t)server.bytes_out));
}
