/* SPDX-License-Identifier: MIT */
#include "serve/key_source.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/curl.h"
#include "serve/state.h"
#include "token/jwks.h"
#include "token/jwks_times.h"

#define LOOK_MS 1000  /* how often it is asked whether a fetch is due */
#define FETCH_MS 2000 /* for all of a fetch */
#define MAX_WAITING 1000

struct yg_key_source {
    struct yg_state *state;
    yodel_timer timer;    /* of loop 0 */
    struct yg_auth *auth; /* of the last fetch: another address begins anew; of loop 0 */
    pthread_mutex_t lock; /* of what follows */
    struct yg_jwks_times times;
    struct yg_waiter *waiting;
    unsigned num_waiting;
};

/* ---- those who wait ---- */

static void on_wake(yodel_loop *loop, void *arg)
{
    struct yg_waiter *waiter = *(struct yg_waiter **)arg;

    (void)loop;
    *(struct yg_waiter **)arg = NULL;
    waiter->wake(waiter);
}

static void free_wake(void *arg)
{
    struct yg_waiter *waiter = *(struct yg_waiter **)arg;

    free(arg);
    if (waiter != NULL)
        waiter->drop(waiter);
}

static void wake(struct yg_waiter *waiter)
{
    struct yg_waiter **arg = malloc(sizeof(*arg));

    if (arg == NULL) {
        waiter->drop(waiter);
        return;
    }
    *arg = waiter;
    (void)yodel_loop_post(waiter->loop, on_wake, arg, free_wake);
}

bool yg_key_source_wait(struct yg_state *state, struct yg_waiter *waiter)
{
    struct yg_key_source *source = state->key_source;
    bool waits;

    pthread_mutex_lock(&source->lock);
    waits = source->times.is_fetching && source->num_waiting < MAX_WAITING;
    if (waits) {
        waiter->next = source->waiting;
        source->waiting = waiter;
        source->num_waiting++;
    }
    pthread_mutex_unlock(&source->lock);
    return waits;
}

/* The fetch is over. */
static void end(struct yg_key_source *source, bool is_good)
{
    struct yg_waiter *waiting, *next;

    pthread_mutex_lock(&source->lock);
    yg_jwks_end(&source->times, (int64_t)yg_clock_ms(), is_good);
    waiting = source->waiting;
    source->waiting = NULL;
    source->num_waiting = 0;
    pthread_mutex_unlock(&source->lock);
    for (; waiting != NULL; waiting = next) {
        next = waiting->next;
        wake(waiting);
    }
}

/* ---- a fetch ---- */

struct fetch {
    struct yg_key_source *source; /* for its end only */
    struct yg_auth *auth;         /* a reference */
    struct yg_text text;
    char error[CURL_ERROR_SIZE];
};

static void free_fetch(void *arg)
{
    struct fetch *fetch = arg;

    yg_auth_unref(fetch->auth);
    yg_text_done(&fetch->text);
    free(fetch);
}

static size_t on_bytes(char *ptr, size_t size, size_t num, void *user)
{
    struct fetch *fetch = user;
    const size_t len = size * num;

    if (fetch->text.len + len > YG_JWKS_MAX_BYTES)
        return 0;
    yg_text_add(&fetch->text, ptr, len);
    return yg_text_failed(&fetch->text) ? 0 : len;
}

/* No redirects, no proxy of the environment. */
static bool set_up(CURL *curl, struct fetch *fetch)
{
    return curl_easy_setopt(curl, CURLOPT_URL, yg_auth_url(fetch->auth)) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)FETCH_MS) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_USERAGENT, "yodel") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, fetch) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, fetch->error) == CURLE_OK;
}

/* On a thread that may block; nothing of the server's is touched. */
static int run(void *arg)
{
    struct fetch *fetch = arg;
    CURL *curl = curl_easy_init();
    CURLcode rc = CURLE_OUT_OF_MEMORY;
    long status = 0;

    if (curl == NULL)
        return -ENOMEM;
    if (set_up(curl, fetch))
        rc = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    if (rc != CURLE_OK && fetch->error[0] == '\0')
        snprintf(fetch->error, sizeof(fetch->error), "%s", curl_easy_strerror(rc));
    if (rc == CURLE_OK && status != 200)
        snprintf(fetch->error, sizeof(fetch->error), "status %ld", status);
    return rc == CURLE_OK && status == 200 ? 0 : -EIO;
}

static void done(yodel_loop *loop, int result, void *arg)
{
    struct fetch *fetch = arg;
    struct yg_key_source *source = fetch->source;
    struct yg_token_problem problem = {{0}};

    (void)loop;
    if (result == 0) {
        result = yg_auth_set_keys(fetch->auth, fetch->text.ptr, fetch->text.len, &problem);
        /* A reload may have come in between. */
        if (result == 0)
            yg_auth_inherit(yg_state_loop_auth(source->state, loop), fetch->auth);
    }
    if (result < 0 && result != -ECANCELED)
        yg_log_event(source->state, YG_LOG_WARN, "auth.keys_failed", "auth.jwt.jwks_url: %s",
                     problem.text[0] != '\0'   ? problem.text
                     : fetch->error[0] != '\0' ? fetch->error
                                               : strerror(-result));
    end(source, result == 0);
}

/* On loop 0; the times say already that it has begun. */
static void begin(struct yg_key_source *source)
{
    yodel_loop *loop = yodel_server_loop(source->state->server, 0);
    struct fetch *fetch = calloc(1, sizeof(*fetch));

    if (fetch == NULL) {
        end(source, false);
        return;
    }
    fetch->source = source;
    fetch->auth = yg_auth_ref(yg_state_loop_auth(source->state, loop));
    if (*yg_auth_url(fetch->auth) == '\0') {
        free_fetch(fetch);
        end(source, false);
    } else if (yodel_loop_work(loop, source, run, done, fetch, free_fetch) < 0) {
        end(source, false);
    }
}

static void on_begin(yodel_loop *loop, void *arg)
{
    (void)loop;
    begin(arg);
}

bool yg_key_source_ask(struct yg_state *state)
{
    struct yg_key_source *source = state->key_source;
    enum yg_jwks_answer answer;

    pthread_mutex_lock(&source->lock);
    answer = yg_jwks_ask(&source->times, (int64_t)yg_clock_ms());
    if (answer == YG_JWKS_FETCH)
        yg_jwks_begin(&source->times, (int64_t)yg_clock_ms());
    pthread_mutex_unlock(&source->lock);
    if (answer == YG_JWKS_FETCH &&
        yodel_loop_post(yodel_server_loop(state->server, 0), on_begin, source, NULL) < 0) {
        end(source, false);
        return false;
    }
    return answer != YG_JWKS_REFUSE;
}

/* ---- time ---- */

/* Returns whether a fetch is due, which has begun then. */
static bool is_due(struct yg_key_source *source, bool is_new)
{
    bool due;

    pthread_mutex_lock(&source->lock);
    if (is_new && !source->times.is_fetching)
        source->times = (struct yg_jwks_times){0};
    due = yg_jwks_next(&source->times, (int64_t)yg_clock_ms()) <= (int64_t)yg_clock_ms();
    if (due)
        yg_jwks_begin(&source->times, (int64_t)yg_clock_ms());
    pthread_mutex_unlock(&source->lock);
    return due;
}

static void on_time(yodel_timer *timer, void *user)
{
    struct yg_key_source *source = user;
    struct yg_auth *auth =
        yg_state_loop_auth(source->state, yodel_server_loop(source->state->server, 0));
    bool is_new;

    (void)timer;
    if (*yg_auth_url(auth) == '\0')
        return;
    is_new = source->auth == NULL || strcmp(yg_auth_url(source->auth), yg_auth_url(auth)) != 0;
    if (!is_due(source, is_new))
        return;
    yg_auth_unref(source->auth);
    source->auth = yg_auth_ref(auth);
    begin(source);
}

static int on_start(yodel_loop *loop, void *user)
{
    struct yg_key_source *source = user;

    if (yodel_loop_index(loop) != 0)
        return 0;
    yodel_timer_init(&source->timer, loop, on_time, source);
    on_time(&source->timer, source);
    return yodel_timer_start_periodic(&source->timer, LOOK_MS);
}

static void on_end(yodel_loop *loop, void *user)
{
    struct yg_key_source *source = user;

    if (yodel_loop_index(loop) == 0)
        (void)yodel_timer_stop(&source->timer);
}

int yg_key_source_start(struct yg_state *state)
{
    const yodel_loop_handlers handlers = {
        .size = sizeof(handlers), .on_start = on_start, .on_end = on_end};
    struct yg_key_source *source = calloc(1, sizeof(*source));

    if (source == NULL)
        return -ENOMEM;
    source->state = state;
    pthread_mutex_init(&source->lock, NULL);
    state->key_source = source;
    if (yg_curl_init() < 0)
        return -ENOMEM;
    return yodel_server_add_loop_handlers(state->server, &handlers, source);
}

void yg_key_source_free(struct yg_key_source *source)
{
    struct yg_waiter *next;

    if (source == NULL)
        return;
    for (struct yg_waiter *at = source->waiting; at != NULL; at = next) {
        next = at->next;
        at->drop(at);
    }
    yg_auth_unref(source->auth);
    pthread_mutex_destroy(&source->lock);
    free(source);
}
