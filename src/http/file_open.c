/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_PATH */
#endif
#include "http/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define READ_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

/* A rename somewhere in the tree while ".." is resolved gives EAGAIN. */
#define TRIES 8

static int open_beneath(int root, const char *path)
{
    struct open_how how = {.flags = READ_FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long fd = -1;

    for (int i = 0; i < TRIES; i++) {
        fd = syscall(SYS_openat2, root, path, &how, sizeof how);
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    return fd >= 0 ? (int)fd : -errno;
}

/* Closes dir unless it is the root. */
static int open_step(int root, int dir, const char *name, int flags)
{
    int fd = openat(dir, name, flags | O_NOFOLLOW);
    int rc = fd >= 0 ? fd : -errno;

    if (dir != root)
        (void)close(dir);
    return rc;
}

int yd_file_open_walking(int root, const char *path)
{
    char name[NAME_MAX + 1];
    int dir = root;

    for (;;) {
        size_t len = strcspn(path, "/");

        if (path[len] == '\0')
            return open_step(root, dir, path, READ_FLAGS);
        if (len > NAME_MAX) {
            if (dir != root)
                (void)close(dir);
            return -ENAMETOOLONG;
        }
        memcpy(name, path, len);
        name[len] = '\0';
        dir = open_step(root, dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (dir < 0)
            return dir;
        path += len + 1;
    }
}

int yd_file_open(int root, const char *path)
{
    int fd;

    if (path[0] == '\0')
        path = ".";
    fd = open_beneath(root, path);
    /* EPERM: a sandbox that does not know the call. */
    return fd == -ENOSYS || fd == -EPERM ? yd_file_open_walking(root, path) : fd;
}
