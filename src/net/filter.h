/* SPDX-License-Identifier: MIT */
#ifndef YD_NET_FILTER_H
#define YD_NET_FILTER_H

#include "net/conn.h"

/* What stands between a stream's bytes and a connection's.  Without one they are the same. */
struct yd_filter_ops {
    /* Bytes of the stream came; gives plain ones to yd_conn_deliver().  Returns 0 or -errno. */
    int (*input)(struct yd_conn *conn, uint8_t *data, size_t len);
    /* Seals some of conn->out and returns the queue that is ready for the stream; NULL on failure.
     */
    struct yd_outq *(*output)(struct yd_conn *conn);
    /* Seals some of rest, which nothing is queued ahead of, and moves rest[0] and then rest[1] on.
     * Returns how many bytes of it, 0 when there can be none now, or -errno. */
    ssize_t (*seal)(struct yd_conn *conn, struct iovec rest[2]);
    /* Queues what announces the end of our output. */
    void (*shutdown)(struct yd_conn *conn);
    void (*free)(struct yd_conn *conn);
    /* As yd_conn_client_cert(); may be NULL. */
    ssize_t (*cert)(const struct yd_conn *conn, enum yd_cert_part part, char *ret_text,
                    size_t size);
};

struct yd_filter {
    const struct yd_filter_ops *ops;
    struct yd_conn *conn;
    struct yd_outq sealed;
    const struct iovec *target; /* of plain bytes, see yd_conn_read_into() */
};

/* Gives plain input to the protocol above. */
void yd_conn_deliver(struct yd_conn *conn, uint8_t *data, size_t len);

/* Sends what a filter has queued by itself (a handshake). */
void yd_conn_want_flush(struct yd_conn *conn);

#endif
