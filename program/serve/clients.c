/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "hook/hook.h"
#include "serve/state.h"

#define MAX_ORIGINS 1000

static int allow(yodel_request *req, void *user)
{
    struct yg_state *state = user;

    const bool clients = yg_state_serves(state, req, YG_SERVE_CLIENTS);
    const bool admin = state->admin != NULL && yg_state_serves(state, req, YG_SERVE_ADMIN);

    if (!clients && !admin)
        return 404;
    if ((clients && yg_origin_allows(&state->first->clients.origins, req)) ||
        (admin && yg_origin_allows(&state->first->admin.origins, req)))
        return 0;
    yg_refused(state, YG_REFUSED_ORIGIN, yodel_request_peer(req));
    return 403;
}

/* ---- who comes and goes ---- */

static enum yg_transport transport_of(const yodel_sio_client *client)
{
    return strcmp(client->transport, "polling") == 0 ? YG_BY_POLLING : YG_BY_WEBSOCKET;
}

/* The words of the library are those of socket.io's server. */
static enum yg_end_reason reason_of(const yodel_sio_client *client)
{
    static const struct {
        const char *text;
        enum yg_end_reason reason;
    } reasons[] = {
        {"transport close", YG_END_CLIENT},        {"transport error", YG_END_ERROR},
        {"ping timeout", YG_END_PING_TIMEOUT},     {"parse error", YG_END_PROTOCOL},
        {"forced close", YG_END_PROTOCOL},         {"too slow", YG_END_SLOW},
        {"no namespace", YG_END_NO_NAMESPACE},     {"forced server close", YG_END_SERVER},
        {"server shutting down", YG_END_SHUTDOWN},
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (strcmp(client->reason, reasons[i].text) == 0)
            return reasons[i].reason;
    }
    return YG_END_SERVER;
}

static struct yg_connection connection_of(const yodel_sio_client *client)
{
    return (struct yg_connection){
        .number = client->number, .transport = transport_of(client), .peer = client->peer};
}

static void on_client_open(const yodel_sio_client *client, void *user)
{
    const struct yg_state *state = user;
    const struct yg_connection connection = connection_of(client);

    yg_connection_opened(user, &connection);
    yg_admin_client_opened(state->admin);
}

static void on_client_close(const yodel_sio_client *client, void *user)
{
    const struct yg_state *state = user;
    const struct yg_connection connection = connection_of(client);

    yg_connection_closed(user, &connection, reason_of(client));
    yg_admin_client_closed(state->admin, client->reason);
}

/* ---- the service ---- */

/* Pages of other hosts need CORS for polling. */
static size_t add_others(const struct yg_texts *origins, const char *into[MAX_ORIGINS + 1],
                         size_t num)
{
    for (size_t i = 0; i < origins->num && num < MAX_ORIGINS; i++) {
        if (strcmp(origins->items[i], "same") != 0)
            into[num++] = origins->items[i];
    }
    into[num] = NULL;
    return num;
}

static size_t other_origins(const struct yg_config *config, const char *into[MAX_ORIGINS + 1])
{
    const size_t num = add_others(&config->clients.origins, into, 0);

    return config->admin.enabled ? add_others(&config->admin.origins, into, num) : num;
}

int yg_clients_start(struct yg_state *state)
{
    const struct yg_config *config = state->first;
    const char *origins[MAX_ORIGINS + 1];
    const yodel_cors_options cors = {.size = sizeof(cors), .origins = origins, .credentials = 1};
    int rc;

    rc = yodel_sio_new(
        state->server,
        YODEL_OPTIONS(yodel_sio_options, .path = config->socketio.path,
                      .ping_interval_ms = config->socketio.ping_interval_ms,
                      .ping_timeout_ms = config->socketio.ping_timeout_ms,
                      .connect_timeout_ms = config->socketio.connect_timeout_ms,
                      .decide_ms = YG_HOOK_DECIDE_MS, .max_payload = config->limits.message_bytes,
                      .max_buffered = config->limits.queue_bytes,
                      .max_rooms = config->limits.rooms_per_socket,
                      .cors = other_origins(config, origins) > 0 ? &cors : NULL,
                      .recovery_ms = config->socketio.recovery_ms, .recovery_use_middleware = 1,
                      .close_congested = config->limits.on_slow == YG_SLOW_CLOSE,
                      .allow_request = allow, .on_client_open = on_client_open,
                      .on_client_close = on_client_close, .hooks_user = state,
                      .channels = state->service.kept),
        &state->sio);
    if (rc < 0) {
        yg_log_option(state, config, "socketio: %s", yodel_strerror(rc));
        return rc;
    }
    if ((rc = yg_serve_admin_start(state)) < 0)
        return rc;
    if (*config->clients.page != '\0') {
        rc = yodel_server_static(state->server, "/", config->clients.page, NULL);
        if (rc < 0) {
            yg_log_option(state, config, "clients.page: %s: %s", config->clients.page,
                          yodel_strerror(rc));
            return rc;
        }
    }
    return yg_namespaces_start(state);
}
