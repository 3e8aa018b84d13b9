/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <unistd.h>

#include "loop/loop.h"

/* Reads of files by backends that have no way of their own: on a thread of the pool. */

static ssize_t read_all(int fd, uint8_t *to, size_t len, uint64_t offset)
{
    size_t have = 0;

    while (have < len) {
        ssize_t more = pread(fd, to + have, len - have, (off_t)(offset + have));

        if (more < 0 && errno == EINTR)
            continue;
        if (more < 0)
            return -errno;
        if (more == 0)
            break;
        have += (size_t)more;
    }
    return (ssize_t)have;
}

static void do_read(void *arg)
{
    struct yd_file_read *read = arg;

    read->result = read_all(read->fd, read->buf, read->len, read->offset);
}

static void finish(void *arg)
{
    struct yd_file_read *read = arg;

    read->done(read, read->result);
}

int yd_loop_read_file(struct yd_loop *loop, struct yd_file_read *read)
{
    if (loop->ops->read_file != NULL)
        return loop->ops->read_file(loop, read);
    return yd_loop_work(loop, do_read, finish, read);
}
