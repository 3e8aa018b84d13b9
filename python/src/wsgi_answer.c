/* SPDX-License-Identifier: MIT */
#include "wsgi_answer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT_ABOVE ((size_t)64 << 10)

struct chunk {
    struct chunk *next;
    size_t len;
    uint8_t data[];
};

struct yp_answer {
    _Atomic unsigned refs; /* of workers, the loop's stream, and mail */
    yodel_decision *decision;
    pthread_mutex_t lock; /* of all below */
    pthread_cond_t some;
    struct chunk *first, **last; /* to be written */
    size_t waiting;              /* bytes in them, and in the stream above its limit */
    yodel_stream *stream;        /* a reference; NULL: not begun */
    bool is_over;                /* nothing can be written any more */
    bool is_complete;            /* because there is no content: an answer to HEAD */
    bool ends, cut_off, posted;
    int result; /* of what has failed */
};

struct yp_answer *yp_answer_new(yodel_decision *d)
{
    struct yp_answer *answer = calloc(1, sizeof *answer);

    if (answer == NULL) {
        yodel_decision_unref(d);
        return NULL;
    }
    atomic_init(&answer->refs, 1);
    pthread_mutex_init(&answer->lock, NULL);
    pthread_cond_init(&answer->some, NULL);
    answer->decision = d;
    answer->last = &answer->first;
    return answer;
}

struct yp_answer *yp_answer_ref(struct yp_answer *answer)
{
    atomic_fetch_add_explicit(&answer->refs, 1, memory_order_relaxed);
    return answer;
}

static void free_chunks(struct chunk *chunk)
{
    while (chunk != NULL) {
        struct chunk *next = chunk->next;

        free(chunk);
        chunk = next;
    }
}

void yp_answer_unref(struct yp_answer *answer)
{
    if (answer == NULL || atomic_fetch_sub_explicit(&answer->refs, 1, memory_order_acq_rel) != 1)
        return;
    free_chunks(answer->first);
    yodel_stream_unref(answer->stream);
    yodel_decision_unref(answer->decision);
    pthread_cond_destroy(&answer->some);
    pthread_mutex_destroy(&answer->lock);
    free(answer);
}

static void give_back(void *arg)
{
    yp_answer_unref(arg);
}

int yp_answer_whole(struct yp_answer *answer, const yodel_response *response)
{
    int rc = yodel_decision_respond(answer->decision, response);

    return rc == YODEL_ERR_STATE ? YODEL_ERR_CLOSED : rc;
}

/* ---- on the loop ---- */

static struct chunk *take_first(struct yp_answer *answer)
{
    struct chunk *chunk = answer->first;

    if (chunk != NULL && (answer->first = chunk->next) == NULL)
        answer->last = &answer->first;
    return chunk;
}

static void put_first(struct yp_answer *answer, struct chunk *chunk)
{
    if ((chunk->next = answer->first) == NULL)
        answer->last = &chunk->next;
    answer->first = chunk;
}

/* Under the lock, which is not held while the stream is written to: on_close may come. */
static int write_one(struct yp_answer *answer, yodel_stream *stream, struct chunk *chunk)
{
    int rc;

    pthread_mutex_unlock(&answer->lock);
    rc = yodel_stream_write(stream, (yodel_bytes){chunk->data, chunk->len});
    pthread_mutex_lock(&answer->lock);
    return rc;
}

/* Returns 0, also when the rest waits for on_drain; an error: it cannot go on. */
static int write_all(struct yp_answer *answer, yodel_stream *stream)
{
    struct chunk *chunk;
    int rc = 0;

    while (rc == 0 && !answer->is_over && (chunk = take_first(answer)) != NULL) {
        rc = write_one(answer, stream, chunk);
        if (rc == YODEL_ERR_CONGESTED) {
            put_first(answer, chunk);
            return 0;
        }
        answer->waiting -= chunk->len;
        free(chunk);
    }
    return rc;
}

static void flush(yodel_stream *stream, struct yp_answer *answer)
{
    bool ends = false, aborts;
    int rc;

    pthread_mutex_lock(&answer->lock);
    answer->posted = false;
    rc = answer->cut_off ? YODEL_ERR_CLOSED : write_all(answer, stream);
    if (rc < 0 && answer->result == 0)
        answer->result = rc;
    aborts = rc < 0 && !answer->is_over;
    if (!aborts && !answer->is_over && answer->ends && answer->first == NULL)
        ends = true;
    pthread_cond_signal(&answer->some);
    pthread_mutex_unlock(&answer->lock);
    if (aborts)
        yodel_stream_abort(stream);
    else if (ends && yodel_stream_end(stream) == -ENOMEM)
        yodel_stream_abort(stream); /* nothing comes that could try it again */
}

static void on_drain(yodel_stream *stream, void *user)
{
    flush(stream, user);
}

static void be_over(struct yp_answer *answer, int result, bool is_complete)
{
    pthread_mutex_lock(&answer->lock);
    answer->is_over = true;
    answer->is_complete = is_complete;
    if (answer->result == 0)
        answer->result = result;
    free_chunks(answer->first);
    answer->first = NULL;
    answer->last = &answer->first;
    answer->waiting = 0;
    pthread_cond_signal(&answer->some);
    pthread_mutex_unlock(&answer->lock);
}

static void on_close(yodel_stream *stream, yodel_stream_reason reason, void *user)
{
    (void)stream;
    be_over(user, YODEL_ERR_CLOSED, reason == YODEL_STREAM_COMPLETE);
    yp_answer_unref(user);
}

/* What the loop begins a stream with, in one block. */
struct beginning {
    struct yp_answer *answer; /* a reference */
    bool begun;
    int status;
    uint64_t length;
    size_t num_headers;
    yodel_header headers[];
};

static void begin(yodel_request *req, void *arg)
{
    struct beginning *with = arg;
    struct yp_answer *answer = with->answer;
    yodel_stream *stream = NULL;
    int rc = yodel_request_stream_begin(
        req,
        YODEL_OPTIONS(yodel_stream_options, .status = with->status, .headers = with->headers,
                      .num_headers = with->num_headers, .has_length = with->length != UINT64_MAX,
                      .length = with->length != UINT64_MAX ? with->length : 0,
                      .max_buffered = WAIT_ABOVE, .on_drain = on_drain, .on_close = on_close,
                      .user = yp_answer_ref(answer)),
        &stream);

    with->begun = true;
    if (rc < 0) {
        be_over(answer, rc, false);
        yp_answer_unref(answer);
        return;
    }
    pthread_mutex_lock(&answer->lock);
    answer->stream = yodel_stream_ref(stream);
    pthread_mutex_unlock(&answer->lock);
    flush(stream, answer);
}

static void free_beginning(void *arg)
{
    struct beginning *with = arg;

    if (!with->begun)
        be_over(with->answer, YODEL_ERR_CLOSED, false);
    yp_answer_unref(with->answer);
    free(with);
}

static void flush_posted(yodel_stream *stream, void *arg)
{
    flush(stream, arg);
}

/* ---- on workers ---- */

static struct beginning *beginning_new(const yodel_response *response, uint64_t length)
{
    size_t size = sizeof(struct beginning) + response->num_headers * sizeof(yodel_header);
    size_t text = 0;
    struct beginning *with;
    char *at;

    for (size_t i = 0; i < response->num_headers; i++)
        text += strlen(response->headers[i].name) + strlen(response->headers[i].value) + 2;
    if ((with = calloc(1, size + text)) == NULL)
        return NULL;
    with->status = response->status;
    with->length = length;
    with->num_headers = response->num_headers;
    at = (char *)&with->headers[response->num_headers];
    for (size_t i = 0; i < response->num_headers; i++) {
        with->headers[i].name = strcpy(at, response->headers[i].name);
        at += strlen(at) + 1;
        with->headers[i].value = strcpy(at, response->headers[i].value);
        at += strlen(at) + 1;
    }
    return with;
}

int yp_answer_begin(struct yp_answer *answer, const yodel_response *response, uint64_t length)
{
    struct beginning *with = beginning_new(response, length);
    int rc;

    if (with == NULL)
        return -ENOMEM;
    with->answer = yp_answer_ref(answer);
    rc = yodel_decision_post(answer->decision, begin, with, free_beginning);
    return rc == YODEL_ERR_STATE ? YODEL_ERR_CLOSED : rc;
}

/* Under the lock.  Before the stream is there its beginning writes what waits. */
static void call_loop(struct yp_answer *answer)
{
    if (answer->posted || answer->stream == NULL || answer->is_over)
        return;
    answer->posted = true;
    if (yodel_stream_post(answer->stream, flush_posted, yp_answer_ref(answer), give_back) < 0)
        answer->posted = false; /* the next write tries again */
}

static int add(struct yp_answer *answer, struct chunk *chunk)
{
    while (!answer->is_over && answer->waiting > WAIT_ABOVE) {
        call_loop(answer);
        pthread_cond_wait(&answer->some, &answer->lock);
    }
    if (answer->is_over)
        return answer->is_complete ? 1 : answer->result;
    *answer->last = chunk;
    answer->last = &chunk->next;
    answer->waiting += chunk->len;
    call_loop(answer);
    return 0;
}

int yp_answer_write(struct yp_answer *answer, yodel_bytes data)
{
    struct chunk *chunk = malloc(sizeof *chunk + data.len);
    int rc;

    if (chunk == NULL)
        return -ENOMEM;
    chunk->next = NULL;
    chunk->len = data.len;
    memcpy(chunk->data, data.ptr, data.len);
    pthread_mutex_lock(&answer->lock);
    rc = add(answer, chunk);
    pthread_mutex_unlock(&answer->lock);
    if (rc != 0)
        free(chunk);
    return rc < 0 ? rc : 0;
}

/* The end must arrive: a loop with too much mail takes more soon, or has ended. */
void yp_answer_end(struct yp_answer *answer, bool cut_off)
{
    static const struct timespec moment = {.tv_nsec = 1000000};
    bool is_told = false;

    for (int i = 0; !is_told && i < 1000; i++) {
        pthread_mutex_lock(&answer->lock);
        answer->ends = true;
        answer->cut_off = cut_off;
        call_loop(answer);
        is_told = answer->posted || answer->stream == NULL || answer->is_over;
        pthread_mutex_unlock(&answer->lock);
        if (!is_told)
            nanosleep(&moment, NULL);
    }
}
