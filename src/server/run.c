/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <yodel/restart.h>

#include "base/container.h"
#include "base/log.h"
#include "base/options.h"
#include "base/thread.h"
#include "server/carrying.h"
#include "server/server.h"

/* Running, stopping, signals. */

/* ---- stopping, on a worker's loop ---- */

/* Jobs first: what they are for may still be answered. */
static void end_now(struct yd_worker *worker)
{
    yodel_server *server = worker->server;

    atomic_store(&server->hurried, true);
    yd_open_give_up_jobs(&worker->open);
    yd_net_abort(&worker->net);
    if (!worker->finishes)
        return;
    yd_outlets_abandon(worker);
    yd_net_abort_outgoing(&worker->net);
}

/* The first loop takes signals, so it goes on until the others have ended. */
static void end_one(yodel_server *server)
{
    if (--server->num_running == 0)
        yd_loop_stop(server->loops[0]);
}

static void run_ended(struct yd_loop *loop, void *worker)
{
    (void)loop;
    end_one(((struct yd_worker *)worker)->server);
}

static void run_end(struct yd_loop *loop, void *arg)
{
    struct yd_worker *worker = arg;

    yd_open_give_up_jobs(&worker->open); /* nothing is told after on_end */
    yd_carrying_end(worker->server->carrying, loop);
    yd_hooks_end(worker);
    yd_open_close(&worker->open);
    if (loop->index == 0)
        end_one(worker->server);
    else
        yd_loop_stop(loop);
}

/* What outlets have to say is little, and they are given so long for it when the time of a stop is
 * over, or nearly; ms. */
#define FINISH_MS 250

static void run_finish(struct yd_loop *loop, void *arg)
{
    struct yd_worker *worker = arg;
    yodel_server *server = worker->server;

    worker->finishes = true;
    yd_outlets_finish(worker);
    if (atomic_load(&server->hurried) || yd_timer_left(&worker->drain, loop->now) < FINISH_MS)
        yd_timer_start(&loop->wheel, &worker->drain, yd_loop_due(loop, FINISH_MS));
    atomic_fetch_add(&server->num_finished, 1);
    yd_server_check_end(server);
}

/* Whether all that outlets have is at its end; the first time they are told to come to that. */
static bool have_outlets_ended(yodel_server *server)
{
    if (yd_list_is_empty(&server->outlets))
        return true;
    if (!atomic_exchange(&server->finishing, true))
        for (unsigned i = 0; i < server->num_loops; i++)
            (void)yd_call_post(&server->workers[i].finish, server->loops[i]);
    return atomic_load(&server->num_finished) >= atomic_load(&server->num_live) &&
           atomic_load(&server->num_outlets) == 0 && atomic_load(&server->num_outgoing) == 0;
}

/* The loops end together, when no one accepts any more and no connection is left on any of them or
 * on its way from one to another.  Whoever makes the last of that true sees all of it. */
void yd_server_check_end(yodel_server *server)
{
    unsigned num = atomic_load(&server->num_live);

    if (atomic_load(&server->num_closed) < num || atomic_load(&server->num_stopped) < num ||
        atomic_load(&server->num_connections) > 0 || yd_work_is_busy(server->work) ||
        !have_outlets_ended(server) || atomic_exchange(&server->ending, true))
        return;
    for (unsigned i = 0; i < server->num_loops; i++)
        (void)yd_call_post(&server->workers[i].end, server->loops[i]);
}

static void on_idle(yodel_loop *open)
{
    yd_server_check_end(yodel_loop_server(open));
}

static void on_empty(struct yd_net *net)
{
    yd_server_check_end(yd_container_of(net, struct yd_worker, net)->server);
}

#define WAVE_MS 100

/* Tells a share of the connections that the server stops, until all know. */
static void on_wave(struct yd_timer *timer)
{
    struct yd_worker *worker = yd_container_of(timer, struct yd_worker, wave);
    struct yd_loop *loop = worker->loop;

    if (yd_net_wave(&worker->net))
        yd_timer_start(&loop->wheel, timer, yd_loop_due(loop, WAVE_MS));
    else
        yd_services_stop(worker->server, loop);
}

/* What there is to tell has told by the end of the stop, which began when accepting ended. */
static void prepare_waves(struct yd_worker *worker)
{
    yodel_server *server = worker->server;
    struct yd_loop *loop = worker->loop;
    uint64_t left = yd_timer_left(&worker->drain, loop->now);
    uint32_t spread_ms = (uint32_t)YD_MIN((uint64_t)atomic_load(&server->spread_ms), left);

    yd_net_set_stop_code(&worker->net, atomic_load(&server->stop_code));
    yd_net_hold(&worker->net, spread_ms / WAVE_MS);
    if (spread_ms >= WAVE_MS)
        yd_timer_start(&loop->wheel, &worker->wave, yd_loop_due(loop, WAVE_MS));
}

/* The second half of a stop, once.  Close frames and last answers still go out in this turn,
 * however short the time is. */
static void send_away(struct yd_worker *worker)
{
    yodel_server *server = worker->server;
    struct yd_loop *loop = worker->loop;

    if (worker->sends_away)
        return;
    worker->sends_away = true;
    yd_timer_stop(&loop->wheel, &worker->others);
    yd_services_shut(server);
    prepare_waves(worker);
    yd_hooks_stop(worker);
    if (loop->index == 0)
        yd_parts_stop(server, loop);
    yd_carrying_stop(server->carrying, loop);
    yd_services_stop(server, loop);
    yd_net_stop(&worker->net);
    atomic_fetch_add(&server->num_stopped, 1);
    yd_server_check_end(server);
}

static void run_send_away(struct yd_loop *loop, void *worker)
{
    (void)loop;
    send_away(worker);
}

/* Some loop is busy, or hangs. */
static void on_others_late(struct yd_timer *timer)
{
    send_away(yd_container_of(timer, struct yd_worker, others));
}

/* How long a loop waits for the others to stop accepting: a part of the stop's time, at most;
 * ms. */
#define OTHERS_PART 4
#define OTHERS_MS 5000

/* Clients that come back must not meet this process again, so they are sent away when no loop
 * accepts any more. */
static void wait_for_others(struct yd_worker *worker, uint32_t drain_ms)
{
    yodel_server *server = worker->server;
    uint32_t most = YD_MIN(drain_ms / OTHERS_PART, OTHERS_MS);

    if (atomic_fetch_add(&server->num_closed, 1) + 1 == atomic_load(&server->num_live)) {
        for (unsigned i = 0; i < server->num_loops; i++)
            if (i != worker->loop->index)
                (void)yd_call_post(&server->workers[i].send_away, server->loops[i]);
        send_away(worker);
    } else if (most == 0) {
        send_away(worker);
    } else {
        yd_timer_start(&worker->loop->wheel, &worker->others, yd_loop_due(worker->loop, most));
    }
}

/* The first half of a stop: nobody comes any more. */
static void run_stop(struct yd_loop *loop, void *arg)
{
    struct yd_worker *worker = arg;
    yodel_server *server = worker->server;
    uint32_t drain_ms = atomic_load(&server->drain_ms);

    yd_addresses_stop(server, loop->index);
    if (loop->index == 0)
        yd_handover_stop(server);
    yd_timer_start(&loop->wheel, &worker->drain, yd_loop_due(loop, YD_MAX(drain_ms, 1u)));
    wait_for_others(worker, drain_ms);
    yd_server_check_end(server); /* a second stop may have been faster */
}

static void on_drained(struct yd_timer *timer)
{
    struct yd_worker *worker = yd_container_of(timer, struct yd_worker, drain);

    if (worker->sends_away) {
        end_now(worker);
        return;
    }
    send_away(worker);
    yd_timer_start(&worker->loop->wheel, timer, yd_loop_due(worker->loop, 1));
}

static void run_kill(struct yd_loop *loop, void *worker)
{
    (void)loop;
    send_away(worker);
    end_now(worker);
}

/* A loop that cannot start ends all of them. */
static void run_begin(struct yd_loop *loop)
{
    struct yd_worker *worker = yd_container_of(loop->open, struct yd_worker, open);
    int rc, none = 0;

    if (loop->index == 0)
        yd_parts_begin(worker->server, loop);
    yd_outlets_begin(worker);
    rc = yd_hooks_start(worker);
    if (rc >= 0 && atomic_load(&worker->server->start_error) == 0)
        yd_handover_begun(worker->server);
    if (rc >= 0)
        return;
    yd_log(yd_loop_log(loop), YODEL_LOG_ERROR, "loop %u cannot start: %s", loop->index,
           yodel_strerror(rc));
    (void)atomic_compare_exchange_strong(&worker->server->start_error, &none, rc);
    yodel_server_stop(worker->server, 0);
    yodel_server_stop(worker->server, 0);
}

void yd_worker_init(struct yd_worker *worker, yodel_server *server, struct yd_loop *loop)
{
    worker->server = server;
    worker->loop = loop;
    worker->hook = &server->hooks;
    yd_open_init(&worker->open, loop, server);
    yd_open_set_pool(&worker->open, server->work, on_idle);
    loop->on_begin = run_begin;
    yd_call_init(&worker->stop, YD_CALL_CONTROL, run_stop, worker);
    yd_call_init(&worker->send_away, YD_CALL_CONTROL, run_send_away, worker);
    yd_call_init(&worker->kill, YD_CALL_CONTROL, run_kill, worker);
    yd_call_init(&worker->finish, YD_CALL_CONTROL, run_finish, worker);
    yd_call_init(&worker->end, YD_CALL_CONTROL, run_end, worker);
    yd_call_init(&worker->ended, YD_CALL_CONTROL, run_ended, worker);
    yd_timer_init(&worker->drain, on_drained);
    yd_timer_init(&worker->wave, on_wave);
    yd_timer_init(&worker->others, on_others_late);
}

bool yd_stop_code_is_valid(unsigned code)
{
    return code == 0 || code == 1001 || code == 1012 || (code >= 3000 && code <= 4999);
}

/* Lock-free all through: called from signal handlers. */
static void stop(yodel_server *server, const yodel_stop_options *options)
{
    int before;

    if (yd_server_is_parents(server) || (before = atomic_fetch_add(&server->num_stops, 1)) > 1)
        return;
    if (before == 0) {
        atomic_store(&server->spread_ms, options->spread_ms);
        atomic_store(&server->stop_code, options->code);
        atomic_store(&server->drain_ms, options->drain_ms);
    }
    for (unsigned i = 0; i < server->num_loops; i++)
        (void)yd_call_post(before == 0 ? &server->workers[i].stop : &server->workers[i].kill,
                           server->loops[i]);
}

void yodel_server_stop(yodel_server *server, uint32_t drain_ms)
{
    const yodel_server_options *options;

    if (server == NULL)
        return;
    options = &server->options;
    stop(server, YODEL_OPTIONS(yodel_stop_options, .drain_ms = drain_ms,
                               .spread_ms = options->spread_ms, .code = options->stop_code));
}

int yodel_server_stop_with(yodel_server *server, const yodel_stop_options *given)
{
    yodel_stop_options options;
    int rc;

    if (server == NULL)
        return -EINVAL;
    if ((rc = yd_options_read(given, &options, sizeof options)) < 0)
        return rc;
    if (!yd_stop_code_is_valid(options.code))
        return -EINVAL;
    stop(server, &options);
    return 0;
}

/* ---- signals ---- */

static void reload(void *arg)
{
    yodel_server *server = arg;

    if (yodel_server_reload_tls(server) == 0)
        yd_log(&server->log, YODEL_LOG_INFO, "certificates were read again");
}

static void reloaded(void *arg)
{
    (void)arg;
}

static void on_signal(void *arg, int signum)
{
    yodel_server *server = arg;

    if (signum == SIGHUP) { /* it reads files: not on the loop */
        (void)yd_loop_work(server->loops[0], reload, reloaded, server);
        return;
    }
    yd_log(&server->log, YODEL_LOG_INFO, "stopping");
    yodel_server_stop(server, server->options.drain_ms);
}

static int watch_signals(yodel_server *server)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    int rc = 0;

    if (!server->options.handle_signals)
        return 0;
    (void)signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; rc == 0 && i < YD_LEN(signals); i++)
        rc = yd_loop_signal(server->loops[0], signals[i], on_signal, server);
    return rc;
}

/* ---- running ---- */

static void *run_worker(void *arg)
{
    struct yd_worker *worker = arg;

    yd_loop_run(worker->loop);
    (void)yd_call_post(&worker->ended, worker->server->loops[0]);
    return NULL;
}

/* Signals go to the thread that called yodel_server_run(). */
static int start_thread(struct yd_worker *worker)
{
    return yd_thread_start(&worker->thread, run_worker, worker);
}

static void join_threads(yodel_server *server, unsigned num)
{
    for (unsigned i = 1; i < num; i++)
        pthread_join(server->workers[i].thread, NULL);
}

static int run_all(yodel_server *server, void *arg)
{
    unsigned started = 1;
    int rc = 0;

    (void)arg;
    while (started < server->num_loops && rc == 0)
        if ((rc = start_thread(&server->workers[started])) == 0)
            started++;
    server->num_running = started;
    if (rc < 0) {
        atomic_store(&server->num_live, started);
        yodel_server_stop(server, 0);
        yodel_server_stop(server, 0);
    }
    yd_loop_run(server->loops[0]);
    join_threads(server, started);
    return rc;
}

int yodel_server_run(yodel_server *server)
{
    if (server == NULL)
        return -EINVAL;
    return yd_server_run_by(server, run_all, NULL);
}

static void on_taken(yodel_server *server)
{
    yodel_server_stop(server, server->options.drain_ms);
}

int yd_server_begin(yodel_server *server)
{
    const struct yd_fork_mark *mark;
    int expected = YD_SERVER_SETUP;

    if (!atomic_compare_exchange_strong(&server->state, &expected, YD_SERVER_RUNNING))
        return YODEL_ERR_STATE;
    (void)yd_server_hold(server);
    mark = yd_fork_mark_new();
    atomic_store_explicit(&server->mark, mark, memory_order_release);
    for (unsigned i = 0; i < server->num_loops; i++)
        yd_loop_set_mark(server->loops[i], mark);
    server->handover.on_taken = on_taken;
    atomic_store(&server->num_live, server->num_loops);
    for (unsigned i = 0; i < server->num_loops; i++)
        server->workers[i].net.on_empty = on_empty;
    return 0;
}

int yd_server_serve(yodel_server *server)
{
    int rc = yd_server_name_process(server);

    if (rc == 0)
        rc = yd_addresses_start(server);
    if (rc == 0)
        rc = yd_handover_start(server);
    return rc == 0 ? watch_signals(server) : rc;
}

void yd_server_end(yodel_server *server)
{
    for (unsigned i = 0; i < server->num_loops; i++)
        yd_loop_close(server->loops[i]);
    yd_bus_close(&server->bus);
    yd_work_pool_end(server->work);
    yd_trimmer_end(&server->trimmer);
    atomic_store(&server->state, YD_SERVER_STOPPED);
    yd_parts_end(server);
}

void yd_server_give_up(yodel_server *server)
{
    int expected = YD_SERVER_SETUP;

    if (atomic_compare_exchange_strong(&server->state, &expected, YD_SERVER_STOPPED))
        yd_server_end(server);
}

static int open_loops(yodel_server *server)
{
    int rc = 0;

    for (unsigned i = 0; i < server->num_loops && rc == 0; i++)
        rc = yd_loop_open(server->loops[i]);
    return rc;
}

int yd_server_run_by(yodel_server *server, yd_run_fn *run, void *arg)
{
    int rc;

    if ((rc = yd_server_begin(server)) < 0)
        return rc;
    if ((rc = open_loops(server)) == 0 && (rc = yd_server_serve(server)) == 0)
        rc = run(server, arg);
    yd_server_end(server);
    if (rc == 0)
        rc = atomic_load(&server->start_error);
    yd_server_release(server);
    return rc;
}
