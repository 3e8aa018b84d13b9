/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "proto/http1_chars.h"
#include "proto/http1_framing.h"
#include "proto/http1_target.h"

/* RFC 9112 3 wants 501 for a method longer than any that is known; no registered one has more. */
#define MAX_METHOD 32
#define MAX_BLANK_LINES 4

/* Lines that room is made for at first. */
#define FEW_LINES 16

enum state {
    START = 0,
    START_LF,
    METHOD,
    TARGET,
    VERSION,
    VERSION_CR,
    VERSION_LF,
    LINE_START,
    NAME,
    VALUE,
    VALUE_LF,
    END_LF
};

/* end: where the data or the room for a head ends, whichever is first. */
struct input {
    const uint8_t *data;
    size_t end;
    const struct yodel_allocator *mem;
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

static yodel_str view(const struct input *in, size_t from, size_t len)
{
    return (yodel_str){(const char *)in->data + from, len};
}

/* The part that begins here goes on after the byte at pos. */
static void enter(struct yd_http_scan *scan, enum state state)
{
    scan->pos++;
    scan->part = scan->pos;
    scan->state = (uint8_t)state;
}

/* Where a part that may have max bytes stops being looked at: after one byte too many. */
static size_t part_stop(const struct yd_http_scan *scan, const struct input *in, size_t max)
{
    return in->end - scan->part > max ? scan->part + max + 1 : in->end;
}

/* All of it is there, as it mostly is. */
static bool take_version(struct yd_http_scan *scan, const struct input *in)
{
    const uint8_t *version = in->data + scan->pos;

    if (scan->pos != scan->part || in->end - scan->pos < 8 || memcmp(version, "HTTP/1.", 7) != 0 ||
        !yd_http_char_is_digit(version[7]))
        return false;
    scan->minor = version[7] != '0';
    scan->pos += 8;
    return true;
}

static int scan_version(struct yd_http_scan *scan, const struct input *in)
{
    static const char form[] = "HTTP/1.0";

    if (take_version(scan, in) && scan->pos == in->end)
        return 0;
    for (; scan->pos < in->end; scan->pos++) {
        size_t i = scan->pos - scan->part;
        uint8_t c = in->data[scan->pos];
        bool is_digit = yd_http_char_is_digit(c);

        if (i == sizeof(form) - 1) {
            scan->state = VERSION_CR;
            return 0;
        }
        if (yd_http_char_is_digit((uint8_t)form[i]) ? !is_digit : c != form[i])
            return fail(in, 400, "malformed HTTP version");
        if (form[i] == '1' && c != '1')
            return fail(in, 505, "HTTP version other than 1");
        scan->minor = c != '0'; /* the last byte is that of the minor version */
    }
    return 0;
}

static int scan_target(struct yd_http_scan *scan, const struct input *in)
{
    size_t max = in->limits->max_target;
    const uint8_t *stop = in->data + part_stop(scan, in, max);
    uint8_t c;

    scan->pos = (uint32_t)(yd_http_skip_target(in->data + scan->pos, stop) - in->data);
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
    scan->target_len = scan->pos - scan->part;
    enter(scan, VERSION);
    return scan->pos < in->end ? scan_version(scan, in) : 0;
}

static int scan_method(struct yd_http_scan *scan, const struct input *in)
{
    const uint8_t *stop = in->data + part_stop(scan, in, MAX_METHOD);

    scan->pos =
        (uint32_t)(yd_http_skip_class(in->data + scan->pos, stop, YD_CHAR_TOKEN) - in->data);
    if (scan->pos - scan->part > MAX_METHOD)
        return fail(in, 501, "method too long");
    if (scan->pos == in->end)
        return 0;
    if (in->data[scan->pos] != ' ')
        return fail(in, 400, "illegal byte in the method");
    scan->method_len = (uint8_t)(scan->pos - scan->part);
    enter(scan, TARGET);
    return scan->pos < in->end ? scan_target(scan, in) : 0;
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

static int scan_version_cr(struct yd_http_scan *scan, const struct input *in)
{
    uint8_t c = in->data[scan->pos];

    if (yd_http_char_is(c, YD_CHAR_TEXT))
        return fail(in, 400, "text after the HTTP version");
    if (c != '\r')
        return fail_at(scan, in);
    enter(scan, VERSION_LF);
    return 0;
}

static int check_target(const struct yd_http_scan *scan, const struct input *in)
{
    struct yd_http_head head = {.method = view(in, scan->start, scan->method_len),
                                .target =
                                    view(in, scan->start + scan->method_len + 1, scan->target_len)};

    return yd_http_split_target(&head, in->ret_error);
}

/* The request line is whole. */
static int scan_version_lf(struct yd_http_scan *scan, const struct input *in)
{
    if (in->data[scan->pos] != '\n')
        return fail(in, 400, "bare CR");
    enter(scan, LINE_START);
    if (in->data[scan->start + scan->method_len + 1] == '/')
        return 0; /* every path is a target */
    return check_target(scan, in);
}

/* ---- header lines ---- */

/* Room for one more, in memory of our own. */
static int grow(struct yd_http_scan *scan, const struct input *in)
{
    size_t max = scan->max_lines > 0 ? 2 * (size_t)scan->max_lines : FEW_LINES;
    struct yd_http_line *lines;

    max = YD_MIN(max, in->limits->max_fields);
    if (scan->is_lent) {
        if ((lines = yd_alloc_array(in->mem, max, sizeof *lines)) != NULL)
            memcpy(lines, scan->lines, scan->num_lines * sizeof *lines);
    } else {
        lines = yd_resize(in->mem, scan->lines, max * sizeof *lines);
    }
    if (lines == NULL)
        return -ENOMEM;
    scan->lines = lines;
    scan->max_lines = (uint32_t)max;
    scan->is_lent = false;
    return 0;
}

/* For a byte in a name that is none of a name's. */
static int fail_name(const struct yd_http_scan *scan, const struct input *in)
{
    uint8_t c = in->data[scan->pos];

    if (c == ':')
        return fail(in, 400, "empty header name");
    if (yd_http_char_is_blank(c))
        return fail(in, 400, "blank in or after a header name");
    if (c == '\r')
        return fail(in, 400, "header line without a colon");
    if (!yd_http_char_is(c, YD_CHAR_TEXT))
        return fail_at(scan, in);
    return fail(in, 400, "illegal byte in a header name");
}

/* The line is whole. */
static int scan_value_lf(struct yd_http_scan *scan, const struct input *in)
{
    const struct yd_http_line *line = &scan->lines[scan->num_lines];

    if (in->data[scan->pos] != '\n')
        return fail(in, 400, "bare CR");
    enter(scan, LINE_START);
    return yd_http_note_field(scan, scan->num_lines++,
                              view(in, scan->start + line->name, line->name_len),
                              view(in, scan->start + line->value, line->value_len), in->ret_error);
}

static int scan_value(struct yd_http_scan *scan, const struct input *in)
{
    struct yd_http_line *line = &scan->lines[scan->num_lines];
    const uint8_t *from = in->data + scan->part;
    const uint8_t *to = yd_http_skip_text(in->data + scan->pos, in->data + in->end);

    scan->pos = (uint32_t)(to - in->data);
    if (scan->pos == in->end)
        return 0;
    if (*to != '\r')
        return fail_at(scan, in);
    while (from < to && yd_http_char_is_blank(*from))
        from++;
    while (to > from && yd_http_char_is_blank(to[-1]))
        to--;
    line->value = (uint32_t)(from - in->data) - scan->start;
    line->value_len = (uint32_t)(to - from);
    enter(scan, VALUE_LF);
    return scan->pos < in->end ? scan_value_lf(scan, in) : 0;
}

static int scan_name(struct yd_http_scan *scan, const struct input *in)
{
    const uint8_t *end = in->data + in->end;
    struct yd_http_line *line = &scan->lines[scan->num_lines];

    scan->pos = (uint32_t)(yd_http_skip_class(in->data + scan->pos, end, YD_CHAR_TOKEN) - in->data);
    if (scan->pos == in->end)
        return 0;
    if (in->data[scan->pos] != ':' || scan->pos == scan->part)
        return fail_name(scan, in);
    line->name = scan->part - scan->start;
    line->name_len = scan->pos - scan->part;
    enter(scan, VALUE);
    return scan->pos < in->end ? scan_value(scan, in) : 0;
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
    if (scan->num_lines == scan->max_lines && grow(scan, in) < 0)
        return -ENOMEM;
    scan->state = NAME;
    return scan_name(scan, in);
}

static int scan_end_lf(struct yd_http_scan *scan, const struct input *in)
{
    int result;

    if (in->data[scan->pos] != '\n')
        return fail(in, 400, "bare CR");
    scan->pos++;
    result = yd_http_check_framing(scan, in->ret_error);
    return result < 0 ? result : (int)scan->pos;
}

static int (*const parts[])(struct yd_http_scan *, const struct input *) = {
    [START] = scan_start,           [START_LF] = scan_start_lf,     [METHOD] = scan_method,
    [TARGET] = scan_target,         [VERSION] = scan_version,       [VERSION_CR] = scan_version_cr,
    [VERSION_LF] = scan_version_lf, [LINE_START] = scan_line_start, [NAME] = scan_name,
    [VALUE] = scan_value,           [VALUE_LF] = scan_value_lf,     [END_LF] = scan_end_lf,
};

static int fail_full(const struct yd_http_scan *scan, const struct input *in)
{
    if (scan->state == TARGET)
        return fail(in, 414, "target too long");
    return fail(in, 431, "request head too large");
}

int yd_http_scan(struct yd_http_scan *scan, const struct yodel_allocator *mem, const uint8_t *data,
                 size_t len, const struct yd_http_limits *limits, const char **ret_error)
{
    /* What is returned is an int. */
    size_t max_head = YD_MIN(limits->max_head, (size_t)INT_MAX / 2);
    struct input in = {.data = data, .mem = mem, .limits = limits, .ret_error = ret_error};

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

/* ---- room for lines ---- */

void yd_http_scan_lend(struct yd_http_scan *scan, struct yd_http_line *room, size_t max)
{
    if (scan->lines != NULL)
        return;
    scan->lines = room;
    scan->max_lines = (uint32_t)max;
    scan->is_lent = true;
}

int yd_http_scan_keep(const struct yodel_allocator *mem, struct yd_http_scan *scan)
{
    uint32_t num = YD_MIN(scan->num_lines + 1, scan->max_lines); /* with one that is not whole */
    struct yd_http_line *lines;

    if (!scan->is_lent)
        return 0;
    if ((lines = yd_alloc_array(mem, num, sizeof *lines)) == NULL)
        return -ENOMEM;
    memcpy(lines, scan->lines, num * sizeof *lines);
    scan->lines = lines;
    scan->max_lines = num;
    scan->is_lent = false;
    return 0;
}

void yd_http_scan_done(const struct yodel_allocator *mem, struct yd_http_scan *scan)
{
    if (!scan->is_lent)
        yd_free(mem, scan->lines);
    *scan = (struct yd_http_scan){0};
}
