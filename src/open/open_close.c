/* SPDX-License-Identifier: MIT */
#include "open/open.h"

void yd_open_close(yodel_loop *open)
{
    yd_open_give_up_jobs(open);
    open->closed = true;
    yd_open_stop_timers(open);
    yd_open_stop_watches(open);
    yd_open_free_data(open);
}
