/* SPDX-License-Identifier: MIT */
#include "base/container.h"
#include "proto/http1.h"
#include "proto/http1_chars.h"
#include "proto/http1_target.h"

#include <string.h>

/* p: what of the head is still to be read.  The rest is gathered from the fields. */
struct parser {
    const uint8_t *p, *end;
    const struct yd_http_limits *limits;
    const char **ret_error;
    struct yd_http_head head;
    yodel_str host_field;
    bool has_host, has_length, has_coding;
    bool only_chunked; /* there is one Transfer-Encoding and it reads "chunked" */
    bool chunked_last, other_coding;
    bool has_close, has_keep_alive, has_upgrade; /* in Connection */
    bool has_upgrade_field, wants_continue;
};

static int fail(struct parser *parser, int status, const char *error)
{
    *parser->ret_error = error;
    return -status;
}

static yodel_str view(const uint8_t *from, const uint8_t *to)
{
    return (yodel_str){(const char *)from, (size_t)(to - from)};
}

/* Takes CR LF; false when something else comes. */
static bool take_line_end(struct parser *parser)
{
    if (parser->end - parser->p < 2 || parser->p[0] != '\r' || parser->p[1] != '\n')
        return false;
    parser->p += 2;
    return true;
}

/* Takes [p, to) and the blank behind it; false when it is empty or something else comes. */
static bool take_word(struct parser *parser, const uint8_t *to, yodel_str *ret_word)
{
    if (to == parser->p || to == parser->end || *to != ' ')
        return false;
    *ret_word = view(parser->p, to);
    parser->p = to + 1;
    return true;
}

static int parse_version(struct parser *parser)
{
    const uint8_t *p = parser->p;

    if (parser->end - p < 8 || memcmp(p, "HTTP/", 5) != 0 || !yd_http_char_is_digit(p[5]) ||
        p[6] != '.' || !yd_http_char_is_digit(p[7]))
        return fail(parser, 400, "malformed HTTP version");
    if (p[5] != '1')
        return fail(parser, 505, "HTTP version other than 1");
    parser->head.minor = p[7] != '0';
    parser->p += 8;
    if (!take_line_end(parser))
        return fail(parser, 400, "text behind the HTTP version");
    return 0;
}

static int parse_request_line(struct parser *parser)
{
    struct yd_http_head *head = &parser->head;
    int result;

    if (!take_word(parser, yd_http_skip_class(parser->p, parser->end, YD_CHAR_TOKEN),
                   &head->method))
        return fail(parser, 400, "malformed method");
    if (!take_word(parser, yd_http_skip_target(parser->p, parser->end), &head->target))
        return fail(parser, 400, "malformed target");
    if (head->target.len > parser->limits->max_target)
        return fail(parser, 414, "target too long");
    result = parse_version(parser);
    return result != 0 ? result : yd_http_split_target(head, parser->ret_error);
}

static int note_host(struct parser *parser, yodel_str value)
{
    if (parser->has_host)
        return fail(parser, 400, "two Host headers");
    if (value.len == 0)
        return fail(parser, 400, "empty Host header");
    if (!yd_http_is_authority(value))
        return fail(parser, 400, "illegal Host header");
    parser->has_host = true;
    parser->host_field = value;
    return 0;
}

/* RFC 9112 6.3 lets a list of equal lengths pass; nobody honest sends one. */
static int note_length(struct parser *parser, yodel_str value)
{
    uint64_t length = 0;

    if (parser->has_length)
        return fail(parser, 400, "two Content-Length headers");
    if (value.len == 0)
        return fail(parser, 400, "empty Content-Length");
    for (size_t i = 0; i < value.len; i++) {
        if (!yd_http_char_is_digit((uint8_t)value.ptr[i]))
            return fail(parser, 400, "Content-Length is not a number");
        if (length > ((uint64_t)INT64_MAX - 9) / 10)
            return fail(parser, 400, "Content-Length too large");
        length = length * 10 + (uint64_t)(value.ptr[i] - '0');
    }
    parser->has_length = true;
    parser->head.content_length = length;
    return 0;
}

static int note_coding(struct parser *parser, yodel_str value)
{
    const yodel_str chunked = YODEL_STR("chunked");
    yodel_str coding;

    parser->only_chunked = !parser->has_coding && yd_str_eq_nocase(value, chunked);
    parser->has_coding = true;
    while (yd_http_list_next(&value, &coding)) {
        if (parser->chunked_last)
            return fail(parser, 400, "transfer coding behind chunked");
        parser->chunked_last = yd_str_eq_nocase(coding, chunked);
        if (!parser->chunked_last)
            parser->other_coding = true;
    }
    return 0;
}

static int note_connection(struct parser *parser, yodel_str value)
{
    yodel_str option;

    while (yd_http_list_next(&value, &option)) {
        if (yd_str_eq_nocase(option, YODEL_STR("close")))
            parser->has_close = true;
        else if (yd_str_eq_nocase(option, YODEL_STR("keep-alive")))
            parser->has_keep_alive = true;
        else if (yd_str_eq_nocase(option, YODEL_STR("upgrade")))
            parser->has_upgrade = true;
    }
    return 0;
}

static int note_upgrade(struct parser *parser, yodel_str value)
{
    if (value.len > 0)
        parser->has_upgrade_field = true;
    return 0;
}

static int note_expect(struct parser *parser, yodel_str value)
{
    if (yd_str_eq_nocase(value, YODEL_STR("100-continue")))
        parser->wants_continue = true;
    return 0;
}

/* What the framing of the request hangs on. */
static int note_field(struct parser *parser, const struct yd_http_field *field)
{
    static const struct {
        yodel_str name;
        int (*note)(struct parser *, yodel_str value);
    } known[] = {
        {{"host", 4}, note_host},
        {{"connection", 10}, note_connection},
        {{"upgrade", 7}, note_upgrade},
        {{"expect", 6}, note_expect},
        {{"content-length", 14}, note_length},
        {{"transfer-encoding", 17}, note_coding},
    };

    for (size_t i = 0; i < YD_LEN(known); i++)
        if (yd_str_eq_nocase(field->name, known[i].name))
            return known[i].note(parser, field->value);
    return 0;
}

static int parse_name(struct parser *parser, yodel_str *ret_name)
{
    const uint8_t *p = yd_http_skip_class(parser->p, parser->end, YD_CHAR_TOKEN);
    uint8_t c = p < parser->end ? *p : '\0';

    if (p == parser->p && yd_http_char_is_blank(c))
        return fail(parser, 400, "folded header line");
    if (p == parser->p && c == ':')
        return fail(parser, 400, "empty header name");
    if (yd_http_char_is_blank(c))
        return fail(parser, 400, "blank in or behind a header name");
    if (c == '\r')
        return fail(parser, 400, "header line without a colon");
    if (c != ':')
        return fail(parser, 400, "illegal byte in a header name");
    *ret_name = view(parser->p, p);
    parser->p = p + 1;
    return 0;
}

static int parse_value(struct parser *parser, yodel_str *ret_value)
{
    const uint8_t *from = parser->p;
    const uint8_t *to = yd_http_skip_text(from, parser->end);

    parser->p = to;
    if (!take_line_end(parser))
        return fail(parser, 400, "illegal byte in a header value");
    while (from < to && yd_http_char_is_blank(*from))
        from++;
    while (to > from && yd_http_char_is_blank(to[-1]))
        to--;
    *ret_value = view(from, to);
    return 0;
}

static int parse_fields(struct parser *parser)
{
    struct yd_http_head *head = &parser->head;

    while (!take_line_end(parser)) {
        struct yd_http_field *field = &head->fields[head->num_fields];
        int result;

        if (head->num_fields == parser->limits->max_fields)
            return fail(parser, 431, "too many header lines");
        result = parse_name(parser, &field->name);
        if (result == 0)
            result = parse_value(parser, &field->value);
        if (result == 0)
            result = note_field(parser, field);
        if (result != 0)
            return result;
        head->num_fields++;
    }
    return parser->p == parser->end ? 0 : fail(parser, 400, "bytes behind the request head");
}

static int check_host(struct parser *parser)
{
    if (!parser->has_host && parser->head.minor > 0)
        return fail(parser, 400, "no Host header");
    /* RFC 9112 3.2.2: the authority of an absolute form stands in for Host. */
    if (parser->head.host.ptr == NULL)
        parser->head.host = parser->host_field;
    return 0;
}

/* RFC 9112 6.1 and 6.3: a message whose end two parties may see at two places is refused. */
static int check_coding(struct parser *parser)
{
    if (parser->head.minor == 0)
        return fail(parser, 400, "Transfer-Encoding in HTTP/1.0");
    if (parser->has_length)
        return fail(parser, 400, "Content-Length and Transfer-Encoding");
    if (!parser->chunked_last)
        return fail(parser, 400, "the last transfer coding is not chunked");
    if (parser->other_coding)
        return fail(parser, 501, "transfer coding other than chunked");
    if (!parser->only_chunked)
        return fail(parser, 400, "malformed Transfer-Encoding");
    parser->head.body = YD_HTTP_BODY_CHUNKED;
    return 0;
}

static int conclude(struct parser *parser)
{
    struct yd_http_head *head = &parser->head;
    int result = check_host(parser);

    if (result == 0 && parser->has_coding)
        result = check_coding(parser);
    if (result != 0)
        return result;
    if (head->content_length > 0)
        head->body = YD_HTTP_BODY_LENGTH;
    head->keep_alive = !parser->has_close && (head->minor > 0 || parser->has_keep_alive);
    head->upgrade = head->minor > 0 && parser->has_upgrade && parser->has_upgrade_field;
    head->expect_continue =
        head->minor > 0 && parser->wants_continue && head->body != YD_HTTP_BODY_NONE;
    return 0;
}

int yd_http_parse(const uint8_t *data, size_t len, const struct yd_http_limits *limits,
                  struct yd_http_field *fields, struct yd_http_head *ret_head,
                  const char **ret_error)
{
    struct parser parser = {.p = data,
                            .end = data + len,
                            .limits = limits,
                            .ret_error = ret_error,
                            .head.fields = fields};
    int result;

    if (len > limits->max_head)
        return fail(&parser, 431, "request head too large");
    result = parse_request_line(&parser);
    if (result == 0)
        result = parse_fields(&parser);
    if (result == 0)
        result = conclude(&parser);
    if (result == 0)
        *ret_head = parser.head;
    return result;
}
