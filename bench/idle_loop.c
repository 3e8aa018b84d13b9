/* SPDX-License-Identifier: MIT */
/*
 * What waits costs nothing: a server of one loop with timers that are due in an hour and watched
 * descriptors that are never ready.  Prints the CPU time of the loop's thread, and how often it
 * woke, in some seconds.
 *
 * Usage: idle_loop [timers [watches [seconds]]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <yodel/yodel.h>

static struct {
    unsigned num_timers, num_watches, seconds;
    yodel_timer *timers;
    yodel_watch *watches;
    struct rusage before;
} idle;

static void never(yodel_timer *timer, void *user)
{
    (void)timer;
    (void)user;
}

static void never_ready(yodel_watch *watch, unsigned events, void *user)
{
    (void)watch;
    (void)events;
    (void)user;
}

static double cpu_ms(const struct rusage *usage)
{
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1e3 +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e3;
}

static void finish(yodel_loop *loop, void *arg)
{
    struct rusage after;

    (void)arg;
    (void)getrusage(RUSAGE_THREAD, &after);
    printf("%u timers, %u watches, %u s: %.3f ms of CPU, woke %ld times\n", idle.num_timers,
           idle.num_watches, idle.seconds, cpu_ms(&after) - cpu_ms(&idle.before),
           after.ru_nvcsw - idle.before.ru_nvcsw);
    yodel_server_stop(yodel_loop_server(loop), 0);
}

static void begin(yodel_loop *loop, void *arg)
{
    (void)arg;
    (void)getrusage(RUSAGE_THREAD, &idle.before);
    (void)yodel_loop_post_after(loop, idle.seconds * 1000, finish, NULL, NULL);
}

static int on_start(yodel_loop *loop, void *user)
{
    int rc = 0;

    (void)user;
    for (unsigned i = 0; i < idle.num_timers && rc == 0; i++) {
        yodel_timer_init(&idle.timers[i], loop, never, NULL);
        rc = yodel_timer_start(&idle.timers[i], 3600 * 1000 + i);
    }
    for (unsigned i = 0; i < idle.num_watches && rc == 0; i++) {
        yodel_watch_init(&idle.watches[i], loop, never_ready, NULL);
        rc = yodel_watch_start(&idle.watches[i], eventfd(0, EFD_CLOEXEC), YODEL_WATCH_READABLE);
    }
    return rc < 0 ? rc : yodel_loop_post_after(loop, 1000, begin, NULL, NULL);
}

int main(int argc, char **argv)
{
    yodel_server *server = NULL;
    int rc;

    idle.num_timers = argc > 1 ? (unsigned)atoi(argv[1]) : 10000;
    idle.num_watches = argc > 2 ? (unsigned)atoi(argv[2]) : 1000;
    idle.seconds = argc > 3 ? (unsigned)atoi(argv[3]) : 5;
    idle.timers = calloc(idle.num_timers + 1, sizeof *idle.timers);
    idle.watches = calloc(idle.num_watches + 1, sizeof *idle.watches);
    if (idle.timers == NULL || idle.watches == NULL)
        return 1;
    rc = yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 1), &server);
    if (rc >= 0)
        rc = yodel_server_add_loop_handlers(
            server, YODEL_OPTIONS(yodel_loop_handlers, .on_start = on_start), NULL);
    if (rc >= 0)
        rc = yodel_server_run(server);
    if (rc < 0)
        fprintf(stderr, "idle_loop: %s\n", yodel_strerror(rc));
    yodel_server_unref(server);
    free(idle.timers);
    free(idle.watches);
    return rc < 0;
}
