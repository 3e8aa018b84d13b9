/* SPDX-License-Identifier: MIT */
#ifndef YD_EIO_COMPRESS_H
#define YD_EIO_COMPRESS_H

#include "base/buf.h"
#include "eio/eio_service.h"

/* How an answer may be compressed. */
enum yd_eio_coding { YD_EIO_IDENTITY = 0, YD_EIO_GZIP, YD_EIO_DEFLATE };

/* What the client likes best of what there is. */
enum yd_eio_coding yd_eio_choose_coding(const struct yd_http_head *head);

/* Appends data, compressed, to out.  Returns 0 or -ENOMEM. */
int yd_eio_compress(struct yd_eio_loop *home, enum yd_eio_coding coding, yodel_bytes data,
                    struct yd_buf *out);

void yd_eio_free_deflaters(struct yd_eio_loop *home);

#endif
