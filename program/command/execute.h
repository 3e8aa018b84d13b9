/* SPDX-License-Identifier: MIT */
#ifndef YG_COMMAND_EXECUTE_H
#define YG_COMMAND_EXECUTE_H

#include <stdatomic.h>
#include <yodel/cluster.h>
#include <yodel/history.h>
#include <yodel/loop.h>
#include <yodel/sio.h>

#include "command/command.h"
#include "command/spaces.h"

/* Commands are carried out here, over the public API of the library. */

/* What commands act on.  Borrowed, all of it: it must outlive the runs. */
struct yg_service {
    yodel_server *server;
    yodel_sio *sio;
    yodel_channels *channels; /* of raw WebSockets; NULL: there are none */
    yodel_channels *kept;    /* the channel layer of sio, which keeps what is sent to rooms; another
                                one, whose groups only rooms are in; NULL: nothing can be kept */
    yodel_cluster *cluster;  /* NULL: one node alone */
    const char *node;        /* its name */
    struct yg_spaces spaces; /* its own; see yg_spaces_done() */
    /* The configuration without its secrets, a new reference, NULL: out of memory.  Any loop's
     * thread.  NULL: there is none to show. */
    json_t *(*show_config)(void *user);
    void *config_user;
    unsigned max_pending; /* commands that wait for an answer, on all loops; 0: 1000 */
    atomic_uint pending;  /* how many there are */
};

/*
 * The answer to a command; borrowed for the call.  body by verb:
 *
 *     emit         {"delivered"}: sockets and readers of events of this process that it was
 *                  queued for.  Left out where nobody is counted.  To one room or group that
 *                  keeps it {"offset"?}: where it stands in history; left out for quick and
 *                  uncounted ones, and as long as Redis does not say.  With ack:
 *                  {"acks": [{"sid", "args", "attachments"?}], "missing": [sid]}; an answer has
 *                  one argument
 *     join, leave, disconnect, update
 *                  {"matched", "partial"?}: sockets on all nodes; partial: so many loops or nodes
 *                  did not answer.  Left out for quick commands; others are answered when all
 *                  loops of this process have carried them out
 *     sockets      {"sockets": [{"sid", "namespace", "user", "meta", "info", "rooms", "address",
 *                  "connected_at", "expires_at"}], "next", "partial"?}; count: {"count",
 *                  "partial"?}
 *     socket       such a socket
 *     rooms        {"rooms": [{"name", "count"}], "next", "partial"?}; sockets of all nodes, who
 *                  are not counted in their own rooms
 *     presence     {"members": [{"sid", "user", "info"}], "count", "partial"?}
 *     history      {"items": [{"offset", "text" or "attachment"}], "offset", "gone"}; of a room
 *                  {"offset", "event", "args"}
 *     forget       {}
 *     nodes        {"nodes": [{"id", "name", "self"}]}
 *     stats        counts of this process
 *     config       its options, without secrets
 */
struct yg_answer {
    enum yg_problem problem; /* YG_PROBLEM_NONE: it is done */
    const char *detail;      /* NULL: the title says it */
    const char *pointer;     /* NULL: none */
    json_t *body;            /* NULL with a problem, but for what came by then; see ACK_TIMEOUT */
};
typedef void(yg_answer_fn)(const struct yg_answer *answer, void *user);

/* Who asks.  Borrowed for the call. */
struct yg_caller {
    yodel_loop *loop;         /* the present one: answers come here */
    yodel_sio_socket *sender; /* of a hook's answer, on that loop; NULL: there is none */
    bool quick;               /* takes effect inside the call, where it is not about must_exist, an
                                 ack, or an update of others: then nobody is counted */
    bool uncounted;           /* nobody whom an emit reaches is counted: it is answered at once */
};

/* A command under way. */
struct yg_run;

/*
 * Carries out a command.
 *
 * command   taken
 * answer    called exactly once, on the caller's loop, perhaps inside this call, unless the run is
 *           abandoned
 * ret_run   NULL after an answer inside this call.  It must be answered or abandoned before the
 * loop ends
 */
void yg_execute(struct yg_service *service, struct yg_command *command,
                const struct yg_caller *caller, yg_answer_fn *answer, void *user,
                struct yg_run **ret_run);

/* The answer is not wanted any more and does not come; what was begun goes on.  On the loop of the
 * run, ahead of its answer; NULL does nothing. */
void yg_run_abandon(struct yg_run *run);

/* The event by which nodes tell each other of updates; see yg_execute_server_event(). */
#define YG_UPDATE_EVENT "yodel:update"

/* To be called by on_server_event of each namespace: takes what is of this module.  Returns whether
 * it was. */
bool yg_execute_server_event(yodel_sio_namespace *ns, yodel_sio_server_event *event);

#endif
