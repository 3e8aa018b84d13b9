/* SPDX-License-Identifier: MIT */
#include "carry/carry.h"

#include <errno.h>
#include <openssl/rand.h>

#include "base/mem.h"
#include "carry/away.h"
#include "carry/inward.h"
#include "carry/peers.h"
#include "net/limits.h"

static int init_loop(struct yd_carry *carry, struct yd_net *net)
{
    struct yd_carry_loop *home = &carry->loops[carry->num_loops];
    uint64_t secret[2];

    if (RAND_bytes((unsigned char *)secret, sizeof secret) != 1)
        return -EIO;
    home->carry = carry;
    home->links.on_open = yd_inward_new;
    home->links.on_opened = yd_inward_begin;
    yd_link_home_init(&home->links, net, &carry->options.link, &carry->far.node);
    yd_peers_init(home, secret);
    carry->homes[carry->num_loops++] = &home->links;
    return 0;
}

int yd_carry_new(const struct yodel_allocator *mem, struct yd_net *const *nets, unsigned num_loops,
                 const struct yd_carry_options *options, struct yd_carry **ret_carry)
{
    struct yd_carry *carry = yd_zalloc(mem, sizeof *carry + num_loops * sizeof carry->loops[0]);
    int rc = 0;

    if (carry == NULL)
        return -ENOMEM;
    carry->mem = mem;
    carry->options = *options;
    carry->far.carry = yd_away_carry;
    atomic_init(&carry->far.node, YD_EIO_NO_NODE);
    for (unsigned i = 0; i < YD_EIO_FORMER_TAGS; i++)
        atomic_init(&carry->far.former[i], YD_EIO_NO_NODE);
    if ((carry->homes = yd_alloc_array(mem, num_loops, sizeof *carry->homes)) == NULL)
        rc = -ENOMEM;
    for (unsigned i = 0; i < num_loops && rc == 0; i++)
        rc = init_loop(carry, nets[i]);
    if (rc < 0)
        yd_carry_free(carry);
    else
        *ret_carry = carry;
    return rc;
}

void yd_carry_free(struct yd_carry *carry)
{
    if (carry == NULL)
        return;
    for (unsigned i = 0; i < carry->num_loops; i++)
        yd_peers_done(&carry->loops[i]);
    yd_free(carry->mem, carry->homes);
    yd_free(carry->mem, carry);
}

void yd_carry_set_node(struct yd_carry *carry, uint32_t node)
{
    uint32_t before = yd_eio_far_node(&carry->far);

    if (before == node)
        return;
    if (before != YD_EIO_NO_NODE)
        atomic_store_explicit(&carry->far.former[carry->num_former++ % YD_EIO_FORMER_TAGS], before,
                              memory_order_relaxed);
    atomic_store_explicit(&carry->far.node, node, memory_order_release);
}

void yd_carry_stop(struct yd_carry *carry, struct yd_loop *loop)
{
    yd_link_home_stop(&yd_carry_of(carry, loop)->links);
}

void yd_carry_end(struct yd_carry *carry, struct yd_loop *loop)
{
    yd_peers_end(yd_carry_of(carry, loop));
}

int yd_carry_accept(struct yd_conn *conn, int refusal)
{
    struct yd_carry *carry = yd_conn_front(conn)->user;

    if (refusal != YD_NOT_REFUSED)
        return -EBUSY;
    return yd_link_accept(carry->homes, carry->num_loops, conn);
}

/* ---- counters ---- */

static uint64_t get(const atomic_uint_least64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void yd_carry_count(struct yd_carry *carry, struct yd_carry_stats *ret_stats)
{
    *ret_stats = (struct yd_carry_stats){.out = 0};
    for (unsigned i = 0; i < carry->num_loops; i++) {
        const struct yd_carry_loop *home = &carry->loops[i];
        const struct yd_link_counters *links = &home->links.counters;

        ret_stats->out += get(&home->counters.out);
        ret_stats->in += get(&home->counters.in);
        ret_stats->failed += get(&home->counters.failed);
        ret_stats->links += get(&links->links);
        ret_stats->made += get(&links->made);
        ret_stats->accepted += get(&links->accepted);
        ret_stats->refused += get(&links->refused);
        ret_stats->lost += get(&links->lost);
        ret_stats->malformed += get(&links->malformed);
    }
}
