/* SPDX-License-Identifier: MIT */
/* WebSocket and Socket.IO load generator: one thread, one epoll, one kind of message.  See
 * README.md. */
#include "load/modes.h"
#include "load/options.h"
#include "load/report.h"

#include <stdlib.h>

typedef int(mode_fn)(const struct load_options *options, struct report *report);

static mode_fn *const modes[] = {
    [LOAD_ECHO] = mode_echo,       [LOAD_BROADCAST] = mode_broadcast, [LOAD_IDLE] = mode_idle,
    [LOAD_CONNECT] = mode_connect, [LOAD_POLLING] = mode_polling,     [LOAD_EVENTS] = mode_events,
    [LOAD_HOLD] = mode_hold,       [LOAD_HOLD_QUIET] = mode_hold,
};

int main(int argc, char **argv)
{
    struct load_options options;
    struct report report;

    if (load_options_parse(&options, argc, argv) < 0)
        return EXIT_FAILURE;
    if (modes[options.mode](&options, &report) < 0)
        return EXIT_FAILURE;
    if (modes[options.mode] == mode_hold) /* has reported what it was told to do */
        return EXIT_SUCCESS;
    report_print(&report, &options);
    return report.errors == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
