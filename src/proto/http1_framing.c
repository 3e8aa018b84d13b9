/* SPDX-License-Identifier: MIT */
#include "proto/http1_framing.h"

#include "base/container.h"
#include "proto/http1_chars.h"
#include "proto/http1_target.h"

static int fail(const char **ret_error, int status, const char *error)
{
    *ret_error = error;
    return -status;
}

/* ---- one field ---- */

static int note_host(struct yd_http_scan *scan, uint32_t num, yodel_str value, const char **error)
{
    if (scan->has_host)
        return fail(error, 400, "two Host headers");
    if (value.len == 0)
        return fail(error, 400, "empty Host header");
    if (!yd_http_is_authority(value))
        return fail(error, 400, "illegal Host header");
    scan->has_host = true;
    scan->host_line = num;
    return 0;
}

/* RFC 9112 6.3 lets a list of equal lengths pass; nobody honest sends one. */
static int note_length(struct yd_http_scan *scan, yodel_str value, const char **error)
{
    uint64_t length = 0;

    if (scan->has_length)
        return fail(error, 400, "two Content-Length headers");
    if (value.len == 0)
        return fail(error, 400, "empty Content-Length");
    for (size_t i = 0; i < value.len; i++) {
        if (!yd_http_char_is_digit((uint8_t)value.ptr[i]))
            return fail(error, 400, "Content-Length is not a number");
        if (length > ((uint64_t)INT64_MAX - 9) / 10)
            return fail(error, 400, "Content-Length too large");
        length = length * 10 + (uint64_t)(value.ptr[i] - '0');
    }
    scan->has_length = true;
    scan->content_length = length;
    return 0;
}

static int note_coding(struct yd_http_scan *scan, yodel_str value, const char **error)
{
    const yodel_str chunked = YODEL_STR("chunked");
    yodel_str coding;

    scan->only_chunked = !scan->has_coding && yd_str_eq_nocase(value, chunked);
    scan->has_coding = true;
    while (yd_http_list_next(&value, &coding)) {
        if (scan->chunked_last)
            return fail(error, 400, "transfer coding after chunked");
        scan->chunked_last = yd_str_eq_nocase(coding, chunked);
        if (!scan->chunked_last)
            scan->other_coding = true;
    }
    return 0;
}

static void note_connection(struct yd_http_scan *scan, yodel_str value)
{
    yodel_str option;

    while (yd_http_list_next(&value, &option)) {
        if (yd_str_eq_nocase(option, YODEL_STR("close")))
            scan->has_close = true;
        else if (yd_str_eq_nocase(option, YODEL_STR("keep-alive")))
            scan->has_keep_alive = true;
        else if (yd_str_eq_nocase(option, YODEL_STR("upgrade")))
            scan->has_upgrade = true;
    }
}

enum known { NONE = 0, HOST, CONNECTION, UPGRADE, EXPECT, LENGTH, CODING };

/* No two of them are of one length. */
static enum known known_field(yodel_str name)
{
    static const struct {
        yodel_str name;
        enum known known;
    } fields[] = {
        [4] = {{"host", 4}, HOST},
        [6] = {{"expect", 6}, EXPECT},
        [7] = {{"upgrade", 7}, UPGRADE},
        [10] = {{"connection", 10}, CONNECTION},
        [14] = {{"content-length", 14}, LENGTH},
        [17] = {{"transfer-encoding", 17}, CODING},
    };

    if (name.len >= YD_LEN(fields) || fields[name.len].known == NONE)
        return NONE;
    return yd_str_eq_nocase(name, fields[name.len].name) ? fields[name.len].known : NONE;
}

int yd_http_note_field(struct yd_http_scan *scan, uint32_t num, yodel_str name, yodel_str value,
                       const char **ret_error)
{
    switch (known_field(name)) {
    case HOST:
        return note_host(scan, num, value, ret_error);
    case LENGTH:
        return note_length(scan, value, ret_error);
    case CODING:
        return note_coding(scan, value, ret_error);
    case CONNECTION:
        note_connection(scan, value);
        return 0;
    case UPGRADE:
        scan->has_upgrade_field |= value.len > 0;
        return 0;
    case EXPECT:
        scan->wants_continue |= yd_str_eq_nocase(value, YODEL_STR("100-continue"));
        return 0;
    case NONE:
        break;
    }
    return 0;
}

/* ---- all fields ---- */

/* RFC 9112 6.1 and 6.3: a message whose end two parties may see at two places is refused. */
static int check_coding(const struct yd_http_scan *scan, const char **error)
{
    if (scan->minor == 0)
        return fail(error, 400, "Transfer-Encoding in HTTP/1.0");
    if (scan->has_length)
        return fail(error, 400, "Content-Length and Transfer-Encoding");
    if (!scan->chunked_last)
        return fail(error, 400, "the last transfer coding is not chunked");
    if (scan->other_coding)
        return fail(error, 501, "transfer coding other than chunked");
    if (!scan->only_chunked)
        return fail(error, 400, "malformed Transfer-Encoding");
    return 0;
}

int yd_http_check_framing(const struct yd_http_scan *scan, const char **ret_error)
{
    if (!scan->has_host && scan->minor > 0)
        return fail(ret_error, 400, "no Host header");
    return scan->has_coding ? check_coding(scan, ret_error) : 0;
}
