/* SPDX-License-Identifier: MIT */
#include "cli/token_io.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MOST_MS (INT64_C(10) * 366 * 24 * 3600 * 1000)

int yg_token_say(int status, const char *command, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "yodel %s: ", command);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return status;
}

void yg_token_name(char **argv, const char *command)
{
    static char name[64];

    snprintf(name, sizeof name, "yodel %s", command);
    argv[0] = name;
}

int yg_token_usage(const char *command)
{
    fprintf(stderr, "Try: yodel %s --help\n", command);
    return YG_TOKEN_EXIT_USAGE;
}

bool yg_token_format(const char *word, bool *ret_json)
{
    *ret_json = strcmp(word, "json") == 0;
    return *ret_json || strcmp(word, "text") == 0;
}

int yg_token_print_json(json_t *object, int status)
{
    if (object == NULL || json_dumpf(object, stdout, JSON_COMPACT) < 0) {
        if (!ferror(stdout))
            fputs("yodel: out of memory\n", stderr);
        status = YG_TOKEN_EXIT_FAILED;
    } else {
        putchar('\n');
    }
    json_decref(object);
    return status;
}

bool yg_token_count(const char *text, uint64_t most, uint64_t *ret_count)
{
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    *ret_count = strtoull(text, &end, 10);
    return *end == '\0' && errno == 0 && *ret_count <= most;
}

bool yg_token_is_header(const char *text)
{
    return text[0] != ':' && strchr(text, ':') != NULL && strpbrk(text, "\r\n") == NULL;
}

int yg_token_duration(const char *text, int64_t *ret_ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    char *end;
    long long value;

    if (text[0] < '0' || text[0] > '9')
        return -EINVAL;
    errno = 0;
    value = strtoll(text, &end, 10);
    for (size_t i = 0; errno == 0 && i < sizeof units / sizeof units[0]; i++)
        if (strcmp(end, units[i].unit) == 0 && value <= MOST_MS / units[i].ms) {
            *ret_ms = value * units[i].ms;
            return 0;
        }
    return -EINVAL;
}

int64_t yg_token_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- files ---- */

static int read_all(int fd, char *text, size_t size, size_t *ret_len)
{
    size_t len = 0;

    while (len < size) {
        ssize_t num = read(fd, text + len, size - len);

        if (num < 0 && errno == EINTR)
            continue;
        if (num < 0)
            return -errno;
        if (num == 0) {
            *ret_len = len;
            return 0;
        }
        len += (size_t)num;
    }
    return -EFBIG;
}

static int open_file(const char *path, bool is_secret, int *ret_fd)
{
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    int rc = 0;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &info) < 0)
        rc = -errno;
    else if (is_secret && S_ISREG(info.st_mode) && (info.st_mode & (S_IROTH | S_IWOTH)) != 0)
        rc = -EPERM;
    if (rc < 0)
        close(fd);
    else
        *ret_fd = fd;
    return rc;
}

int yg_token_read(const char *path, size_t most, bool is_secret, char **ret_text, size_t *ret_len)
{
    size_t len = 0,
           size = most + 3; /* an end of line, and one byte more to see that it is the end */
    char *text;
    int fd, rc = open_file(path, is_secret, &fd);

    if (rc < 0)
        return rc;
    if ((text = calloc(1, size)) == NULL)
        rc = -ENOMEM;
    else
        rc = read_all(fd, text, size, &len);
    close(fd);
    if (rc == 0 && len > 0 && text[len - 1] == '\n')
        len--;
    if (rc == 0 && len > most)
        rc = -EFBIG;
    if (rc < 0) {
        yg_token_text_free(text, size);
        return rc;
    }
    text[len] = '\0';
    *ret_text = text;
    *ret_len = len;
    return 0;
}

void yg_token_text_free(char *text, size_t len)
{
    if (text != NULL)
        OPENSSL_cleanse(text, len);
    free(text);
}

const char *yg_token_read_words(int result)
{
    return result == -EPERM ? "others may read or write it: chmod 600" : strerror(-result);
}

/* ---- keys ---- */

/* Those that a secret is long enough for. */
static unsigned of_secret(size_t len)
{
    unsigned found = 0;

    for (int i = YG_HS256; i <= YG_HS512; i++)
        if (len >= yg_algorithm_info((enum yg_algorithm)i)->hash_len)
            found |= YG_ALGORITHM_BIT(i);
    return found != 0 ? found : YG_ALGORITHM_BIT(YG_HS256);
}

static bool is_public(const char *text, size_t len)
{
    return yg_key_is_pem(text, len) && strstr(text, "PRIVATE KEY") == NULL;
}

/* As yg_token_read(); what is no public key must not be read by others. */
static int read_key(const char *path, char **ret_text, size_t *ret_len)
{
    int rc = yg_token_read(path, YG_PEM_MAX, false, ret_text, ret_len);

    if (rc < 0 || is_public(*ret_text, *ret_len))
        return rc;
    yg_token_text_free(*ret_text, *ret_len);
    return yg_token_read(path, YG_PEM_MAX, true, ret_text, ret_len);
}

int yg_token_key_file(const char *command, const char *path, const char *kid, unsigned algorithms,
                      struct yg_key **ret)
{
    struct yg_key_use use = {.kid = kid, .algorithms = algorithms};
    struct yg_token_problem problem;
    char *text;
    size_t len;
    int rc = read_key(path, &text, &len);

    if (rc < 0)
        return yg_token_say(YG_TOKEN_EXIT_FAILED, command, "%s: %s", path, yg_token_read_words(rc));
    if (yg_key_is_pem(text, len)) {
        if (algorithms == 0)
            use.algorithms = YG_ALL_ALGORITHMS;
        rc = yg_key_from_pem(&use, text, len, true, &problem, ret);
    } else {
        if (algorithms == 0)
            use.algorithms = of_secret(len);
        rc = yg_key_from_secret(&use, text, len, &problem, ret);
    }
    yg_token_text_free(text, len);
    if (rc == -ENOMEM)
        return yg_token_say(YG_TOKEN_EXIT_FAILED, command, "out of memory");
    return rc < 0 ? yg_token_say(YG_TOKEN_EXIT_DATA, command, "%s: %s", path, problem.text)
                  : YG_TOKEN_EXIT_OK;
}
