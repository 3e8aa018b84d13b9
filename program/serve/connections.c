/* SPDX-License-Identifier: MIT */
#include "serve/connections.h"

#include <inttypes.h>
#include <stdio.h>

#include "serve/state.h"
#include "state/socket_state.h"

const char *yg_transport_word(enum yg_transport transport)
{
    static const char *const words[YG_NUM_TRANSPORTS] = {"polling", "websocket", "raw_websocket",
                                                         "event_stream"};

    return words[transport];
}

const char *yg_end_reason_word(enum yg_end_reason reason)
{
    static const char *const words[YG_NUM_END_REASONS] = {
        "client", "error", "ping_timeout", "protocol", "slow", "no_namespace", "server", "shutdown",
    };

    return words[reason];
}

static struct yg_log_about about_of(const struct yg_connection *connection, const char *event)
{
    return (struct yg_log_about){.event = event,
                                 .conn = connection->number,
                                 .sid = connection->sid,
                                 .user = connection->user,
                                 .address = connection->peer,
                                 .path = connection->path,
                                 .transport = yg_transport_word(connection->transport)};
}

void yg_connection_opened(struct yg_state *state, const struct yg_connection *connection)
{
    struct yg_log_about about;

    atomic_fetch_add_explicit(&state->connections.opened[connection->transport], 1,
                              memory_order_relaxed);
    if (!yg_log_wants_access(state, YG_ACCESS_CONNECTIONS))
        return;
    about = about_of(connection, "connection.opened");
    yg_log_access(state, &about, "%016" PRIx64 " from %" YODEL_PRI " has come, by %s", about.conn,
                  YODEL_ARG(about.address), about.transport);
}

void yg_connection_asked(struct yg_state *state, const struct yg_connection *connection,
                         const yodel_request *req)
{
    const yodel_str path = yodel_request_path(req), query = yodel_request_query(req);
    struct yg_connection with_path = *connection;
    struct yg_text text = {0};

    if (yg_log_wants_access(state, YG_ACCESS_CONNECTIONS)) {
        yg_text_add(&text, path.ptr, path.len);
        if (query.len > 0) {
            yg_text_putc(&text, '?');
            yg_text_add(&text, query.ptr, query.len);
        }
        with_path.path = (yodel_str){text.ptr, text.len};
    }
    yg_connection_opened(state, &with_path);
    yg_text_done(&text);
}

void yg_connection_closed(struct yg_state *state, const struct yg_connection *connection,
                          enum yg_end_reason reason)
{
    struct yg_log_about about;

    atomic_fetch_add_explicit(&state->connections.closed[connection->transport][reason], 1,
                              memory_order_relaxed);
    if (!yg_log_wants_access(state, YG_ACCESS_CONNECTIONS))
        return;
    about = about_of(connection, "connection.closed");
    about.reason = yg_end_reason_word(reason);
    yg_log_access(state, &about, "%016" PRIx64 " from %" YODEL_PRI " has gone: %s", about.conn,
                  YODEL_ARG(about.address), about.reason);
}

/* ---- sockets ---- */

static struct yg_log_about about_socket(yodel_sio_socket *socket, const char *event)
{
    return (struct yg_log_about){.event = event,
                                 .conn = yodel_sio_socket_client_number(socket),
                                 .sid = yodel_sio_socket_id(socket),
                                 .ns = yodel_sio_namespace_name(yodel_sio_socket_namespace(socket)),
                                 .user = yg_state_user(socket),
                                 .address = yodel_sio_socket_peer(socket)};
}

void yg_socket_connected(struct yg_state *state, yodel_sio_socket *socket)
{
    struct yg_log_about about;

    if (!yg_log_wants_access(state, YG_ACCESS_CONNECTIONS))
        return;
    about = about_socket(socket, "socket.connected");
    yg_log_access(state, &about, "%" YODEL_PRI " is in %" YODEL_PRI ", of %016" PRIx64,
                  YODEL_ARG(about.sid), YODEL_ARG(about.ns), about.conn);
}

void yg_socket_disconnecting(struct yg_state *state, yodel_sio_socket *socket, const char *reason)
{
    struct yg_log_about about;

    if (!yg_log_wants_access(state, YG_ACCESS_CONNECTIONS))
        return;
    about = about_socket(socket, "socket.disconnected");
    about.reason = reason;
    yg_log_access(state, &about, "%" YODEL_PRI " has left %" YODEL_PRI ": %s", YODEL_ARG(about.sid),
                  YODEL_ARG(about.ns), reason);
}

/* ---- metrics ---- */

static uint64_t get(const atomic_uint_least64_t *count)
{
    return atomic_load_explicit(count, memory_order_relaxed);
}

/* Of a kind that does not change its transport.  Those that came are read last: more may have
 * gone since. */
static uint64_t num_open(const struct yg_connection_counts *counts, enum yg_transport transport)
{
    uint64_t opened, closed = 0;

    for (int i = 0; i < YG_NUM_END_REASONS; i++)
        closed += get(&counts->closed[transport][i]);
    opened = get(&counts->opened[transport]);
    return opened > closed ? opened - closed : 0;
}

static void put_by_transport(struct yg_text *text, const char *name,
                             const uint64_t values[YG_NUM_TRANSPORTS])
{
    char label[60];

    for (int i = 0; i < YG_NUM_TRANSPORTS; i++) {
        snprintf(label, sizeof(label), "transport=\"%s\"", yg_transport_word(i));
        yg_metric_sample(text, name, label, values[i]);
    }
}

static void put_open(struct yg_state *state, struct yg_text *text)
{
    static const char name[] = "yodel_connections";
    yodel_sio_stats stats = {.size = sizeof(stats)};
    uint64_t values[YG_NUM_TRANSPORTS];

    (void)yodel_sio_get_stats(state->sio, &stats);
    values[YG_BY_POLLING] = stats.polling;
    values[YG_BY_WEBSOCKET] = stats.clients > stats.polling ? stats.clients - stats.polling : 0;
    values[YG_BY_RAW_WEBSOCKET] = num_open(&state->connections, YG_BY_RAW_WEBSOCKET);
    values[YG_BY_EVENT_STREAM] = num_open(&state->connections, YG_BY_EVENT_STREAM);
    yg_metric_head(text, name, "gauge", "Clients that are connected.");
    put_by_transport(text, name, values);
}

static void put_opened(struct yg_state *state, struct yg_text *text)
{
    static const char name[] = "yodel_connections_opened_total";
    uint64_t values[YG_NUM_TRANSPORTS];

    for (int i = 0; i < YG_NUM_TRANSPORTS; i++)
        values[i] = get(&state->connections.opened[i]);
    yg_metric_head(text, name, "counter", "Clients that have come.");
    put_by_transport(text, name, values);
}

static void put_closed(struct yg_state *state, struct yg_text *text)
{
    static const char name[] = "yodel_connections_closed_total";
    char labels[100];

    yg_metric_head(text, name, "counter", "Clients that have gone.");
    for (int i = 0; i < YG_NUM_TRANSPORTS; i++) {
        for (int j = 0; j < YG_NUM_END_REASONS; j++) {
            snprintf(labels, sizeof(labels), "transport=\"%s\",reason=\"%s\"", yg_transport_word(i),
                     yg_end_reason_word(j));
            yg_metric_sample(text, name, labels, get(&state->connections.closed[i][j]));
        }
    }
}

void yg_connections_put(struct yg_state *state, struct yg_text *text)
{
    put_open(state, text);
    put_opened(state, text);
    put_closed(state, text);
    yg_refusals_put(state, text);
}
