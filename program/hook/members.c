/* SPDX-License-Identifier: MIT */
#include "hook/members.h"

#include <string.h>

#include "base/peer.h"

static void put_name(struct yg_text *text, const char *name)
{
    yg_text_puts(text, ",\"");
    yg_text_puts(text, name);
    yg_text_puts(text, "\":");
}

void yg_member_put(struct yg_text *text, const char *name, yodel_str value)
{
    put_name(text, name);
    if (value.ptr != NULL)
        yg_text_put_json(text, value.ptr, value.len);
    else
        yg_text_puts(text, "null");
}

void yg_member_put_json(struct yg_text *text, const char *name, const json_t *value)
{
    put_name(text, name);
    if (value != NULL)
        yg_json_put(text, value, 0);
    else
        yg_text_puts(text, "null");
}

void yg_member_put_peer(struct yg_text *text, const char *peer)
{
    const yodel_str whole = yodel_str_of(peer != NULL ? peer : "");
    const unsigned port = yg_peer_port(whole);

    yg_member_put(text, "address", peer != NULL ? yg_peer_address(whole) : (yodel_str){NULL, 0});
    if (port > 0)
        yg_text_printf(text, ",\"port\":%u", port);
}

/* ---- what clients have sent ---- */

static int digit(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;

    return at != NULL ? (int)((at - digits) % 16) : -1;
}

/* What \uXXXX at text stands for; 0: it is none. */
static unsigned unit_at(const char *text, size_t len)
{
    unsigned unit = 0;

    if (len < 6 || text[0] != '\\' || text[1] != 'u')
        return 0;
    for (unsigned i = 2; i < 6; i++) {
        const int value = digit(text[i]);

        if (value < 0)
            return 0;
        unit = unit * 16 + (unsigned)value;
    }
    return unit;
}

static bool is_high(unsigned unit)
{
    return unit >= 0xd800 && unit < 0xdc00;
}

static bool is_low(unsigned unit)
{
    return unit >= 0xdc00 && unit < 0xe000;
}

/* Mends the escape at text.  Returns how much there was of it. */
static size_t mend(char *text, size_t len)
{
    const unsigned unit = unit_at(text, len);

    if (unit == 0)
        return len < 2 ? len : 2;
    if (is_high(unit) && is_low(unit_at(text + 6, len - 6)))
        return 12;
    if (is_high(unit) || is_low(unit))
        memcpy(text + 2, "fffd", 4);
    return 6;
}

void yg_member_put_rooms(struct yg_text *text, const char *array)
{
    const size_t len = text->len;

    if (yg_text_failed(text))
        return;
    yg_text_puts(text, ",\"rooms\":");
    yg_text_puts(text, array != NULL ? array : "[],\"rooms_lost\":true");
    if (array == NULL || !yg_text_failed(text))
        return;
    yg_text_cut(text, len);
    yg_member_put_rooms(text, NULL);
}

void yg_member_put_sent(struct yg_text *text, const char *name, yodel_str json)
{
    const size_t before = text->len;
    char *at, *end;

    put_name(text, name);
    yg_text_add(text, json.ptr, json.len);
    if (yg_text_failed(text))
        return;
    at = text->ptr + before;
    end = text->ptr + text->len;
    while (at < end && (at = memchr(at, '\\', (size_t)(end - at))) != NULL)
        at += mend(at, (size_t)(end - at));
}

/* ---- queries ---- */

/* As forms are encoded: a plus is a blank; a percent sign without two digits is itself. */
static void decode(struct yg_text *text, yodel_str part)
{
    for (size_t i = 0; i < part.len; i++) {
        const bool is_code = part.ptr[i] == '%' && part.len - i > 2 &&
                             digit(part.ptr[i + 1]) >= 0 && digit(part.ptr[i + 2]) >= 0;

        if (is_code) {
            yg_text_putc(text, (char)(digit(part.ptr[i + 1]) * 16 + digit(part.ptr[i + 2])));
            i += 2;
        } else {
            yg_text_putc(text, part.ptr[i] == '+' ? ' ' : part.ptr[i]);
        }
    }
}

static yodel_str cut(yodel_str *rest, char c)
{
    const char *at = rest->len > 0 ? memchr(rest->ptr, c, rest->len) : NULL;
    const yodel_str part = {rest->ptr, at != NULL ? (size_t)(at - rest->ptr) : rest->len};

    rest->ptr += part.len + (at != NULL);
    rest->len -= part.len + (at != NULL);
    return part;
}

/* Whether a field before this one has its name, as it is written. */
static bool is_repeated(yodel_str query, const char *end, yodel_str name)
{
    while (query.len > 0 && query.ptr < end) {
        yodel_str field = cut(&query, '&');
        const char *at = field.ptr;

        if (at < end && yodel_str_eq(cut(&field, '='), name))
            return true;
    }
    return false;
}

static void put_field(struct yg_text *text, yodel_str name, yodel_str value)
{
    struct yg_text decoded = {0};

    decode(&decoded, name);
    yg_text_put_json(text, yg_text_string(&decoded), decoded.len);
    yg_text_putc(text, ':');
    text->failed = text->failed || yg_text_failed(&decoded);
    yg_text_reset(&decoded);
    decode(&decoded, value);
    yg_text_put_json(text, yg_text_string(&decoded), decoded.len);
    text->failed = text->failed || yg_text_failed(&decoded);
    yg_text_done(&decoded);
}

void yg_query_put(struct yg_text *text, yodel_str query)
{
    yodel_str rest = query;
    const char *between = "";

    yg_text_putc(text, '{');
    while (rest.len > 0) {
        yodel_str value = cut(&rest, '&');
        const yodel_str name = cut(&value, '=');

        if (name.len == 0 || is_repeated(query, name.ptr, name))
            continue;
        yg_text_puts(text, between);
        put_field(text, name, value);
        between = ",";
    }
    yg_text_putc(text, '}');
}
