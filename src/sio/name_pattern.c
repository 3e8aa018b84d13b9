/* SPDX-License-Identifier: MIT */
#include "sio/name_pattern.h"

#include <errno.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* What one match may cost: backtracking steps, their depth, and memory of the interpreter. */
#define MATCH_LIMIT 100000
#define DEPTH_LIMIT 10000
#define HEAP_LIMIT_KIB 1024

int yd_sio_pattern_new(const char *pattern, void **ret_pattern)
{
    uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED | PCRE2_ENDANCHORED;
    PCRE2_SIZE at;
    int error;
    void *code =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options, &error, &at, NULL);

    if (code == NULL)
        return error == PCRE2_ERROR_HEAP_FAILED ? -ENOMEM : YODEL_ERR_PATTERN;
    *ret_pattern = code;
    return 0;
}

void yd_sio_pattern_free(void *pattern)
{
    pcre2_code_free(pattern);
}

bool yd_sio_pattern_matches(void *pattern, yodel_str name)
{
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    bool matches = false;

    if (data != NULL && limits != NULL) {
        (void)pcre2_set_match_limit(limits, MATCH_LIMIT);
        (void)pcre2_set_depth_limit(limits, DEPTH_LIMIT);
        (void)pcre2_set_heap_limit(limits, HEAP_LIMIT_KIB);
        matches = pcre2_match(pattern, (PCRE2_SPTR)name.ptr, name.len, 0, 0, data, limits) >= 0;
    }
    pcre2_match_context_free(limits);
    pcre2_match_data_free(data);
    return matches;
}
