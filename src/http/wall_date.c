/* SPDX-License-Identifier: MIT */
#include "http/wall_date.h"

#include <time.h>

#include "http/date.h"
#include "net/net.h"

static void write_date(struct yd_net_date *date, uint64_t now)
{
    struct timespec wall;

    (void)clock_gettime(CLOCK_REALTIME, &wall);
    yd_http_date_write(wall.tv_sec, date->text);
    date->until = now + 1000 - (uint64_t)(wall.tv_nsec / 1000000);
}

yodel_str yd_http_date_now(struct yd_loop *loop)
{
    struct yd_net_date *date = &loop->net->date;

    _Static_assert(sizeof date->text > YD_HTTP_DATE_LEN, "room for a date");
    if (date->text[0] == '\0' || loop->now >= date->until)
        write_date(date, loop->now);
    return (yodel_str){date->text, YD_HTTP_DATE_LEN};
}
