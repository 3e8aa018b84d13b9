/* SPDX-License-Identifier: MIT */
#ifndef YP_SIO_ITEMS_H
#define YP_SIO_ITEMS_H

#include <yodel/sio.h>
#include <yodel/yodel.h>

#include "base/buf.h"
#include "base/map.h"
#include "sio_queue.h"

/*
 * What loops know of Socket.IO's clients, and the items that they put into the queue for them.
 * Plain C: no loop of a SioServer ever takes the GIL.
 */

enum yp_kind { YP_CONNECT = 1, YP_EVENT, YP_DISCONNECT, YP_ACK, YP_HTTP, YP_LOG, YP_CHECK };

/* Ahead of every item: what next() makes a tuple of. */
struct yp_work {
    struct yp_item item;
    enum yp_kind kind;
    struct yp_record *record; /* a reference; NULL: none */
};

static inline struct yp_work *yp_work_of(struct yp_item *item)
{
    return (struct yp_work *)(void *)item;
}

/* Names that are kept: rooms.  All zero is empty. */
struct yp_names_kept {
    struct yd_buf text; /* each with its NUL */
    size_t num;
};

int yp_names_add(struct yp_names_kept *names, yodel_str name);
/* The next name from *at on, 0 at first; NULL: no more. */
const char *yp_names_next(const struct yp_names_kept *names, size_t *at);
bool yp_names_have(const struct yp_names_kept *names, const char *name);
void yp_names_remove(struct yp_names_kept *names, const char *name);
void yp_names_free(struct yp_names_kept *names);

/* Arguments of an event or an answer, in one block: JSON and attachments. */
struct yp_args {
    size_t json_len, num_attachments, size; /* size: of all of it */
    yodel_bytes attachments[10];
    char json[];
};

/* Copies; NULL when out of memory. */
struct yp_args *yp_args_new(yodel_str json, const yodel_bytes *attachments, size_t num);

static inline yodel_sio_args yp_args_view(const struct yp_args *args)
{
    return (yodel_sio_args){.size = sizeof(yodel_sio_args),
                            .json = {args->json, args->json_len},
                            .attachments = args->attachments,
                            .num_attachments = args->num_attachments};
}

/* A client: its strand, and its sockets.  Lives as long as any of them, or an item. */
struct yp_client {
    struct yp_strand strand; /* first */
    struct yp_service *service;
    struct yd_map_node node; /* by id */
    char id[24];             /* of its session */
    bool is_known;           /* in the map */
    yodel_loop *loop;
    struct yd_list sockets; /* records; on its loop */
};

/* What is emitted to a client whose CONNECT has not been answered. */
struct yp_early {
    struct yp_early *next;
    struct yp_args *args;
    char event[];
};

enum yp_phase {
    YP_WAITING = 0, /* its connect item waits */
    YP_DECIDING,    /* its connect handler runs */
    YP_ACCEPTED,    /* it has let it in */
    YP_JOINED,      /* the client was told */
    YP_REFUSED,
    YP_LEFT /* its disconnect item is there */
};

/* A client in a namespace.  What changes is under the service's lock. */
struct yp_record {
    _Atomic unsigned refs; /* of the socket, items, and who looks at it */
    struct yp_client *client;
    yodel_sio_namespace *ns;
    yodel_sio_socket *socket; /* on its loop, while it is of_client */
    struct yd_map_node node;  /* by sid */
    struct yd_list of_client, of_deciding;
    char sid[24];
    const char *transport; /* static text: when it asked to connect */
    char reason[32];
    enum yp_phase phase;
    bool is_in;            /* the socket is in its namespace */
    bool has_gone;         /* and nobody has been told */
    bool must_leave;       /* disconnect() ahead of the CONNECT */
    unsigned long decider; /* the thread that runs its connect handler */
    yodel_decision *decision;
    struct yp_early *early, **early_end;
    size_t early_bytes;
    size_t unasked; /* bytes emitted to it alone since its output was looked at; with the GIL */
    struct yp_names_kept rooms; /* joined ahead of the CONNECT; or those it was in at the end */
    struct yp_work left;        /* its disconnect item */
};

struct yp_connect {
    struct yp_work work;
    json_t *handshake; /* its own */
    char peer[80];
};

struct yp_event {
    struct yp_work work;
    yodel_decision *ack; /* NULL: none is wanted */
    struct yp_args *args;
    size_t name_len;
    char name[];
};

struct yp_line {
    struct yp_work work;
    yodel_log_level level;
    char text[];
};

struct yp_service_counts {
    _Atomic uint64_t connects_refused; /* for want of room or memory */
    _Atomic uint64_t lost;             /* clients closed, as there was no memory for an event */
    _Atomic uint64_t early_dropped;    /* emits ahead of a CONNECT, above the limit */
    _Atomic uint64_t lines_dropped;    /* of the log */
};

/* Bytes of emits that are kept for one client ahead of its CONNECT. */
#define YP_EARLY_MAX ((size_t)1 << 20)
/* Lines of the library's log that wait to be taken. */
#define YP_LINES_MAX 200

struct yp_service {
    yodel_server *server;
    yodel_sio *sio; /* NULL: HTTP alone */
    struct yp_queue queue;
    pthread_mutex_t lock; /* of the two maps, the list, and records */
    struct yd_map records, clients;
    struct yd_list deciding;
    _Atomic unsigned num_deciding;
    _Atomic unsigned num_lines;
    bool always_connect;
    struct yp_service_counts counts;
};

/* Returns 0 or -errno.  _done: the loops have ended, and the queue is empty. */
int yp_service_init(struct yp_service *service, const struct yp_queue_limits *limits);
void yp_service_done(struct yp_service *service);

/* The handlers and middleware of a namespace; user is the service.  Returns 0 or an error. */
int yp_service_serve(struct yp_service *service, yodel_sio_namespace *ns);

/* A yodel_log_fn; user is the service. */
void yp_service_log(yodel_log_level level, yodel_str text, void *user);

/* ---- records ---- */

/* With a reference; NULL: none of that sid in that namespace. */
struct yp_record *yp_record_find(struct yp_service *service, yodel_str sid, yodel_str ns);
struct yp_record *yp_record_ref(struct yp_record *record);
struct yp_record *yp_record_unref(struct yp_record *record);
yodel_str yp_record_ns(const struct yp_record *record);

/* ---- items, by the worker that took them ---- */

/* A connect item was taken: false when the client has gone, and nobody is to be told. */
bool yp_connect_begin(struct yp_connect *connect, unsigned long thread);
/* The connect handler has let it in, or not.  Each once; _refuse: NULL twice for "Refused".
 * Returns 0, YODEL_ERR_ENCODING, YODEL_ERR_FORMAT, -ENOMEM: it is undecided. */
int yp_connect_accept(struct yp_connect *connect);
int yp_connect_refuse(struct yp_connect *connect, const char *message, const char *data_json);

/* Frees an item of the kinds above, which yp_queue_done() has been told. */
void yp_work_free(struct yp_work *work);

/* ---- ahead of the CONNECT ---- */

/*
 * Keeps an emit for the record alone if its client is still to be let in.  Returns 1 when it was
 * kept, or dropped as too much; 0: it is in, or has gone; -ENOMEM.
 */
int yp_early_emit(struct yp_record *record, const char *event, const struct yp_args *args);

/* The same for all whose connect handler this thread runs, and whom rooms (NULL: all) mean, less
 * those in skip.  Returns 0 or -ENOMEM. */
int yp_early_broadcast(struct yp_service *service, yodel_str ns, const char *const *rooms,
                       const char *const *skip, unsigned long thread, const char *event,
                       const struct yp_args *args);

/* Joins or leaves a room.  Returns 1 when it was noted, 0: it is in, or has gone; -ENOMEM. */
int yp_early_room(struct yp_record *record, const char *room, bool join);

/* disconnect().  Returns 1 when it was noted, 0: it is in. */
int yp_early_leave(struct yp_record *record);

#endif
