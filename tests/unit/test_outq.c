/* SPDX-License-Identifier: MIT */
#include "net/outq.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <yodel/ws.h>

#include "base/container.h"
#include "failmem.h"
#include "net/outq_run.h"

/* A loop of which only the pools are used. */
static void init_loop(struct yd_loop *loop, const struct yodel_allocator *mem)
{
    memset(loop, 0, sizeof *loop);
    loop->mem = mem;
    yd_pool_init(&loop->pool, mem, 100000);
}

static void done_loop(struct yd_loop *loop)
{
    yd_pool_done(&loop->pool);
}

/* As if another message had been queued before: what goes to one after the other is shared. */
static int queue_alone(struct yd_loop *loop, struct yd_outq *queue, struct yd_msg *msg,
                       bool is_pending)
{
    loop->runs.seen = NULL;
    return yd_outq_frame(loop, queue, msg, is_pending);
}

static size_t copy_out(const struct yd_outq *queue, uint8_t *out)
{
    struct iovec iov[64];
    int num = yd_outq_peek(queue, iov, 64);
    size_t len = 0;

    for (int i = 0; i < num; i++) {
        memcpy(out + len, iov[i].iov_base, iov[i].iov_len);
        len += iov[i].iov_len;
    }
    return len;
}

static void test_outq_gathers_small_writes(void **state)
{
    struct failmem fm;
    struct yd_loop loop;
    struct yd_outq queue = {0};
    struct iovec iov[4];
    uint8_t out[64];

    failmem_init(&fm, 0);
    init_loop(&loop, &fm.mem);
    assert_int_equal(yd_outq_copy(&loop, &queue, "ab", 2, "cde", 3), 0);
    assert_int_equal(yd_outq_copy(&loop, &queue, "f", 1, NULL, 0), 0);
    assert_int_equal(yd_outq_copy(&loop, &queue, NULL, 0, NULL, 0), 0);
    assert_int_equal(yd_outq_bytes(&queue), 6);
    assert_int_equal(yd_outq_peek(&queue, iov, 4), 1);
    yd_outq_consume(&loop, &queue, 4);
    assert_int_equal(copy_out(&queue, out), 2);
    assert_memory_equal(out, "ef", 2);
    yd_outq_consume(&loop, &queue, 2);
    assert_true(yd_outq_is_empty(&queue));
    assert_null(queue.tail);
    done_loop(&loop);
    failmem_assert_empty(&fm);
}

static void test_outq_shares_messages(void **state)
{
    struct failmem fm;
    struct yd_loop loop;
    struct yd_outq queue = {0};
    struct yd_msg *msg;
    uint8_t out[64];

    failmem_init(&fm, 0);
    init_loop(&loop, &fm.mem);
    msg = yd_msg_new(&fm.mem, YODEL_WS_TEXT, 3);
    memcpy(yd_msg_payload(msg) - 2, "HHxyz", 5);
    msg->head_len = 2;
    assert_int_equal(queue_alone(&loop, &queue, msg, true), 0);
    assert_int_equal(yd_outq_payload(&loop, &queue, msg), 0);
    assert_int_equal(yd_outq_copy(&loop, &queue, "b", 1, NULL, 0), 0);
    assert_int_equal(queue_alone(&loop, &queue, msg, true),
                     0); /* short, and after others: copied */
    assert_int_equal(atomic_load(&msg->refs), 3);
    yd_msg_unref(msg);
    assert_int_equal(copy_out(&queue, out), 14);
    assert_memory_equal(out, "HHxyzxyzbHHxyz", 14);
    yd_outq_consume(&loop, &queue, 6); /* into the second reference */
    assert_int_equal(copy_out(&queue, out), 8);
    assert_memory_equal(out, "yzbHHxyz", 8);
    yd_outq_clear(&loop, &queue);
    assert_int_equal(yd_outq_bytes(&queue), 0);
    done_loop(&loop);
    failmem_assert_empty(&fm);
}

static void test_outq_joins_short_frames(void **state)
{
    struct failmem fm;
    struct yd_loop loop;
    struct yd_outq queue = {0};
    struct iovec iov[4];
    struct yd_msg *msg;
    uint8_t out[64];

    failmem_init(&fm, 0);
    init_loop(&loop, &fm.mem);
    msg = yd_msg_new(&fm.mem, YODEL_WS_TEXT, 3);
    memcpy(yd_msg_payload(msg) - 2, "HHxyz", 5);
    msg->head_len = 2;
    assert_int_equal(queue_alone(&loop, &queue, msg, false), 0);
    assert_int_equal(atomic_load(&msg->refs), 2);
    yd_outq_consume(&loop, &queue, 1);
    assert_int_equal(queue_alone(&loop, &queue, msg, false), 0);
    assert_int_equal(atomic_load(&msg->refs), 1);
    assert_int_equal(queue_alone(&loop, &queue, msg, false), 0);
    assert_int_equal(yd_outq_copy(&loop, &queue, "b", 1, NULL, 0), 0);
    assert_int_equal(yd_outq_peek(&queue, iov, 4), 1);
    assert_int_equal(copy_out(&queue, out), 15);
    assert_memory_equal(out, "HxyzHHxyzHHxyzb", 15);
    yd_outq_clear(&loop, &queue);
    assert_int_equal(queue_alone(&loop, &queue, msg, false), 0);
    assert_int_equal(queue_alone(&loop, &queue, msg, true), 0); /* the first one is under way */
    assert_int_equal(yd_outq_peek(&queue, iov, 4), 2);
    assert_int_equal(queue_alone(&loop, &queue, msg, false), 0);
    assert_int_equal(yd_outq_peek(&queue, iov, 4), 2);
    assert_int_equal(copy_out(&queue, out), 15);
    assert_memory_equal(out, "HHxyzHHxyzHHxyz", 15);
    yd_outq_clear(&loop, &queue);
    yd_msg_unref(msg);
    done_loop(&loop);
    failmem_assert_empty(&fm);
}

static void test_outq_reserves_room(void **state)
{
    struct failmem fm;
    struct yd_loop loop;
    struct yd_outq queue = {0};
    uint8_t out[3000];
    size_t len = 0;

    failmem_init(&fm, 0);
    init_loop(&loop, &fm.mem);
    for (size_t i = 1; i < 60; i++) { /* over the end of a chunk */
        uint8_t *room = yd_outq_reserve(&loop, &queue, i);

        assert_non_null(room);
        memset(room, (int)i, i);
        len += i;
        assert_int_equal(yd_outq_bytes(&queue), len);
    }
    assert_int_equal(copy_out(&queue, out), len);
    len = 0;
    for (size_t i = 1; i < 60; i++)
        for (size_t k = 0; k < i; k++)
            assert_int_equal(out[len++], i);
    yd_outq_clear(&loop, &queue);
    done_loop(&loop);
    failmem_assert_empty(&fm);
}

/* Random writes and reads against a plain array. */
static void test_outq_keeps_every_byte_in_order(void **state)
{
    static uint8_t model[1 << 20], data[40000], out[1 << 20];
    struct failmem fm;
    struct yd_loop loop;
    struct yd_outq queue = {0};
    size_t head = 0, tail = 0;

    failmem_init(&fm, 0);
    init_loop(&loop, &fm.mem);
    srand(7);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)rand();
    while (tail + 2 * sizeof data < sizeof model) {
        size_t a = (size_t)rand() % 16, b = (size_t)rand() % (rand() % 8 == 0 ? 40000 : 600), take;

        assert_int_equal(yd_outq_copy(&loop, &queue, data, a, data + 1, YD_MIN(b, 39999)), 0);
        memcpy(model + tail, data, a);
        memcpy(model + tail + a, data + 1, YD_MIN(b, 39999));
        tail += a + YD_MIN(b, 39999);
        assert_int_equal(yd_outq_bytes(&queue), tail - head);
        take = yd_outq_bytes(&queue) > 0 ? (size_t)rand() % (yd_outq_bytes(&queue) + 1) : 0;
        if (yd_outq_bytes(&queue) < 100000)
            take = YD_MIN(take, 300);
        yd_outq_consume(&loop, &queue, take);
        head += take;
        assert_memory_equal(out, model + head, copy_out(&queue, out));
    }
    yd_outq_clear(&loop, &queue);
    done_loop(&loop);
    failmem_assert_empty(&fm);
}

#define NUM_MEMBERS 12

static struct yd_msg *make_msg(const struct yodel_allocator *mem, char fill, size_t len)
{
    struct yd_msg *msg = yd_msg_new(mem, YODEL_WS_TEXT, len);

    assert_non_null(msg);
    memset(yd_msg_payload(msg) - 2, fill, len + 2);
    msg->head_len = 2;
    return msg;
}

/* To those from first on. */
static void send_to_all(struct yd_loop *loop, struct yd_outq queues[NUM_MEMBERS], int first,
                        char fill, size_t len)
{
    struct yd_msg *msg = make_msg(loop->mem, fill, len);

    for (int i = first; i < NUM_MEMBERS; i++)
        assert_int_equal(yd_outq_frame(loop, &queues[i], msg, true), 0);
    yd_msg_unref(msg);
}

static void clear_all(struct yd_loop *loop, struct yd_outq queues[NUM_MEMBERS])
{
    for (int i = 0; i < NUM_MEMBERS; i++)
        yd_outq_clear(loop, &queues[i]);
    assert_null(loop->runs.latest);
}

static void assert_holds(const struct yd_outq *queue, const char *text)
{
    uint8_t out[256];

    assert_int_equal(yd_outq_bytes(queue), strlen(text));
    assert_int_equal(copy_out(queue, out), strlen(text));
    assert_memory_equal(out, text, strlen(text));
}

static const uint8_t *only_run(const struct yd_outq *queue)
{
    struct iovec iov[4];

    assert_int_equal(yd_outq_peek(queue, iov, 4), 1);
    return iov[0].iov_base;
}

static void test_outq_runs_hold_what_many_get(void **state)
{
    struct failmem fm;
    struct yd_loop loop;
    struct yd_outq queues[NUM_MEMBERS] = {{0}};
    const uint8_t *bytes;

    failmem_init(&fm, 0);
    init_loop(&loop, &fm.mem);
    send_to_all(&loop, queues, 0, 'a', 2);
    bytes = only_run(&queues[NUM_MEMBERS - 1]);
    send_to_all(&loop, queues, 0, 'b', 1);
    send_to_all(&loop, queues, 0, 'c', 1);
    for (int i = 0; i < NUM_MEMBERS; i++)
        assert_holds(&queues[i], "aaaabbbccc");
    for (int i = YD_RUN_AFTER; i < NUM_MEMBERS; i++)
        assert_ptr_equal(only_run(&queues[i]), bytes);
    yd_outq_consume(&loop, &queues[5], 6);
    yd_outq_consume(&loop, &queues[6], 10);
    send_to_all(&loop, queues, 0, 'd', 0);
    assert_holds(&queues[5], "bcccdd");
    assert_ptr_equal(only_run(&queues[5]), bytes + 6);
    assert_holds(&queues[6], "dd");
    assert_ptr_equal(only_run(&queues[6]), bytes + 10);
    assert_holds(&queues[7], "aaaabbbcccdd");
    clear_all(&loop, queues);
    done_loop(&loop);
    failmem_assert_empty(&fm);
}

static void test_outq_runs_are_left_by_who_is_out_of_step(void **state)
{
    struct failmem fm;
    struct yd_loop loop;
    struct yd_outq queues[NUM_MEMBERS] = {{0}};
    struct yd_msg *msg;

    failmem_init(&fm, 0);
    init_loop(&loop, &fm.mem);
    msg = make_msg(&fm.mem, 'x', 0);
    send_to_all(&loop, queues, 0, 'a', 0);
    assert_int_equal(yd_outq_copy(&loop, &queues[9], "+", 1, NULL, 0), 0);
    assert_int_equal(queue_alone(&loop, &queues[10], msg, true), 0);
    assert_int_equal(queue_alone(&loop, &queues[11], msg, false), 0);
    send_to_all(&loop, queues, 8, 'b', 0);
    send_to_all(&loop, queues, 0, 'c', 0);
    assert_holds(&queues[0], "aacc");
    assert_holds(&queues[7], "aacc");
    assert_holds(&queues[8], "aabbcc");
    assert_holds(&queues[9], "aa+bbcc");
    assert_holds(&queues[10], "aaxxbbcc");
    assert_holds(&queues[11], "aaxxbbcc");
    clear_all(&loop, queues);
    yd_msg_unref(msg);
    done_loop(&loop);
    failmem_assert_empty(&fm);
}

/* A full run is followed by one that is shared as well; longer messages are not put into any. */
static void test_outq_runs_are_bounded(void **state)
{
    struct failmem fm;
    struct yd_loop loop;
    struct yd_outq queues[NUM_MEMBERS] = {{0}};
    struct iovec iov[2][8];

    failmem_init(&fm, 0);
    init_loop(&loop, &fm.mem);
    for (int i = 0; i < 40; i++)
        send_to_all(&loop, queues, 0, 'a', 100);
    assert_int_equal(yd_outq_peek(&queues[NUM_MEMBERS - 1], iov[0], 8), 2);
    assert_int_equal(yd_outq_peek(&queues[NUM_MEMBERS - 2], iov[1], 8), 2);
    assert_memory_equal(iov[0], iov[1], 2 * sizeof iov[0][0]);
    assert_int_equal(iov[0][0].iov_len + iov[0][1].iov_len, 40 * 102);
    send_to_all(&loop, queues, 0, 'b', YD_RUN_FRAME - 1);
    assert_int_equal(yd_outq_peek(&queues[NUM_MEMBERS - 1], iov[0], 8), 3);
    assert_int_equal(iov[0][2].iov_len, YD_RUN_FRAME + 1);
    clear_all(&loop, queues);
    done_loop(&loop);
    failmem_assert_empty(&fm);
}

/* What a queue should hold. */
struct model {
    uint8_t bytes[1 << 16];
    size_t head, tail;
};

/* Random messages to random members, who read at random, against plain arrays. */
static void test_outq_runs_keep_every_byte_in_order(void **state)
{
    static struct model models[NUM_MEMBERS];
    static uint8_t out[1 << 16];
    struct failmem fm;
    struct yd_loop loop;
    struct yd_outq queues[NUM_MEMBERS] = {{0}};

    failmem_init(&fm, 0);
    init_loop(&loop, &fm.mem);
    srand(11);
    for (int turn = 0; turn < 700; turn++) {
        size_t len = (size_t)rand() % (rand() % 16 == 0 ? 1500 : 90);
        struct yd_msg *msg = make_msg(&fm.mem, (char)turn, len);
        unsigned left_out = rand() % 3 == 0 ? (unsigned)rand() & (unsigned)rand() : 0;

        for (unsigned i = 0; i < NUM_MEMBERS; i++) {
            struct model *model = &models[i];
            size_t take = rand() % 3 == 0 ? (size_t)rand() % (yd_outq_bytes(&queues[i]) + 1) : 0;

            yd_outq_consume(&loop, &queues[i], rand() % 4 == 0 ? yd_outq_bytes(&queues[i]) : take);
            model->head = model->tail - yd_outq_bytes(&queues[i]);
            if ((left_out >> i & 1) == 0 && model->tail + len + 2 <= sizeof model->bytes) {
                assert_int_equal(yd_outq_frame(&loop, &queues[i], msg, rand() % 2 == 0), 0);
                memset(model->bytes + model->tail, turn, len + 2);
                model->tail += len + 2;
            }
            assert_int_equal(yd_outq_bytes(&queues[i]), model->tail - model->head);
            if (copy_out(&queues[i], out) == yd_outq_bytes(&queues[i]))
                assert_memory_equal(out, model->bytes + model->head, yd_outq_bytes(&queues[i]));
        }
        yd_msg_unref(msg);
    }
    clear_all(&loop, queues);
    done_loop(&loop);
    failmem_assert_empty(&fm);
}

static void test_outq_runs_without_memory(void **state)
{
    struct failmem fm;

    FAILMEM_LOOP(&fm)
    {
        struct yd_outq queues[NUM_MEMBERS] = {{0}};
        struct yd_loop loop;

        init_loop(&loop, &fm.mem);
        for (int i = 0; i < 4; i++) {
            struct yd_msg *msg = yd_msg_new(&fm.mem, YODEL_WS_TEXT, 400);

            for (int k = 0; k < NUM_MEMBERS && msg != NULL; k++) {
                size_t before = yd_outq_bytes(&queues[k]);
                int rc = yd_outq_frame(&loop, &queues[k], msg, true);

                assert_true(rc == 0 || (rc == -ENOMEM && failmem_has_failed(&fm)));
                assert_int_equal(yd_outq_bytes(&queues[k]), before + (rc == 0 ? 400 : 0));
            }
            yd_msg_unref(msg);
        }
        clear_all(&loop, queues);
        done_loop(&loop);
    }
}

static void test_outq_without_memory(void **state)
{
    static const uint8_t large[20000];
    struct failmem fm;

    FAILMEM_LOOP(&fm)
    {
        struct yd_loop loop;
        struct yd_outq queue = {0};
        int rc;

        init_loop(&loop, &fm.mem);
        rc = yd_outq_copy(&loop, &queue, "a", 1, "b", 1);
        if (rc == 0)
            rc = yd_outq_copy(&loop, &queue, "a", 1, large, sizeof large);
        assert_int_equal(rc, failmem_has_failed(&fm) ? -ENOMEM : 0);
        assert_true(yd_outq_bytes(&queue) == 0 || yd_outq_bytes(&queue) == 2 ||
                    yd_outq_bytes(&queue) == 3 + sizeof large);
        yd_outq_clear(&loop, &queue);
        done_loop(&loop);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outq_gathers_small_writes),
        cmocka_unit_test(test_outq_shares_messages),
        cmocka_unit_test(test_outq_joins_short_frames),
        cmocka_unit_test(test_outq_reserves_room),
        cmocka_unit_test(test_outq_keeps_every_byte_in_order),
        cmocka_unit_test(test_outq_runs_hold_what_many_get),
        cmocka_unit_test(test_outq_runs_are_left_by_who_is_out_of_step),
        cmocka_unit_test(test_outq_runs_are_bounded),
        cmocka_unit_test(test_outq_runs_keep_every_byte_in_order),
        cmocka_unit_test(test_outq_runs_without_memory),
        cmocka_unit_test(test_outq_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
