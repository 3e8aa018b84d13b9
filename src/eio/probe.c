/* SPDX-License-Identifier: MIT */
#include "eio/probe.h"

#include "base/container.h"
#include "eio/websocket.h"

static void on_timeout(struct yd_timer *timer)
{
    yd_eio_probe_drop(yd_container_of(timer, struct yd_eio_probe, timer));
}

void yd_eio_probe_init(struct yd_eio_probe *probe, struct yd_loop *loop)
{
    *probe = (struct yd_eio_probe){.loop = loop};
    yd_timer_init(&probe->timer, on_timeout);
}

void yd_eio_probe_begin(struct yd_eio_probe *probe, yodel_ws *ws, bool b64, uint32_t limit_ms)
{
    probe->ws = ws;
    probe->b64 = b64;
    yd_timer_start(&probe->loop->wheel, &probe->timer, yd_loop_due(probe->loop, limit_ms));
}

yodel_ws *yd_eio_probe_take(struct yd_eio_probe *probe)
{
    yodel_ws *ws = probe->ws;

    if (ws != NULL)
        yd_timer_stop(&probe->loop->wheel, &probe->timer);
    probe->ws = NULL;
    probe->answered = false;
    return ws;
}

void yd_eio_probe_drop(struct yd_eio_probe *probe)
{
    yodel_ws *ws = yd_eio_probe_take(probe);

    if (ws != NULL)
        yd_eio_ws_drop(ws, 0, "");
}
