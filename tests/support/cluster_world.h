/* SPDX-License-Identifier: MIT */
#ifndef YD_TESTS_CLUSTER_WORLD_H
#define YD_TESTS_CLUSTER_WORLD_H

#include "adapter/adapter.h"
#include "failmem.h"
#include "redis/redis.h"
#include "sio_sim.h"

/*
 * Two services by the sharded and the streams adapter, on simulated loops, with a Redis of this
 * test's own in place of the client: it forgets connections ahead of a command or after it, goes
 * away, and says what a test wants.
 */

#define PROCESSES 2
#define MOST 300
#define MOST_WORDS 20

struct words {
    size_t num;
    yodel_bytes words[MOST_WORDS]; /* each with a NUL behind it */
};

/* What a process has to Redis. */
struct yodel_redis {
    struct yd_loop *loop;
    const struct yodel_allocator *mem;
    yodel_redis_condition state;
    struct yd_redis_sub *subs[MOST];
    struct yd_redis_watcher *watcher;
    struct yd_redis_reader *reader;
    struct command {
        struct words words;
        yd_redis_reply_fn *fn;
        void *arg;
        yodel_free_fn *free_arg;
        int published; /* 1: words are a channel and a message */
    } commands[MOST];
    size_t num_commands;
    enum { GOES_WELL, LOST_AHEAD, LOST_AFTER, REFUSED } next; /* of the next XADD */
    bool reader_waits;                                        /* nothing comes to the reader */
    unsigned malformed, dropped;
};

struct process {
    struct sio_sim sim; /* first */
    struct failmem fm;
    struct yodel_redis redis;
    struct yd_part *part;
    yodel_sio *sio;
    struct sio_client client;
};

struct world {
    struct process processes[PROCESSES];
    struct entry {
        struct words words; /* of XADD, from "uid" on */
        unsigned id;
    } entries[MOST];
    size_t num_entries;
    unsigned last_id;
    unsigned num_ranges;        /* XRANGEs */
    bool repeats_at_range;      /* each is followed by the newest entry, once more */
    char key[100], value[1000]; /* the one key that there is */
    size_t value_len;
};

extern struct world world;

/* With the rooms that the sharded form is to have channels for. */
extern yodel_sio_redis_rooms world_rooms;

int64_t world_count(const char *channel);
void world_run(void);
void world_advance(uint64_t ms);
void world_set_state(unsigned process, yodel_redis_condition state);
void world_start(yodel_sio_redis_form form, uint32_t recovery_ms);
void world_stop(void);
void world_emit(unsigned process, const char *name);
void world_emit_to_room(unsigned process, const char *room, const char *name);
void world_expect_both(const char *packet);
void world_expect_nothing(void);
void world_join_here(struct sio_sim *sim, void *room);
void world_leave_here(struct sio_sim *sim, void *room);
const char *world_word(const struct words *words, size_t i);
/* The newest entry is added once more: its sender could not know that it had arrived. */
void world_repeat_entry(void);
/* The stream is empty, and its ids begin again. */
void world_forget_entries(void);

#endif
