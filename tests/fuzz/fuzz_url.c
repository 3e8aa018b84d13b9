/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/url.h"

/* The input is a path or a query; for the latter, up to the first line feed stands the name that is
 * looked for. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

static char *new_room(size_t size)
{
    char *room = malloc(size > 0 ? size : 1);

    require(room != NULL);
    return room;
}

/* Every byte as %XX, but slashes when keep says so.  to has room for 3 * text.len. */
static size_t encode(yodel_str text, int keep_slashes, char *to)
{
    static const char digits[] = "0123456789abcdef";
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.ptr[i];

        if (c == '/' && keep_slashes) {
            to[len++] = '/';
            continue;
        }
        to[len++] = '%';
        to[len++] = digits[c >> 4];
        to[len++] = digits[c & 15];
    }
    return len;
}

static void check_decode(yodel_str text, int form)
{
    char *out = new_room(text.len), *same = new_room(text.len), *encoded = new_room(3 * text.len);
    ptrdiff_t len = yd_url_decode(text, out, form);
    size_t encoded_len = encode(text, 0, encoded);

    require(len == -EINVAL || (len >= 0 && (size_t)len <= text.len));
    memcpy(same, text.ptr, text.len);
    require(yd_url_decode((yodel_str){same, text.len}, same, form) == len);
    require(len < 0 || memcmp(out, same, (size_t)len) == 0);
    require(yd_url_decode((yodel_str){encoded, encoded_len}, same, form) == (ptrdiff_t)text.len);
    require(memcmp(same, text.ptr, text.len) == 0);
    free(out);
    free(same);
    free(encoded);
}

/* A relative path of proper segments. */
static void check_is_below(const char *path, size_t len)
{
    size_t from = 0;

    require(path[len] == '\0' && strlen(path) == len);
    for (size_t i = 0; i <= len && len > 0; i++) {
        if (i < len && path[i] != '/') {
            require((uint8_t)path[i] >= 0x20 && path[i] != 0x7f && path[i] != '\\');
            continue;
        }
        require(i > from);
        require(i - from != 1 || path[from] != '.');
        require(i - from != 2 || path[from] != '.' || path[from + 1] != '.');
        from = i + 1;
    }
}

/* What was resolved resolves to itself. */
static void check_stays(const char *path, size_t len)
{
    char *encoded = new_room(3 * len + 1);
    char *out;
    size_t encoded_len;

    encoded[0] = '/';
    encoded_len = 1 + encode((yodel_str){path, len}, 1, encoded + 1);
    out = new_room(encoded_len + 1);
    require(yd_url_file_path((yodel_str){encoded, encoded_len}, out) == (ptrdiff_t)len);
    require(memcmp(out, path, len) == 0);
    free(encoded);
    free(out);
}

static void check_file_path(yodel_str text)
{
    char *out = new_room(text.len + 1);
    ptrdiff_t len = yd_url_file_path(text, out);

    require(len == -EINVAL || (len >= 0 && (size_t)len < text.len));
    if (len >= 0) {
        check_is_below(out, (size_t)len);
        check_stays(out, (size_t)len);
    }
    free(out);
}

/* A pair at the end of the query is the one found. */
static void check_last_pair(yodel_str query, yodel_str name)
{
    size_t size = query.len + 3 * (name.len + query.len) + 2;
    char *longer = new_room(size), *out = new_room(size);
    size_t len = query.len;
    yodel_str found;

    memcpy(longer, query.ptr, len);
    longer[len++] = '&';
    len += encode(name, 0, longer + len);
    longer[len++] = '=';
    len += encode(query, 0, longer + len);
    found = yd_url_query_param((yodel_str){longer, len}, name, out);
    require(found.ptr == out && yodel_str_eq(found, query));
    free(longer);
    free(out);
}

static void check_query(yodel_str text)
{
    const char *line_feed = memchr(text.ptr, '\n', text.len);
    size_t len = line_feed != NULL ? (size_t)(line_feed - text.ptr) : 0;
    yodel_str name = {text.ptr, len};
    yodel_str query = line_feed != NULL ? (yodel_str){line_feed + 1, text.len - len - 1} : text;
    char *out = new_room(query.len);
    yodel_str found = yd_url_query_param(query, name, out);

    require(found.ptr == NULL || (found.ptr == out && found.len <= query.len));
    free(out);
    check_last_pair(query, name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    yodel_str text = {(const char *)data, size};

    if (size == 0)
        return 0;
    check_decode(text, 0);
    check_decode(text, 1);
    check_file_path(text);
    check_query(text);
    return 0;
}
