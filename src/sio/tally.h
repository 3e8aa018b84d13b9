/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_TALLY_H
#define YD_SIO_TALLY_H

#include "sio/sio_base.h"

/* How many an emit was queued for in this process: added up over the loops that carry it out, and
 * told to the program when the last has. */
struct yd_sio_tally;

/* With a part of the caller's own.  NULL when out of memory. */
struct yd_sio_tally *yd_sio_tally_new(yodel_sio *sio, yodel_sio_count_fn *counted, void *user);
/* Opens a part, for an operation; and closes it, with the last of it.  Any thread. */
void yd_sio_tally_open(struct yd_sio_tally *tally);
void yd_sio_tally_close(struct yd_sio_tally *tally);
/* Of a part that is open: it was queued for num more.  Any thread. */
void yd_sio_tally_add(struct yd_sio_tally *tally, size_t num);
/* Ends the caller's part: with a result below 0 nothing is told; else perhaps inside this call, if
 * all others have ended.  Returns result. */
int yd_sio_tally_end(struct yd_sio_tally *tally, int result);

#endif
