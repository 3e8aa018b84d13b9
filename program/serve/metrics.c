/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "base/text.h"
#include "serve/state.h"

static void put(struct yg_text *text, const char *name, const char *type, const char *help,
                uint64_t value)
{
    yg_text_printf(text, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, help, name, type,
                   name, value);
}

static void put_server(struct yg_text *text, const yodel_server_stats *stats)
{
    put(text, "yodel_connections_opened_total", "counter", "Connections that were accepted.",
        stats->accepted);
    yg_text_printf(text,
                   "# HELP yodel_connections_refused_total Connections that were refused.\n"
                   "# TYPE yodel_connections_refused_total counter\n"
                   "yodel_connections_refused_total{reason=\"connections\"} %" PRIu64 "\n"
                   "yodel_connections_refused_total{reason=\"per_address\"} %" PRIu64 "\n"
                   "yodel_connections_refused_total{reason=\"handshake\"} %" PRIu64 "\n"
                   "yodel_connections_refused_total{reason=\"proxy\"} %" PRIu64 "\n"
                   "yodel_connections_refused_total{reason=\"connect_rate\"} %" PRIu64 "\n",
                   stats->refused, stats->limited_connections, stats->limited_handshakes,
                   stats->proxy_refused, stats->limited_connects);
    put(text, "yodel_tcp_connections", "gauge", "TCP connections that are open.",
        stats->connections);
    put(text, "yodel_http_requests_total", "counter", "Requests, upgrades included.",
        stats->requests);
    put(text, "yodel_messages_received_total", "counter", "Messages of clients.",
        stats->messages_in);
    put(text, "yodel_messages_sent_total", "counter", "Messages to clients.", stats->messages_out);
    put(text, "yodel_received_bytes_total", "counter", "Bytes from clients.", stats->bytes_in);
    put(text, "yodel_sent_bytes_total", "counter", "Bytes to clients.", stats->bytes_out);
    yg_text_printf(text,
                   "# HELP yodel_messages_dropped_total Messages that were not sent.\n"
                   "# TYPE yodel_messages_dropped_total counter\n"
                   "yodel_messages_dropped_total{reason=\"queue\"} %" PRIu64 "\n"
                   "yodel_messages_dropped_total{reason=\"loop\"} %" PRIu64 "\n",
                   stats->congested, stats->mail_refused);
}

static void put_clients(struct yg_text *text, const yodel_sio_stats *stats)
{
    yg_text_printf(text,
                   "# HELP yodel_connections Clients that are connected.\n"
                   "# TYPE yodel_connections gauge\n"
                   "yodel_connections{transport=\"polling\"} %" PRIu64 "\n"
                   "yodel_connections{transport=\"websocket\"} %" PRIu64 "\n",
                   stats->polling,
                   stats->clients > stats->polling ? stats->clients - stats->polling : 0);
}

static void put_process(struct yg_text *text, struct yg_state *state)
{
    yg_text_printf(text,
                   "# HELP yodel_build_info The version of the program.\n"
                   "# TYPE yodel_build_info gauge\n"
                   "yodel_build_info{version=\"%s\"} 1\n",
                   yodel_version());
    put(text, "yodel_draining", "gauge", "Whether the server is about to stop.",
        atomic_load(&state->is_draining) ? 1 : 0);
    put(text, "yodel_config_last_reload_successful", "gauge",
        "Whether the last reading of the configuration went well.",
        (uint64_t)atomic_load(&state->last_reload));
    put(text, "yodel_config_last_reload_success_timestamp_seconds", "gauge",
        "When the configuration was last read well.",
        (uint64_t)atomic_load(&state->last_reload_ms) / 1000);
}

static void answer(yodel_request *req, void *user)
{
    yodel_server_stats server = {.size = sizeof(server)};
    yodel_sio_stats clients = {.size = sizeof(clients)};
    struct yg_state *state = user;
    struct yg_text text = {0};

    if (!yg_state_serves(state, req, YG_SERVE_METRICS)) {
        (void)yodel_request_reply_text(req, 404, NULL, YODEL_STR("Not Found\n"));
        return;
    }
    if (yodel_server_get_stats(state->server, &server) == 0 &&
        yodel_sio_get_stats(state->sio, &clients) == 0) {
        put_process(&text, state);
        put_server(&text, &server);
        put_clients(&text, &clients);
        yg_api_counts_put(state->api_counts, &text);
        yg_auth_put(state, &text);
        yg_client_verbs_put(state, &text);
        yg_redis_put(state, &text);
        yg_log_put(state, &text);
        yg_visitors_put(state, &text);
    }
    if (yg_text_failed(&text))
        (void)yodel_request_reply_text(req, 503, NULL, YODEL_STR("out of memory\n"));
    else
        (void)yodel_request_reply_text(req, 200, "text/plain; version=0.0.4; charset=utf-8",
                                       (yodel_str){yg_text_string(&text), text.len});
    yg_text_done(&text);
}

int yg_metrics_start(struct yg_state *state)
{
    char pattern[300];

    snprintf(pattern, sizeof(pattern), "GET %s", state->first->metrics.path);
    return yodel_server_route(state->server, pattern, answer, state);
}
