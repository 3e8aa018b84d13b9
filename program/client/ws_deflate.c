/* SPDX-License-Identifier: MIT */
#include "client/ws_deflate.h"

#include <errno.h>
#include <string.h>

#define MAX_BITS_OUT 12 /* messages of clients are short, and there may be thousands of clients */
#define MEM_LEVEL 5
#define KEEP 16384 /* bytes of a text that are kept */

static const unsigned char tail[4] = {0, 0, 0xff, 0xff}; /* what each message is without */

/* ---- terms ---- */

/* The next part up to one of the marks, without the blanks around it. */
static yodel_str next_part(yodel_str *rest, char mark)
{
    const char *end = rest->len > 0 ? memchr(rest->ptr, mark, rest->len) : NULL;
    yodel_str part = {rest->ptr, end != NULL ? (size_t)(end - rest->ptr) : rest->len};

    rest->ptr += part.len + (end != NULL ? 1 : 0);
    rest->len -= part.len + (end != NULL ? 1 : 0);
    while (part.len > 0 && (*part.ptr == ' ' || *part.ptr == '\t')) {
        part.ptr++;
        part.len--;
    }
    while (part.len > 0 && (part.ptr[part.len - 1] == ' ' || part.ptr[part.len - 1] == '\t'))
        part.len--;
    return part;
}

static bool is_word(yodel_str text, const char *word)
{
    return yodel_str_eq(text, yodel_str_of(word));
}

/* 8 to 15, perhaps in quotes; 0: it is none. */
static int read_bits(yodel_str value)
{
    if (value.len > 2 && *value.ptr == '"' && value.ptr[value.len - 1] == '"') {
        value.ptr++;
        value.len -= 2;
    }
    if (value.len == 1 && (*value.ptr == '8' || *value.ptr == '9'))
        return *value.ptr - '0';
    if (value.len == 2 && *value.ptr == '1' && value.ptr[1] >= '0' && value.ptr[1] <= '5')
        return 10 + value.ptr[1] - '0';
    return 0;
}

static int set_flag(bool *flag, bool has_value)
{
    const bool was_set = *flag;

    *flag = true;
    return was_set || has_value ? -EPROTO : 0;
}

static int set_bits(int *bits, yodel_str value)
{
    const bool was_set = *bits != 0;

    *bits = read_bits(value);
    return was_set || *bits == 0 ? -EPROTO : 0;
}

static int read_parameter(yodel_str part, struct yg_deflate_terms *terms)
{
    const bool has_value = memchr(part.ptr, '=', part.len) != NULL;
    const yodel_str name = next_part(&part, '=');

    if (is_word(name, "client_no_context_takeover"))
        return set_flag(&terms->resets_out, has_value);
    if (is_word(name, "server_no_context_takeover"))
        return set_flag(&terms->resets_in, has_value);
    if (is_word(name, "client_max_window_bits"))
        return set_bits(&terms->bits_out, part);
    if (is_word(name, "server_max_window_bits"))
        return set_bits(&terms->bits_in, part);
    return -EPROTO;
}

int yg_deflate_read(yodel_str value, struct yg_deflate_terms *ret_terms)
{
    struct yg_deflate_terms terms = {0};

    if (!is_word(next_part(&value, ';'), "permessage-deflate"))
        return -EPROTO;
    while (value.len > 0) {
        const yodel_str part = next_part(&value, ';');

        if (part.len == 0 || read_parameter(part, &terms) < 0)
            return -EPROTO;
    }
    terms.bits_out = terms.bits_out != 0 ? terms.bits_out : MAX_WBITS;
    terms.bits_in = terms.bits_in != 0 ? terms.bits_in : MAX_WBITS;
    *ret_terms = terms;
    return 0;
}

/* ---- messages ---- */

static bool begin_out(struct yg_deflate *codec)
{
    const int bits = codec->terms.bits_out < MAX_BITS_OUT ? codec->terms.bits_out : MAX_BITS_OUT;

    if (!codec->has_out)
        codec->has_out = deflateInit2(&codec->out, Z_BEST_SPEED, Z_DEFLATED, -bits, MEM_LEVEL,
                                      Z_DEFAULT_STRATEGY) == Z_OK;
    else if (codec->terms.resets_out)
        (void)deflateReset(&codec->out);
    return codec->has_out;
}

int yg_deflate_put(struct yg_deflate *codec, const void *ptr, size_t len)
{
    struct yg_text *text = &codec->deflated;
    z_stream *out = &codec->out;
    char piece[4096];

    if (codec->terms.bits_out < 9)
        return 0;
    if (!begin_out(codec))
        return -ENOMEM;
    yg_text_reset(text);
    out->next_in = (void *)(uintptr_t)ptr;
    out->avail_in = (uInt)len;
    do {
        out->next_out = (Bytef *)piece;
        out->avail_out = sizeof(piece);
        (void)deflate(out, Z_SYNC_FLUSH);
        yg_text_add(text, piece, sizeof(piece) - out->avail_out);
    } while (out->avail_out == 0);
    if (yg_text_failed(text))
        return -ENOMEM;
    yg_text_cut(text, text->len - sizeof(tail));
    return 1;
}

/* Inflates all of the input.  Returns 0 or a negative result. */
static int inflate_all(struct yg_deflate *codec, const void *ptr, size_t len, size_t max)
{
    z_stream *in = &codec->in;
    char piece[16384];
    int rc;

    in->next_in = (void *)(uintptr_t)ptr;
    in->avail_in = (uInt)len;
    do {
        size_t num;

        in->next_out = (Bytef *)piece;
        in->avail_out = sizeof(piece);
        rc = inflate(in, Z_SYNC_FLUSH);
        num = sizeof(piece) - in->avail_out;
        if (rc == Z_MEM_ERROR)
            return -ENOMEM;
        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
            return -EBADMSG;
        if (num > max - codec->inflated.len)
            return -EMSGSIZE;
        yg_text_add(&codec->inflated, piece, num);
        if (yg_text_failed(&codec->inflated))
            return -ENOMEM;
        /* A last block: what comes is another stream, with the same window (section 7.2.3.5). */
        codec->is_at_end = rc == Z_STREAM_END;
        if (codec->is_at_end && inflateResetKeep(in) != Z_OK)
            return -EBADMSG;
    } while (rc != Z_BUF_ERROR && (in->avail_in > 0 || (in->avail_out == 0 && !codec->is_at_end)));
    return in->avail_in == 0 ? 0 : -EBADMSG;
}

static bool is_between_blocks(const struct yg_deflate *codec)
{
    return codec->is_at_end || (codec->in.data_type & 128) != 0;
}

static bool begin_in(struct yg_deflate *codec)
{
    const int bits = codec->terms.bits_in > 9 ? codec->terms.bits_in : 9;

    if (!codec->has_in)
        codec->has_in = inflateInit2(&codec->in, -bits) == Z_OK;
    else if (codec->terms.resets_in)
        (void)inflateReset(&codec->in);
    return codec->has_in;
}

int yg_deflate_take(struct yg_deflate *codec, yodel_bytes message, size_t max)
{
    int rc;

    if (!begin_in(codec))
        return -ENOMEM;
    yg_text_reset(&codec->inflated);
    codec->is_at_end = false;
    rc = inflate_all(codec, message.ptr, message.len, max);
    /* Some end a message with a last block and leave out the 00 that should follow it. */
    if (rc < 0 || codec->is_at_end)
        return rc;
    rc = inflate_all(codec, tail, sizeof(tail), max);
    return rc < 0 || is_between_blocks(codec) ? rc : -EBADMSG;
}

static void shrink(struct yg_text *text)
{
    if (text->cap > KEEP)
        yg_text_done(text);
}

void yg_deflate_forget_out(struct yg_deflate *codec)
{
    shrink(&codec->deflated);
}

void yg_deflate_forget_in(struct yg_deflate *codec)
{
    shrink(&codec->inflated);
}

void yg_deflate_done(struct yg_deflate *codec)
{
    if (codec->has_out)
        (void)deflateEnd(&codec->out);
    if (codec->has_in)
        (void)inflateEnd(&codec->in);
    yg_text_done(&codec->deflated);
    yg_text_done(&codec->inflated);
}
