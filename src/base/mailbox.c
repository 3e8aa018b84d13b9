/* SPDX-License-Identifier: MIT */
#include "base/mailbox.h"

#include <stddef.h>
#include <yodel/base.h>

void yd_mailbox_init(struct yd_mailbox *box)
{
    atomic_init(&box->top, NULL);
}

/* What stands on top of a box that is closed: no mail has that address.  As it is changed together
 * with the mail, none can be put into a box that its receiver has looked into for the last time. */
static struct yd_mail *closed_mark(const struct yd_mailbox *box)
{
    return (struct yd_mail *)(void *)(struct yd_mailbox *)box;
}

/* A stack that only ever loses all of its nodes at once has no ABA problem: a compare-exchange
 * that succeeds has linked mail to the node that is on top. */
int yd_mailbox_put(struct yd_mailbox *box, struct yd_mail *mail)
{
    struct yd_mail *top = atomic_load_explicit(&box->top, memory_order_relaxed);

    do {
        if (top == closed_mark(box))
            return YODEL_ERR_CLOSED;
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
    /* Most looks find nothing; a plain load keeps the line shared.  Only the receiver closes. */
    struct yd_mail *top = atomic_load_explicit(&box->top, memory_order_relaxed);

    if (top == NULL || top == closed_mark(box))
        return NULL;
    return reverse(atomic_exchange_explicit(&box->top, NULL, memory_order_acquire));
}

struct yd_mail *yd_mailbox_close(struct yd_mailbox *box)
{
    struct yd_mail *top =
        atomic_exchange_explicit(&box->top, closed_mark(box), memory_order_acquire);

    return top != closed_mark(box) ? reverse(top) : NULL;
}

bool yd_mailbox_is_closed(const struct yd_mailbox *box)
{
    return atomic_load_explicit(&box->top, memory_order_relaxed) == closed_mark(box);
}
