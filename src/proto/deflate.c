/* SPDX-License-Identifier: MIT */
#include "proto/deflate.h"

#include <errno.h>
#define ZLIB_CONST
#include <string.h>
#include <zlib.h>
#ifdef YODEL_LIBDEFLATE
#include <libdeflate.h>
#endif

#include "base/container.h"
#include "base/mem.h"

#define STEP 16384              /* bytes of output a step */
#define CHUNK ((size_t)1 << 30) /* bytes of input a step; zlib counts in unsigned int */

/* Of zlib's states, rounded up, bytes. */
#define DEFLATE_STATE ((size_t)6 * 1024)
#define INFLATE_STATE ((size_t)8 * 1024)

/* zlib's streams point back at their owner: these structs must not move. */
struct yd_deflater {
    z_stream stream;
    const struct yodel_allocator *mem;
};

struct yd_inflater {
    z_stream stream;
    const struct yodel_allocator *mem;
    bool at_end; /* the last byte read was the end of a block with BFINAL */
    struct libdeflate_decompressor *fast; /* NULL: none */
};

/* What a call of yd_inflate_piece() is about, */
struct inflation {
    uint64_t *total;
    uint64_t max;
    yd_inflate_fn *each;
    void *user;
};

/* or one for a whole message. */
struct whole {
    struct yd_buf *out;
    size_t max;
    size_t likely; /* how long it may become */
};

/* Inflates some of what is there, for one of these. */
typedef int(step_fn)(struct yd_inflater *inflater, const void *work);

static const uint8_t tail[4] = {0x00, 0x00, 0xff, 0xff};

static void *alloc_for_zlib(void *mem, uInt num, uInt size)
{
    return yd_alloc_array(mem, num, size);
}

static void free_for_zlib(void *mem, void *ptr)
{
    yd_free(mem, ptr);
}

static void use_allocator(z_stream *stream, const struct yodel_allocator *mem)
{
    stream->zalloc = alloc_for_zlib;
    stream->zfree = free_for_zlib;
    stream->opaque = (void *)mem;
}

struct yd_deflater *yd_deflater_new(const struct yodel_allocator *mem, int bits, int level,
                                    int mem_level)
{
    struct yd_deflater *deflater = yd_zalloc(mem, sizeof(*deflater));

    if (!deflater)
        return NULL;
    deflater->mem = mem;
    use_allocator(&deflater->stream, mem);
    if (deflateInit2(&deflater->stream, level, Z_DEFLATED, -bits, mem_level, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
        yd_free(mem, deflater);
        return NULL;
    }
    return deflater;
}

void yd_deflater_free(struct yd_deflater *deflater)
{
    if (!deflater)
        return;
    deflateEnd(&deflater->stream);
    yd_free(deflater->mem, deflater);
}

/* zconf.h: window, its links, hash table, and pending bytes. */
size_t yd_deflater_size(int bits, int mem_level)
{
    return DEFLATE_STATE + ((size_t)1 << (bits + 2)) + ((size_t)1 << (mem_level + 9));
}

/* Takes all of the stream's input.  Returns 0 or -ENOMEM. */
static int deflate_input(struct yd_deflater *deflater, int flush, struct yd_buf *out)
{
    z_stream *stream = &deflater->stream;
    size_t room = YD_MIN(deflateBound(stream, stream->avail_in), STEP);
    int err;

    do {
        err = yd_buf_reserve(deflater->mem, out, room);
        if (err < 0)
            return err;
        stream->next_out = out->ptr + out->len;
        stream->avail_out = (uInt)YD_MIN(out->cap - out->len, CHUNK);
        /* Z_BUF_ERROR: the step before just fitted and nothing was left to do. */
        deflate(stream, flush);
        out->len = (size_t)(stream->next_out - out->ptr);
    } while (stream->avail_out == 0);
    return 0;
}

void yd_deflater_forget(struct yd_deflater *deflater)
{
    deflateReset(&deflater->stream);
}

int yd_deflate_message(struct yd_deflater *deflater, const uint8_t *data, size_t len, bool keep,
                       struct yd_buf *out)
{
    size_t before = out->len;
    int err = 0;

    if (len == 0) {
        /* RFC 7692 7.2.3.6.  zlib would not flush twice without input between. */
        err = yd_buf_append(deflater->mem, out, tail, 1);
        if (!keep)
            deflateReset(&deflater->stream);
        return err;
    }
    deflater->stream.next_in = data;
    while (err == 0 && len > 0) {
        size_t n = YD_MIN(len, CHUNK);

        len -= n;
        deflater->stream.avail_in = (uInt)n;
        err = deflate_input(deflater, len > 0 ? Z_NO_FLUSH : Z_SYNC_FLUSH, out);
    }
    out->len = err < 0 ? before : out->len - sizeof(tail);
    /* After a failure the window holds what the peer never gets. */
    if (err < 0 || !keep)
        deflateReset(&deflater->stream);
    return err;
}

struct yd_inflater *yd_inflater_new(const struct yodel_allocator *mem, int bits)
{
    struct yd_inflater *inflater = yd_zalloc(mem, sizeof(*inflater));

    if (!inflater)
        return NULL;
    inflater->mem = mem;
    use_allocator(&inflater->stream, mem);
    if (inflateInit2(&inflater->stream, -bits) != Z_OK) {
        yd_free(mem, inflater);
        return NULL;
    }
    return inflater;
}

#ifdef YODEL_LIBDEFLATE

void yd_inflater_be_fast(struct yd_inflater *inflater)
{
    if (!inflater->fast)
        inflater->fast = libdeflate_alloc_decompressor();
}

static void free_fast(struct yd_inflater *inflater)
{
    if (inflater->fast)
        libdeflate_free_decompressor(inflater->fast);
}

#else

void yd_inflater_be_fast(struct yd_inflater *inflater)
{
    (void)inflater;
}

static void free_fast(struct yd_inflater *inflater)
{
    (void)inflater;
}

#endif

void yd_inflater_free(struct yd_inflater *inflater)
{
    if (!inflater)
        return;
    free_fast(inflater);
    inflateEnd(&inflater->stream);
    yd_free(inflater->mem, inflater);
}

size_t yd_inflater_size(int bits)
{
    return INFLATE_STATE + ((size_t)1 << bits);
}

void yd_inflater_reset(struct yd_inflater *inflater)
{
    inflateReset(&inflater->stream);
    inflater->at_end = false;
}

/* Inflates what there is room for.  Of left bytes one more is seen as too much. */
static int inflate_some(struct yd_inflater *inflater, uint8_t *out, size_t room, uint64_t left,
                        size_t *ret_len)
{
    z_stream *stream = &inflater->stream;
    uInt size = (uInt)YD_MIN(room, CHUNK);
    int result;

    stream->next_out = out;
    stream->avail_out = size;
    result = inflate(stream, Z_SYNC_FLUSH);
    *ret_len = size - stream->avail_out;
    if (*ret_len > left)
        return -EMSGSIZE;
    if (result == Z_MEM_ERROR)
        return -ENOMEM;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return -EINVAL;
    /* RFC 7692 7.2.3.4: other blocks may follow, whose distances reach back over this end. */
    inflater->at_end = result == Z_STREAM_END;
    if (inflater->at_end)
        inflateResetKeep(stream);
    return 0;
}

/* One step.  The room is one byte more than what may come, so that too much is seen and not given
 * out. */
static int inflate_step(struct yd_inflater *inflater, const void *arg)
{
    const struct inflation *work = arg;
    uint8_t out[STEP];
    uint64_t left = *work->total < work->max ? work->max - *work->total : 0;
    size_t room = left < sizeof(out) ? (size_t)left + 1 : sizeof(out), len;
    int result = inflate_some(inflater, out, room, left, &len);

    if (result != 0)
        return result;
    *work->total += len;
    return len > 0 ? work->each(out, len, work->user) : 0;
}

static bool has_more(const struct yd_inflater *inflater)
{
    const z_stream *stream = &inflater->stream;

    return stream->avail_in > 0 || (stream->avail_out == 0 && !inflater->at_end);
}

static int inflate_run(struct yd_inflater *inflater, const uint8_t *data, size_t len, step_fn *step,
                       const void *work)
{
    int result = 0;

    inflater->stream.next_in = data;
    while (result == 0 && len > 0) {
        size_t n = YD_MIN(len, CHUNK);

        len -= n;
        inflater->stream.avail_in = (uInt)n;
        do
            result = step(inflater, work);
        while (result == 0 && has_more(inflater));
    }
    return result;
}

/* True when zlib is at the end of a whole block. */
static bool is_between_blocks(const struct yd_inflater *inflater)
{
    return inflater->at_end || (inflater->stream.data_type & 128);
}

int yd_inflate_piece(struct yd_inflater *inflater, const uint8_t *data, size_t len, bool last,
                     bool keep, uint64_t *total, uint64_t max, yd_inflate_fn *each, void *user)
{
    const struct inflation work = {total, max, each, user};
    int result = inflate_run(inflater, data, len, inflate_step, &work);

    if (result != 0 || !last)
        return result;
    /* Some end a message with BFINAL and leave out the 00 that should follow it. */
    if (!inflater->at_end)
        result = inflate_run(inflater, tail, sizeof(tail), inflate_step, &work);
    if (result == 0 && !is_between_blocks(inflater))
        result = -EINVAL;
    if (result == 0 && !keep)
        yd_inflater_reset(inflater);
    return result;
}

/* ---- whole messages ---- */

/* Text becomes about so many times as long. */
#define LIKELY_RATIO 4

/* Room for more of a message of at most max bytes, and one, so that too much is seen.  first: what
 * is likely to be enough. */
static int make_room(struct yd_inflater *inflater, struct yd_buf *out, size_t first, size_t max)
{
    size_t left = max - out->len < SIZE_MAX ? max - out->len + 1 : SIZE_MAX;
    size_t more = YD_MAX(YD_MAX(first, out->len), 256);

    return out->cap > out->len ? 0 : yd_buf_reserve(inflater->mem, out, YD_MIN(more, left));
}

static int whole_step(struct yd_inflater *inflater, const void *arg)
{
    const struct whole *work = arg;
    struct yd_buf *out = work->out;
    size_t more;
    int result = make_room(inflater, out, work->likely, work->max);

    if (result == 0)
        result = inflate_some(inflater, out->ptr + out->len, out->cap - out->len,
                              work->max - out->len, &more);
    if (result == 0)
        out->len += more;
    return result;
}

static int inflate_into(struct yd_inflater *inflater, const uint8_t *data, size_t len, size_t max,
                        struct yd_buf *out)
{
    const struct whole work = {
        .out = out, .max = max, .likely = len < SIZE_MAX / LIKELY_RATIO ? LIKELY_RATIO * len : len};

    return inflate_run(inflater, data, len, whole_step, &work);
}

#ifdef YODEL_LIBDEFLATE

/* libdeflate's tables take longer to make than zlib's: below so many bytes, which inflate to some
 * 8 KiB of text, it loses. */
#define FAST_LEAST 1536
#define FAST_MOST ((size_t)1 << 26)

/* The tail, and a block with BFINAL, as libdeflate wants an end.  A mark stands in that block, so
 * that a message is known which is cut off and took what follows it for its own. */
static const uint8_t fast_tail[] = {0x00, 0x00, 0xff, 0xff, 0x93, 0x8f,
                                    0x61, 0x2f, 0xb4, 0x72, 0x02, 0x00};
static const uint8_t fast_mark[] = {0x1f, 0x5c, 0x07, 0x71, 0x3a, 0x42};

static bool ends_with_mark(const struct yd_buf *out, size_t len)
{
    return len >= sizeof(fast_mark) &&
           memcmp(out->ptr + len - sizeof(fast_mark), fast_mark, sizeof(fast_mark)) == 0;
}

/*
 * All at once, into room that suffices for text.  The message is copied to that room's end, as the
 * tail must lie behind it.  False, with nothing done, for a message that is short, or longer than
 * the room, or has ends in it, or is no deflate stream: zlib sees to it, and says what it is.
 */
static bool inflate_fast(struct yd_inflater *inflater, const uint8_t *data, size_t len, size_t max,
                         struct yd_buf *out)
{
    size_t most = YD_MIN(max, SIZE_MAX / 2) + sizeof(fast_mark), all, room, used = 0;
    uint8_t *copy;

    if (!inflater->fast || len < FAST_LEAST || len > FAST_MOST)
        return false;
    all = len + sizeof(fast_tail);
    if (yd_buf_reserve(inflater->mem, out, YD_MIN(most, 8 * len) + all) < 0)
        return false;
    room = YD_MIN(most, out->cap - all);
    copy = out->ptr + out->cap - all;
    memcpy(copy, data, len);
    memcpy(copy + len, fast_tail, sizeof(fast_tail));
    if (libdeflate_deflate_decompress_ex(inflater->fast, copy, all, out->ptr, room, &used, &room) !=
            LIBDEFLATE_SUCCESS ||
        used != all || !ends_with_mark(out, room))
        return false;
    out->len = room - sizeof(fast_mark);
    return true;
}

#else

static bool inflate_fast(struct yd_inflater *inflater, const uint8_t *data, size_t len, size_t max,
                         struct yd_buf *out)
{
    (void)inflater, (void)data, (void)len, (void)max, (void)out;
    return false;
}

#endif

int yd_inflate_message(struct yd_inflater *inflater, const uint8_t *data, size_t len, bool keep,
                       size_t max, struct yd_buf *out)
{
    int result;

    out->len = 0;
    if (!keep && inflate_fast(inflater, data, len, max, out))
        return 0;
    result = inflate_into(inflater, data, len, max, out);
    if (result == 0 && !inflater->at_end)
        result = inflate_into(inflater, tail, sizeof(tail), max, out);
    if (result == 0 && !is_between_blocks(inflater))
        result = -EINVAL;
    if (result != 0 || !keep)
        yd_inflater_reset(inflater);
    return result;
}
