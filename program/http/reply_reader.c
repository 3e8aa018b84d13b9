/* SPDX-License-Identifier: MIT */
#include "http/reply_reader.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define MAX_HEAD 65536  /* bytes of heads, those of 1xx and trailers included */
#define CHUNK_COST 12   /* bytes around each chunk that do not count as such */
#define KEEP_BODY 65536 /* bytes of memory that stay for the next answer */

/* ---- lines of a head ---- */

static char *next_line(char *line)
{
    return line + strlen(line) + 1;
}

/* A NUL behind each line, in place of its end and the blanks ahead of that.  A line that begins
 * with a blank goes on with the one before (RFC 9112 section 5.2). */
static void cut_lines(struct yg_text *head)
{
    char *at = head->ptr, *out = head->ptr;

    while (*at != '\0') {
        const size_t len = strcspn(at, "\n");
        char *next = at + len + (at[len] == '\n' ? 1 : 0);
        size_t whole = len;

        while (whole > 0 && strchr(" \t\r", at[whole - 1]) != NULL)
            whole--;
        if ((*at == ' ' || *at == '\t') && out > head->ptr && whole > 0)
            out[-1] = ' ';
        memmove(out, at, whole);
        out += whole;
        if (whole > 0)
            *out++ = '\0';
        at = next;
    }
    *out = '\0';
    head->len = (size_t)(out - head->ptr);
}

/* What is behind a name in front of a colon; NULL: it is another line. */
static const char *value_of(const char *line, const char *name, size_t len)
{
    if ((*line | 32) != (*name | 32) || strncasecmp(line, name, len) != 0 || line[len] != ':')
        return NULL;
    return line + len + 1 + strspn(line + len + 1, " \t");
}

/* The n-th value of one of the lines; NULL: there is none. */
static const char *find_header(const struct yg_reply_reader *reader, const char *name, size_t n)
{
    const size_t len = strlen(name);

    for (char *line = next_line(reader->head.ptr); *line != '\0'; line = next_line(line)) {
        const char *value = value_of(line, name, len);

        if (value != NULL && n-- == 0)
            return value;
    }
    return NULL;
}

/* Whether a list has a word; none of those looked for has parameters. */
static bool has_word(const struct yg_reply_reader *reader, const char *name, const char *word)
{
    const size_t len = strlen(word);
    const char *at;

    for (size_t n = 0; (at = find_header(reader, name, n)) != NULL; n++) {
        for (size_t part; *(at += strspn(at, " \t,")) != '\0'; at += part) {
            part = strcspn(at, " \t,");
            if (part == len && strncasecmp(at, word, len) == 0)
                return true;
        }
    }
    return false;
}

/* ---- a head ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 any words". */
static int read_status(struct yg_reply_reader *reader)
{
    const char *at = reader->head.ptr;

    if (reader->head.len < 13 || memcmp(at, "HTTP/1.", 7) != 0 || !is_digit(at[7]) ||
        at[8] != ' ' || at[9] < '1' || at[9] > '9' || !is_digit(at[10]) || !is_digit(at[11]) ||
        strchr(" \r\n", at[12]) == NULL)
        return -EBADMSG;
    reader->status =
        (unsigned)(at[9] - '0') * 100 + (unsigned)(at[10] - '0') * 10 + (unsigned)(at[11] - '0');
    return reader->status == 101 ? -EBADMSG : 0; /* nobody has asked for it */
}

/* Each is a name, a colon, and anything. */
static int check_fields(const struct yg_reply_reader *reader)
{
    size_t num = 0;

    for (char *line = next_line(reader->head.ptr); *line != '\0'; line = next_line(line)) {
        if (line[strcspn(line, ": \t")] != ':' || *line == ':')
            return -EBADMSG;
        if (++num > YG_REPLY_MAX_LINES)
            return -E2BIG;
    }
    return 0;
}

/* Content-Length: false if it is none. */
static bool read_length(const char *value, uint64_t *ret_length)
{
    uint64_t length = 0;

    if (*value == '\0')
        return false;
    for (; *value != '\0'; value++) {
        if (!is_digit(*value))
            return false;
        if (length > UINT64_MAX / 20)
            return false;
        length = length * 10 + (uint64_t)(*value - '0');
    }
    *ret_length = length;
    return true;
}

static int read_lengths(struct yg_reply_reader *reader)
{
    const char *first = find_header(reader, "Content-Length", 0), *other;

    if (first == NULL) {
        reader->reading = YG_READING_TO_END;
        reader->is_kept = false;
        return 0;
    }
    for (size_t n = 1; (other = find_header(reader, "Content-Length", n)) != NULL; n++) {
        if (strcmp(first, other) != 0)
            return -EBADMSG;
    }
    if (!read_length(first, &reader->left))
        return -EBADMSG;
    reader->reading = reader->left > 0 ? YG_READING_LENGTH : YG_READING_DONE;
    return reader->left > reader->max_body ? -E2BIG : 0;
}

/* How the body ends: RFC 9112 section 6.3.  HTTP/1.0 has no chunks: what stands between may not
 * know where they end. */
static int read_framing(struct yg_reply_reader *reader, bool is_old)
{
    const char *coding = find_header(reader, "Transfer-Encoding", 0);

    if (reader->status == 204 || reader->status == 304) {
        reader->reading = YG_READING_DONE;
        return 0;
    }
    if (coding == NULL)
        return read_lengths(reader);
    if (strcasecmp(coding, "chunked") != 0 || find_header(reader, "Transfer-Encoding", 1) != NULL)
        return -EBADMSG;
    if (find_header(reader, "Content-Length", 0) != NULL || is_old)
        reader->is_kept = false;
    reader->reading = YG_READING_SIZE;
    return 0;
}

static int read_head(struct yg_reply_reader *reader)
{
    const bool is_old = reader->head.ptr[7] == '0';
    int rc;

    if (memchr(reader->head.ptr, 0, reader->head.len) != NULL || read_status(reader) < 0)
        return -EBADMSG;
    cut_lines(&reader->head);
    if ((rc = check_fields(reader)) < 0)
        return rc;
    if (reader->status < 200) {
        yg_text_reset(&reader->head);
        return 0;
    }
    reader->is_kept = !has_word(reader, "Connection", "close") &&
                      (!is_old || has_word(reader, "Connection", "keep-alive"));
    return read_framing(reader, is_old);
}

/* The bytes up to the end of a head, at the first line that is empty; 0: it has not come. */
static size_t find_end(const struct yg_text *head, size_t from)
{
    const char *at = head->ptr + from, *end = head->ptr + head->len;

    while ((at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        const size_t left = (size_t)(end - ++at);

        if (left >= 1 && at[0] == '\n')
            return (size_t)(at - head->ptr) + 1;
        if (left >= 2 && at[0] == '\r' && at[1] == '\n')
            return (size_t)(at - head->ptr) + 2;
    }
    return 0;
}

/* A head is looked at as soon as it cannot be one. */
static int take_head(struct yg_reply_reader *reader, const char *ptr, size_t len, size_t *ret_used)
{
    static const char begin[] = "HTTP/1.";
    struct yg_text *head = &reader->head;
    const size_t before = head->len, room = MAX_HEAD - reader->head_len;
    const size_t part = len < room ? len : room;
    size_t end;

    yg_text_add(head, ptr, part);
    if (yg_text_failed(head))
        return -ENOMEM;
    if (memcmp(head->ptr, begin, head->len < 7 ? head->len : 7) != 0)
        return -EBADMSG;
    end = find_end(head, before > 3 ? before - 3 : 0);
    *ret_used = end > 0 ? end - before : part;
    reader->head_len += *ret_used;
    if (end == 0)
        return part < len || reader->head_len == MAX_HEAD ? -E2BIG : 0;
    yg_text_cut(head, end);
    return read_head(reader);
}

/* ---- a body ---- */

static int add_body(struct yg_reply_reader *reader, const char *ptr, size_t len)
{
    if (len > reader->max_body - reader->body.len)
        return -E2BIG;
    yg_text_add(&reader->body, ptr, len);
    return yg_text_failed(&reader->body) ? -ENOMEM : 0;
}

static int take_left(struct yg_reply_reader *reader, const char *ptr, size_t len,
                     enum yg_reading then, size_t *ret_used)
{
    *ret_used = len < reader->left ? len : (size_t)reader->left;
    reader->left -= *ret_used;
    if (reader->left == 0)
        reader->reading = then;
    return add_body(reader, ptr, *ret_used);
}

static int hex_of(char c)
{
    return is_digit(c)            ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Behind the line with the size of a chunk. */
static void begin_chunk(struct yg_reply_reader *reader)
{
    reader->reading = reader->left > 0 ? YG_READING_CHUNK : YG_READING_TRAILER;
    reader->is_line_empty = true;
    reader->head_len -= reader->head_len < CHUNK_COST ? reader->head_len : CHUNK_COST;
}

static int take_size(struct yg_reply_reader *reader, char c)
{
    const int digit = hex_of(c);

    if (digit >= 0) {
        if (reader->left > UINT64_MAX / 32)
            return -EBADMSG;
        reader->left = reader->left * 16 + (uint64_t)digit;
        reader->reading = YG_READING_DIGITS;
        return 0;
    }
    if (reader->reading == YG_READING_SIZE || strchr(";\r\n \t", c) == NULL || c == '\0')
        return -EBADMSG;
    reader->reading = YG_READING_REST;
    if (c == '\n')
        begin_chunk(reader);
    return 0;
}

/* What stands between chunks, and behind them. */
static int take_char(struct yg_reply_reader *reader, char c)
{
    if (++reader->head_len > MAX_HEAD)
        return -E2BIG;
    switch (reader->reading) {
    case YG_READING_SIZE:
    case YG_READING_DIGITS:
        return take_size(reader, c);
    case YG_READING_REST:
        if (c == '\n')
            begin_chunk(reader);
        return 0;
    case YG_READING_CHUNK_END:
        if (c == '\n')
            reader->reading = YG_READING_SIZE;
        return c == '\n' || c == '\r' ? 0 : -EBADMSG;
    default: /* a trailer, which is passed over */
        if (c == '\n' && reader->is_line_empty)
            reader->reading = YG_READING_DONE;
        reader->is_line_empty = c == '\n' || (c == '\r' && reader->is_line_empty);
        return 0;
    }
}

/* ---- pieces ---- */

static int take_some(struct yg_reply_reader *reader, const char *ptr, size_t len, size_t *ret_used)
{
    switch (reader->reading) {
    case YG_READING_HEAD:
        return take_head(reader, ptr, len, ret_used);
    case YG_READING_LENGTH:
        return take_left(reader, ptr, len, YG_READING_DONE, ret_used);
    case YG_READING_CHUNK:
        return take_left(reader, ptr, len, YG_READING_CHUNK_END, ret_used);
    case YG_READING_TO_END:
        *ret_used = len;
        return add_body(reader, ptr, len);
    default:
        *ret_used = 1;
        return take_char(reader, *ptr);
    }
}

int yg_reply_reader_take(struct yg_reply_reader *reader, const char *ptr, size_t len,
                         size_t *ret_used)
{
    size_t used = 0;
    int rc = 0;

    while (used < len && reader->reading != YG_READING_DONE && rc == 0) {
        size_t some = 0;

        reader->has_begun = true;
        rc = take_some(reader, ptr + used, len - used, &some);
        used += some;
    }
    *ret_used = used;
    return rc;
}

bool yg_reply_reader_end(struct yg_reply_reader *reader)
{
    if (reader->reading == YG_READING_TO_END)
        reader->reading = YG_READING_DONE;
    return reader->reading == YG_READING_DONE;
}

const char *yg_reply_reader_header(const struct yg_reply_reader *reader, const char *name, size_t n)
{
    return reader->reading != YG_READING_HEAD ? find_header(reader, name, n) : NULL;
}

void yg_reply_reader_reset(struct yg_reply_reader *reader, size_t max_body)
{
    struct yg_text head = reader->head, body = reader->body;

    yg_text_reset(&head);
    yg_text_reset(&body);
    if (body.cap > KEEP_BODY)
        yg_text_done(&body);
    *reader = (struct yg_reply_reader){.head = head, .body = body, .max_body = max_body};
}

void yg_reply_reader_done(struct yg_reply_reader *reader)
{
    yg_text_done(&reader->head);
    yg_text_done(&reader->body);
}
