/* SPDX-License-Identifier: MIT */
#include <yodel/restart.h>

#include "program.h"

/* How a program stops its server. */

void program_stop(struct program *p)
{
    static const uint32_t times[] = {5000, 3000, 0, 1000};
    uint32_t ms = times[pick(p, 4)];

    say(p, "stop, %u ms", ms);
    if (p->num_stops++ == 0)
        p->stop_ends_at = p->now + ms;
    p->gentle = p->num_stops == 1;
    if (pick(p, 2) == 0) {
        yodel_server_stop(p->server, ms);
        return;
    }
    p->gentle = false; /* closes come later, with another code */
    if (yodel_server_stop_with(p->server,
                               YODEL_OPTIONS(yodel_stop_options, .drain_ms = ms,
                                             .spread_ms = times[pick(p, 4)], .code = 1012)) < 0)
        broken(p, "stop_with: refused");
}
