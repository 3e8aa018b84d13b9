/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/mem.h"
#include "bus/call.h"
#include "eio/eio.h"
#include "sio/sio_base.h"

/* Deciding on a session that allow_request deferred, from any thread. */

struct decision {
    struct yd_call call;
    yodel_sio *sio;
    uint64_t id;
    int result;
};

yodel_request_id yodel_sio_request_id(yodel_request *req)
{
    return (yodel_request_id){yd_eio_request_id(req)};
}

static void run_decision(struct yd_loop *loop, void *arg)
{
    struct decision *decision = arg;

    (void)yd_eio_decide(decision->sio->eio, loop, decision->id, decision->result);
    yd_free(decision->sio->mem, decision);
}

int yodel_sio_allow(yodel_sio *sio, yodel_request_id id, int result)
{
    struct yd_loop *loop = yd_eio_request_loop(sio->eio, id.value);
    struct decision *decision;
    int rc;

    if (loop == NULL)
        return 0;
    if ((decision = yd_alloc(sio->mem, sizeof *decision)) == NULL)
        return -ENOMEM;
    *decision = (struct decision){.sio = sio, .id = id.value, .result = result};
    yd_call_init(&decision->call, YD_CALL_CONTROL, run_decision, decision);
    if ((rc = yd_call_post(&decision->call, loop)) < 0)
        yd_free(sio->mem, decision);
    return rc;
}
