/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/container.h"
#include "base/mem.h"
#include "eio/eio.h"
#include "sio/sio_base.h"

/* Deciding on a session that allow_request deferred, from any thread. */

struct decision {
    struct yd_mail mail;
    yodel_sio *sio;
    uint64_t id;
    int result;
};

yodel_request_id yodel_sio_request_id(yodel_request *req)
{
    return (yodel_request_id){yd_eio_request_id(req)};
}

static void run_decision(struct yd_mail *mail, void *receiver)
{
    struct decision *decision = yd_container_of(mail, struct decision, mail);

    (void)yd_eio_decide(decision->sio->eio, receiver, decision->id, decision->result);
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
    *decision = (struct decision){{NULL, run_decision}, sio, id.value, result};
    if ((rc = yd_loop_post(loop, &decision->mail)) < 0)
        yd_free(sio->mem, decision);
    return rc;
}
