/* SPDX-License-Identifier: MIT */
#ifndef YD_EIO_PROBE_H
#define YD_EIO_PROBE_H

#include "loop/loop.h"
#include "ws/ws.h"

/* A WebSocket beside polling, which may take the session over.  One at a time. */
struct yd_eio_probe {
    yodel_ws *ws; /* NULL: none */
    struct yd_loop *loop;
    struct yd_timer timer;
    bool answered; /* the client knows that the WebSocket works */
    bool b64;
};

/* There is none yet; its timer will run on loop. */
void yd_eio_probe_init(struct yd_eio_probe *probe, struct yd_loop *loop);

/* Takes ws, which is dropped after limit_ms. */
void yd_eio_probe_begin(struct yd_eio_probe *probe, yodel_ws *ws, bool b64, uint32_t limit_ms);

/* There is none any more; returns its WebSocket, which may be NULL. */
yodel_ws *yd_eio_probe_take(struct yd_eio_probe *probe);

/* Drops its WebSocket, if there is one. */
void yd_eio_probe_drop(struct yd_eio_probe *probe);

#endif
