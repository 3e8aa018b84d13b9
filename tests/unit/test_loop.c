/* SPDX-License-Identifier: MIT */
#include "loop/loop.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "loop_sim.h"

#include <cmocka.h>

/* ---- mail ---- */

#define POSTERS 5
#define LETTERS 100000 /* of one thread */
#define CLOSINGS 30

/* A thread that posts until the loop refuses. */
struct poster {
    pthread_t thread;
    struct yd_loop *loop;
    atomic_uint *run; /* mails that have run, of all */
    unsigned accepted;
};

struct letter {
    struct yd_mail mail;
    atomic_uint *run;
};

static void run_letter(struct yd_mail *mail, void *receiver)
{
    struct letter *letter = (struct letter *)mail;

    atomic_fetch_add(letter->run, 1);
    free(letter);
}

static void *post_until_closed(void *arg)
{
    struct poster *poster = arg;

    for (;;) {
        struct letter *letter;

        if (poster->accepted == LETTERS) {
            sched_yield();
            if (!yd_loop_is_closed(poster->loop))
                continue;
        }
        letter = malloc(sizeof *letter);

        *letter = (struct letter){{NULL, run_letter}, poster->run};
        if (yd_loop_post(poster->loop, &letter->mail) < 0) {
            free(letter);
            return NULL;
        }
        poster->accepted++;
    }
}

/* Threads that are interrupted anywhere inside of a post: either it fails or the mail runs. */
static void test_loop_runs_all_mail_that_it_has_accepted(void **state)
{
    for (int i = 0; i < CLOSINGS; i++) {
        struct timespec pause = {.tv_nsec = 1000000 + i % 7 * 200000};
        struct poster posters[POSTERS];
        atomic_uint run = 0;
        unsigned accepted = 0;
        struct yd_loop *loop;

        assert_int_equal(yd_loop_new(&yd_loop_sim, &yd_mem_default, NULL, 0, &loop), 0);
        for (int t = 0; t < POSTERS; t++) {
            posters[t] = (struct poster){.loop = loop, .run = &run};
            assert_int_equal(
                pthread_create(&posters[t].thread, NULL, post_until_closed, &posters[t]), 0);
        }
        nanosleep(&pause, NULL);
        yd_loop_close(loop);
        for (int t = 0; t < POSTERS; t++) {
            pthread_join(posters[t].thread, NULL);
            accepted += posters[t].accepted;
        }
        assert_int_equal(run, accepted);
        yd_loop_free(loop);
    }
}

/* ---- turns ---- */

/* A task, or a flush, that asks for itself again each time. */
struct eager {
    struct yd_mail mail;
    void (*again)(struct yd_loop *loop, struct yd_mail *mail);
    unsigned runs, last; /* it does not after so many */
};

static void run_eager(struct yd_mail *mail, void *receiver)
{
    struct eager *eager = (struct eager *)mail;

    if (++eager->runs < eager->last)
        eager->again(receiver, mail);
}

static void count_firing(struct yd_timer *timer)
{
    timer->fn = NULL;
}

/* What handlers cause without end is put off, so that input and timers have their turn. */
static void check_fairness(void (*again)(struct yd_loop *loop, struct yd_mail *mail))
{
    struct eager eager = {{NULL, run_eager}, again, 0, 1000};
    struct yd_timer timer;
    struct yd_loop *loop;

    assert_int_equal(yd_loop_new(&yd_loop_sim, &yd_mem_default, NULL, 0, &loop), 0);
    yd_timer_init(&timer, count_firing);
    again(loop, &eager.mail);
    sim_turn(loop);
    assert_int_equal(eager.runs, 8);
    yd_timer_start(&loop->wheel, &timer, yd_loop_due(loop, 0));
    assert_true(yd_loop_turn(loop) <= loop->now); /* and it does not wait for anything */
    assert_int_equal(eager.runs, 16);
    assert_null(timer.fn);
    sim_run(loop);
    assert_int_equal(eager.runs, 1000);
    yd_loop_close(loop);
    yd_loop_free(loop);
}

static void test_loop_is_not_kept_from_its_input(void **state)
{
    check_fairness(yd_loop_task);
    check_fairness(yd_loop_flush);
}

static void note_order(struct yd_mail *mail, void *receiver);

/* A task that follows a flush which is asked for at the same time. */
struct order {
    struct yd_mail flush, task;
    char seen[8];
};

static struct order *the_order;

static void note_order(struct yd_mail *mail, void *receiver)
{
    strcat(the_order->seen, mail == &the_order->task ? "t" : "f");
}

static void test_loop_flushes_after_tasks(void **state)
{
    struct order order = {{NULL, note_order}, {NULL, note_order}, ""};
    struct yd_loop *loop;

    the_order = &order;
    assert_int_equal(yd_loop_new(&yd_loop_sim, &yd_mem_default, NULL, 0, &loop), 0);
    yd_loop_flush(loop, &order.flush);
    yd_loop_task(loop, &order.task);
    sim_turn(loop);
    assert_string_equal(order.seen, "tf");
    yd_loop_close(loop);
    yd_loop_free(loop);
}

/* ---- time ---- */

static void note_time(struct yd_timer *timer)
{
    timer->fn = NULL;
}

/* The time that ends a wait is the loop's; what a handler spends is not, but deadlines count it. */
static void test_loop_time_is_that_of_the_last_wait(void **state)
{
    struct yd_timer timer;
    struct yd_loop *loop;
    uint64_t start;

    assert_int_equal(yd_loop_new(&yd_loop_sim, &yd_mem_default, NULL, 0, &loop), 0);
    start = loop->now;
    sim_sleep(loop, 3500); /* in a handler */
    assert_int_equal(loop->now, start);
    assert_int_equal(yd_loop_due(loop, 1000), start + 4500);
    yd_timer_init(&timer, note_time);
    yd_timer_start(&loop->wheel, &timer, yd_loop_due(loop, 1000));
    sim_turn(loop);
    assert_int_equal(loop->now, start + 3500);
    sim_sleep(loop, 999);
    sim_turn(loop);
    assert_non_null(timer.fn);
    sim_sleep(loop, 1);
    sim_turn(loop);
    assert_null(timer.fn);
    assert_true(yd_loop_due(loop, UINT32_MAX) == YD_NEVER);
    assert_true(yd_loop_due(loop, UINT64_MAX) == YD_NEVER);
    yd_loop_close(loop);
    yd_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loop_runs_all_mail_that_it_has_accepted),
        cmocka_unit_test(test_loop_is_not_kept_from_its_input),
        cmocka_unit_test(test_loop_flushes_after_tasks),
        cmocka_unit_test(test_loop_time_is_that_of_the_last_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
