/* SPDX-License-Identifier: MIT */
#ifndef YG_COMMAND_COMMAND_H
#define YG_COMMAND_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <yodel/base.h>

#include "base/arena.h"
#include "base/json.h"

/*
 * Commands as data: what a back end asks for, wherever it asks: HTTP API, batch, stream, the answer
 * of a hook, a stream of Redis, the command line.  A command is an object with one verb,
 *
 *     {"id": "1", "key": "order-7", "emit": {"to": {"rooms": ["r"]}, "event": "said", "args": [1]}}
 *
 * where id comes back with the answer of a batch, and key makes it idempotent; both are optional.
 * Members of the verb's object:
 *
 *     all but nodes, stats   namespace ("/")
 *     emit                   to, except, event, args, attachments, volatile, local, history, ack,
 *                            must_exist
 *     join, leave            of, except, rooms, must_exist
 *     disconnect             of, except, reconnect, message, must_exist
 *     update                 of, except, meta, expires_at, must_exist
 *     sockets                room, user, limit, cursor, count
 *     socket                 sid
 *     rooms                  prefix, limit, cursor
 *     presence               room or group
 *     history                room or group, since, limit, reverse
 *     forget                 room or group: its history
 *     nodes, stats, config   none
 *
 * to and of say whom it is for: {"rooms": [], "sockets": [], "users": [], "groups": []}, each once,
 * or {"all": true}.  There is no default: nobody speaks to everybody by mistake; but in the answer
 * of a hook it is the sender, and {"others": true} all but the sender.  except has rooms, sockets,
 * users.  groups are those of raw WebSockets and take an emit only, of "message" with a string or
 * one attachment.
 */
#define YG_VERB_MAP(X)                                                                             \
    X(EMIT, "emit")                                                                                \
    X(JOIN, "join")                                                                                \
    X(LEAVE, "leave")                                                                              \
    X(DISCONNECT, "disconnect")                                                                    \
    X(UPDATE, "update")                                                                            \
    X(SOCKETS, "sockets")                                                                          \
    X(SOCKET, "socket")                                                                            \
    X(ROOMS, "rooms")                                                                              \
    X(PRESENCE, "presence")                                                                        \
    X(HISTORY, "history")                                                                          \
    X(FORGET, "forget")                                                                            \
    X(NODES, "nodes")                                                                              \
    X(STATS, "stats")                                                                              \
    X(CONFIG, "config")

enum yg_verb {
#define X(name, word) YG_VERB_##name,
    YG_VERB_MAP(X)
#undef X
        YG_NUM_VERBS
};

#define YG_COMMAND_MAX_NAME 255       /* bytes of a name of any kind */
#define YG_COMMAND_MAX_NAMES 1000     /* in one list */
#define YG_COMMAND_MAX_ATTACHMENTS 10 /* what socket.io clients take */
#define YG_COMMAND_MAX_ARGS 100
#define YG_COMMAND_MAX_META 8192    /* bytes of JSON */
#define YG_COMMAND_MAX_MESSAGE 1024 /* bytes */
#define YG_COMMAND_MAX_LIMIT 1000   /* of a page */
#define YG_COMMAND_MAX_ACK_MS 60000
#define YG_COMMAND_ACK_MS 5000 /* unless ack has a timeout_ms */

/* Names, and a NULL behind them. */
struct yg_names {
    const char **items;
    size_t num;
};

/* Whom a command is for, or whom it leaves out. */
struct yg_reach {
    struct yg_names rooms, sockets, users, groups;
    bool all;
    bool others; /* all, or those in rooms, but the sender */
    bool sender; /* nothing was said: the sender */
};

/* A command that was read.  Fields that its verb has not are zero. */
struct yg_command {
    struct yg_arena arena;
    json_t *document; /* a reference; strings are its own */
    bool is_wrapped;  /* the document has the verb, which has the members */
    enum yg_verb verb;
    const char *id;  /* NULL: none */
    const char *key; /* NULL: none */
    const char *ns;
    struct yg_reach to; /* and of */
    struct yg_reach except;
    bool must_exist; /* no socket: unknown_socket */

    const char *event;
    struct yg_text args; /* JSON array; empty: no arguments */
    yodel_bytes attachments[YG_COMMAND_MAX_ATTACHMENTS];
    size_t num_attachments;
    const char *text; /* of groups: NULL: the attachment */
    bool is_volatile, is_local, keeps_history;
    bool wants_ack, first_ack; /* first: one answer is enough */
    uint32_t ack_ms;

    struct yg_names rooms; /* to join or leave */
    bool reconnect;        /* the transport closes, and the client comes back */
    const char *message;   /* NULL: none */
    const json_t *meta;    /* NULL: stays; JSON null: none any more */
    bool has_expires;
    int64_t expires_at; /* seconds since 1970; 0: never */

    const char *room, *group, *user, *sid, *prefix, *cursor, *since; /* NULL: not told */
    unsigned limit;
    bool only_count, reverse;
};

/* The word of a verb; static. */
const char *yg_verb_word(enum yg_verb verb);

/* The verb of a word, or -1. */
int yg_verb_find(const char *word);

/* Whether it acts in its namespace: groups are of none, nor is what is asked of the process. */
bool yg_command_has_namespace(const struct yg_command *command);

/*
 * Reads a command.
 *
 * value         with its verb; a reference is kept, and it must not change then
 * at            JSON pointer of it in what was sent
 * has_sender    it is of a hook's answer: there is a sender
 * wrong         a reader for the complaint; problem, detail and pointer are filled for -EINVAL
 * ret_command   for yg_command_free()
 *
 * Returns 0, -ENOMEM, -EINVAL.
 */
int yg_command_parse(const json_t *value, const char *at, bool has_sender, struct yg_json *wrong,
                     struct yg_command **ret_command);

/* The same with the verb's object alone: the body of a call of the HTTP API. */
int yg_command_parse_body(enum yg_verb verb, const json_t *body, const char *at, bool has_sender,
                          struct yg_json *wrong, struct yg_command **ret_command);

/* NULL does nothing. */
void yg_command_free(struct yg_command *command);

#endif
