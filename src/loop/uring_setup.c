/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/container.h"
#include "base/thread.h"
#include "loop/uring_backend.h"

/* Rings and their buffers.  What a kernel has is found out by asking for it: versions say little,
 * as features are ported back and forbidden. */

/* Newer than the headers of Debian 12. */
#define REGISTER_PBUF_STATUS 26
#define PBUF_RING_INCREMENTAL 2
#define CQE_F_BUF_MORE (1u << 4)

#define GROUP 0
#define CQ_FACTOR 16

#define LARGE_BUFFERS 16
#define LARGE_SIZE (64u * 1024)
#define SMALL_BUFFERS 256
#define SMALL_SIZE 4096u

/* ---- rings ---- */

/* The first that works is taken.  The ring's thread is the one that enables it. */
static const unsigned tiers[] = {
    IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
        IORING_SETUP_SUBMIT_ALL,
    IORING_SETUP_R_DISABLED | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL,
    IORING_SETUP_R_DISABLED,
};

static const unsigned sizes[] = {1024, 256, 64};

/* The kernel maps a ring where another thread's was before.  The thread sanitizer does not see that
 * one end, as liburing calls the kernel by itself, and would take the two for one. */
#define RINGS_BEFORE_HAVE_ENDED()
#define RING_ENDS()
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#include <sanitizer/tsan_interface.h>
static char rings;
#undef RINGS_BEFORE_HAVE_ENDED
#undef RING_ENDS
#define RINGS_BEFORE_HAVE_ENDED() __tsan_acquire(&rings)
#define RING_ENDS() __tsan_release(&rings)
#endif
#endif

void yd_uring_exit(struct io_uring *ring)
{
    RING_ENDS();
    io_uring_queue_exit(ring);
}

static int init_ring(struct io_uring *ring, unsigned entries, unsigned flags)
{
    struct io_uring_params params = {.flags = flags | IORING_SETUP_CQSIZE,
                                     .cq_entries = entries * CQ_FACTOR};
    const unsigned needed = IORING_FEAT_NODROP | IORING_FEAT_FAST_POLL | IORING_FEAT_EXT_ARG;
    int rc;

    if ((rc = io_uring_queue_init_params(entries, ring, &params)) < 0)
        return rc;
    RINGS_BEFORE_HAVE_ENDED();
    if ((params.features & needed) == needed)
        return 0;
    yd_uring_exit(ring);
    return -ENOSYS;
}

/* Where memory is short, above all that which may be locked, a smaller one will do. */
static int init_tier(struct io_uring *ring, unsigned flags)
{
    int rc = -ENOMEM;

    for (size_t i = 0; i < YD_LEN(sizes) && rc == -ENOMEM; i++)
        rc = init_ring(ring, sizes[i], flags);
    return rc;
}

static int setup(struct io_uring *ring)
{
    int rc = -EINVAL;

    for (size_t i = 0; i < YD_LEN(tiers) && rc == -EINVAL; i++)
        rc = init_tier(ring, tiers[i]);
    return rc;
}

/*
 * A ring that goes interrupts all threads that have made or used it, some time later, and calls
 * with a time limit then fail with EINTR: what makes rings, or tries them out, is a thread that
 * ends at once.
 */
static int run_apart(void *(*run)(void *arg), void *arg)
{
    pthread_t thread;
    int rc;

    if ((rc = yd_thread_start(&thread, run, arg)) == 0)
        (void)pthread_join(thread, NULL);
    return rc;
}

struct setup {
    struct io_uring *ring;
    int rc;
};

static void *run_setup(void *arg)
{
    struct setup *made = arg;

    made->rc = setup(made->ring);
    return NULL;
}

int yd_uring_setup(struct io_uring *ring)
{
    struct setup made = {.ring = ring};
    int rc = run_apart(run_setup, &made);

    return rc < 0 ? rc : made.rc;
}

/* Debian 12's liburing declares this and does not have it. */
int yd_uring_enable(struct io_uring *ring)
{
    return syscall(__NR_io_uring_register, ring->ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0) < 0
               ? -errno
               : 0;
}

/* ---- buffers ---- */

/* As the kernel has it since 5.19; the headers call its last part differently as time goes by. */
struct buffer_ring {
    uint64_t addr;
    uint32_t entries;
    uint16_t group, flags;
    uint64_t reserved[3];
};

struct buffer_status {
    uint32_t group, head;
    uint32_t reserved[8];
};

static int register_with(const struct io_uring *ring, unsigned opcode, void *arg)
{
    return syscall(__NR_io_uring_register, ring->ring_fd, opcode, arg, 1) < 0 ? -errno : 0;
}

static int register_ring(struct io_uring *ring, struct uring_buffers *buffers, bool incremental)
{
    struct buffer_ring given = {.addr = (uint64_t)(uintptr_t)buffers->ring,
                                .entries = buffers->num,
                                .group = GROUP,
                                .flags = incremental ? PBUF_RING_INCREMENTAL : 0};

    buffers->incremental = incremental;
    return register_with(ring, IORING_REGISTER_PBUF_RING, &given);
}

static void give(struct uring_buffers *buffers, unsigned id)
{
    struct io_uring_buf *slot = &buffers->ring->bufs[buffers->tail & (buffers->num - 1)];

    slot->addr = (uint64_t)(uintptr_t)(buffers->memory + (size_t)id * buffers->size);
    slot->len = buffers->size;
    slot->bid = (uint16_t)id;
    buffers->used[id] = 0;
    buffers->given[id] = buffers->tail++;
    buffers->doubtful[id / 8] &= (uint8_t) ~(1u << id % 8);
    io_uring_smp_store_release(&buffers->ring->tail, buffers->tail);
}

static size_t ring_bytes(const struct uring_buffers *buffers)
{
    return buffers->num * sizeof(struct io_uring_buf);
}

static int map(struct uring_buffers *buffers, unsigned num, unsigned size)
{
    void *memory;

    buffers->num = num;
    buffers->size = size;
    memory = mmap(NULL, (size_t)num * size + ring_bytes(buffers), PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return -errno;
    buffers->memory = memory;
    buffers->ring = (struct io_uring_buf_ring *)(buffers->memory + (size_t)num * size);
    return 0;
}

void yd_uring_buffers_done(struct uring_buffers *buffers)
{
    if (buffers->ring != NULL)
        (void)munmap(buffers->memory, (size_t)buffers->num * buffers->size + ring_bytes(buffers));
    buffers->ring = NULL;
}

static int init_buffers(struct uring_buffers *buffers, struct io_uring *ring, bool incremental)
{
    unsigned num = incremental ? LARGE_BUFFERS : SMALL_BUFFERS;
    int rc;

    if ((rc = map(buffers, num, incremental ? LARGE_SIZE : SMALL_SIZE)) < 0)
        return rc;
    if ((rc = register_ring(ring, buffers, incremental)) < 0) {
        yd_uring_buffers_done(buffers);
        return rc;
    }
    for (unsigned id = 0; id < num; id++)
        give(buffers, id);
    return 0;
}

int yd_uring_buffers_init(struct uring_buffers *buffers, struct io_uring *ring)
{
    int rc = init_buffers(buffers, ring, true);

    if (rc == -EINVAL)
        rc = init_buffers(buffers, ring, false);
    return rc == -EINVAL ? 0 : rc;
}

/*
 * A buffer is done with when its completion says so.  But an end or an error may come with the
 * number of a buffer that the kernel uses on: the kernel itself is asked then, once nothing is in
 * the queue that could tell.
 */
void yd_uring_buffer_used(struct uring_buffers *buffers, int result, unsigned flags)
{
    unsigned id = flags >> IORING_CQE_BUFFER_SHIFT;

    if (buffers->incremental && (flags & CQE_F_BUF_MORE) != 0)
        return;
    if (!buffers->incremental || result > 0) {
        give(buffers, id);
        return;
    }
    buffers->doubtful[id / 8] |= (uint8_t)(1u << id % 8);
    buffers->doubt = true;
}

void yd_uring_buffers_settle(struct uring_buffers *buffers, struct io_uring *ring)
{
    struct buffer_status status = {.group = GROUP};

    buffers->doubt = false;
    if (register_with(ring, REGISTER_PBUF_STATUS, &status) < 0)
        return;
    for (unsigned id = 0; id < buffers->num; id++) {
        bool is_gone = (int16_t)(uint16_t)(status.head - buffers->given[id]) > 0;

        if ((buffers->doubtful[id / 8] & 1u << id % 8) != 0 && is_gone)
            give(buffers, id);
        buffers->doubtful[id / 8] &= (uint8_t) ~(1u << id % 8);
    }
}

/* ---- what works ---- */

static int await(struct io_uring *ring, struct io_uring_cqe *ret_cqe)
{
    struct __kernel_timespec limit = {.tv_sec = 5};
    struct io_uring_cqe *cqe;
    int rc = io_uring_submit_and_wait_timeout(ring, &cqe, 1, &limit, NULL);

    if (rc < 0)
        return rc;
    if (io_uring_peek_cqe(ring, &cqe) < 0)
        return -ETIME;
    *ret_cqe = *cqe;
    io_uring_cqe_seen(ring, cqe);
    return 0;
}

/* One receive for many, into buffers of the ring; and the end of all that is in the kernel. */
static int try_recv(struct io_uring *ring, const struct uring_buffers *buffers, const int fds[2])
{
    struct io_uring_cqe cqe;
    struct io_uring_sqe *sqe;
    int rc;

    if (buffers->ring == NULL)
        return 0;
    sqe = io_uring_get_sqe(ring);
    io_uring_prep_recv_multishot(sqe, fds[0], NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = GROUP;
    if (send(fds[1], "x", 1, MSG_NOSIGNAL) != 1)
        return -errno;
    if ((rc = await(ring, &cqe)) < 0)
        return rc;
    if (cqe.res == -EINVAL) /* no receive for many: streams will be polled */
        return 0;
    if (cqe.res == 1 && (cqe.flags & IORING_CQE_F_BUFFER) != 0)
        return 0;
    return cqe.res < 0 ? cqe.res : -EIO;
}

static int try_cancel(struct io_uring *ring)
{
    struct io_uring_cqe cqe;
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
    int rc;

    io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
    sqe->user_data = 1;
    do {
        if ((rc = await(ring, &cqe)) < 0)
            return rc;
    } while (cqe.user_data != 1);
    return cqe.res == -EINVAL ? -ENOSYS : 0;
}

static int try_ring(struct io_uring *ring, struct uring_buffers *buffers)
{
    int fds[2], rc;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0)
        return -errno;
    if ((rc = yd_uring_enable(ring)) == 0)
        rc = try_recv(ring, buffers, fds);
    if (rc == 0)
        rc = try_cancel(ring);
    (void)close(fds[0]);
    (void)close(fds[1]);
    return rc;
}

/* Whether there can be so many more at the same time. */
static int try_more(unsigned num)
{
    struct io_uring ring;
    int rc;

    if (num == 0)
        return 0;
    if ((rc = setup(&ring)) < 0)
        return rc;
    rc = try_more(num - 1);
    yd_uring_exit(&ring);
    return rc;
}

static bool is_slow(const struct io_uring *ring)
{
    return (ring->flags & (IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN)) == 0;
}

static int probe(unsigned num, bool worth, const char **ret_reason)
{
    struct uring_buffers buffers = {0};
    struct io_uring ring;
    int rc;

    *ret_reason = "no ring";
    if ((rc = setup(&ring)) < 0)
        return rc;
    if ((rc = try_more(num - 1)) == 0 && (rc = yd_uring_buffers_init(&buffers, &ring)) == 0) {
        *ret_reason = "an operation failed";
        rc = worth && is_slow(&ring) ? -ENOSYS : try_ring(&ring, &buffers);
    }
    yd_uring_exit(&ring);
    yd_uring_buffers_done(&buffers);
    return rc;
}

struct probe {
    unsigned num;
    bool worth;
    const char **ret_reason;
    int rc;
};

static void *run_probe(void *arg)
{
    struct probe *made = arg;

    made->rc = probe(made->num, made->worth, made->ret_reason);
    return NULL;
}

int yd_uring_probe(unsigned num, bool worth, const char **ret_reason)
{
    struct probe made = {.num = num, .worth = worth, .ret_reason = ret_reason};
    int rc = run_apart(run_probe, &made);

    *ret_reason = rc < 0 ? "no thread" : *ret_reason;
    return rc < 0 ? rc : made.rc;
}
