/* SPDX-License-Identifier: MIT */
/*
 * A chat in a channel layer in Redis, as tests need it.
 *
 *     ws /ws/chat/{room}/    a member of the group chat_{room}; {"message": any} goes to the group
 *                            {"name": 1}              answers {"name": its channel name}
 *                            {"to": name, "message"}  sends to that channel
 *                            {"job": name, "message"}  sends work to that channel
 *                            {"burst": n}             n messages "0", "1" ... to the group
 *     GET  /say/{room}?text=   sends to the group
 *     GET  /stats              the counters
 *
 * What comes through the channel "yodel-jobs" goes to the group chat_jobs.
 *
 * Usage: yodel-layers [core|pubsub] url... [key=... | prefix=... | capacity=... | expiry=...]...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/channels_redis.h>
#include <yodel/json.h>
#include <yodel/yodel.h>

enum { GROUP_SIZE = YODEL_GROUP_NAME_MAX + 1, MAX = 8 };

static struct {
    yodel_server *server;
    yodel_channels *layer;
    yodel_redis *hosts[MAX];
    size_t num_hosts;
    yodel_bytes keys[MAX];
    size_t num_keys;
    yodel_channels_redis_options options;
} app = {.options = {.size = sizeof app.options}};

static int on_connect(yodel_ws *ws, yodel_request *req, void *user)
{
    yodel_str room = yodel_request_param(req, "room");
    char *group = malloc(GROUP_SIZE);

    (void)user;
    if (group == NULL)
        return 503;
    yodel_ws_set_data(ws, group, free);
    if (snprintf(group, GROUP_SIZE, "chat_%" YODEL_PRI, YODEL_ARG(room)) >= GROUP_SIZE)
        return 404;
    return yodel_group_add(app.layer, group, ws) < 0 ? 503 : YODEL_ACCEPT;
}

static int send_burst(const char *group, int num)
{
    int rc = 0;

    for (int i = 0; i < num && rc == 0; i++)
        rc = yodel_group_send_event(app.layer, group, "chat_message", "{s:i}", "message", i);
    return rc;
}

static int send_name(yodel_ws *ws)
{
    char name[YODEL_CHANNEL_NAME_SIZE];

    yodel_ws_channel_name(ws, name);
    return yodel_ws_send_pack(ws, "{s:s}", "name", name);
}

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    json_t *text, *to, *job, *burst, *json;
    int rc;

    (void)user;
    if ((rc = yodel_ws_message_json(message, &json)) < 0)
        return rc;
    text = json_object_get(json, "message");
    to = json_object_get(json, "to");
    job = json_object_get(json, "job");
    burst = json_object_get(json, "burst");
    if (json_object_get(json, "name") != NULL)
        rc = send_name(ws);
    else if (burst != NULL)
        rc = send_burst(yodel_ws_data(ws), (int)json_integer_value(burst));
    else if (job != NULL)
        rc = yodel_channel_send_event(app.layer, json_string_value(job), "work", "{s:O}", "work",
                                      text);
    else if (to != NULL)
        rc = yodel_channel_send_event(app.layer, json_string_value(to), "chat_message", "{s:O}",
                                      "message", text);
    else
        rc = yodel_group_send_event(app.layer, yodel_ws_data(ws), "chat_message", "{s:O}",
                                    "message", text);
    json_decref(json);
    if (rc < 0)
        rc = yodel_ws_send_pack(ws, "{s:s}", "error", yodel_error_name(rc));
    return rc;
}

static int on_chat_message(yodel_ws *ws, const yodel_event *event, void *user)
{
    (void)user;
    return yodel_ws_send_json(ws, yodel_event_json(event));
}

static void on_job(yodel_channels *layer, const yodel_event *event, void *user)
{
    (void)user;
    (void)yodel_group_send_event(layer, "chat_jobs", "chat_message", "{s:O}", "message",
                                 json_object_get(yodel_event_json(event), "work"));
}

static void say(yodel_request *req, void *user)
{
    yodel_str room = yodel_request_param(req, "room"),
              text = yodel_request_query_param(req, "text");
    char group[GROUP_SIZE];

    (void)user;
    (void)snprintf(group, sizeof group, "chat_%" YODEL_PRI, YODEL_ARG(room));
    (void)yodel_request_reply_pack(req, 200, "{s:i}", "result",
                                   yodel_group_send_event(app.layer, group, "chat_message",
                                                          "{s:s%}", "message", text.ptr,
                                                          (int)text.len));
}

static void stats(yodel_request *req, void *user)
{
    yodel_channels_redis_stats layer = {.size = sizeof layer};
    int up = 1;

    (void)user;
    (void)yodel_channels_get_redis_stats(app.layer, &layer);
    for (size_t i = 0; i < app.num_hosts; i++)
        up = up && yodel_redis_state(app.hosts[i]) == YODEL_REDIS_UP;
    (void)yodel_request_reply_pack(
        req, 200, "{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "up", up, "published",
        (json_int_t)layer.published, "received", (json_int_t)layer.received, "malformed",
        (json_int_t)layer.malformed, "expired", (json_int_t)layer.expired, "full",
        (json_int_t)layer.full, "dropped", (json_int_t)layer.dropped, "lost",
        (json_int_t)layer.lost, "waiting", (json_int_t)layer.waiting);
}

static int add_host(const char *url)
{
    int rc = yodel_redis_new(app.server, YODEL_OPTIONS(yodel_redis_options, .url = url),
                             &app.hosts[app.num_hosts]);

    if (rc == 0)
        app.num_hosts++;
    return rc;
}

static int read_argument(const char *text)
{
    const char *value = strchr(text, '=');

    value = value != NULL ? value + 1 : "";
    if (strcmp(text, "core") == 0 || strcmp(text, "pubsub") == 0)
        app.options.form = text[0] == 'c' ? YODEL_CHANNELS_CORE : YODEL_CHANNELS_PUBSUB;
    else if (strncmp(text, "key=", 4) == 0 && app.num_keys < MAX)
        app.keys[app.num_keys++] = (yodel_bytes){(const uint8_t *)value, strlen(value)};
    else if (strncmp(text, "prefix=", 7) == 0)
        app.options.prefix = value;
    else if (strncmp(text, "capacity=", 9) == 0)
        app.options.capacity = (uint32_t)atoi(value);
    else if (strncmp(text, "expiry=", 7) == 0)
        app.options.expiry_s = (uint32_t)atoi(value);
    else if (strncmp(text, "lease=", 6) == 0)
        app.options.lease_s = (uint32_t)atoi(value);
    else if (app.num_hosts < MAX)
        return add_host(text);
    return 0;
}

static int set_up(int argc, char **argv)
{
    static const yodel_ws_event_handler events[] = {{"chat_message", on_chat_message},
                                                    {NULL, NULL}};
    int rc = 0;

    for (int i = 1; i < argc && rc == 0; i++)
        rc = read_argument(argv[i]);
    app.options.symmetric_keys = app.keys;
    app.options.num_symmetric_keys = app.num_keys;
    if (rc == 0)
        rc = yodel_channels_new_memory(app.server, &app.layer);
    if (rc == 0)
        rc = yodel_channels_use_redis(app.layer, app.hosts, app.num_hosts, &app.options);
    if (rc == 0)
        rc = yodel_channels_receive(app.layer, "yodel-jobs", on_job, NULL);
    if (rc == 0)
        rc = yodel_server_route(app.server, "GET /say/{room}", say, NULL);
    if (rc == 0)
        rc = yodel_server_route(app.server, "GET /stats", stats, NULL);
    if (rc == 0)
        rc = yodel_server_route_ws(app.server, "/ws/chat/{room}/",
                                   YODEL_OPTIONS(yodel_ws_handlers, .on_connect = on_connect,
                                                 .on_message = on_message, .events = events),
                                   NULL);
    return rc;
}

int main(int argc, char **argv)
{
    int rc = yodel_server_new(YODEL_OPTIONS(yodel_server_options, .handle_signals = 1, .loops = 2),
                              &app.server);

    if (rc >= 0)
        rc = set_up(argc, argv);
    if (rc >= 0)
        rc = yodel_server_listen(app.server,
                                 YODEL_OPTIONS(yodel_listen_options, .address = "127.0.0.1:0"));
    if (rc >= 0) {
        printf("PORT %d\n", rc);
        (void)fflush(stdout);
        rc = yodel_server_run(app.server);
    }
    if (rc < 0)
        fprintf(stderr, "yodel-layers: %s\n", yodel_strerror(rc));
    for (size_t i = 0; i < app.num_hosts; i++)
        yodel_redis_unref(app.hosts[i]);
    yodel_channels_unref(app.layer);
    yodel_server_unref(app.server);
    return rc < 0;
}
