/* SPDX-License-Identifier: MIT */
#include "http/conditional.h"

#include "http/date.h"
#include "proto/http1_chars.h"

/* ---- conditions ---- */

static bool is_weak(yodel_str tag)
{
    return tag.len > 2 && tag.ptr[0] == 'W' && tag.ptr[1] == '/';
}

/* RFC 9110 8.8.3.2; our own tags are strong. */
static bool tag_matches(yodel_str tag, const struct yd_file_meta *meta, bool weakly)
{
    if (is_weak(tag)) {
        if (!weakly)
            return false;
        tag.ptr += 2;
        tag.len -= 2;
    }
    return yodel_str_eq(tag, yodel_str_of(meta->etag));
}

static bool list_matches(yodel_str list, const struct yd_file_meta *meta, bool weakly)
{
    yodel_str tag;

    while (yd_http_list_next(&list, &tag))
        if (yodel_str_eq(tag, YODEL_STR("*")) || tag_matches(tag, meta, weakly))
            return true;
    return false;
}

/* 1 when a list of that name has our tag, 0 when none has, -1 without a list. */
static int match_tags(const struct yd_http_head *head, yodel_str name,
                      const struct yd_file_meta *meta, bool weakly)
{
    int result = -1;

    for (size_t i = 0; i < head->num_fields; i++) {
        if (!yd_str_eq_nocase(head->fields[i].name, name))
            continue;
        if (list_matches(head->fields[i].value, meta, weakly))
            return 1;
        result = 0;
    }
    return result;
}

/* False for dates that are none, too: such a condition is ignored. */
static bool is_dated(const struct yd_http_head *head, yodel_str name, int64_t now,
                     int64_t *ret_seconds)
{
    yodel_str value = yd_http_field(head, name);

    return value.ptr != NULL && yd_http_date_parse(value, now, ret_seconds);
}

static int decide_conditions(const struct yd_http_head *head, const struct yd_file_meta *meta,
                             int64_t now)
{
    int match = match_tags(head, YODEL_STR("If-Match"), meta, false);
    int none_match = match_tags(head, YODEL_STR("If-None-Match"), meta, true);
    int64_t date;

    if (match == 0)
        return 412;
    if (match < 0 && is_dated(head, YODEL_STR("If-Unmodified-Since"), now, &date) &&
        meta->modified > date)
        return 412;
    if (none_match == 1)
        return 304;
    if (none_match < 0 && is_dated(head, YODEL_STR("If-Modified-Since"), now, &date) &&
        meta->modified <= date)
        return 304;
    return 200;
}

/* ---- ranges ---- */

/* RFC 9110 13.1.5: a tag that matches strongly, or the very date. */
static bool if_range_holds(const struct yd_http_head *head, const struct yd_file_meta *meta,
                           int64_t now)
{
    yodel_str value = yd_http_field(head, YODEL_STR("If-Range"));
    int64_t date;

    if (value.ptr == NULL)
        return true;
    if (yd_http_date_parse(value, now, &date))
        return date == meta->modified;
    return tag_matches(value, meta, false);
}

/* Takes digits; false when there are none.  A number that is too large is UINT64_MAX. */
static bool take_number(yodel_str *text, uint64_t *ret_number)
{
    uint64_t number = 0;
    size_t i;

    for (i = 0; i < text->len && yd_http_char_is_digit((uint8_t)text->ptr[i]); i++) {
        if (number > (UINT64_MAX - 9) / 10)
            number = UINT64_MAX;
        else
            number = number * 10 + (uint64_t)(text->ptr[i] - '0');
    }
    text->ptr += i;
    text->len -= i;
    *ret_number = number;
    return i > 0;
}

static bool take_char(yodel_str *text, char c)
{
    if (text->len == 0 || text->ptr[0] != c)
        return false;
    text->ptr++;
    text->len--;
    return true;
}

static int decide_suffix(yodel_str spec, uint64_t size, uint64_t *ret_first, uint64_t *ret_len)
{
    uint64_t len;

    if (!take_number(&spec, &len) || spec.len > 0)
        return 200;
    if (len == 0 || size == 0)
        return 416;
    *ret_len = len < size ? len : size;
    *ret_first = size - *ret_len;
    return 206;
}

/* One range "first-last", "first-" or "-length"; 200 when it is malformed. */
static int decide_range(yodel_str spec, uint64_t size, uint64_t *ret_first, uint64_t *ret_len)
{
    uint64_t first, last;
    bool has_last;

    if (take_char(&spec, '-'))
        return decide_suffix(spec, size, ret_first, ret_len);
    if (!take_number(&spec, &first) || !take_char(&spec, '-'))
        return 200;
    has_last = take_number(&spec, &last);
    if (spec.len > 0 || (has_last && last < first))
        return 200;
    if (first >= size)
        return 416;
    if (!has_last || last >= size)
        last = size - 1;
    *ret_first = first;
    *ret_len = last - first + 1;
    return 206;
}

int yd_file_decide(const struct yd_http_head *head, const struct yd_file_meta *meta, int64_t now,
                   uint64_t *ret_first, uint64_t *ret_len)
{
    const yodel_str unit = YODEL_STR("bytes="), name = YODEL_STR("Range");
    yodel_str range = yd_http_field(head, name), list, spec;
    int status = decide_conditions(head, meta, now);

    *ret_first = 0;
    *ret_len = meta->size;
    if (status != 200 || range.len < unit.len || !yodel_str_eq(head->method, YODEL_STR("GET")) ||
        yd_http_count_fields(head, name) != 1)
        return status;
    list = (yodel_str){range.ptr + unit.len, range.len - unit.len};
    range.len = unit.len;
    if (!yd_str_eq_nocase(range, unit) || !if_range_holds(head, meta, now))
        return status;
    if (!yd_http_list_next(&list, &spec) || list.len > 0)
        return status;
    return decide_range(spec, meta->size, ret_first, ret_len);
}
