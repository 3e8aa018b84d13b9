/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_HOOKED_WS_H
#define YG_SERVE_HOOKED_WS_H

#include <yodel/ws.h>

/*
 * Plain WebSockets whose path has a webhook: as sockets of Socket.IO (hooked.h), but for these:
 * a message is the event "message" with one argument, a string or an attachment; there are no
 * acknowledgements; rooms are groups; what is emitted to the sender is a message.
 */

/* Without options; user is a struct yg_websocket_path. */
extern const yodel_ws_handlers yg_hooked_ws_handlers;

#endif
