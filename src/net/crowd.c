/* SPDX-License-Identifier: MIT */
#include "base/container.h"
#include "base/trimmer.h"
#include "net/net_internal.h"

/*
 * How many connections a loop has, and had.  When a crowd has left its memory is free, but malloc
 * keeps it: between what stays there are gaps of whole pages that only an order gives back to the
 * system.  That takes up to 1 ms for each 1000 connections that have left, so it is done once for
 * a crowd, after a while, and not on this thread.
 */
#define LEAST_CROWD 500
#define TRIM_AFTER_MS 2000

/* Half of the crowd has left. */
static bool has_dispersed(const struct yd_net *net)
{
    return net->most_conns >= LEAST_CROWD && net->num_conns <= net->most_conns / 2;
}

static void trim_after(struct yd_net *net, uint32_t ms)
{
    yd_timer_start(&net->loop->wheel, &net->trim, yd_loop_due(net->loop, ms));
}

static void give_back(struct yd_timer *timer)
{
    struct yd_net *net = yd_container_of(timer, struct yd_net, trim);
    uint32_t wait;

    if (!has_dispersed(net))
        return; /* there is another one by now */
    if ((wait = yd_trimmer_ask(net->options.trimmer, net->loop->now)) > 0)
        trim_after(net, wait);
    else
        net->most_conns = net->num_conns;
}

void yd_net_crowd_init(struct yd_net *net)
{
    yd_timer_init(&net->trim, give_back);
}

void yd_net_one_more(struct yd_net *net)
{
    if (++net->num_conns > net->most_conns)
        net->most_conns = net->num_conns;
}

void yd_net_one_less(struct yd_net *net)
{
    net->num_conns--;
    if (net->options.trimmer != NULL && has_dispersed(net) && !yd_timer_is_running(&net->trim))
        trim_after(net, TRIM_AFTER_MS);
}
