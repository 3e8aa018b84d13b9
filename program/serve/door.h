/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_DOOR_H
#define YG_SERVE_DOOR_H

#include "serve/state.h"

/*
 * Where the verdict on a socket goes that wants into a namespace: back from the middleware or,
 * after a wait, to the decision.  A refusal is final to a client of socket.io, so it is for a real
 * no; one whose connection ends comes back.
 */
struct yg_door {
    struct yg_state *state;
    yodel_sio_socket *socket;
    yodel_decision *decision; /* NULL: the middleware is on the stack */
};

/* All return what the middleware returns, or negative. */
int yg_door_open(const struct yg_door *door);
/* data: JSON text, or NULL. */
int yg_door_refuse(const struct yg_door *door, const char *message, const char *data);
/* The data is {"code": CODE}. */
int yg_door_refuse_code(const struct yg_door *door, const char *message, const char *code);
int yg_door_send_away(const struct yg_door *door);

/* A wait begins: a reference to the decision, which is made in the middleware; NULL: out of
 * memory. */
yodel_decision *yg_door_wait(const struct yg_door *door);

#endif
