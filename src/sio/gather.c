/* SPDX-License-Identifier: MIT */
#include "sio/gather.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "proto/json_doc.h"
#include "sio/answer_codec.h"
#include "sio/remote.h"

/* Acknowledgements that the program waits for: of one socket, or of many on several loops. */

struct yd_sio_gather {
    struct yd_ask ask;         /* first; its lock is for all that is gathered */
    struct yd_sio_asker asker; /* sockets owe to it */
    yodel_sio *sio;            /* a reference */
    bool single;               /* the answers are one client's arguments */
    bool lists;                /* each answer is an array of its arguments */
    uint32_t timeout_ms;
    yodel_sio_answers_fn *answered;
    void *user;
    struct yd_sio_remote_asker *remote; /* answers go to it; NULL: they are gathered */
    struct yd_sio_gather *whole;        /* whose part this is; NULL: it is told to the program */
    unsigned expected;
    int result;                /* the first that went wrong */
    size_t bytes;              /* of answers that were taken */
    struct yd_buf json;        /* elements, commas between them */
    struct yd_buf attachments; /* of struct yd_buf */
};

/* What is added to the answers. */
struct answer {
    yodel_str elements; /* with commas between them */
    bool is_list;       /* they are the arguments of one, which is an array */
    const yodel_bytes *attachments;
    uint32_t num_attachments;
};

static void on_answer(struct yd_sio_asker *asker, const struct yd_sio_answer *answer,
                      struct yd_loop *loop);
static void on_miss(struct yd_sio_asker *asker, int result, struct yd_loop *loop);

static size_t num_attachments(const struct yd_sio_gather *gather)
{
    return gather->attachments.len / sizeof(struct yd_buf);
}

static struct yd_buf *attachment(const struct yd_sio_gather *gather, size_t i)
{
    return (struct yd_buf *)(void *)gather->attachments.ptr + i;
}

static void free_gather(struct yd_ask *ask)
{
    struct yd_sio_gather *gather = yd_sio_gather_of(ask);
    yodel_sio *sio = gather->sio;

    for (size_t i = 0; i < num_attachments(gather); i++)
        yd_buf_free(sio->mem, attachment(gather, i));
    yd_buf_free(sio->mem, &gather->attachments);
    yd_buf_free(sio->mem, &gather->json);
    yd_free(sio->mem, gather);
    yodel_sio_unref(sio);
}

/* ---- the end ---- */

static int result_of(const struct yd_sio_gather *gather, unsigned missing)
{
    if (gather->result != 0)
        return gather->result;
    if (missing == 0 && gather->single && gather->expected == 0)
        return YODEL_ERR_CLOSED;
    return yd_missing_result(missing);
}

/* To be freed; NULL when out of memory. */
static yodel_bytes *show_attachments(const struct yd_sio_gather *gather)
{
    size_t num = num_attachments(gather);
    yodel_bytes *views = yd_alloc_array(gather->sio->mem, num + 1, sizeof *views);

    for (size_t i = 0; views != NULL && i < num; i++)
        views[i] = (yodel_bytes){attachment(gather, i)->ptr, attachment(gather, i)->len};
    return views;
}

/* The answers as an array, with views of their attachments. */
static int show_answers(struct yd_sio_gather *gather, struct yd_buf *array, yodel_bytes **ret_views)
{
    const struct yodel_allocator *mem = gather->sio->mem;

    if (yd_buf_printf(mem, array, "[%.*s]", (int)gather->json.len,
                      gather->json.len > 0 ? (char *)gather->json.ptr : "") < 0)
        return -ENOMEM;
    *ret_views = show_attachments(gather);
    return *ret_views != NULL ? 0 : -ENOMEM;
}

static void put_elements(struct yd_sio_gather *gather, const struct answer *answer);
static void note_result(struct yd_sio_gather *gather, int result);

/* The answers of a part go to the whole.  answers: with the brackets of an array. */
static void add_part(struct yd_sio_gather *part, const yodel_sio_answers *answers)
{
    struct yd_sio_gather *whole = part->whole;
    struct answer answer = {{answers->json.ptr + 1, answers->json.len - 2},
                            false,
                            answers->attachments,
                            (uint32_t)answers->num_attachments};

    if (yd_ask_enter(&whole->ask)) {
        note_result(whole, answers->result);
        yd_ask_miss(&whole->ask, answers->missing);
        if (answer.elements.len > 0)
            put_elements(whole, &answer);
        yd_ask_leave(&whole->ask);
    }
    yd_ask_close_now(&whole->ask, yd_ask_home(&part->ask), 0);
}

static void tell_answers(struct yd_ask *ask, unsigned missing)
{
    struct yd_sio_gather *gather = yd_sio_gather_of(ask);
    const struct yodel_allocator *mem = gather->sio->mem;
    yodel_sio_answers answers = {.size = sizeof answers, .result = -ENOMEM, .json = {"[]", 2}};
    yodel_bytes *views = NULL;
    struct yd_buf array = {0};
    void *document = NULL;

    answers.internal = &document;
    answers.missing = yd_ask_num_missing(ask);
    if (show_answers(gather, &array, &views) == 0) {
        answers.result = result_of(gather, missing);
        answers.json = (yodel_str){(char *)array.ptr, array.len};
        answers.attachments = views;
        answers.num_attachments = num_attachments(gather);
    }
    if (gather->whole != NULL)
        add_part(gather, &answers);
    else
        gather->answered(&answers, gather->user);
    json_decref(document);
    yd_free(mem, views);
    yd_buf_free(mem, &array);
}

json_t *yodel_sio_answers_json(const yodel_sio_answers *answers)
{
    json_t *document = answers != NULL ? *answers->internal : NULL;

    if (answers != NULL && document == NULL && yd_json_read_checked(answers->json, &document) == 0)
        *answers->internal = document;
    return document;
}

int yodel_sio_answers_unpack(const yodel_sio_answers *answers, const char *format, ...)
{
    json_t *document = yodel_sio_answers_json(answers);
    va_list args;
    int rc;

    if (document == NULL)
        return answers != NULL ? -ENOMEM : -EINVAL;
    va_start(args, format);
    rc =
        yd_json_unpack_list(document, format, args, answers->attachments, answers->num_attachments);
    va_end(args);
    return rc;
}

static const struct yd_ask_ops gather_ops = {.sink = tell_answers, .free = free_gather};

unsigned yd_sio_gather_form(unsigned flags)
{
    return (flags & YODEL_SIO_ALL_ARGUMENTS) != 0 ? YD_SIO_GATHER_LISTS : 0;
}

struct yd_sio_gather *yd_sio_gather_new(yodel_sio *sio, unsigned form, uint32_t timeout_ms,
                                        yodel_sio_answers_fn *answered, void *user)
{
    struct yd_sio_gather *gather = yd_zalloc(sio->mem, sizeof *gather);

    if (gather == NULL)
        return NULL;
    yd_ask_init(&gather->ask, &gather_ops, sio->bus);
    gather->asker = (struct yd_sio_asker){on_answer, on_miss};
    gather->sio = yodel_sio_ref(sio);
    gather->single = (form & YD_SIO_GATHER_ONE) != 0;
    gather->lists = (form & YD_SIO_GATHER_LISTS) != 0;
    gather->timeout_ms = timeout_ms;
    gather->answered = answered;
    gather->user = user;
    return gather;
}

struct yd_sio_gather *yd_sio_gather_new_part(struct yd_sio_gather *whole)
{
    struct yd_sio_gather *part = yd_sio_gather_new(
        whole->sio, whole->lists ? YD_SIO_GATHER_LISTS : 0, whole->timeout_ms, NULL, NULL);

    if (part != NULL)
        part->whole = whole;
    return part;
}

struct yd_ask *yd_sio_gather_ask(struct yd_sio_gather *gather)
{
    return &gather->ask;
}

struct yd_sio_gather *yd_sio_gather_of(struct yd_ask *ask)
{
    return (struct yd_sio_gather *)ask;
}

bool yd_sio_is_gather(const struct yd_ask *ask)
{
    return yd_ask_has_ops(ask, &gather_ops);
}

uint32_t yd_sio_gather_timeout(const struct yd_sio_gather *gather)
{
    return gather->timeout_ms;
}

static void note_result(struct yd_sio_gather *gather, int result)
{
    if (gather->result == 0)
        gather->result = result;
}

void yd_sio_gather_miss(struct yd_sio_gather *gather, int result)
{
    if (!yd_ask_enter(&gather->ask))
        return;
    note_result(gather, result);
    yd_ask_miss(&gather->ask, 1);
    yd_ask_leave(&gather->ask);
}

/* ---- answers ---- */

/* Appends elements, the attachments they name counted from first on. */
static int append_elements(struct yd_sio_gather *gather, const struct answer *answer, size_t first)
{
    const struct yodel_allocator *mem = gather->sio->mem;
    yodel_str elements = answer->elements;
    struct yd_sio_placeholders iter;
    struct yd_sio_placeholder found;
    const char *at = elements.ptr;
    int rc = 0;

    yd_sio_placeholders_init(&iter, elements, answer->num_attachments);
    while (rc == 0 && answer->num_attachments > 0 && yd_sio_placeholders_next(&iter, &found) == 1) {
        rc = yd_buf_append(mem, &gather->json, at, (size_t)(found.text.ptr - at));
        if (rc == 0)
            rc = yd_buf_printf(mem, &gather->json, "{\"_placeholder\":true,\"num\":%zu}",
                               first + found.num);
        at = found.text.ptr + found.text.len;
    }
    if (rc == 0 && elements.len > 0) /* of an empty list there is no text, and no place */
        rc = yd_buf_append(mem, &gather->json, at, (size_t)(elements.ptr + elements.len - at));
    return rc;
}

/* Ahead of it a comma where one is due; around it the brackets of a list. */
static int append_answer(struct yd_sio_gather *gather, const struct answer *answer, size_t first)
{
    const struct yodel_allocator *mem = gather->sio->mem;
    int rc = gather->json.len > 0 ? yd_buf_append(mem, &gather->json, ",", 1) : 0;

    if (rc == 0 && answer->is_list)
        rc = yd_buf_append(mem, &gather->json, "[", 1);
    if (rc == 0)
        rc = append_elements(gather, answer, first);
    return rc == 0 && answer->is_list ? yd_buf_append(mem, &gather->json, "]", 1) : rc;
}

static int append_attachments(struct yd_sio_gather *gather, const struct answer *answer)
{
    const struct yodel_allocator *mem = gather->sio->mem;
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < answer->num_attachments; i++) {
        yodel_bytes data = answer->attachments[i];
        struct yd_buf copy = {0};

        if ((rc = yd_buf_append(mem, &copy, data.ptr, data.len)) == 0 &&
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

/* With the lock held. */
static bool reserve(struct yd_sio_gather *gather, size_t size)
{
    if (size > gather->sio->options.max_answers - gather->bytes)
        return false;
    gather->bytes += size;
    return true;
}

/* One that does not fit any more is left out. */
static bool has_room(struct yd_sio_gather *gather, const struct answer *answer)
{
    struct yd_sio_gather *whole = gather->whole;
    size_t size = answer->elements.len + (answer->is_list ? 2 : 0);
    bool fits;

    for (uint32_t i = 0; i < answer->num_attachments; i++)
        size += answer->attachments[i].len;
    if (whole == NULL) {
        fits = reserve(gather, size);
    } else {
        if (!yd_ask_enter(&whole->ask))
            return false;
        fits = reserve(whole, size);
        yd_ask_leave(&whole->ask);
    }
    if (fits)
        return true;
    yd_sio_count_one(&gather->sio->counters.answers_dropped);
    note_result(gather, YODEL_ERR_TOO_BIG);
    return false;
}

static void put_elements(struct yd_sio_gather *gather, const struct answer *answer)
{
    size_t first = num_attachments(gather), json_len = gather->json.len;

    if (append_answer(gather, answer, first) < 0 || append_attachments(gather, answer) < 0)
        take_back(gather, json_len, first);
}

static void take_elements(struct yd_sio_gather *gather, const struct answer *answer)
{
    if ((answer->elements.len > 0 || answer->is_list) && has_room(gather, answer))
        put_elements(gather, answer);
}

/* Of a broadcast only the first argument counts, unless all are asked for. */
static void take_answer(struct yd_sio_gather *gather, const struct yd_sio_answer *from)
{
    bool remote_all = gather->remote != NULL && gather->remote->all_arguments;
    struct answer answer = {from->args, gather->lists, from->attachments, from->num_attachments};

    if (!gather->single && !gather->lists && !remote_all)
        answer.elements = yd_sio_first_argument(from->args);
    if (gather->remote != NULL)
        gather->remote->answered(gather->remote, answer.elements, answer.attachments,
                                 answer.num_attachments);
    else
        take_elements(gather, &answer);
}

/* ---- what sockets owe ---- */

static struct yd_sio_gather *gather_of(struct yd_sio_asker *asker)
{
    return yd_container_of(asker, struct yd_sio_gather, asker);
}

void yd_sio_gather_answer(struct yd_sio_gather *gather, const struct yd_sio_answer *answer)
{
    if (!yd_ask_enter(&gather->ask))
        return;
    take_answer(gather, answer);
    yd_ask_leave(&gather->ask);
    yd_ask_answered(&gather->ask);
}

/* In the order of the client's packets. */
static void on_answer(struct yd_sio_asker *asker, const struct yd_sio_answer *answer,
                      struct yd_loop *loop)
{
    struct yd_sio_gather *gather = gather_of(asker);

    yd_sio_gather_answer(gather, answer);
    yd_ask_close_now(&gather->ask, loop, 0);
}

static void on_miss(struct yd_sio_asker *asker, int result, struct yd_loop *loop)
{
    struct yd_sio_gather *gather = gather_of(asker);

    yd_sio_gather_miss(gather, result);
    yd_ask_close(&gather->ask, loop, 0);
}

static void change_expected(struct yd_sio_gather *gather, int change)
{
    if (!yd_ask_enter(&gather->ask))
        return;
    gather->expected += (unsigned)change;
    yd_ask_leave(&gather->ask);
}

int yd_sio_gather_expect(struct yd_sio_gather *gather, yodel_sio_socket *socket, uint64_t id)
{
    int rc = yd_sio_socket_owe(socket, id, &gather->asker, gather->timeout_ms);

    if (rc < 0)
        return rc;
    yd_ask_open(&gather->ask);
    change_expected(gather, 1);
    return 0;
}

void yd_sio_gather_forget(struct yd_sio_gather *gather, yodel_sio_socket *socket, uint64_t id)
{
    if (yd_sio_aside(socket)->waits == NULL ||
        !yd_sio_waits_remove(yd_sio_aside(socket)->waits, id))
        return;
    change_expected(gather, -1);
    yd_ask_close(&gather->ask, socket->loop, 0);
}

/* ---- for who has asked from elsewhere ---- */

void yd_sio_gather_pass_on(struct yd_sio_gather *gather, struct yd_sio_remote_asker *asker)
{
    gather->remote = asker;
}

void yd_sio_gather_all_sent(struct yd_sio_gather *gather)
{
    if (yd_ask_enter(&gather->ask)) {
        gather->remote->counted(gather->remote, gather->expected);
        yd_ask_leave(&gather->ask);
    }
    yd_ask_close(&gather->ask, NULL, 0);
}

/* ---- what other processes have gathered ---- */

/* The attachments are given as views, which are made for it. */
int yd_sio_gather_encode(const struct yd_sio_gather *gather, struct yd_buf *buf)
{
    const struct yodel_allocator *mem = gather->sio->mem;
    yodel_bytes *views = show_attachments(gather);
    struct yd_sio_answers answers = {
        .result = gather->result,
        .lists = gather->lists,
        .elements = {(const char *)gather->json.ptr, gather->json.len},
        .attachments = views,
        .num_attachments = (uint32_t)num_attachments(gather),
    };
    int rc = views != NULL ? yd_sio_answers_put(mem, buf, &answers) : -ENOMEM;

    yd_free(mem, views);
    return rc;
}

int yd_sio_gather_take(struct yd_sio_gather *gather, yodel_bytes bytes)
{
    const struct yodel_allocator *mem = gather->sio->mem;
    struct yd_sio_answers_read read;
    const struct yd_sio_answers *answers = &read.answers;
    int rc = yd_sio_answers_get(mem, bytes, gather->lists, &read);

    if (rc < 0)
        return rc;
    if (yd_ask_enter(&gather->ask)) {
        struct answer answer = {answers->elements, false, answers->attachments,
                                answers->num_attachments};

        note_result(gather, answers->result);
        take_elements(gather, &answer);
        yd_ask_leave(&gather->ask);
        if (answers->elements.len > 0)
            yd_ask_answered(&gather->ask);
    }
    yd_sio_answers_read_done(&read, mem);
    return 0;
}
