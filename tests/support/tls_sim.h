/* SPDX-License-Identifier: MIT */
#ifndef YD_TESTS_TLS_SIM_H
#define YD_TESTS_TLS_SIM_H

#include <openssl/ssl.h>

#include "loop_sim.h"
#include "net/tls.h"

/* A client's end of TLS in front of a simulated peer. */
struct tls_sim {
    SSL *ssl;
    struct sim_peer *peer;
    struct sim_peer plain; /* what it sends and has received, as if there were no TLS */
};

/* Writes a self-signed certificate and its key; the names are templates of mkstemp(). */
void tls_sim_make_files(char *cert_file, char *key_file);

/* Settings of a listener with such a certificate. */
struct yd_tls *tls_sim_server(const struct yodel_allocator *mem, const struct yodel_log_sink *sink);

void tls_sim_start(struct tls_sim *tls, struct sim_peer *peer);
void tls_sim_stop(struct tls_sim *tls);

/* Seals what plain.input holds, turns until nothing moves, opens what comes into plain.output. */
void tls_sim_run(struct tls_sim *tls, struct yd_loop *loop);

#endif
