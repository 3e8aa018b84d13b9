/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/container.h"
#include "base/mem.h"
#include "base/options.h"
#include "channels/channel_event.h"
#include "channels/presence.h"

/* Watchers of groups. */

#define MAX_MEMBERS 10000
#define MAX_BYTES ((size_t)16 * 1024 * 1024)

static struct yd_loop *current_loop(const struct yd_bus *bus)
{
    for (unsigned i = 0; i < bus->num_loops; i++)
        if (yd_loop_is_current(bus->loops[i]))
            return bus->loops[i];
    return NULL;
}

static void free_watcher(yodel_watcher *watcher)
{
    yodel_channels *channels = watcher->channels;

    if (watcher->free_user != NULL)
        watcher->free_user(watcher->user);
    yd_free(yd_channels_mem(channels), watcher);
    yodel_channels_unref(channels);
}

/* On its loop in a task, or when that has ended: nobody walks over the view, and nothing of the
 * watcher is under way. */
static void end(yodel_watcher *watcher)
{
    yd_list_remove(&watcher->of_view);
    yd_view_drop(watcher->view);
    free_watcher(watcher);
}

static void run_task(struct yd_mail *mail, void *receiver)
{
    yodel_watcher *watcher = yd_container_of(mail, yodel_watcher, task);
    struct yd_view *view = watcher->view;

    (void)receiver;
    watcher->task_pending = false;
    if (!watcher->ended && !watcher->begun) {
        view->walks++;
        yd_view_tell_all(view, watcher);
        view->walks--;
    }
    if (watcher->ended && !watcher->task_pending)
        end(watcher);
}

static void start_task(yodel_watcher *watcher)
{
    if (watcher->task_pending)
        return;
    watcher->task_pending = true;
    watcher->task.run = run_task;
    yd_loop_task(watcher->loop, &watcher->task);
}

static void run_unwatch(struct yd_loop *loop, void *arg)
{
    yodel_watcher *watcher = arg;

    (void)loop;
    watcher->ended = true;
    if (!watcher->task_pending)
        end(watcher);
}

int yodel_group_watch(yodel_channels *channels, const char *group, const yodel_watch_options *given,
                      yodel_watcher **ret_watcher)
{
    yodel_watch_options options;
    yodel_watcher *watcher;
    struct yd_loop *loop;
    int rc;

    if (channels == NULL || ret_watcher == NULL)
        return -EINVAL;
    if ((rc = yd_options_read(given, &options, sizeof options)) < 0)
        return rc;
    if (options.fn == NULL)
        return -EINVAL;
    if (!yd_channel_name_is_valid(yodel_str_of(group)))
        return YODEL_ERR_NAME;
    if ((loop = current_loop(yd_channels_bus(channels))) == NULL)
        return YODEL_ERR_STATE;
    if ((watcher = yd_zalloc(yd_channels_mem(channels), sizeof *watcher)) == NULL)
        return -ENOMEM;
    watcher->view = yd_view_get(yd_presence_of(channels, loop), yodel_str_of(group));
    if (watcher->view == NULL) {
        yd_free(yd_channels_mem(channels), watcher);
        return -ENOMEM;
    }
    options.max_members = options.max_members != 0 ? options.max_members : MAX_MEMBERS;
    options.max_bytes = options.max_bytes != 0 ? options.max_bytes : MAX_BYTES;
    watcher->view->max_members = YD_MAX(watcher->view->max_members, options.max_members);
    watcher->view->max_bytes = YD_MAX(watcher->view->max_bytes, options.max_bytes);
    watcher->channels = yodel_channels_ref(channels);
    watcher->loop = loop;
    watcher->fn = options.fn;
    watcher->user = options.user;
    watcher->free_user = options.free_user;
    yd_call_init(&watcher->end, YD_CALL_CONTROL, run_unwatch, watcher);
    yd_list_append(&watcher->view->watchers, &watcher->of_view);
    atomic_fetch_add(&channels->presence_counters.watchers, 1);
    start_task(watcher);
    yd_views_ask(watcher->view->own, watcher->view);
    yd_presence_wake(watcher->view->own);
    *ret_watcher = watcher;
    return 0;
}

yodel_watcher *yodel_group_unwatch(yodel_watcher *watcher)
{
    if (watcher == NULL)
        return NULL;
    atomic_fetch_sub(&watcher->channels->presence_counters.watchers, 1);
    if (yd_loop_is_current(watcher->loop)) {
        watcher->ended = true;
        start_task(watcher);
    } else if (yd_call_post(&watcher->end, watcher->loop) < 0) { /* the loop has ended */
        watcher->task_pending = false;
        run_unwatch(watcher->loop, watcher);
    }
    return NULL;
}

size_t yodel_watcher_count(const yodel_watcher *watcher)
{
    return watcher == NULL ? 0 : atomic_load_explicit(&watcher->count, memory_order_relaxed);
}
