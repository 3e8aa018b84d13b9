/* SPDX-License-Identifier: MIT */
#ifndef YG_CONFIG_CONFIG_H
#define YG_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the program is told to do: the options of yodel.yaml as a plain struct.  config/table.h says
 * which option is which field, its unit, default and bounds; config/load.h makes a struct
 * yg_config.
 *
 * A configuration never changes: a reload makes another one.  It is counted, and may be read by any
 * thread that has a reference.  Strings are never NULL: "" is "not set"; they are the
 * configuration's, as all lists are.  Where it was set by a file (`secret_file`) a string is the
 * content of the file.
 */

struct yg_texts {
    const char *const *items;
    size_t num;
};

/* Names and values, such as headers. */
struct yg_pair {
    const char *name;
    const char *value;
};

struct yg_pairs {
    const struct yg_pair *items;
    size_t num;
};

/* So many in each period; count 0: no limit. */
struct yg_rate {
    uint32_t count;
    uint32_t per_ms;
};

/* ---- server, listen, clients, limits, socketio ---- */

enum yg_backend { YG_BACKEND_AUTO, YG_BACKEND_LIBUV, YG_BACKEND_IO_URING };

struct yg_server_config {
    const char *id;       /* of the node; "": made from the host's name */
    uint32_t loops;       /* 0: one for each processor */
    int backend;          /* of yg_backend */
    const char *handover; /* of a Unix socket; "": none, or systemd's folder */
    uint32_t handover_ms; /* a successor must have taken over by then */
};

/* Bits of what a listener serves. */
enum {
    YG_SERVE_CLIENTS = 1, /* Socket.IO, WebSockets, event streams, pages */
    YG_SERVE_API = 2,
    YG_SERVE_METRICS = 4,
    YG_SERVE_HEALTH = 8,
    YG_SERVE_ADMIN = 16
};

enum yg_tls_min { YG_TLS_1_2, YG_TLS_1_3 };

struct yg_tls_config {
    struct yg_texts cert; /* files, in PEM; none: no TLS */
    struct yg_texts key;  /* as many */
    int min;              /* of yg_tls_min */
    const char *client_ca;
};

struct yg_listen {
    const char *name;
    const char *address; /* as yodel_listen_options.address */
    uint32_t serve;      /* bits of YG_SERVE_ */
    struct yg_tls_config tls;
    uint32_t mode; /* of a Unix socket; 0: by the umask */
    const char *owner;
    const char *group;
    bool proxy_protocol;
    struct yg_texts trusted_proxies;
};

struct yg_clients_config {
    struct yg_texts origins; /* "same": the host's own; "*": all; else "https://example.com" */
    const char *page;        /* a folder of files that is served at /; "": none */
};

enum yg_on_slow { YG_SLOW_CLOSE, YG_SLOW_DROP };

struct yg_limits_config {
    uint32_t connections; /* 0: as many as descriptors allow */
    uint32_t per_address; /* 0: no limit */
    struct yg_rate connect_rate;
    uint32_t handshake_ms;
    size_t message_bytes;
    struct yg_rate messages; /* of one connection */
    size_t queue_bytes;
    int on_slow; /* of yg_on_slow */
    uint32_t rooms_per_socket;
    uint32_t name_bytes; /* of rooms, events and users */
};

struct yg_socketio_config {
    const char *path;
    uint32_t ping_interval_ms;
    uint32_t ping_timeout_ms;
    uint32_t connect_timeout_ms;
    uint32_t recovery_ms; /* 0: off */
};

/* ---- namespaces, websockets, events, rooms ---- */

enum yg_auth_need {
    YG_AUTH_REQUIRED, /* one of auth.methods must say yes */
    YG_AUTH_OPTIONAL, /* who shows nothing is anonymous; who shows something wrong is refused */
    YG_AUTH_NONE      /* everybody is anonymous */
};

enum yg_relay_to {
    YG_RELAY_ROOMS,    /* the sender's rooms, without the sender */
    YG_RELAY_NAMESPACE /* everybody else in the namespace */
};

/* Events of clients that are passed on without a hook. */
struct yg_relay {
    const char *event;
    int to; /* of yg_relay_to */
};

struct yg_relays {
    const struct yg_relay *items;
    size_t num;
};

struct yg_namespace {
    const char *name;
    int auth;            /* of yg_auth_need */
    const char *webhook; /* the name of one; "": none */
    const char *personal_room;
    struct yg_relays relay;
};

struct yg_websocket {
    const char *path; /* a pattern of yodel_server_route() */
    int auth;         /* of yg_auth_need */
    const char *webhook;
};

enum yg_events_rooms {
    YG_EVENTS_TOKEN, /* those that the token joins */
    YG_EVENTS_QUERY  /* those of the query that the token allows */
};

struct yg_events {
    const char *path;
    int auth; /* of yg_auth_need */
    const char *webhook;
    int rooms; /* of yg_events_rooms */
};

struct yg_history_config {
    uint32_t size; /* entries; 0: no history */
    uint32_t ttl_ms;
};

struct yg_room {
    const char *match; /* a name in which * stands for anything */
    bool presence;
    struct yg_history_config history;
    bool occupancy_events;
    uint32_t vacated_delay_ms;
};

/* ---- auth ---- */

/* Bits of auth.methods. */
enum { YG_METHOD_JWT = 1, YG_METHOD_WEBHOOK = 2 };

/* Bits of auth.jwt.algorithms, and the algorithm of a key. */
enum {
    YG_ALG_HS256 = 1,
    YG_ALG_HS384 = 2,
    YG_ALG_HS512 = 4,
    YG_ALG_RS256 = 8,
    YG_ALG_RS384 = 16,
    YG_ALG_RS512 = 32,
    YG_ALG_PS256 = 64,
    YG_ALG_PS384 = 128,
    YG_ALG_PS512 = 256,
    YG_ALG_ES256 = 512,
    YG_ALG_ES384 = 1024,
    YG_ALG_ES512 = 2048,
    YG_ALG_EDDSA = 4096
};
#define YG_ALG_ALL_HS (YG_ALG_HS256 | YG_ALG_HS384 | YG_ALG_HS512)

struct yg_jwt_key {
    const char *kid;        /* "": for tokens without one */
    uint32_t algorithms;    /* bits of YG_ALG_; 0: those of auth.jwt that fit the kind of the key */
    const char *secret;     /* of HMAC; "" when public_key is set */
    const char *public_key; /* PEM */
};

struct yg_jwt_keys {
    const struct yg_jwt_key *items;
    size_t num;
};

enum yg_on_expire { YG_EXPIRE_RECONNECT, YG_EXPIRE_KEEP };

struct yg_jwt_config {
    uint32_t algorithms; /* bits of YG_ALG_ */
    struct yg_jwt_keys keys;
    const char *jwks_url; /* https://, or a file's path */
    const char *issuer;
    const char *audience;
    uint32_t leeway_ms;
    bool require_exp;
    const char *user_claim;
    struct yg_texts sources; /* "auth.token", "authorization", "cookie:NAME", "query:NAME" */
    int on_expire;           /* of yg_on_expire */
};

struct yg_auth_config {
    uint32_t methods; /* bits of YG_METHOD_ */
    bool anonymous;
    struct yg_jwt_config jwt;
};

/* ---- webhooks ---- */

#define YG_WEBHOOK_MAX_TIMEOUT_MS 600000

/* Bits of webhooks.kinds. */
enum {
    YG_KIND_CONNECT = 1,
    YG_KIND_CONNECTED = 2,
    YG_KIND_EVENT = 4,
    YG_KIND_REFRESH = 8,
    YG_KIND_DISCONNECTED = 16,
    YG_KIND_OCCUPIED = 32,
    YG_KIND_VACATED = 64,
    YG_KIND_NODE_STARTED = 128, /* with disconnected in any case */
    YG_KINDS_OF_ROOMS = YG_KIND_OCCUPIED | YG_KIND_VACATED
};

enum yg_hook_order { YG_ORDER_SOCKET, YG_ORDER_USER, YG_ORDER_NONE };
enum yg_on_failure { YG_FAILURE_DROP, YG_FAILURE_DISCONNECT };
enum yg_on_unavailable { YG_UNAVAILABLE_RETRY, YG_UNAVAILABLE_DENY, YG_UNAVAILABLE_ALLOW };
enum yg_durable { YG_DURABLE_MEMORY, YG_DURABLE_REDIS };

struct yg_retry_config {
    uint32_t for_ms;
    uint32_t min_ms;
    uint32_t max_ms;
};

struct yg_batch_config {
    uint32_t events;
    size_t bytes;
};

struct yg_queue_config {
    uint32_t events;
    size_t bytes;
    int durable; /* of yg_durable */
};

struct yg_circuit_config {
    uint32_t failures;
    uint32_t open_ms;
    uint32_t max_ms;
};

struct yg_webhook {
    const char *name;
    const char *url;
    const char *secret;     /* "": not signed */
    const char *old_secret; /* signs too, while secrets are changed */
    uint32_t kinds;         /* bits of YG_KIND_ */
    struct yg_pairs headers;
    struct yg_texts forward_headers; /* of the client's handshake, told to connect */
    uint32_t timeout_ms;
    uint32_t connect_timeout_ms;
    uint32_t attempts;
    struct yg_retry_config retry;
    int order; /* of yg_hook_order */
    uint32_t in_flight;
    struct yg_batch_config batch;
    struct yg_queue_config queue;
    size_t answer_bytes; /* the largest answer that is read */
    int on_failure;      /* of yg_on_failure */
    int on_unavailable;  /* of yg_on_unavailable */
    uint32_t cache_ms;   /* 0: nothing is kept */
    struct yg_circuit_config circuit;
    const char *ca; /* a file of authorities for https; "": the system's */
};

/* ---- api, redis, consumers ---- */

struct yg_api_key_config {
    const char *name;
    const char *sha256;         /* of the key, 64 hexadecimal digits, lower case */
    uint32_t scopes;            /* bits of YG_SCOPE_ (base/scope.h) */
    struct yg_texts namespaces; /* patterns */
    struct yg_texts rooms;      /* patterns */
    struct yg_rate rate;
};

struct yg_api_keys_config {
    const struct yg_api_key_config *items;
    size_t num;
};

struct yg_api_config {
    size_t body_bytes;
    uint32_t commands; /* of one batch */
    uint32_t idempotency_ms;
    struct yg_texts unix_users; /* none: all who may open the socket's file */
    struct yg_api_keys_config keys;
};

enum yg_redis_adapter { YG_ADAPTER_REDIS, YG_ADAPTER_SHARDED, YG_ADAPTER_STREAMS };

struct yg_redis_config {
    const char *url; /* "": none */
    const char *prefix;
    int adapter; /* of yg_redis_adapter */
    uint32_t lease_ms;
};

enum yg_consumer_type { YG_CONSUMER_REDIS_STREAM };

struct yg_consumer {
    int type; /* of yg_consumer_type */
    const char *stream;
    const char *group;
};

/* ---- metrics, health, admin, log, shutdown ---- */

struct yg_metrics_config {
    const char *path;
};

struct yg_health_config {
    const char *path;
    uint32_t redis_grace_ms;
    uint32_t loop_stall_ms;
};

enum yg_admin_mode { YG_ADMIN_PRODUCTION, YG_ADMIN_DEVELOPMENT };

struct yg_admin_config {
    bool enabled;
    const char *namespace;
    const char *username;
    const char *password_hash;
    bool readonly;
    int mode;                /* of yg_admin_mode */
    struct yg_texts origins; /* as those of clients */
};

enum yg_log_level { YG_LOG_DEBUG, YG_LOG_INFO, YG_LOG_WARN, YG_LOG_ERROR };
enum yg_log_format { YG_FORMAT_AUTO, YG_FORMAT_JSON, YG_FORMAT_TEXT };
enum yg_log_access { YG_ACCESS_NONE, YG_ACCESS_CONNECTIONS, YG_ACCESS_ALL };

struct yg_log_config {
    int level;        /* of yg_log_level */
    int format;       /* of yg_log_format */
    const char *file; /* "": standard error */
    int access;       /* of yg_log_access */
    struct yg_rate repeat;
    struct yg_texts redact;
};

struct yg_shutdown_config {
    uint32_t drain_ms;
    uint32_t spread_ms;
    uint32_t webhook_flush_ms;
    uint32_t code;
};

/* ---- the whole ---- */

#define YG_LIST_OF(type)                                                                           \
    struct {                                                                                       \
        const struct type *items;                                                                  \
        size_t num;                                                                                \
    }

struct yg_config {
    struct yg_texts include;
    struct yg_server_config server;
    YG_LIST_OF(yg_listen) listen;
    struct yg_clients_config clients;
    struct yg_limits_config limits;
    struct yg_socketio_config socketio;
    YG_LIST_OF(yg_namespace) namespaces;
    YG_LIST_OF(yg_websocket) websockets;
    YG_LIST_OF(yg_events) events;
    YG_LIST_OF(yg_room) rooms;
    struct yg_auth_config auth;
    YG_LIST_OF(yg_webhook) webhooks;
    struct yg_api_config api;
    struct yg_redis_config redis;
    YG_LIST_OF(yg_consumer) consumers;
    struct yg_metrics_config metrics;
    struct yg_health_config health;
    struct yg_admin_config admin;
    struct yg_log_config log;
    struct yg_shutdown_config shutdown;
};

/* One more reference.  Any thread.  Returns config. */
const struct yg_config *yg_config_ref(const struct yg_config *config);

/* Gives a reference back; the last one wipes and frees it.  Any thread; NULL does nothing.  Returns
 * NULL. */
const struct yg_config *yg_config_unref(const struct yg_config *config);

/* The webhook of a name, borrowed; NULL when there is none. */
const struct yg_webhook *yg_config_webhook(const struct yg_config *config, const char *name);

#endif
