/* SPDX-License-Identifier: MIT */
#ifndef YG_HOOK_ANSWER_H
#define YG_HOOK_ANSWER_H

#include "command/command.h"

/*
 * What a back end answers to a hook, read as a whole: if one thing in it is wrong, nothing of it is
 * done.  Its body is empty, or
 *
 *     {"results": [{"id": "e1", ...}, ...]}   one for each event that has something to say
 *
 * or, for a request of one event, the result alone, without its id.  A result by the kind of event:
 *
 *     connect   user, meta, info, rooms, data, expires_at, actions: accepted
 *               {"reject": {"message", "data"}}, alone: refused for good
 *     event     ack (a list of arguments; left aside where the client wants none), attachments,
 *               meta, actions
 *     refresh   expires_at, meta, actions, or {"expired": true}
 *     others    meta, actions
 *
 * actions are commands (command/command.h) whose target may be the sender.
 */

enum yg_hook_kind {
    YG_HOOK_CONNECT,
    YG_HOOK_CONNECTED,
    YG_HOOK_EVENT,
    YG_HOOK_REFRESH,
    YG_HOOK_DISCONNECTED,
    YG_HOOK_OCCUPIED,
    YG_HOOK_VACATED,
    YG_HOOK_NODE_STARTED, /* what the node had before is no more */
    YG_NUM_HOOK_KINDS
};

/* The word of a kind; static. */
const char *yg_hook_word(enum yg_hook_kind kind);

#define YG_HOOK_MAX_ACTIONS 100 /* of one result */
#define YG_HOOK_MAX_DATA 65536  /* bytes of JSON: data, info, data of a refusal */

/* An event that was told of. */
struct yg_hook_asked {
    const char *id;
    enum yg_hook_kind kind;
    bool wants_ack; /* of an event: its client waits for one */
    const char *ns; /* where actions are that name no namespace; NULL: "/" */
};

/* What is said of one event; strings and documents are the answer's. */
struct yg_hook_result {
    const json_t *object; /* that it was read of; NULL: there was none */
    bool is_rejected, is_expired;
    const char *message; /* of a refusal; NULL: none */
    const json_t *data;  /* of a refusal, or for the client; NULL: none */
    const char *user;    /* NULL: not told */
    const json_t *meta;  /* NULL: stays; JSON null: none any more */
    const json_t *info;  /* NULL: none */
    struct yg_names rooms;
    bool has_expires;
    int64_t expires_at; /* seconds since 1970; 0: never */
    bool has_ack;
    struct yg_command *ack; /* its args and attachments; NULL without has_ack */
    struct yg_command **actions;
    size_t num_actions;
};

struct yg_hook_answer {
    struct yg_arena arena;
    json_t *document;               /* NULL: an empty body */
    struct yg_hook_result *results; /* in the order of what was asked */
    size_t num;
};

/*
 * Reads an answer.
 *
 * asked, num   what was told of, 1 at least
 * wrong        problem, detail and pointer are filled for -EINVAL
 * ret_answer   for yg_hook_answer_free()
 *
 * Returns 0, -ENOMEM, -EINVAL.
 */
int yg_hook_answer_parse(yodel_str body, const struct yg_hook_asked *asked, size_t num,
                         struct yg_json *wrong, struct yg_hook_answer **ret_answer);

/* Takes its actions out of a result, with NULL in their place: a list for free(), of commands for
 * yg_command_free(); NULL of none.  0 or -ENOMEM. */
int yg_hook_result_take_actions(struct yg_hook_result *result, struct yg_command ***ret_actions,
                                size_t *ret_num);

/* NULL does nothing. */
void yg_hook_answer_free(struct yg_hook_answer *answer);

#endif
