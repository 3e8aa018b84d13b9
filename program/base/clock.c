/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <stdio.h>
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

void yg_clock_text(int64_t wall_ms, char ret_text[YG_CLOCK_TEXT])
{
    const int64_t ms = wall_ms < 0 ? 0 : wall_ms > LAST_MS ? LAST_MS : wall_ms;
    const time_t seconds = (time_t)(ms / 1000);
    struct tm parts;

    gmtime_r(&seconds, &parts);
    strftime(ret_text, YG_CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(ret_text + 19, YG_CLOCK_TEXT - 19, ".%03dZ", (int)(ms % 1000));
}
