/* SPDX-License-Identifier: MIT */
#ifndef YG_ADMIN_GUESSES_H
#define YG_ADMIN_GUESSES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <yodel/base.h>

/*
 * How often an address may guess a password or a session: so many times in each period, of which
 * those that were right do not count.  An IPv6 client is its first 64 bits.  The table has a fixed
 * size: when it is full the address whose period began first is forgotten.  Any thread.
 */

#define YG_GUESS_ADDRESSES 1024

struct yg_guess {
    uint8_t key[16];
    uint32_t used; /* 0: free */
    uint64_t since_ms;
};

struct yg_guesses {
    pthread_mutex_t lock;
    uint32_t most, per_ms;
    struct yg_guess items[YG_GUESS_ADDRESSES];
};

void yg_guesses_init(struct yg_guesses *guesses, uint32_t most, uint32_t per_ms);
void yg_guesses_done(struct yg_guesses *guesses);

/*
 * Takes one guess.
 *
 * peer     "192.0.2.1:4711", "[2001:db8::1]:4711"; what is no address, as of a Unix socket, is one
 * now_ms   of a clock that does not go back
 *
 * Returns whether there was one left.
 */
bool yg_guesses_take(struct yg_guesses *guesses, yodel_str peer, uint64_t now_ms);

/* The guess was right: it does not count. */
void yg_guesses_return(struct yg_guesses *guesses, yodel_str peer);

#endif
