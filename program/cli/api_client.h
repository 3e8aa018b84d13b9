/* SPDX-License-Identifier: MIT */
#ifndef YG_CLI_API_CLIENT_H
#define YG_CLI_API_CLIENT_H

#include <curl/curl.h>

#include "base/json.h"
#include "base/text.h"

/* The HTTP API of a yodel that runs, for the commands that ask it.  These calls block. */

#define YG_API_DEFAULT_URL "unix:/run/yodel/api.sock"

/* Where it is, and who asks.  Borrowed. */
struct yg_api_where {
    const char *command;  /* who speaks: "emit" */
    const char *url;      /* http://, https:// or unix:PATH; NULL: $YODEL_URL, or the default */
    const char *key_file; /* NULL: $YODEL_KEY_FILE, or none */
    const char *ca;       /* a file of authorities, for https; NULL: the system's */
    uint32_t max_ms;      /* for a whole call; 0: no limit */
    bool as_json;         /* problems are told as objects */
    bool is_quiet;        /* nothing is said */
};

struct yg_api_client {
    const struct yg_api_where *where;
    CURL *curl;
    const char *url;              /* as it was given, for people */
    struct yg_text base;          /* http://HOST/api/v1/ */
    const char *unix_path;        /* in url; NULL: TCP */
    struct yg_text authorization; /* the header; empty: none */
};

/* What was answered. */
struct yg_api_answer {
    long status;
    struct yg_text body;
    json_t *json; /* NULL: it is none */
};

/* One call. */
struct yg_api_request {
    const char *method, *path; /* path: behind /api/v1/, with its query */
    const char *type;          /* of the body; NULL: there is none */
    const char *body;
    size_t len;
    const char *idempotency_key; /* NULL: none */
};

/*
 * Reads the address and the key.
 *
 * where        must outlive the client
 * ret_client   for yg_api_close(), also after a failure
 *
 * Returns 0, or the status to end with: what is wrong was said.
 */
int yg_api_open(const struct yg_api_where *where, struct yg_api_client *ret_client);
void yg_api_close(struct yg_api_client *client);

/* Sets what all requests have.  list: further headers; the result is to be freed after the request,
 * NULL when out of memory. */
struct curl_slist *yg_api_prepare(struct yg_api_client *client, const char *path,
                                  struct curl_slist *list);

/* What a transfer that failed amounts to, which is said.  Returns the status to end with. */
int yg_api_transfer_failed(struct yg_api_client *client, CURLcode code);

/*
 * Asks.
 *
 * ret_answer   for yg_api_answer_done(), also after a failure
 *
 * Returns 0: it was answered, well or not; or the status to end with: nobody answers, which was
 * said.
 */
int yg_api_ask(struct yg_api_client *client, const struct yg_api_request *request,
               struct yg_api_answer *ret_answer);
void yg_api_answer_done(struct yg_api_answer *answer);

/* Looks whether an answer is a success; what it is else is said.  Returns 0, or the status to end
 * with. */
int yg_api_check(const struct yg_api_client *client, const struct yg_api_answer *answer);

/* The status to end with after an answer that is none of the API's, by its HTTP status and, if it
 * has one, its code. */
int yg_api_exit_of(long status, const char *code);

/* Adds a member of a query, escaped.  Returns false when out of memory. */
bool yg_api_put_query(struct yg_api_client *client, struct yg_text *path, const char *name,
                      const char *value);

/* Adds a text as a part of a path, escaped. */
bool yg_api_put_part(struct yg_api_client *client, struct yg_text *path, const char *value);

/* "yodel COMMAND: words" on standard error; returns status. */
int yg_api_say(const struct yg_api_where *where, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
