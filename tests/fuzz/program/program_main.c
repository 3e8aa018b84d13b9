/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

/*
 * Runs programs without a fuzzer:
 *
 *     fuzz.program FOLDER...             those of a corpus, ...
 *     fuzz.program -random N [SEED]      N random ones, the first with that seed
 *     fuzz.program -one FILE             one, in this process; PROGRAM_TRACE=1 prints its steps
 *     fuzz.program -minimize FILE        makes it as short as it can be and still fail as it does
 *     fuzz.program -find SECONDS FOLDER [SEED]
 *                                        random ones for so long; each kind of failure that is
 *                                        found, minimised, goes to FOLDER
 *
 * A program that fails is run again with its steps printed.
 */

#define MAX_PROGRAM 4096
#define BATCH 500
#define SIGNATURE 200

struct input {
    size_t size;
    uint8_t data[MAX_PROGRAM];
};

/* What a child tells before it dies. */
struct shared {
    uint64_t seed;
    struct program_counts counts;
};

static const char *self;

/* ---- random programs ---- */

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static void make_random(uint64_t seed, struct input *ret_input)
{
    uint64_t state = seed;

    ret_input->size = 40 + next_random(&state) % (seed % 8 == 0 ? 3000 : 700);
    for (size_t i = 0; i < ret_input->size; i++)
        ret_input->data[i] = (uint8_t)(next_random(&state) >> 32);
}

/* ---- files ---- */

static bool read_input(const char *path, struct input *ret_input)
{
    FILE *file = fopen(path, "rb");

    if (file == NULL)
        return false;
    ret_input->size = fread(ret_input->data, 1, sizeof ret_input->data, file);
    fclose(file);
    return true;
}

static void write_input(const char *path, const struct input *input)
{
    FILE *file = fopen(path, "wb");

    if (file == NULL || fwrite(input->data, 1, input->size, file) != input->size)
        perror(path);
    if (file != NULL)
        fclose(file);
}

/* Of the very size, so that a read past it is seen. */
static void run_here(const struct input *input, bool verbose)
{
    uint8_t *copy = malloc(input->size + 1);

    if (copy == NULL)
        abort();
    memcpy(copy, input->data, input->size);
    (void)program_run(copy, input->size, verbose);
    free(copy);
}

/* ---- failures ---- */

/* Reports name places by their offset: finding out their names takes a second each time. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "symbolize=0:detect_leaks=1:detect_stack_use_after_return=0";
}

/* What is in stdout's buffer would be written by the child too. */
static pid_t start_child(void)
{
    (void)fflush(stdout);
    return fork();
}

static void send_stderr_to(const char *log)
{
    int fd = open(log, O_CREAT | O_TRUNC | O_WRONLY, 0600);

    (void)dup2(fd, STDERR_FILENO);
    (void)close(fd);
}

static bool has_failed(pid_t child)
{
    int status = 0;

    (void)waitpid(child, &status, 0);
    return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
}

/* Runs input in a process of its own, its stderr going to log.  True when it fails. */
static bool fails(const struct input *input, const char *log)
{
    pid_t child = start_child();

    if (child == 0) {
        send_stderr_to(log);
        (void)alarm(20);
        run_here(input, false);
        exit(0);
    }
    return has_failed(child);
}

/* Runs it again with its steps printed, and names in place of offsets. */
static void trace(const struct input *input, const char *log)
{
    char path[64];
    pid_t child;

    (void)snprintf(path, sizeof path, "/tmp/program-%d.input", (int)getpid());
    write_input(path, input);
    if ((child = start_child()) == 0) {
        send_stderr_to(log);
        (void)setenv("ASAN_OPTIONS", "symbolize=1", 1);
        (void)setenv("UBSAN_OPTIONS", "print_stacktrace=1", 1);
        (void)setenv("PROGRAM_TRACE", "1", 1);
        (void)execl(self, self, "-one", path, (char *)NULL);
        _exit(127);
    }
    (void)has_failed(child);
    (void)unlink(path);
}

static void append(char *text, const char *from, size_t len)
{
    size_t have = strlen(text);

    (void)snprintf(text + have, SIGNATURE - have, "%.*s", (int)len, from);
}

/* "BROKEN: text" less its numbers. */
static bool take_verdict(const char *line, char *ret)
{
    if (strncmp(line, "BROKEN: ", 8) != 0)
        return false;
    ret[0] = '\0';
    for (line += 8; *line != '\0' && *line != '\n'; line++)
        if (*line < '0' || *line > '9')
            append(ret, line, 1);
    return true;
}

/* The kind of a sanitizer's report, then its first frames, as offsets in this program. */
static void take_report(const char *line, char *ret, unsigned *frames)
{
    const char *at = strstr(line, "ERROR: AddressSanitizer: "), *offset;

    if (at != NULL && ret[0] == '\0')
        append(ret, at + 25, strcspn(at + 25, " \n"));
    if ((at = strstr(line, "runtime error: ")) != NULL && ret[0] == '\0')
        append(ret, line, strcspn(line, "\n"));
    offset = strstr(line, self);
    if (ret[0] != '\0' && *frames < 4 && strstr(line, "    #") == line && offset != NULL) {
        append(ret, offset + strlen(self), strcspn(offset + strlen(self), ")"));
        ++*frames;
    }
}

/* What tells one failure from another. */
static void read_signature(const char *log, char ret[SIGNATURE])
{
    FILE *file = fopen(log, "r");
    char line[1000];
    unsigned frames = 0;

    ret[0] = '\0';
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (take_verdict(line, ret))
            break;
        take_report(line, ret, &frames);
    }
    if (file != NULL)
        fclose(file);
    if (ret[0] == '\0')
        append(ret, "hangs or dies", 13);
}

static bool still_fails(const struct input *input, const char *signature)
{
    char log[64], now[SIGNATURE];

    (void)snprintf(log, sizeof log, "/tmp/program-%d.log", (int)getpid());
    if (!fails(input, log))
        return false;
    read_signature(log, now);
    return strcmp(now, signature) == 0;
}

static void cut_out(const struct input *input, size_t at, size_t len, struct input *ret)
{
    ret->size = input->size - len;
    memcpy(ret->data, input->data, at);
    memcpy(ret->data + at, input->data + at + len, input->size - at - len);
}

/* Leaves out ever smaller pieces as long as it fails in the same way. */
static void minimize(struct input *input, const char *signature)
{
    int budget = 400;

    for (size_t len = input->size / 2; len > 0; len /= 2)
        for (size_t at = 0; at + len <= input->size && budget > 0;) {
            struct input shorter;

            cut_out(input, at, len, &shorter);
            budget--;
            if (still_fails(&shorter, signature))
                *input = shorter;
            else
                at += len;
        }
}

static void print_failure(const struct input *input)
{
    char log[64], line[1000];
    FILE *file;

    (void)snprintf(log, sizeof log, "/tmp/program-%d.trace", (int)getpid());
    trace(input, log);
    if ((file = fopen(log, "r")) == NULL)
        return;
    while (fgets(line, sizeof line, file) != NULL)
        fputs(line, stdout);
    fclose(file);
    (void)unlink(log);
}

/* ---- many ---- */

static struct shared *share(void)
{
    void *memory = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        abort();
    return memory;
}

static void run_batch(struct shared *shared, uint64_t seed, uint64_t num, bool quiet)
{
    static struct input input;

    if (quiet)
        (void)dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
    program_counts = shared->counts;
    for (uint64_t i = 0; i < num; i++) {
        shared->seed = seed + i;
        make_random(seed + i, &input);
        (void)alarm(20);
        run_here(&input, false);
        shared->counts = program_counts;
    }
}

/* Runs num programs; false when the one of shared->seed fails. */
static bool run_random(struct shared *shared, uint64_t seed, uint64_t num, bool quiet)
{
    pid_t child = start_child();

    if (child == 0) {
        run_batch(shared, seed, num, quiet);
        exit(0); /* and a look for leaks */
    }
    return !has_failed(child);
}

static void print_counts(const struct shared *shared)
{
    printf("%llu programs, %llu steps, %llu calls from handlers\n",
           (unsigned long long)shared->counts.programs, (unsigned long long)shared->counts.steps,
           (unsigned long long)shared->counts.calls);
}

static int test_random(uint64_t num, uint64_t seed)
{
    struct shared *shared = share();

    for (uint64_t done = 0; done < num; done += BATCH) {
        static struct input input;

        if (run_random(shared, seed + done, num - done < BATCH ? num - done : BATCH, true))
            continue;
        make_random(shared->seed, &input);
        write_input("program-failed", &input);
        print_failure(&input);
        printf("the program of seed %llu fails; it is in ./program-failed\n",
               (unsigned long long)shared->seed);
        return EXIT_FAILURE;
    }
    print_counts(shared);
    return EXIT_SUCCESS;
}

static bool is_known(const char *folder, const char *signature, char *ret_path, size_t size)
{
    uint64_t hash = 1;

    for (const char *c = signature; *c != '\0'; c++)
        hash = hash * 31 + (unsigned char)*c;
    (void)snprintf(ret_path, size, "%s/%08llx", folder, (unsigned long long)(hash & 0xffffffff));
    return access(ret_path, F_OK) == 0;
}

static void found(const struct shared *shared, const char *folder, double seconds)
{
    static struct input input;
    char log[64], signature[SIGNATURE], path[600];

    make_random(shared->seed, &input);
    (void)snprintf(log, sizeof log, "/tmp/program-%d.log", (int)getpid());
    if (!fails(&input, log)) {
        printf("seed %llu fails only after others\n", (unsigned long long)shared->seed);
        return;
    }
    read_signature(log, signature);
    if (is_known(folder, signature, path, sizeof path))
        return;
    printf("%.1f s, seed %llu, ", seconds, (unsigned long long)shared->seed);
    print_counts(shared);
    minimize(&input, signature);
    printf("    %s\n    %s, %zu bytes\n", signature, path, input.size);
    fflush(stdout);
    write_input(path, &input);
}

static int find(double seconds, const char *folder, uint64_t seed)
{
    struct shared *shared = share();
    time_t start = time(NULL);

    (void)mkdir(folder, 0777);
    while (difftime(time(NULL), start) < seconds)
        if (run_random(shared, seed, BATCH, true)) {
            seed += BATCH;
        } else {
            found(shared, folder, difftime(time(NULL), start));
            seed = shared->seed + 1;
        }
    print_counts(shared);
    return EXIT_SUCCESS;
}

/* ---- corpora ---- */

static int replay(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    int num = 0;

    if (dir == NULL) {
        perror(folder);
        return -1;
    }
    while ((entry = readdir(dir)) != NULL) {
        static struct input input;
        char path[4096];

        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] == '.' || !read_input(path, &input))
            continue;
        if (fails(&input, "/dev/null")) {
            print_failure(&input);
            printf("%s fails\n", path);
            closedir(dir);
            return -1;
        }
        num++;
    }
    closedir(dir);
    printf("%s: %d programs\n", folder, num);
    return num;
}

static int run_one(const char *path)
{
    static struct input input;

    if (!read_input(path, &input))
        return EXIT_FAILURE;
    (void)alarm(20);
    run_here(&input, getenv("PROGRAM_TRACE") != NULL);
    return EXIT_SUCCESS;
}

static int minimize_file(const char *path)
{
    static struct input input;
    char log[64], signature[SIGNATURE];

    (void)snprintf(log, sizeof log, "/tmp/program-%d.log", (int)getpid());
    if (!read_input(path, &input) || !fails(&input, log)) {
        printf("%s does not fail\n", path);
        return EXIT_FAILURE;
    }
    read_signature(log, signature);
    minimize(&input, signature);
    write_input(path, &input);
    print_failure(&input);
    printf("%s: %zu bytes, %s\n", path, input.size, signature);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    int result = EXIT_SUCCESS;
    char path[1000];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);

    path[len > 0 ? len : 0] = '\0';
    self = path;
    if (argc == 3 && strcmp(argv[1], "-one") == 0)
        return run_one(argv[2]);
    if (argc == 3 && strcmp(argv[1], "-minimize") == 0)
        return minimize_file(argv[2]);
    if (argc >= 4 && strcmp(argv[1], "-find") == 0)
        return find(strtod(argv[2], NULL), argv[3], argc > 4 ? strtoull(argv[4], NULL, 10) : 1);
    for (int i = 1; i < argc && result == EXIT_SUCCESS; i++)
        if (strcmp(argv[i], "-random") == 0 && i + 1 < argc) {
            uint64_t num = strtoull(argv[++i], NULL, 10), seed = 1;

            if (i + 1 < argc)
                seed = strtoull(argv[++i], NULL, 10);
            result = test_random(num, seed);
        } else if (replay(argv[i]) < 0) {
            result = EXIT_FAILURE;
        }
    return result;
}
