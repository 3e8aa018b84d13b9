/* SPDX-License-Identifier: MIT */
#include "http/reply_headers.h"

#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#define MAX_AGE_S INT32_MAX /* RFC 9111, 1.2.2: what is larger */

static bool is_word(const char *ptr, size_t len, const char *word)
{
    return len == strlen(word) && strncasecmp(ptr, word, len) == 0;
}

bool yg_is_json_type(const char *content_type)
{
    const size_t len = strcspn(content_type, "; \t,");
    const char *slash = memchr(content_type, '/', len);

    if (is_word(content_type, len, "application/json"))
        return true;
    return slash != NULL && slash != content_type && len > (size_t)(slash - content_type) + 6 &&
           strncasecmp(content_type + len - 5, "+json", 5) == 0;
}

/* Digits with nothing behind them, as a number up to max; false: something else. */
static bool read_number(const char *ptr, size_t len, uint32_t max, uint32_t *ret_number)
{
    uint64_t number = 0;

    if (len == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        if (ptr[i] < '0' || ptr[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(ptr[i] - '0');
        if (number > max)
            number = max;
    }
    *ret_number = (uint32_t)number;
    return true;
}

uint32_t yg_retry_after_ms(const char *value, int64_t now_s)
{
    const uint32_t max = YG_RETRY_AFTER_MAX_MS / 1000;
    uint32_t seconds;
    int64_t date;

    if (read_number(value, strcspn(value, " \t"), max, &seconds))
        return seconds * 1000;
    if (strchr(value, ':') == NULL)
        return 0; /* no time of day: curl_getdate() takes more than dates of HTTP */
    date = (int64_t)curl_getdate(value, NULL);
    if (date < 0 || date <= now_s)
        return 0;
    return (date - now_s > max ? max : (uint32_t)(date - now_s)) * 1000;
}

static void add_directive(struct yg_cache_control *control, const char *ptr, size_t len)
{
    const char *equals = memchr(ptr, '=', len);
    const size_t name_len = equals != NULL ? (size_t)(equals - ptr) : len;
    size_t value_len = equals != NULL ? len - name_len - 1 : 0;
    const char *value = ptr + len - value_len;
    uint32_t age = 0;

    if (is_word(ptr, name_len, "no-store") || is_word(ptr, name_len, "no-cache") ||
        is_word(ptr, name_len, "private"))
        control->is_forbidden = true;
    if (!is_word(ptr, name_len, "max-age"))
        return;
    if (value_len >= 2 && value[0] == '"' && value[value_len - 1] == '"') {
        value++;
        value_len -= 2;
    }
    if (!read_number(value, value_len, MAX_AGE_S, &age))
        age = 0; /* RFC 9111, 4.2.1: it is stale */
    if (!control->has_max_age || age < control->max_age_s)
        control->max_age_s = age;
    control->has_max_age = true;
}

/* Where a directive ends: at a comma outside of quotes. */
static size_t directive_len(const char *at)
{
    size_t len = 0;

    for (bool quoted = false; at[len] != '\0' && (quoted || at[len] != ','); len++) {
        if (at[len] == '"')
            quoted = !quoted;
        else if (quoted && at[len] == '\\' && at[len + 1] != '\0')
            len++;
    }
    return len;
}

void yg_cache_control_add(struct yg_cache_control *control, const char *value)
{
    const char *at = value;

    while (*(at += strspn(at, " \t,")) != '\0') {
        const size_t whole = directive_len(at);
        size_t len = whole;

        while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
            len--;
        add_directive(control, at, len);
        at += whole;
    }
}

uint32_t yg_cache_control_age_s(const struct yg_cache_control *control)
{
    return control->is_forbidden ? 0 : control->max_age_s;
}
