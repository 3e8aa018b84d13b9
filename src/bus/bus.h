/* SPDX-License-Identifier: MIT */
#ifndef YD_BUS_BUS_H
#define YD_BUS_BUS_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "bus/fence.h"
#include "loop/loop.h"

/*
 * The bus carries operations to all who are meant: "this message, to the members of these groups",
 * "who is in this room?".  An operation (bus/op.h) is data.  The layer whose it is (groups, the
 * namespaces of a Socket.IO service) carries it out on each loop that has receivers.  A loop is a
 * near peer; far ones are processes, which take operations as bytes.
 *
 * What one thread sends reaches each receiver in its order, whichever loops it goes to.
 */

struct yd_op;
struct yd_ask;
struct yd_bus;
struct yd_layer;
struct yd_peer;

#define YD_MAX_LOOPS 256

/* A process in names and on the bus: 32 hex digits and a NUL. */
#define YD_PROCESS_SIZE 33

/* Bytes of a layer's name with its NUL. */
#define YD_LAYER_NAME_SIZE 32

struct yd_loop_set {
    uint64_t bits[YD_MAX_LOOPS / 64];
};

static inline void yd_loop_set_add(struct yd_loop_set *set, unsigned loop)
{
    set->bits[loop / 64] |= (uint64_t)1 << loop % 64;
}

static inline bool yd_loop_set_has(const struct yd_loop_set *set, unsigned loop)
{
    return (set->bits[loop / 64] >> loop % 64 & 1) != 0;
}

/* ---- layers ---- */

/* What a layer does with its operations. */
struct yd_layer_ops {
    /* Adds the loops that have members of op's scope.  Any thread. */
    void (*find)(const struct yd_op *op, struct yd_loop_set *set);
    /* Carries op out on loop, the current one: one switch over op->kind. */
    void (*apply)(struct yd_op *op, struct yd_loop *loop);
    /* Gives back what the layer has put into op; not op itself. */
    void (*release)(struct yd_op *op);
    /* Keeps the layer, and with it the bus and its memory, while an operation is under way. */
    void (*ref)(struct yd_layer *layer);
    void (*unref)(struct yd_layer *layer);
    /* As ref, while the last reference may be given back: false when it was. */
    bool (*try_ref)(struct yd_layer *layer);

    /*
     * For far peers; all NULL: operations of this layer stay in the process.
     *
     * encode appends what the layer has put into op (the payload, the namespace) to buf.  Returns
     * 0, -ENOMEM, or YODEL_ERR_UNSUPPORTED for an operation of this process alone.
     */
    int (*encode)(const struct yd_op *op, struct yd_buf *buf);
    /* The size of the struct for operations of that kind; 0: there is no such kind. */
    size_t (*op_size)(unsigned kind);
    /* Puts into op what encode has written, and an ask into op->ask if op->wants_reply and the
     * layer can answer.  Returns 0, -ENOMEM, YODEL_ERR_PROTOCOL, YODEL_ERR_NOT_FOUND (what it is
     * about is not in this process); release is called in any case. */
    int (*decode)(struct yd_op *op, yodel_bytes payload);
    /* Appends what such an ask has gathered; and adds it to the ask of the process that asked. */
    int (*encode_result)(struct yd_ask *ask, struct yd_buf *buf);
    int (*take_result)(struct yd_ask *ask, yodel_bytes result);
    /* Another process has come (its name empty: some may have missed what was sent), or is lost:
     * what is known of it is nothing more.  On one thread; NULL: it is all the same. */
    void (*process_joined)(struct yd_layer *layer, yodel_str process);
    void (*process_lost)(struct yd_layer *layer, yodel_str process);
    /* find needs only the scope: what is for nobody here is not decoded. */
    bool finds_by_scope;
};

/* Embedded in its owner. */
struct yd_layer {
    const struct yd_layer_ops *ops;
    struct yd_bus *bus;
    struct yd_layer *next;
    yodel_str name; /* the same in every process; borrowed */
    /* A peer with a form of its own carries its operations: those with the native form let it be.
     */
    bool has_own_form;
    /* What concerns members of groups alone need not reach processes where those have none. */
    bool by_group;
};

/* Keeps a layer for what is under way, and gives it back. */
static inline void yd_layer_ref(struct yd_layer *layer)
{
    layer->ops->ref(layer);
}

static inline bool yd_layer_try_ref(struct yd_layer *layer)
{
    return layer->ops->try_ref(layer);
}

static inline void yd_layer_unref(struct yd_layer *layer)
{
    layer->ops->unref(layer);
}

/* ---- far peers ---- */

/*
 * A peer carries operations in the native form (bus/op_codec.c), or in one of its own, which other
 * programs speak.  The second kind makes what it sends in encode; what comes in it makes into
 * operations with functions of the layer, and gives them to yd_bus_inject().
 */
struct yd_peer_ops {
    /* Whether it carries op at all; no part of an answer is awaited of one that does not.  Called
     * without a lock, on the sender's thread.  NULL: every one. */
    bool (*takes)(struct yd_peer *peer, const struct yd_op *op);
    /* Appends op in the peer's own form; without a lock, on the sender's thread.  token: 0, or that
     * of op->ask.  NULL: the native form.  Returns 0, -ENOMEM (nobody gets op), or
     * YODEL_ERR_UNSUPPORTED: it has no form for op, its part of an answer is missing. */
    int (*encode)(struct yd_peer *peer, const struct yd_op *op, uint64_t token, struct yd_buf *buf);
    /* Takes an operation for the other processes, as bytes.  Called in the order of the operations'
     * numbers, with a lock held: it must not call the bus.  Returns 0, or why it could not. */
    int (*send)(struct yd_peer *peer, const struct yd_op *op, uint64_t token, yodel_bytes bytes);
    /* Takes the answer to an operation with a reply token, for the process it came from. */
    int (*reply)(struct yd_peer *peer, yodel_bytes reply);
    /* What was asked with token, and this peer has a part of, has an answer, which may be its own.
     * Called without a lock, on any thread, perhaps more than once.  NULL: it does not matter. */
    void (*answered)(struct yd_peer *peer, uint64_t token);
    /* How many processes it reaches now: so many answers are awaited of it, one of each.  Called
     * with a lock held, just before send.  NULL: one.  A peer with a form of its own says 1, a part
     * that it closes by yd_bus_close_part(). */
    unsigned (*num_parts)(struct yd_peer *peer);
    /* A group has its first member of all loops, or has lost its last.  Called with a lock held, in
     * their order for each group. */
    void (*group_begins)(struct yd_peer *peer, yodel_str layer, yodel_str group);
    void (*group_ends)(struct yd_peer *peer, yodel_str layer, yodel_str group);
    /* For one that listens to groups one by one: whether it hears that one, or cannot now, or need
     * not.  When that may have become true it calls yd_bus_hears_more().  Any thread. */
    bool (*hears)(struct yd_peer *peer, yodel_str layer, yodel_str group);
};

/* Embedded in its owner. */
struct yd_peer {
    const struct yd_peer_ops *ops;
    struct yd_peer *next;
    unsigned index; /* set by yd_bus_add_peer() */
};

#define YD_MAX_PEERS 32

/* ---- the bus ---- */

/* One loop's part; that loop's alone. */
struct yd_bus_loop {
    bool busy;                              /* an operation is being carried out */
    struct yd_mail *waiting, **waiting_end; /* operations that wait for it */
    struct yd_list asks;                    /* whose time limits run here, by of_loop */
    struct yd_list heard;                   /* bus/heard.h: who waits to hear a group */
    struct yd_mail heard_mail;
    atomic_uint num_heard;    /* they; any thread looks */
    atomic_bool heard_posted; /* the mail is under way */
};

struct yd_bus {
    const struct yodel_allocator *mem;
    struct yd_loop **loops; /* borrowed */
    unsigned num_loops;
    uint64_t secret[2]; /* of all keys */
    char process[YD_PROCESS_SIZE];
    struct yd_bus_loop *per_loop;
    struct yd_fence fence;
    struct yd_peer *peers;
    unsigned num_peers;
    atomic_bool closed;       /* far peers are told of nothing any more: they may have ended */
    pthread_mutex_t far_lock; /* for all below */
    struct yd_layer *layers;
    uint64_t sequence;     /* of the last operation for far peers */
    uint64_t token;        /* of the last ask */
    struct yd_list asks;   /* that far peers may answer, by of_bus */
    struct yd_map origins; /* the processes heard of */
};

struct yd_bus_options {
    const struct yodel_allocator *mem; /* borrowed */
    struct yd_loop **loops;            /* borrowed */
    unsigned num_loops;
    uint64_t secret[2];
    const char *process; /* copied */
};

/* Returns 0 or -ENOMEM. */
int yd_bus_init(struct yd_bus *bus, const struct yd_bus_options *options);
/* All zero is no bus, and allowed.  No operation is under way any more. */
void yd_bus_done(struct yd_bus *bus);
/* Before the loops run: a child that fork() made is another process. */
void yd_bus_set_process(struct yd_bus *bus, const char *process);

/* When all loops have ended and were closed: ends the asks that wait still, and leaves the far
 * peers alone.  All zero is allowed. */
void yd_bus_close(struct yd_bus *bus);

/* The allocator of the bus. */
static inline const struct yodel_allocator *yd_bus_mem(const struct yd_bus *bus)
{
    return bus->mem;
}

/* Whether there are far peers.  They are added before the loops run. */
static inline bool yd_bus_has_peers(const struct yd_bus *bus)
{
    return bus->peers != NULL;
}

/* Whether one of them takes the native form. */
bool yd_bus_has_native_peer(const struct yd_bus *bus);

/* The name of this process: 32 hex digits. */
static inline const char *yd_bus_process(const struct yd_bus *bus)
{
    return bus->process;
}

/* A loop by its index; NULL when there are not so many. */
static inline struct yd_loop *yd_bus_get_loop(const struct yd_bus *bus, unsigned index)
{
    return index < bus->num_loops ? bus->loops[index] : NULL;
}

/* With ops and name set.  Any thread; what was added is removed before it goes. */
void yd_bus_add_layer(struct yd_bus *bus, struct yd_layer *layer);
void yd_bus_remove_layer(struct yd_bus *bus, struct yd_layer *layer);
/* Before the loops run.  Returns 0 or YODEL_ERR_TOO_BIG. */
int yd_bus_add_peer(struct yd_bus *bus, struct yd_peer *peer);

/* The key of a group's name; name is borrowed. */
static inline struct yd_key yd_bus_key(const struct yd_bus *bus, yodel_str name)
{
    return yd_key_make(bus->secret, name);
}

/* On loop's thread: whether an operation is being carried out there.  What is sent meanwhile waits
 * for its end. */
static inline bool yd_bus_is_busy(const struct yd_bus *bus, const struct yd_loop *loop)
{
    return bus->per_loop[loop->index].busy;
}

/*
 * Sends op, and takes the caller's reference also on failure.  On this thread's own loop it is
 * carried out at once, or after the one that is being carried out there; with op->deferred in a
 * task after the present callback.
 *
 * Returns 0, -ENOMEM (a far peer's form; nobody gets it), YODEL_ERR_CONGESTED (a loop has max_mail
 * bytes waiting: nobody gets it), YODEL_ERR_CLOSED (a loop has ended).
 */
int yd_bus_send(struct yd_op *op);

/*
 * Sends op with ask, which its loops and far peers answer; takes op, and one reference of ask.
 * The sink is called exactly once, in a task of some loop, with what is missing; never inside this
 * call.  timeout_ms 0: no limit.  Returns as yd_bus_send(); on failure the sink is not called.  A
 * loop that has ended is no failure but YD_MISSING_CLOSED, unless all have.
 */
int yd_bus_ask(struct yd_op *op, struct yd_ask *ask, uint32_t timeout_ms);

/* As yd_fence_wait(): mail runs on loop after every operation that was begun before has been posted
 * everywhere and carried out on loop. */
static inline void yd_bus_fence(struct yd_bus *bus, struct yd_loop *loop,
                                struct yd_fence_wait *wait)
{
    yd_fence_wait(&bus->fence, loop, wait);
}

/* ---- for far peers ---- */

/*
 * An operation has come from another process through peer.  One thread at a time for each peer.  It
 * is carried out in this process alone.  One that came before, or after a later one of its sender,
 * is dropped: no operation is carried out twice, or out of order.
 * Returns 0, -ENOMEM, YODEL_ERR_PROTOCOL.
 */
int yd_bus_receive(struct yd_bus *bus, struct yd_peer *peer, yodel_bytes op);

/* An answer has come through peer.  Late ones and second ones are dropped.  Any thread.  Returns 0,
 * YODEL_ERR_PROTOCOL. */
int yd_bus_receive_reply(struct yd_bus *bus, struct yd_peer *peer, yodel_bytes reply);

/* The same, of a process that was counted when yd_bus_sequence() was since: an ask that was sent
 * before does not wait for it. */
int yd_bus_receive_reply_since(struct yd_bus *bus, struct yd_peer *peer, yodel_bytes reply,
                               uint64_t since);
/* The process that an answer is for, and the one that gives it; views.  Return 0 or
 * YODEL_ERR_PROTOCOL. */
int yd_bus_reply_process(yodel_bytes reply, yodel_str *ret_process);
int yd_bus_reply_responder(yodel_bytes reply, yodel_str *ret_process);

/* A process that a peer reaches. */
struct yd_bus_process {
    yodel_str name;
    uint64_t since; /* yd_bus_count_process() has set it */
};

/* Calls count(arg), which makes the process one of num_parts, while nothing is sent, and notes
 * since when. */
void yd_bus_count_process(struct yd_bus *bus, struct yd_bus_process *process,
                          void (*count)(void *arg), void *arg);
/* The same with forget, by which it is none any more: asks do not wait for it, and miss it. */
void yd_bus_forget_process(struct yd_bus *bus, struct yd_peer *peer,
                           const struct yd_bus_process *process, void (*forget)(void *arg),
                           void *arg);
/* Tell all layers; a process that is lost is a new one if it comes again.  One thread. */
void yd_bus_process_joined(struct yd_bus *bus, yodel_str process);
void yd_bus_process_lost(struct yd_bus *bus, yodel_str process);

/* Who wants the answer to an operation that is injected; embedded in its owner. */
struct yd_asker {
    /* The answer, or ask NULL: there is none.  missing: of enum yd_missing.  Exactly once, on a
     * thread of the bus's; nothing of the program's is being called.  The last use of the asker. */
    void (*reply)(struct yd_asker *asker, struct yd_ask *ask, unsigned missing);
};

/*
 * Carries out in this process an operation that a peer with a form of its own has made; takes op.
 * asker: gets what op->ask has gathered, when its parts are closed; NULL: no answer is wanted, and
 * op has no ask.  asker->reply may be called in this call.  Returns as yd_bus_send().
 */
int yd_bus_inject(struct yd_op *op, struct yd_asker *asker);

/* For a part of such a peer's that is open: adds an answer, as take_result of the layer reads it.
 * Any thread.  Returns 0 (also when nobody waits any more), -ENOMEM, YODEL_ERR_PROTOCOL. */
int yd_bus_add_result(struct yd_bus *bus, struct yd_peer *peer, uint64_t token, yodel_bytes result);
/* Closes that part: missing of enum yd_missing, num_missing parts of it did not answer.  Nothing
 * when nobody waits any more.  Any thread. */
void yd_bus_close_part(struct yd_bus *bus, struct yd_peer *peer, uint64_t token, unsigned missing,
                       unsigned num_missing);

/* Whether the layer of that name is by_group. */
bool yd_bus_is_by_group(struct yd_bus *bus, yodel_str layer);

/* For the directory of groups; layer is the name of theirs. */
void yd_bus_group_begins(const struct yd_bus *bus, yodel_str layer, yodel_str group);
void yd_bus_group_ends(const struct yd_bus *bus, yodel_str layer, yodel_str group);

#endif
