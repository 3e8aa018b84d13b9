/* SPDX-License-Identifier: MIT */
#ifndef YD_CHANNELS_HISTORY_H
#define YD_CHANNELS_HISTORY_H

#include <pthread.h>
#include <yodel/history.h>

#include "base/list.h"
#include "channels/channel_op.h"

/*
 * History of groups.  All of it goes over one loop, its home: a message for a group that is kept
 * goes there, is given to the store, gets its offset, and is sent on to the members; so there is
 * one order.  A reader asks there, and its answer goes the way that the messages go, so what it has
 * read and what comes after it have an order, too.
 */

static inline bool yd_offset_is_after(struct yd_offset offset, struct yd_offset other)
{
    return offset.a != other.a ? offset.a > other.a : offset.b > other.b;
}

void yd_offset_write(struct yd_offset offset, char ret_text[YODEL_OFFSET_SIZE]);
/* False: it is none. */
bool yd_offset_read(yodel_str text, struct yd_offset *ret_offset);

/* Which groups are kept, and how: the first that fits counts. */
struct yd_history_rule {
    const char *pattern, *namespaces; /* as of yodel_history_rule */
    bool is_plain; /* pattern is a name, or with a '*' at its end a beginning of names */
    bool none;     /* what fits is not kept */
    yodel_history_options options; /* filled in */
};

/* ---- reading ---- */

/* What is asked, on its way to the home and back. */
struct yd_history_read {
    yodel_channels *channels;      /* a reference */
    yodel_history_options options; /* of the rule that fitted when it was asked */
    struct yd_offset from;
    size_t limit;
    struct yd_buf entries; /* of struct yd_history_entry */
    struct yd_buf data;    /* of the entries */
    struct yd_offset last;
    int result;
    bool gone;
    bool forgets;         /* nothing is read: all that is kept is dropped */
    struct yd_loop *back; /* whose hold it is for; NULL: it is told at home */
    struct yd_mail mail;
    yd_mail_fn *come_back; /* there */
    uint64_t hold;
    /* Called once, then it is freed; member NULL: it is no member any more, or none was meant. */
    void (*done)(struct yd_history_read *read, struct yd_member *member);
    void (*fn)(void); /* of who asked, */
    void *user;       /* and this */
    size_t name_len;
    char name[];
};

struct yd_history_entry {
    struct yd_offset offset;
    uint8_t type;
    size_t len;
};

/* Adds one.  Returns 0 or -ENOMEM. */
int yd_history_read_add(struct yd_history_read *read, struct yd_offset offset, uint8_t type,
                        yodel_bytes data);
/* Shows the public struct to show(), for that call. */
void yd_history_read_show(struct yd_history_read *read,
                          void (*show)(const yodel_history *history, void *arg), void *arg);

/* ---- where it is kept ---- */

/* Who is told where a message stands, once; fn NULL: nobody, or he was. */
struct yd_history_told {
    yodel_kept_fn *fn;
    void *user;
};

/* On the home.  offset: with result 0. */
void yd_history_tell(struct yd_history_told *told, int result, struct yd_offset offset);

struct yd_history_store;

/* All on the home. */
struct yd_history_store_ops {
    /* Keeps msg; takes a reference of its own.  Returns 1 and the offset, and it is to be passed on
     * now; 0: the store does that later, by yd_history_pass(), and tells told; or -ENOMEM or
     * YODEL_ERR_CONGESTED: it is not kept. */
    int (*append)(struct yd_history_store *store, const yodel_history_options *options,
                  yodel_str name, struct yd_msg *msg, const struct yd_history_told *told,
                  struct yd_offset *ret_offset);
    /* Fills read in and gives it back by yd_history_read_answer(), now or later. */
    void (*read)(struct yd_history_store *store, struct yd_history_read *read);
    /* Any thread: the last reference of the layer has gone; it is not to be used any more.  NULL:
     * it does not matter. */
    void (*gone)(struct yd_history_store *store);
    /* Any thread: groups that have members may be kept from now on.  NULL: the same. */
    void (*rules_changed)(struct yd_history_store *store);
};

/* Embedded in its owner, who lives until gone was called and the loops have ended. */
struct yd_history_store {
    const struct yd_history_store_ops *ops;
};

/* What a layer's history needs; nothing is kept yet.  Returns 0 or -ENOMEM. */
int yd_history_make(yodel_channels *channels);
/* Before the loops run: in place of the memory of this process. */
void yd_history_set_store(yodel_channels *channels, struct yd_history_store *store);
/* NULL: it is in memory. */
struct yd_history_store *yd_history_store_of(const yodel_channels *channels);

/* Sends a message that stands at offset on to the members, in its envelope when it has one; local:
 * to those of this process.  On the home.  Returns as yd_bus_send(). */
int yd_history_pass(yodel_channels *channels, const yodel_history_options *options, yodel_str name,
                    struct yd_msg *msg, struct yd_offset offset, bool local);
/* Whether that can be sent to a group with these options: text is UTF-8, and one JSON value where
 * it goes into an envelope. */
bool yd_history_is_fit(const yodel_history_options *options, uint8_t type, yodel_bytes data);
/* Whether text is an event of Socket.IO: ["name", ...]. */
bool yd_history_is_event(yodel_str text);
/* Has sockets get the message of op, which is_event says is one, as an event: reads what it says
 * into op.  Returns 0, also when it is none, or -ENOMEM. */
int yd_history_read_words(struct yd_channel_op *op);
/* read is filled in: it goes to who has asked. */
void yd_history_read_answer(struct yd_history_read *read);

/* ---- the memory of one process (history_log.c) ---- */

struct yd_history_logs {
    struct yd_history_store store; /* first */
    struct yd_map groups;
    struct yd_list quiet; /* the longest quiet first */
    uint64_t epoch, number;
    uint64_t dropped; /* the last number that is kept no more of a group that has no log */
    struct yd_timer expiry;
};

/* ---- of a channel layer ---- */

/* A member that waits for what it has missed, or has just got it. */
struct yd_history_hold {
    struct yd_list of_loop;
    uint64_t id;
    struct yd_key group; /* its text is here */
    struct yd_member *member;
    bool overflow;           /* more came than it may wait for */
    struct yd_list messages; /* that came meanwhile */
    size_t bytes;
    char name[YODEL_GROUP_NAME_MAX + 1];
};

struct yd_history {
    yodel_channels *channels; /* its owner */
    pthread_mutex_t rules_lock;
    struct yd_history_rules *rules; /* a reference, under the lock; NULL: nothing is kept */
    atomic_bool has_rules;          /* a hint for those that need not ask then */
    struct yd_loop *home;
    struct yd_history_store *store;
    struct yd_history_logs logs; /* the home's; the store when there is no other */
    struct yd_list *holds;       /* of each loop */
    atomic_uint_least64_t ids;
    atomic_uint_least64_t kept, lost, read, gone;
};

/* Any thread.  Whether that group is kept; ret_options NULL: however that may be. */
bool yd_history_find(const yodel_channels *channels, yodel_str name,
                     yodel_history_options *ret_options);
/* Any thread.  Copies rules, and their texts: behind those that there are, or in their place.
 * Returns 0, or -ENOMEM and all stays as it was. */
int yd_history_add_rule(yodel_channels *channels, const struct yd_history_rule *rule);
int yd_history_set_rules(yodel_channels *channels, const struct yd_history_rule *rules, size_t num);
void yd_history_free(yodel_channels *channels);

/* Any thread: has msg kept and sent, and told told, on the home, if it returns 0; NULL: nobody.
 * Returns as yodel_group_send(). */
int yd_history_send(yodel_channels *channels, const yodel_history_options *options, yodel_str name,
                    struct yd_msg *msg, const struct yd_history_told *told);

/* With done, fn and user to be set.  Returns as yodel_group_history(). */
int yd_history_read_new(yodel_channels *channels, yodel_str name, const char *from, size_t limit,
                        struct yd_history_read **ret_read);
/* Any thread.  Returns 0: done will be called; or YODEL_ERR_CLOSED: it is still the caller's. */
int yd_history_read_start(struct yd_history_read *read);
void yd_history_read_free(struct yd_history_read *read);

/* On the loop of member: it joins, and waits for read.  Takes read, also on failure. */
int yd_history_resume(struct yd_loop *loop, struct yd_member *member, struct yd_history_read *read);

/* Delivers what has an offset to the members of a loop, some of which wait; false: none does, and
 * it was not. */
bool yd_history_deliver(struct yd_channel_op *op, struct yd_loop *loop);
/* A member has left. */
void yd_history_left(yodel_channels *channels, const struct yd_group_change *change);

/* text with its envelope; NULL when out of memory. */
struct yd_msg *yd_history_wrap(yodel_channels *channels, struct yd_offset offset, yodel_bytes text);

/* history_log.c; on the home. */
void yd_logs_init(struct yd_history *history);
void yd_logs_free(struct yd_history *history);

#endif
