/* SPDX-License-Identifier: MIT */
#include "proto/json_pack.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "proto/json_put.h"
#include "proto/json_scan.h"

/*
 * Goes through a packed format once.  The first error is kept and nothing is written after it, but
 * the arguments are still taken, so that no reference given with "o" is lost; only an error in the
 * format itself, after which nobody knows what the arguments are, ends the walk.
 */
struct packer {
    const struct yodel_allocator *mem;
    struct yd_buf *buf;
    const char *rest; /* of the format */
    unsigned depth;
    int error;
    bool malformed;                /* the format is */
    struct yd_json_binary *binary; /* NULL: none is taken */
    va_list args;
};

static void fail(struct packer *packer, int error)
{
    if (packer->error == 0)
        packer->error = error;
}

/* The result of putting something. */
static void note(struct packer *packer, int rc)
{
    if (rc < 0)
        fail(packer, rc);
}

static void fail_format(struct packer *packer)
{
    fail(packer, YODEL_ERR_FORMAT);
    packer->malformed = true;
    packer->rest = "";
}

static bool is_separator(char c)
{
    return c == ',' || c == ':' || c == ' ' || c == '\t' || c == '\n';
}

static char peek(struct packer *packer)
{
    while (is_separator(*packer->rest))
        packer->rest++;
    return *packer->rest;
}

static bool take(struct packer *packer, char c)
{
    if (peek(packer) != c)
        return false;
    packer->rest++;
    return true;
}

static void put(struct packer *packer, yodel_str text)
{
    if (packer->error == 0)
        note(packer, yd_buf_append_str(packer->mem, packer->buf, text));
}

/* ---- strings ---- */

static void put_text(struct packer *packer, yodel_str text)
{
    if (packer->error == 0)
        note(packer, yd_json_put_text(packer->mem, packer->buf, text));
}

/* One argument and, with '#' or '%', its length; NULL is an error. */
static yodel_str take_piece(struct packer *packer)
{
    yodel_str piece = {va_arg(packer->args, const char *), 0};

    if (take(packer, '#')) {
        int len = va_arg(packer->args, int);

        piece.len = len > 0 ? (size_t)len : 0;
    } else if (take(packer, '%')) {
        piece.len = va_arg(packer->args, size_t);
    } else if (piece.ptr != NULL) {
        piece.len = strlen(piece.ptr);
    }
    if (piece.ptr == NULL) {
        fail(packer, YODEL_ERR_FORMAT);
        piece.len = 0;
    }
    return piece;
}

/* "s+", of two arguments: a character may be in both. */
static void put_joined(struct packer *packer, yodel_str piece)
{
    struct yd_buf joined = {0};

    do {
        if (packer->error == 0)
            note(packer, yd_buf_append_str(packer->mem, &joined, piece));
    } while (take(packer, '+') && (piece = take_piece(packer), true));
    put_text(packer, (yodel_str){(char *)joined.ptr, joined.len});
    if (joined.ptr != NULL)
        yd_buf_free(packer->mem, &joined);
}

static void put_string(struct packer *packer)
{
    yodel_str piece = take_piece(packer);

    if (peek(packer) == '+')
        put_joined(packer, piece);
    else
        put_text(packer, piece);
}

/* ---- values ---- */

/* '?': NULL is null; '*': NULL is left out.  Neither: 0. */
static char take_option(struct packer *packer)
{
    char c = peek(packer);

    if (c != '?' && c != '*')
        return 0;
    packer->rest++;
    return c;
}

/* False when the value is left out. */
static bool pack_null(struct packer *packer, char option)
{
    if (option == '*')
        return false;
    if (option == '?')
        put(packer, YODEL_STR("null"));
    else
        fail(packer, YODEL_ERR_FORMAT);
    return true;
}

static bool pack_string(struct packer *packer)
{
    char option = take_option(packer);
    const char *text;

    if (option == 0) {
        put_string(packer);
        return true;
    }
    if (strchr("#%+", peek(packer)) != NULL && peek(packer) != '\0') {
        fail_format(packer);
        return true;
    }
    if ((text = va_arg(packer->args, const char *)) == NULL)
        return pack_null(packer, option);
    put_text(packer, yodel_str_of(text));
    return true;
}

static bool pack_document(struct packer *packer, bool is_taken)
{
    char option = take_option(packer);
    json_t *document = va_arg(packer->args, json_t *);

    if (document == NULL)
        return pack_null(packer, option);
    if (packer->error == 0)
        note(packer, yd_json_put_document(packer->mem, packer->buf, document));
    if (is_taken)
        json_decref(document);
    return true;
}

static void pack_int(struct packer *packer, int64_t number)
{
    if (packer->error == 0)
        note(packer, yd_json_put_int(packer->mem, packer->buf, number));
}

static void pack_real(struct packer *packer, double number)
{
    if (packer->error == 0)
        note(packer, yd_json_put_real(packer->mem, packer->buf, number));
}

static void pack_binary(struct packer *packer)
{
    struct yd_json_binary *binary = packer->binary;
    yodel_bytes data = va_arg(packer->args, yodel_bytes);

    if (binary == NULL)
        fail(packer, YODEL_ERR_FORMAT);
    else if (binary->num >= binary->max)
        fail(packer, YODEL_ERR_TOO_BIG);
    if (packer->error < 0)
        return;
    put(packer, YODEL_STR("{\"_placeholder\":true,\"num\":"));
    pack_int(packer, (int64_t)binary->num);
    put(packer, YODEL_STR("}"));
    binary->data[binary->num++] = data;
}

static bool pack_scalar(struct packer *packer, char c)
{
    switch (c) {
    case 'y':
        pack_binary(packer);
        return true;
    case 's':
        return pack_string(packer);
    case 'o':
    case 'O':
        return pack_document(packer, c == 'o');
    case 'n':
        put(packer, YODEL_STR("null"));
        return true;
    case 'b':
        put(packer, va_arg(packer->args, int) ? YODEL_STR("true") : YODEL_STR("false"));
        return true;
    case 'i':
        pack_int(packer, va_arg(packer->args, int));
        return true;
    case 'I':
        pack_int(packer, va_arg(packer->args, json_int_t));
        return true;
    case 'f':
        pack_real(packer, va_arg(packer->args, double));
        return true;
    default:
        fail_format(packer);
        return true;
    }
}

static void pack_nested(struct packer *packer, bool is_object);

/* False when the value is left out; whatever was written ahead of it then goes too. */
static bool pack_value(struct packer *packer)
{
    char c = peek(packer);

    if (c == '\0') {
        fail_format(packer);
        return true;
    }
    packer->rest++;
    if (c != '[' && c != '{')
        return pack_scalar(packer, c);
    pack_nested(packer, c == '{');
    return true;
}

static void pack_name(struct packer *packer)
{
    if (!take(packer, 's')) {
        fail_format(packer);
        return;
    }
    put_string(packer);
    put(packer, YODEL_STR(":"));
}

/* Values, with names ahead of them in objects, until end. */
static void pack_values(struct packer *packer, char end)
{
    bool has_value = false;

    while (!packer->malformed && !take(packer, end)) {
        size_t len = packer->buf->len;

        if (has_value)
            put(packer, YODEL_STR(","));
        if (end == '}')
            pack_name(packer);
        if (!packer->malformed && pack_value(packer))
            has_value = true;
        else
            packer->buf->len = len;
    }
}

static void pack_nested(struct packer *packer, bool is_object)
{
    if (++packer->depth > YD_JSON_MAX_DEPTH) {
        fail_format(packer);
        return;
    }
    put(packer, is_object ? YODEL_STR("{") : YODEL_STR("["));
    pack_values(packer, is_object ? '}' : ']');
    put(packer, is_object ? YODEL_STR("}") : YODEL_STR("]"));
    packer->depth--;
}

static void pack_one(struct packer *packer)
{
    if (!pack_value(packer) || peek(packer) != '\0')
        fail(packer, YODEL_ERR_FORMAT);
}

static void pack_list(struct packer *packer)
{
    bool has_value = false;

    while (peek(packer) != '\0') {
        size_t len = packer->buf->len;

        if (has_value)
            put(packer, YODEL_STR(","));
        if (pack_value(packer))
            has_value = true;
        else
            packer->buf->len = len;
    }
}

void yd_json_pack_nothing(const char *format, va_list args)
{
    struct packer packer = {.rest = format, .buf = &(struct yd_buf){0}, .error = -ECANCELED};

    /* Nothing else takes references: answers that nobody has asked for mostly end here. */
    if (format == NULL || strchr(format, 'o') == NULL)
        return;
    va_copy(packer.args, args);
    pack_list(&packer);
    va_end(packer.args);
}

static int run(const struct yodel_allocator *mem, struct yd_buf *buf, const char *format,
               va_list args, struct yd_json_binary *binary, void (*pack)(struct packer *packer))
{
    struct packer packer = {.mem = mem, .buf = buf, .rest = format, .binary = binary};
    size_t len = buf->len;

    if (format == NULL)
        return YODEL_ERR_FORMAT;
    if (mem == NULL) {
        yd_json_pack_nothing(format, args);
        return -EINVAL;
    }
    va_copy(packer.args, args);
    pack(&packer);
    va_end(packer.args);
    if (packer.error < 0)
        buf->len = len;
    return packer.error;
}

int yd_json_pack(const struct yodel_allocator *mem, struct yd_buf *buf, const char *format,
                 va_list args)
{
    return run(mem, buf, format, args, NULL, pack_one);
}

int yd_json_pack_list(const struct yodel_allocator *mem, struct yd_buf *buf, const char *format,
                      va_list args, struct yd_json_binary *binary)
{
    return run(mem, buf, format, args, binary, pack_list);
}
