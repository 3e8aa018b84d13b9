/* SPDX-License-Identifier: MIT */
#include "sio/sio_ids.h"

#include <errno.h>
#include <openssl/rand.h>

static const char alphabet[] = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz";

void yd_sio_ids_init(struct yd_sio_ids *ids)
{
    atomic_init(&ids->counter, 1);
}

static uint64_t count(struct yd_sio_ids *ids)
{
    return atomic_fetch_add_explicit(&ids->counter, 1, memory_order_relaxed);
}

int yd_sio_make_id(struct yd_sio_ids *ids, unsigned loop, char ret_id[YD_ID_LEN])
{
    uint64_t number = count(ids);
    uint8_t bytes[YD_ID_BYTES];

    if (RAND_bytes(bytes, 12) != 1)
        return -EIO;
    bytes[12] = (uint8_t)loop;
    bytes[13] = (uint8_t)(number >> 8);
    bytes[14] = (uint8_t)number;
    yd_id_encode(ret_id, bytes);
    return 0;
}

void yd_sio_next_offset(struct yd_sio_ids *ids, char ret_offset[YD_SIO_OFFSET_SIZE])
{
    uint64_t number = count(ids);

    for (int i = YD_SIO_OFFSET_SIZE - 2; i >= 0; i--, number >>= 6)
        ret_offset[i] = alphabet[number & 63];
    ret_offset[YD_SIO_OFFSET_SIZE - 1] = '\0';
}
