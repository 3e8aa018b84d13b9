/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_GUEST_H
#define YG_SERVE_GUEST_H

#include "hook/hook.h"
#include "serve/connections.h"
#include "serve/hook_records.h"
#include "serve/question.h"
#include "serve/visitor.h"

/*
 * A client without Socket.IO whose path has a webhook: a plain WebSocket (hooked_ws.c) or a reader
 * of events (hooked_events.c).  What is the same of both: the question whether it may come, its
 * rooms, its time, and what its back end is told of it and answers.
 */
struct yg_guest;

enum yg_guest_end {
    YG_GUEST_BANNED,    /* it is to stay away */
    YG_GUEST_COME_BACK, /* to another node, or later */
    YG_GUEST_EXPIRED    /* to come back with other credentials */
};

struct yg_guest_kind {
    const char *transport; /* as back ends are told */

    /* While it is asked for: */
    yodel_decision *(*defer)(struct yg_guest *guest); /* a reference; NULL: out of memory */
    int (*accept)(struct yg_guest *guest);            /* opens it; 0 or negative */
    void (*refuse)(struct yg_guest *guest, int status);
    void (*refused)(struct yg_guest *guest); /* it has not come in, and is there; may be NULL */
    /* Its first rooms, said by an answer (NULL: none) too: 0, or the status to refuse with. */
    int (*enter)(struct yg_guest *guest, const struct yg_hook_result *said);

    /* While it is there: */
    int (*join)(struct yg_guest *guest, const char *room); /* 0 or negative */
    void (*leave)(struct yg_guest *guest, const char *room);
    int (*send)(struct yg_guest *guest, const struct yg_command *command); /* an emit to it */
    void (*say_hello)(struct yg_guest *guest, const json_t *data);
    void (*end)(struct yg_guest *guest, enum yg_guest_end end, const char *message);
    void (*hold)(struct yg_guest *guest, bool is_held); /* NULL: it sends nothing */
    void (*changed)(struct yg_guest *guest);            /* user and meta; NULL: nobody looks */

    void (*free)(struct yg_guest *guest);
};

#define YG_GUEST_SID 64 /* bytes, with its end */

struct yg_guest {
    const struct yg_guest_kind *kind;
    struct yg_state *state;
    yodel_loop *loop;
    struct yg_hook *hook;
    struct yg_lane *lane; /* NULL: it was left */
    const char *pattern;  /* the path of the configuration, of its start */
    int auth;             /* of yg_auth_need */
    unsigned refs;        /* of its connection, and of each event under way */
    bool is_gone;         /* its connection */
    bool is_known;        /* the back end knows of it, or may */
    bool is_open;
    struct yg_record *record; /* NULL: none */
    bool stays;               /* the record is for others, or for the end */
    uint64_t number;          /* for the log */
    enum yg_transport transport;
    int64_t connected_ms; /* since 1970 */
    char sid[YG_GUEST_SID];
    char *path, *address;
    char *user; /* NULL: anonymous */
    json_t *meta, *info;
    struct yg_until until;
    int64_t expires_at; /* seconds since 1970; 0: never */
    bool was_asked;     /* ahead of its end */
    struct yg_names rooms;
    /* Until it is open: */
    yodel_decision *decision;
    struct yg_hook_event *question; /* until it was told */
    struct yg_question_key key;
    struct yg_token token;
    json_t *hello; /* NULL: nothing */
    struct yg_command **actions;
    size_t num_actions;
};

/*
 * Whether it may be asked for: as yg_visitor_check(), with the webhook of that name.
 *
 * auth        of yg_auth_need
 * ret_token   for yg_token_free(), whatever is returned
 *
 * Returns 0, or the HTTP status to refuse it with.
 */
int yg_guest_check(struct yg_state *state, yodel_request *req, int auth, const char *webhook,
                   struct yg_token *ret_token, struct yg_hook **ret_hook);

/*
 * Fills one that is all zero but for kind, state, loop, hook, pattern, auth, sid, number and
 * transport.  It has one reference, the connection's.
 *
 * Returns 0 or -ENOMEM, then it has been freed.
 */
int yg_guest_init(struct yg_guest *guest, yodel_request *req);
void yg_guest_unref(struct yg_guest *guest);

/*
 * Asks the webhook, if that has the kind connect, whether it may come.
 *
 * token   what it has shown; its content is taken
 *
 * Returns 0: it may, and is to be opened; YODEL_DEFER: accept(), refuse() or a decision follows; or
 * the status to refuse it with.
 */
int yg_guest_ask(struct yg_guest *guest, yodel_request *req, struct yg_token *token);

/* It is open. */
void yg_guest_opened(struct yg_guest *guest, yg_record_end_fn *send_away, void *connection);
/* Its connection ends: the reason in the words of Socket.IO, code that of a close frame (0: none);
 * why, for metrics.  The connection's reference stays. */
void yg_guest_closed(struct yg_guest *guest, const char *reason, int code, enum yg_end_reason why);
/* The same of one that was not opened. */
void yg_guest_left(struct yg_guest *guest);

/* Enters a room, which it may be in.  0 or negative: YODEL_ERR_TOO_BIG, those of the kind. */
int yg_guest_join(struct yg_guest *guest, const char *room);

/* It has sent something: writes its event's members and pushes it.  Otherwise it has failed. */
void yg_guest_tell(struct yg_guest *guest, struct yg_hook_event *event);
/* Who is told of the end of such an event. */
yg_hook_told_fn yg_guest_answered;

/* For guest_connect.c: */

/* Has Redis know of it as it is now. */
void yg_guest_record(struct yg_guest *guest);
/* Tells the back end, if it knows of it, and leaves the lane. */
void yg_guest_goodbye(struct yg_guest *guest, const char *reason, int code);
/* Begins, or changes, the wait for its end. */
void yg_guest_end_at(struct yg_guest *guest, int64_t expires_at);

#endif
