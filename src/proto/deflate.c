/* SPDX-License-Identifier: MIT */
#include "proto/deflate.h"

#include <errno.h>
#define ZLIB_CONST
#include <zlib.h>

#include "base/container.h"
#include "base/mem.h"

#define STEP 16384              /* bytes of output a step */
#define CHUNK ((size_t)1 << 30) /* bytes of input a step; zlib counts in unsigned int */

/* zlib's streams point back at their owner: these structs must not move. */
struct yd_deflater {
    z_stream stream;
    const struct yodel_allocator *mem;
};

struct yd_inflater {
    z_stream stream;
    const struct yodel_allocator *mem;
    bool at_end; /* the last byte read was the end of a block with BFINAL */
};

/* What a call of yd_inflate_piece() is about. */
struct inflation {
    uint64_t *total;
    uint64_t max;
    yd_inflate_fn *each;
    void *user;
};

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

void yd_inflater_free(struct yd_inflater *inflater)
{
    if (!inflater)
        return;
    inflateEnd(&inflater->stream);
    yd_free(inflater->mem, inflater);
}

void yd_inflater_reset(struct yd_inflater *inflater)
{
    inflateReset(&inflater->stream);
    inflater->at_end = false;
}

/* One step.  The room is one byte more than what may come, so that too much is seen and not given
 * out. */
static int inflate_step(struct yd_inflater *inflater, const struct inflation *work)
{
    z_stream *stream = &inflater->stream;
    uint8_t out[STEP];
    uint64_t left = *work->total < work->max ? work->max - *work->total : 0;
    uInt room = left < sizeof(out) ? (uInt)left + 1 : (uInt)sizeof(out);
    size_t len;
    int result;

    stream->next_out = out;
    stream->avail_out = room;
    result = inflate(stream, Z_SYNC_FLUSH);
    len = room - stream->avail_out;
    if (len > left)
        return -EMSGSIZE;
    if (result == Z_MEM_ERROR)
        return -ENOMEM;
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return -EINVAL;
    /* RFC 7692 7.2.3.4: other blocks may follow, whose distances reach back over this end. */
    inflater->at_end = result == Z_STREAM_END;
    if (inflater->at_end)
        inflateResetKeep(stream);
    *work->total += len;
    return len > 0 ? work->each(out, len, work->user) : 0;
}

static bool has_more(const struct yd_inflater *inflater)
{
    const z_stream *stream = &inflater->stream;

    return stream->avail_in > 0 || (stream->avail_out == 0 && !inflater->at_end);
}

static int inflate_run(struct yd_inflater *inflater, const uint8_t *data, size_t len,
                       const struct inflation *work)
{
    int result = 0;

    inflater->stream.next_in = data;
    while (result == 0 && len > 0) {
        size_t n = YD_MIN(len, CHUNK);

        len -= n;
        inflater->stream.avail_in = (uInt)n;
        do
            result = inflate_step(inflater, work);
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
    int result = inflate_run(inflater, data, len, &work);

    if (result != 0 || !last)
        return result;
    /* Some end a message with BFINAL and leave out the 00 that should follow it. */
    if (!inflater->at_end)
        result = inflate_run(inflater, tail, sizeof(tail), &work);
    if (result == 0 && !is_between_blocks(inflater))
        result = -EINVAL;
    if (result == 0 && !keep)
        yd_inflater_reset(inflater);
    return result;
}
