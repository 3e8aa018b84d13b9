/* SPDX-License-Identifier: MIT */
#ifndef YD_TESTS_EIO_SIM_H
#define YD_TESTS_EIO_SIM_H

#include "eio/eio.h"
#include "loops_sim.h"

/*
 * An Engine.IO service at "/e/" on simulated loops, and what it has told the layer above:
 * "open;text:hi;binary:616263;drain;close:ping timeout;".
 */
struct eio_sim {
    struct loops_sim base; /* first */
    struct yd_eio *eio;
    struct yd_eio_session *session; /* that was opened last */
    bool refuse_open;               /* on_open returns NULL */
    bool close_at_open;
    bool echo;               /* messages go back */
    const char *close_after; /* closes the session in the handler of this text */
    const char *pause_after; /* pauses it in the handler of this one */
    unsigned num_upgrades;
    char id[YD_EIO_ID_LEN + 1]; /* of the session that was opened last */
};

/* Intervals 1000 and 500 ms, upgrade 300; payload 2000 bytes, buffered 300; compressed from 400 on.
 * The HTTP service has 1000 bytes of body. */
void eio_sim_options(struct yd_eio_options *ret_options);

/* options NULL: as above. */
int eio_sim_start(struct eio_sim *sim, const struct yodel_allocator *mem, unsigned num_loops,
                  const struct yd_eio_options *options);
void eio_sim_stop(struct eio_sim *sim);

void eio_sim_run(struct eio_sim *sim);
void eio_sim_advance(struct eio_sim *sim, uint64_t ms);

/* Compares with what was told, and forgets that. */
void eio_sim_expect_told(struct eio_sim *sim, const char *expected);

/* Sends a request on a new connection to a loop, and runs.  query follows
 * "EIO=4&transport=polling". */
struct sim_peer *eio_sim_get(struct eio_sim *sim, unsigned loop, const char *query);
struct sim_peer *eio_sim_post(struct eio_sim *sim, unsigned loop, const char *query,
                              const char *body);
/* "&sid=" and the id of the last session; until the next call. */
const char *eio_sim_sid(struct eio_sim *sim);

/* Opens a session; it is told and forgotten. */
void eio_sim_open(struct eio_sim *sim, unsigned loop);
/* Polls, or posts, to the last session at loop 0. */
struct sim_peer *eio_sim_poll(struct eio_sim *sim);
struct sim_peer *eio_sim_say(struct eio_sim *sim, const char *body);

/* An upgrade request; query follows "EIO=4&transport=websocket".  _open: accepted, the head is
 * forgotten. */
struct sim_peer *eio_sim_upgrade(struct eio_sim *sim, unsigned loop, const char *query);
struct sim_peer *eio_sim_ws(struct eio_sim *sim, unsigned loop, const char *query);
/* Opens a session on WebSocket; its open packet is forgotten. */
struct sim_peer *eio_sim_ws_open(struct eio_sim *sim, unsigned loop);

/* Fails the test unless the answer is that; it is forgotten. */
void eio_sim_expect(struct sim_peer *peer, int status, const char *body);
/* Unless an error of the reference is. */
void eio_sim_expect_error(struct sim_peer *peer, int code);

/* Sends by yd_eio_send(), and runs. */
int eio_sim_send(struct eio_sim *sim, const char *text, unsigned flags);
int eio_sim_send_binary(struct eio_sim *sim, const void *data, size_t len, unsigned flags);

#endif
