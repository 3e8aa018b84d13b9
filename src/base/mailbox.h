/* SPDX-License-Identifier: MIT */
#ifndef YD_BASE_MAILBOX_H
#define YD_BASE_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>

struct yd_mail;
typedef void(yd_mail_fn)(struct yd_mail *mail, void *receiver);

/* Embedded in what is sent; run(mail, receiver) owns it from then on. */
struct yd_mail {
    struct yd_mail *next;
    yd_mail_fn *run;
};

/* Many threads put, one takes.  Lock-free; what one thread puts is taken in its order. */
struct yd_mailbox {
    _Atomic(struct yd_mail *) top;
};

void yd_mailbox_init(struct yd_mailbox *box);

/* Any thread.  Returns 1 when the box was empty (the receiver must be woken), 0, or
 * YODEL_ERR_CLOSED: mail is then still the caller's.  What was put before the box was closed will
 * be taken. */
int yd_mailbox_put(struct yd_mailbox *box, struct yd_mail *mail);

/* The receiver only.  All mail, oldest first, linked by next; NULL when there is none. */
struct yd_mail *yd_mailbox_take(struct yd_mailbox *box);

/* The receiver only.  Closes the box for good and takes what is in it, as yd_mailbox_take(). */
struct yd_mail *yd_mailbox_close(struct yd_mailbox *box);

/* Any thread: a hint, as it may be closed at any time. */
bool yd_mailbox_is_closed(const struct yd_mailbox *box);

#endif
