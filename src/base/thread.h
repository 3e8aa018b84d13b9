/* SPDX-License-Identifier: MIT */
#ifndef YD_BASE_THREAD_H
#define YD_BASE_THREAD_H

#include <pthread.h>

/* Starts a thread that gets no signals of the process, but for those that its own fault raises:
 * blocked they would end the process without a handler, a core or a report.  Returns 0, -errno. */
int yd_thread_start(pthread_t *ret_thread, void *(*run)(void *arg), void *arg);

#endif
