/* SPDX-License-Identifier: MIT */
#ifndef YG_BASE_PROBLEM_H
#define YG_BASE_PROBLEM_H

#include "base/text.h"

/*
 * What can be wrong with a command, wherever it comes from: the one table of errors of the HTTP
 * API, of batches and streams, of hooks' answers and of the command line.
 *
 * X(name, HTTP status, code word, title)
 */
#define YG_PROBLEM_MAP(X)                                                                          \
    X(BAD_REQUEST, 400, "bad_request", "The request cannot be read")                               \
    X(UNAUTHORIZED, 401, "unauthorized", "A valid key is needed")                                  \
    X(SCOPE, 403, "scope", "The key does not allow this")                                          \
    X(NOT_FOUND, 404, "not_found", "There is no such address")                                     \
    X(UNKNOWN_NAMESPACE, 404, "unknown_namespace", "There is no such namespace")                   \
    X(UNKNOWN_SOCKET, 404, "unknown_socket", "There is no such socket")                            \
    X(METHOD, 405, "method_not_allowed", "The address has no such method")                         \
    X(IN_PROGRESS, 409, "in_progress", "A request with this key is still under way")               \
    X(NOT_READY, 409, "not_ready", "The socket is not connected yet")                              \
    X(TOO_LARGE, 413, "too_large", "Larger than the configured limit")                             \
    X(MEDIA_TYPE, 415, "unsupported_media_type", "The body is not JSON")                           \
    X(INVALID, 422, "invalid", "The command is not valid")                                         \
    X(CONFIG_REFUSED, 422, "config_refused", "The configuration was refused: all stays as it was") \
    X(KEY_REUSED, 422, "key_reused", "The idempotency key was used for another request")           \
    X(RATE_LIMITED, 429, "rate_limited", "Too many requests")                                      \
    X(INTERNAL, 500, "internal", "The server failed")                                              \
    X(NOT_ENABLED, 501, "not_enabled", "This is not configured here")                              \
    X(DRAINING, 503, "draining", "The server is about to stop")                                    \
    X(OVERLOADED, 503, "overloaded", "The server is short of memory or room")                      \
    X(REDIS_UNAVAILABLE, 503, "redis_unavailable", "Redis cannot be reached")                      \
    X(ACK_TIMEOUT, 504, "ack_timeout", "Not all acknowledgements came in time")

enum yg_problem {
    YG_PROBLEM_NONE = 0,
#define X(name, status, code, title) YG_PROBLEM_##name,
    YG_PROBLEM_MAP(X)
#undef X
        YG_NUM_PROBLEMS
};

/* HTTP status: 200 for YG_PROBLEM_NONE, 500 for what is no problem of the table. */
int yg_problem_status(enum yg_problem problem);

/* The word for programs, such as "unknown_socket"; "ok" for none.  Static. */
const char *yg_problem_code(enum yg_problem problem);

/* A sentence for people, always the same for a problem.  Static. */
const char *yg_problem_title(enum yg_problem problem);

/* The problem of a code word; YG_PROBLEM_NONE for another word. */
enum yg_problem yg_problem_of(const char *code);

/* The problem that a negative result of the library, or an -errno, amounts to. */
enum yg_problem yg_problem_of_result(int result);

/* What is said of one failure.  Strings are borrowed; NULL: not told. */
struct yg_complaint {
    enum yg_problem problem;
    const char *detail;  /* what exactly is wrong, for people */
    const char *pointer; /* JSON pointer (RFC 6901) to what is wrong in what was sent */
};

/* The object of application/problem+json (RFC 9457): type, title, status, code, detail, pointer. */
void yg_problem_put(struct yg_text *text, const struct yg_complaint *complaint);

#endif
