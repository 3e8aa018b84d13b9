/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "program.h"

/* HTTP routes, and what handlers keep to decide it later. */

static void each_header(yodel_str name, yodel_str value, void *user)
{
    (void)name;
    (void)value;
    act(user, NULL, NULL);
}

static void answer(yodel_request *req, void *user)
{
    struct program *p = user;

    say(p, "request %" YODEL_PRI, YODEL_ARG(yodel_request_path(req)));
    act(p, NULL, NULL);
    if (once_in(p, 8))
        yodel_request_each_header(req, each_header, p);
    if (!once_in(p, 16))
        (void)yodel_request_reply_text(req, 200, NULL, YODEL_STR("here you are"));
    act(p, NULL, NULL);
}

static void defer(yodel_request *req, void *user)
{
    struct program *p = user;

    say(p, "request deferred");
    for (unsigned i = pick(p, 3); i < 3; i++)
        (void)decision_keep(p, yodel_request_defer(req), "a request", NULL, true);
    act(p, NULL, NULL);
}

void http_side_set_up(struct program *p)
{
    if (yodel_server_route(p->server, "/now", answer, p) < 0 ||
        yodel_server_route(p->server, "/later", defer, p) < 0)
        abort();
    uploads_set_up(p);
}

/* ---- kept ---- */

static void use(struct program *p, struct kept *kept)
{
    bool nicely = !once_in(p, 3);

    if (kept->kind == KEPT_DECISION) {
        decision_use(p, kept->thing);
    } else if (kept->kind == KEPT_NAMESPACE) {
        if (nicely && !p->over)
            emit_to_kept(p, kept);
        say(p, "give back %s", program_names[kept->name]);
        (void)yodel_sio_namespace_unref(kept->thing);
    }
}

/* The oldest must go when there are too many. */
void keep(struct program *p, struct kept kept)
{
    if (p->num_kept == MAX_KEPT)
        use_kept(p);
    p->kept[p->num_kept++] = kept;
}

void use_kept(struct program *p)
{
    unsigned i;
    struct kept kept;

    if (p->num_kept == 0)
        return;
    i = pick(p, p->num_kept);
    kept = p->kept[i];
    p->kept[i] = p->kept[--p->num_kept];
    use(p, &kept);
}

void drop_all_kept(struct program *p)
{
    while (p->num_kept > 0)
        use_kept(p);
}
