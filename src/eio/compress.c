/* SPDX-License-Identifier: MIT */
#include "eio/compress.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "base/mem.h"

/* ---- what the client takes (RFC 9110 12.5.3) ---- */

static enum yd_eio_coding coding_of(yodel_str name)
{
    if (yd_str_eq_nocase(name, YODEL_STR("gzip")) || yodel_str_eq(name, YODEL_STR("*")))
        return YD_EIO_GZIP;
    return yd_str_eq_nocase(name, YODEL_STR("deflate")) ? YD_EIO_DEFLATE : YD_EIO_IDENTITY;
}

enum yd_eio_coding yd_eio_choose_coding(const struct yd_http_head *head)
{
    yodel_str list = yd_http_field(head, YODEL_STR("Accept-Encoding")), element;
    enum yd_eio_coding best = YD_EIO_IDENTITY, coding;
    int best_weight = 0, weight;

    while (yd_http_list_next(&list, &element)) {
        weight = yd_http_take_weight(&element);
        coding = coding_of(element);
        if (coding != YD_EIO_IDENTITY && weight > best_weight) {
            best = coding;
            best_weight = weight;
        }
    }
    return best;
}

/* ---- compressing ---- */

static void *z_alloc(void *opaque, unsigned num, unsigned size)
{
    return yd_alloc_array(opaque, num, size);
}

static void z_free(void *opaque, void *ptr)
{
    yd_free(opaque, ptr);
}

/* Made once for a loop: it is worth 256 KiB and as much work as a short message. */
static z_stream *get_deflater(struct yd_eio_loop *home, enum yd_eio_coding coding)
{
    const struct yodel_allocator *mem = home->eio->mem;
    z_stream *stream = home->deflaters[coding];
    int bits = coding == YD_EIO_GZIP ? 15 + 16 : 15;

    if (stream != NULL)
        return stream;
    if ((stream = yd_zalloc(mem, sizeof *stream)) == NULL)
        return NULL;
    stream->zalloc = z_alloc;
    stream->zfree = z_free;
    stream->opaque = (void *)mem;
    if (deflateInit2(stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
        yd_free(mem, stream);
        return NULL;
    }
    home->deflaters[coding] = stream;
    return stream;
}

int yd_eio_compress(struct yd_eio_loop *home, enum yd_eio_coding coding, yodel_bytes data,
                    struct yd_buf *out)
{
    const struct yodel_allocator *mem = home->eio->mem;
    z_stream *stream = get_deflater(home, coding);
    size_t bound;

    if (stream == NULL || data.len > UINT32_MAX / 2)
        return -ENOMEM;
    (void)deflateReset(stream);
    bound = deflateBound(stream, data.len);
    if (yd_buf_reserve(mem, out, bound) < 0)
        return -ENOMEM;
    stream->next_in = (Bytef *)data.ptr;
    stream->avail_in = (uInt)data.len;
    stream->next_out = out->ptr + out->len;
    stream->avail_out = (uInt)bound;
    if (deflate(stream, Z_FINISH) != Z_STREAM_END)
        return -ENOMEM;
    out->len += bound - stream->avail_out;
    return 0;
}

void yd_eio_free_deflaters(struct yd_eio_loop *home)
{
    for (size_t i = 0; i < 3; i++) {
        if (home->deflaters[i] == NULL)
            continue;
        (void)deflateEnd(home->deflaters[i]);
        yd_free(home->eio->mem, home->deflaters[i]);
        home->deflaters[i] = NULL;
    }
}
