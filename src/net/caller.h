/* SPDX-License-Identifier: MIT */
#ifndef YD_NET_CALLER_H
#define YD_NET_CALLER_H

#include "base/ip.h"
#include "net/limits.h"
#include "net/net.h"

/* Who is at the other end of a connection, and what counts against that one's limits. */

/* Only connections have one of which more is known than the socket says: those of listeners that
 * speak the PROXY protocol, those that another node has, and all where limits by address are set.
 */
struct yd_caller {
    struct yd_carried *carried; /* as another node told, with its texts; NULL: none has it */
    struct yd_ip ip;            /* that a PROXY header told */
    struct yd_limited *client;  /* counted for; NULL: for nobody */
    uint64_t period;            /* in which */
    unsigned messages;          /* so many have come on this connection */
    bool has_ip;
    bool is_tls;       /* for the client, as a PROXY header told */
    bool is_handshake; /* counted as one */
    bool keeps;        /* yd_conn_keep_client() */
    bool is_reserved;  /* has one of the places of its listener: no limit counts */
};

/* What the node that has the client's connection has told of it; NULL: it is here. */
static inline const struct yd_carried *yd_conn_carried(const struct yd_conn *conn)
{
    return conn->caller != NULL ? conn->caller->carried : NULL;
}
/* Of such a connection, which ends with this answer: the client's own may go on.  And whether. */
void yd_conn_keep_client(struct yd_conn *conn);
bool yd_conn_keeps_client(const struct yd_conn *conn);

/* The address of the caller: as a PROXY header told it, else the socket's. */
void yd_conn_ip(const struct yd_conn *conn, struct yd_ip *ret_ip);
/* Of a socket that is no connection yet. */
struct yd_ip yd_ip_of_socket(int fd);

/* Whose words about the client are believed here; NULL: nobody's. */
const struct yd_trust *yd_conn_trust(const struct yd_conn *conn);
/* Which words: YD_FORWARDED_* of proto/forwarded.h. */
unsigned yd_conn_forwarded(const struct yd_conn *conn);
/* Whether the client uses TLS, as far as the connection tells. */
bool yd_conn_client_uses_tls(const struct yd_conn *conn);

/* The first head on the connection is whole. */
void yd_conn_arrived(struct yd_conn *conn);

/* Counts the connection for another client than its caller, whom a trusted proxy named, in place of
 * the one before; until yd_conn_unset_client() or its end.  Returns 0, or a refusal (> 0), -ENOMEM:
 * it counts for nobody then. */
int yd_conn_set_client(struct yd_conn *conn, const struct yd_ip *ip);
void yd_conn_unset_client(struct yd_conn *conn);

/* For the next one. */
bool yd_caller_count_message(struct yd_conn *conn);

/* Counts a message from the peer, as WebSockets and Engine.IO have them; false when there are too
 * many in this period, from the connection or its client: counted and logged. */
static inline bool yd_conn_count_message(struct yd_conn *conn)
{
    return conn->caller == NULL || yd_caller_count_message(conn);
}

/* ---- for this layer ---- */

/* A new connection: counts it for its caller unless that one is trusted.  Returns 0, -ENOMEM, or a
 * refusal (> 0). */
int yd_caller_enter(struct yd_conn *conn);
/* It has a place of its listener's, which it gives back with its end.  Returns 0 or -ENOMEM. */
int yd_caller_reserve(struct yd_conn *conn);
/* Of the places of a listener, which may be NULL; false: there is none. */
bool yd_front_take_place(const struct yd_front *front);
void yd_front_give_place(const struct yd_front *front);
/* What a PROXY header has told.  Returns 0 or -ENOMEM. */
int yd_caller_note(struct yd_conn *conn, const struct yd_ip *ip, bool is_tls);
/* What another node has told.  Returns 0 or -ENOMEM. */
int yd_caller_carry(struct yd_conn *conn, const struct yd_carried *carried);
/* Gives back what is counted; NULL is a no-op. */
void yd_caller_done(struct yd_conn *conn);

#endif
