/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "serve/consumers.h"
#include "serve/hook_records.h"
#include "serve/hook_relay.h"
#include "serve/hooks.h"
#include "serve/metrics_text.h"
#include "serve/occupancy.h"
#include "serve/state.h"

/* Samples of a family with one label, whose values are known. */
struct labelled {
    const char *label;
    uint64_t value;
};

static void put_labelled(struct yg_text *text, const char *name, const char *type, const char *help,
                         const struct labelled *samples, size_t num)
{
    yg_metric_head(text, name, type, help);
    for (size_t i = 0; i < num; i++)
        yg_metric_sample(text, name, samples[i].label, samples[i].value);
}

#define PUT_LABELLED(text, name, type, help, ...)                                                  \
    put_labelled(text, name, type, help, (const struct labelled[]){__VA_ARGS__},                   \
                 sizeof((const struct labelled[]){__VA_ARGS__}) / sizeof(struct labelled))

static uint64_t less(uint64_t all, uint64_t some)
{
    return all > some ? all - some : 0;
}

static void put_messages(struct yg_text *text, const yodel_server_stats *all,
                         const yodel_sio_stats *sio)
{
    PUT_LABELLED(text, "yodel_messages_received_total", "counter", "Messages of clients.",
                 {"protocol=\"socketio\"", sio->messages_in},
                 {"protocol=\"websocket\"", less(all->messages_in, sio->messages_in)});
    PUT_LABELLED(
        text, "yodel_messages_sent_total", "counter", "Messages to clients.",
        {"protocol=\"socketio\"", sio->messages_out},
        {"protocol=\"websocket\"", less(all->messages_out, sio->messages_out + all->events_out)},
        {"protocol=\"event_stream\"", all->events_out});
}

static void put_traffic(struct yg_text *text, const yodel_server_stats *stats)
{
    yg_metric(text, "yodel_http_requests_total", "counter", "Requests, upgrades included.",
              stats->requests);
    PUT_LABELLED(text, "yodel_http_requests_refused_total", "counter",
                 "Requests that were too big or came too slowly.",
                 {"reason=\"too_big\"", stats->requests_too_big},
                 {"reason=\"late\"", stats->requests_late});
    yg_metric(text, "yodel_received_bytes_total", "counter", "Bytes from clients.",
              stats->bytes_in);
    yg_metric(text, "yodel_sent_bytes_total", "counter", "Bytes to clients.", stats->bytes_out);
    yg_metric(text, "yodel_send_queue_bytes", "gauge", "Bytes that wait to be sent.",
              stats->send_queue);
    PUT_LABELLED(text, "yodel_messages_dropped_total", "counter", "Messages that were not sent.",
                 {"reason=\"queue\"", stats->congested}, {"reason=\"loop\"", stats->mail_refused},
                 {"reason=\"event_stream\"", stats->events_dropped});
}

static void put_ends(struct yg_text *text, const yodel_server_stats *stats)
{
    yg_metric(text, "yodel_slow_clients_closed_total", "counter",
              "Clients that were ended, as they did not take what was sent.",
              stats->sends_stalled + stats->slow_closed);
    PUT_LABELLED(text, "yodel_clients_ended_total", "counter",
                 "Clients that were sent away for what they did.",
                 {"reason=\"message_rate\"", stats->limited_messages},
                 {"reason=\"message_size\"", stats->messages_too_big},
                 {"reason=\"ping_timeout\"", stats->pings_unanswered},
                 {"reason=\"discard\"", stats->cut_short},
                 {"reason=\"tls_keys\"", stats->tls_flooded});
}

static void put_work(struct yg_text *text, const yodel_server_stats *stats)
{
    yg_metric(text, "yodel_work_waiting", "gauge", "Jobs that no thread has begun.",
              stats->work_waiting);
    yg_metric(text, "yodel_work_refused_total", "counter", "Jobs that found no room.",
              stats->work_refused);
    yg_metric(text, "yodel_deflate_memory_bytes", "gauge",
              "Memory that is promised to compressed WebSockets.", stats->deflate_memory);
}

static void put_library(struct yg_state *state, struct yg_text *text)
{
    yodel_server_stats server = {.size = sizeof(server)};
    yodel_sio_stats clients = {.size = sizeof(clients)};

    (void)yodel_server_get_stats(state->server, &server);
    (void)yodel_sio_get_stats(state->sio, &clients);
    yg_metric(text, "yodel_tcp_connections", "gauge", "TCP connections that are open.",
              server.connections);
    yg_metric(text, "yodel_tcp_connections_opened_total", "counter",
              "TCP connections that were accepted.", server.accepted);
    put_ends(text, &server);
    put_messages(text, &server, &clients);
    yg_metric(text, "yodel_joins_refused_total", "counter",
              "Rooms that were not entered, at limits.rooms_per_socket.", clients.joins_refused);
    put_traffic(text, &server);
    put_work(text, &server);
}

static void put_state(struct yg_state *state, struct yg_text *text)
{
    struct yg_text labels = {0};

    yg_metric_head(text, "yodel_build_info", "gauge", "The version of the program.");
    yg_metric_label(&labels, "version", yodel_version());
    yg_metric_sample(text, "yodel_build_info", yg_text_string(&labels), 1);
    text->failed = text->failed || yg_text_failed(&labels);
    yg_text_done(&labels);
    yg_metric(text, "yodel_draining", "gauge", "Whether the server is about to stop.",
              atomic_load(&state->is_draining) ? 1 : 0);
    yg_metric(text, "yodel_config_last_reload_successful", "gauge",
              "Whether the last reading of the configuration went well.",
              (uint64_t)atomic_load(&state->last_reload));
    yg_metric(text, "yodel_config_last_reload_success_timestamp_seconds", "gauge",
              "When the configuration was last read well.",
              (uint64_t)atomic_load(&state->last_reload_ms) / 1000);
}

/* Who has metrics. */
static void (*const writers[])(struct yg_state *state, struct yg_text *text) = {
    put_state,         yg_connections_put, yg_namespaces_put, put_library,         yg_health_put,
    yg_cert_times_put, yg_api_counts_put,  yg_auth_put,       yg_client_verbs_put, yg_redis_put,
    yg_log_put,        yg_hooks_put,       yg_records_put,    yg_serve_admin_put,  yg_relay_put,
    yg_consumers_put,  yg_occupancy_put,
};

static void reply(yodel_request *req, const struct yg_text *text, const char *type)
{
    if (yg_text_failed(text))
        (void)yodel_request_reply_text(req, 503, NULL, YODEL_STR("out of memory\n"));
    else
        (void)yodel_request_reply_text(req, 200, type,
                                       (yodel_str){yg_text_string(text), text->len});
}

static void answer(yodel_request *req, void *user)
{
    struct yg_state *state = user;
    struct yg_text text = {0}, open = {0};

    if (!yg_state_serves(state, req, YG_SERVE_METRICS)) {
        (void)yodel_request_reply_text(req, 404, NULL, YODEL_STR("Not Found\n"));
        return;
    }
    yg_process_metrics_put(state, yodel_request_loop(req), &text);
    for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]); i++)
        writers[i](state, &text);
    if (!yg_metrics_wants_openmetrics(yodel_request_header(req, "Accept"))) {
        reply(req, &text, "text/plain; version=0.0.4; charset=utf-8");
    } else {
        yg_metrics_to_openmetrics(&text, &open);
        open.failed = open.failed || yg_text_failed(&text);
        reply(req, &open, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    }
    yg_text_done(&open);
    yg_text_done(&text);
}

int yg_metrics_start(struct yg_state *state)
{
    char pattern[300];

    if (yg_cert_times_start(state) < 0)
        return -ENOMEM;
    yg_process_metrics_start(state);
    snprintf(pattern, sizeof(pattern), "GET %s", state->first->metrics.path);
    return yodel_server_route(state->server, pattern, answer, state);
}
