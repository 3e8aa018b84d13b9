/* SPDX-License-Identifier: MIT */
#include "sio/name_pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

void *yd_sio_pattern_new(const char *pattern)
{
    uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED | PCRE2_ENDANCHORED;
    PCRE2_SIZE at;
    int error;

    return pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options, &error, &at, NULL);
}

void yd_sio_pattern_free(void *pattern)
{
    pcre2_code_free(pattern);
}

bool yd_sio_pattern_matches(void *pattern, yodel_str name)
{
    pcre2_match_data *data = pcre2_match_data_create(1, NULL);
    int rc;

    if (data == NULL)
        return false;
    rc = pcre2_match(pattern, (PCRE2_SPTR)name.ptr, name.len, 0, 0, data, NULL);
    pcre2_match_data_free(data);
    return rc >= 0;
}
