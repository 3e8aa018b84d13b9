/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "serve/metrics_text.h"
#include "serve/state.h"

/* What Prometheus expects of every process, from /proc. */

#define COUNT_EVERY_MS 5000

/* One line, the first. */
static bool read_line(const char *path, char *line, int size)
{
    FILE *file = fopen(path, "re");
    const bool ok = file != NULL && fgets(line, size, file) != NULL;

    if (file != NULL)
        fclose(file);
    return ok;
}

static double cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static uint64_t resident_bytes(void)
{
    unsigned long long size, resident;
    char line[200];

    if (!read_line("/proc/self/statm", line, sizeof(line)) ||
        sscanf(line, "%llu %llu", &size, &resident) != 2)
        return 0;
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* The 22nd field of stat is when the process started, in ticks since the system did; the second, in
 * parentheses, may have anything in it. */
static uint64_t start_ticks(void)
{
    char line[1000], *at;

    if (!read_line("/proc/self/stat", line, sizeof(line)) || (at = strrchr(line, ')')) == NULL)
        return 0;
    for (int field = 2; field < 22 && at != NULL; field++)
        at = strchr(at + 1, ' ');
    return at != NULL ? strtoull(at, NULL, 10) : 0;
}

static double start_seconds(uint64_t ticks)
{
    struct timespec up;

    if (ticks == 0 || clock_gettime(CLOCK_BOOTTIME, &up) < 0)
        return 0;
    return (double)yg_clock_wall_ms() / 1e3 - ((double)up.tv_sec + (double)up.tv_nsec / 1e9) +
           (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

/* ---- descriptors ---- */

/* A count under way; the state is not looked at but on the loop, since at the end of the server
 * nobody waits for the thread. */
struct descriptors {
    struct yg_state *state;
    uint64_t num;
};

/* Of many it takes milliseconds, so it is not done on a loop; since Linux 6.2 the size tells. */
static int count_descriptors(void *arg)
{
    struct descriptors *count = arg;
    DIR *folder = opendir("/proc/self/fd");

    if (folder == NULL)
        return 0;
    while (readdir(folder) != NULL)
        count->num++;
    closedir(folder);
    count->num -= count->num > 3 ? 3 : count->num; /* ".", ".." and its own */
    return 0;
}

static void counted(yodel_loop *loop, int result, void *arg)
{
    const struct descriptors *count = arg;

    (void)loop;
    (void)result;
    atomic_store(&count->state->open_fds, count->num);
    atomic_store(&count->state->counts_fds, false);
}

static void begin_count(struct yg_state *state, yodel_loop *loop)
{
    struct descriptors *count = calloc(1, sizeof(*count));
    int rc = -ENOMEM;

    if (count != NULL) {
        count->state = state;
        rc = yodel_loop_work(loop, NULL, count_descriptors, counted, count, free);
    }
    if (rc < 0)
        atomic_store(&state->counts_fds, false);
}

/* The number that is known now; a newer one is for the next who asks. */
static uint64_t open_descriptors(struct yg_state *state, yodel_loop *loop)
{
    const int64_t now = (int64_t)yg_clock_ms();
    struct stat about;

    if (stat("/proc/self/fd", &about) == 0 && about.st_size > 0)
        return (uint64_t)about.st_size;
    if (now - atomic_load(&state->counted_fds_ms) >= COUNT_EVERY_MS &&
        !atomic_exchange(&state->counts_fds, true)) {
        atomic_store(&state->counted_fds_ms, now);
        begin_count(state, loop);
    }
    return atomic_load(&state->open_fds);
}

static uint64_t max_descriptors(void)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

void yg_process_metrics_start(struct yg_state *state)
{
    struct descriptors count = {state, 0};

    (void)count_descriptors(&count);
    atomic_store(&state->open_fds, count.num);
    state->start_ticks = start_ticks();
    state->start_seconds = start_seconds(state->start_ticks);
}

void yg_process_metrics_put(struct yg_state *state, yodel_loop *loop, struct yg_text *text)
{
    yg_metric_head(text, "process_cpu_seconds_total", "counter", "Time on processors.");
    yg_metric_sample_float(text, "process_cpu_seconds_total", NULL, cpu_seconds());
    yg_metric(text, "process_resident_memory_bytes", "gauge", "Memory that is resident.",
              resident_bytes());
    yg_metric(text, "process_open_fds", "gauge", "Descriptors that are open.",
              open_descriptors(state, loop));
    yg_metric(text, "process_max_fds", "gauge", "Descriptors that may be open.", max_descriptors());
    yg_metric_head(text, "process_start_time_seconds", "gauge",
                   "When the process started, since 1970.");
    yg_metric_sample_float(text, "process_start_time_seconds", NULL, state->start_seconds);
}
