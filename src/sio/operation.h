/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_OPERATION_H
#define YD_SIO_OPERATION_H

#include "bus/op.h"
#include "sio/news.h"
#include "sio/target.h"

/* Operations of a service on the sockets of one namespace. */

enum yd_sio_kind {
    YD_SIO_OP_EMIT = 1,   /* an event, perhaps to be acknowledged */
    YD_SIO_OP_JOIN,       /* all join rooms */
    YD_SIO_OP_LEAVE,      /* all leave rooms */
    YD_SIO_OP_DISCONNECT, /* all leave the namespace, or their connections end */
    YD_SIO_OP_SOCKETS,    /* asks what they are */
    YD_SIO_OP_ROOMS,      /* asks for the names of their rooms */
    YD_SIO_OP_CALL,       /* calls a function of the program with one of them */
    YD_SIO_OP_NOTHING,    /* only carries an ask */
    YD_SIO_OP_SERVER,     /* an event for the program in other processes */
    YD_SIO_OP_COUNTS      /* asks how many of them are in each room */
};

/* Begins the struct of each kind. */
struct yd_sio_op {
    struct yd_op op;
    yodel_sio_namespace *ns; /* a reference */
};

struct yd_sio_tally;

/* YD_SIO_OP_EMIT */
struct yd_sio_emit_op {
    struct yd_sio_op base;       /* first */
    struct yd_sio_emit_op *next; /* to be sent together with it */
    struct yd_sio_news news;
    struct yd_words words;      /* of news, for readers */
    struct yd_delivery reading; /* without words: for no reader */
    struct yd_sio_tally *tally; /* has a part of it; NULL: nobody asks how many get it */
    bool counts; /* has a part of the ask: who asked hears from it how many it was sent to */
};

/* YD_SIO_OP_JOIN, YD_SIO_OP_LEAVE */
struct yd_sio_rooms_op {
    struct yd_sio_op base; /* first */
    struct yd_buf rooms;   /* each with its NUL */
    bool is_counted;       /* in num_joins of the namespace, until all loops have done it */
};

/* YD_SIO_OP_DISCONNECT */
struct yd_sio_disconnect_op {
    struct yd_sio_op base; /* first */
    int close;             /* 1: the connection too; YODEL_SIO_COME_BACK: that alone */
};

/* The operation kind on target, which has been checked; size: of the struct that begins with struct
 * yd_sio_op.  NULL when out of memory. */
void *yd_sio_op_new(enum yd_sio_kind kind, size_t size, const yodel_sio_target *target);

/* The loops that have sockets of its scope. */
void yd_sio_op_find(const struct yd_op *op, struct yd_loop_set *set);

/* The room's name in the key of its group, "/chat#room". */
static inline yodel_str yd_sio_room_of_key(const yodel_sio_namespace *ns, const struct yd_key *key)
{
    size_t prefix = ns->name_len + 1;

    return (yodel_str){key->text.ptr + prefix, key->text.len - prefix};
}

#endif
