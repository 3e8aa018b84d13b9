/* SPDX-License-Identifier: MIT */
#include "net/net_internal.h"

/* How many connections the server has, and that it has none any more. */

void yd_conn_count_less(struct yd_net *net)
{
    if (net->options.num_connections != NULL)
        atomic_fetch_sub(net->options.num_connections, 1);
    yd_conn_check_empty(net);
}

void yd_net_count_outgoing(struct yd_conn *conn)
{
    atomic_uint *of_server = yd_conn_net(conn)->options.num_outgoing;

    conn->outgoing = true;
    if (of_server != NULL)
        atomic_fetch_add(of_server, 1);
}

void yd_net_count_outgoing_less(struct yd_net *net)
{
    if (net->options.num_outgoing != NULL)
        atomic_fetch_sub(net->options.num_outgoing, 1);
    yd_conn_check_empty(net);
}

void yd_conn_check_empty(struct yd_net *net)
{
    atomic_uint *of_server = net->options.num_connections;

    if (net->stopping && net->on_empty != NULL &&
        (of_server != NULL ? atomic_load(of_server) : net->num_conns) == 0)
        net->on_empty(net);
}
