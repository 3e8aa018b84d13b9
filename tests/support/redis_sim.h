/* SPDX-License-Identifier: MIT */
#ifndef YD_TESTS_REDIS_SIM_H
#define YD_TESTS_REDIS_SIM_H

#include "loop_sim.h"

/*
 * A small Redis at the other end of connections that a simulated loop makes.  It knows PUBLISH and
 * SPUBLISH, all of SUBSCRIBE, AUTH, SELECT, CLIENT, PING, ROLE, PUBSUB NUMSUB, strings (GET, SET
 * with NX, XX and PX, DEL, EXISTS, INCR, PEXPIRE), streams (XADD, XREAD, XRANGE, XLEN, XTRIM),
 * sorted sets (ZADD, ZREM, ZCARD, ZRANGE, ZRANGEBYSCORE, ZREMRANGEBYSCORE) and FLUSHALL; other
 * commands are errors.  Times are those of the loop.
 *
 *     redis_sim_start(&sim, loop); ... yd_redis_begin(redis);
 *     redis_sim_run(&sim);
 *     redis_sim_kill(&sim); redis_sim_revive(&sim); redis_sim_advance(&sim, 1000);
 */
struct redis_sim_conn;
struct redis_sim_key;

struct redis_sim {
    struct yd_loop *loop;
    struct redis_sim_conn *conns;
    struct redis_sim_key *keys;
    char password[64]; /* "": none is wanted */
    bool down;         /* connections are refused */
    bool black_hole;   /* they are never there */
    bool is_replica;   /* SET is refused */
    bool frozen;       /* nothing is read or answered, as after SIGSTOP */
    size_t chop;       /* most bytes of one read of the client's; 0: all */
    char refuse[64];   /* SUBSCRIBE and PUBLISH of this channel: -NOPERM; "": none */
    char
        error[128]; /* what every command but those of the login is answered with, "-OOM ..."; "" */
    unsigned num_conns;    /* that were made */
    unsigned num_commands; /* that were read */
    struct yd_buf log;     /* their words, one command a line */
    unsigned stream_time;  /* of the next id */
    /* First of all; true: it was answered, or not.  NULL: nobody lies. */
    bool (*on_command)(struct redis_sim *sim, struct redis_sim_conn *conn, size_t argc,
                       const yodel_str *argv);
    void *arg;
};

void redis_sim_start(struct redis_sim *sim, struct yd_loop *loop);
/* Ahead of sim_free_peers() and of the loop's end. */
void redis_sim_stop(struct redis_sim *sim);

/* Answers what has come; false when nothing has. */
bool redis_sim_serve(struct redis_sim *sim);
/* Turns of the loop, and answers, until nothing moves. */
void redis_sim_run(struct redis_sim *sim);
/* The same, while so many ms pass, ten at a time. */
void redis_sim_advance(struct redis_sim *sim, uint64_t ms);

/* All connections break, and there are no more; then there are again.  What it knows is gone. */
void redis_sim_kill(struct redis_sim *sim);
void redis_sim_revive(struct redis_sim *sim);
/* All connections break. */
void redis_sim_break(struct redis_sim *sim);

/* From somebody else. */
void redis_sim_publish(struct redis_sim *sim, const char *channel, const char *payload);
void redis_sim_publish_bytes(struct redis_sim *sim, const char *channel, yodel_bytes payload);
/* Connections that subscribe: kind is 'c', 'p' or 's'. */
unsigned redis_sim_num_subscribed(const struct redis_sim *sim, char kind, const char *name);

/* Whether such a line is in the log: "PUBLISH a hello"; how many are; and forgets all. */
unsigned redis_sim_num_seen(struct redis_sim *sim, const char *line);
void redis_sim_forget(struct redis_sim *sim);

/* For on_command. */
void redis_sim_say(struct redis_sim *sim, struct redis_sim_conn *conn, const char *text);
void redis_sim_say_bulk(struct redis_sim *sim, struct redis_sim_conn *conn, const void *data,
                        size_t len);
/* The value of a string; {NULL, 0}: there is none. */
yodel_str redis_sim_get(struct redis_sim *sim, const char *key);

#endif
