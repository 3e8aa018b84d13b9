/* SPDX-License-Identifier: MIT */
#include "base/mailbox.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <yodel/base.h>

#include "base/container.h"

#include <cmocka.h>

#define PRODUCERS 4
#define LETTERS 30000 /* of each producer */

struct receiver {
    struct yd_mailbox box;
    sem_t wake;
    unsigned next[PRODUCERS]; /* the number of the letter that is due from each */
    unsigned taken, wrong;
};

struct letter {
    struct yd_mail mail;
    unsigned producer, number;
};

static void check_letter(struct yd_mail *mail, void *user)
{
    struct letter *letter = yd_container_of(mail, struct letter, mail);
    struct receiver *receiver = user;

    receiver->wrong += letter->number != receiver->next[letter->producer];
    receiver->next[letter->producer] = letter->number + 1;
    receiver->taken++;
    free(letter);
}

static struct letter *write_letter(unsigned producer, unsigned number)
{
    struct letter *letter = malloc(sizeof(*letter));

    if (!letter)
        abort();
    *letter = (struct letter){{NULL, check_letter}, producer, number};
    return letter;
}

static void run_all(struct receiver *receiver)
{
    struct yd_mail *mail = yd_mailbox_take(&receiver->box);

    while (mail) {
        struct yd_mail *next = mail->next;

        mail->run(mail, receiver);
        mail = next;
    }
}

static void test_mailbox_is_empty_at_first(void **state)
{
    struct yd_mailbox box;

    yd_mailbox_init(&box);
    assert_null(yd_mailbox_take(&box));
}

static void test_mailbox_put_tells_when_to_wake(void **state)
{
    struct yd_mailbox box;
    struct yd_mail mail[3];

    yd_mailbox_init(&box);
    assert_int_equal(yd_mailbox_put(&box, &mail[0]), 1);
    assert_int_equal(yd_mailbox_put(&box, &mail[1]), 0);
    assert_non_null(yd_mailbox_take(&box));
    assert_int_equal(yd_mailbox_put(&box, &mail[2]), 1);
    assert_ptr_equal(yd_mailbox_take(&box), &mail[2]);
    assert_null(mail[2].next);
    assert_null(yd_mailbox_take(&box));
}

static void test_mailbox_takes_oldest_first(void **state)
{
    struct receiver receiver = {.taken = 0};

    yd_mailbox_init(&receiver.box);
    for (unsigned i = 0; i < 10; i++)
        assert_true(yd_mailbox_put(&receiver.box, &write_letter(0, i)->mail) >= 0);
    run_all(&receiver);
    assert_int_equal(receiver.taken, 10);
    assert_int_equal(receiver.wrong, 0);
}

static void test_mailbox_closed_takes_nothing_more(void **state)
{
    struct yd_mailbox box;
    struct yd_mail mail[3];

    yd_mailbox_init(&box);
    assert_int_equal(yd_mailbox_put(&box, &mail[0]), 1);
    assert_int_equal(yd_mailbox_put(&box, &mail[1]), 0);
    assert_false(yd_mailbox_is_closed(&box));
    assert_ptr_equal(yd_mailbox_close(&box), &mail[0]);
    assert_ptr_equal(mail[0].next, &mail[1]);
    assert_null(mail[1].next);
    assert_true(yd_mailbox_is_closed(&box));
    assert_int_equal(yd_mailbox_put(&box, &mail[2]), YODEL_ERR_CLOSED);
    assert_null(yd_mailbox_take(&box));
    assert_null(yd_mailbox_close(&box));
}

struct producer {
    pthread_t thread;
    struct receiver *receiver;
    unsigned id;
};

static void *produce(void *arg)
{
    struct producer *producer = arg;

    for (unsigned i = 0; i < LETTERS; i++)
        if (yd_mailbox_put(&producer->receiver->box, &write_letter(producer->id, i)->mail) > 0)
            sem_post(&producer->receiver->wake);
    return NULL;
}

/* The receiver looks only when it is woken, so a wake-up too few would hang it. */
static void test_mailbox_many_producers(void **state)
{
    struct receiver receiver = {.taken = 0};
    struct producer producers[PRODUCERS];

    yd_mailbox_init(&receiver.box);
    sem_init(&receiver.wake, 0, 0);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        producers[i].receiver = &receiver;
        producers[i].id = i;
        assert_int_equal(pthread_create(&producers[i].thread, NULL, produce, &producers[i]), 0);
    }
    while (receiver.taken < PRODUCERS * LETTERS) {
        while (sem_wait(&receiver.wake) != 0)
            continue;
        run_all(&receiver);
    }
    for (unsigned i = 0; i < PRODUCERS; i++)
        pthread_join(producers[i].thread, NULL);
    assert_int_equal(receiver.wrong, 0);
    assert_null(yd_mailbox_take(&receiver.box));
    sem_destroy(&receiver.wake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mailbox_is_empty_at_first),
        cmocka_unit_test(test_mailbox_put_tells_when_to_wake),
        cmocka_unit_test(test_mailbox_takes_oldest_first),
        cmocka_unit_test(test_mailbox_closed_takes_nothing_more),
        cmocka_unit_test(test_mailbox_many_producers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
