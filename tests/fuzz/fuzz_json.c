/* SPDX-License-Identifier: MIT */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "proto/json_doc.h"
#include "proto/json_number.h"
#include "proto/json_pack.h"
#include "proto/json_scan.h"

/* The input is text.  It is accepted when the grammar of RFC 8259, written down once more in the
 * plainest way, has it; what is accepted is walked and put together again. */

#define DEPTH 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

/* The reference: each takes a thing off the text, or returns false. */
struct text {
    const char *p, *end;
};

static bool value(struct text *text, unsigned depth);

static void blanks(struct text *text)
{
    while (text->p < text->end && memchr(" \t\r\n", *text->p, 4))
        text->p++;
}

static bool one_of(struct text *text, const char *chars)
{
    if (text->p == text->end || *text->p == '\0' || !strchr(chars, *text->p))
        return false;
    text->p++;
    return true;
}

static bool word(struct text *text, const char *letters)
{
    while (*letters) {
        char letter[2] = {*letters++, '\0'};

        if (!one_of(text, letter))
            return false;
    }
    return true;
}

static bool digits(struct text *text)
{
    bool any = false;

    while (one_of(text, "0123456789"))
        any = true;
    return any;
}

static bool number(struct text *text)
{
    one_of(text, "-");
    if (!one_of(text, "0") && !digits(text))
        return false;
    if (one_of(text, ".") && !digits(text))
        return false;
    if (one_of(text, "eE")) {
        one_of(text, "+-");
        return digits(text);
    }
    return true;
}

static bool string(struct text *text)
{
    if (!one_of(text, "\""))
        return false;
    while (text->p < text->end) {
        if (one_of(text, "\""))
            return true;
        if (one_of(text, "\\")) {
            if (one_of(text, "u")) {
                for (int i = 0; i < 4; i++) {
                    if (!one_of(text, "0123456789abcdefABCDEF"))
                        return false;
                }
            } else if (!one_of(text, "\"\\/bfnrt")) {
                return false;
            }
        } else if ((uint8_t)*text->p++ < 0x20) {
            return false;
        }
    }
    return false;
}

static bool member(struct text *text, unsigned depth)
{
    blanks(text);
    if (!string(text))
        return false;
    blanks(text);
    return one_of(text, ":") && value(text, depth);
}

/* depth: how deep what is in here may still nest. */
static bool nested(struct text *text, unsigned depth, bool is_object)
{
    const char *end = is_object ? "}" : "]";

    if (depth == 0)
        return false;
    text->p++;
    blanks(text);
    if (one_of(text, end))
        return true;
    do {
        if (is_object ? !member(text, depth - 1) : !value(text, depth - 1))
            return false;
    } while (one_of(text, ","));
    return one_of(text, end);
}

static bool value(struct text *text, unsigned depth)
{
    bool good;

    blanks(text);
    if (text->p == text->end)
        return false;
    switch (*text->p) {
    case '{':
    case '[':
        good = nested(text, depth, *text->p == '{');
        break;
    case '"':
        good = string(text);
        break;
    case 't':
        good = word(text, "true");
        break;
    case 'f':
        good = word(text, "false");
        break;
    case 'n':
        good = word(text, "null");
        break;
    default:
        good = number(text);
    }
    blanks(text);
    return good;
}

static bool is_json(const char *ptr, size_t len)
{
    struct text text = {ptr, ptr + len};

    return value(&text, DEPTH) && text.p == text.end;
}

/* Text without escapes, quoted and read again, is itself. */
static void check_string(yodel_str body)
{
    size_t len = yd_json_unescaped_len(body);
    struct yd_buf quoted = {0};
    char *text = malloc(len + 1);
    yodel_str again;

    require(text != NULL && len <= body.len);
    require(yd_json_unescape(text, body) == text + len);
    require(!yd_utf8_is_valid(body.ptr, body.len) || yd_utf8_is_valid(text, len));
    require(yd_json_body_eq(body, (yodel_str){text, len}));
    require(yd_json_put_string(&yd_mem_default, &quoted, (yodel_str){text, len}) == 0);
    require(quoted.len == yd_json_quoted_len((yodel_str){text, len}));
    require(yd_json_check((yodel_str){(char *)quoted.ptr, quoted.len}, 1, &again));
    require(yd_json_body(again, &again) && yd_json_body_eq(again, (yodel_str){text, len}));
    yd_buf_free(&yd_mem_default, &quoted);
    free(text);
}

static void check_number(yodel_str text)
{
    char *copy = yd_strndup(&yd_mem_default, text.ptr, text.len);
    char out[YD_JSON_DOUBLE_LEN];
    double mine = yd_json_to_double(text);

    require(copy != NULL && mine == strtod(copy, NULL));
    yd_free(&yd_mem_default, copy);
    if (mine - mine == 0) { /* finite */
        size_t len = yd_json_print_double(out, mine);

        require(len <= sizeof(out) && is_json(out, len));
        require(yd_json_to_double((yodel_str){out, len}) == mine);
    }
}

/* Walks a value that was accepted; every part of it is one, too. */
static void check_value(yodel_str whole)
{
    struct yd_json_iter iter;
    yodel_str part, name, found;

    require(is_json(whole.ptr, whole.len));
    for (iter = yd_json_array(whole); yd_json_next(&iter, &part);)
        check_value(part);
    for (iter = yd_json_object(whole); yd_json_next_member(&iter, &name, &part);) {
        check_value(part);
        require(yd_json_get(whole, name, &found) || yd_json_is_escaped(name));
    }
    if (yd_json_type_of(whole) == YD_JSON_NUMBER)
        check_number(whole);
    if (yd_json_body(whole, &part))
        check_string(part);
}

/* The tokens are the text, but for blanks, commas and colons; returns how many of them are values.
 */
static void check_tokens(yodel_str whole)
{
    struct yd_json_iter iter = yd_json_elements(whole);
    struct yd_json_token token;
    const char *last = whole.ptr;
    size_t depth = 0;

    while (yd_json_next_token(&iter, &token)) {
        for (; last < token.text.ptr; last++)
            require(strchr(" \t\r\n,:\"", *last) != NULL);
        last = token.text.ptr + token.text.len;
        if (token.mark == YD_JSON_BEGIN_ARRAY || token.mark == YD_JSON_BEGIN_OBJECT)
            depth++;
        if (token.mark == YD_JSON_END_ARRAY || token.mark == YD_JSON_END_OBJECT)
            require(depth-- > 0);
    }
    require(depth == 0 && last == whole.ptr + whole.len);
}

/* Text has a document exactly when it is JSON in UTF-8; the document as text has the same one. */
static void check_document(yodel_str text, bool is_valid)
{
    json_t *document = NULL, *again = NULL;
    struct yd_buf written = {0};
    yodel_str written_text;

    if (!is_valid || !yd_utf8_is_valid(text.ptr, text.len)) {
        require(yd_json_read(text, DEPTH, &document) == YODEL_ERR_FORMAT && document == NULL);
        return;
    }
    require(yd_json_read(text, DEPTH, &document) == 0);
    require(yd_json_put_document(&yd_mem_default, &written, document) == 0);
    written_text = (yodel_str){(char *)written.ptr, written.len};
    require(is_json(written_text.ptr, written_text.len));
    require(yd_json_read(written_text, DEPTH, &again) == 0);
    require(json_equal(document, again));
    json_decref(document);
    json_decref(again);
    yd_buf_free(&yd_mem_default, &written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size);
    struct yd_json_iter iter;
    struct yd_json_token token;
    yodel_str whole;

    require(text != NULL || size == 0);
    if (size > 0)
        memcpy(text, data, size);
    if (yd_json_check((yodel_str){text, size}, DEPTH, &whole)) {
        require(is_json(text, size));
        check_document((yodel_str){text, size}, true);
        check_value(whole);
        check_tokens(whole);
    } else {
        require(size == 0 || !is_json(text, size));
        check_document((yodel_str){text, size}, false);
        for (iter = yd_json_elements((yodel_str){text, size}); yd_json_next_token(&iter, &token);)
            require(token.text.ptr >= text && token.text.ptr + token.text.len <= text + size);
    }
    free(text);
    return 0;
}
