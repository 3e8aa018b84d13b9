/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_SIO_IDS_H
#define YD_SIO_SIO_IDS_H

#include <stdatomic.h>
#include <yodel/base.h>

#include "proto/base64.h"

/* Ids of sockets, and offsets of packets; any thread. */

struct yd_sio_ids {
    atomic_uint_least64_t counter;
};

/* Bytes of an offset that a client may tell; those made here are shorter. */
#define YD_SIO_OFFSET_MAX 63
/* Characters of an offset made here, and a NUL. */
#define YD_SIO_OFFSET_SIZE 13

void yd_sio_ids_init(struct yd_sio_ids *ids);

/* 12 random bytes, the loop, a counter; as 20 characters.  Returns 0, or -EIO without randomness.
 */
int yd_sio_make_id(struct yd_sio_ids *ids, unsigned loop, char ret_id[YD_ID_LEN]);

/* Each is greater than the one before, as text. */
void yd_sio_next_offset(struct yd_sio_ids *ids, char ret_offset[YD_SIO_OFFSET_SIZE]);

#endif
