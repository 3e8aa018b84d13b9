/* SPDX-License-Identifier: MIT */
#ifndef YD_SERVER_SERVER_H
#define YD_SERVER_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <yodel/guest.h>
#include <yodel/listen.h>

#include "base/part.h"
#include "base/trimmer.h"
#include "bus/bus.h"
#include "bus/call.h"
#include "http/http.h"
#include "net/limits.h"
#include "net/net.h"
#include "net/rates.h"
#include "net/sockets.h"
#include "net/tls.h"
#include "open/work.h"
#include "server/handover.h"
#include "ws/ws.h"

/* The composition root: what a yodel_server is made of. */

/* One loop and what the server keeps of it. */
struct yd_worker {
    yodel_server *server;
    struct yd_loop *loop;
    yodel_loop open; /* what the program has on it */
    struct yd_net net;
    pthread_t thread;
    /* Posted once each; ended to the first loop. */
    struct yd_call stop, send_away, kill, finish, end, ended;
    struct yd_timer drain;
    struct yd_timer wave;
    struct yd_timer others; /* runs while it waits for the other loops to stop accepting */
    bool sends_away;        /* clients, in a stop */
    bool finishes;          /* its outlets have been told */
    struct yd_list *hook;   /* the last whose on_start has run, of the server's */
};

/*
 * What the server has of other servers, such as a client of Redis.  Each function is called on each
 * loop, on its thread.  While an outlet is counted in num_outlets the loops go on.
 */
struct yd_outlet {
    struct yd_list node;
    /* The loop runs: ahead of its first handlers. */
    void (*begin)(struct yd_outlet *outlet, struct yd_loop *loop);
    /* No connection of a client is left, on any loop: send what there is to send, and end. */
    void (*finish)(struct yd_outlet *outlet, struct yd_loop *loop);
    /* The time for that is over. */
    void (*abandon)(struct yd_outlet *outlet, struct yd_loop *loop);
    /* After the loops. */
    void (*free)(struct yd_outlet *outlet);
};

/* One call of yodel_server_listen(). */
struct yd_address {
    struct yd_address *next;
    struct yd_front front;
    char *name;                    /* as yodel_server_listen() was given it; NULL: descriptors */
    char *tag;                     /* front has it, */
    struct yd_trust *trust;        /* and this */
    struct yd_unix_name unix_name; /* to be removed; no path: TCP */
    atomic_bool stopped;           /* and is */
    atomic_uint num_reserved;      /* of front's places taken */
    unsigned num_listeners;        /* number i is of loop i % num_loops */
    struct yd_net_listener *listeners;
};

enum yd_server_state { YD_SERVER_SETUP = 0, YD_SERVER_RUNNING, YD_SERVER_STOPPED };

struct yodel_cluster;

struct yodel_server {
    atomic_uint refs;         /* of the program and of what belongs to the server */
    atomic_uint program_refs; /* of the program */
    atomic_int state;
    atomic_int num_stops;
    atomic_uint drain_ms, spread_ms, stop_code; /* of the stop */
    atomic_uint num_connections;                /* on all loops and between them */
    atomic_uint num_outgoing;                   /* connections of ours to others */
    atomic_uint num_outlets;                    /* that have begun and not ended */
    atomic_uint num_finished;                   /* loops whose outlets know that they are to end */
    atomic_bool finishing;                      /* they are told */
    atomic_bool hurried;                        /* the time of the stop is over */
    struct yd_list outlets;                     /* in the order they were added */
    atomic_uint num_live;                       /* loops that run */
    atomic_uint num_closed;                     /* of which accept no more, */
    atomic_uint num_stopped;                    /* and send their clients away */
    atomic_bool ending;                         /* the loops have been told to end */
    yodel_allocator mem;
    yodel_log_sink log;
    yodel_server_options options; /* filled in; its pointers are not kept */
    uint64_t secret[2];
    char process[YD_PROCESS_SIZE];
    pid_t pid;                                 /* that has the name, and the Unix sockets */
    _Atomic(const struct yd_fork_mark *) mark; /* since it runs */
    struct yd_bus bus;
    struct yd_http http;
    struct yd_ws_service ws;
    struct yd_limits *limits; /* by address; NULL: none */
    struct yd_rates *rates;   /* NULL: none */
    struct yd_address *addresses;
    struct yd_sio_link *services; /* Socket.IO services */
    struct yd_carrying *carrying; /* for them; NULL: nothing is carried */
    struct yd_eio_far *far;       /* that it is to them */
    struct yd_part *parts;
    struct yodel_cluster *cluster; /* the server is a node; NULL: it is not */
    struct yd_list hooks;   /* of the program's, for each loop, in the order they were added */
    atomic_int start_error; /* of one of them; 0: none */
    unsigned num_loops;
    unsigned num_layers;  /* of the bus, made so far */
    unsigned num_running; /* the first loop's: others that run, and itself */
    struct yd_loop **loops;
    struct yd_worker *workers;
    struct yd_work_pool *work; /* the program's jobs */
    struct yd_trimmer trimmer;
    struct yd_handover handover;
    struct yd_guest guest; /* of yodel_server_start() */
    yodel_stopped_fn *on_stopped;
    void *stopped_user;
};

/* yodel_server_new() on loops of a backend that options cannot name; ops NULL: as they say. */
int yd_server_new_on(const struct yd_loop_ops *ops, const yodel_server_options *options,
                     yodel_server **ret_server);

/* A new name, unless it has that of this process already.  Returns 0 or -EIO. */
int yd_server_name_process(yodel_server *server);

/* run.c */
bool yd_stop_code_is_valid(unsigned code);
void yd_worker_init(struct yd_worker *worker, yodel_server *server, struct yd_loop *loop);

/* yodel_server_run() with something else in place of the threads: run(server, arg) sets num_running
 * and returns when every loop is to stop and every other than the first has posted its worker's
 * ended. */
typedef int(yd_run_fn)(yodel_server *server, void *arg);
int yd_server_run_by(yodel_server *server, yd_run_fn *run, void *arg);

/* Something that kept the loops going has ended. */
void yd_server_check_end(yodel_server *server);

/* outlets.c.  Add: while the server is set up. */
void yd_server_add_outlet(yodel_server *server, struct yd_outlet *outlet);
void yd_outlets_begin(struct yd_worker *worker);
void yd_outlets_finish(struct yd_worker *worker);
void yd_outlets_abandon(struct yd_worker *worker);
void yd_outlets_free(yodel_server *server);

/* The parts of that.  Begin: YODEL_ERR_STATE for what is not new, else a reference is taken, for
 * the caller to drop after the end. */
int yd_server_begin(yodel_server *server);
/* The loops are open, or have started: listens, and watches for signals.  Returns 0 or -errno. */
int yd_server_serve(yodel_server *server);
/* The loops have ended: runs what is left in them. */
void yd_server_end(yodel_server *server);
/* The program has let go of it.  If it has never run, it never will. */
void yd_server_give_up(yodel_server *server);

/* server_listen.c */
int yd_addresses_start(yodel_server *server);
/* On a loop's thread: takes the connections that wait in its listeners and closes those. */
void yd_addresses_stop(yodel_server *server, unsigned loop);
/* Closes what is still open; the loops must not run, but be there. */
void yd_addresses_close(yodel_server *server);
/* After the loops, whose pending work may use them. */
void yd_addresses_free(yodel_server *server);

/* loops.c: the program's handlers of a loop, on that loop.  Start: 0, or what one has returned, and
 * those after it have not run; stop and end: only of those that have. */
int yd_hooks_start(struct yd_worker *worker);
void yd_hooks_stop(struct yd_worker *worker);
void yd_hooks_end(struct yd_worker *worker);
void yd_hooks_free(yodel_server *server);

/* parts.c: what the server has besides.  Begin and stop: on the first loop. */
void yd_parts_add(yodel_server *server, struct yd_part *part);
void yd_parts_begin(yodel_server *server, struct yd_loop *loop);
void yd_parts_stop(yodel_server *server, struct yd_loop *loop);
void yd_parts_end(yodel_server *server);
void yd_parts_free(yodel_server *server);

/* sio.c.  Shut: no loop opens sessions of Socket.IO any more; any thread.  Stop: closes those on a
 * loop, on that loop. */
void yd_services_shut(yodel_server *server);
void yd_services_stop(yodel_server *server, struct yd_loop *loop);
void yd_services_free(yodel_server *server);

/* The loop of an id, or NULL when there is none. */
struct yd_loop *yd_server_loop(const yodel_server *server, uint64_t id);

/* References of what belongs to the server, which do not keep what waits for it to run when the
 * program has let go of it before. */
yodel_server *yd_server_hold(yodel_server *server);
void yd_server_release(void *server);

/* A child of fork() has it, whose parent runs it. */
static inline bool yd_server_is_parents(const yodel_server *server)
{
    return yd_fork_mark_is_childs(atomic_load_explicit(&server->mark, memory_order_acquire));
}

/* 0 while routes and listeners may be added, else YODEL_ERR_STATE. */
static inline int yd_server_check_setup(const yodel_server *server)
{
    return atomic_load(&server->state) == YD_SERVER_SETUP ? 0 : YODEL_ERR_STATE;
}

#endif
