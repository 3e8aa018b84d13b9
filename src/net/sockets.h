/* SPDX-License-Identifier: MIT */
#ifndef YD_NET_SOCKETS_H
#define YD_NET_SOCKETS_H

#include <sys/types.h>
#include <yodel/listen.h>

/* Listening sockets: bound here, or inherited. */

/* Those of one yodel_server_listen(). */
struct yd_sockets {
    int *fds;               /* allocated; non-blocking, listening; number i is for loop i % loops */
    unsigned num;           /* at least one for each loop */
    unsigned num_inherited; /* of which these, the first, were open before */
    int port;               /* of the first; 0: Unix */
    char name[128];         /* of the address that was bound last, or could not be; for the log */
};

#define YD_MOST_ADDRESSES 16  /* of a name */
#define YD_MOST_INHERITED 255 /* descriptors */

/*
 * Binds and listens as options say, for each of the loops; or takes descriptors that listen already
 * (options->fds, "fd:N", "systemd:NAME").  Several sockets of one TCP address share its port.  A
 * port that another process listens on is -EADDRINUSE.
 *
 * Either yd_sockets_take() or yd_sockets_undo() follows.  Returns 0 or -errno: then ret->name says
 * of what, nothing is open, and neither may follow.
 */
int yd_sockets_open(const struct yodel_allocator *mem, const yodel_listen_options *options,
                    unsigned loops, struct yd_sockets *ret);
/* The descriptors are the caller's, inherited ones, too, which become non-blocking.  Frees the
 * array. */
void yd_sockets_take(const struct yodel_allocator *mem, struct yd_sockets *sockets);
/* Closes what yd_sockets_open() has opened and removes the file that it has made; inherited ones
 * stay as they were. */
void yd_sockets_undo(const struct yodel_allocator *mem, struct yd_sockets *sockets);

/* ---- the parts (unix_socket.c, inherited.c) ---- */

/* "" for an address without this prefix, else what follows it. */
const char *yd_after_prefix(const char *address, const char *prefix);

/* Binds and listens; owner and mode are set before anybody can connect.  Returns the descriptor or
 * -errno. */
int yd_unix_listen(const char *path, const yodel_listen_options *options, int backlog);

/*
 * The descriptors that options name, if they name some: at most YD_MOST_INHERITED.  Returns how
 * many, 0 when there is an address to bind, or -errno: -ENOENT (systemd has passed none of that
 * name), -E2BIG, -EINVAL.
 */
int yd_inherited_list(const yodel_listen_options *options, int ret_fds[YD_MOST_INHERITED]);
/* Whether fd can be taken: -EBADF, -ENOTSOCK, -EINVAL (it does not listen), -EAFNOSUPPORT. */
int yd_inherited_check(int fd);

/* The name of a Unix socket in the file system, and which file it was. */
struct yd_unix_name {
    char *path; /* NULL: not a Unix socket */
    uint64_t device, inode;
    pid_t pid; /* of the process that has made it: a child of fork() leaves it there */
};

/* For an address that yd_sockets_open() has bound.  The path is allocated.  Returns 0 or -ENOMEM.
 */
int yd_unix_name_note(const struct yodel_allocator *mem, const char *address,
                      struct yd_unix_name *ret_name);
/* Removes the file, unless another server has put its own in its place. */
void yd_unix_name_remove(const struct yd_unix_name *name);
void yd_unix_name_done(const struct yodel_allocator *mem, struct yd_unix_name *name);

#endif
