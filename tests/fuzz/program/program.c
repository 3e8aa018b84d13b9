/* SPDX-License-Identifier: MIT */
#include "program.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct program_counts program_counts;

/* ---- the string ---- */

unsigned draw(struct program *p)
{
    return p->at < p->size ? p->data[p->at++] : 0;
}

unsigned pick(struct program *p, unsigned n)
{
    return draw(p) % n;
}

bool once_in(struct program *p, unsigned n)
{
    return draw(p) % n == 1;
}

/* ---- the trace and the verdict ---- */

static void tell(const struct program *p, const char *format, va_list args)
{
    static const char *const places[] = {"0", "1", "2"};

    fprintf(stderr, "%4u %5llu %s %*s", p->step, (unsigned long long)p->now,
            p->current >= 0 ? places[p->current] : "-", (int)(2 * p->depth), "");
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

void say(const struct program *p, const char *format, ...)
{
    va_list args;

    if (!p->verbose)
        return;
    va_start(args, format);
    tell(p, format, args);
    va_end(args);
}

/* Numbers do not count. */
static bool begins_with(const char *text, const char *beginning, size_t len)
{
    for (; len > 0; text++) {
        if (*text >= '0' && *text <= '9')
            continue;
        if (*text != *beginning)
            return false;
        beginning++;
        len--;
    }
    return true;
}

static bool is_ignored(const char *text)
{
    const char *list = getenv("PROGRAM_IGNORE");

    while (list != NULL && *list != '\0') {
        size_t len = strcspn(list, "|");

        if (len > 0 && begins_with(text, list, len))
            return true;
        list += len + (list[len] == '|');
    }
    return false;
}

void broken(const struct program *p, const char *format, ...)
{
    char text[300];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (is_ignored(text))
        return;
    fprintf(stderr, "BROKEN: %s (step %u)\n", text, p->step);
    abort();
}

/* ---- ids are the same in every run ---- */

static uint64_t random_state;

/* In place of OpenSSL's. */
int RAND_bytes(unsigned char *bytes, int num);
int RAND_bytes(unsigned char *bytes, int num)
{
    for (int i = 0; i < num; i++) {
        random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        bytes[i] = (unsigned char)(random_state >> 56);
    }
    return 1;
}

/* ---- a program ---- */

static int lowest_free_descriptor(void)
{
    int fd = fcntl(STDERR_FILENO, F_DUPFD, 0);

    if (fd >= 0)
        (void)close(fd);
    return fd;
}

static int run_steps(yodel_server *server, void *arg)
{
    struct program *p = arg;

    server->num_running = p->num_loops;
    p->is_setting_up = false;
    while (p->at < p->size) {
        p->step++;
        program_counts.steps++;
        run_step(p);
    }
    world_stop(p);
    return 0;
}

int program_run(const uint8_t *data, size_t size, bool verbose)
{
    struct program *p = calloc(1, sizeof *p);
    int descriptor = lowest_free_descriptor();

    if (p == NULL)
        abort();
    random_state = 1;
    p->data = data;
    p->size = size;
    p->verbose = verbose;
    p->current = -1;
    world_start(p);
    if (far_run_within(p, run_steps) < 0)
        broken(p, "the server does not run");
    world_finish(p);
    if (lowest_free_descriptor() != descriptor)
        broken(p, "descriptor %d is open still", descriptor);
    program_counts.programs++;
    free(p);
    return 0;
}
