/* SPDX-License-Identifier: MIT */
#ifndef YG_HOOK_LANE_H
#define YG_HOOK_LANE_H

#include "hook/answer.h"

/*
 * Events for a back end, and the lane in which those of one client come one after the other.  All
 * of a webhook on a loop is of that loop's thread.
 */
struct yg_hook;
struct yg_lane;
struct yg_hook_event;

#define YG_HOOK_ID 48 /* bytes of an id, with its end */

/* What became of an event. */
struct yg_hook_told {
    /* What the back end says to it, maybe nothing; NULL: it has failed.  Actions may be taken out
     * of it, with NULL in their place. */
    struct yg_hook_result *result;
    bool may_be_known;  /* one that has failed: the back end may have taken it as done */
    bool was_answered;  /* one that has failed: by an answer, and another would be no better */
    bool is_stored;     /* a notice: it has no result, and is sent by whoever has its store */
    bool is_end;        /* one that has failed: the webhook ends, and others may send it */
    uint32_t max_age_s; /* for how long the result may be kept; 0: not at all */
};

/*
 * Called once for each event that was pushed, never inside that push; other events may be pushed
 * in it, and their lanes left.
 */
typedef void(yg_hook_told_fn)(const struct yg_hook_told *told, void *user);

/* Whose events they are. */
struct yg_lane_owner {
    /* Writes its JSON object, the "socket" of events, also after yg_lane_leave(); a failure sticks
     * to the text.  NULL: events have none. */
    void (*describe)(void *owner, struct yg_text *text);
    /* Much waits for the back end: no more is to be taken from the client, or again.  NULL: nobody
     * can be held. */
    void (*hold)(void *owner, bool is_held);
};

/*
 * ns      the namespace, or the path of a WebSocket, for {namespace} in the address; copied
 * owner   borrowed, until it was left and the last of its events was told
 *
 * Returns NULL when out of memory.
 */
struct yg_lane *yg_lane_new(struct yg_hook *hook, yodel_str ns, const struct yg_lane_owner *fns,
                            void *owner);

/* Keeps what the owner says of itself now, in place of asking again, until yg_lane_renew().  0 or
 * -ENOMEM. */
int yg_lane_keep(struct yg_lane *lane);
void yg_lane_renew(struct yg_lane *lane);

/* Says whose events they are from now on: with webhooks.order: user those of all lanes of a user
 * come one after the other.  NULL: nobody's.  0 or -ENOMEM. */
int yg_lane_set_user(struct yg_lane *lane, const char *user);

/* Its namespace; the lane's own. */
const char *yg_lane_ns(const struct yg_lane *lane);
/* That user; NULL: nobody.  The lane's own. */
const char *yg_lane_user(const struct yg_lane *lane);

/* Makes its last event ahead, of kind disconnected: then yg_hook_event_parting() needs no memory. 0
 * or -ENOMEM. */
int yg_lane_reserve(struct yg_lane *lane);

/* How many events it has had; the next one is numbered after that. */
uint32_t yg_lane_seq(const struct yg_lane *lane);
void yg_lane_set_seq(struct yg_lane *lane, uint32_t seq);

/* Which of all lanes in a store its notices have: the same number for the same socket.  Before that
 * it is any. */
void yg_lane_set_store(struct yg_lane *lane, unsigned number);

/* Sends nothing of it before yg_lane_go(), which is to follow; what a client waits for is given up
 * in its time all the same. */
void yg_lane_wait(struct yg_lane *lane);
/* Also after yg_lane_leave(), which does not free a lane that waits. */
void yg_lane_go(struct yg_lane *lane);

/* The owner goes, and is not held any more.  The lane is freed when nothing of it waits. */
void yg_lane_leave(struct yg_lane *lane);

/*
 * An event; more members are added to its text, each with a comma in front.
 *
 * lane   whose it is
 * told   NULL: nobody wants to know
 * user   for told
 *
 * Returns NULL when out of memory.
 */
struct yg_hook_event *yg_hook_event_new(struct yg_lane *lane, enum yg_hook_kind kind,
                                        yg_hook_told_fn *told, void *user);
/* The same of kind disconnected: the one that was reserved, whose text takes 127 bytes without more
 * memory, or a new one. */
struct yg_hook_event *yg_hook_event_parting(struct yg_lane *lane, yg_hook_told_fn *told,
                                            void *user);
struct yg_text *yg_hook_event_text(struct yg_hook_event *event);
/* The traceparent that the client has sent (W3C Trace Context 3.2): goes along where the event is
 * alone in its request.  What is none is left aside. */
#define YG_TRACE_LEN 55
void yg_hook_event_trace(struct yg_hook_event *event, yodel_str trace);
/* The client waits for an acknowledgement. */
void yg_hook_event_wants_ack(struct yg_hook_event *event);
/* Gives it an id that was made before (yg_hook_id()); copied. */
void yg_hook_event_set_id(struct yg_hook_event *event, const char *id);
/* One that was not pushed; NULL does nothing. */
void yg_hook_event_free(struct yg_hook_event *event);

/*
 * Puts an event behind those of its lane.
 *
 * event   taken; what it could not be given for want of memory makes -ENOMEM
 *
 * Returns 0; or, and told is not called, -ENOMEM, -ENOBUFS (the queue is full: a notice is counted
 * as lost).
 */
int yg_lane_push(struct yg_hook_event *event);

/* A notice as another webhook has stored it; all is copied. */
struct yg_hook_raw {
    yodel_str id, ns, event;
    enum yg_hook_kind kind;
};

/* Puts one into a lane, which has no owner and no others.  It is tried until it was answered.  0 or
 * negative, as yg_lane_push(), but for a full queue. */
int yg_lane_push_raw(struct yg_lane *lane, const struct yg_hook_raw *raw, yg_hook_told_fn *told,
                     void *user);

/* Takes an event back that has not been sent.  Returns whether that was so; told is not called
 * then. */
bool yg_lane_take_back(struct yg_hook_event *event);

#endif
