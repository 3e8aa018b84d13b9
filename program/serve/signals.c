/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "serve/serve.h"
#include "serve/state.h"

static void fill(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGQUIT);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGUSR1);
    sigaddset(set, SIGUSR2);
}

void yg_signals_hold(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* A second stop of the library's ends it at once. */
void yg_signals_stop(struct yg_state *state, bool at_once)
{
    const struct yg_config *config = yg_state_config(state);
    const struct yg_shutdown_config *shutdown = &config->shutdown;
    const bool was_draining = atomic_exchange(&state->is_draining, true);

    yg_notify_stopping(state);
    if (!was_draining)
        yg_handover_give_up(state);
    if (at_once || was_draining) {
        yg_log_event(state, YG_LOG_INFO, "stop.at_once", "stopping at once");
        yodel_server_stop(state->server, 0);
        if (!was_draining)
            yodel_server_stop(state->server, 0);
    } else {
        yg_log_event(state, YG_LOG_INFO, "stop.drain", "draining");
        (void)yodel_server_stop_with(
            state->server, YODEL_OPTIONS(yodel_stop_options, .drain_ms = shutdown->drain_ms,
                                         .spread_ms = shutdown->spread_ms, .code = shutdown->code));
    }
    yg_config_unref(config);
}

static void take(yodel_watch *watch, unsigned events, void *user)
{
    struct signalfd_siginfo info;
    struct yg_state *state = user;

    (void)watch;
    (void)events;
    while (read(state->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP)
            yg_reload(state);
        else if (info.ssi_signo == SIGUSR1)
            (void)yg_sink_reopen(state->sink);
        else if (info.ssi_signo == SIGUSR2)
            yg_handover_begin(state);
        else
            yg_signals_stop(state, info.ssi_signo == SIGQUIT);
    }
}

static int start(yodel_loop *loop, void *user)
{
    struct yg_state *state = user;

    if (yodel_loop_index(loop) != 0)
        return 0;
    yodel_watch_init(&state->signals, loop, take, state);
    return yodel_watch_start(&state->signals, state->signal_fd, YODEL_WATCH_READABLE);
}

static void stop(yodel_loop *loop, void *user)
{
    if (yodel_loop_index(loop) == 0)
        yg_handover_stopping(user);
}

static void end(yodel_loop *loop, void *user)
{
    struct yg_state *state = user;

    if (yodel_loop_index(loop) == 0)
        (void)yodel_watch_stop(&state->signals);
}

int yg_signals_start(struct yg_state *state)
{
    const yodel_loop_handlers handlers = {
        .size = sizeof(handlers), .on_start = start, .on_stop = stop, .on_end = end};
    sigset_t set;
    int rc;

    fill(&set);
    rc = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (rc != 0)
        return -rc;
    signal(SIGPIPE, SIG_IGN);
    state->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (state->signal_fd < 0)
        return -errno;
    return yodel_server_add_loop_handlers(state->server, &handlers, state);
}

void yg_signals_end(struct yg_state *state)
{
    if (state->signal_fd >= 0)
        close(state->signal_fd);
    state->signal_fd = -1;
}
