/* SPDX-License-Identifier: MIT */
#ifndef YD_TESTS_CARRY_SIM_H
#define YD_TESTS_CARRY_SIM_H

#include "carry/carry.h"
#include "eio_sim.h"

/*
 * Nodes in one process: each has an Engine.IO service on simulated loops, and carries requests to
 * the others over links that the simulation joins.  Node i has the tag 100 + i.
 */
#define CARRY_SIM_MAX 3

struct carry_sim;
struct joint;

struct node_sim {
    struct yd_finder finder; /* first */
    struct yd_dialer dialer;
    struct carry_sim *all;
    struct eio_sim eio;
    struct yd_carry *carry;
    struct yd_eio_far *far;
    struct yd_front front; /* of links to it */
    struct yd_net_listener link_listener;
    struct yd_listener dial_listener;
    struct yd_conn *dialled;
    unsigned accepts_at; /* the loop that gets links */
    bool paused;         /* does nothing, but bytes to it arrive */
    bool unknown;        /* to the finder */
    bool is_looked_for;  /* the finder does not answer: see last_lookup */
    bool refuses;        /* connections to it fail */
    bool silent;         /* they do not come to be */
};

struct carry_sim {
    unsigned num;
    struct node_sim nodes[CARRY_SIM_MAX];
    struct joint *joints;
    size_t chop;                         /* bytes of one read of a link; 0: all */
    unsigned num_dials;                  /* so far */
    uint32_t dial_ms;                    /* of the last one */
    struct yd_carry_lookup *last_lookup; /* that was not answered */
};

/* secrets[i] is of node i; NULL: all have the same. */
int carry_sim_start(struct carry_sim *sim, const struct yodel_allocator *mem, unsigned num,
                    unsigned num_loops, const char *const *secrets);
void carry_sim_stop(struct carry_sim *sim);

void carry_sim_run(struct carry_sim *sim);
void carry_sim_advance(struct carry_sim *sim, uint64_t ms);

/* Breaks all links; bytes under way are lost. */
void carry_sim_break(struct carry_sim *sim);
/* Open links, both ends counted as one. */
unsigned carry_sim_num_links(const struct carry_sim *sim);

/* A connection to a node's port for links. */
struct sim_peer *carry_sim_knock(struct carry_sim *sim, unsigned node);

/* Requests to the loop 0 of a node, about the session `of` opened last. */
void carry_sim_open(struct carry_sim *sim, unsigned node);
struct sim_peer *carry_sim_connect(struct carry_sim *sim, unsigned node);
void carry_sim_ask_poll(struct carry_sim *sim, struct sim_peer *peer, unsigned of);
void carry_sim_ask_post(struct carry_sim *sim, struct sim_peer *peer, unsigned of,
                        const char *body);
struct sim_peer *carry_sim_upgrade(struct carry_sim *sim, unsigned node, unsigned of);

struct yd_carry_stats carry_sim_stats(struct carry_sim *sim, unsigned node);

#endif
