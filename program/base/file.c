/* SPDX-License-Identifier: MIT */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* At most max bytes until the end; -EFBIG when more come. */
static int read_all(int fd, size_t max, struct yg_text *into)
{
    const size_t from = into->len;
    char part[4096];

    for (;;) {
        ssize_t num = read(fd, part, sizeof(part));

        if (num < 0 && errno == EINTR)
            continue;
        if (num < 0)
            return -errno;
        if (num == 0)
            return 0;
        if ((size_t)num > max - (into->len - from))
            return -EFBIG;
        yg_text_add(into, part, (size_t)num);
        if (yg_text_failed(into))
            return -ENOMEM;
    }
}

static void cut(struct yg_text *text, size_t len)
{
    if (text->ptr != NULL && !text->failed) {
        explicit_bzero(text->ptr + len, text->len - len);
        text->len = len;
    }
}

/* What may be read: a pipe as well, nothing that may block or never end, and what others cannot. */
enum reading { READ_ANY, READ_ORDINARY, READ_SECRET };

static int check_kind(const struct stat *info, enum reading reading)
{
    if (S_ISDIR(info->st_mode))
        return -EISDIR;
    if (reading != READ_ANY && !S_ISREG(info->st_mode))
        return -EINVAL;
    return reading == READ_SECRET && (info->st_mode & (S_IROTH | S_IWOTH)) != 0 ? -EPERM : 0;
}

static int read_file(const char *path, size_t max, enum reading reading, struct yg_text *into)
{
    const size_t from = into->len;
    struct stat info;
    int fd, rc;

    fd = open(path, O_RDONLY | O_CLOEXEC | (reading != READ_ANY ? O_NONBLOCK : 0));
    if (fd < 0)
        return -errno;
    rc = fstat(fd, &info) == 0 ? check_kind(&info, reading) : -errno;
    if (rc == 0)
        rc = read_all(fd, max, into);
    close(fd);
    if (rc < 0)
        cut(into, from);
    return rc;
}

int yg_file_read(const char *path, size_t max, struct yg_text *into)
{
    return read_file(path, max, READ_ANY, into);
}

int yg_file_read_input(size_t max, struct yg_text *into)
{
    const size_t from = into->len;
    const int rc = read_all(STDIN_FILENO, max, into);

    if (rc < 0)
        cut(into, from);
    return rc;
}

int yg_file_read_ordinary(const char *path, size_t max, struct yg_text *into)
{
    return read_file(path, max, READ_ORDINARY, into);
}

/* The path of a credential of systemd's, or path itself.  room is for the former. */
static const char *secret_path(const char *path, char *room, size_t size)
{
    static const char prefix[] = "credential:";
    const char *name = path + sizeof(prefix) - 1;
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    int len;

    if (strncmp(path, prefix, sizeof(prefix) - 1) != 0)
        return path;
    if (folder == NULL || *name == '\0' || *name == '.' || strchr(name, '/') != NULL)
        return NULL;
    len = snprintf(room, size, "%s/%s", folder, name);
    return len > 0 && (size_t)len < size ? room : NULL;
}

int yg_secret_read(const char *path, struct yg_text *into)
{
    const size_t from = into->len;
    char room[4097];
    int rc;

    path = secret_path(path, room, sizeof(room));
    if (path == NULL)
        return -ENOENT;
    rc = read_file(path, YG_SECRET_MAX, READ_SECRET, into);
    if (rc < 0)
        return rc;
    if (into->len > from && into->ptr[into->len - 1] == '\n')
        cut(into, into->len - 1);
    if (into->len > from && into->ptr[into->len - 1] == '\r')
        cut(into, into->len - 1);
    if (into->len == from)
        return -ENODATA;
    if (memchr(into->ptr + from, '\0', into->len - from) != NULL) {
        cut(into, from);
        return -EBADMSG;
    }
    return 0;
}

const char *yg_file_strerror(int result)
{
    switch (result) {
    case -EPERM:
        return "others may read or write it (chmod o-rwx)";
    case -EBADMSG:
        return "it has a NUL byte";
    case -ENODATA:
        return "it is empty";
    case -EINVAL:
        return "it is no ordinary file";
    case -EFBIG:
        return "it is too large";
    default:
        return yodel_strerror(result);
    }
}

void yg_secret_done(struct yg_text *text)
{
    if (text->ptr != NULL)
        explicit_bzero(text->ptr, text->cap);
    yg_text_done(text);
}

static int write_all(int fd, const char *ptr, size_t len)
{
    while (len > 0) {
        ssize_t num = write(fd, ptr, len);

        if (num < 0 && errno == EINTR)
            continue;
        if (num < 0)
            return -errno;
        ptr += num;
        len -= (size_t)num;
    }
    return 0;
}

int yg_file_create(const char *path, const char *ptr, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int rc;

    if (fd < 0)
        return -errno;
    rc = write_all(fd, ptr, len);
    if (close(fd) != 0 && rc == 0)
        rc = -errno;
    if (rc < 0)
        (void)unlink(path);
    return rc;
}
