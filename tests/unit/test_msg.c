/* SPDX-License-Identifier: MIT */
#include "base/msg.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "failmem.h"

#include <cmocka.h>

#define TEXT 1
#define THREADS 4
#define ROUNDS 20000
#define SETTINGS 8

static struct yd_msg *make(struct failmem *fm, const char *text)
{
    size_t len = strlen(text);
    struct yd_msg *msg = yd_msg_new(&fm->mem, TEXT, len);

    if (msg && len > 0)
        memcpy(yd_msg_payload(msg), text, len);
    return msg;
}

static struct yd_msg *make_twin(struct failmem *fm, const char *text, uint8_t setting)
{
    struct yd_msg *twin = make(fm, text);

    twin->setting = setting;
    return twin;
}

static void test_msg_new_is_empty_but_for_payload(void **state)
{
    struct failmem fm;
    struct yd_msg *msg;

    failmem_init(&fm, 0);
    msg = make(&fm, "hello");
    assert_non_null(msg);
    assert_int_equal(msg->type, TEXT);
    assert_int_equal(msg->len, 5);
    assert_int_equal(yd_msg_frame(msg).len, 5);
    assert_ptr_equal(yd_msg_frame(msg).ptr, yd_msg_payload(msg));
    assert_memory_equal(yd_msg_payload(msg), "hello", 5);
    assert_null(yd_msg_unref(msg));
    failmem_assert_empty(&fm);
}

static void test_msg_frame_has_header_ahead(void **state)
{
    struct failmem fm;
    struct yd_msg *msg;
    yodel_bytes frame;

    failmem_init(&fm, 0);
    msg = make(&fm, "hello");
    memcpy(yd_msg_payload(msg) - 2, "\x81\x05", 2);
    msg->head_len = 2;
    frame = yd_msg_frame(msg);
    assert_int_equal(frame.len, 7);
    assert_memory_equal(frame.ptr, "\x81\x05hello", 7);
    msg->head_len = YD_MSG_HEADROOM;
    assert_ptr_equal(yd_msg_frame(msg).ptr, msg->room);
    yd_msg_unref(msg);
    failmem_assert_empty(&fm);
}

static void test_msg_lives_until_last_unref(void **state)
{
    struct failmem fm;
    struct yd_msg *msg;

    failmem_init(&fm, 0);
    msg = make(&fm, "");
    assert_ptr_equal(yd_msg_ref(msg), msg);
    yd_msg_ref(msg);
    yd_msg_unref(msg);
    yd_msg_unref(msg);
    assert_int_equal(atomic_load(&fm.blocks), 1);
    yd_msg_unref(msg);
    failmem_assert_empty(&fm);
    assert_null(yd_msg_unref(NULL));
}

static void test_msg_first_twin_of_a_setting_stays(void **state)
{
    struct failmem fm;
    struct yd_msg *msg, *first, *second, *third;

    failmem_init(&fm, 0);
    msg = make(&fm, "whole");
    first = make_twin(&fm, "a", 7);
    second = make_twin(&fm, "b", 7);
    assert_null(yd_msg_twin(msg, 7));
    assert_ptr_equal(yd_msg_add_twin(msg, first), first);
    assert_int_equal(atomic_load(&fm.blocks), 3);
    assert_ptr_equal(yd_msg_add_twin(msg, second), first);
    assert_int_equal(atomic_load(&fm.blocks), 2);
    third = make_twin(&fm, "c", 8);
    assert_ptr_equal(yd_msg_add_twin(msg, third), third);
    assert_ptr_equal(yd_msg_twin(msg, 7), first);
    assert_ptr_equal(yd_msg_twin(msg, 8), third);
    assert_null(yd_msg_twin(msg, 0));
    yd_msg_ref(first);
    yd_msg_unref(msg);
    assert_int_equal(atomic_load(&fm.blocks), 1);
    assert_memory_equal(yd_msg_payload(first), "a", 1);
    yd_msg_unref(first);
    failmem_assert_empty(&fm);
}

static void test_msg_frees_all_twins(void **state)
{
    struct failmem fm;
    struct yd_msg *msg;

    failmem_init(&fm, 0);
    msg = make(&fm, "whole");
    for (uint8_t i = 0; i < SETTINGS; i++)
        yd_msg_add_twin(msg, make_twin(&fm, "twin", i));
    assert_int_equal(atomic_load(&fm.blocks), 1 + SETTINGS);
    yd_msg_unref(msg);
    failmem_assert_empty(&fm);
}

static void test_msg_out_of_memory(void **state)
{
    struct failmem fm;

    FAILMEM_LOOP(&fm)
    {
        struct yd_msg *msg = make(&fm, "abc");

        assert_int_equal(msg == NULL, failmem_has_failed(&fm));
        yd_msg_unref(msg);
    }
    failmem_init(&fm, 0);
    assert_null(yd_msg_new(&fm.mem, TEXT, SIZE_MAX));
    assert_null(yd_msg_new(&fm.mem, TEXT, SIZE_MAX - sizeof(struct yd_msg)));
    assert_int_equal(atomic_load(&fm.calls), 0);
}

struct shared {
    struct failmem *fm;
    struct yd_msg *msg;
};

/* Takes and drops references and races for the twins. */
static void *use_message(void *arg)
{
    struct shared *shared = arg;

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct yd_msg *msg = yd_msg_ref(shared->msg), *twin;

        if (i < SETTINGS) {
            twin = yd_msg_add_twin(msg, make_twin(shared->fm, "twin", (uint8_t)i));
            if (memcmp(yd_msg_payload(twin), "twin", 4) != 0)
                return NULL;
        }
        yd_msg_unref(msg);
    }
    yd_msg_unref(shared->msg);
    return arg;
}

static void test_msg_threads_share(void **state)
{
    struct failmem fm;
    struct shared shared = {.fm = &fm};
    pthread_t threads[THREADS];

    failmem_init(&fm, 0);
    shared.msg = make(&fm, "whole");
    for (unsigned i = 0; i < THREADS; i++) {
        yd_msg_ref(shared.msg);
        assert_int_equal(pthread_create(&threads[i], NULL, use_message, &shared), 0);
    }
    yd_msg_unref(shared.msg);
    for (unsigned i = 0; i < THREADS; i++) {
        void *result;

        pthread_join(threads[i], &result);
        assert_non_null(result);
    }
    failmem_assert_empty(&fm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_msg_new_is_empty_but_for_payload),
        cmocka_unit_test(test_msg_frame_has_header_ahead),
        cmocka_unit_test(test_msg_lives_until_last_unref),
        cmocka_unit_test(test_msg_first_twin_of_a_setting_stays),
        cmocka_unit_test(test_msg_frees_all_twins),
        cmocka_unit_test(test_msg_out_of_memory),
        cmocka_unit_test(test_msg_threads_share),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
