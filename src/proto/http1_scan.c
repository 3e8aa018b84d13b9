/* SPDX-License-Identifier: MIT */
#include "base/container.h"
#include "proto/http1.h"
#include "proto/http1_chars.h"

#include <limits.h>

/* RFC 9112 3 wants 501 for a method longer than any that is known; no registered one has more. */
#define MAX_METHOD 32
#define MAX_BLANK_LINES 4

enum state { START = 0, START_LF, METHOD, TARGET, VERSION, CR, LF, LINE_START, LINE, END_LF };

/* end: where the data or the room for a head ends, whichever is first. */
struct input {
    const uint8_t *data;
    size_t end;
    const struct yd_http_limits *limits;
    const char **ret_error;
};

static int fail(const struct input *in, int status, const char *error)
{
    *in->ret_error = error;
    return -status;
}

/* For a byte in a line that is neither text nor CR. */
static int fail_at(const struct yd_http_scan *scan, const struct input *in)
{
    switch (in->data[scan->pos]) {
    case '\n':
        return fail(in, 400, "bare LF");
    case '\0':
        return fail(in, 400, "NUL byte");
    default:
        return fail(in, 400, "control character");
    }
}

/* The part that begins here goes on behind the byte at pos. */
static void enter(struct yd_http_scan *scan, enum state state)
{
    scan->pos++;
    scan->part = scan->pos;
    scan->state = (uint8_t)state;
}

/* Where a part that may have max bytes stops being looked at: behind one byte too many. */
static size_t part_stop(const struct yd_http_scan *scan, const struct input *in, size_t max)
{
    return in->end - scan->part > max ? scan->part + max + 1 : in->end;
}

static int scan_start(struct yd_http_scan *scan, const struct input *in)
{
    uint8_t c = in->data[scan->pos];

    if (c == '\r') {
        if (scan->blank_lines == MAX_BLANK_LINES)
            return fail(in, 400, "too many empty lines before the request");
        scan->blank_lines++;
        enter(scan, START_LF);
        return 0;
    }
    if (c == '\n')
        return fail(in, 400, "bare LF");
    if (c == 0x16)
        return fail(in, 400, "TLS on a port that speaks plain HTTP");
    if (!yd_http_char_is(c, YD_CHAR_TOKEN))
        return fail(in, 400, "the first byte begins no method");
    scan->start = scan->part = scan->pos;
    scan->state = METHOD;
    return 0;
}

static int scan_start_lf(struct yd_http_scan *scan, const struct input *in)
{
    if (in->data[scan->pos] != '\n')
        return fail(in, 400, "bare CR");
    enter(scan, START);
    scan->start = scan->pos;
    return 0;
}

static int scan_method(struct yd_http_scan *scan, const struct input *in)
{
    const uint8_t *stop = in->data + part_stop(scan, in, MAX_METHOD);

    scan->pos = (size_t)(yd_http_skip_class(in->data + scan->pos, stop, YD_CHAR_TOKEN) - in->data);
    if (scan->pos - scan->part > MAX_METHOD)
        return fail(in, 501, "method too long");
    if (scan->pos == in->end)
        return 0;
    if (in->data[scan->pos] != ' ')
        return fail(in, 400, "illegal byte in the method");
    enter(scan, TARGET);
    return 0;
}

static int scan_target(struct yd_http_scan *scan, const struct input *in)
{
    size_t max = in->limits->max_target;
    const uint8_t *stop = in->data + part_stop(scan, in, max);
    uint8_t c;

    scan->pos = (size_t)(yd_http_skip_target(in->data + scan->pos, stop) - in->data);
    if (scan->pos - scan->part > max)
        return fail(in, 414, "target too long");
    if (scan->pos == in->end)
        return 0;
    c = in->data[scan->pos];
    if (c == '#')
        return fail(in, 400, "fragment in the target");
    if (c == '\r' || c == '\n')
        return fail(in, 400, "request line without a version");
    if (c != ' ')
        return fail(in, 400, "illegal byte in the target");
    if (scan->pos == scan->part)
        return fail(in, 400, "empty target, or two spaces in the request line");
    enter(scan, VERSION);
    return 0;
}

static int scan_version(struct yd_http_scan *scan, const struct input *in)
{
    static const char form[] = "HTTP/1.0";

    for (; scan->pos < in->end; scan->pos++) {
        size_t i = scan->pos - scan->part;
        uint8_t c = in->data[scan->pos];
        bool is_digit = yd_http_char_is_digit(c);

        if (i == sizeof(form) - 1) {
            scan->state = CR;
            return 0;
        }
        if (yd_http_char_is_digit((uint8_t)form[i]) ? !is_digit : c != form[i])
            return fail(in, 400, "malformed HTTP version");
        if (form[i] == '1' && c != '1')
            return fail(in, 505, "HTTP version other than 1");
    }
    return 0;
}

static int scan_cr(struct yd_http_scan *scan, const struct input *in)
{
    uint8_t c = in->data[scan->pos];

    if (yd_http_char_is(c, YD_CHAR_TEXT))
        return fail(in, 400, "text behind the HTTP version");
    if (c != '\r')
        return fail_at(scan, in);
    enter(scan, LF);
    return 0;
}

static int scan_lf(struct yd_http_scan *scan, const struct input *in)
{
    if (in->data[scan->pos] != '\n')
        return fail(in, 400, "bare CR");
    enter(scan, LINE_START);
    return 0;
}

static int scan_line(struct yd_http_scan *scan, const struct input *in)
{
    const uint8_t *p = yd_http_skip_text(in->data + scan->pos, in->data + in->end);

    scan->pos = (size_t)(p - in->data);
    if (scan->pos == in->end)
        return 0;
    if (*p != '\r')
        return fail_at(scan, in);
    enter(scan, LF);
    return scan->pos < in->end ? scan_lf(scan, in) : 0;
}

static int scan_line_start(struct yd_http_scan *scan, const struct input *in)
{
    uint8_t c = in->data[scan->pos];

    if (c == '\r') {
        enter(scan, END_LF);
        return 0;
    }
    if (yd_http_char_is_blank(c))
        return fail(in, 400, "folded header line");
    if (scan->num_lines == in->limits->max_fields)
        return fail(in, 431, "too many header lines");
    scan->num_lines++;
    scan->state = LINE;
    return scan_line(scan, in);
}

static int scan_end_lf(struct yd_http_scan *scan, const struct input *in)
{
    if (in->data[scan->pos] != '\n')
        return fail(in, 400, "bare CR");
    scan->pos++;
    return (int)scan->pos;
}

static int (*const parts[])(struct yd_http_scan *, const struct input *) = {
    [START] = scan_start,   [START_LF] = scan_start_lf,     [METHOD] = scan_method,
    [TARGET] = scan_target, [VERSION] = scan_version,       [CR] = scan_cr,
    [LF] = scan_lf,         [LINE_START] = scan_line_start, [LINE] = scan_line,
    [END_LF] = scan_end_lf,
};

static int fail_full(const struct yd_http_scan *scan, const struct input *in)
{
    if (scan->state == TARGET)
        return fail(in, 414, "target too long");
    return fail(in, 431, "request head too large");
}

int yd_http_scan(struct yd_http_scan *scan, const uint8_t *data, size_t len,
                 const struct yd_http_limits *limits, const char **ret_error)
{
    /* What is returned is an int. */
    size_t max_head = YD_MIN(limits->max_head, (size_t)INT_MAX / 2);
    struct input in = {.data = data, .limits = limits, .ret_error = ret_error};

    while (scan->pos < len) {
        int result;

        in.end = YD_MIN(len, scan->start + max_head);
        if (scan->pos >= in.end)
            return fail_full(scan, &in);
        result = parts[scan->state](scan, &in);
        if (result != 0)
            return result;
    }
    return scan->pos - scan->start >= max_head ? fail_full(scan, &in) : 0;
}
