/* SPDX-License-Identifier: MIT */
#include "redis/resp.h"

#include <errno.h>
#include <string.h>

#ifdef YODEL_REDIS
#include <hiredis.h>
#include <read.h>
#endif

#include "base/container.h"
#include "base/mem.h"

/* Elements of one array, and of all arrays of a reply. */
#define MOST_ELEMENTS ((size_t)1024 * 1024)
/* Of an array, when its reply begins: its peer may announce more than it sends. */
#define FIRST_ELEMENTS ((size_t)64)
#define CHUNK_SIZE ((size_t)4096 - 64)

#ifdef YODEL_REDIS

#if HIREDIS_MAJOR >= 1
typedef size_t array_size;
#else
typedef int array_size;
#endif

/* ---- memory of one reply ---- */

struct chunk {
    struct chunk *next;
    size_t used, size;
    _Alignas(16) uint8_t bytes[];
};

struct yd_resp {
    const struct yodel_allocator *mem;
    redisReader *reader;
    size_t max_reply, room, elements;
    struct chunk *chunks; /* the one that is filled first; the last is kept */
    bool too_big, out_of_memory;
};

static void drop_chunks(struct yd_resp *resp, struct chunk *keep)
{
    while (resp->chunks != NULL && resp->chunks != keep) {
        struct chunk *next = resp->chunks->next;

        if (next == NULL && keep == NULL && resp->chunks->size == CHUNK_SIZE)
            break;
        yd_free(resp->mem, resp->chunks);
        resp->chunks = next;
    }
    if (resp->chunks != NULL)
        resp->chunks->used = 0;
}

static struct chunk *add_chunk(struct yd_resp *resp, size_t size)
{
    struct chunk *chunk = yd_alloc(resp->mem, sizeof *chunk + size);

    if (chunk == NULL) {
        resp->out_of_memory = true;
        return NULL;
    }
    chunk->used = 0;
    chunk->size = size;
    chunk->next = resp->chunks;
    resp->chunks = chunk;
    return chunk;
}

static void *take(struct yd_resp *resp, size_t size)
{
    struct chunk *chunk = resp->chunks;
    void *at;

    size = (size + 15) & ~(size_t)15;
    if (size > resp->room) {
        resp->too_big = true;
        return NULL;
    }
    if (chunk == NULL || chunk->size - chunk->used < size)
        chunk = add_chunk(resp, YD_MAX(size, CHUNK_SIZE));
    if (chunk == NULL)
        return NULL;
    resp->room -= size;
    at = chunk->bytes + chunk->used;
    chunk->used += size;
    return at;
}

/* ---- replies, as hiredis finds them ---- */

static struct yd_resp *resp_of(const redisReadTask *task)
{
    return task->privdata;
}

/* hiredis asks for the elements of an array one after the other, so only the last may grow. */
static bool append(struct yd_resp *resp, struct yd_redis_reply *array, size_t at,
                   const struct yd_redis_reply *element)
{
    size_t size = YD_MAX(FIRST_ELEMENTS, at);
    const struct yd_redis_reply **grown;

    if (at == 0 || (at >= FIRST_ELEMENTS && (at & (at - 1)) == 0)) {
        size = at == 0 ? YD_MIN(array->num, FIRST_ELEMENTS) : YD_MIN(array->num, 2 * at);
        if ((grown = take(resp, size * sizeof *grown)) == NULL)
            return false;
        if (at > 0)
            memcpy(grown, array->elements, at * sizeof *grown);
        array->elements = grown;
    }
    array->elements[at] = element;
    return true;
}

static struct yd_redis_reply *add(const redisReadTask *task, yodel_redis_type type)
{
    struct yd_resp *resp = resp_of(task);
    struct yd_redis_reply *reply = take(resp, sizeof *reply);

    if (reply == NULL)
        return NULL;
    *reply = (struct yd_redis_reply){.type = type};
    if (task->parent != NULL && task->parent->obj != NULL &&
        !append(resp, task->parent->obj, (size_t)task->idx, reply))
        return NULL;
    return reply;
}

static void *create_string(const redisReadTask *task, char *text, size_t len)
{
    yodel_redis_type type = task->type == REDIS_REPLY_ERROR    ? YODEL_REDIS_ERROR
                            : task->type == REDIS_REPLY_STATUS ? YODEL_REDIS_STATUS
                                                               : YODEL_REDIS_STRING;
    struct yd_redis_reply *reply = add(task, type);
    char *copy;

    if (reply == NULL || (copy = take(resp_of(task), len + 1)) == NULL)
        return NULL;
    if (len > 0)
        memcpy(copy, text, len);
    copy[len] = '\0';
    reply->text = (yodel_str){copy, len};
    return reply;
}

static void *create_array(const redisReadTask *task, array_size num)
{
    struct yd_resp *resp = resp_of(task);
    struct yd_redis_reply *reply;

    if ((size_t)num > MOST_ELEMENTS - resp->elements) {
        resp->too_big = true;
        return NULL;
    }
    resp->elements += (size_t)num;
    if ((reply = add(task, YODEL_REDIS_ARRAY)) != NULL)
        reply->num = (size_t)num;
    return reply;
}

static void *create_integer(const redisReadTask *task, long long value)
{
    struct yd_redis_reply *reply = add(task, YODEL_REDIS_INTEGER);

    if (reply != NULL)
        reply->integer = value;
    return reply;
}

static void *create_nil(const redisReadTask *task)
{
    return add(task, YODEL_REDIS_NIL);
}

#if HIREDIS_MAJOR >= 1
/* RESP3, which nobody has asked for. */
static void *create_double(const redisReadTask *task, double value, char *text, size_t len)
{
    (void)value;
    return create_string(task, text, len);
}

static void *create_bool(const redisReadTask *task, int value)
{
    return create_integer(task, value);
}
#endif

/* All of a reply goes at once. */
static void free_object(void *object)
{
    (void)object;
}

static const redisReplyObjectFunctions functions = {
    .createString = create_string,
    .createArray = create_array,
    .createInteger = create_integer,
    .createNil = create_nil,
    .freeObject = free_object,
#if HIREDIS_MAJOR >= 1
    .createDouble = create_double,
    .createBool = create_bool,
#endif
};

/* ---- the reader ---- */

int yd_resp_new(const struct yodel_allocator *mem, size_t max_reply, struct yd_resp **ret_resp)
{
    struct yd_resp *resp = yd_zalloc(mem, sizeof *resp);

    if (resp == NULL)
        return -ENOMEM;
    resp->mem = mem;
    resp->max_reply = max_reply;
    resp->room = max_reply;
    resp->reader = redisReaderCreateWithFunctions((redisReplyObjectFunctions *)&functions);
    if (resp->reader == NULL) {
        yd_free(mem, resp);
        return -ENOMEM;
    }
    resp->reader->privdata = resp;
    resp->reader->maxbuf = (size_t)64 * 1024;
    *ret_resp = resp;
    return 0;
}

void yd_resp_free(struct yd_resp *resp)
{
    if (resp == NULL)
        return;
    redisReaderFree(resp->reader);
    while (resp->chunks != NULL) {
        struct chunk *next = resp->chunks->next;

        yd_free(resp->mem, resp->chunks);
        resp->chunks = next;
    }
    yd_free(resp->mem, resp);
}

int yd_resp_feed(struct yd_resp *resp, const uint8_t *data, size_t len)
{
    const redisReader *reader = resp->reader;

    if (reader->len - reader->pos > resp->max_reply)
        return YODEL_ERR_TOO_BIG;
    return redisReaderFeed(resp->reader, (const char *)data, len) == REDIS_OK ? 0 : -ENOMEM;
}

static int failure_of(const struct yd_resp *resp)
{
    if (resp->too_big)
        return YODEL_ERR_TOO_BIG;
    if (resp->out_of_memory || resp->reader->err == REDIS_ERR_OOM)
        return -ENOMEM;
    return YODEL_ERR_PROTOCOL;
}

int yd_resp_next(struct yd_resp *resp, const struct yd_redis_reply **ret_reply)
{
    void *reply = NULL;

    if (resp->reader->ridx < 0) { /* a new one begins */
        drop_chunks(resp, NULL);
        resp->room = resp->max_reply;
        resp->elements = 0;
    }
    if (redisReaderGetReply(resp->reader, &reply) != REDIS_OK)
        return failure_of(resp);
    if (reply == NULL)
        return 0;
    *ret_reply = reply;
    return 1;
}

#else

int yd_resp_new(const struct yodel_allocator *mem, size_t max_reply, struct yd_resp **ret_resp)
{
    (void)mem;
    (void)max_reply;
    (void)ret_resp;
    return YODEL_ERR_UNSUPPORTED;
}

void yd_resp_free(struct yd_resp *resp)
{
    (void)resp;
}

int yd_resp_feed(struct yd_resp *resp, const uint8_t *data, size_t len)
{
    (void)resp;
    (void)data;
    (void)len;
    return YODEL_ERR_UNSUPPORTED;
}

int yd_resp_next(struct yd_resp *resp, const struct yd_redis_reply **ret_reply)
{
    (void)resp;
    (void)ret_reply;
    return YODEL_ERR_UNSUPPORTED;
}

#endif

/* ---- commands ---- */

static size_t num_digits(size_t number)
{
    size_t digits = 1;

    for (; number > 9; number /= 10)
        digits++;
    return digits;
}

size_t yd_resp_head_size(size_t len)
{
    return 3 + num_digits(len);
}

size_t yd_resp_command_size(size_t argc, const yodel_bytes *argv)
{
    size_t size = 3 + num_digits(argc);

    for (size_t i = 0; i < argc; i++)
        size += 5 + num_digits(argv[i].len) + argv[i].len;
    return size;
}

static uint8_t *put_number(uint8_t *to, char mark, size_t number)
{
    size_t digits = num_digits(number);

    *to++ = (uint8_t)mark;
    for (size_t i = digits; i-- > 0; number /= 10)
        to[i] = (uint8_t)('0' + number % 10);
    to += digits;
    *to++ = '\r';
    *to++ = '\n';
    return to;
}

void yd_resp_command_write(uint8_t *to, size_t argc, const yodel_bytes *argv)
{
    to = put_number(to, '*', argc);
    for (size_t i = 0; i < argc; i++) {
        to = put_number(to, '$', argv[i].len);
        if (argv[i].len > 0)
            memcpy(to, argv[i].ptr, argv[i].len);
        to += argv[i].len;
        *to++ = '\r';
        *to++ = '\n';
    }
}

int yd_resp_append(const struct yodel_allocator *mem, struct yd_buf *buf, size_t argc,
                   const yodel_str *argv)
{
    yodel_bytes words[8];
    size_t size;
    int rc;

    for (size_t i = 0; i < argc; i++)
        words[i] = (yodel_bytes){(const uint8_t *)argv[i].ptr, argv[i].len};
    size = yd_resp_command_size(argc, words);
    if ((rc = yd_buf_reserve(mem, buf, size)) < 0)
        return rc;
    yd_resp_command_write(buf->ptr + buf->len, argc, words);
    buf->len += size;
    return 0;
}

/* ---- slots ---- */

/* CRC-16/XMODEM, as Redis Cluster has it. */
static unsigned crc16(const uint8_t *data, size_t len)
{
    unsigned crc = 0;

    for (size_t i = 0; i < len; i++) {
        crc ^= (unsigned)data[i] << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 0x8000) != 0 ? (crc << 1) ^ 0x1021 : crc << 1;
    }
    return crc & 0xffff;
}

unsigned yd_resp_slot(yodel_str key)
{
    const char *open = key.len > 0 ? memchr(key.ptr, '{', key.len) : NULL;
    const char *end = key.ptr + key.len, *shut = NULL;

    if (open != NULL)
        shut = memchr(open + 1, '}', (size_t)(end - open - 1));
    if (shut != NULL && shut > open + 1)
        key = (yodel_str){open + 1, (size_t)(shut - open - 1)};
    return crc16((const uint8_t *)key.ptr, key.len) % YD_REDIS_SLOTS;
}
