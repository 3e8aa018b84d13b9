/* SPDX-License-Identifier: MIT */
#ifndef YD_EIO_UPGRADE_H
#define YD_EIO_UPGRADE_H

#include "eio/session.h"

/* From polling to WebSocket: `2probe`, `3probe`, and the switch with `5`. */

/* A WebSocket for a session that exists; it is dropped if there can be none. */
void yd_eio_upgrade_begin(struct yd_eio_session *session, yodel_ws *ws, bool b64);

/* A message on it. */
void yd_eio_upgrade_message(struct yd_eio_session *session, const yodel_ws_message *message);

/* It has ended: the session goes on polling. */
void yd_eio_upgrade_lost(struct yd_eio_session *session);

#endif
