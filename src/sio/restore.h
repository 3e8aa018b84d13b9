/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_RESTORE_H
#define YD_SIO_RESTORE_H

#include "bus/call.h"
#include "sio/news.h"
#include "sio/order.h"
#include "sio/recovery.h"

/* A new socket is given the state of a lost one by an order (order.h). */

struct yd_sio_restore {
    struct yd_call call;
    yodel_sio_namespace *ns; /* a reference */
    struct yd_loop *loop;    /* of the socket */
    struct yd_loop *asked;   /* for an old connection, now */
    yd_sio_recovered_fn *done;
    uint8_t step;
    int rc;
    size_t bytes;                       /* of what was missed */
    char id[YD_ID_LEN];                 /* of the new socket, as it was made */
    char sid[YD_ID_LEN];                /* that it gets */
    char pid[YD_ID_LEN];                /* of the client */
    char offset[YD_SIO_OFFSET_MAX + 1]; /* that the client has told; what was gathered ends there */
    bool found;
    struct yd_buf rooms, data; /* of the state, JSON */
    struct yd_sio_log log;     /* of what was missed */
    void *owner;               /* the adapter's, while it has it */
    unsigned pages, early;     /* the same */
    struct yd_list node;       /* the same */
    uint64_t due;              /* the same */
};

/* As yd_sio_recover(), for a service with an order. */
void yd_sio_restore_start(yodel_sio_socket *socket, yodel_str pid, yodel_str offset,
                          yd_sio_recovered_fn *done);

/* ---- for the adapter, on any loop ---- */

static inline yodel_str yd_sio_restore_rooms(const struct yd_sio_restore *restore)
{
    return (yodel_str){(const char *)restore->rooms.ptr, restore->rooms.len};
}

/* state NULL: there is none. */
void yd_sio_restore_found(struct yd_sio_restore *restore, const struct yd_sio_state *state);
/* Adds an event to what was missed.  Returns 0, -ENOMEM, YODEL_ERR_TOO_BIG (more than may wait for
 * a client), or why it cannot be said: then it is left out. */
int yd_sio_restore_add(struct yd_sio_restore *restore, const char *offset,
                       const struct yd_sio_words *words);
/* Takes the event with that offset, if there is one, out of what was missed. */
void yd_sio_restore_leave_out(struct yd_sio_restore *restore, const char *offset);
/* rc 0: that is all; else an error, and the client begins afresh. */
void yd_sio_restore_end(struct yd_sio_restore *restore, int rc);
/* Frees it: no loop runs any more. */
void yd_sio_restore_free(struct yd_sio_restore *restore);

#endif
