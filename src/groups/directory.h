/* SPDX-License-Identifier: MIT */
#ifndef YD_GROUPS_DIRECTORY_H
#define YD_GROUPS_DIRECTORY_H

#include "groups/groups.h"

/* Which loops have members of which group, and how many there are: shared by all loops, behind a
 * lock for each stripe of names. */

struct yd_directory_entry {
    struct yd_map_node node;
    atomic_size_t members; /* over all loops, less those that are away */
    unsigned num_loops;    /* that have the group */
    struct yd_loop_set loops;
    struct yd_group_tally *tally; /* a reference; NULL: it counts in none */
    char name[];
};

void yd_directory_init(struct yd_groups *groups);
void yd_directory_done(struct yd_groups *groups);

/* Notes that loop has the group now; the entry lives until yd_directory_remove().  A new one counts
 * in tally (NULL: in none).  NULL when out of memory. */
struct yd_directory_entry *yd_directory_add(struct yd_groups *groups, const struct yd_key *key,
                                            unsigned loop, struct yd_group_tally *tally);
void yd_directory_remove(struct yd_groups *groups, struct yd_directory_entry *entry, unsigned loop);

#endif
