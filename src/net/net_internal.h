/* SPDX-License-Identifier: MIT */
#ifndef YD_NET_INTERNAL_H
#define YD_NET_INTERNAL_H

#include "base/ip.h"
#include "net/net.h"

/* Between the files of this layer. */

static inline struct yd_net *yd_conn_net(const struct yd_conn *conn)
{
    return conn->stream.loop->net;
}

/* Readies a zeroed connection; its stream is not open yet. */
void yd_conn_init(struct yd_conn *conn);

/* The peer has ended its output, by FIN or by what the filter understands as that. */
void yd_conn_end_input(struct yd_conn *conn);

/* Drops what the protocol above has not used. */
void yd_conn_drop_kept(struct yd_conn *conn);

/* Ends the connection here for another loop: takes it off the stream and the tables of this one.
 * Its filter must have been taken.  on_left follows, never inside this call: fd is the callee's,
 * and rest has been read from it ahead of what comes next. */
void yd_conn_leave(struct yd_conn *conn);

/* Input of the stream, as if it had come just now. */
void yd_conn_take_input(struct yd_conn *conn, uint8_t *data, size_t len);

/* crowd.c: one connection more or less whose memory is there.  When many have left it asks
 * for the memory to be given back to the system. */
void yd_net_one_more(struct yd_net *net);
void yd_net_one_less(struct yd_net *net);
void yd_net_crowd_init(struct yd_net *net);

/* Counts one connection less on the server. */
void yd_conn_count_less(struct yd_net *net);

/* A new connection is one that goes out: it is counted apart. */
void yd_net_count_outgoing(struct yd_conn *conn);
void yd_net_count_outgoing_less(struct yd_net *net);

/* Tells on_empty when the server stops and none is left. */
void yd_conn_check_empty(struct yd_net *net);

/* The server stops: reads what has come by now, then tells the protocol. */
void yd_conn_stop(struct yd_conn *conn);

/* Adds a connection that came from another loop, with filter and kept input, to its own.  Returns 0
 * or -errno: fd is then closed, the rest still the caller's. */
int yd_net_adopt(struct yd_conn *conn, int fd);

/* ---- new connections ---- */

/* All that stands ahead of the protocol has come: hands the connection to that, or lets it answer
 * the refusal (enum yd_refusal).  It may be dead after this. */
void yd_net_begin(struct yd_conn *conn, int refusal);

/* proxied.c: awaits a PROXY header, then yd_net_begin().  Returns 0 or -ENOMEM. */
int yd_proxied_begin(struct yd_conn *conn);

/* refusals.c: whether a line about a refusal may be written: one a second. */
bool yd_net_may_log(struct yd_net *net);
/* Tells the program, if it wants to know: then there is no line. */
bool yd_net_tell_refusal(struct yd_net *net, yodel_refusal_reason reason, const struct yd_ip *ip);
/* Counts and logs that a client was refused, or sends too many messages. */
void yd_net_count_refusal(struct yd_net *net, int refusal, const struct yd_ip *ip);
void yd_net_count_flood(struct yd_net *net, const struct yd_ip *ip);

#endif
