/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "http/reply_headers.h"

/* The input is the value of a header of a back end's answer: of each that is read, and as two lines
 * of Cache-Control, whose order does not count. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

static uint32_t age_of(const char *first, const char *second)
{
    struct yg_cache_control control = {0};

    yg_cache_control_add(&control, first);
    yg_cache_control_add(&control, second);
    return yg_cache_control_age_s(&control);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    (void)yg_is_json_type(text);
    require(yg_retry_after_ms(text, 1700000000) <= YG_RETRY_AFTER_MAX_MS);
    require(age_of(text, text) == age_of(text, ""));
    require(age_of(text, "max-age=60") == age_of("max-age=60", text));
    require(age_of(text, "max-age=60") <= 60);
    require(age_of(text, "no-store") == 0);
    free(text);
    return 0;
}
