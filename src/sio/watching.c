/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/container.h"
#include "base/options.h"
#include "sio/remote.h"
#include "sio/sio_post.h"
#include "sio/sio_watch.h"

/* ---- beginning and ending ---- */

/* Events keep their words while some loop wants to see what goes out. */
static bool sees_sent(const struct yd_sio_watch *watch)
{
    return watch->is_on && watch->watcher.on_sent != NULL;
}

static void exchange(yodel_sio *sio, struct yd_sio_watch *watch, const struct yd_sio_watch *now)
{
    const bool saw = sees_sent(watch), sees = sees_sent(now);

    *watch = *now;
    if (saw && !sees)
        atomic_fetch_sub_explicit(&sio->num_sent_watchers, 1, memory_order_relaxed);
    else if (sees && !saw)
        atomic_fetch_add_explicit(&sio->num_sent_watchers, 1, memory_order_relaxed);
}

int yodel_sio_watch(yodel_sio *sio, const yodel_sio_watcher *watcher, void *user)
{
    struct yd_loop *loop = sio != NULL ? yd_sio_current_loop(sio) : NULL;
    struct yd_sio_watch now = {.is_on = watcher != NULL, .user = user};
    int rc;

    if (sio == NULL)
        return -EINVAL;
    if (watcher != NULL && (rc = yd_options_read(watcher, &now.watcher, sizeof now.watcher)) < 0)
        return rc;
    if (loop == NULL)
        return YODEL_ERR_STATE;
    exchange(sio, &sio->per_loop[loop->index].watch, &now);
    return 0;
}

/* ---- the walk ---- */

struct walk {
    struct yd_loop *loop;
    yodel_sio_socket_fn *each;
    void *user;
    int result;
};

static void walk_namespace(yodel_sio_namespace *ns, void *user)
{
    struct walk *walk = user;
    struct yd_list *sockets = &ns->shards[walk->loop->index].sockets;
    struct yd_list *node = sockets->next, *next;

    /* What ends a socket does so after this callback. */
    for (; node != sockets && walk->result == 0; node = next) {
        yodel_sio_socket *socket = yd_container_of(node, yodel_sio_socket, of_shard);

        next = node->next;
        if (socket->is_shown)
            walk->result = walk->each(socket, walk->user);
    }
}

int yodel_sio_each_socket(yodel_sio *sio, yodel_sio_socket_fn *each, void *user)
{
    struct walk walk = {.each = each, .user = user};
    int rc;

    if (sio == NULL || each == NULL)
        return -EINVAL;
    if ((walk.loop = yd_sio_current_loop(sio)) == NULL)
        return YODEL_ERR_STATE;
    rc = yd_sio_remote_each(sio, walk_namespace, &walk);
    return rc < 0 ? rc : walk.result;
}
