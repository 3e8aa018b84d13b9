/* SPDX-License-Identifier: MIT */
#ifndef YD_EIO_EIO_HANDSHAKE_H
#define YD_EIO_EIO_HANDSHAKE_H

#include "eio/eio.h"

/* The block of what req says, to be freed with yd_free(); NULL when out of memory. */
struct yd_eio_handshake *yd_eio_handshake_new(const struct yodel_allocator *mem,
                                              yodel_request *req);

#endif
