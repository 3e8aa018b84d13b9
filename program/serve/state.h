/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_STATE_H
#define YG_SERVE_STATE_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <yodel/cluster.h>
#include <yodel/redis.h>
#include <yodel/sio.h>
#include <yodel/yodel.h>

#include "admin/admin.h"
#include "api/api.h"
#include "config/load.h"
#include "log/redact.h"
#include "log/repeat.h"
#include "log/sink.h"
#include "serve/auth.h"
#include "serve/connections.h"
#include "serve/key_source.h"
#include "serve/metrics_text.h"

/* What the server has, for the files of this layer. */

/* A loop's sign of life. */
struct yg_beat {
    struct yg_state *state;
    yodel_timer timer;
    yodel_loop *loop;
    atomic_uint_least64_t at_ms; /* by yodel_loop_now(); 0: not started */
    uint64_t at_us;              /* of the last one, by yg_clock_us() */
};

/* Text of the journal has its level in front and no time. */
enum yg_log_form { YG_LOG_TEXT, YG_LOG_JSON, YG_LOG_JOURNAL };

/* By what it was said who a client is. */
enum yg_auth_method {
    YG_AUTH_BY_NOTHING,
    YG_AUTH_BY_JWT,
    YG_AUTH_BY_WEBHOOK, /* which was asked whatever else was shown */
    YG_NUM_AUTH_METHODS
};

/* What clients ask for by themselves, and what became of it. */
enum yg_client_kind {
    YG_CLIENT_JOIN,
    YG_CLIENT_LEAVE,
    YG_CLIENT_RELAY,
    YG_CLIENT_OTHER,
    YG_NUM_CLIENT_KINDS
};
enum yg_client_outcome {
    YG_CLIENT_DONE,
    YG_CLIENT_REFUSED,
    YG_CLIENT_FAILED,
    YG_NUM_CLIENT_OUTCOMES
};

/* Why who comes is refused, but for what it shows. */
enum yg_refused_for {
    YG_REFUSED_CONNECTIONS,
    YG_REFUSED_CONNECT_RATE,
    YG_REFUSED_PER_ADDRESS,
    YG_REFUSED_HANDSHAKE,
    YG_REFUSED_MESSAGES,
    YG_REFUSED_PROXY,
    YG_REFUSED_ORIGIN,
    YG_NUM_REFUSED_FOR
};

/* What a loop has of the configuration that is now. */
struct yg_present {
    struct yg_state *state;
    const struct yg_config *config;
    struct yg_auth *auth;
    unsigned version;
    yodel_timer timer;
};

/* Who came before, and who comes next. */
struct yg_handover {
    bool takes_over;
    char **words;           /* behind "serve" */
    char path[108];         /* of the Unix socket; "": none */
    char program[PATH_MAX]; /* where this one was started from */
    pid_t successor;        /* of loop 0; 0: none is under way */
    uint64_t until_ms;      /* it must have taken over */
    bool is_late;           /* it has not, and was ended */
};

struct yg_state {
    const struct yg_load *load;
    const struct yg_config *first; /* of the start: what needs a restart is read there */
    pthread_mutex_t lock;          /* guards config and auth */
    const struct yg_config *config;
    struct yg_auth *auth;
    atomic_uint version;        /* counts exchanges of config */
    struct yg_present *present; /* by loop; each for that loop's thread */
    yodel_server *server;
    yodel_sio *sio;
    yodel_redis *redis;     /* NULL: there is none */
    yodel_cluster *cluster; /* NULL without Redis */
    atomic_uint_least64_t redis_refused;
    atomic_int_least64_t redis_down_ms; /* since when, by yg_clock_us(); 0: it is up, or none */
    struct yg_admin *admin;             /* the admin page; NULL: there is none */
    struct yg_service service;          /* what commands act on */
    struct yg_api *api;
    struct yg_api_store *idempotency;
    struct yg_api_counts *api_counts;
    uint32_t *unix_uids; /* of api.unix_users; NULL: none */
    atomic_uint_least64_t auth_counts[YG_NUM_AUTH_METHODS][YG_VERDICT_LATER + 1];
    atomic_int_least64_t auth_said[YG_NUM_TOKEN_CODES]; /* the second of the last line in the log */
    atomic_uint_least64_t client_counts[YG_NUM_CLIENT_KINDS][YG_NUM_CLIENT_OUTCOMES];
    struct yg_key_source *key_source;
    struct yg_hooks *hooks;
    struct yg_occupancy *occupancy; /* NULL: nobody is told */
    struct yg_consumers *consumers; /* NULL: there are none */
    struct yg_records *records;     /* NULL without Redis */
    struct yg_notice_relay *relay;  /* the same */
    struct yg_connection_counts connections;
    atomic_uint_least64_t refused[YG_NUM_REFUSED_FOR];
    atomic_int_least64_t refused_said[YG_NUM_REFUSED_FOR]; /* as auth_said */
    uint64_t connection_base; /* of numbers of those that are not of Socket.IO, for the log */
    struct yg_websocket_paths *websockets;
    struct yg_event_paths *events;
    char node[256]; /* the node's name */
    struct yg_beat *beats;
    unsigned num_loops;
    struct yg_histogram loop_lag;
    double start_seconds;                /* of the process */
    uint64_t start_ticks;                /* the same, as /proc has it */
    atomic_uint_least64_t open_fds;      /* when they were last counted: */
    atomic_int_least64_t counted_fds_ms; /* by yg_clock_us() */
    atomic_bool counts_fds;
    atomic_int_least64_t *cert_ends; /* by listener, seconds since 1970; 0: none */
    atomic_bool is_draining;
    struct yg_sink *sink;
    struct yg_repeat repeat, lasting;
    struct yg_redact redact;
    atomic_int log_level;  /* of yg_log_level */
    atomic_int log_access; /* of yg_log_access */
    enum yg_log_form log_form;
    struct yg_notify *notify; /* NULL: nobody is to be told */
    struct yg_handover handover;
    struct yg_control_wait *reopen_waiters; /* by lock */
    int signal_fd;
    yodel_watch signals; /* of loop 0, as are these: */
    bool is_reloading;
    bool reload_again;
    struct yg_control_wait *reload_waiters;      /* of the reload that runs */
    struct yg_control_wait *next_reload_waiters; /* of the one behind it */
    atomic_int last_reload;                      /* 1: well; 0: not */
    atomic_int_least64_t last_reload_ms;
};

/* The present configuration: a reference, to yg_config_unref().  Any thread. */
const struct yg_config *yg_state_config(struct yg_state *state);

/* Those that the present loop has: borrowed until the callback returns. */
const struct yg_config *yg_state_loop_config(struct yg_state *state, yodel_loop *loop);

struct yg_auth *yg_state_loop_auth(struct yg_state *state, yodel_loop *loop);

/* The number of the configuration that the present loop has, from 1; each reload has another. */
unsigned yg_state_loop_version(struct yg_state *state, yodel_loop *loop);

/* Counts what was said to a client that was asked who it is, for metrics.  Any thread. */
void yg_auth_count(struct yg_state *state, enum yg_auth_method method, enum yg_verdict verdict);

/* Makes others the present; takes both references.  Loops have them soon.  Any thread. */
void yg_state_exchange(struct yg_state *state, const struct yg_config *config,
                       struct yg_auth *auth);

int yg_present_start(struct yg_state *state);
/* Ahead of the server's end. */
void yg_present_free(struct yg_state *state);

/* Whether a request has come by a listener that serves this (YG_SERVE_...). */
bool yg_state_serves(const struct yg_state *state, const yodel_request *req, uint32_t what);

/* Whether the listener of that name serves this. */
bool yg_state_tag_serves(const struct yg_state *state, yodel_str tag, uint32_t what);

/* ---- log ---- */

/* Opens it by the first configuration; why it could not is said on standard error.  0 or -errno. */
int yg_log_start(struct yg_state *state);
/* Takes what a reload can change.  Returns 0, or -ENOMEM: what is redacted stays as it was. */
int yg_log_change(struct yg_state *state, const struct yg_config *config);
/* Tells of lines that were left out; several times a second, on one loop. */
void yg_log_turn(struct yg_state *state);
/* Writes what waits. */
void yg_log_end(struct yg_state *state);
void yg_log_put(struct yg_state *state, struct yg_text *text);

/* The library's sink; user is the state. */
void yg_log_write(yodel_log_level level, yodel_str text, void *user);

/* What a line is about, for who reads JSON; what is empty is left out. */
struct yg_log_about {
    const char *event; /* a stable name; those of docs/guide/34-yodel-serve.md */
    uint64_t conn;     /* the number of a client's connection */
    yodel_str sid, ns; /* a socket of Socket.IO and its namespace */
    const char *user;
    yodel_str address; /* of a client */
    yodel_str path;    /* that was asked for, with its query */
    const char *error; /* a code */
    const char *transport, *reason;
    const char *command, *key; /* of the API */
};

/* A line of an event that has a name. */
void yg_log_about(struct yg_state *state, enum yg_log_level level, const struct yg_log_about *about,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Of what lasts: each text once a minute, then how many more there were. */
void yg_log_lasting(struct yg_state *state, enum yg_log_level level, const char *event,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));

#define yg_log_event(state, level, name, ...)                                                      \
    yg_log_about(state, level, &(const struct yg_log_about){.event = (name)}, __VA_ARGS__)

/* Whether log.access wants this: YG_ACCESS_CONNECTIONS, _ALL. */
static inline bool yg_log_wants_access(const struct yg_state *state, int access)
{
    return atomic_load_explicit(&state->log_access, memory_order_relaxed) >= access;
}

/* A line of what clients do, when that is wanted: whatever the level, and each of them. */
void yg_log_access(struct yg_state *state, const struct yg_log_about *about, const char *format,
                   ...) __attribute__((format(printf, 3, 4)));

/* Whether that second has begun since it was asked last: for lines of which one a second is enough.
 * Any thread. */
bool yg_log_once_a_second(atomic_int_least64_t *said);

/* Has warnings and errors that this thread writes added to a list of texts, too; NULL: no more. */
void yg_log_capture(json_t *list);

/* A line of the program's own. */
void yg_log(struct yg_state *state, enum yg_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * An error of an option: "listen.public.address: ...", with the place in front where it was set, as
 * the reader of the configuration tells its own.
 *
 * config   which has the option
 * format   begins with the option as for yg_config_place(), and ": "
 */
void yg_log_option(struct yg_state *state, const struct yg_config *config, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- the parts, each in its file; as yg_serve() ---- */

/* Listeners; each says its address on standard output, "listening on NAME ADDRESS PORT". */
int yg_listen_all(struct yg_state *state);
/* Places of a listener that clients cannot take. */
unsigned yg_listen_reserved(const struct yg_listen *listen);

/* Socket.IO and its namespaces. */
int yg_clients_start(struct yg_state *state);

/* Namespaces: what all of them have, and those of the configuration. */
int yg_namespaces_start(struct yg_state *state);

/* The middleware of every namespace: who may connect; user is the state. */
int yg_admit(yodel_sio_socket *socket, void *user);

/* Makes namespaces that are new in a configuration.  One thread at a time. */
int yg_namespaces_add(struct yg_state *state, const struct yg_config *config);

/* How many sockets and rooms they have. */
void yg_namespaces_put(struct yg_state *state, struct yg_text *text);

/* The options of a namespace; NULL: the configuration has none of that name. */
const struct yg_namespace *yg_namespace_find(const struct yg_config *config, yodel_str name);

/* The channel layers of plain WebSockets and of rooms, which have history.  Ahead of clients. */
int yg_rooms_start(struct yg_state *state);
/* Has kept what a configuration says, in place of what another one said (NULL: none); all or an
 * error and none. */
int yg_rooms_keep(struct yg_state *state, const struct yg_config *config,
                  const struct yg_config *before);
/* What a room can do: the first entry of rooms that has its name; NULL: none. */
const struct yg_room *yg_room_find(const struct yg_config *config, yodel_str name);

/* Plain WebSockets, and streams for EventSource; each failure was said. */
int yg_websockets_start(struct yg_state *state);
int yg_events_start(struct yg_state *state);

/* What clients may do by themselves: handlers of a namespace, before clients are in it. */
int yg_client_verbs_set_up(struct yg_state *state, yodel_sio_namespace *ns);
/* Passes an event on that the configuration relays.  Returns whether that is to be: it was done,
 * refused, or has failed. */
bool yg_client_relay(struct yg_state *state, yodel_sio_socket *socket, yodel_sio_event *event);
void yg_client_count(struct yg_state *state, enum yg_client_kind kind,
                     enum yg_client_outcome outcome);
/* Refuses an event that is for nobody. */
void yg_client_refuse(struct yg_state *state, yodel_sio_event *event);
void yg_client_verbs_put(struct yg_state *state, struct yg_text *text);

/* The HTTP API and its keys. */
int yg_serve_api_start(struct yg_state *state);
/* Exchanges the keys for those of a configuration: all of them, or none.  Any thread. */
int yg_serve_api_keys(struct yg_state *state, const struct yg_config *config);
void yg_serve_api_end(struct yg_state *state);

/* Counts of the API's commands, for metrics.  Returns NULL when out of memory. */
struct yg_api_counts *yg_api_counts_new(void);
void yg_api_counts_free(struct yg_api_counts *counts);
/* The counts of a key, which is told of from then on; for the tag of the key.  Those of too many
 * are counted as "other", as are those when memory has ended.  Any thread. */
void *yg_api_counts_key(struct yg_api_counts *counts, const char *name);
/* on_answer of the API; user is the state. */
void yg_api_counts_tell(const struct yg_api_told *told, void *user);
void yg_api_counts_put(struct yg_state *state, struct yg_text *text);

/* The client of Redis and the node's part in the cluster, ahead of what they are for; the node's
 * name also without Redis. */
int yg_redis_start(struct yg_state *state);
/* Another client of Redis, which tells the log and the metrics what is refused.  As
 * yodel_redis_new(). */
int yg_redis_connect(struct yg_state *state, const yodel_redis_options *options,
                     yodel_redis **ret_redis);
/* Has Socket.IO shared with other nodes. */
int yg_redis_share(struct yg_state *state);
void yg_redis_end(struct yg_state *state);
/* Whether Redis, if there is one, is not away for too long. */
bool yg_redis_is_ready(struct yg_state *state, yodel_loop *loop);
void yg_redis_put(struct yg_state *state, struct yg_text *text);

/* Counts who was refused, and writes of it. */
void yg_refused(struct yg_state *state, enum yg_refused_for reason, yodel_str peer);
/* The library's; user is the state. */
void yg_on_refused(const yodel_refusal *refusal, void *user);
void yg_refusals_put(struct yg_state *state, struct yg_text *text);

/* Whether a page may connect; a client without an Origin is no page.  On a loop. */
bool yg_origin_allows(const struct yg_texts *allowed, const yodel_request *req);
/* The same of one that has a session. */
bool yg_origin_allows_socket(const struct yg_texts *allowed, const yodel_sio_socket *socket);

/* The admin page, ahead of the namespaces of clients; only with admin.enabled. */
int yg_serve_admin_start(struct yg_state *state);
/* Whether a socket in a namespace of clients has come where those are served. */
bool yg_serve_admin_to_socket(struct yg_state *state, const yodel_sio_socket *socket);
void yg_serve_admin_put(struct yg_state *state, struct yg_text *text);

/* The number of loops that have shown no sign of life for too long; loop is the present one. */
unsigned yg_health_stalled(struct yg_state *state, yodel_loop *loop);

/* Who has started the program is told how it is (sd_notify(3)): only with NOTIFY_SOCKET. */
int yg_notify_start(struct yg_state *state);
/* On loop 0; state->notify may be NULL. */
void yg_notify_reloading(struct yg_state *state);
void yg_notify_reloaded(struct yg_state *state);
void yg_notify_stopping(struct yg_state *state);
void yg_notify_free(struct yg_state *state);

/* Probes: PATH/live and PATH/ready. */
int yg_health_start(struct yg_state *state);

/* How late the loops are. */
void yg_health_put(struct yg_state *state, struct yg_text *text);

/* Metrics in the text formats of Prometheus; who has some adds its function to the table there. */
int yg_metrics_start(struct yg_state *state);

/* What is known of every process. */
void yg_process_metrics_start(struct yg_state *state);
void yg_process_metrics_put(struct yg_state *state, yodel_loop *loop, struct yg_text *text);

/* When certificates end: the files are read, by a thread that may block. */
int yg_cert_times_start(struct yg_state *state);
void yg_cert_times_read(struct yg_state *state);
void yg_cert_times_put(struct yg_state *state, struct yg_text *text);

/* The page that says what to do next; only without a file and without clients.page. */
int yg_page_start(struct yg_state *state);

/* Signals, from when loop 0 runs until it ends.  They are blocked from this call on. */
int yg_signals_start(struct yg_state *state);
void yg_signals_end(struct yg_state *state);

/* Takes the listening sockets over, if that was asked for, and offers them to a successor: ahead of
 * yg_listen_all(). */
int yg_handover_start(struct yg_state *state);
/* Starts a successor, and notices the end of one; on loop 0. */
void yg_handover_begin(struct yg_state *state);
void yg_handover_turn(struct yg_state *state);
/* The program is to stop, and so is a successor that starts. */
void yg_handover_give_up(struct yg_state *state);
/* The server stops, for whatever reason; on loop 0. */
void yg_handover_stopping(struct yg_state *state);

/* Stops as a signal does, on loop 0: drains or, at once or the second time, does not. */
void yg_signals_stop(struct yg_state *state, bool at_once);

/* Begins a reload, on loop 0; one that runs already is followed by another. */
void yg_reload(struct yg_state *state);

/* What the API asks of the process; user is the state.  Any loop. */
void yg_control(enum yg_control what, yodel_decision *decision, void *user);
/* A reload is over: who waits for it is answered.  On loop 0; body is borrowed, NULL: none. */
void yg_control_reloaded(struct yg_state *state, enum yg_problem problem, const char *detail,
                         json_t *body);
/* The log was opened anew, or was not; number as of yg_sink_reopen().  On the sink's thread. */
void yg_control_reopened(struct yg_state *state, int result, uint64_t number);
/* After the server's end. */
void yg_control_end(struct yg_state *state);

#endif
