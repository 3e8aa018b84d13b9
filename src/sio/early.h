/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_EARLY_H
#define YD_SIO_EARLY_H

#include "proto/sio_packet.h"

/* Packets that came for a socket before its CONNECT was answered, or while an event ahead of them
 * waits for a decision, kept until then. */

/* A copy of a packet, without its namespace. */
struct yd_sio_early_packet {
    struct yd_sio_early_packet *next;
    size_t size; /* of this and its room, bytes */
    struct yd_sio_packet packet;
    yodel_bytes attachments[YD_SIO_MAX_ATTACHMENTS];
    char room[];
};

/* All zero is empty; made on first use, for few sockets have any. */
struct yd_sio_early {
    struct yd_sio_early_packet *first, **last;
    size_t bytes;
};

/* A copy, to be freed by yd_free(); NULL when out of memory. */
struct yd_sio_early_packet *yd_sio_early_copy(const struct yodel_allocator *mem,
                                              const struct yd_sio_packet *packet,
                                              const yodel_bytes *attachments);

/* *early is made when it is NULL.  max: bytes of all.  Returns 0, -ENOMEM, YODEL_ERR_TOO_BIG. */
int yd_sio_early_keep(struct yd_sio_early **early, const struct yodel_allocator *mem, size_t max,
                      const struct yd_sio_packet *packet, const yodel_bytes *attachments);
/* Takes the oldest, to be freed by yd_free(); NULL when there is none.  early may be NULL. */
struct yd_sio_early_packet *yd_sio_early_take(struct yd_sio_early *early);
/* Takes a pointer to NULL, too, and leaves NULL. */
void yd_sio_early_free(struct yd_sio_early **early, const struct yodel_allocator *mem);

#endif
