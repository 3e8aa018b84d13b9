/* SPDX-License-Identifier: MIT */
#ifndef YG_CLIENT_LINK_H
#define YG_CLIENT_LINK_H

#include <netdb.h>
#include <openssl/types.h>
#include <yodel/loop.h>

#include "base/text.h"

/* A connection to a server, over TCP and perhaps TLS, on a loop of the library. */

struct yg_link;

/* What is told to the owner of a link.  In each of them it may close the link and free it. */
struct yg_link_events {
    void (*on_open)(struct yg_link *link);
    void (*on_bytes)(struct yg_link *link, yodel_bytes bytes); /* those of one read */
    void (*on_drained)(struct yg_link *link);                  /* NULL: not told */
    /* The last: the link is closed.  error: 0: the server has ended its output; -errno; -EPROTO: of
     * TLS, and words say more; else words is NULL. */
    void (*on_closed)(struct yg_link *link, int error, const char *words);
};

/* Where links of one kind go to; shared, and unchanged while they live. */
struct yg_link_target {
    yodel_loop *loop;
    const struct addrinfo *addresses; /* tried in their order */
    SSL_CTX *tls;                     /* NULL: none */
    const char *host;                 /* whose name the certificate must have */
    bool is_insecure;                 /* the certificate is not looked at */
    char *buffer;                     /* what is read goes here */
    size_t buffer_size;
};

enum yg_link_state { YG_LINK_CLOSED, YG_LINK_CONNECTS, YG_LINK_SHAKES, YG_LINK_OPEN };

/* All zero is a closed one. */
struct yg_link {
    const struct yg_link_target *target;
    const struct yg_link_events *events;
    const struct addrinfo *address; /* that is tried */
    enum yg_link_state state;
    int fd;
    int error; /* of a write, which is told in the next turn */
    SSL *ssl;
    yodel_watch watch;
    struct yg_text out; /* what waits, */
    size_t out_at;      /* but for what is gone of it */
    bool *gone;         /* of a call under way: set when the link closes */
};

/*
 * Makes what links with TLS share: certificates are checked against those of the system.
 *
 * ca_file   authorities in its place; NULL: none
 *
 * Returns NULL when that cannot be read, or when out of memory.
 */
SSL_CTX *yg_link_tls(const char *ca_file);

/*
 * Begins to connect; what becomes of it is told later.
 *
 * target, events   borrowed while it lives
 *
 * Returns 0, -ENOMEM, -errno: then it is closed and nothing is told.
 */
int yg_link_open(struct yg_link *link, const struct yg_link_target *target,
                 const struct yg_link_events *events);

#define YG_LINK_MAX_WAITING ((size_t)32 << 20) /* bytes that a server has not taken */

/* Sends bytes, at once or when the server takes them; on one that is not open they are dropped.
 * Returns 0 or -ENOMEM; after that, and where more than YG_LINK_MAX_WAITING would wait (-ENOBUFS),
 * it ends in the next turn. */
int yg_link_send(struct yg_link *link, const void *ptr, size_t len);

/* Ends it in the next turn with an error, as one of its own; on one that is not open it does
 * nothing. */
void yg_link_fail(struct yg_link *link, int error);

/* Whether it ends in the next turn by -ENOBUFS or -ENOMEM: what still comes is not worth reading.
 */
bool yg_link_is_full(const struct yg_link *link);

/* How many bytes wait. */
size_t yg_link_waiting(const struct yg_link *link);

/* Ends it at once; nothing is told.  A closed one may be closed again. */
void yg_link_close(struct yg_link *link);

#endif
