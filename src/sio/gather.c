/* SPDX-License-Identifier: MIT */
#include "sio/gather.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"

/* Acknowledgements that the program waits for: of one socket, or of many on several loops. */

struct yd_sio_gather {
    struct yd_sio_asker asker; /* first: sockets owe to it */
    struct yd_mail mail;
    yodel_sio *sio;
    bool single;
    uint32_t timeout_ms;
    yodel_sio_answers_fn *answered;
    void *user;
    pthread_mutex_t lock; /* for all below */
    unsigned expected, reported;
    bool closed;
    bool muted; /* the caller was told that it failed */
    int result;
    struct yd_buf json;        /* elements, commas between them */
    struct yd_buf attachments; /* of struct yd_buf */
};

/* ---- gathers ---- */

static void on_answer(struct yd_sio_asker *asker, const struct yd_sio_answer *answer);
static void on_miss(struct yd_sio_asker *asker, int result, struct yd_loop *loop);

struct yd_sio_gather *yd_sio_gather_new(yodel_sio *sio, bool single, uint32_t timeout_ms,
                                        yodel_sio_answers_fn *answered, void *user)
{
    struct yd_sio_gather *gather = yd_zalloc(sio->mem, sizeof *gather);

    if (gather == NULL)
        return NULL;
    gather->asker = (struct yd_sio_asker){on_answer, on_miss};
    gather->sio = sio;
    gather->single = single;
    gather->timeout_ms = timeout_ms;
    gather->answered = answered;
    gather->user = user;
    pthread_mutex_init(&gather->lock, NULL);
    return gather;
}

static size_t num_attachments(const struct yd_sio_gather *gather)
{
    return gather->attachments.len / sizeof(struct yd_buf);
}

static struct yd_buf *attachment(struct yd_sio_gather *gather, size_t i)
{
    return (struct yd_buf *)(void *)gather->attachments.ptr + i;
}

static void free_gather(struct yd_sio_gather *gather)
{
    const struct yodel_allocator *mem = gather->sio->mem;

    for (size_t i = 0; i < num_attachments(gather); i++)
        yd_buf_free(mem, attachment(gather, i));
    yd_buf_free(mem, &gather->attachments);
    yd_buf_free(mem, &gather->json);
    pthread_mutex_destroy(&gather->lock);
    yd_free(mem, gather);
}

void yd_sio_gather_cancel(struct yd_sio_gather *gather)
{
    free_gather(gather);
}

static void tell(struct yd_sio_gather *gather, const yodel_bytes *views, size_t num)
{
    const struct yodel_allocator *mem = gather->sio->mem;
    struct yd_buf array = {0};
    yodel_sio_answers answers = {gather->result, {"[]", 2}, views, num};

    if (yd_buf_printf(mem, &array, "[%.*s]", (int)gather->json.len,
                      gather->json.len > 0 ? (char *)gather->json.ptr : "") == 0)
        answers.json = (yodel_str){(char *)array.ptr, array.len};
    else
        answers.result = -ENOMEM;
    if (!gather->muted)
        gather->answered(&answers, gather->user);
    yd_buf_free(mem, &array);
}

static void run_gather(struct yd_mail *mail, void *receiver)
{
    struct yd_sio_gather *gather = yd_container_of(mail, struct yd_sio_gather, mail);
    const struct yodel_allocator *mem = gather->sio->mem;
    size_t num = num_attachments(gather);
    yodel_bytes *views = yd_alloc_array(mem, num + 1, sizeof *views);

    (void)receiver;
    for (size_t i = 0; views != NULL && i < num; i++)
        views[i] = (yodel_bytes){attachment(gather, i)->ptr, attachment(gather, i)->len};
    if (views == NULL)
        gather->result = -ENOMEM;
    tell(gather, views, views != NULL ? num : 0);
    yd_free(mem, views);
    free_gather(gather);
}

void yd_sio_gather_miss(struct yd_sio_gather *gather, int result)
{
    pthread_mutex_lock(&gather->lock);
    if (gather->result == 0)
        gather->result = result;
    pthread_mutex_unlock(&gather->lock);
}

/* Never inside the call that was the last to be missing. */
static void finish(struct yd_sio_gather *gather, struct yd_loop *loop)
{
    gather->mail.run = run_gather;
    if (loop != NULL)
        yd_loop_task(loop, &gather->mail);
    else
        run_gather(&gather->mail, NULL);
}

/* With the lock held; gives it back.  True when the last answer is there. */
static bool unlock(struct yd_sio_gather *gather)
{
    bool complete = gather->closed && gather->reported == gather->expected;

    pthread_mutex_unlock(&gather->lock);
    return complete;
}

static void unlock_and_finish(struct yd_sio_gather *gather, struct yd_loop *loop)
{
    if (unlock(gather))
        finish(gather, loop);
}

void yd_sio_gather_close(struct yd_sio_gather *gather, struct yd_loop *loop, bool failed)
{
    pthread_mutex_lock(&gather->lock);
    gather->closed = true;
    gather->muted = failed;
    if (gather->single && gather->expected == 0 && gather->result == 0)
        gather->result = YODEL_ERR_CLOSED;
    unlock_and_finish(gather, loop);
}

/* ---- answers ---- */

/* Appends elements, the attachments they name counted from first on. */
static int append_elements(struct yd_sio_gather *gather, yodel_str elements, uint32_t num,
                           size_t first)
{
    const struct yodel_allocator *mem = gather->sio->mem;
    struct yd_sio_placeholders iter;
    struct yd_sio_placeholder found;
    const char *at = elements.ptr;
    int rc = gather->json.len > 0 ? yd_buf_append(mem, &gather->json, ",", 1) : 0;

    yd_sio_placeholders_init(&iter, elements, num);
    while (rc == 0 && num > 0 && yd_sio_placeholders_next(&iter, &found) == 1) {
        rc = yd_buf_append(mem, &gather->json, at, (size_t)(found.text.ptr - at));
        if (rc == 0)
            rc = yd_buf_printf(mem, &gather->json, "{\"_placeholder\":true,\"num\":%zu}",
                               first + found.num);
        at = found.text.ptr + found.text.len;
    }
    if (rc == 0)
        rc = yd_buf_append(mem, &gather->json, at, (size_t)(elements.ptr + elements.len - at));
    return rc;
}

static int append_attachments(struct yd_sio_gather *gather, const yodel_bytes *data, uint32_t num)
{
    const struct yodel_allocator *mem = gather->sio->mem;
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < num; i++) {
        struct yd_buf copy = {0};

        if ((rc = yd_buf_append(mem, &copy, data[i].ptr, data[i].len)) == 0 &&
            (rc = yd_buf_append(mem, &gather->attachments, &copy, sizeof copy)) < 0)
            yd_buf_free(mem, &copy);
    }
    return rc;
}

/* As if the answer had not come: half of one is no JSON. */
static void take_back(struct yd_sio_gather *gather, size_t json_len, size_t num)
{
    gather->json.len = json_len;
    while (num_attachments(gather) > num) {
        yd_buf_free(gather->sio->mem, attachment(gather, num_attachments(gather) - 1));
        gather->attachments.len -= sizeof(struct yd_buf);
    }
    gather->result = -ENOMEM;
}

/* Of a broadcast only the first argument counts. */
static void take_answer(struct yd_sio_gather *gather, yodel_str args, const yodel_bytes *data,
                        uint32_t num)
{
    struct yd_json_iter iter = yd_json_elements(args);
    yodel_str elements = args;
    size_t first = num_attachments(gather), json_len = gather->json.len;

    if (!gather->single && !yd_json_next(&iter, &elements))
        elements = YODEL_STR("null");
    if (elements.len == 0)
        return;
    if (append_elements(gather, elements, num, first) < 0 ||
        append_attachments(gather, data, num) < 0)
        take_back(gather, json_len, first);
}

/* ---- what sockets owe ---- */

static struct yd_sio_gather *gather_of(struct yd_sio_asker *asker)
{
    return yd_container_of(asker, struct yd_sio_gather, asker);
}

static void on_answer(struct yd_sio_asker *asker, const struct yd_sio_answer *answer)
{
    struct yd_sio_gather *gather = gather_of(asker);

    pthread_mutex_lock(&gather->lock);
    gather->reported++;
    take_answer(gather, answer->args, answer->attachments, answer->num_attachments);
    if (unlock(gather)) /* in the order of the client's packets */
        run_gather(&gather->mail, NULL);
}

static void on_miss(struct yd_sio_asker *asker, int result, struct yd_loop *loop)
{
    struct yd_sio_gather *gather = gather_of(asker);

    pthread_mutex_lock(&gather->lock);
    gather->reported++;
    if (gather->result == 0)
        gather->result = result;
    unlock_and_finish(gather, loop);
}

int yd_sio_gather_expect(struct yd_sio_gather *gather, yodel_sio_socket *socket, uint64_t id)
{
    int rc = yd_sio_socket_owe(socket, id, &gather->asker, gather->timeout_ms);

    if (rc < 0)
        return rc;
    pthread_mutex_lock(&gather->lock);
    gather->expected++;
    pthread_mutex_unlock(&gather->lock);
    return 0;
}

void yd_sio_gather_forget(struct yd_sio_gather *gather, yodel_sio_socket *socket, uint64_t id)
{
    if (socket->waits == NULL || !yd_sio_waits_remove(socket->waits, id))
        return;
    pthread_mutex_lock(&gather->lock);
    gather->expected--;
    pthread_mutex_unlock(&gather->lock);
}
