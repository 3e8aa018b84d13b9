/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/sockets.h"

/* Listening sockets that the process was started with: by number, or from systemd by name
 * (sd_listen_fds(3): they begin at 3, the environment says how many and for whom). */

#define FIRST_PASSED 3

static int parse_number(const char *text)
{
    char *end;
    unsigned long value;

    if (text == NULL || text[0] < '0' || text[0] > '9')
        return -EINVAL;
    value = strtoul(text, &end, 10);
    return *end == '\0' && value <= INT32_MAX ? (int)value : -EINVAL;
}

/* How many systemd has passed to this very process. */
static int count_passed(void)
{
    int pid = parse_number(getenv("LISTEN_PID")), num = parse_number(getenv("LISTEN_FDS"));

    return pid >= 0 && pid == (int)getpid() && num > 0 ? num : 0;
}

/* Takes the next of names "a:b:c" off; without names each is "unknown", as systemd has it. */
static bool next_is(const char **names, const char *wanted)
{
    const char *first = *names != NULL ? *names : "unknown";
    size_t len = strcspn(first, ":");

    if (*names != NULL)
        *names += (*names)[len] == ':' ? len + 1 : len;
    return wanted[0] == '\0' || (strlen(wanted) == len && memcmp(first, wanted, len) == 0);
}

static int list_passed(const char *wanted, int ret_fds[YD_MOST_INHERITED])
{
    const char *names = getenv("LISTEN_FDNAMES");
    int passed = count_passed(), num = 0;

    for (int i = 0; i < passed; i++) {
        if (!next_is(&names, wanted))
            continue;
        if (num == YD_MOST_INHERITED)
            return -E2BIG;
        ret_fds[num++] = FIRST_PASSED + i;
    }
    return num > 0 ? num : -ENOENT;
}

static int copy_given(const yodel_listen_options *options, int ret_fds[YD_MOST_INHERITED])
{
    if (options->num_fds > YD_MOST_INHERITED)
        return -E2BIG;
    if (options->fds == NULL)
        return -EINVAL;
    for (size_t i = 0; i < options->num_fds; i++)
        for (size_t j = 0; j < i; j++)
            if (options->fds[i] == options->fds[j])
                return -EINVAL;
    memcpy(ret_fds, options->fds, options->num_fds * sizeof *ret_fds);
    return (int)options->num_fds;
}

int yd_inherited_list(const yodel_listen_options *options, int ret_fds[YD_MOST_INHERITED])
{
    const char *address = options->address != NULL ? options->address : "";
    const char *name;
    int fd;

    if (options->num_fds > 0)
        return copy_given(options, ret_fds);
    if (strcmp(address, "systemd") == 0)
        return list_passed("", ret_fds);
    if ((name = yd_after_prefix(address, "systemd:"))[0] != '\0')
        return list_passed(name, ret_fds);
    if ((name = yd_after_prefix(address, "fd:"))[0] == '\0')
        return 0;
    if ((fd = parse_number(name)) < 0)
        return -EINVAL;
    ret_fds[0] = fd;
    return 1;
}

int yd_inherited_check(int fd)
{
    int type = 0, listens = 0, family = 0;
    socklen_t len = sizeof type;

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0)
        return -errno; /* EBADF, ENOTSOCK */
    len = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) < 0)
        return -errno;
    len = sizeof family;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) < 0)
        return -errno;
    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
        return -EAFNOSUPPORT;
    return type == SOCK_STREAM && listens ? 0 : -EINVAL;
}
