/* SPDX-License-Identifier: MIT */
#ifndef YG_LEASE_SCRIPTS_H
#define YG_LEASE_SCRIPTS_H

/*
 * What Redis does for the nodes in one step each.  Keys, behind the prefix:
 *
 *     PREFIX:leases        set: runs of nodes that have a lease, or have had one and left records
 *     PREFIX:lease:RUN     a run's lease; it goes by itself
 *     PREFIX:hooked:RUN    hash: the records of a run
 *     PREFIX:fenced:RUN    that its records were taken over
 */

/*
 * ARGV: prefix, run, lease in ms, how many records may be taken over.  Renews the lease, and takes
 * records over of runs whose lease is no more.  Gives {state, id, record, id, record, ...}; state
 * is 1: Redis knew nothing of this run; 2: what this run had was taken over by others.
 */
extern const char yg_script_turn[];

/* ARGV: prefix, run, ids of records.  Forgets these, and the lease; if there are others, they are
 * for whoever comes next. */
extern const char yg_script_end[];

#endif
