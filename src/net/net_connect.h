/* SPDX-License-Identifier: MIT */
#ifndef YD_NET_NET_CONNECT_H
#define YD_NET_NET_CONNECT_H

#include "net/net.h"
#include "net/tls.h"

/*
 * Connections that go out.  Once there such a connection is like any other, but unless its owner
 * wants it so it is not counted with those of clients, and a stop of the server leaves it to him.
 */

struct yd_connect_options {
    const char *path; /* of a Unix socket; NULL: TCP */
    const char *host; /* a name or an address, "::1" without brackets; copied */
    uint16_t port;
    struct yd_tls *tls;  /* by yd_tls_new_client(); NULL: plain.  Outlives the connection */
    const char *name;    /* that the peer's certificate must have; borrowed until on_done */
    uint32_t timeout_ms; /* for all of it; 0: no limit */
    bool with_clients; /* it is counted with those of clients, and a stop of the server tells it */
};

/* Embedded in its owner, who fills in on_done; the rest is zero. */
struct yd_connect {
    /*
     * Connected, with TLS also secured: conn, which is to be given events now.  Or NULL, and why:
     * -errno of the last address that was tried, -ETIMEDOUT, YODEL_ERR_NOT_FOUND (the name),
     * YODEL_ERR_TLS; reason is a static text that says more, or NULL.
     */
    void (*on_done)(struct yd_connect *connect, struct yd_conn *conn, int error,
                    const char *reason);
    struct yd_net *net;
    struct yd_dial dial;
    struct yd_timer timer;
    struct yd_lookup *lookup; /* where to; NULL: nothing goes on */
    struct yd_conn *conn;     /* that is being secured */
    struct yd_tls *tls;
    const char *name;
    const char *reason;
    uint64_t deadline;
    int error;
    bool with_clients;
};

/*
 * Connects: to each address of a name in turn, which a thread of the loop's work looks up.  Each
 * gets its share of the time.  on_done comes once, never inside this call.
 *
 * Returns 0, -ENOMEM, or -EINVAL (the path or the host cannot be); on_done does not come then.
 */
int yd_net_connect(struct yd_net *net, struct yd_connect *connect,
                   const struct yd_connect_options *options);

/* on_done does not come any more, and what there was is closed.  Harmless when nothing goes on. */
void yd_net_connect_stop(struct yd_connect *connect);

static inline bool yd_net_connect_goes_on(const struct yd_connect *connect)
{
    return connect->lookup != NULL;
}

#endif
