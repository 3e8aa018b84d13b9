/* SPDX-License-Identifier: MIT */
#ifndef LOAD_REPORT_H
#define LOAD_REPORT_H

#include "options.h"

/*
 * An operation is: echo, one reply; broadcast, one delivery; connect, one connection opened and
 * closed; idle, one connection opened.
 */
struct report {
    uint64_t operations;
    uint64_t errors;
    uint64_t bytes; /* received */
    double seconds;
    double server_cpu_s, client_cpu_s;
    double server_user_s; /* of server_cpu_s, what was not in the kernel */
    double p50_us, p99_us, p999_us, max_us;
    double private_dirty_each, resident_each; /* idle: bytes for each connection */
};

/* One line for machines on stdout, one for people on stderr. */
void report_print(const struct report *report, const struct load_options *options);

#endif
