/* SPDX-License-Identifier: MIT */
#ifndef YG_API_API_H
#define YG_API_API_H

#include <yodel/http.h>

#include "api/control.h"
#include "api/store.h"
#include "command/execute.h"
#include "command/rights.h"

/*
 * The HTTP API, /api/v1: commands as requests.
 *
 *     POST /emit /join /leave /disconnect /update   the verb's object as body
 *     GET  /sockets /sockets/SID /rooms /presence /history /nodes /stats /config
 *                                                   its members as fields of the query
 *     DELETE /history                               forgets it
 *     POST /batch    {"commands": [...], "stop_on_error", "parallel"}; answers 200 with
 *                    {"results": [{"id"?, "ok": {...}} or {"id"?, "error": {...}}]} in the order
 *                    of the commands
 *     POST /stream   application/x-ndjson: a command a line, a result a line, in order, open as
 *                    long as the client wishes
 *
 * Commands of a batch (unless parallel) and of a stream run one after the other: each begins when
 * the one before was answered, so every receiver sees their order.
 *
 * And what is asked of the process, in api/control.h.
 *
 * Authorization: Bearer KEY.  An answer that is no success is application/problem+json with the
 * status that base/problem.h has for it.  Nothing is cached (no-store), and nothing is for pages
 * (no CORS).
 *
 * A POST may have the header Idempotency-Key, a command of a batch or a stream its key: the same
 * key again, of the same API key and verb, is answered with the first answer (Idempotency-Replayed:
 * true; in a batch "replayed": true) and runs no second time.  In progress: 409 in_progress.  With
 * another command: 422 key_reused.  Failures that may pass (429, 5xx) are not kept.
 */

/* Of yodel_server_options, at least: an acknowledgement may be waited for that long. */
#define YG_API_DECIDE_MS (YG_COMMAND_MAX_ACK_MS + 15000)

#define YG_API_MAX_LINE ((size_t)1 << 20) /* of a stream, bytes */

#define YG_API_MAX_KEYS 1000

/* Who may call, and what. */
struct yg_api_key {
    const char *name; /* for logs and metrics */
    uint8_t sha256[32];
    struct yg_rights rights;
    unsigned rate;    /* commands in each rate_ms; 0: no limit */
    unsigned rate_ms; /* 0: 1000 */
    void *tag;        /* the program's */
};

/* What may be exchanged while the server runs. */
struct yg_api_terms {
    const struct yg_api_key *keys; /* at most YG_API_MAX_KEYS */
    size_t num_keys;
    unsigned max_commands;   /* of a batch; 0: 1000 */
    uint32_t idempotency_ms; /* how long answers are kept; 0: not at all */
    /* Called once, on any thread, when nobody has one of the keys any more; NULL: nobody is told.
     */
    void (*release)(void *owner);
    void *owner;
};

/* A command that was answered; borrowed for the call. */
struct yg_api_told {
    const char *command; /* the word of its verb */
    enum yg_verb verb;
    enum yg_problem problem;
    const struct yg_api_key *key; /* NULL: of a Unix socket */
    uint64_t took_us;
};

/* Borrowed, all of it: it must outlive the server's run. */
struct yg_api_options {
    size_t max_body;              /* bytes; 0: 4 MiB */
    size_t max_idempotency;       /* answers; 0: 100000 */
    size_t max_idempotency_bytes; /* of their texts; 0: 64 MiB */
    bool trusts_unix; /* who connects to a Unix socket needs no key: its file says who may, */
    const uint32_t *unix_uids; /* and of these only users of these ids; NULL: all */
    size_t num_unix_uids;

    /* Whether the listener of that tag serves the API; else it is 404.  NULL: all do. */
    bool (*serves)(yodel_str tag, void *user);
    const struct yg_api_store
        *store; /* of idempotency keys; borrowed; NULL: this process's memory */
    /* What is asked of the process; NULL: nothing can be. */
    yg_control_fn *control;
    /* Told of each command that was answered, on its loop: for metrics.  NULL: nobody. */
    void (*on_answer)(const struct yg_api_told *told, void *user);
    void *user;
};

struct yg_api;

/*
 * Adds the API to a server that does not run yet.  There are no keys before yg_api_set_terms().
 *
 * service   borrowed; must outlive the server
 * options   borrowed
 * ret_api   for yg_api_free()
 *
 * Returns 0, -ENOMEM, or what yodel_server_route_with() returns.
 */
int yg_api_new(struct yg_service *service, const struct yg_api_options *options,
               struct yg_api **ret_api);

/*
 * Exchanges the keys and what else is in the terms, whole.  A command begins by the terms of its
 * time: in a batch or a stream, too, where a key that is not there any more is unauthorized from
 * then on.  The counts of rates begin anew.  Any thread.
 *
 * terms   its keys and what they have stay until release is called
 *
 * Returns 0, -ENOMEM, -EINVAL (too many keys); after a failure release is not called.
 */
int yg_api_set_terms(struct yg_api *api, const struct yg_api_terms *terms);

/* After the server has stopped.  NULL does nothing. */
void yg_api_free(struct yg_api *api);

#endif
