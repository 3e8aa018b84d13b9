/* SPDX-License-Identifier: MIT */
#include "base/mailbox.h"

#include <stddef.h>

void yd_mailbox_init(struct yd_mailbox *box)
{
    atomic_init(&box->top, NULL);
}

/* A stack that only ever loses all of its nodes at once has no ABA problem: a compare-exchange
 * that succeeds has linked mail to the node that is on top. */
bool yd_mailbox_put(struct yd_mailbox *box, struct yd_mail *mail)
{
    struct yd_mail *top = atomic_load_explicit(&box->top, memory_order_relaxed);

    do {
        mail->next = top;
    } while (!atomic_compare_exchange_weak_explicit(&box->top, &top, mail, memory_order_release,
                                                    memory_order_relaxed));
    return top == NULL;
}

static struct yd_mail *reverse(struct yd_mail *mail)
{
    struct yd_mail *reversed = NULL;

    while (mail) {
        struct yd_mail *next = mail->next;

        mail->next = reversed;
        reversed = mail;
        mail = next;
    }
    return reversed;
}

struct yd_mail *yd_mailbox_take(struct yd_mailbox *box)
{
    /* Most looks find nothing; a plain load keeps the line shared. */
    if (!atomic_load_explicit(&box->top, memory_order_relaxed))
        return NULL;
    return reverse(atomic_exchange_explicit(&box->top, NULL, memory_order_acquire));
}
