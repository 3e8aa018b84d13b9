/* SPDX-License-Identifier: MIT */
#ifndef YD_CARRY_DIALER_H
#define YD_CARRY_DIALER_H

#include "carry/carry.h"
#include "net/tls.h"

/* Connects to the addresses of nodes. */
struct yd_node_dialer {
    struct yd_dialer base;
    struct yd_tls *tls; /* by yd_tls_new_client(); NULL: plain text */
    const char *name;   /* that certificates must have */
};

/* tls and name are borrowed. */
void yd_node_dialer_init(struct yd_node_dialer *dialer, struct yd_tls *tls, const char *name);

/* Whether text may be an address: "192.0.2.1:7000", "[2001:db8::1]:7000", "node1.internal:7000",
 * "unix:/run/node1.sock"; NULL is none. */
bool yd_dialer_takes(const char *text);

#endif
