/* SPDX-License-Identifier: MIT */
#include "config/table.h"

#include <stdint.h>
#include <string.h>

#include "base/nearest.h"
#include "config/config.h"

#define KiB ((uint64_t)1024)
#define MiB (1024 * KiB)
#define GiB (1024 * MiB)
#define SECOND ((uint64_t)1000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define MAX_TEXT 4096
#define MAX_NAME 255
#define MAX_ITEMS 1000

#define AT(field) offsetof(STRUCT, field)
#define TABLE(what, key, list)                                                                     \
    {                                                                                              \
        .name = (what), .size = sizeof(STRUCT), .id = (key), .options = (list),                    \
        .num = sizeof(list) / sizeof((list)[0])                                                    \
    }
/* Flags are YG_LIVE and others or'ed. */
#define FLAG(n, f, flags, def, text)                                                               \
    {                                                                                              \
        n, YG_BOOL, flags, AT(f), def, 0, 1, NULL, NULL, text                                      \
    }
#define COUNT(n, f, flags, def, lo, hi, text)                                                      \
    {                                                                                              \
        n, YG_COUNT, flags, AT(f), def, lo, hi, NULL, NULL, text                                   \
    }
#define SIZE(n, f, flags, def, lo, hi, text)                                                       \
    {                                                                                              \
        n, YG_SIZE, flags, AT(f), def, lo, hi, NULL, NULL, text                                    \
    }
#define TIME(n, f, flags, def, lo, hi, text)                                                       \
    {                                                                                              \
        n, YG_DURATION, flags, AT(f), def, lo, hi, NULL, NULL, text                                \
    }
#define RATE(n, f, flags, def, text)                                                               \
    {                                                                                              \
        n, YG_RATE, flags, AT(f), def, 0, 1000000, NULL, NULL, text                                \
    }
#define TEXT(n, f, flags, def, hi, text)                                                           \
    {                                                                                              \
        n, YG_TEXT, flags, AT(f), def, 0, hi, NULL, NULL, text                                     \
    }
#define WORD(n, f, flags, def, list, text)                                                         \
    {                                                                                              \
        n, YG_WORD, flags, AT(f), def, 0, 0, list, NULL, text                                      \
    }
#define MODE(n, f, flags, text)                                                                    \
    {                                                                                              \
        n, YG_MODE, flags, AT(f), NULL, 0, 0777, NULL, NULL, text                                  \
    }
#define TEXTS(n, f, flags, def, text)                                                              \
    {                                                                                              \
        n, YG_TEXTS, flags, AT(f), def, 0, MAX_ITEMS, NULL, NULL, text                             \
    }
#define WORDS(n, f, flags, def, list, text)                                                        \
    {                                                                                              \
        n, YG_WORDS, flags, AT(f), def, 0, 32, list, NULL, text                                    \
    }
#define PAIRS(n, f, flags, text)                                                                   \
    {                                                                                              \
        n, YG_PAIRS, flags, AT(f), NULL, 0, 100, NULL, NULL, text                                  \
    }
#define MAP(n, f, of, text)                                                                        \
    {                                                                                              \
        n, YG_MAP, 0, AT(f), NULL, 0, 0, NULL, &(of), text                                         \
    }
#define MAPS(n, f, flags, def, hi, of, text)                                                       \
    {                                                                                              \
        n, YG_MAPS, flags, AT(f), def, 0, hi, NULL, &(of), text                                    \
    }

#define STRUCT struct yg_server_config
static const struct yg_option server_options[] = {
    TEXT("id", id, 0, NULL, 64, "The name of this node; empty: made from the host's name."),
    COUNT("loops", loops, YG_HAS_AUTO, "auto", 1, 255,
          "Event loops, each with a thread; auto: one for each processor."),
    WORD("backend", backend, 0, "auto", "auto libuv io_uring", "What the loops run on."),
    TEXT("handover", handover, YG_PATH, NULL, 107,
         "A Unix socket by which a new process takes over (SIGUSR2); empty: one in "
         "$RUNTIME_DIRECTORY, if systemd has set that."),
    TIME("handover_timeout", handover_ms, 0, "50s", 100, HOUR,
         "A new process that has not taken over by then is ended, and this one stays."),
};
static const struct yg_table server_table = TABLE("server", NULL, server_options);
#undef STRUCT

#define STRUCT struct yg_tls_config
static const struct yg_option tls_options[] = {
    TEXTS("cert", cert, YG_PATH, NULL,
          "Files of certificates with their chains, in PEM; further ones are chosen by the name "
          "that the client asks for. SIGHUP reads them again."),
    TEXTS("key", key, YG_PATH, NULL, "Files of the private keys, in the order of cert."),
    WORD("min", min, 0, "1.2", "1.2 1.3", "The lowest version of TLS."),
    TEXT("client_ca", client_ca, YG_PATH, NULL, MAX_TEXT,
         "A file of the authorities whose certificates clients must show; empty: none is asked "
         "for."),
};
static const struct yg_table tls_table = TABLE("tls", NULL, tls_options);
#undef STRUCT

#define STRUCT struct yg_listen
static const struct yg_option listen_options[] = {
    TEXT("name", name, YG_NEEDED, NULL, 64, "The name of the listener, in logs and metrics."),
    TEXT("address", address, YG_NEEDED, NULL, 255,
         "HOST:PORT, [ADDRESS]:PORT, *:PORT (IPv4 and IPv6), unix:PATH, fd:N, or systemd:NAME."),
    WORDS("serve", serve, YG_NOT_EMPTY, "[clients]", "clients api metrics health admin",
          "What can be reached here; what is not meant for clients belongs on another listener."),
    MAP("tls", tls, tls_table, "Certificates; without one the listener is plain HTTP."),
    MODE("mode", mode, 0, "The mode of a Unix socket's file, such as 0660."),
    TEXT("owner", owner, 0, NULL, 64, "The user who owns a Unix socket's file."),
    TEXT("group", group, 0, NULL, 64, "The group of a Unix socket's file."),
    FLAG("proxy_protocol", proxy_protocol, 0, "false",
         "Every connection begins with a PROXY header; needs trusted_proxies."),
    TEXTS("trusted_proxies", trusted_proxies, 0, NULL,
          "Addresses and networks of proxies that may say who the client is; unix: who connects by "
          "a Unix socket."),
};
static const struct yg_table listen_table = TABLE("listener", "name", listen_options);
#undef STRUCT

#define STRUCT struct yg_clients_config
static const struct yg_option clients_options[] = {
    TEXTS("origins", origins, 0, "[same]",
          "Pages whose scripts may connect: same (those of this host), *, or "
          "https://example.com."),
    TEXT("page", page, YG_PATH, NULL, MAX_TEXT,
         "A folder of files that is served at /; empty: none."),
};
static const struct yg_table clients_table = TABLE("clients", NULL, clients_options);
#undef STRUCT

#define STRUCT struct yg_limits_config
static const struct yg_option limits_options[] = {
    COUNT("connections", connections, YG_HAS_AUTO, "auto", 1, 100000000,
          "Connections of the whole process; auto: as many as its descriptors allow. Listeners "
          "that serve no clients have 32 each beside them."),
    COUNT("per_address", per_address, 0, "0", 0, 100000000,
          "Connections of one client's address; 0: no limit."),
    RATE("connect_rate", connect_rate, 0, "0", "New connections of one client's address."),
    TIME("handshake", handshake_ms, 0, "10s", 100, HOUR,
         "Time for TLS and the first request's head."),
    SIZE("message", message_bytes, 0, "1MiB", 128, GiB, "The largest message of a client."),
    RATE("messages", messages, 0, "0", "Messages of one connection; above it is closed."),
    SIZE("queue", queue_bytes, 0, "1MiB", 4 * KiB, GiB,
         "What waits to be sent to one client that reads slowly."),
    WORD("on_slow", on_slow, 0, "close", "close drop",
         "What a full queue does: the client is closed, or misses messages."),
    COUNT("rooms_per_socket", rooms_per_socket, 0, "256", 1, 1000000, "Rooms of one socket."),
    COUNT("name_bytes", name_bytes, YG_LIVE, "255", 16, MAX_NAME,
          "Bytes of the name of a room, an event or a user."),
};
static const struct yg_table limits_table = TABLE("limits", NULL, limits_options);
#undef STRUCT

#define STRUCT struct yg_socketio_config
static const struct yg_option socketio_options[] = {
    TEXT("path", path, 0, "/socket.io/", MAX_NAME,
         "Where Socket.IO is; with slashes at both ends."),
    TIME("ping_interval", ping_interval_ms, 0, "25s", SECOND, HOUR,
         "A client that says nothing is asked after this time."),
    TIME("ping_timeout", ping_timeout_ms, 0, "20s", SECOND, HOUR,
         "Without an answer the client is gone after this time."),
    TIME("connect_timeout", connect_timeout_ms, 0, "45s", SECOND, HOUR,
         "A client must have joined a namespace after this time."),
    TIME("recovery", recovery_ms, 0, "0s", 0, HOUR,
         "How long a lost client may stay away and get what it missed; 0: off."),
};
static const struct yg_table socketio_table = TABLE("socketio", NULL, socketio_options);
#undef STRUCT

#define STRUCT struct yg_relay
static const struct yg_option relay_options[] = {
    TEXT("event", event, YG_NEEDED | YG_LIVE, NULL, MAX_NAME, "The name of the event."),
    WORD("to", to, YG_LIVE, "rooms", "rooms namespace",
         "Who gets it: the other sockets of the sender's rooms, or of the namespace."),
};
static const struct yg_table relay_table = TABLE("relayed event", "event", relay_options);
#undef STRUCT

#define STRUCT struct yg_namespace
static const struct yg_option namespace_options[] = {
    TEXT("name", name, YG_NEEDED, NULL, MAX_NAME, "The name, which begins with a slash."),
    WORD("auth", auth, YG_LIVE, "required", "required optional none",
         "Whether a client must show who it is, by one of auth.methods."),
    TEXT("webhook", webhook, YG_LIVE, NULL, 64,
         "The name of the webhook that is told; empty: none."),
    TEXT("personal_room", personal_room, YG_LIVE, NULL, MAX_NAME,
         "A room that each socket enters, such as user:{user}; empty: none."),
    MAPS("relay", relay, YG_LIVE, NULL, 100, relay_table,
         "Events of clients that are passed on without a hook."),
};
static const struct yg_table namespace_table = TABLE("namespace", "name", namespace_options);
#undef STRUCT

#define STRUCT struct yg_websocket
static const struct yg_option websocket_options[] = {
    TEXT("path", path, YG_NEEDED, NULL, MAX_NAME,
         "The path, in which {name} stands for one segment."),
    WORD("auth", auth, YG_LIVE, "required", "required optional none",
         "Whether a client must show who it is."),
    TEXT("webhook", webhook, YG_LIVE, NULL, 64, "The name of the webhook that is told."),
};
static const struct yg_table websocket_table = TABLE("WebSocket", "path", websocket_options);
#undef STRUCT

#define STRUCT struct yg_events
static const struct yg_option events_options[] = {
    TEXT("path", path, YG_NEEDED, NULL, MAX_NAME, "The path of an event stream."),
    WORD("auth", auth, YG_LIVE, "required", "required optional none",
         "Whether a client must show who it is."),
    TEXT("webhook", webhook, YG_LIVE, NULL, 64, "The name of the webhook that is told."),
    WORD("rooms", rooms, YG_LIVE, "token", "token query",
         "Which rooms are read: those that the token or the webhook joins, or those of the query "
         "that they allow."),
};
static const struct yg_table events_table = TABLE("event stream", "path", events_options);
#undef STRUCT

#define STRUCT struct yg_history_config
static const struct yg_option history_options[] = {
    COUNT("size", size, YG_LIVE, "0", 0, 100000,
          "Messages that are kept of each room of a namespace and of each group of WebSockets; "
          "0: none."),
    TIME("ttl", ttl_ms, YG_LIVE, "1h", SECOND, 40 * DAY, "How long they are kept."),
};
static const struct yg_table history_table = TABLE("history", NULL, history_options);
#undef STRUCT

#define STRUCT struct yg_room
static const struct yg_option room_options[] = {
    TEXT("match", match, YG_NEEDED | YG_LIVE, NULL, MAX_NAME,
         "Names of rooms, in which * stands for anything; the first entry that matches is taken."),
    FLAG("presence", presence, YG_LIVE, "false", "Whether it is known who is in the room."),
    MAP("history", history, history_table, "What is kept of the room's messages."),
    FLAG("occupancy_events", occupancy_events, YG_LIVE, "false",
         "Whether the webhook is told that the room is occupied, and vacated."),
    TIME("vacated_delay", vacated_delay_ms, YG_LIVE, "5s", 0, HOUR,
         "A room counts as empty after this time without members."),
};
static const struct yg_table room_table = TABLE("room", "match", room_options);
#undef STRUCT

#define ALGORITHMS "HS256 HS384 HS512 RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA"

#define STRUCT struct yg_jwt_key
static const struct yg_option jwt_key_options[] = {
    TEXT("kid", kid, YG_LIVE, NULL, MAX_NAME, "The id of the key, as in the tokens' heads."),
    WORDS("algorithms", algorithms, YG_LIVE, NULL, ALGORITHMS,
          "What this key is for; empty: those of auth.jwt.algorithms that fit its kind."),
    TEXT("secret", secret, YG_LIVE | YG_SECRET, NULL, MAX_TEXT, "The secret of HS256 and its kin."),
    TEXT("public_key", public_key, YG_LIVE, NULL, 16 * KiB, "A public key, in PEM."),
};
static const struct yg_table jwt_key_table = TABLE("key", "kid", jwt_key_options);
#undef STRUCT

#define STRUCT struct yg_jwt_config
static const struct yg_option jwt_options[] = {
    WORDS("algorithms", algorithms, YG_LIVE | YG_NOT_EMPTY, "[HS256]", ALGORITHMS,
          "Algorithms that are taken."),
    MAPS("keys", keys, YG_LIVE, NULL, 100, jwt_key_table, "Keys that tokens may be signed with."),
    TEXT("jwks_url", jwks_url, YG_LIVE, NULL, MAX_TEXT,
         "Where the keys are: https://, or the path of a file; needs audience."),
    TEXT("issuer", issuer, YG_LIVE, NULL, MAX_TEXT, "What iss must be; empty: anything."),
    TEXT("audience", audience, YG_LIVE, NULL, MAX_TEXT, "What aud must have; empty: anything."),
    TIME("leeway", leeway_ms, YG_LIVE, "30s", 0, HOUR, "By how much clocks may differ."),
    FLAG("require_exp", require_exp, YG_LIVE, "true", "Whether a token must have an end."),
    TEXT("user_claim", user_claim, YG_LIVE, "sub", 64, "The claim that names the user."),
    TEXTS("sources", sources, YG_LIVE, "[auth.token, authorization, \"cookie:yodel_token\"]",
          "Where a token may be: auth.token, authorization, cookie:NAME, query:NAME."),
    WORD("on_expire", on_expire, YG_LIVE, "reconnect", "reconnect keep",
         "What happens to a socket whose token ends."),
};
static const struct yg_table jwt_table = TABLE("jwt", NULL, jwt_options);
#undef STRUCT

#define STRUCT struct yg_auth_config
static const struct yg_option auth_options[] = {
    WORDS("methods", methods, YG_LIVE, NULL, "jwt webhook",
          "Who says who a client is, one after the other."),
    FLAG(
        "anonymous", anonymous, YG_LIVE, "false",
        "Whether who is let in may be nobody: by a token without a user, or an answer of a webhook "
        "without one."),
    MAP("jwt", jwt, jwt_table, "Signed tokens (JWT)."),
};
static const struct yg_table auth_table = TABLE("auth", NULL, auth_options);
#undef STRUCT

#define STRUCT struct yg_retry_config
static const struct yg_option retry_options[] = {
    TIME("for", for_ms, YG_LIVE, "5m", 0, DAY, "How long a notice is tried."),
    TIME("min", min_ms, YG_LIVE, "200ms", 10, HOUR, "The first pause; it doubles."),
    TIME("max", max_ms, YG_LIVE, "20s", 10, HOUR, "The longest pause."),
};
static const struct yg_table retry_table = TABLE("retry", NULL, retry_options);
#undef STRUCT

#define STRUCT struct yg_batch_config
static const struct yg_option batch_options[] = {
    COUNT("events", events, YG_LIVE, "64", 1, 10000, "Events of one request."),
    SIZE("bytes", bytes, YG_LIVE, "256KiB", KiB, 64 * MiB, "Bytes of one request's events."),
};
static const struct yg_table batch_table = TABLE("batch", NULL, batch_options);
#undef STRUCT

#define STRUCT struct yg_queue_config
static const struct yg_option queue_options[] = {
    COUNT("events", events, YG_LIVE, "10000", 1, 10000000, "Events that wait."),
    SIZE("bytes", bytes, YG_LIVE, "64MiB", 64 * KiB, 16 * GiB, "Their bytes."),
    WORD("durable", durable, 0, "memory", "memory redis",
         "Where they wait; redis: they outlive this process."),
};
static const struct yg_table queue_table = TABLE("queue", NULL, queue_options);
#undef STRUCT

#define STRUCT struct yg_circuit_config
static const struct yg_option circuit_options[] = {
    COUNT("failures", failures, YG_LIVE, "10", 1, 10000,
          "Failures in a row after which the back end is left alone."),
    TIME("open", open_ms, YG_LIVE, "1s", 10, HOUR, "For how long, at first; it doubles."),
    TIME("max", max_ms, YG_LIVE, "30s", 10, HOUR, "For how long at most."),
};
static const struct yg_table circuit_table = TABLE("circuit", NULL, circuit_options);
#undef STRUCT

#define STRUCT struct yg_webhook
static const struct yg_option webhook_options[] = {
    TEXT("name", name, YG_NEEDED | YG_LIVE, NULL, 64, "The name, for namespaces and metrics."),
    TEXT("url", url, YG_NEEDED | YG_LIVE, NULL, MAX_TEXT,
         "http://, https:// or unix:PATH:/path; {kind} and {namespace} may stand in the path."),
    TEXT("secret", secret, YG_LIVE | YG_SECRET, NULL, MAX_TEXT, "Signs the requests."),
    TEXT("old_secret", old_secret, YG_LIVE | YG_SECRET, NULL, MAX_TEXT,
         "Signs them too, while secrets are changed."),
    WORDS("kinds", kinds, YG_LIVE | YG_NOT_EMPTY, "[connect, connected, event, disconnected]",
          "connect connected event refresh disconnected occupied vacated node_started",
          "What the back end is told."),
    PAIRS("headers", headers, YG_LIVE | YG_SECRET, "Headers of every request."),
    TEXTS("forward_headers", forward_headers, YG_LIVE, "[user-agent, accept-language, origin]",
          "Headers of the client's handshake that connect is told."),
    TIME("timeout", timeout_ms, YG_LIVE, "5s", 50, YG_WEBHOOK_MAX_TIMEOUT_MS,
         "Time for an answer."),
    TIME("connect_timeout", connect_timeout_ms, YG_LIVE, "1s", 10, 60 * SECOND,
         "Time for a connection."),
    COUNT("attempts", attempts, YG_LIVE, "2", 1, 10, "Attempts of what a client waits for."),
    MAP("retry", retry, retry_table, "Further attempts of notices."),
    WORD("order", order, YG_LIVE, "socket", "socket user none",
         "What comes one after the other: events of a socket, of a user on a node (durable "
         "notices: on all nodes), nothing."),
    COUNT("in_flight", in_flight, YG_LIVE, "64", 1, 10000, "Requests at a time."),
    MAP("batch", batch, batch_table, "How much is joined into one request."),
    MAP("queue", queue, queue_table, "How much waits for the back end."),
    SIZE("answer", answer_bytes, YG_LIVE, "1MiB", KiB, 64 * MiB, "The largest answer."),
    WORD("on_failure", on_failure, YG_LIVE, "drop", "drop disconnect",
         "What happens when an event could not be handled."),
    WORD("on_unavailable", on_unavailable, YG_LIVE, "retry", "retry deny allow",
         "What a client is told that connects while the back end is away."),
    TIME("cache", cache_ms, YG_LIVE, "0s", 0, DAY,
         "How long answers to connect are kept at most; 0: not at all."),
    MAP("circuit", circuit, circuit_table, "When the back end is left alone."),
    TEXT("ca", ca, YG_LIVE | YG_PATH, NULL, MAX_TEXT,
         "A file of the authorities of https; empty: the system's."),
};
static const struct yg_table webhook_table = TABLE("webhook", "name", webhook_options);
#undef STRUCT

#define STRUCT struct yg_api_key_config
static const struct yg_option api_key_options[] = {
    TEXT("name", name, YG_NEEDED | YG_LIVE, NULL, 64, "The name, in logs and metrics."),
    TEXT("sha256", sha256, YG_NEEDED | YG_LIVE | YG_SECRET, NULL, 64,
         "SHA-256 of the key, in hexadecimal."),
    WORDS("scopes", scopes, YG_LIVE | YG_NOT_EMPTY, "[emit, rooms, read]",
          "emit rooms read admin process", "What the key allows."),
    TEXTS("namespaces", namespaces, YG_LIVE, "[\"*\"]", "Namespaces that it is for."),
    TEXTS("rooms", rooms, YG_LIVE, "[\"*\"]", "Rooms that it is for."),
    RATE("rate", rate, YG_LIVE, "0", "Requests."),
};
static const struct yg_table api_key_table = TABLE("key", "name", api_key_options);
#undef STRUCT

#define STRUCT struct yg_api_config
static const struct yg_option api_options[] = {
    SIZE("body", body_bytes, 0, "4MiB", KiB, GiB, "The largest body."),
    COUNT("commands", commands, YG_LIVE, "1000", 1, 100000, "Commands of one batch."),
    TIME("idempotency", idempotency_ms, YG_LIVE, "5m", 0, DAY,
         "How long an idempotency key is known."),
    TEXTS("unix_users", unix_users, 0, "[]",
          "Who needs no key on a Unix socket, names or numbers; empty: all who may open its file."),
    MAPS("keys", keys, YG_LIVE, NULL, MAX_ITEMS, api_key_table, "Who may use the API."),
};
static const struct yg_table api_table = TABLE("api", NULL, api_options);
#undef STRUCT

#define STRUCT struct yg_redis_config
static const struct yg_option redis_options[] = {
    TEXT("url", url, YG_SECRET, NULL, MAX_TEXT, "redis://, rediss:// or unix://; empty: none."),
    TEXT("prefix", prefix, 0, "yodel", 64, "The beginning of all keys and channels."),
    WORD("adapter", adapter, 0, "redis", "redis sharded streams",
         "How nodes reach each other's clients."),
    TIME("lease", lease_ms, 0, "10s", SECOND, HOUR,
         "After this time without a sign of life a node is dead."),
};
static const struct yg_table redis_table = TABLE("redis", NULL, redis_options);
#undef STRUCT

#define STRUCT struct yg_consumer
static const struct yg_option consumer_options[] = {
    WORD("type", type, YG_NEEDED, "redis_stream", "redis_stream", "Where commands come from."),
    TEXT("stream", stream, YG_NEEDED, NULL, MAX_NAME, "The key of the stream."),
    TEXT("group", group, 0, "yodel", MAX_NAME, "The consumer group."),
};
static const struct yg_table consumer_table = TABLE("consumer", "stream", consumer_options);
#undef STRUCT

#define STRUCT struct yg_metrics_config
static const struct yg_option metrics_options[] = {
    TEXT("path", path, 0, "/metrics", MAX_NAME, "Where the metrics are."),
};
static const struct yg_table metrics_table = TABLE("metrics", NULL, metrics_options);
#undef STRUCT

#define STRUCT struct yg_health_config
static const struct yg_option health_options[] = {
    TEXT("path", path, 0, "/health", MAX_NAME, "Where /live and /ready are."),
    TIME("redis_grace", redis_grace_ms, YG_LIVE, "10s", 0, HOUR,
         "The node is not ready after so long without Redis."),
    TIME("loop_stall", loop_stall_ms, YG_LIVE, "5s", 100, HOUR,
         "The node is not alive when a loop is stuck for so long."),
};
static const struct yg_table health_table = TABLE("health", NULL, health_options);
#undef STRUCT

#define STRUCT struct yg_admin_config
static const struct yg_option admin_options[] = {
    FLAG("enabled", enabled, 0, "false", "Whether the admin page is served."),
    TEXT("namespace", namespace, 0, "/admin", MAX_NAME, "Its namespace."),
    TEXT("username", username, YG_LIVE, NULL, 64, "Who may log in."),
    TEXT("password_hash", password_hash, YG_LIVE | YG_SECRET, NULL, MAX_NAME,
         "The hash of the password: $2a$, $2b$ or $2y$."),
    FLAG("readonly", readonly, 0, "true", "Whether the page can only look."),
    WORD("mode", mode, 0, "production", "production development",
         "development: each event is shown."),
    TEXTS("origins", origins, 0, "[same]",
          "Pages that may be the admin page: same, *, https://example.com."),
};
static const struct yg_table admin_table = TABLE("admin", NULL, admin_options);
#undef STRUCT

#define STRUCT struct yg_log_config
static const struct yg_option log_options[] = {
    WORD("level", level, YG_LIVE, "info", "debug info warn error", "The least that is written."),
    WORD("format", format, YG_LIVE, "auto", "auto json text",
         "auto: text on a terminal, else JSON."),
    TEXT("file", file, YG_PATH, NULL, MAX_TEXT, "The file; empty: standard error."),
    WORD("access", access, YG_LIVE, "none", "none connections all",
         "What is written of clients: those that come and go; all: commands of the API, too."),
    RATE("repeat", repeat, YG_LIVE, "10/s", "Lines of one kind; more are counted."),
    TEXTS("redact", redact, YG_LIVE, "[authorization, cookie, token]",
          "Headers and parameters that are never written."),
};
static const struct yg_table log_table = TABLE("log", NULL, log_options);
#undef STRUCT

#define STRUCT struct yg_shutdown_config
static const struct yg_option shutdown_options[] = {
    TIME("drain", drain_ms, YG_LIVE, "30s", 0, HOUR, "Time for everything to end."),
    TIME("spread", spread_ms, YG_LIVE, "20s", 0, HOUR,
         "Clients are closed little by little over this time."),
    TIME("webhook_flush", webhook_flush_ms, YG_LIVE, "5s", 0, HOUR,
         "Time for the last notices, within drain."),
    COUNT("code", code, YG_LIVE, "1001", 1000, 4999, "Close code of WebSockets."),
};
static const struct yg_table shutdown_table = TABLE("shutdown", NULL, shutdown_options);
#undef STRUCT

#define STRUCT struct yg_config
static const struct yg_option root_options[] = {
    TEXTS("include", include, 0, NULL,
          "Further files, as patterns beside this one, such as conf.d/*.yaml."),
    MAP("server", server, server_table, "This process."),
    MAPS("listen", listen, YG_NOT_EMPTY,
         "[{name: public, address: \"localhost:8000\", serve: [clients]},"
         " {name: internal, address: \"localhost:8001\", serve: [api, metrics, health, admin]}]",
         64, listen_table, "Addresses."),
    MAP("clients", clients, clients_table, "Who may connect."),
    MAP("limits", limits, limits_table, "Bounds of what clients can cause."),
    MAP("socketio", socketio, socketio_table, "Socket.IO."),
    MAPS("namespaces", namespaces, YG_LIVE, "[{name: /}]", MAX_ITEMS, namespace_table,
         "Namespaces of Socket.IO."),
    MAPS("websockets", websockets, 0, NULL, 100, websocket_table, "Plain WebSockets."),
    MAPS("events", events, 0, NULL, 100, events_table, "Streams for EventSource."),
    MAPS("rooms", rooms, YG_LIVE, NULL, MAX_ITEMS, room_table, "What rooms can do."),
    MAP("auth", auth, auth_table, "Who clients are."),
    MAPS("webhooks", webhooks, YG_LIVE, NULL, 100, webhook_table, "Back ends."),
    MAP("api", api, api_table, "The HTTP API."),
    MAP("redis", redis, redis_table, "Redis, for several nodes."),
    MAPS("consumers", consumers, 0, NULL, 16, consumer_table, "Where else commands come from."),
    MAP("metrics", metrics, metrics_table, "Metrics for Prometheus."),
    MAP("health", health, health_table, "Probes."),
    MAP("admin", admin, admin_table, "The admin page."),
    MAP("log", log, log_table, "The log."),
    MAP("shutdown", shutdown, shutdown_table, "How it stops."),
};
const struct yg_table yg_table_root = TABLE("configuration", NULL, root_options);
#undef STRUCT

const struct yg_option *yg_table_find(const struct yg_table *table, const char *name, size_t len)
{
    for (size_t i = 0; i < table->num; i++) {
        const char *other = table->options[i].name;

        if (strlen(other) == len && memcmp(other, name, len) == 0)
            return &table->options[i];
    }
    return NULL;
}

const struct yg_option *yg_table_find_twin(const struct yg_table *table, const char *name)
{
    const size_t len = strlen(name);
    const struct yg_option *option;

    if (len < 6 || strcmp(name + len - 5, "_file") != 0)
        return NULL;
    option = yg_table_find(table, name, len - 5);
    return option != NULL && option->type == YG_TEXT ? option : NULL;
}

const char *yg_table_nearest(const struct yg_table *table, const char *word)
{
    struct yg_nearest nearest;

    yg_nearest_init(&nearest, word);
    for (size_t i = 0; i < table->num; i++)
        yg_nearest_show(&nearest, table->options[i].name);
    return nearest.best;
}

const char *yg_type_text(enum yg_type type)
{
    static const char *const texts[] = {
        [YG_BOOL] = "true or false",
        [YG_COUNT] = "a whole number",
        [YG_SIZE] = "a size with its unit, such as 64KiB or 1MiB",
        [YG_DURATION] = "a duration with its unit, such as 200ms, 5s, 10m or 1h",
        [YG_RATE] = "a rate, such as 100/s or 10/m, or 0",
        [YG_TEXT] = "a text",
        [YG_WORD] = "a word",
        [YG_MODE] = "a mode in octal, such as 0660",
        [YG_TEXTS] = "a list of texts",
        [YG_WORDS] = "a list of words",
        [YG_PAIRS] = "a map of names to texts",
        [YG_MAP] = "a map",
        [YG_MAPS] = "a list of maps",
    };

    return texts[type];
}

const char *yg_option_word(const struct yg_option *option, unsigned n, size_t *ret_len)
{
    const char *word = option->words;

    for (; word != NULL && n > 0; n--) {
        word = strchr(word, ' ');
        if (word != NULL)
            word++;
    }
    if (word != NULL)
        *ret_len = strcspn(word, " ");
    return word;
}

unsigned yg_option_num_words(const struct yg_option *option)
{
    unsigned num = 0;
    size_t len;

    while (yg_option_word(option, num, &len) != NULL)
        num++;
    return num;
}
