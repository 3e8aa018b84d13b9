/* SPDX-License-Identifier: MIT */
#ifndef YG_CLI_CROWD_H
#define YG_CLI_CROWD_H

#include "client/dial.h"
#include "client/quantiles.h"
#include "client/socketio.h"

/* `yodel load`: many clients, and messages at a fixed rate. */

#define YG_CROWD_COMMAND "load"
#define YG_CROWD_MAX_CLIENTS 1000000
#define YG_CROWD_MAX_ROOMS 100000

/* What is awaited for each message: bits. */
enum { YG_CROWD_ECHO = 1, YG_CROWD_ACK = 2, YG_CROWD_BROADCAST = 4 };

struct yg_crowd_options {
    struct yg_dial_options dial;
    const char *ns, *auth;
    unsigned clients, rooms;
    double ramp, rate, reconnect; /* a second */
    size_t size;                  /* of the text that stands for %m */
    uint64_t duration_us;
    const char *message; /* what is sent; NULL: the usual */
    const char *join;    /* NULL: nobody joins */
    unsigned awaits;
    uint64_t max_p99_us; /* 0: none */
    double max_errors;   /* a number, or a part of all; negative: none */
    bool max_is_part;
    bool as_json;
};

struct yg_crowd_counts {
    uint64_t connected, failed, lost, came_back, refused_joins, refused_messages;
    uint64_t deflated; /* connections */
    uint64_t sent, unsent, echoed, acked, wrong_acks, broadcast;
    uint64_t expected;                         /* broadcasts */
    uint64_t abandoned_echoes, abandoned_acks; /* of clients that came back because they should */
};

enum yg_crowd_state {
    YG_CROWD_IDLE,
    YG_CROWD_CONNECTS,
    YG_CROWD_JOINS,
    YG_CROWD_UP,
    YG_CROWD_CLOSES
};

struct yg_crowd;

struct yg_crowd_client {
    union {
        struct yg_sio sio;
        struct yg_ws ws;
    } link;
    struct yg_crowd *crowd;
    unsigned index, room;
    enum yg_crowd_state state;
    bool had_outcome, comes_back, was_connected;
    uint64_t due_us;       /* of its connection */
    yodel_timer retry;     /* after a failure, and for an answer to the join */
    size_t up_at;          /* in crowd->up */
    uint64_t sent, echoed; /* since it is up */
    uint64_t *owed;        /* due times of acks by their id, a ring; 0: it has come */
    uint64_t owed_cap, first_ack, next_ack;
};

enum yg_crowd_phase {
    YG_CROWD_RAMP,   /* clients connect */
    YG_CROWD_STEADY, /* messages are sent */
    YG_CROWD_DRAIN,  /* what is owed is awaited */
    YG_CROWD_CLOSE,
    YG_CROWD_DONE
};

/* Of one thread. */
struct yg_crowd {
    const struct yg_crowd_options *options;
    struct yg_dial *dial;
    struct yg_sio_options *rooms; /* one for each room, or one */
    char **targets;               /* their paths */
    bool is_sio;
    struct yg_text message, join; /* as they are sent, but for %m, %r, %c */
    char mark[16];                /* how a message of this run begins */
    yodel_server *server;
    yodel_loop *loop;
    yodel_watch watch; /* of the timerfd that says when the next thing is due */
    int timer;
    struct yg_crowd_client *clients;
    struct yg_crowd_client **up; /* those that are up */
    size_t num_up, next_up;
    unsigned *room_up;                /* how many are up, by room */
    unsigned num_outcomes, num_alive; /* alive: not idle */
    enum yg_crowd_phase phase;
    uint64_t begun_us, steady_us, phase_end_us, steady_end_us;
    uint64_t num_connects, num_messages, num_churns; /* what was due so far */
    uint64_t random;
    bool has_failure;
    struct yg_end failure; /* the first */
    struct yg_crowd_counts counts;
    struct yg_quantiles connect, echo, ack, spread, late;
};

/* Runs, and reports.  Returns the status to end with. */
int yg_crowd_run(const struct yg_crowd_options *options, struct yg_dial *dial);

/* ---- texts ---- */

/* Makes what is sent out of a template.  Returns 0, or a status; what is wrong was said. */
int yg_crowd_template(const struct yg_crowd *crowd, const char *name, const char *text,
                      struct yg_text *ret_text);

/* Adds a template with what its % stand for. */
void yg_crowd_expand(struct yg_text *out, const struct yg_crowd *crowd, const struct yg_text *from,
                     const struct yg_crowd_client *client, uint64_t due_us);

/* Finds the mark of a message.  Returns whether it is of this run. */
bool yg_crowd_find(const struct yg_crowd *crowd, const char *ptr, size_t len, unsigned *ret_client,
                   uint64_t *ret_due_us);

/* ---- clients ---- */

void yg_crowd_client_open(struct yg_crowd_client *client, uint64_t due_us);
void yg_crowd_client_send(struct yg_crowd_client *client, uint64_t due_us, uint64_t now_us);
void yg_crowd_client_close(struct yg_crowd_client *client);
void yg_crowd_client_drop(struct yg_crowd_client *client);

/* Whether something is owed to it. */
bool yg_crowd_client_waits(const struct yg_crowd_client *client);

/* ---- the report ---- */

/* Messages of which what is awaited did not come, and everything else that went wrong. */
uint64_t yg_crowd_missing(const struct yg_crowd *crowd);
uint64_t yg_crowd_errors(const struct yg_crowd *crowd);

/* Writes it.  Returns the status to end with. */
int yg_crowd_report(const struct yg_crowd *crowd);

#endif
