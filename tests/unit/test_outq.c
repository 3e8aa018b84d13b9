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
    assert_int_equal(queue.bytes, 6);
    assert_int_equal(yd_outq_peek(&queue, iov, 4), 1);
    yd_outq_consume(&loop, &queue, 4);
    assert_int_equal(copy_out(&queue, out), 2);
    assert_memory_equal(out, "ef", 2);
    yd_outq_consume(&loop, &queue, 2);
    assert_null(queue.head);
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
    assert_int_equal(yd_outq_frame(&loop, &queue, msg, true), 0);
    assert_int_equal(yd_outq_payload(&loop, &queue, msg), 0);
    assert_int_equal(yd_outq_copy(&loop, &queue, "b", 1, NULL, 0), 0);
    assert_int_equal(yd_outq_frame(&loop, &queue, msg, true),
                     0); /* short, and after others: copied */
    assert_int_equal(atomic_load(&msg->refs), 3);
    yd_msg_unref(msg);
    assert_int_equal(copy_out(&queue, out), 14);
    assert_memory_equal(out, "HHxyzxyzbHHxyz", 14);
    yd_outq_consume(&loop, &queue, 6); /* into the second reference */
    assert_int_equal(copy_out(&queue, out), 8);
    assert_memory_equal(out, "yzbHHxyz", 8);
    yd_outq_clear(&loop, &queue);
    assert_int_equal(queue.bytes, 0);
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
    assert_int_equal(yd_outq_frame(&loop, &queue, msg, false), 0);
    assert_int_equal(atomic_load(&msg->refs), 2);
    yd_outq_consume(&loop, &queue, 1);
    assert_int_equal(yd_outq_frame(&loop, &queue, msg, false), 0);
    assert_int_equal(atomic_load(&msg->refs), 1);
    assert_int_equal(yd_outq_frame(&loop, &queue, msg, false), 0);
    assert_int_equal(yd_outq_copy(&loop, &queue, "b", 1, NULL, 0), 0);
    assert_int_equal(yd_outq_peek(&queue, iov, 4), 1);
    assert_int_equal(copy_out(&queue, out), 15);
    assert_memory_equal(out, "HxyzHHxyzHHxyzb", 15);
    yd_outq_clear(&loop, &queue);
    assert_int_equal(yd_outq_frame(&loop, &queue, msg, false), 0);
    assert_int_equal(yd_outq_frame(&loop, &queue, msg, true), 0); /* the first one is under way */
    assert_int_equal(yd_outq_peek(&queue, iov, 4), 2);
    assert_int_equal(yd_outq_frame(&loop, &queue, msg, false), 0);
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
        assert_int_equal(queue.bytes, len);
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
        assert_int_equal(queue.bytes, tail - head);
        take = queue.bytes > 0 ? (size_t)rand() % (queue.bytes + 1) : 0;
        if (queue.bytes < 100000)
            take = YD_MIN(take, 300);
        yd_outq_consume(&loop, &queue, take);
        head += take;
        assert_memory_equal(out, model + head, copy_out(&queue, out));
    }
    yd_outq_clear(&loop, &queue);
    done_loop(&loop);
    failmem_assert_empty(&fm);
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
        assert_true(queue.bytes == 0 || queue.bytes == 2 || queue.bytes == 3 + sizeof large);
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
        cmocka_unit_test(test_outq_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
