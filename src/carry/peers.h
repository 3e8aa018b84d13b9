/* SPDX-License-Identifier: MIT */
#ifndef YD_CARRY_PEERS_H
#define YD_CARRY_PEERS_H

#include "carry/carry.h"

/* The loops of other nodes that this loop has links with, or wants to. */

/* Someone who waits for a link; embedded in its owner. */
struct yd_peer_wait {
    struct yd_list node; /* empty: does not wait */
    /* link: on which streams can be opened; NULL: why. */
    void (*on_link)(struct yd_peer_wait *wait, struct yd_link *link, enum yd_link_why why);
};

void yd_peers_init(struct yd_carry_loop *home, const uint64_t secret[2]);
/* Nobody is called any more. */
void yd_peers_end(struct yd_carry_loop *home);
void yd_peers_done(struct yd_carry_loop *home);

/* Calls wait->on_link, at once or later, unless yd_peer_give_up() comes first. */
void yd_peer_want(struct yd_carry_loop *home, struct yd_eio_home there, struct yd_peer_wait *wait);
void yd_peer_give_up(struct yd_peer_wait *wait);

#endif
