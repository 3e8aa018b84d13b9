/* SPDX-License-Identifier: MIT */
#ifndef YD_FUZZ_PROGRAM_H
#define YD_FUZZ_PROGRAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yodel/http_body.h>
#include <yodel/http_stream.h>
#include <yodel/redis.h>
#include <yodel/sio.h>

#include "loop_sim.h"
#include "server/server.h"

/*
 * A program is a string of bytes that a whole server on simulated loops lives through: each byte
 * chooses a step (a client does something, a loop turns, time passes, memory fails, another thread
 * calls, the server stops), and every handler draws from the same string what it calls back.  What
 * may be expected of the server is noted along the way, and checked as soon as something comes out.
 * A string that has been used up gives zeros, which mean "nothing more" everywhere.
 */

#define MAX_LOOPS 3
#define FOREIGN MAX_LOOPS /* the sender that is no loop's thread */
#define MAX_LINES 96
#define MAX_SESSIONS 48
#define NUM_SERVICES 2
#define NUM_NAMES 6 /* namespaces that clients ask for; from FIRST_CHILD on made for them */
#define FIRST_CHILD 2
#define NUM_ROOMS 3  /* "r1" to "r3" */
#define NUM_GROUPS 5 /* raw ones; some are rooms of Socket.IO as well */
#define MAX_KEPT 32

/* Serials of messages, in the order they came. */
struct seen {
    unsigned *serials;
    size_t num, max;
};

/* ---- what is known of WebSockets (the server's side) ---- */

struct wsock {
    struct wsock *next;
    struct program *p;
    yodel_ws *ws; /* NULL: gone */
    unsigned loop;
    int line; /* of the client; -1: not known */
    uint64_t id;
    char channel[YODEL_CHANNEL_NAME_SIZE];
    bool in_connect, deferred, accepted, opened, decided, ending, closed;
    uint64_t deferred_at; /* ms */
    bool is_member[NUM_GROUPS];
    uint64_t held_until; /* ms; its output may wait for other processes to know of a join */
    unsigned left_at[NUM_GROUPS];                   /* step; 0: never was in it */
    unsigned last[MAX_LOOPS + 1][NUM_GROUPS];       /* frame that came, by sender */
    unsigned last_event[MAX_LOOPS + 1][NUM_GROUPS]; /* event that came, by sender */
    struct seen seen;
};

/* ---- what is known of Socket.IO sockets ---- */

/* Of the parent with a pattern. */
static inline bool is_child(int name)
{
    return name == FIRST_CHILD || name == FIRST_CHILD + 1;
}

enum in_room { OUT = 0, IN, MAYBE };

struct ssock {
    struct ssock *next;
    struct program *p;
    yodel_sio_socket *socket; /* NULL: gone, or not to be used any more */
    unsigned loop, service;
    int name; /* of its namespace */
    bool connected, disconnecting, ended, freed;
    bool without_rooms; /* in on_disconnect: what its client may come back to does not change */
    char id[21];
    enum in_room room[NUM_ROOMS];
    unsigned left_at[NUM_ROOMS], joined_at[NUM_ROOMS]; /* step */
    unsigned last[MAX_LOOPS + 1];                      /* event that came, by sender */
    bool asks_truly; /* its client tells the last offset it has got */
    bool order_lost; /* it may get again what it had */
    struct seen seen;
    unsigned born_at; /* step */
};

/* ---- what was sent ---- */

enum sent_kind { SENT_EMIT, SENT_FRAME, SENT_EVENT };

struct sent {
    enum sent_kind kind;
    unsigned sender, step;
    unsigned service;
    int name;        /* namespace; NUM_NAMES: the parent, -1: any */
    unsigned rooms;  /* bits; 0: all */
    unsigned except; /* bits */
    const struct ssock *to, *but;
    unsigned group;
    bool failed;    /* the call gave an error that means: to no one */
    bool nested;    /* out of order by right: made inside a watcher */
    bool wants_ack; /* and so is not repeated to one that comes back */
    bool may_miss;  /* volatile, or not taken by all */
    bool has_left;  /* a frame or event was received at least once */
};

/* ---- calls that are answered once ---- */

struct waiter {
    struct waiter *next;
    struct program *p;
    const char *what;
    uint64_t due; /* a timeout before is too early */
    int rc;
    bool returned;
    int calls, frees;
    uint64_t ws_id;   /* of a post */
    bool wants_lists; /* of answers: each is an array */
};

/* ---- clients ---- */

enum line_mode { LINE_HTTP, LINE_WS };
enum asked { ASKED_OTHER, ASKED_OPEN, ASKED_POLL, ASKED_POST, ASKED_RAW_WS, ASKED_WS };

struct tls_line;

struct line {
    struct sim_peer *peer;
    struct tls_line *tls; /* NULL: none */
    unsigned loop;
    enum line_mode mode;
    enum asked asked[16]; /* requests that are not answered yet */
    unsigned num_asked;
    int session;         /* of Engine.IO; -1: none */
    struct wsock *wsock; /* raw WebSocket */
    bool had_head;       /* asked for a head alone: what comes cannot be told apart */
    bool said_close;     /* sent a close frame, ended its output or broke, or sent rubbish */
    bool got_close;
    bool is_raw;
    unsigned close_code;
    bool uploads, upload_chunked;   /* an upload is still to be sent */
    unsigned upload_len, upload_at; /* bytes */
};

struct joined {
    char sid[21]; /* "": not joined */
    char pid[21], offset[32];
    int ack_to_give; /* id of an event that wants an answer; -1: none */
};

struct session {
    bool used, open, on_ws, ended;
    unsigned service, loop;
    char sid[21];
    int ws, probe, poll, post;           /* lines; -1: none */
    unsigned binary_due, pending_serial; /* of an event whose attachments are still to come */
    char pending_offset[32];             /* "": none */
    int pending_name;
    bool pong_due;
    struct joined joined[NUM_NAMES];
};

/* ---- what handlers keep ---- */

enum kept_kind { KEPT_DECISION, KEPT_NAMESPACE };

struct choice;

struct kept {
    enum kept_kind kind;
    void *thing;
    unsigned service;
    int name; /* of a namespace */
};

struct service {
    yodel_sio *sio;
    yodel_sio_namespace *ns[NUM_NAMES + 1]; /* NULL: made for clients; the last is the parent */
    struct program *p;
    unsigned index, num_clients;
    bool has_hooks;
};

struct program {
    const uint8_t *data;
    size_t size, at;
    bool verbose;
    unsigned depth; /* of handlers and nested loops */
    unsigned step;  /* counted from 1 */

    struct yodel_allocator mem;
    size_t blocks;
    unsigned fail_in; /* the n-th allocation from now fails; 0: none does */
    bool has_failed;  /* one has */

    unsigned num_loops;
    yodel_server *server;
    yodel_channels *layer;
    yodel_prepared *prepared;
    struct service services[NUM_SERVICES];
    unsigned num_services;
    unsigned unsure_rooms; /* bits; operations on many sockets have changed who is in them */
    bool few_acks;         /* a socket may owe no more than a few */
    bool recovery, has_ended[MAX_LOOPS], is_entered[MAX_LOOPS];
    int current; /* loop whose callback this is; -1: another thread */
    bool has_tls;
    bool in_watcher, may_cut, is_setting_up, over;
    bool keeps_in_redis;                  /* the history of groups */
    uint64_t now, slept_until[MAX_LOOPS]; /* what the loops have seen of it; ms */
    unsigned num_stops;
    uint64_t stop_ends_at; /* ms */
    bool gentle;           /* no second stop has come */

    struct line lines[MAX_LINES];
    int num_lines;
    struct session sessions[MAX_SESSIONS];
    int num_sessions;
    struct wsock *wsocks;
    struct ssock *ssocks;
    struct waiter *waiters;
    struct seer *seers;
    struct upload *uploads;
    struct open_side *open;
    struct far *far;              /* NULL: there is one process only */
    struct python *python;        /* NULL: none */
    struct redis_side *redis;     /* NULL: none */
    struct cluster_side *cluster; /* NULL: none */
    struct rooms *rooms;
    struct kept kept[MAX_KEPT];
    unsigned num_kept;
    struct choice *choices;
    struct flow *flows; /* answers in parts, the newest first */
    struct sent *sent;  /* by serial, from 1 */
    unsigned num_sent, max_sent;
    struct expected *expected;
    size_t num_expected, max_expected;
};

/* ---- program.c: the string, the trace, the verdict ---- */

unsigned draw(struct program *p);
/* 0 to n - 1. */
unsigned pick(struct program *p, unsigned n);
/* True once in n; never when the string is used up. */
bool once_in(struct program *p, unsigned n);

/* Tells what happens, if the trace is on; indented by depth. */
void say(const struct program *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The server is at fault: ends the process, unless the environment's PROGRAM_IGNORE holds the
 * beginning of the text (of several, with '|' between them), to look for what is hidden by it. */
void broken(const struct program *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Runs one program; the number of steps and handlers' calls are added. */
struct program_counts {
    uint64_t programs, steps, calls;
};
extern struct program_counts program_counts;
int program_run(const uint8_t *data, size_t size, bool verbose);

/* ---- world.c: the server and its loops ---- */

void world_start(struct program *p);
/* The end of the program: the server stops, if it has not; then nothing may be left. */
void world_stop(struct program *p);
void world_finish(struct program *p);
void world_turn(struct program *p, unsigned loop);
/* Until nothing moves. */
void world_run(struct program *p, unsigned loop);
void world_settle(struct program *p);
/* Calls between them are made in a callback of that loop. */
void world_enter(struct program *p, unsigned loop);
void world_leave(struct program *p, unsigned loop);

/* ---- steps.c ---- */

void run_step(struct program *p);

/* ---- clients.c ---- */

int client_connect(struct program *p, unsigned loop);
void client_send(struct program *p, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void client_frame(struct program *p, int line, unsigned first_byte, const void *data, size_t len);
void client_ask(struct program *p, int line, enum asked asked);
/* Reads what has come for all clients. */
void client_read_all(struct program *p);
/* An upgrade request for target. */
void client_upgrade(struct program *p, int line, enum asked asked, const char *target);
int session_new(struct program *p, unsigned service, unsigned loop);
/* Opens one on WebSocket. */
int session_open_ws(struct program *p, unsigned service, unsigned loop);
/* Sends an Engine.IO packet by the session's transport. */
/* Of one on polling: asks for packets; begins and ends an upgrade. */
void session_poll(struct program *p, int session);
void sessions_poll(struct program *p);
void session_probe(struct program *p, int session);
void session_switch(struct program *p, int session);
void session_send(struct program *p, int session, const char *packet);
void session_send_binary(struct program *p, int session, const void *data, size_t len);

/* ---- http_side.c, ws_side.c, sio_side.c: routes, handlers ---- */

void http_side_set_up(struct program *p);
void ws_side_set_up(struct program *p);
void sio_side_set_up(struct program *p);
/* After the end. */
void sio_side_check(struct program *p);
void keep(struct program *p, struct kept kept);
/* Uses one that is kept, in some way. */
void use_kept(struct program *p);
void drop_all_kept(struct program *p);

/* ---- listen_side.c: proxies, limits by address ---- */

void listen_side_options(const struct program *p, yodel_server_options *options);
void listen_side_set_up(const struct program *p, struct yd_address *address);
/* What a proxy sends first on a new connection. */
void listen_side_greet(struct program *p, int line);
/* What it adds to each head; lines that end, or "". */
const char *listen_side_headers(const struct program *p, int line);

/* ---- tls_side.c: what passes between clients and the server ---- */

void tls_side_set_up(struct program *p, struct yd_address *address);
/* On a new connection, after what a proxy says. */
void line_begin(struct program *p, struct line *line);
void line_send(struct line *line, const void *data, size_t len);
/* What has come and was not consumed yet, and a NUL. */
struct yd_buf *line_received(struct line *line);
void lines_free(struct program *p);

/* ---- redis_side.c: a client of Redis ---- */

void redis_side_set_up(struct program *p);
/* Redis reads and answers. */
void redis_side_run(struct program *p);
/* Something is asked of it, or becomes of it. */
void redis_side_keep(struct program *p);
void redis_side_act(struct program *p);
void redis_side_unref(struct program *p);
void redis_side_free(struct program *p);

/* ---- cluster_side.c: what several servers have by Redis ---- */

struct redis_sim;
void cluster_side_set_up(struct program *p, yodel_redis *redis, struct redis_sim *sim);
/* A call, or others say or Redis does something. */
void cluster_side_act(struct program *p);
void cluster_side_unref(struct program *p);
void cluster_side_free(struct program *p);

/* ---- look_side.c: calls that change nothing ---- */

void look_at_request(struct program *p, yodel_request *req);
void look_at_message(struct program *p, yodel_ws *ws, const yodel_ws_message *message);
void look_at_event(struct program *p, yodel_sio_socket *socket, yodel_sio_event *event);
void look_at_references(struct program *p);

/* ---- far_side.c: a second process ---- */

void far_set_up(struct program *p);
/* Runs the first server by run, inside the life of the second, if there is one. */
int far_run_within(struct program *p, yd_run_fn *run);
/* Carries what is on the way, and runs its loop. */
void far_run(struct program *p);
/* A call of its own. */
void far_act(struct program *p);
void far_free(struct program *p);

/* ---- python_side.c: messages of python-socketio ---- */

void python_set_up(struct program *p);
/* Delivers what was published. */
void python_run(struct program *p);
/* It says something. */
void python_act(struct program *p);
void python_free(struct program *p);

/* ---- room_side.c: what happens in rooms ---- */

void room_side_set_up(struct program *p, struct service *service, yodel_sio_namespace *ns);
/* Adds a handler, or removes some. */
void room_side_change(struct program *p, const struct service *service);
/* The loops have ended: nobody is in a room. */
void room_side_check(const struct program *p);
/* The service has gone, too. */
void room_side_free(struct program *p);

/* ---- parsers.c: clients that speak MessagePack ---- */

bool speaks_msgpack(const struct program *p);
/* Appends the message of a Socket.IO packet; false: the text is none. */
bool msgpack_of_text(const char *text, struct yd_buf *ret_message);
/* The other way; to be freed.  NULL: it is no packet of an event, an ack or a namespace. */
char *text_of_msgpack(yodel_bytes message, unsigned *ret_attachments);
/* A binary message as polling has it; to be freed.  And back, in place, without its b. */
char *base64_of(const void *data, size_t len);
yodel_bytes bytes_of_base64(char *text);

/* ---- open_side.c: timers, watches, posts and jobs ---- */

void open_side_set_up(struct program *p);
/* A call of these; in a loop's callback mostly for that loop. */
void open_side_act(struct program *p);
/* What a thread of the pool does next. */
void open_side_step(struct program *p);
/* The loops have ended, the server is there; and when all is over. */
void open_side_end(struct program *p);
void open_side_free(struct program *p);

/* ---- decide.c ---- */

/* Keeps the reference d, on what (static) of ws, which may be NULL.  strict: handlers do not decide
 * otherwise.  False for NULL. */
bool decision_keep(struct program *p, yodel_decision *d, const char *what, struct wsock *ws,
                   bool strict);
void decision_use(struct program *p, void *choice);
/* At the end, when the server has stopped. */
void decisions_free(struct program *p);

/* ---- uploads.c: bodies that are read in parts ---- */

void uploads_set_up(struct program *p);
/* All must have ended. */
void uploads_free(struct program *p);
/* A call on one of this loop, if there is one. */
void upload_act(struct program *p);
/* A client begins one; one that has begun goes on. */
void upload_begin(struct program *p, unsigned loop);
void upload_go_on(struct program *p);
/* ---- streams.c ---- */

void streams_set_up(struct program *p);
/* Calls something on one of them. */
void stream_use(struct program *p);
/* The bytes of a whole body in chunks, which data begins with; 0: it is not whole. */
long stream_measure(const struct program *p, const char *data, size_t len);
/* The loops have ended: all were closed. */
void streams_check(struct program *p);
void streams_free(struct program *p);

/* ---- calls.c: what handlers and other threads call ---- */

/* own: the handler's object, or NULL. */
void act(struct program *p, struct wsock *ws, struct ssock *ss);
/* A call from another thread, made outside of all loops. */
void act_abroad(struct program *p);
void emit_to_kept(struct program *p, const struct kept *kept);
/* Stops the server, or has it end at once. */
void program_stop(struct program *p);
extern const char *const program_rooms[NUM_ROOMS];
extern const char *const program_groups[NUM_GROUPS];
extern const char *const program_names[NUM_NAMES];

/* ---- notes.c: what was sent, and what came ---- */

/* sio_more.c: one call; ss: a socket of this loop, or NULL. */
void sio_more(struct program *p, struct ssock *ss);
/* With a document, or without. */
int group_add(struct program *p, const char *group, yodel_ws *ws);
/* Of all namespaces. */
void look_at_names(yodel_sio *sio);

struct waiter *waiter_new(struct program *p, const char *what);
void waiter_called(struct waiter *waiter);
/* The call that takes it has returned. */
void waiter_returned(struct waiter *waiter, int rc);
void waiters_check(struct program *p);
unsigned sent_new(struct program *p, enum sent_kind kind);
void sent_returned(struct program *p, unsigned serial, int rc);
void wsock_join(struct wsock *ws, unsigned group, bool in);
void ssock_join(struct ssock *ss, unsigned room, enum in_room in);
/* A frame or event of a group has reached a WebSocket. */
void wsock_got(struct wsock *ws, unsigned serial, bool event);
/* An emit has reached a client. */
void ssock_got(struct ssock *ss, unsigned serial);
struct ssock *ssock_find(struct program *p, const char *id, int name, unsigned service);
/* ---- presence_side.c ---- */

void presence_side_set_up(struct program *p);
/* Ends what watches; when the layer has gone, checks that all was freed. */
void presence_side_end(struct program *p);
void presence_side_check(struct program *p);
/* ---- expect.c ---- */

/* Called ahead of the call that sends. */
void expect_emit(struct program *p, unsigned serial);
void expect_group(struct program *p, unsigned serial);
/* All is quiet, and all have read: what must have come has come. */
void expectations_check(struct program *p);
void seen_add(struct seen *seen, unsigned serial);
bool seen_has(const struct seen *seen, unsigned serial);

void notes_free(struct program *p);

#endif
