/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "http/reply_reader.h"

/* The input is what a back end answers: in one piece, and in pieces whose size is its first byte.
 * Both are read the same. */

#define MAX_BODY 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

static int take(struct yg_reply_reader *reader, const char *ptr, size_t len, size_t piece,
                size_t *ret_used)
{
    size_t at = 0, used = 0;
    int rc = 0;

    yg_reply_reader_reset(reader, MAX_BODY);
    while (at < len && rc == 0 && reader->reading != YG_READING_DONE) {
        const size_t some = len - at < piece ? len - at : piece;

        rc = yg_reply_reader_take(reader, ptr + at, some, &used);
        require(used <= some);
        require(rc < 0 || used == some || reader->reading == YG_READING_DONE);
        at += used;
    }
    *ret_used = at;
    return rc;
}

static void compare(const struct yg_reply_reader *a, const struct yg_reply_reader *b)
{
    const char *value = yg_reply_reader_header(a, "Content-Type", 0),
               *other = yg_reply_reader_header(b, "Content-Type", 0);

    require(a->reading == b->reading && a->status == b->status && a->is_kept == b->is_kept);
    require(a->body.len == b->body.len && a->body.len <= MAX_BODY);
    require(a->body.len == 0 || memcmp(a->body.ptr, b->body.ptr, a->body.len) == 0);
    require((value == NULL) == (other == NULL));
    require(value == NULL || strcmp(value, other) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yg_reply_reader whole = {0}, pieces = {0};
    const size_t piece = size > 0 && data[0] > 0 ? data[0] : 1;
    const char *text = size > 0 ? (const char *)data + 1 : "";
    const size_t len = size > 0 ? size - 1 : 0;
    size_t used = 0, other = 0;
    const int rc = take(&whole, text, len, len + 1, &used);

    require(take(&pieces, text, len, piece, &other) == rc);
    if (rc == 0) {
        require(used == other);
        compare(&whole, &pieces);
        require(yg_reply_reader_end(&whole) == yg_reply_reader_end(&pieces));
    }
    yg_reply_reader_done(&whole);
    yg_reply_reader_done(&pieces);
    return 0;
}
