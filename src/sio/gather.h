/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_GATHER_H
#define YD_SIO_GATHER_H

#include "bus/ask.h"
#include "sio/socket.h"

/* Acknowledgements that the program waits for: of one socket, or of many on several loops.  Each
 * socket that owes one is a part of the ask. */
struct yd_sio_gather;
struct yd_sio_remote_asker;

/* In what form the answers are: of one client its arguments; or of each the first argument, with
 * YD_SIO_GATHER_LISTS an array of its arguments. */
enum yd_sio_gather_form { YD_SIO_GATHER_ONE = 1, YD_SIO_GATHER_LISTS = 2 };

/* form: of enum yd_sio_gather_form, joined by |.  It has one reference, the ask's.  NULL when out
 * of memory. */
struct yd_sio_gather *yd_sio_gather_new(yodel_sio *sio, unsigned form, uint32_t timeout_ms,
                                        yodel_sio_answers_fn *answered, void *user);
/* The form that flags of an emit ask for. */
unsigned yd_sio_gather_form(unsigned flags);
/* One whose answers are added to those of whole, of which a part is open for it, and closed after
 * that.  NULL when out of memory. */
struct yd_sio_gather *yd_sio_gather_new_part(struct yd_sio_gather *whole);
struct yd_ask *yd_sio_gather_ask(struct yd_sio_gather *gather);
struct yd_sio_gather *yd_sio_gather_of(struct yd_ask *ask);
/* Whether an ask is that of a gather. */
bool yd_sio_is_gather(const struct yd_ask *ask);
/* Its time limit, ms. */
uint32_t yd_sio_gather_timeout(const struct yd_sio_gather *gather);

/* While a part is open: socket owes id to gather.  Returns 0, -ENOMEM, YODEL_ERR_TOO_BIG. */
int yd_sio_gather_expect(struct yd_sio_gather *gather, yodel_sio_socket *socket, uint64_t id);
/* Takes back what was expected: the packet could not be sent. */
void yd_sio_gather_forget(struct yd_sio_gather *gather, yodel_sio_socket *socket, uint64_t id);
/* The event did not reach one of those it was meant for: result is why. */
void yd_sio_gather_miss(struct yd_sio_gather *gather, int result);

/* Answers are not gathered but told to asker as they come. */
void yd_sio_gather_pass_on(struct yd_sio_gather *gather, struct yd_sio_remote_asker *asker);
/* All loops have sent it: asker hears to how many clients.  Closes a part that was open for this.
 */
void yd_sio_gather_all_sent(struct yd_sio_gather *gather);
/* Takes an answer that no socket owes, of a part that stays open.  Any thread. */
void yd_sio_gather_answer(struct yd_sio_gather *gather, const struct yd_sio_answer *answer);

/* For far peers: appends what was gathered, when that is complete.  Returns 0 or -ENOMEM. */
int yd_sio_gather_encode(const struct yd_sio_gather *gather, struct yd_buf *buf);
/* Adds what another process has gathered.  Returns 0, -ENOMEM, YODEL_ERR_PROTOCOL. */
int yd_sio_gather_take(struct yd_sio_gather *gather, yodel_bytes result);

#endif
