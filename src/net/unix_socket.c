/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/sockets.h"

#define NOBODY ((uint32_t)-1) /* chown(2): is left as it is */

/* ---- owners ---- */

static bool is_number(const char *text, uint32_t *ret)
{
    char *end;
    unsigned long value;

    if (text[0] < '0' || text[0] > '9')
        return false;
    value = strtoul(text, &end, 10);
    *ret = (uint32_t)value;
    return *end == '\0' && value < NOBODY;
}

static int find_user(const char *name, uint32_t *ret)
{
    struct passwd entry, *found = NULL;
    char room[4096];
    int rc;

    *ret = NOBODY;
    if (name == NULL || is_number(name, ret))
        return 0;
    if ((rc = getpwnam_r(name, &entry, room, sizeof room, &found)) != 0)
        return -rc;
    if (found == NULL)
        return -ENOENT;
    *ret = found->pw_uid;
    return 0;
}

static int find_group(const char *name, uint32_t *ret)
{
    struct group entry, *found = NULL;
    char room[16384]; /* it holds the names of the members, too */
    int rc;

    *ret = NOBODY;
    if (name == NULL || is_number(name, ret))
        return 0;
    if ((rc = getgrnam_r(name, &entry, room, sizeof room, &found)) != 0)
        return -rc;
    if (found == NULL)
        return -ENOENT;
    *ret = found->gr_gid;
    return 0;
}

/* ---- the file ---- */

/* A path that no one listens on any more may be taken; returns 0 or -EADDRINUSE. */
static int remove_stale(int fd, const struct sockaddr_un *addr)
{
    struct stat info;

    if (lstat(addr->sun_path, &info) < 0)
        return 0;
    if (!S_ISSOCK(info.st_mode))
        return -EADDRINUSE;
    if (connect(fd, (const struct sockaddr *)addr, sizeof *addr) == 0 || errno != ECONNREFUSED)
        return -EADDRINUSE;
    return unlink(addr->sun_path) == 0 ? 0 : -errno;
}

/* The file is there and nobody can connect before listen().  The mode goes last: chown(2) may take
 * bits away. */
static int set_access(const char *path, const yodel_listen_options *options)
{
    uint32_t uid, gid;
    int rc;

    if ((rc = find_user(options->unix_owner, &uid)) < 0 ||
        (rc = find_group(options->unix_group, &gid)) < 0)
        return rc;
    if ((uid != NOBODY || gid != NOBODY) && lchown(path, uid, gid) < 0)
        return -errno;
    return options->unix_mode == 0 || chmod(path, options->unix_mode) == 0 ? 0 : -errno;
}

static int bind_and_listen(int fd, const struct sockaddr_un *addr,
                           const yodel_listen_options *options, int backlog)
{
    int rc;

    if ((rc = remove_stale(fd, addr)) < 0)
        return rc;
    if (bind(fd, (const struct sockaddr *)addr, sizeof *addr) < 0)
        return -errno;
    if ((rc = set_access(addr->sun_path, options)) == 0 && listen(fd, backlog) < 0)
        rc = -errno;
    if (rc < 0)
        (void)unlink(addr->sun_path);
    return rc;
}

int yd_unix_listen(const char *path, const yodel_listen_options *options, int backlog)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd, rc;

    if (path[0] == '\0' || strlen(path) >= sizeof addr.sun_path || options->unix_mode > 0777)
        return -EINVAL;
    memcpy(addr.sun_path, path, strlen(path) + 1);
    if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) < 0)
        return -errno;
    if ((rc = bind_and_listen(fd, &addr, options, backlog)) == 0)
        return fd;
    (void)close(fd);
    return rc;
}

/* ---- its name ---- */

int yd_unix_name_note(const struct yodel_allocator *mem, const char *address,
                      struct yd_unix_name *ret_name)
{
    const char *path = yd_after_prefix(address, "unix:");
    struct yd_unix_name name;
    struct stat info = {.st_ino = 0};

    if (path[0] == '\0')
        return 0;
    if ((name.path = yd_strdup(mem, path)) == NULL)
        return -ENOMEM;
    (void)lstat(path, &info);
    name.device = info.st_dev;
    name.inode = info.st_ino;
    name.pid = getpid();
    *ret_name = name;
    return 0;
}

void yd_unix_name_remove(const struct yd_unix_name *name)
{
    struct stat info;

    if (name->path != NULL && name->pid == getpid() && lstat(name->path, &info) == 0 &&
        info.st_dev == name->device && info.st_ino == name->inode)
        (void)unlink(name->path);
}

void yd_unix_name_done(const struct yodel_allocator *mem, struct yd_unix_name *name)
{
    yd_free(mem, name->path);
    name->path = NULL;
}
