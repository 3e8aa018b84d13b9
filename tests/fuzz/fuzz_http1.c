/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "proto/http1.h"

/*
 * The input is what a peer sends: a request head, with its body after it, and once more as a
 * chunked body.  Chopping the input must change nothing, and what was scanned, written out again,
 * must be the same.
 */

#define MAX_FIELDS 16
#define MAX_HEAD 2048

static const struct yd_http_limits limits = {
    .max_head = MAX_HEAD, .max_target = 512, .max_fields = MAX_FIELDS};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

/* Pieces of 1 to 16 bytes, by a generator that the input seeds. */
static size_t next_piece(uint32_t *seed, size_t left)
{
    size_t piece;

    *seed = *seed * 1664525u + 1013904223u;
    piece = 1 + (*seed >> 28);
    return YD_MIN(piece, left);
}

static uint32_t seed_of(const uint8_t *data, size_t size)
{
    uint32_t seed = 2166136261u;

    for (size_t i = 0; i < size; i++)
        seed = (seed ^ data[i]) * 16777619u;
    return seed;
}

static int scan_pieces(const uint8_t *data, size_t size, struct yd_http_scan *scan,
                       const char **ret_error)
{
    uint32_t seed = seed_of(data, size);
    size_t len = 0;
    int result = 0;

    while (result == 0 && len < size) {
        len += next_piece(&seed, size - len);
        result = yd_http_scan(scan, &yd_mem_default, data, len, &limits, ret_error);
    }
    return result;
}

/* All but where the lines are, and how many there is room for. */
static void check_same_scan(const struct yd_http_scan *a, const struct yd_http_scan *b)
{
    struct yd_http_scan left = *a, right = *b;

    require(a->num_lines == b->num_lines);
    require(a->num_lines == 0 || memcmp(a->lines, b->lines, a->num_lines * sizeof(*a->lines)) == 0);
    left.lines = right.lines = NULL;
    left.max_lines = right.max_lines = 0;
    require(memcmp(&left, &right, sizeof(left)) == 0);
}

static int scan_all_ways(const uint8_t *data, size_t size, struct yd_http_scan *ret_scan)
{
    struct yd_http_scan other = {0};
    const char *error = NULL, *other_error = NULL;
    int result = yd_http_scan(ret_scan, &yd_mem_default, data, size, &limits, &error);

    require(scan_pieces(data, size, &other, &other_error) == result);
    require(error == other_error && (result < 0) == (error != NULL));
    check_same_scan(ret_scan, &other);
    yd_http_scan_done(&yd_mem_default, &other);
    require(result <= 0 || (size_t)result == ret_scan->pos);
    require(result != 0 || ret_scan->pos == size);
    return result;
}

static void check_view(yodel_str view, const uint8_t *data, size_t len)
{
    const uint8_t *p = (const uint8_t *)view.ptr;

    require(p >= data && view.len <= len && (size_t)(p - data) <= len - view.len);
}

static void check_head(const struct yd_http_head *head, const uint8_t *data, size_t len)
{
    check_view(head->method, data, len);
    check_view(head->target, data, len);
    require(yd_http_is_token(head->method) && head->target.len > 0 && head->path.len > 0);
    require(head->path.ptr[0] == '/' || head->path.ptr[0] == '*');
    require(head->minor == 0 || head->host.len > 0);
    require(head->minor <= 1 && head->num_fields <= MAX_FIELDS);
    require((head->body == YD_HTTP_BODY_LENGTH) == (head->content_length > 0));
    require(head->content_length <= INT64_MAX);
    for (size_t i = 0; i < head->num_fields; i++) {
        check_view(head->fields[i].name, data, len);
        check_view(head->fields[i].value, data, len);
        require(yd_http_is_token(head->fields[i].name));
        require(yd_http_is_field_value(head->fields[i].value));
    }
}

static uint8_t *put(uint8_t *to, yodel_str text)
{
    memcpy(to, text.ptr, text.len);
    return to + text.len;
}

/* No longer than the head that was parsed, but for a blank in each field. */
static size_t write_head(const struct yd_http_head *head, uint8_t *to)
{
    uint8_t *p = put(to, head->method);

    p = put(p, YODEL_STR(" "));
    p = put(p, head->target);
    p = put(p, head->minor > 0 ? YODEL_STR(" HTTP/1.1\r\n") : YODEL_STR(" HTTP/1.0\r\n"));
    for (size_t i = 0; i < head->num_fields; i++) {
        p = put(p, head->fields[i].name);
        p = put(p, YODEL_STR(":"));
        p = put(p, head->fields[i].value);
        p = put(p, YODEL_STR("\r\n"));
    }
    return (size_t)(put(p, YODEL_STR("\r\n")) - to);
}

static void check_same(const struct yd_http_head *a, const struct yd_http_head *b)
{
    require(yodel_str_eq(a->method, b->method) && yodel_str_eq(a->target, b->target));
    require(yodel_str_eq(a->path, b->path) && yodel_str_eq(a->query, b->query));
    require(yodel_str_eq(a->host, b->host) && a->minor == b->minor && a->body == b->body);
    require(a->keep_alive == b->keep_alive && a->upgrade == b->upgrade);
    require(a->expect_continue == b->expect_continue);
    require(a->content_length == b->content_length && a->num_fields == b->num_fields);
    for (size_t i = 0; i < a->num_fields; i++) {
        require(yodel_str_eq(a->fields[i].name, b->fields[i].name));
        require(yodel_str_eq(a->fields[i].value, b->fields[i].value));
    }
}

static void check_round_trip(const struct yd_http_head *head)
{
    uint8_t text[MAX_HEAD];
    struct yd_http_field fields[MAX_FIELDS];
    struct yd_http_scan scan = {0};
    struct yd_http_head again;
    const char *error = NULL;
    size_t len = write_head(head, text);

    require(yd_http_scan(&scan, &yd_mem_default, text, len, &limits, &error) == (int)len);
    yd_http_head_of(&scan, text, fields, &again);
    check_same(head, &again);
    yd_http_scan_done(&yd_mem_default, &scan);
}

struct content {
    uint8_t *bytes; /* size of the input */
    size_t len, used;
    int result;
};

static void decode(const uint8_t *data, size_t size, uint32_t seed, struct content *content)
{
    struct yd_http_chunked chunked = {0};
    uint8_t *copy = malloc(size);

    require(copy != NULL);
    memcpy(copy, data, size);
    while (content->result == 0 && content->used < size) {
        size_t left = size - content->used, used = 0, len = 0;
        size_t piece = seed != 0 ? next_piece(&seed, left) : left;
        uint8_t *p = copy + content->used;

        content->result = yd_http_chunked_decode(&chunked, p, piece, &used, &len);
        require(len <= used && used <= piece && (content->result != 0 || used == piece));
        memcpy(content->bytes + content->len, p, len);
        content->len += len;
        content->used += used;
    }
    free(copy);
}

static void check_chunked(const uint8_t *data, size_t size)
{
    struct content whole = {.bytes = malloc(size)}, chopped = {.bytes = malloc(size)};

    require(whole.bytes != NULL && chopped.bytes != NULL);
    decode(data, size, 0, &whole);
    decode(data, size, seed_of(data, size) | 1, &chopped);
    require(whole.result == chopped.result);
    /* What came ahead of the fault is handed out or not as the pieces fall. */
    if (whole.result >= 0) {
        require(whole.used == chopped.used && whole.len == chopped.len);
        require(memcmp(whole.bytes, chopped.bytes, whole.len) == 0);
    }
    free(whole.bytes);
    free(chopped.bytes);
}

static void check_request(const uint8_t *data, size_t size)
{
    struct yd_http_scan scan = {0};
    struct yd_http_field fields[MAX_FIELDS];
    struct yd_http_head head;
    int end = scan_all_ways(data, size, &scan);

    if (end > 0) {
        yd_http_head_of(&scan, data + scan.start, fields, &head);
        check_head(&head, data + scan.start, (size_t)end - scan.start);
        check_round_trip(&head);
        if (head.body == YD_HTTP_BODY_CHUNKED && size > (size_t)end)
            check_chunked(data + end, size - (size_t)end);
    }
    yd_http_scan_done(&yd_mem_default, &scan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    check_request(data, size);
    check_chunked(data, size);
    return 0;
}
