/* SPDX-License-Identifier: MIT */
#include "loop/loop.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loop_runs_all_mail_that_it_has_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
