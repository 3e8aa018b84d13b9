/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_HOOKED_H
#define YG_SERVE_HOOKED_H

#include "hook/hook.h"
#include "serve/door.h"

/*
 * Sockets of Socket.IO whose namespace has a webhook: their lane of events, and what the back end
 * says.  A back end that was told of a socket, or may have been, is told once that it has gone, and
 * then nothing more of it.
 */

/* What an answer to connect has as data, to the client. */
#define YG_HELLO_EVENT "yodel:hello"

/*
 * Asks the webhook whether a socket may connect; how it goes on is up to the door.
 *
 * token   what it has shown; its content is taken
 *
 * Returns what the middleware returns, or negative.
 */
int yg_hooked_connect(const struct yg_door *door, struct yg_hook *hook, struct yg_token *token);

/* A socket that has begun, without a question.  0 or -ENOMEM. */
int yg_hooked_begin(struct yg_state *state, yodel_sio_socket *socket, struct yg_hook *hook);

/* It is connected. */
void yg_hooked_connected(yodel_sio_socket *socket);

/* It has sent an event.  Returns whether that is for the webhook. */
bool yg_hooked_event(yodel_sio_socket *socket, yodel_sio_event *event);

/* Its time ends soon.  Returns whether the webhook says what then. */
bool yg_hooked_refresh(yodel_sio_socket *socket);

/* It goes. */
void yg_hooked_disconnecting(yodel_sio_socket *socket, const char *reason);

/* Carries out what an answer says beside all else.
 *
 * sender   NULL: it has gone */
void yg_hooked_act(struct yg_state *state, yodel_loop *loop, yodel_sio_socket *sender,
                   struct yg_command **actions, size_t num);

#endif
