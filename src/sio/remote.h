/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_REMOTE_H
#define YD_SIO_REMOTE_H

#include <yodel/sio.h>

#include "bus/ask.h"
#include "bus/op.h"

/*
 * For adapters: peers of the bus that carry the operations of a service in a form of their own,
 * which servers of another make speak.  They name namespaces and rooms by text, and arguments are
 * JSON with attachments.  Any thread, unless it is said.
 */

/* ---- the service ---- */

/* Its operations are carried by a peer with a form of its own; before the loops run. */
void yd_sio_set_own_form(yodel_sio *sio);
/* Whether peers carry them from Yodel to Yodel, but for one that never says set_own_form. */
bool yd_sio_is_carried(const yodel_sio *sio);
/* Whether a layer of that name is sio's. */
bool yd_sio_is_layer_of(const yodel_sio *sio, yodel_str name);
/* Whether op is one of sio's. */
bool yd_sio_is_op_of(const yodel_sio *sio, const struct yd_op *op);
/* Whose it is: the owner of its setup. */
void *yd_sio_owner(const yodel_sio *sio);
struct yd_bus *yd_sio_bus(const yodel_sio *sio);
const struct yodel_allocator *yd_sio_mem(const yodel_sio *sio);

/* A reference to the namespace of that name, no parent; NULL: there is none here. */
yodel_sio_namespace *yd_sio_remote_find(yodel_sio *sio, yodel_str name);
void yd_sio_remote_unref(yodel_sio_namespace *ns);
/* Calls each(ns, user), borrowed, for the namespaces that are now, without parents; no lock is
 * held.  Returns 0 or -ENOMEM: then none. */
int yd_sio_remote_each(yodel_sio *sio, void (*each)(yodel_sio_namespace *ns, void *user),
                       void *user);
/* Whether a socket here may be in a room of that name: it is one of ns, or looks like a socket's
 * id, or sockets are on their way into rooms.  Cheap: a look into the directory. */
bool yd_sio_remote_has_room(yodel_sio_namespace *ns, yodel_str room);

/* Embedded in its owner; changed() is called when a namespace has come or gone, with a lock of the
 * service's held: it only notes that. */
struct yd_sio_watcher {
    struct yd_sio_watcher *next;
    void (*changed)(struct yd_sio_watcher *watcher);
};
void yd_sio_watch(yodel_sio *sio, struct yd_sio_watcher *watcher);
void yd_sio_unwatch(yodel_sio *sio, struct yd_sio_watcher *watcher);

/* Has fn(arg, namespace, id, begins) called for each socket that comes into the room of its id, and
 * goes; on their loops.  One function; before the loops run, or NULL after. */
void yd_sio_watch_own_rooms(yodel_sio *sio,
                            void (*fn)(void *arg, yodel_str nsp, yodel_str id, bool begins),
                            void *arg);

/* ---- what goes out ---- */

enum yd_sio_remote_kind {
    YD_SIO_REMOTE_EMIT = 1,
    YD_SIO_REMOTE_JOIN,
    YD_SIO_REMOTE_LEAVE,
    YD_SIO_REMOTE_DISCONNECT,
    YD_SIO_REMOTE_SOCKETS, /* fetches sockets */
    YD_SIO_REMOTE_ROOMS,   /* fetches names of rooms */
    YD_SIO_REMOTE_SERVER   /* an event for the other processes themselves */
};

/* What an operation says; views of it. */
struct yd_sio_outgoing {
    enum yd_sio_remote_kind kind;
    yodel_str ns;
    size_t num_rooms, num_except; /* no rooms: all of the namespace */
    unsigned flags;               /* YODEL_SIO_VOLATILE, YODEL_SIO_NO_COMPRESS,
                                     YODEL_SIO_ALL_ARGUMENTS */
    bool wants_reply;             /* acknowledgements, or what is fetched */
    uint32_t timeout_ms;          /* of that */
    yodel_str event, elements;    /* of an event: its name, JSON values with commas between */
    const yodel_bytes *attachments;
    uint32_t num_attachments;
    bool close;             /* of YD_SIO_REMOTE_DISCONNECT: connections too */
    const struct yd_op *op; /* NULL: the lists below */
    const yodel_str *rooms, *except, *names;
    size_t num_names;
};

/* False: what it says concerns this process alone, or nobody (rooms are meant, but none is left).
 */
bool yd_sio_read_op(const struct yd_op *op, struct yd_sio_outgoing *ret_out);
/* The same for an operation that an order has taken (sio/order.h): also of what concerns sockets of
 * this process one by one, whose ids are rooms. */
bool yd_sio_read_ordered(const struct yd_op *op, struct yd_sio_outgoing *ret_out);
/* The i-th room or exception; a socket's id is a room. */
yodel_str yd_sio_out_room(const struct yd_sio_outgoing *out, size_t i);
yodel_str yd_sio_out_except(const struct yd_sio_outgoing *out, size_t i);
/* The rooms that are joined or left, one after the other; *at is 0 at first.  False at the end. */
bool yd_sio_out_next_name(const struct yd_sio_outgoing *out, size_t *at, yodel_str *ret_name);

/* Results of other processes, for yd_bus_add_result(): appended to buf.  elements: JSON values with
 * commas between them, checked by yd_json_check().  Return 0 or -ENOMEM. */

/* Answers to an emit or a server event: one, or several at once.  lists: each element is an array
 * of arguments, else a first argument; either does, whatever was asked for. */
int yd_sio_put_answers(const struct yodel_allocator *mem, struct yd_buf *buf, bool lists,
                       yodel_str elements, const yodel_bytes *attachments,
                       uint32_t num_attachments);
/* Sockets, of YD_SIO_REMOTE_SOCKETS: objects with id, handshake, rooms, data. */
int yd_sio_put_sockets(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str elements);
/* Names of rooms, of YD_SIO_REMOTE_ROOMS: strings; elements of other types are left out. */
int yd_sio_put_room_names(const struct yodel_allocator *mem, struct yd_buf *buf,
                          yodel_str elements);

/* ---- what comes in ---- */

/* Whom it is for. */
struct yd_sio_remote_scope {
    const yodel_str *rooms; /* none: all of the namespace */
    size_t num_rooms;
    const yodel_str *except;
    size_t num_except;
    unsigned flags;
};

/* What is emitted; borrowed.  elements: JSON values with commas between them, checked by
 * yd_json_check(). */
struct yd_sio_remote_words {
    yodel_str event, elements;
    const yodel_bytes *attachments;
    uint32_t num_attachments;
    yodel_str offset; /* that its place has (sio/order.h); empty: none */
};

/* Who wants the acknowledgements of an emit that came in; embedded in its owner.  The functions
 * are called with a lock held, on threads of the loops: they may queue something, no more. */
struct yd_sio_remote_asker {
    struct yd_asker asker; /* its reply is the end; ask has nothing then */
    /* How many clients it was sent to; once, unless the end comes first. */
    void (*counted)(struct yd_sio_remote_asker *asker, unsigned num);
    /* One has answered; element: its first argument, "null" when there is none, or with
     * all_arguments all of them, with commas between. */
    void (*answered)(struct yd_sio_remote_asker *asker, yodel_str element,
                     const yodel_bytes *attachments, uint32_t num_attachments);
    bool all_arguments;
};

/*
 * Each makes an operation for yd_bus_inject().  Return 0, -ENOMEM, YODEL_ERR_PROTOCOL (it cannot be
 * said: a reserved name, placeholders that name no attachment).
 */

/* An event for sockets of ns.  asker: for yd_bus_inject(op, &asker->asker); NULL: no
 * acknowledgement is wanted. */
int yd_sio_remote_emit(yodel_sio_namespace *ns, const struct yd_sio_remote_scope *scope,
                       const struct yd_sio_remote_words *words, uint32_t timeout_ms,
                       struct yd_sio_remote_asker *asker, struct yd_op **ret_op);
/* YD_SIO_REMOTE_JOIN, YD_SIO_REMOTE_LEAVE. */
int yd_sio_remote_rooms(yodel_sio_namespace *ns, enum yd_sio_remote_kind kind,
                        const struct yd_sio_remote_scope *scope, const yodel_str *names, size_t num,
                        struct yd_op **ret_op);
int yd_sio_remote_disconnect(yodel_sio_namespace *ns, const struct yd_sio_remote_scope *scope,
                             bool close, struct yd_op **ret_op);
/* YD_SIO_REMOTE_SOCKETS, YD_SIO_REMOTE_ROOMS: its asker gets an ask for the two below. */
int yd_sio_remote_fetch(yodel_sio_namespace *ns, enum yd_sio_remote_kind kind,
                        const struct yd_sio_remote_scope *scope, struct yd_op **ret_op);
/* An event for the server itself; asker as above, counted() is not called. */
int yd_sio_remote_server_event(yodel_sio_namespace *ns, const struct yd_sio_remote_words *words,
                               struct yd_sio_remote_asker *asker, struct yd_op **ret_op);

/* In the reply of a fetch: appends a JSON array of sockets, or of names.  Returns 0 or -ENOMEM. */
int yd_sio_remote_fetched(struct yd_ask *ask, enum yd_sio_remote_kind kind, struct yd_buf *buf);

#endif
