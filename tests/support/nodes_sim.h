/* SPDX-License-Identifier: MIT */
#ifndef YD_TESTS_NODES_SIM_H
#define YD_TESTS_NODES_SIM_H

#include "base/part.h"
#include "channels/channels.h"
#include "failmem.h"
#include "loop_sim.h"
#include "nodes/native.h"

/* Several processes in one, each with loops, a bus, a registry and a channel layer, and a wire
 * between them that can be cut. */

#define NODES_SIM_MAX 3
#define NODES_SIM_LOOPS 2

struct nodes_sim_process {
    struct yd_node_wire wire; /* first */
    struct nodes_sim *sim;
    struct yd_list subs;
    unsigned num_subs;
    bool cut;    /* the wire to it: what it publishes is lost, and nothing comes */
    bool silent; /* the same, but it does not notice */
    bool frozen; /* the process: it does nothing, what comes to it waits */
    bool dead;
    struct failmem fm;
    struct yd_loop *loops[NODES_SIM_LOOPS];
    struct yd_bus bus;
    struct yd_nodes nodes;
    struct yd_native native;
    yodel_channels *channels;
    struct yd_part *part; /* what a test has added; ended and freed with the process */
    char name[YD_PROCESS_SIZE];
};

struct nodes_sim_packet;
struct nodes_sim_value;

struct nodes_sim {
    unsigned num;
    struct nodes_sim_process processes[NODES_SIM_MAX];
    struct nodes_sim_packet *first, **end;
    struct nodes_sim_value *values;
    bool down; /* the middle itself: nothing is carried, nobody is told */
    unsigned num_published, num_delivered;
    uint64_t now;
    unsigned (*drop)(struct nodes_sim *sim, yodel_str channel); /* NULL: none is */
};

/* num processes "p0" ... with names "n0" ... */
void nodes_sim_start(struct nodes_sim *sim, unsigned num);
/* One that has been started or killed; all. */
void nodes_sim_stop_one(struct nodes_sim *sim, unsigned i);
void nodes_sim_stop(struct nodes_sim *sim);
/* Starts one anew, under another process name. */
void nodes_sim_start_one(struct nodes_sim *sim, unsigned i, unsigned generation);

/* Everything that can happen now. */
void nodes_sim_run(struct nodes_sim *sim);
void nodes_sim_advance(struct nodes_sim *sim, uint64_t ms);
/* Cuts the wire of a process, and mends it: it is told, and subscribes anew. */
void nodes_sim_cut(struct nodes_sim *sim, unsigned i, bool cut);

/* Between the two the loop is the current one. */
void nodes_sim_enter(struct yd_loop *loop);
void nodes_sim_leave(struct yd_loop *loop);

/* As if published by somebody else. */
void nodes_sim_inject(struct nodes_sim *sim, const char *channel, const void *data, size_t len);

#endif
