/* SPDX-License-Identifier: MIT */
#include "serve/hook_flush.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/curl.h"
#include "hook/headers.h"
#include "serve/hook_records.h"
#include "serve/hook_relay.h"
#include "serve/hook_store.h"
#include "serve/state.h"

#define AGAIN_MS 200
#define RECORDS_MS 1000 /* for Redis */
#define RESERVE 1048576 /* bytes that nobody touches, so they are of no page */

struct left {
    struct left *next;
    const struct yg_webhook *options; /* of a configuration that is there until the end */
    struct yg_text url, id, body;
    uint32_t kinds;
    size_t num_events;
    unsigned attempt;
    struct yg_text ends; /* ids of events with a record, each with a NUL */
    size_t num_ends;
    bool is_taken;
    bool is_stored;       /* it is to be stored in Redis, rather: */
    struct yg_text event; /* JSON */
    char event_id[YG_HOOK_ID];
    struct yg_text ns;
    unsigned lane;
    enum yg_hook_kind kind;
};

struct yg_hook_flush {
    struct yg_state *state;
    pthread_mutex_t lock;
    struct left *first, **end;
    size_t num_lost; /* events */
    void *reserve;   /* NULL: it was given back */
    CURL *curl;
};

struct yg_hook_flush *yg_hook_flush_new(struct yg_state *state)
{
    struct yg_hook_flush *flush = calloc(1, sizeof(*flush));

    if (flush == NULL)
        return NULL;
    flush->state = state;
    flush->end = &flush->first;
    pthread_mutex_init(&flush->lock, NULL);
    flush->reserve = malloc(RESERVE);
    flush->curl = yg_curl_init() == 0 ? curl_easy_init() : NULL;
    if (flush->reserve != NULL && flush->curl != NULL)
        return flush;
    yg_hook_flush_free(flush);
    return NULL;
}

static void free_left(struct left *left)
{
    yg_text_done(&left->url);
    yg_text_done(&left->id);
    yg_text_done(&left->body);
    yg_text_done(&left->ends);
    yg_text_done(&left->event);
    yg_text_done(&left->ns);
    free(left);
}

static void copy_stored(struct left *left, const struct yg_hook_stored *stored)
{
    left->is_stored = true;
    left->kind = stored->kind;
    left->lane = stored->lane;
    snprintf(left->event_id, sizeof(left->event_id), "%s", stored->id);
    yg_text_puts(&left->ns, stored->ns);
    yg_text_add(&left->event, stored->event.ptr, stored->event.len);
}

static struct left *copy(const struct yg_hook_left *from)
{
    struct left *left = calloc(1, sizeof(*left));

    if (left == NULL)
        return NULL;
    left->options = from->options;
    left->kinds = from->kinds;
    left->num_events = from->num_events;
    yg_text_puts(&left->url, from->url);
    yg_text_puts(&left->id, from->id);
    yg_text_add(&left->body, from->body.ptr, from->body.len);
    left->num_ends = from->num_ends;
    for (size_t i = 0; i < from->num_ends; i++)
        yg_text_add(&left->ends, from->ends[i], strlen(from->ends[i]) + 1);
    if (from->stored != NULL)
        copy_stored(left, from->stored);
    if (yg_text_failed(&left->event) || yg_text_failed(&left->ns) || yg_text_failed(&left->ends) ||
        yg_text_failed(&left->url) || yg_text_failed(&left->id) || yg_text_failed(&left->body)) {
        free_left(left);
        return NULL;
    }
    return left;
}

/* Returns whether there was some. */
static bool give_back(struct yg_hook_flush *flush)
{
    void *reserve;

    pthread_mutex_lock(&flush->lock);
    reserve = flush->reserve;
    flush->reserve = NULL;
    if (reserve == NULL)
        flush->num_lost++;
    pthread_mutex_unlock(&flush->lock);
    free(reserve);
    return reserve != NULL;
}

bool yg_hook_flush_add(struct yg_hook_flush *flush, const struct yg_hook_left *from)
{
    struct left *left;

    if (from == NULL)
        return give_back(flush);
    left = copy(from);
    if (left == NULL)
        return false;
    pthread_mutex_lock(&flush->lock);
    *flush->end = left;
    flush->end = &left->next;
    pthread_mutex_unlock(&flush->lock);
    return true;
}

void yg_hook_flush_free(struct yg_hook_flush *flush)
{
    struct left *next;

    if (flush == NULL)
        return;
    for (struct left *left = flush->first; left != NULL; left = next) {
        next = left->next;
        free_left(left);
    }
    if (flush->curl != NULL)
        curl_easy_cleanup(flush->curl);
    free(flush->reserve);
    pthread_mutex_destroy(&flush->lock);
    free(flush);
}

/* ---- a request ---- */

static size_t on_bytes(char *ptr, size_t size, size_t num, void *user)
{
    size_t *left = user;

    (void)ptr;
    if (size * num > *left)
        return 0;
    *left -= size * num;
    return size * num;
}

static bool set_up(CURL *curl, const struct left *left, struct curl_slist *headers, size_t *most,
                   long ms)
{
    return yg_curl_set_url(curl, left->url.ptr) &&
           curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https,http") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, ms) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_POSTFIELDS, left->body.ptr) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)left->body.len) == CURLE_OK &&
           (*left->options->ca == '\0' ||
            curl_easy_setopt(curl, CURLOPT_CAINFO, left->options->ca) == CURLE_OK) &&
           curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes) == CURLE_OK &&
           curl_easy_setopt(curl, CURLOPT_WRITEDATA, most) == CURLE_OK;
}

static struct curl_slist *list_of(const struct yg_hook_headers *headers)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");

    for (size_t i = 0; headers->items[i] != NULL && list != NULL; i++) {
        struct curl_slist *more = curl_slist_append(list, headers->items[i]);

        if (more == NULL)
            curl_slist_free_all(list);
        list = more;
    }
    return list;
}

/* The status; 0: it failed. */
static long send_with(CURL *curl, const struct left *left, const struct yg_hook_headers *headers,
                      long ms)
{
    struct curl_slist *list = list_of(headers);
    size_t most = left->options->answer_bytes;
    long status = 0;

    curl_easy_reset(curl);
    if (list != NULL && set_up(curl, left, list, &most, ms) && curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(list);
    return status;
}

static bool is_taken(long status)
{
    return status != 0 && status != 408 && status != 429 && status < 500;
}

static bool send_once(const struct yg_hook_flush *flush, CURL *curl, struct left *left, long ms)
{
    const struct yg_hook_head head = {.options = left->options,
                                      .node = flush->state->node,
                                      .id = left->id.ptr,
                                      .time_s = yg_clock_wall_ms() / 1000,
                                      .attempt = ++left->attempt,
                                      .kinds = left->kinds,
                                      .body = {left->body.ptr, left->body.len},
                                      .trace = ""};
    struct yg_hook_headers headers;
    bool taken = false;

    if (yg_hook_headers_make(&head, &headers) < 0)
        return false;
    taken = is_taken(send_with(curl, left, &headers, ms));
    yg_hook_headers_done(&headers);
    return taken;
}

/* Returns whether it was taken before the time was over. */
static bool send_left(const struct yg_hook_flush *flush, CURL *curl, struct left *left,
                      uint64_t end_ms)
{
    const struct timespec wait = {0, AGAIN_MS * 1000000};

    for (uint64_t now; (now = yg_clock_ms()) < end_ms; nanosleep(&wait, NULL)) {
        const uint64_t most = end_ms - now;

        if (send_once(flush, curl, left,
                      (long)(most < left->options->timeout_ms ? most : left->options->timeout_ms)))
            return true;
    }
    return false;
}

/* Ids of events that were taken; what memory does not reach for stays recorded, and is told
 * again. */
static const char **ends_of(const struct yg_hook_flush *flush, size_t *ret_num)
{
    const char **ends;
    size_t num = 0;

    for (const struct left *left = flush->first; left != NULL; left = left->next)
        num += left->is_taken ? left->num_ends : 0;
    ends = calloc(num + 1, sizeof(*ends));
    num = 0;
    for (const struct left *left = flush->first; left != NULL && ends != NULL; left = left->next) {
        const char *at = left->ends.ptr;

        for (size_t i = 0; left->is_taken && i < left->num_ends; i++) {
            ends[num++] = at;
            at += strlen(at) + 1;
        }
    }
    *ret_num = num;
    return ends;
}

/* What Redis has of sockets of which back ends were told; the rest is for other nodes. */
static void end_records(const struct yg_hook_flush *flush)
{
    size_t num;
    const char **ends = ends_of(flush, &num);

    yg_records_end(flush->state, ends, num, RECORDS_MS);
    free(ends);
}

/* ---- into Redis ---- */

static void send_stored(struct yg_after *after, void *user)
{
    const struct yg_hook_flush *flush = user;

    for (struct left *left = flush->first; left != NULL; left = left->next) {
        const struct yg_hook_stored stored = {.id = left->event_id,
                                              .ns = yg_text_string(&left->ns),
                                              .kind = left->kind,
                                              .lane = left->lane,
                                              .event = {left->event.ptr, left->event.len}};
        struct yg_notice_command command;

        if (!left->is_stored ||
            yg_store_command(flush->state, left->options->name, left->options->queue.events,
                             &stored, 1, true, &command) < 0)
            continue;
        yg_after_send(after, command.argc, command.argv, &left->is_taken);
        yg_notice_command_done(&command);
    }
    yg_relay_give_up(flush->state, after);
}

/* What Redis has is taken; the rest is sent as it is. */
static void store_all(const struct yg_hook_flush *flush)
{
    if (flush->state->relay != NULL && flush->state->records != NULL)
        (void)yg_after_run(flush->state->first->redis.url, RECORDS_MS, send_stored,
                           (void *)(uintptr_t)flush);
}

void yg_hook_flush_run(struct yg_hook_flush *flush, uint32_t ms)
{
    const uint64_t end_ms = yg_clock_ms() + ms;

    (void)(flush->reserve != NULL && give_back(flush)); /* to what is sent now */
    store_all(flush);
    for (struct left *left = flush->first; left != NULL; left = left->next) {
        left->is_taken = left->is_taken || send_left(flush, flush->curl, left, end_ms);
        if (!left->is_taken)
            flush->num_lost += left->num_events;
    }
    end_records(flush);
    if (flush->num_lost > 0)
        yg_log_event(flush->state, YG_LOG_ERROR, "webhook.lost",
                     "webhooks: %zu events could not be sent before the end", flush->num_lost);
}
