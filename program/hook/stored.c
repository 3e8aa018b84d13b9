/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "hook/parts.h"

/* Notices that go to a store in place of the back end: who has it sends them.  Those of a lane are
 * stored one after the other, behind what its client waits for; nothing of them is given up. */

static void put_all(const struct yg_request *request, struct yg_text *texts,
                    struct yg_hook_stored *stored)
{
    for (size_t i = 0; i < request->num; i++) {
        const struct yg_hook_event *event = request->events[i];

        yg_body_put_event(&texts[i], event);
        stored[i] = (struct yg_hook_stored){.id = event->id,
                                            .ns = yg_body_ns(event),
                                            .kind = event->kind,
                                            .lane = event->lane->store,
                                            .event = {texts[i].ptr, texts[i].len}};
    }
}

static int store(struct yg_request *request, struct yg_text *texts, struct yg_hook_stored *stored)
{
    struct yg_hook *hook = request->hook;

    put_all(request, texts, stored);
    for (size_t i = 0; i < request->num; i++) {
        if (yg_text_failed(&texts[i]))
            return -ENOMEM;
    }
    return hook->setup.port->store(hook->setup.port_user, stored, request->num,
                                   request->attempt > 1, &request->storing);
}

static int begin(struct yg_request *request)
{
    struct yg_hook_stored *stored = calloc(request->num, sizeof(*stored));
    struct yg_text *texts = calloc(request->num, sizeof(*texts));
    int rc = -ENOMEM;

    if (stored != NULL && texts != NULL)
        rc = store(request, texts, stored);
    for (size_t i = 0; texts != NULL && i < request->num; i++)
        yg_text_done(&texts[i]);
    free(texts);
    free(stored);
    return rc;
}

static void try_again(struct yg_request *request)
{
    struct yg_hook *hook = request->hook;
    const uint32_t wait = yg_retry_wait(&hook->options->retry, request->attempt,
                                        hook->setup.port->chance(hook->setup.port_user), 0);

    request->again_ms = hook->setup.port->now_ms(hook->setup.port_user) + (wait > 0 ? wait : 1);
}

void yg_stored_send(struct yg_request *request)
{
    if (request->attempt++ == 0)
        request->hook->num_storing++;
    request->again_ms = 0;
    if (begin(request) < 0)
        try_again(request);
}

void yg_stored_undo(struct yg_request *request)
{
    struct yg_hook *hook = request->hook;

    if (request->storing != NULL)
        hook->setup.port->unstore(hook->setup.port_user, request->storing);
    request->storing = NULL;
}

void yg_stored_look(struct yg_request *request)
{
    struct yg_hook *hook = request->hook;
    const int rc = hook->setup.port->look(hook->setup.port_user, request->storing);

    if (rc > 0)
        return;
    yg_stored_undo(request);
    if (rc == 0)
        yg_request_end(request, NULL, &(const struct yg_hook_told){.is_stored = true});
    else
        try_again(request);
}
