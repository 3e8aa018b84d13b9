/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "loop/uring_backend.h"

/* Reads of files: by the kernel, whose own threads do what would block. */

static bool arm(struct uring_backend *backend, struct yd_file_read *read)
{
    struct io_uring_sqe *sqe = yd_uring_sqe(backend);
    size_t have = (size_t)read->result;
    size_t left = read->len - have;

    if (sqe == NULL)
        return false;
    io_uring_prep_read(sqe, read->fd, (uint8_t *)read->buf + have, (unsigned)left,
                       read->offset + have);
    yd_uring_arm(backend, sqe, read, URING_FILE);
    return true;
}

int yd_uring_read_file(struct yd_loop *loop, struct yd_file_read *read)
{
    read->result = 0;
    return arm(yd_uring_of(loop), read) ? 0 : -EAGAIN;
}

void yd_uring_on_file_read(struct uring_backend *backend, struct yd_file_read *read, int result)
{
    if (result > 0)
        read->result += result;
    if ((result == -EINTR || result == -EAGAIN || result > 0) && !backend->ended &&
        (size_t)read->result < read->len) {
        if (arm(backend, read))
            return;
        result = -EAGAIN;
    }
    read->done(read, result < 0 ? result : read->result);
}
