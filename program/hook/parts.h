/* SPDX-License-Identifier: MIT */
#ifndef YG_HOOK_PARTS_H
#define YG_HOOK_PARTS_H

#include "hook/cache.h"
#include "hook/hook.h"
#include "hook/patience.h"

/* What lane.c, hook.c and request.c share. */

#define YG_LANE_EVENTS 64      /* that wait: more than that, and the client is held */
#define YG_LANE_BYTES 262144   /* the same in bytes */
#define YG_HOOK_PARTING 127    /* bytes of text reserved for the last event */
#define YG_HOOK_EVENT_COST 256 /* bytes that an event costs beside its text */

/* What waits for an answer of a back end, what is told to it, what is stored for who tells it.  The
 * first two are sent by turns. */
enum yg_class { YG_AWAITED, YG_NOTICE, YG_STORED, YG_NUM_CLASSES };
#define YG_NUM_SENT 2
#define YG_MAX_STORING 16 /* requests to the store */

struct yg_hook_event {
    struct yg_hook_event *next;            /* in its lane */
    struct yg_hook_event *older, *younger; /* in its class's list, while it waits */
    struct yg_lane *lane;
    enum yg_hook_kind kind;
    enum yg_class class; /* since it was pushed */
    bool wants_ack;
    bool is_queued;
    bool is_raw; /* text is all of it */
    char *ns;    /* of a raw one; else that of its lane */
    char id[YG_HOOK_ID];
    char trace[YG_TRACE_LEN + 1]; /* "": none */
    uint32_t seq;
    uint64_t at_ms; /* by the port's clock */
    int64_t wall_ms;
    struct yg_text text;
    yg_hook_told_fn *told;
    void *user;
};

/* Events of one class that wait, by age. */
struct yg_hook_age {
    struct yg_hook_event *oldest, *youngest;
};

/* Lanes whose next event may be sent. */
struct yg_ready {
    struct yg_lane *first, *last;
};

struct yg_lane {
    struct yg_hook *hook;
    const struct yg_lane_owner *fns;
    void *owner;
    struct yg_hook_event *first, *last;
    unsigned num;
    size_t bytes;
    uint32_t seq;
    unsigned store;        /* its lane in a store */
    unsigned num_requests; /* that have events of it */
    bool only_events;      /* all of those are of kind event */
    bool is_held, has_left;
    bool is_waiting; /* for yg_lane_go() */
    struct yg_ready *ready_in;
    struct yg_lane *ready_next, *ready_prev;
    struct yg_lane *held_next, *held_prev;
    struct yg_text kept;           /* the owner's object; empty: asked for each time */
    struct yg_hook_event *parting; /* reserved; NULL: none */
    char *user;                    /* whose events come one after the other; NULL: nobody's */
    struct yg_turn turn;
    bool waits; /* for its turn; then it is in a list: */
    struct yg_lane *waits_next, *waits_prev;
    char ns[];
};

struct yg_request {
    struct yg_hook *hook;
    struct yg_request *next, *prev;
    struct yg_hook_event **events;
    size_t num;
    enum yg_class class;
    unsigned attempt;
    uint64_t began_ms;
    uint64_t again_ms; /* when it is tried again; 0: it is on its way */
    enum yg_passage passage;
    char id[YG_HOOK_ID];
    struct yg_text url;
    struct yg_text body;
    struct yg_http_call *call;
    struct yg_hook_storing *storing; /* of class STORED */
    uint32_t max_age_s;              /* of the answer */
    bool was_known;                  /* an attempt that failed may have come to the back end */
    int post_result; /* why it could not be sent, which is dealt with in the next turn */
};

struct yg_hook {
    const struct yg_webhook *options;
    struct yg_signer *signer; /* of its secrets; NULL: made with the next request */
    struct yg_hook_setup setup;
    struct yg_circuit circuit;
    struct yg_hook_cache cache;
    struct yg_ready ready[YG_NUM_CLASSES];
    struct yg_hook_age ages[YG_NUM_CLASSES];
    struct yg_request *requests;
    struct yg_lane *held;
    struct yg_lane *waiting; /* for their turns */
    unsigned num_requests;   /* in the list */
    unsigned num_active;     /* requests on their way */
    unsigned num_unsent;     /* of those, which could not be sent */
    bool is_failing;         /* the last one that says so has failed, and the log has it */
    unsigned num_storing;    /* requests of class STORED */
    unsigned num_retrying;   /* notices that wait for another attempt */
    size_t num_events;       /* that wait, or are in requests */
    uint64_t next_id;
    unsigned num_lanes; /* that were made */
    uint64_t wake_ms;   /* when it has a turn; 0: when something comes */
    unsigned turn;
    bool has_ended, is_in_turn;
};

/* ---- lane.c ---- */

/* What it will be when it is pushed. */
enum yg_class yg_class_of(const struct yg_hook_event *event);
/* Takes the first event out, for a request; and puts it back. */
struct yg_hook_event *yg_lane_pop(struct yg_lane *lane);
void yg_lane_unpop(struct yg_hook_event *event);
/* Puts it among those that are ready, or takes it out, as it is now. */
void yg_lane_look(struct yg_lane *lane);
/* A request has no events of it any more: the next of its user has its turn. */
void yg_lane_done(struct yg_lane *lane);
/* Looks at those that wait for their turns. */
void yg_hook_look_at_waiting(struct yg_hook *hook);
/* Frees it, when nothing needs it any more. */
void yg_lane_unuse(struct yg_lane *lane);
/* The end of an event that is in no list; it is told and freed. */
void yg_hook_event_end(struct yg_hook_event *event, const struct yg_hook_told *told);
/* The same of one that waits: nobody will be told of it. */
void yg_hook_event_drop(struct yg_hook_event *event);
/* The same, and it is counted as lost. */
void yg_hook_event_lose(struct yg_hook_event *event, enum yg_hook_loss why);
/* Lets clients go on, where there is room again. */
void yg_hook_release(struct yg_hook *hook);

/* ---- hook.c ---- */

unsigned yg_hook_max_active(const struct yg_hook *hook);
/* It has a turn in so long, or before. */
void yg_hook_wake(struct yg_hook *hook, uint64_t ms);
/* Sends what can be sent. */
void yg_hook_go(struct yg_hook *hook);

/* ---- request.c ---- */

/* Makes one of what a lane has first, and of what may be joined to that.  0, -ENOMEM: then nothing
 * has changed. */
int yg_request_new(struct yg_lane *lane, struct yg_request **ret_request);
/* Sends it. */
void yg_request_send(struct yg_request *request, enum yg_passage passage);
/* Deals with one that could not be sent. */
void yg_request_fail(struct yg_request *request);
/* Gives it up, its events with it. */
void yg_request_abandon(struct yg_request *request, enum yg_hook_loss why);
/* Cancels it: what a client waits for has failed, notices are back where they were. */
void yg_request_undo(struct yg_request *request);

/* ---- stored.c ---- */

/* Stores what is in a request of class STORED. */
void yg_stored_send(struct yg_request *request);
/* Looks what became of it. */
void yg_stored_look(struct yg_request *request);
/* Gives it up; it may be there. */
void yg_stored_undo(struct yg_request *request);
/* Its end: its events are told and freed. */
void yg_request_end(struct yg_request *request, struct yg_hook_answer *answer,
                    const struct yg_hook_told *told);

/* ---- body.c ---- */

/* Writes one event. */
void yg_body_put_event(struct yg_text *text, const struct yg_hook_event *event);
const char *yg_body_ns(const struct yg_hook_event *event);

/* Writes a body; failures stick to the text. */
void yg_body_put(struct yg_text *text, const char *node, struct yg_hook_event *const *events,
                 size_t num);
/* The address, with {kind} and {namespace} replaced. */
void yg_body_url(struct yg_text *text, const char *url, const struct yg_hook_event *event);
/* Whether both may go to one address. */
bool yg_body_same_url(const char *url, const struct yg_hook_event *a,
                      const struct yg_hook_event *b);

#endif
