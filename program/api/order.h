/* SPDX-License-Identifier: MIT */
#ifndef YG_API_ORDER_H
#define YG_API_ORDER_H

#include <pthread.h>

#include "api/keys.h"
#include "api/memory.h"
#include "api/store.h"

/* What the files of the API share, and one command of it on its way. */

/* An answer under way: a request, a batch, a stream; linked by its loop, so that the loop's end
 * finds it. */
struct yg_open {
    struct yg_open *next, **link;
    void (*end)(struct yg_open *open); /* the loop ends: frees it, and calls nobody */
};

struct yg_api {
    struct yg_service *service;
    struct yg_api_options options;
    struct yg_memory *memory;
    pthread_mutex_t lock; /* of held, to change it or take a reference */
    struct yg_api_held *_Atomic held;
    struct yg_open *open[256]; /* by loop; each for that loop's thread */
};

/* The present terms: a reference. */
struct yg_api_held *yg_api_hold(struct yg_api *api);

void yg_open_link(struct yg_api *api, yodel_loop *loop, struct yg_open *open);
void yg_open_unlink(struct yg_open *open);

/* The answer to a command, as text. */
struct yg_reply {
    enum yg_problem problem;
    const char *ptr; /* an object: the answer, or a problem */
    size_t len;
    bool is_replayed;
};

/* Who asks: a key, and the reference that keeps it. */
struct yg_api_who {
    struct yg_api_held *held;
    const struct yg_api_key *key; /* NULL: who connects to a Unix socket */
};

/* One command at a time.  All zero but for api, loop, who, uncounted, done and user. */
struct yg_order {
    struct yg_api *api;
    yodel_loop *loop;
    struct yg_api_who who; /* the reference is the order's */
    bool uncounted;        /* as of struct yg_caller */
    void (*done)(const struct yg_reply *reply, void *user);
    void *user;
    struct yg_run *run;
    enum yg_verb verb;
    uint64_t begun_us; /* 0: it has not begun */
    bool is_noted;     /* in the memory, as digest */
    bool is_shared;    /* and in the store */
    uint8_t digest[YG_MEMORY_DIGEST], command_digest[YG_MEMORY_DIGEST];
    struct yg_api_asking *asking; /* the store, which is asked about waiting, or keeps answer: */
    struct yg_command *waiting;
    struct yg_text answer;
    enum yg_problem problem; /* of that */
};

/*
 * Carries out a command: rate, rights, idempotency, then itself.  done is called once, perhaps
 * inside this call, with a reply that is borrowed.
 *
 * command   taken
 * idem      the key; NULL: none
 */
void yg_order_run(struct yg_order *order, struct yg_command *command, const char *idem);

/* Says at once that it failed: what could not be read. */
void yg_order_fail(struct yg_order *order, const struct yg_complaint *complaint);

/* Gives up what is under way, and who has asked; done is not called.  The next with its
 * idempotency key is fresh.  Twice is once. */
void yg_order_drop(struct yg_order *order);

#endif
