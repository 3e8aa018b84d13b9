/* SPDX-License-Identifier: MIT */
#include "base/thread.h"

#include <signal.h>
#include <stddef.h>

#include "base/container.h"

static void fill_blocked(sigset_t *ret_set)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};

    sigfillset(ret_set);
    for (size_t i = 0; i < YD_LEN(faults); i++)
        sigdelset(ret_set, faults[i]);
}

int yd_thread_start(pthread_t *ret_thread, void *(*run)(void *arg), void *arg)
{
    sigset_t blocked, before;
    int rc;

    fill_blocked(&blocked);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    rc = pthread_create(ret_thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -rc;
}
