/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "serve/state.h"

/* The protocol of sd_notify(3): datagrams of NAME=VALUE lines to the socket of NOTIFY_SOCKET. */

#define STATUS_MS 5000
#define MIN_MS 10

struct yg_notify {
    struct yg_state *state;
    int fd;
    uint32_t watchdog_ms; /* between two signs of life; 0: none are wanted */
    atomic_uint started;  /* loops */
    yodel_timer timer;    /* of loop 0, as are these: */
    uint64_t status_ms;   /* when the last one was sent */
    bool is_stopping;
};

/* What cannot be sent now is not sent: systemd reads fast, and a loop does not wait. */
static void say(const struct yg_notify *notify, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say(const struct yg_notify *notify, const char *format, ...)
{
    char text[300];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len > 0 && (size_t)len < sizeof(text))
        (void)send(notify->fd, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void say_status(struct yg_notify *notify)
{
    yodel_sio_stats clients = {.size = sizeof(clients)};

    if (notify->is_stopping || notify->state->handover.successor > 0)
        return;
    (void)yodel_sio_get_stats(notify->state->sio, &clients);
    say(notify, "STATUS=%" PRIu64 " clients%s", (uint64_t)clients.clients,
        atomic_load(&notify->state->last_reload) != 0
            ? ""
            : "; the last reload was refused, see the log");
}

/* A sign of life is every loop's. */
static void on_turn(yodel_timer *timer, void *user)
{
    struct yg_notify *notify = user;
    yodel_loop *loop = yodel_server_loop(notify->state->server, 0);
    const uint64_t now = yodel_loop_now(loop);

    (void)timer;
    if (notify->watchdog_ms > 0 && yg_health_stalled(notify->state, loop) == 0)
        say(notify, "WATCHDOG=1");
    if (now - notify->status_ms >= STATUS_MS) {
        notify->status_ms = now;
        say_status(notify);
    }
}

static int start(yodel_loop *loop, void *user)
{
    struct yg_notify *notify = user;
    const bool is_last =
        atomic_fetch_add(&notify->started, 1) + 1 == yodel_server_num_loops(notify->state->server);

    if (is_last && notify->state->handover.takes_over)
        say(notify, "READY=1\nMAINPID=%d", (int)getpid());
    else if (is_last)
        say(notify, "READY=1");
    if (yodel_loop_index(loop) != 0)
        return 0;
    yodel_timer_init(&notify->timer, loop, on_turn, notify);
    return yodel_timer_start_periodic(&notify->timer,
                                      notify->watchdog_ms > 0 && notify->watchdog_ms < STATUS_MS
                                          ? notify->watchdog_ms
                                          : STATUS_MS);
}

static void end(yodel_loop *loop, void *user)
{
    struct yg_notify *notify = user;

    if (yodel_loop_index(loop) == 0)
        (void)yodel_timer_stop(&notify->timer);
}

void yg_notify_reloading(struct yg_state *state)
{
    if (state->notify != NULL)
        say(state->notify, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, yg_clock_us());
}

void yg_notify_reloaded(struct yg_state *state)
{
    if (state->notify == NULL)
        return;
    say(state->notify, "READY=1");
    say_status(state->notify);
}

void yg_notify_stopping(struct yg_state *state)
{
    if (state->notify == NULL || state->notify->is_stopping)
        return;
    state->notify->is_stopping = true;
    say(state->notify, "STOPPING=1\nSTATUS=draining");
}

/* A third of what the watchdog waits for: one may be late. */
static uint32_t watchdog_of_environment(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    const unsigned long long value = usec != NULL ? strtoull(usec, NULL, 10) : 0;
    const unsigned long long ms = value / 3000;

    if (value == 0 || (pid != NULL && strtoll(pid, NULL, 10) != getpid()))
        return 0;
    return ms < MIN_MS ? MIN_MS : ms > STATUS_MS ? STATUS_MS : (uint32_t)ms;
}

static int connect_to(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t len = strlen(path);
    int fd;

    if ((path[0] != '/' && path[0] != '@') || len < 2 || len >= sizeof(address.sun_path))
        return -EINVAL;
    memcpy(address.sun_path, path, len);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&address,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) == 0)
        return fd;
    close(fd);
    return -errno;
}

int yg_notify_start(struct yg_state *state)
{
    const yodel_loop_handlers handlers = {
        .size = sizeof(handlers), .on_start = start, .on_end = end};
    const char *path = getenv("NOTIFY_SOCKET");
    int fd;

    if (path == NULL || *path == '\0')
        return 0;
    fd = connect_to(path);
    if (fd < 0) {
        yg_log(state, YG_LOG_WARN, "NOTIFY_SOCKET: %s: %s", path, strerror(-fd));
        return 0;
    }
    state->notify = calloc(1, sizeof(*state->notify));
    if (state->notify == NULL) {
        close(fd);
        return -ENOMEM;
    }
    state->notify->state = state;
    state->notify->fd = fd;
    state->notify->watchdog_ms = watchdog_of_environment();
    return yodel_server_add_loop_handlers(state->server, &handlers, state->notify);
}

void yg_notify_free(struct yg_state *state)
{
    if (state->notify == NULL)
        return;
    close(state->notify->fd);
    free(state->notify);
    state->notify = NULL;
}
