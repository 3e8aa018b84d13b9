/* SPDX-License-Identifier: MIT */
#include "sio_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/container.h"
#include "fixture.h"

#include <cmocka.h>

struct client {
    struct yp_strand strand;
    unsigned woken, freed, next, running;
};

struct job {
    struct yp_item item;
    unsigned number;
};

static const struct yp_queue_limits limits = {
    .strand_items = 4, .strand_bytes = 1000, .items = 10, .bytes = 10000, .loose = 2};

static void wake(struct yp_strand *strand)
{
    yd_container_of(strand, struct client, strand)->woken++;
}

static void note_free(struct yp_strand *strand)
{
    yd_container_of(strand, struct client, strand)->freed++;
}

static struct client client_make(void)
{
    return (struct client){.woken = 0};
}

static int setup(void **state)
{
    struct yp_queue *queue = calloc(1, sizeof *queue);

    assert_non_null(queue);
    assert_int_equal(yp_queue_init(queue, &limits), 0);
    *state = queue;
    return 0;
}

static int teardown(void **state)
{
    yp_queue_destroy(*state);
    free(*state);
    return 0;
}

static struct job job_make(unsigned number, size_t bytes)
{
    return (struct job){.item.bytes = bytes, .number = number};
}

static unsigned take(struct yp_queue *queue, struct yp_item **item)
{
    assert_int_equal(yp_queue_take(queue, 0, item), 1);
    return yd_container_of(*item, struct job, item)->number;
}

static void assert_nothing(struct yp_queue *queue)
{
    struct yp_item *item;

    assert_int_equal(yp_queue_take(queue, 0, &item), 0);
}

static void test_sio_queue_a_strand_is_taken_in_order_one_at_a_time(void **state)
{
    struct client a = client_make(), b = client_make();
    struct job jobs[] = {job_make(1, 1), job_make(2, 1), job_make(3, 1)};
    struct yp_item *first, *other, *second;

    yp_strand_init(&a.strand, wake, note_free);
    yp_strand_init(&b.strand, wake, note_free);
    assert_int_equal(yp_queue_push(*state, &a.strand, &jobs[0].item, false), YP_PUSHED);
    assert_int_equal(yp_queue_push(*state, &a.strand, &jobs[1].item, false), YP_PUSHED);
    assert_int_equal(yp_queue_push(*state, &b.strand, &jobs[2].item, false), YP_PUSHED);
    assert_int_equal(take(*state, &first), 1);
    assert_int_equal(take(*state, &other), 3);
    assert_nothing(*state);
    yp_queue_done(*state, first);
    assert_int_equal(take(*state, &second), 2);
    yp_queue_done(*state, other);
    yp_queue_done(*state, second);
    assert_nothing(*state);
    yp_strand_unref(&a.strand);
    yp_strand_unref(&b.strand);
    assert_int_equal(a.freed, 1);
    assert_int_equal(b.freed, 1);
}

static void test_sio_queue_items_keep_their_strand(void **state)
{
    struct client a = client_make();
    struct job job = job_make(1, 1);
    struct yp_item *item;

    yp_strand_init(&a.strand, wake, note_free);
    (void)yp_queue_push(*state, &a.strand, &job.item, false);
    yp_strand_unref(&a.strand);
    assert_int_equal(a.freed, 0);
    assert_int_equal(take(*state, &item), 1);
    assert_int_equal(a.freed, 0);
    yp_queue_done(*state, item);
    assert_int_equal(a.freed, 1);
}

static void test_sio_queue_a_client_with_much_is_paused_until_half(void **state)
{
    struct client a = client_make();
    struct job jobs[6];
    struct yp_item *item;

    yp_strand_init(&a.strand, wake, note_free);
    for (unsigned i = 0; i < 6; i++) {
        jobs[i] = job_make(i, 1);
        assert_int_equal(yp_queue_push(*state, &a.strand, &jobs[i].item, false),
                         i >= 4 ? YP_PUSHED_PAUSE : YP_PUSHED);
    }
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(a.woken, i >= 4 ? 1 : 0);
        assert_int_equal(take(*state, &item), i);
        yp_queue_done(*state, item);
    }
    assert_int_equal(a.woken, 1);
    yp_strand_unref(&a.strand);
}

static void test_sio_queue_bytes_pause_too(void **state)
{
    struct client a = client_make();
    struct job big = job_make(1, 1001);
    struct yp_item *item;

    yp_strand_init(&a.strand, wake, note_free);
    assert_int_equal(yp_queue_push(*state, &a.strand, &big.item, false), YP_PUSHED_PAUSE);
    (void)take(*state, &item);
    assert_int_equal(a.woken, 0);
    yp_queue_done(*state, item);
    assert_int_equal(a.woken, 1);
    yp_strand_unref(&a.strand);
}

/* Above what all may have a client is paused for one item, and woken when the others have less. */
static void test_sio_queue_all_together_have_a_limit(void **state)
{
    struct client clients[22];
    struct job jobs[22], end = job_make(100, 1);
    struct yp_item *items[22], *last;
    struct yp_queue_counts counts;

    for (unsigned i = 0; i < 22; i++) {
        int rc;

        clients[i] = client_make();
        yp_strand_init(&clients[i].strand, wake, note_free);
        jobs[i] = job_make(i, 1);
        rc = yp_queue_push(*state, &clients[i].strand, &jobs[i].item, false);
        assert_int_equal(rc, i < 10 ? YP_PUSHED : i < 21 ? YP_PUSHED_PAUSE : YODEL_ERR_CONGESTED);
    }
    assert_int_equal(yp_queue_push(*state, &clients[0].strand, &end.item, true), YP_PUSHED);
    for (unsigned i = 0; i < 21; i++)
        assert_int_equal(take(*state, &items[i]), i);
    yp_queue_done(*state, items[20]);
    assert_int_equal(clients[20].woken, 0);
    for (unsigned i = 0; i < 20; i++)
        yp_queue_done(*state, items[i]);
    for (unsigned i = 0; i < 22; i++)
        assert_int_equal(clients[i].woken, i < 10 || i == 21 ? 0 : 1);
    assert_int_equal(take(*state, &last), 100);
    yp_queue_done(*state, last);
    yp_queue_get_counts(*state, &counts);
    assert_int_equal(counts.items + counts.bytes, 0);
    assert_int_equal(counts.pauses, 11);
    assert_int_equal(counts.overflows, 1);
    for (unsigned i = 0; i < 22; i++)
        yp_strand_unref(&clients[i].strand);
}

static void test_sio_queue_loose_items_are_bounded_and_take_turns(void **state)
{
    struct client a = client_make();
    struct job loose[] = {job_make(1, 1), job_make(2, 1), job_make(3, 1)};
    struct job own[] = {job_make(11, 1), job_make(12, 1)};
    struct yp_item *item;
    static const unsigned order[] = {11, 1, 12, 2};

    yp_strand_init(&a.strand, wake, note_free);
    assert_int_equal(yp_queue_push_loose(*state, &loose[0].item, false), 0);
    assert_int_equal(yp_queue_push_loose(*state, &loose[1].item, false), 0);
    assert_int_equal(yp_queue_push_loose(*state, &loose[2].item, false), YODEL_ERR_CONGESTED);
    for (unsigned i = 0; i < 2; i++)
        (void)yp_queue_push(*state, &a.strand, &own[i].item, false);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(take(*state, &item), order[i]);
        yp_queue_done(*state, item);
    }
    yp_strand_unref(&a.strand);
}

static void test_sio_queue_closed_gives_what_is_left(void **state)
{
    struct client a = client_make();
    struct job jobs[] = {job_make(1, 1), job_make(2, 1)};
    struct yp_item *item;

    yp_strand_init(&a.strand, wake, note_free);
    (void)yp_queue_push(*state, &a.strand, &jobs[0].item, false);
    yp_queue_close(*state);
    assert_int_equal(yp_queue_push(*state, &a.strand, &jobs[1].item, true), YODEL_ERR_CLOSED);
    assert_int_equal(yp_queue_push_loose(*state, &jobs[1].item, true), YODEL_ERR_CLOSED);
    assert_int_equal(take(*state, &item), 1);
    assert_int_equal(yp_queue_take(*state, UINT32_MAX, &item), YODEL_ERR_CLOSED);
    yp_queue_done(*state, &jobs[0].item);
    yp_strand_unref(&a.strand);
    assert_int_equal(a.freed, 1);
}

static void test_sio_queue_abandoned_gives_all_back(void **state)
{
    struct client a = client_make();
    struct job jobs[] = {job_make(1, 1), job_make(2, 1), job_make(3, 1)};
    struct yp_item *item;
    unsigned num = 0;

    yp_strand_init(&a.strand, wake, note_free);
    (void)yp_queue_push(*state, &a.strand, &jobs[0].item, false);
    (void)yp_queue_push(*state, &a.strand, &jobs[1].item, false);
    (void)yp_queue_push_loose(*state, &jobs[2].item, false);
    while ((item = yp_queue_abandon(*state)) != NULL) {
        yp_queue_done(*state, item);
        num++;
    }
    assert_int_equal(num, 3);
    assert_int_equal(yp_queue_take(*state, UINT32_MAX, &item), YODEL_ERR_CLOSED);
    yp_strand_unref(&a.strand);
}

static void test_sio_queue_waits_as_long_as_it_is_told(void **state)
{
    struct yp_item *item;

    assert_int_equal(yp_queue_take(*state, 5, &item), 0);
}

/* ---- threads ---- */

#define CLIENTS 8
#define ROUNDS 2000

struct crowd {
    struct yp_queue *queue;
    struct client clients[CLIENTS];
    struct job jobs[CLIENTS][ROUNDS];
    _Atomic unsigned wrong, taken;
};

static void work_on(struct crowd *crowd, struct yp_item *item)
{
    struct client *client = yd_container_of(item->strand, struct client, strand);

    if (client->running++ != 0 || yd_container_of(item, struct job, item)->number != client->next++)
        atomic_fetch_add(&crowd->wrong, 1);
    client->running--;
    atomic_fetch_add(&crowd->taken, 1);
    yp_queue_done(crowd->queue, item);
}

static void *worker(void *arg)
{
    struct crowd *crowd = arg;
    struct yp_item *item;

    while (yp_queue_take(crowd->queue, UINT32_MAX, &item) == 1)
        work_on(crowd, item);
    return NULL;
}

static void test_sio_queue_many_workers_keep_the_order_of_each_strand(void **state)
{
    static const struct yp_queue_limits wide = {SIZE_MAX, SIZE_MAX, SIZE_MAX / 4, SIZE_MAX / 4, 1};
    struct crowd *crowd = calloc(1, sizeof *crowd);
    pthread_t threads[4];

    assert_non_null(crowd);
    crowd->queue = *state;
    crowd->queue->limits = wide;
    for (unsigned i = 0; i < CLIENTS; i++)
        yp_strand_init(&crowd->clients[i].strand, wake, note_free);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, worker, crowd), 0);
    for (unsigned round = 0; round < ROUNDS; round++)
        for (unsigned i = 0; i < CLIENTS; i++) {
            crowd->jobs[i][round] = job_make(round, 1);
            (void)yp_queue_push(*state, &crowd->clients[i].strand, &crowd->jobs[i][round].item,
                                false);
        }
    yp_queue_close(*state);
    for (unsigned i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(crowd->wrong, 0);
    assert_int_equal(crowd->taken, CLIENTS * ROUNDS);
    free(crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_sio_queue_a_strand_is_taken_in_order_one_at_a_time),
        FIXTURE_TEST(test_sio_queue_items_keep_their_strand),
        FIXTURE_TEST(test_sio_queue_a_client_with_much_is_paused_until_half),
        FIXTURE_TEST(test_sio_queue_bytes_pause_too),
        FIXTURE_TEST(test_sio_queue_all_together_have_a_limit),
        FIXTURE_TEST(test_sio_queue_loose_items_are_bounded_and_take_turns),
        FIXTURE_TEST(test_sio_queue_closed_gives_what_is_left),
        FIXTURE_TEST(test_sio_queue_abandoned_gives_all_back),
        FIXTURE_TEST(test_sio_queue_waits_as_long_as_it_is_told),
        FIXTURE_TEST(test_sio_queue_many_workers_keep_the_order_of_each_strand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
