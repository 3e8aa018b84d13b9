/* SPDX-License-Identifier: MIT */
#ifndef YD_EIO_WEBSOCKET_H
#define YD_EIO_WEBSOCKET_H

#include "eio/session.h"

/* The transport WebSocket. */

extern const struct yd_eio_transport_ops yd_eio_websocket;

/* session is carried by ws from now on. */
void yd_eio_ws_attach(struct yd_eio_session *session, yodel_ws *ws, bool b64);

/* The session that ws carries; NULL for none. */
struct yd_eio_session *yd_eio_ws_carries(yodel_ws *ws);

/* What ws carries or probes knows of it no longer; closes it, with code unless that is 0. */
void yd_eio_ws_drop(yodel_ws *ws, unsigned code, const char *why);

/* A message of the session that ws carries. */
void yd_eio_ws_message(struct yd_eio_session *session, const yodel_ws_message *message);

/* ws has ended, and the session that it carries with it. */
void yd_eio_ws_lost(struct yd_eio_session *session, const yodel_ws_closing *closing);

#endif
