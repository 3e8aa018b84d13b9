/* SPDX-License-Identifier: MIT */
#include "admin/hub.h"

#include <errno.h>
#include <stdlib.h>

#include "admin/admin_stats.h"
#include "admin/far.h"
#include "admin/watch.h"
#include "base/clock.h"

#define TICK_MS 1000
#define ANEW_MS 2000 /* from one beginning to the next */
#define FAR_MS 2000  /* for other nodes to describe their sockets */

struct yg_hub {
    struct yg_admin *admin;
    yodel_timer timer;
    struct yg_looker *lookers;
    struct yg_stats *stats;
    uint64_t last_gather;
    bool watches; /* the loops were told to */
    bool is_odd;  /* of ticks */
};

struct yg_hub *yg_hub_new(struct yg_admin *admin)
{
    struct yg_hub *hub = calloc(1, sizeof(*hub));

    if (hub == NULL)
        return NULL;
    hub->admin = admin;
    hub->stats = yg_stats_new(admin);
    if (hub->stats == NULL) {
        free(hub);
        return NULL;
    }
    return hub;
}

static void remove_at(struct yg_looker **link)
{
    struct yg_looker *looker = *link;

    *link = looker->next;
    yg_looker_free(looker);
}

void yg_hub_free(struct yg_hub *hub)
{
    if (hub == NULL)
        return;
    while (hub->lookers != NULL)
        remove_at(&hub->lookers);
    yg_stats_free(hub->stats);
    free(hub);
}

struct yg_looker *yg_hub_lookers(struct yg_hub *hub)
{
    return hub->lookers;
}

/* ---- what pages are told ---- */

/* On the loop of the page.  One that is too slow comes back, and is told everything anew. */
static void deliver(yodel_sio_socket *socket, void *arg)
{
    const struct yg_admin_batch *batch = arg;

    for (size_t i = 0; i < batch->num; i++) {
        const struct yg_admin_record *record = batch->items[i];
        const yodel_sio_args args = {.size = sizeof(args), .json = {record->text, record->len}};
        const int rc =
            yodel_sio_emit_args(yodel_sio_to(socket), yg_admin_record_event(record->kind), &args);

        if (rc == YODEL_ERR_CONGESTED || rc == -ENOMEM) {
            yodel_sio_socket_disconnect(socket, YODEL_SIO_COME_BACK);
            return;
        }
    }
}

static void free_batch(void *arg)
{
    yg_admin_batch_clear(arg);
    free(arg);
}

static void post_out(struct yg_hub *hub, struct yg_looker *looker)
{
    struct yg_admin_batch *batch;

    if (looker->out.num == 0)
        return;
    batch = malloc(sizeof(*batch));
    if (batch == NULL) {
        yg_admin_batch_clear(&looker->out);
        looker->is_lost = true;
        return;
    }
    *batch = looker->out;
    looker->out = (struct yg_admin_batch){0};
    if (yodel_sio_namespace_post(hub->admin->ns, looker->viewer->id, deliver, batch, free_batch) <
        0)
        looker->is_lost = true;
}

static void send(struct yg_looker *looker, struct yg_admin_record *record)
{
    if (record != NULL && yg_admin_batch_add(&looker->out, yg_admin_record_ref(record)) < 0)
        looker->is_lost = true;
}

void yg_hub_tell_all(struct yg_hub *hub, struct yg_admin_record *record)
{
    for (struct yg_looker *looker = hub->lookers; looker != NULL; looker = looker->next) {
        if (looker->viewer != NULL)
            send(looker, record);
    }
    yg_admin_record_unref(record);
}

/* ---- gathering ---- */

/* The loops describe their sockets, and watch them from then on. */
static void begin(struct yg_hub *hub, struct yg_looker *looker)
{
    struct yg_admin *admin = hub->admin;

    if (looker->has_begun && looker->viewer != NULL)
        yg_admin_count_one(&admin->counts.begun_anew);
    yg_looker_begin(looker, ++hub->last_gather, admin->num_loops, yg_clock_ms());
    hub->watches = true;
    for (unsigned i = 0; i < admin->num_loops; i++) {
        if (yg_watch_begin(&admin->loops[i], looker->gather) < 0)
            looker->is_lost = true;
    }
    if (looker->viewer != NULL)
        yg_far_look(admin->far);
}

static bool has_far(const struct yg_hub *hub, const struct yg_looker *looker)
{
    return yg_clock_ms() - looker->begun_ms >= FAR_MS ||
           json_object_size(looker->has_process) >= yg_far_count(hub->admin->far);
}

static void settle(struct yg_hub *hub, struct yg_looker *looker)
{
    if (looker->is_live || looker->is_lost || !looker->has_begun || looker->num_missing > 0)
        return;
    if (looker->viewer == NULL) {
        yg_far_send_snapshot(hub->admin->far, looker);
        looker->is_live = true;
    } else if (has_far(hub, looker)) {
        yg_looker_go_live(looker, hub->admin->options.queue_bytes / 4 * 3);
    }
}

/* Those of other nodes are told so, and ask again. */
static void begin_lost_anew(struct yg_hub *hub)
{
    struct yg_looker **link = &hub->lookers;

    while (*link != NULL) {
        struct yg_looker *looker = *link;

        if (!looker->has_begun)
            looker->is_lost = false; /* of numbers the next ones make up for it */
        if (looker->is_lost && looker->viewer == NULL) {
            yg_far_send_lost(hub->admin->far, looker);
            remove_at(link);
            continue;
        }
        if (looker->is_lost && yg_clock_ms() - looker->begun_ms >= ANEW_MS)
            begin(hub, looker);
        link = &looker->next;
    }
}

void yg_hub_settle(struct yg_hub *hub)
{
    for (struct yg_looker *looker = hub->lookers; looker != NULL; looker = looker->next) {
        settle(hub, looker);
        if (looker->viewer != NULL)
            post_out(hub, looker);
    }
    begin_lost_anew(hub);
}

void yg_hub_begin_all_anew(struct yg_hub *hub)
{
    for (struct yg_looker *looker = hub->lookers; looker != NULL; looker = looker->next)
        looker->is_lost = looker->is_lost || (looker->viewer != NULL && looker->has_begun);
}

static void end_watch(struct yg_hub *hub)
{
    bool ended = true;

    if (!hub->watches || hub->lookers != NULL)
        return;
    for (unsigned i = 0; i < hub->admin->num_loops; i++)
        ended = yg_watch_end(&hub->admin->loops[i]) == 0 && ended;
    hub->watches = !ended;
}

/* ---- who looks ---- */

static void send_away(struct yg_viewer *viewer)
{
    (void)yodel_sio_target_disconnect(yodel_sio_to_room(viewer->admin->ns, viewer->id),
                                      YODEL_SIO_COME_BACK);
}

static void add(yodel_loop *loop, void *arg)
{
    struct yg_viewer *viewer = arg;
    struct yg_hub *hub = viewer->admin->hub;
    struct yg_looker *looker = yg_looker_new(viewer);
    struct yg_admin_record *stats;

    (void)loop;
    if (looker == NULL) {
        send_away(viewer);
        return;
    }
    looker->next = hub->lookers;
    hub->lookers = looker;
    yg_stats_begin(hub->stats);
    stats = yg_stats_make(hub->stats);
    send(looker, stats);
    yg_admin_record_unref(stats);
    if (yg_admin_shows_all(hub->admin))
        begin(hub, looker);
    else
        yg_far_look(hub->admin->far);
    yg_hub_settle(hub);
}

static void unref_viewer(void *arg)
{
    yg_viewer_unref(arg);
}

int yg_hub_add(struct yg_viewer *viewer)
{
    return yodel_loop_post(viewer->admin->loops[0].loop, add, yg_viewer_ref(viewer), unref_viewer);
}

int yg_hub_add_far(struct yg_hub *hub, const char *process, uint64_t asked)
{
    struct yg_looker *looker = yg_looker_new(NULL);

    if (looker == NULL)
        return -ENOMEM;
    snprintf(looker->process, sizeof(looker->process), "%s", process);
    looker->asked = asked;
    looker->next = hub->lookers;
    hub->lookers = looker;
    begin(hub, looker);
    return 0;
}

void yg_hub_drop_far(struct yg_hub *hub, bool (*is_over)(const struct yg_looker *looker, void *arg),
                     void *arg)
{
    struct yg_looker **link = &hub->lookers;

    while (*link != NULL) {
        if ((*link)->viewer == NULL && is_over(*link, arg))
            remove_at(link);
        else
            link = &(*link)->next;
    }
    end_watch(hub);
}

static void drop_gone(struct yg_hub *hub)
{
    struct yg_looker **link = &hub->lookers;
    bool has_dropped = false;

    while (*link != NULL) {
        if ((*link)->viewer != NULL && atomic_load(&(*link)->viewer->is_gone)) {
            remove_at(link);
            has_dropped = true;
        } else {
            link = &(*link)->next;
        }
    }
    if (has_dropped)
        yg_far_look(hub->admin->far);
    end_watch(hub);
}

/* ---- what loops tell ---- */

static void drain(struct yg_hub *hub, struct yg_admin_loop *at)
{
    struct yg_admin_records records;
    struct yg_admin_record *record;
    const bool has_lost = yg_admin_queue_take(&at->queue, &records);

    while ((record = yg_admin_records_take(&records)) != NULL) {
        for (struct yg_looker *looker = hub->lookers; looker != NULL; looker = looker->next) {
            if (yg_looker_tell(looker, record))
                settle(hub, looker);
        }
        yg_far_tell(hub->admin->far, record);
        yg_admin_record_unref(record);
    }
    for (struct yg_looker *looker = hub->lookers; has_lost && looker != NULL; looker = looker->next)
        looker->is_lost = looker->is_lost || looker->has_begun;
}

void yg_hub_drain(yodel_loop *loop, void *arg)
{
    struct yg_admin_loop *at = arg;
    struct yg_hub *hub = at->admin->hub;

    (void)loop;
    drain(hub, at);
    yg_far_flush(hub->admin->far);
    yg_hub_settle(hub);
}

/* ---- time ---- */

static void tell_stats(struct yg_hub *hub)
{
    struct yg_admin_record *stats;

    hub->is_odd = !hub->is_odd;
    if (hub->lookers == NULL && !yg_far_is_watched(hub->admin->far)) {
        yg_stats_rest(hub->stats);
        return;
    }
    yg_stats_sample(hub->stats);
    if (hub->is_odd)
        return;
    stats = yg_stats_make(hub->stats);
    yg_stats_told(hub->stats);
    yg_far_send_stats(hub->admin->far, stats);
    yg_hub_tell_all(hub, stats);
}

static void on_tick(yodel_timer *timer, void *user)
{
    struct yg_hub *hub = user;

    (void)timer;
    drop_gone(hub);
    for (unsigned i = 0; i < hub->admin->num_loops && hub->watches; i++)
        drain(hub, &hub->admin->loops[i]);
    tell_stats(hub);
    yg_far_tick(hub->admin->far);
    yg_far_flush(hub->admin->far);
    yg_hub_settle(hub);
}

int yg_hub_start(struct yg_hub *hub)
{
    yodel_timer_init(&hub->timer, hub->admin->loops[0].loop, on_tick, hub);
    return yodel_timer_start_periodic(&hub->timer, TICK_MS);
}

void yg_hub_stop(struct yg_hub *hub)
{
    (void)yodel_timer_stop(&hub->timer);
}
