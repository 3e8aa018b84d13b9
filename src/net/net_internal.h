/* SPDX-License-Identifier: MIT */
#ifndef YD_NET_INTERNAL_H
#define YD_NET_INTERNAL_H

#include "net/net.h"

/* Between the files of this layer. */

static inline struct yd_net *yd_conn_net(const struct yd_conn *conn)
{
    return conn->stream.loop->net;
}

/* Readies a zeroed connection; its stream is not open yet. */
void yd_conn_init(struct yd_conn *conn);

/* The peer has ended its side, by FIN or by what the filter understands as that. */
void yd_conn_end_input(struct yd_conn *conn);

/* Drops what the protocol above has not used. */
void yd_conn_drop_kept(struct yd_conn *conn);

/* Gives a connection that has left its loop to its new one. */
void yd_conn_hand_over(struct yd_conn *conn);

/* Adds a connection that came from another loop, with filter and kept input, to its own.  Returns 0
 * or -errno: fd is then closed, the rest still the caller's. */
int yd_net_adopt(struct yd_conn *conn, int fd);

/* Takes the connection's id back. */
void yd_net_unlist(struct yd_conn *conn);

/* The same, and counts one connection less. */
void yd_net_forget(struct yd_conn *conn);
void yd_net_count_less(struct yd_net *net);

/* The memory of a connection has gone. */
void yd_net_closed(struct yd_net *net);

#endif
