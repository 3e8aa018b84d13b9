/* SPDX-License-Identifier: MIT */
#ifndef YG_HOOK_PORT_H
#define YG_HOOK_PORT_H

#include "hook/answer.h"
#include "http/client.h"

/* A notice that is to be stored, for whoever sends it; views. */
struct yg_hook_stored {
    const char *id;
    const char *ns;
    enum yg_hook_kind kind;
    unsigned lane;   /* notices of one socket have one; any number */
    yodel_str event; /* JSON */
};

/* Notices on their way to where they are stored. */
struct yg_hook_storing;

/* What a webhook needs of the world: a clock, an alarm, requests.  A test has its own. */
struct yg_hook_port {
    uint64_t (*now_ms)(void *user); /* never goes back */
    int64_t (*wall_ms)(void *user); /* since 1970 */
    uint32_t (*chance)(void *user); /* any number */
    /* Has yg_hook_turn() called after so long, in place of what was asked for before; never inside
     * this call. */
    void (*wake)(void *user, uint32_t ms);
    /* The same, soon, from any thread; it may be forgotten when memory ends.  NULL: without
     * yg_hook_setup.turns. */
    void (*poke)(void *user);
    /* As yg_http_client_send() and yg_http_call_cancel(). */
    int (*post)(void *user, const struct yg_http_request *request, yg_http_reply_fn *reply,
                void *reply_user, struct yg_http_call **ret_call);
    void (*cancel)(void *user, struct yg_http_call *call);
    /* Stores notices; again: they may be there.  0, or an error and they were not sent.  NULL:
     * there is no store. */
    int (*store)(void *user, const struct yg_hook_stored *notices, size_t num, bool again,
                 struct yg_hook_storing **ret_storing);
    /* What became of them.  1: it is not known yet, and the webhook has its turn when it is; 0:
     * they are stored; negative: they may be, or not. */
    int (*look)(void *user, const struct yg_hook_storing *storing);
    /* Forgets that they are on their way; whatever look has said. */
    void (*unstore)(void *user, struct yg_hook_storing *storing);
    /* A line for the log; event is a stable name. */
    void (*tell)(void *user, bool is_error, const char *event, const char *text);
};

#endif
