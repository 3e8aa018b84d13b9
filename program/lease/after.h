/* SPDX-License-Identifier: MIT */
#ifndef YG_LEASE_AFTER_H
#define YG_LEASE_AFTER_H

#include <stdbool.h>
#include <yodel/redis.h>

/* Commands to Redis once the server has ended, by a server of its own that serves nobody. */
struct yg_after;

/* Sends the commands, by yg_after_send(). */
typedef void yg_after_fn(struct yg_after *after, void *user);

/*
 * Blocks until each command had its reply, and ms at most.
 *
 * url   of Redis
 *
 * Returns how many had one that is no error; negative: none was sent.
 */
int yg_after_run(const char *url, uint32_t ms, yg_after_fn *fn, void *user);

/* taken: set by a reply that is no error; borrowed until yg_after_run() returns; NULL: nobody wants
 * to know.  What could not be sent is not taken. */
void yg_after_send(struct yg_after *after, size_t argc, const yodel_str *argv, bool *taken);

#endif
