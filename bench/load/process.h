/* SPDX-License-Identifier: MIT */
#ifndef LOAD_PROCESS_H
#define LOAD_PROCESS_H

#include <stdint.h>
#include <sys/types.h>

struct process_memory {
    uint64_t private_dirty; /* bytes written by the process and shared with nobody */
    uint64_t resident;      /* bytes, file pages included */
};

/* User and system time of pid, of all its threads and of its living descendants.  pid 0 gives 0. */
uint64_t process_cpu_ns(pid_t pid);

/* The part of it that was not in the kernel, to a tick. */
uint64_t process_user_ns(pid_t pid);

/* Memory of pid and of its living descendants.  Returns 0, or -1 when pid cannot be read. */
int process_memory(pid_t pid, struct process_memory *ret_memory);

#endif
