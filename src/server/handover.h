/* SPDX-License-Identifier: MIT */
#ifndef YD_SERVER_HANDOVER_H
#define YD_SERVER_HANDOVER_H

#include "base/list.h"
#include "loop/loop.h"
#include "net/sockets.h"

/* Listening sockets that go from process to process. */

/* Of one address, from the predecessor. */
struct yd_taken {
    struct yd_taken *next;
    unsigned num;
    int fds[YD_MOST_INHERITED];
    char address[];
};

struct yd_handover {
    char *path;                  /* that is offered; NULL: nothing */
    struct yd_unix_name name;    /* of the file, once it is bound */
    struct yd_listener listener; /* on the first loop */
    bool listens;
    struct yd_list successors; /* that have been given copies */
    unsigned num_successors;
    struct yd_taken *taken;                 /* and nobody has asked for */
    int predecessor;                        /* connection to it; -1: there is none */
    void (*on_taken)(yodel_server *server); /* a successor is ready */
    atomic_uint num_begun;                  /* loops that have started */
};

#define YD_PACKET_FDS 64
#define YD_PACKET_SIZE 1024 /* bytes: a letter and an address */

/* 0 when the process at the other end of fd is ours or root's, else -EACCES or -errno. */
int yd_handover_check_peer(int fd);
/* Closes what was taken and not asked for. */
void yd_handover_drop(yodel_server *server);

void yd_handover_init(struct yd_handover *handover);
/* Closes and frees what is left, without a loop. */
void yd_handover_done(yodel_server *server);

/* Sockets of an address, or NULL; they stay there until they are forgotten. */
struct yd_taken *yd_handover_find(yodel_server *server, const char *address);
/* Its descriptors are somebody else's now. */
void yd_handover_forget(yodel_server *server, struct yd_taken *taken);

/* The server begins to run: offers its sockets.  Returns 0 or -errno. */
int yd_handover_start(yodel_server *server);
/* A loop has started; after the last of them the predecessor hears of it.  Any loop. */
void yd_handover_begun(yodel_server *server);
/* The server stops: on the first loop. */
void yd_handover_stop(yodel_server *server);

#endif
