/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <string.h>
#include <time.h>

#define LAST_MS INT64_C(253402300799999)

int64_t yg_clock_wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t yg_clock_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t yg_clock_ms(void)
{
    return yg_clock_us() / 1000;
}

/* With zeros in front. */
static void put_digits(char *to, unsigned num, int value)
{
    for (; num > 0; value /= 10)
        to[--num] = (char)('0' + value % 10);
}

void yg_clock_text(int64_t wall_ms, char ret_text[YG_CLOCK_TEXT])
{
    const int64_t ms = wall_ms < 0 ? 0 : wall_ms > LAST_MS ? LAST_MS : wall_ms;
    const time_t seconds = (time_t)(ms / 1000);
    struct tm parts;

    gmtime_r(&seconds, &parts);
    memcpy(ret_text, "YYYY-MM-DDTHH:MM:SS.mmmZ", YG_CLOCK_TEXT);
    put_digits(ret_text, 4, parts.tm_year + 1900);
    put_digits(ret_text + 5, 2, parts.tm_mon + 1);
    put_digits(ret_text + 8, 2, parts.tm_mday);
    put_digits(ret_text + 11, 2, parts.tm_hour);
    put_digits(ret_text + 14, 2, parts.tm_min);
    put_digits(ret_text + 17, 2, parts.tm_sec);
    put_digits(ret_text + 20, 3, (int)(ms % 1000));
}
