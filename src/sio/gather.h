/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_GATHER_H
#define YD_SIO_GATHER_H

#include "sio/socket.h"

/* Acknowledgements that the program waits for: of one socket, or of many on several loops. */
struct yd_sio_gather;

/* single: the answers are one client's arguments.  NULL when out of memory. */
struct yd_sio_gather *yd_sio_gather_new(yodel_sio *sio, bool single, uint32_t timeout_ms,
                                        yodel_sio_answers_fn *answered, void *user);
/* Socket owes id to gather.  Returns 0, -ENOMEM, YODEL_ERR_TOO_BIG. */
int yd_sio_gather_expect(struct yd_sio_gather *gather, yodel_sio_socket *socket, uint64_t id);
/* Takes back what was expected: the packet could not be sent. */
void yd_sio_gather_forget(struct yd_sio_gather *gather, yodel_sio_socket *socket, uint64_t id);
/* The event did not reach one of those it was meant for: result is why. */
void yd_sio_gather_miss(struct yd_sio_gather *gather, int result);
/* No more will be expected: answered is called in a task of this loop as soon as all have come; not
 * at all when the operation has failed. */
void yd_sio_gather_close(struct yd_sio_gather *gather, struct yd_loop *loop, bool failed);
/* Forgets it without a call, if nothing is expected. */
void yd_sio_gather_cancel(struct yd_sio_gather *gather);

#endif
