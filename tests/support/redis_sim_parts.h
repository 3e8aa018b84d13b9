/* SPDX-License-Identifier: MIT */
#ifndef YD_TESTS_REDIS_SIM_PARTS_H
#define YD_TESTS_REDIS_SIM_PARTS_H

#include "redis_sim.h"

/* Between the files of the small Redis. */

#define MOST_WORDS 64

/* What a connection subscribes to, an entry of a stream, a member of a sorted set. */
struct item {
    struct item *next;
    char kind; /* of a subscription */
    double score;
    struct yd_buf name, value;
};

struct redis_sim_conn {
    struct redis_sim_conn *next;
    struct sim_peer *peer;
    bool broken, in; /* logged in */
    struct item *subs;
    unsigned num_subs;
    struct yd_buf blocked; /* an XREAD that waits, as it was sent */
    uint64_t until;
};

struct redis_sim_key {
    struct redis_sim_key *next;
    struct yd_buf name, value;
    char type; /* 's', 'x', 'z' */
    struct item *items;
    uint64_t until; /* 0: for ever */
};

const struct yodel_allocator *rs_mem(void);
void rs_add(struct yd_buf *buf, const void *data, size_t len);
void rs_set(struct yd_buf *buf, yodel_str text);
bool rs_is(yodel_str word, const char *text);
bool rs_is_name(const struct yd_buf *buf, yodel_str name);
void rs_free_item(struct item *item);
void rs_free_items(struct item **items);
struct item *rs_new_item(struct item **at, yodel_str name);

/* A line of a reply; a string. */
void rs_say(struct redis_sim_conn *conn, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void rs_bulk(struct redis_sim_conn *conn, const struct yd_buf *buf);

/* redis_sim_keys.c: commands about keys; false for others. */
bool rs_run_keys(struct redis_sim *sim, struct redis_sim_conn *conn, size_t argc,
                 const yodel_str *argv);
/* False: there is nothing, and the connection waits when it may. */
bool rs_run_xread(struct redis_sim *sim, struct redis_sim_conn *conn, size_t argc,
                  const yodel_str *argv, bool may_block);
/* Words as an array of strings. */
void rs_keep_fields(struct yd_buf *value, size_t argc, const yodel_str *argv);
void rs_drop_keys(struct redis_sim *sim);
uint64_t rs_now(const struct redis_sim *sim);

#endif
