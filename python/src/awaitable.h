/* SPDX-License-Identifier: MIT */
#ifndef YP_AWAITABLE_H
#define YP_AWAITABLE_H

#include "state.h"

/*
 * What receive(), send() and others give a program to await.  All of them pass for coroutines
 * (collections.abc.Coroutine), so that asyncio.create_task() and wait_for() take them.
 *
 * Ready is done already: awaiting it never suspends the task.
 *
 * Waiter waits for a condition of its owner, as asyncio.Condition.wait_for() would: whenever a task
 * steps it asks the owner's take() for a result; without one it joins the owner's list of waiters,
 * and the task sleeps on its Wakeup, which stands for a future.  yp_wake() wakes all of a list.  A
 * result is taken by the task that goes on with it and by nobody before, so one that is cancelled
 * in between loses nothing.
 *
 * A task is stepped inside yp_wake(), without a turn of asyncio's own loop in between, unless that
 * could be inside another task.
 */

/* What a Python loop is to those that wait in it; one for all objects of a server. */
struct yp_home {
    PyObject *loop;      /* borrowed from the server's object */
    PyObject *call_soon; /* borrowed; its bound method */
    int depth;           /* calls of the library that a program is in at present */
    int is_debug;        /* loop.get_debug(): everything goes by call_soon */
};

struct yp_waiter;

/* Waiters of one condition, in the order they came.  Zero is empty.  They are not held. */
struct yp_waiters {
    struct yp_waiter *first;
    struct yp_waiter *last;
};

/*
 * Asks for the result of a waiter.
 *
 * Returns a new reference; NULL without an exception: not yet, wait for yp_wake(); NULL with one:
 * the await raises it.
 */
typedef PyObject *(yp_take_fn)(struct yp_waiter *waiter);

struct yp_wakeup;

struct yp_waiter {
    PyObject_HEAD
    PyObject *owner;          /* strong; NULL once it is finished */
    yp_take_fn *take;         /* of owner */
    struct yp_waiters *queue; /* where it waits; in owner's memory */
    struct yp_home *home;     /* in memory that owner keeps */
    PyObject *arg;            /* for take(); may be NULL */
    int kind;                 /* for take() */
    int waits;                /* it is in the queue */
    struct yp_wakeup *wakeup; /* what the task sleeps on; NULL before it does */
    struct yp_waiter *previous;
    struct yp_waiter *next;
};

/*
 * A waiter for owner.  What is kept in *spare is used again, when nobody else has it any more: a
 * conversation in which one await follows the other allocates nothing.
 *
 * spare   a strong reference or NULL, the owner's; may be filled
 * arg     borrowed; NULL: none
 *
 * Returns a new reference, or NULL with an exception.
 */
PyObject *yp_waiter_new(const struct yp_state *state, PyObject *owner, struct yp_waiter **spare,
                        struct yp_home *home, struct yp_waiters *queue, yp_take_fn *take,
                        PyObject *arg, int kind);

/*
 * Wakes all who wait: each asks its take() again.  Runs programs' code.
 *
 * queue   in the memory of an object that the caller holds
 */
void yp_wake(const struct yp_state *state, struct yp_waiters *queue);

/*
 * An awaitable that is done.
 *
 * value   taken; NULL: the call returns NULL, for an exception that is set
 *
 * Returns a new reference, or NULL with an exception.
 */
PyObject *yp_ready(const struct yp_state *state, PyObject *value);

/* yp_ready() of None, without an allocation.  Returns a new reference. */
static inline PyObject *yp_ready_none(const struct yp_state *state)
{
    return Py_NewRef(state->ready_none);
}

/*
 * Calls a function of the program's in a callback of a loop: an exception goes to where the loop's
 * own callbacks' would.
 *
 * context   it runs in this one; NULL: in the present one
 */
void yp_call_in_loop(const struct yp_state *state, struct yp_home *home, PyObject *function,
                     PyObject *arg, PyObject *context);

yp_part_fn yp_awaitable_part;

#endif
