/* SPDX-License-Identifier: MIT */
#include "base/container.h"
#include "proto/http1.h"
#include "proto/http1_chars.h"

#include <string.h>

/* Fewer than 16 digits cannot overflow anything that sizes are added to. */
#define MAX_DIGITS 15
#define MAX_EXTRA 4096

enum state {
    SIZE = 0,
    SIZE_BLANK, /* RFC 9112 7.1.1 allows blanks ahead of ';' */
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER_START,
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF,
    DONE,
    FAILED
};

/* The state after c, once the size has ended with it. */
static enum state end_size(const struct yd_http_chunked *chunked, uint8_t c)
{
    if (chunked->digits == 0)
        return FAILED;
    if (c == '\r' && chunked->state == SIZE)
        return SIZE_LF;
    if (c == ';')
        return EXTENSION;
    return yd_http_char_is_blank(c) ? SIZE_BLANK : FAILED;
}

static enum state step_size(struct yd_http_chunked *chunked, uint8_t c)
{
    int digit = yd_http_hex_value(c);

    if (digit < 0)
        return end_size(chunked, c);
    if (chunked->digits == MAX_DIGITS)
        return FAILED;
    chunked->digits++;
    chunked->left = chunked->left << 4 | (unsigned)digit;
    return SIZE;
}

static enum state step_size_lf(struct yd_http_chunked *chunked, uint8_t c)
{
    if (c != '\n')
        return FAILED;
    chunked->digits = 0;
    return chunked->left > 0 ? DATA : TRAILER_START;
}

static enum state step_trailer_start(uint8_t c)
{
    if (c == '\r')
        return END_LF;
    return yd_http_char_is(c, YD_CHAR_TOKEN) ? TRAILER_NAME : FAILED;
}

static enum state step_trailer_name(uint8_t c)
{
    if (c == ':')
        return TRAILER_VALUE;
    return yd_http_char_is(c, YD_CHAR_TOKEN) ? TRAILER_NAME : FAILED;
}

/* Text that goes on until CR. */
static enum state step_text(enum state here, uint8_t c, enum state after)
{
    if (c == '\r')
        return after;
    return yd_http_char_is(c, YD_CHAR_TEXT) ? here : FAILED;
}

static enum state step(struct yd_http_chunked *chunked, uint8_t c)
{
    switch ((enum state)chunked->state) {
    case SIZE:
        return step_size(chunked, c);
    case SIZE_BLANK:
        return end_size(chunked, c);
    case EXTENSION:
        return step_text(EXTENSION, c, SIZE_LF);
    case SIZE_LF:
        return step_size_lf(chunked, c);
    case DATA_CR:
        return c == '\r' ? DATA_LF : FAILED;
    case DATA_LF:
        return c == '\n' ? SIZE : FAILED;
    case TRAILER_START:
        return step_trailer_start(c);
    case TRAILER_NAME:
        return step_trailer_name(c);
    case TRAILER_VALUE:
        return step_text(TRAILER_VALUE, c, TRAILER_LF);
    case TRAILER_LF:
        return c == '\n' ? TRAILER_START : FAILED;
    case END_LF:
        return c == '\n' ? DONE : FAILED;
    default:
        return FAILED;
    }
}

/* Bytes that are neither content nor framing. */
static bool is_extra(enum state state)
{
    return state == SIZE_BLANK || state == EXTENSION || state == TRAILER_NAME ||
           state == TRAILER_VALUE;
}

static void take_framing(struct yd_http_chunked *chunked, uint8_t c)
{
    enum state next = step(chunked, c);

    if (is_extra(next) && ++chunked->extra > MAX_EXTRA)
        next = FAILED;
    chunked->state = (uint8_t)next;
}

/* Moves what there is of the chunk to out; returns how much. */
static size_t take_content(struct yd_http_chunked *chunked, uint8_t *out, const uint8_t *in,
                           size_t len)
{
    size_t taken = YD_MIN(chunked->left, len);

    if (out != in)
        memmove(out, in, taken);
    chunked->left -= taken;
    if (chunked->left == 0)
        chunked->state = DATA_CR;
    return taken;
}

int yd_http_chunked_decode(struct yd_http_chunked *chunked, uint8_t *data, size_t len,
                           size_t *ret_used, size_t *ret_len)
{
    size_t used = 0, out = 0;

    while (used < len && chunked->state < DONE) {
        if (chunked->state == DATA) {
            size_t taken = take_content(chunked, data + out, data + used, len - used);

            used += taken;
            out += taken;
        } else {
            take_framing(chunked, data[used++]);
        }
    }
    if (chunked->state == FAILED)
        return -400;
    *ret_used = used;
    *ret_len = out;
    return chunked->state == DONE;
}
