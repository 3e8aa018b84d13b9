/* SPDX-License-Identifier: MIT */
#ifndef YD_TESTS_SIO_SIM_H
#define YD_TESTS_SIO_SIM_H

#include "loops_sim.h"
#include "sio/sio.h"
#include "sio/sio_ids.h"

/*
 * A Socket.IO service at "/socket.io/" on simulated loops, each of which is the current one while
 * it turns; and what its handlers were told, as text that a test compares.
 */
struct sio_sim {
    struct loops_sim base; /* first */
    struct yd_bus bus;
    yodel_sio *sio;
    yodel_sio_namespace *ns;  /* "/" */
    yodel_sio_socket *socket; /* that was connected last, until it is disconnected */
    int released;             /* owners */
    void (*at_end)(void);     /* the loops have ended and the service was given back; may be NULL */
};

/* A client on WebSocket. */
struct sio_client {
    struct sio_sim *sim;
    struct sim_peer *peer;
    unsigned loop;
    char sid[YD_ID_LEN + 1], pid[YD_ID_LEN + 1]; /* of the last CONNECT that was answered */
};

/* Pings after 100 s, pong 50 s, connect timeout 2 s, payload 2000 bytes, buffered 3000. */
void sio_sim_options(yodel_sio_options *ret_options);

/* options NULL: as above.  Makes the namespace "/", with sio_sim_handle(). */
int sio_sim_start(struct sio_sim *sim, const struct yodel_allocator *mem, unsigned num_loops,
                  const yodel_sio_options *options);
/* Does nothing when it has not started. */
void sio_sim_stop(struct sio_sim *sim);

/* What yodel_sio_of() and yodel_sio_of_pattern() give; NULL when they fail. */
yodel_sio_namespace *sio_sim_of(yodel_sio *sio, const char *name);
yodel_sio_namespace *sio_sim_of_pattern(yodel_sio *sio, const char *pattern);

/* Handlers that tell "connection NSP;", "disconnecting REASON ROOMS;" (but its own) and
 * "disconnect REASON;", "error TEXT;". */
int sio_sim_handle(struct sio_sim *sim, yodel_sio_namespace *ns);

void sio_sim_tell(struct sio_sim *sim, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Compares with what was told, and forgets that. */
void sio_sim_expect_told(struct sio_sim *sim, const char *expected);

void sio_sim_run(struct sio_sim *sim);
void sio_sim_advance(struct sio_sim *sim, uint64_t ms);
/* One loop alone. */
void sio_sim_run_loop(struct sio_sim *sim, unsigned loop);
/* Calls fn(sim, arg) on a loop, in its turn, and runs all. */
void sio_sim_on_loop(struct sio_sim *sim, unsigned loop, void (*fn)(struct sio_sim *sim, void *arg),
                     void *arg);

/* Opens a session; its open packet is forgotten.  When memory fails peer may be of no use. */
void sio_sim_open(struct sio_sim *sim, unsigned loop, struct sio_client *ret_client);
/* CONNECT with auth ("" for none), and the answer.  Fails the test unless that is positive. */
void sio_sim_join(struct sio_client *client, const char *nsp, const char *auth);
/* Both, for "/"; what was told is forgotten. */
void sio_sim_connect(struct sio_sim *sim, unsigned loop, struct sio_client *ret_client);

/* Sends a packet, without the `4` of its message; without and with running. */
void sio_sim_put(struct sio_client *client, const char *packet);
void sio_sim_say(struct sio_client *client, const char *packet);
void sio_sim_say_binary(struct sio_client *client, const void *data, size_t len);
/* Ends its connection, and runs. */
void sio_sim_leave(struct sio_client *client);

/* Fails the test unless the next packet is that. */
void sio_sim_expect(struct sio_client *client, const char *packet);
void sio_sim_expect_binary(struct sio_client *client, const void *data, size_t len);
void sio_sim_expect_nothing(struct sio_client *client);
/* Unless the server has closed the connection; packets ahead of that are skipped. */
void sio_sim_expect_closed(struct sio_client *client);
/* The next packet's text; NULL when there is none.  Until the next call. */
const char *sio_sim_next(struct sio_client *client);

#endif
