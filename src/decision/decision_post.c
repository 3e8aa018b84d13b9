/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/container.h"
#include "base/mem.h"
#include "decision/decision.h"

/* Calls of the program's on the loop of a request that is not decided. */

/* What one counts in a mailbox: what it keeps besides is not known. */
#define POST_WEIGHT 100

struct post {
    struct yd_mail mail;
    yodel_decision *d; /* a reference */
    yodel_decision_post_fn *fn;
    void *arg;
    yodel_free_fn *free_arg;
};

static void free_arg_of(const struct post *post)
{
    if (post->free_arg != NULL)
        post->free_arg(post->arg);
}

/* The decision keeps the loop until the last line. */
static void run_post(struct yd_mail *mail, void *receiver)
{
    struct post *post = yd_container_of(mail, struct post, mail);
    yodel_decision *d = post->d;

    yd_loop_mail_less(receiver, POST_WEIGHT);
    if (yd_decision_subject(d) != NULL && yodel_decision_is_open(d))
        d->ops->run(d, post->fn, post->arg);
    free_arg_of(post);
    yd_free(d->loop->mem, post);
    yodel_decision_unref(d);
}

static int send_post(struct yd_loop *loop, struct post *post)
{
    int rc = yd_loop_mail_more(loop, POST_WEIGHT);

    if (rc < 0)
        return rc;
    (void)yodel_decision_ref(post->d);
    if ((rc = yd_loop_post(loop, &post->mail)) < 0) {
        yd_loop_mail_less(loop, POST_WEIGHT);
        yodel_decision_unref(post->d); /* not the last: the caller has one */
    }
    return rc;
}

static int try_post(const struct post *what)
{
    yodel_decision *d = what->d;
    struct post *post;
    int rc;

    if (d == NULL || what->fn == NULL || d->ops->run == NULL)
        return -EINVAL;
    if ((rc = yd_decision_closed_by(d)) < 0)
        return rc;
    if ((post = yd_alloc(d->loop->mem, sizeof *post)) == NULL)
        return -ENOMEM;
    *post = *what;
    if ((rc = send_post(d->loop, post)) < 0)
        yd_free(d->loop->mem, post);
    return rc;
}

int yodel_decision_post(yodel_decision *d, yodel_decision_post_fn *fn, void *arg,
                        yodel_free_fn *free_arg)
{
    struct post post = {{NULL, run_post}, d, fn, arg, free_arg};
    int rc = try_post(&post);

    if (rc < 0)
        free_arg_of(&post);
    return rc;
}
