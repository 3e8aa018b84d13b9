/* SPDX-License-Identifier: MIT */
#ifndef YG_API_API_H
#define YG_API_API_H

#include <yodel/http.h>

#include "command/execute.h"
#include "command/rights.h"

/*
 * The HTTP API, /api/v1: commands as requests.
 *
 *     POST /emit /join /leave /disconnect /update   the verb's object as body
 *     GET  /sockets /sockets/SID /rooms /presence /history /nodes /stats
 *                                                   its members as fields of the query
 *     DELETE /history                               forgets it
 *     POST /batch    {"commands": [...], "stop_on_error", "parallel"}; answers 200 with {"results":
 *                    [{"id"?, "ok": {...}} or {"id"?, "error": {...}}]} in the order of the
 * commands POST /stream   application/x-ndjson: a command a line, a result a line, in order, open
 * as long as the client wishes
 *
 * Commands of a batch (unless parallel) and of a stream run one after the other: each begins when
 * the one before was answered, so every receiver sees their order.
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

/* Who may call, and what. */
struct yg_api_key {
    const char *name; /* for logs and metrics */
    uint8_t sha256[32];
    struct yg_rights rights;
    unsigned rate; /* commands a second; 0: no limit */
};

/* Borrowed, all of it: it must outlive the server's run. */
struct yg_api_options {
    const struct yg_api_key *keys; /* at most 1000 */
    size_t num_keys;
    size_t max_body;              /* bytes; 0: 4 MiB */
    unsigned max_commands;        /* of a batch; 0: 1000 */
    uint32_t idempotency_ms;      /* how long answers are kept; 0: 300000 */
    size_t max_idempotency;       /* answers; 0: 100000 */
    size_t max_idempotency_bytes; /* of their texts; 0: 64 MiB */
    bool trusts_unix; /* who connects to a Unix socket needs no key: its file says who may */

    /* Whether the listener of that tag serves the API; else it is 404.  NULL: all do. */
    bool (*serves)(yodel_str tag, void *user);
    /* Told of each command that was answered, on its loop: for metrics.  key NULL: of a Unix
     * socket, or none that is known.  NULL: nobody. */
    void (*on_answer)(const char *command, enum yg_problem problem, const char *key, void *user);
    void *user;
};

struct yg_api;

/*
 * Adds the API to a server that does not run yet.
 *
 * service   borrowed; must outlive the server
 * options   borrowed
 * ret_api   for yg_api_free()
 *
 * Returns 0, -ENOMEM, -EINVAL (too many keys), or what yodel_server_route_with() returns.
 */
int yg_api_new(struct yg_service *service, const struct yg_api_options *options,
               struct yg_api **ret_api);

/* After the server has stopped.  NULL does nothing. */
void yg_api_free(struct yg_api *api);

#endif
