/* SPDX-License-Identifier: MIT */
#ifndef YG_HTTP_REPLY_HEADERS_H
#define YG_HTTP_REPLY_HEADERS_H

#include <stdbool.h>
#include <stdint.h>

/* What the headers of a back end's answer mean.  What is malformed says nothing. */

#define YG_RETRY_AFTER_MAX_MS 3600000

/* Whether a Content-Type is application/json, or any with the suffix +json.  Parameters do not
 * count, nor does case. */
bool yg_is_json_type(const char *content_type);

/*
 * Retry-After: seconds, or a date.
 *
 * now_s   seconds since 1970
 *
 * Returns milliseconds, at most YG_RETRY_AFTER_MAX_MS; 0: nothing, or a time that has passed.
 */
uint32_t yg_retry_after_ms(const char *value, int64_t now_s);

/* What one or several lines of Cache-Control say; all zero before the first. */
struct yg_cache_control {
    uint32_t max_age_s; /* the least of those said, at most 2^31 - 1 */
    bool has_max_age;
    bool is_forbidden; /* no-store, no-cache or private */
};

void yg_cache_control_add(struct yg_cache_control *control, const char *value);

/* How long the answer may be used; 0: not at all. */
uint32_t yg_cache_control_age_s(const struct yg_cache_control *control);

#endif
