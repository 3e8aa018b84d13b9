/* SPDX-License-Identifier: MIT */
#include "process.h"
#include "clock.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef void(visit_fn)(pid_t pid, void *arg);

static void visit_tree(pid_t pid, visit_fn *visit, void *arg);

static void visit_children_of_thread(pid_t pid, const char *thread, visit_fn *visit, void *arg)
{
    char path[96];
    FILE *file;
    int child;

    snprintf(path, sizeof path, "/proc/%d/task/%.20s/children", (int)pid, thread);
    file = fopen(path, "re");
    if (file == NULL)
        return;
    while (fscanf(file, "%d", &child) == 1)
        visit_tree((pid_t)child, visit, arg);
    fclose(file);
}

static void visit_tree(pid_t pid, visit_fn *visit, void *arg)
{
    char path[64];
    struct dirent *entry;
    DIR *threads;

    visit(pid, arg);
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    threads = opendir(path);
    if (threads == NULL)
        return;
    while ((entry = readdir(threads)) != NULL)
        if (entry->d_name[0] != '.')
            visit_children_of_thread(pid, entry->d_name, visit, arg);
    closedir(threads);
}

/* The CPU clock of a process is utime + stime of /proc/PID/stat, in nanoseconds, not in ticks. */
static void add_cpu(pid_t pid, void *arg)
{
    uint64_t *sum = arg;
    clockid_t id;

    if (clock_getcpuclockid(pid, &id) == 0)
        *sum += clock_read_ns(id);
}

uint64_t process_cpu_ns(pid_t pid)
{
    uint64_t sum = 0;

    if (pid > 0)
        visit_tree(pid, add_cpu, &sum);
    return sum;
}

/* The kernel tells the two apart in ticks, and scales what it has sampled to the clock above. */
static void add_user(pid_t pid, void *arg)
{
    unsigned long ticks;
    uint64_t *sum = arg;
    char path[64], line[1024], *rest;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return;
    /* A name may have blanks and brackets in it; utime is the twelfth field behind it. */
    if (fgets(line, sizeof line, file) != NULL && (rest = strrchr(line, ')')) != NULL &&
        sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu", &ticks) == 1)
        *sum += ticks * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
    fclose(file);
}

uint64_t process_user_ns(pid_t pid)
{
    uint64_t sum = 0;

    if (pid > 0)
        visit_tree(pid, add_user, &sum);
    return sum;
}

struct memory_sum {
    struct process_memory memory;
    int failures;
};

static void add_memory(pid_t pid, void *arg)
{
    struct memory_sum *sum = arg;
    char path[64], line[128];
    uint64_t kib;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    file = fopen(path, "re");
    if (file == NULL) {
        sum->failures++;
        return;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "Private_Dirty: %" SCNu64, &kib) == 1)
            sum->memory.private_dirty += kib * 1024;
        else if (sscanf(line, "Rss: %" SCNu64, &kib) == 1)
            sum->memory.resident += kib * 1024;
    }
    fclose(file);
}

int process_memory(pid_t pid, struct process_memory *ret_memory)
{
    struct memory_sum sum = {0};

    visit_tree(pid, add_memory, &sum);
    if (sum.failures > 0)
        return -1;
    *ret_memory = sum.memory;
    return 0;
}
