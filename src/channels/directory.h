/* SPDX-License-Identifier: MIT */
#ifndef YD_CHANNELS_DIRECTORY_H
#define YD_CHANNELS_DIRECTORY_H

#include "channels/groups.h"

/* Which loops have members of which group, and how many there are: shared by all loops, behind a
 * lock for each stripe of names. */

struct yd_directory_entry {
    struct yd_map_node node;
    atomic_size_t members;             /* over all loops */
    unsigned num_loops;                /* that have the group */
    uint64_t loops[YD_MAX_LOOPS / 64]; /* bit i: loop i has */
    char name[];
};

void yd_directory_init(yodel_channels *channels);
void yd_directory_done(yodel_channels *channels);

/* Notes that loop has the group now; the entry lives until yd_directory_remove().  NULL when out of
 * memory. */
struct yd_directory_entry *yd_directory_add(yodel_channels *channels, yodel_str name,
                                            unsigned loop);
void yd_directory_remove(yodel_channels *channels, struct yd_directory_entry *entry, unsigned loop);

/* Fills ret_loops with the indexes of the loops that have the group; returns how many. */
unsigned yd_directory_loops(yodel_channels *channels, yodel_str name,
                            uint8_t ret_loops[YD_MAX_LOOPS]);

/* Members over all loops. */
size_t yd_directory_count(yodel_channels *channels, yodel_str name);

#endif
