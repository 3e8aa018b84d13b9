/* SPDX-License-Identifier: MIT */
/* When what is due, whether or not what was before it has been answered: a server that stands still
 * is seen in all messages that were due meanwhile, not in one. */
#include <errno.h>
#include <inttypes.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/crowd.h"
#include "cli/output.h"
#include "cli/token_io.h"

#define COMMAND YG_CROWD_COMMAND
#define MOST_AT_ONCE 256 /* then what has come is read */
#define LOOK_US 5000     /* how often an end is looked for */
#define CLOSE_US 3000000 /* for closing handshakes */

/* ---- the schedule ---- */

/* When the n-th of so many a second is due. */
static uint64_t due(uint64_t begin_us, uint64_t n, double rate)
{
    return begin_us + (uint64_t)((double)n * 1e6 / rate);
}

static uint64_t next_random(struct yg_crowd *crowd)
{
    crowd->random ^= crowd->random << 13;
    crowd->random ^= crowd->random >> 7;
    crowd->random ^= crowd->random << 17;
    return crowd->random;
}

static void connect_next(struct yg_crowd *crowd, uint64_t due_us)
{
    struct yg_crowd_client *client = &crowd->clients[crowd->num_connects];

    crowd->num_connects++;
    yg_crowd_client_open(client, due_us);
}

static void send_next(struct yg_crowd *crowd, uint64_t due_us)
{
    crowd->num_messages++;
    if (crowd->num_up == 0) {
        crowd->counts.unsent++;
        return;
    }
    if (crowd->next_up >= crowd->num_up)
        crowd->next_up = 0;
    yg_crowd_client_send(crowd->up[crowd->next_up++], due_us, yg_clock_us());
}

/* Sends one away, which comes back; one to whom nothing is owed, if there is. */
static void churn_next(struct yg_crowd *crowd)
{
    struct yg_crowd_client *client = NULL;

    crowd->num_churns++;
    for (int i = 0; i < 8 && crowd->num_up > 0; i++) {
        client = crowd->up[next_random(crowd) % crowd->num_up];
        if (!yg_crowd_client_waits(client))
            break;
    }
    if (client == NULL)
        return;
    client->comes_back = true;
    yg_crowd_client_close(client);
}

/* Does what is due, up to a number.  Returns when the next is; UINT64_MAX: nothing. */
static uint64_t do_connects(struct yg_crowd *crowd, uint64_t now_us)
{
    for (int i = 0; crowd->num_connects < crowd->options->clients; i++) {
        const uint64_t at = due(crowd->begun_us, crowd->num_connects, crowd->options->ramp);

        if (at > now_us || i == MOST_AT_ONCE)
            return at;
        connect_next(crowd, at);
    }
    return UINT64_MAX;
}

static uint64_t do_messages(struct yg_crowd *crowd, uint64_t now_us)
{
    for (int i = 0; crowd->options->rate > 0; i++) {
        const uint64_t at = due(crowd->steady_us, crowd->num_messages, crowd->options->rate);

        if (at >= crowd->steady_end_us)
            break;
        if (at > now_us || i == MOST_AT_ONCE)
            return at;
        send_next(crowd, at);
    }
    return UINT64_MAX;
}

static uint64_t do_churn(struct yg_crowd *crowd, uint64_t now_us)
{
    for (int i = 0; crowd->options->reconnect > 0; i++) {
        const uint64_t at = due(crowd->steady_us, crowd->num_churns + 1, crowd->options->reconnect);

        if (at >= crowd->steady_end_us)
            break;
        if (at > now_us || i == MOST_AT_ONCE)
            return at;
        churn_next(crowd);
    }
    return UINT64_MAX;
}

/* ---- phases ---- */

static bool is_owed(const struct yg_crowd *crowd)
{
    return yg_crowd_missing(crowd) > 0;
}

static void enter(struct yg_crowd *crowd, enum yg_crowd_phase phase, uint64_t now_us)
{
    crowd->phase = phase;
    if (phase == YG_CROWD_STEADY) {
        crowd->steady_us = now_us;
        crowd->steady_end_us = now_us + crowd->options->duration_us;
    } else if (phase == YG_CROWD_DRAIN) {
        crowd->phase_end_us = now_us + (uint64_t)crowd->options->dial.timeout_ms * 1000;
    } else if (phase == YG_CROWD_CLOSE) {
        crowd->phase_end_us = now_us + CLOSE_US;
        for (unsigned i = 0; i < crowd->options->clients; i++)
            yg_crowd_client_close(&crowd->clients[i]);
    } else {
        yodel_server_stop(crowd->server, 0);
    }
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Returns when it is to be called again. */
static uint64_t turn(struct yg_crowd *crowd, uint64_t now_us)
{
    uint64_t next;

    switch (crowd->phase) {
    case YG_CROWD_RAMP:
        next = do_connects(crowd, now_us);
        if (crowd->num_outcomes < crowd->options->clients)
            return least(next, now_us + LOOK_US);
        enter(crowd, crowd->num_up > 0 ? YG_CROWD_STEADY : YG_CROWD_CLOSE, now_us);
        return now_us;
    case YG_CROWD_STEADY:
        next = least(do_messages(crowd, now_us), do_churn(crowd, now_us));
        next = least(next, crowd->steady_end_us);
        if (now_us >= crowd->steady_end_us && next >= crowd->steady_end_us)
            enter(crowd, YG_CROWD_DRAIN, now_us);
        return next;
    case YG_CROWD_DRAIN:
        if (now_us >= crowd->phase_end_us || !is_owed(crowd))
            enter(crowd, YG_CROWD_CLOSE, now_us);
        return now_us + LOOK_US;
    default:
        if (now_us >= crowd->phase_end_us || crowd->num_alive == 0)
            enter(crowd, YG_CROWD_DONE, now_us);
        return now_us + LOOK_US;
    }
}

static void arm(struct yg_crowd *crowd, uint64_t at_us)
{
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(at_us / 1000000),
                                           .tv_nsec = (long)(at_us % 1000000) * 1000}};

    (void)timerfd_settime(crowd->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

static void on_timer(yodel_watch *watch, unsigned events, void *user)
{
    struct yg_crowd *crowd = user;
    uint64_t times;

    (void)watch;
    (void)events;
    if (read(crowd->timer, &times, sizeof(times)) < 0 && errno == EAGAIN)
        return;
    if (crowd->phase != YG_CROWD_DONE)
        arm(crowd, turn(crowd, yg_clock_us()));
}

/* ---- setting up ---- */

/* One path for each room, where it has a %r. */
static int make_targets(struct yg_crowd *crowd)
{
    const unsigned num = crowd->options->rooms > 0 ? crowd->options->rooms : 1;
    struct yg_text from = {0};

    crowd->rooms = calloc(num, sizeof(*crowd->rooms));
    crowd->targets = calloc(num, sizeof(*crowd->targets));
    crowd->room_up = calloc(num, sizeof(*crowd->room_up));
    if (crowd->rooms == NULL || crowd->targets == NULL || crowd->room_up == NULL)
        return -ENOMEM;
    yg_text_puts(&from, crowd->dial->address.target);
    for (unsigned i = 0; i < num; i++) {
        const char *at = from.ptr, *room;
        struct yg_text text = {0};

        while ((room = strstr(at, "%r")) != NULL) {
            yg_text_add(&text, at, (size_t)(room - at));
            yg_text_printf(&text, "load-%u", i);
            at = room + 2;
        }
        yg_text_puts(&text, at);
        crowd->targets[i] = text.ptr;
        crowd->rooms[i] = (struct yg_sio_options){
            .eio = crowd->dial->eio, .ns = crowd->options->ns, .auth = crowd->options->auth};
        crowd->rooms[i].eio.ws.target = text.ptr;
        if (yg_text_failed(&text))
            break;
    }
    yg_text_done(&from);
    return crowd->targets[num - 1] != NULL ? 0 : -ENOMEM;
}

static int make_clients(struct yg_crowd *crowd)
{
    const unsigned num = crowd->options->clients;

    crowd->clients = calloc(num, sizeof(*crowd->clients));
    crowd->up = calloc(num, sizeof(struct yg_crowd_client *));
    if (crowd->clients == NULL || crowd->up == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < num; i++) {
        crowd->clients[i].crowd = crowd;
        crowd->clients[i].index = i;
        crowd->clients[i].room = crowd->options->rooms > 0 ? i % crowd->options->rooms : 0;
    }
    return 0;
}

/* A descriptor for each client; polling has two requests at a time, and libcurl two descriptors to
 * be woken by; an upgrade has a WebSocket beside them. */
static int raise_limit(const struct yg_crowd *crowd)
{
    const enum yg_transport transport = crowd->options->dial.transport;
    const unsigned each = transport == YG_TRANSPORT_WEBSOCKET ? 1
                          : transport == YG_TRANSPORT_POLLING ? 4
                                                              : 5;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 0;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= (rlim_t)crowd->options->clients * each + 64)
        return 0;
    return yg_token_say(YG_EXIT_FAILED, COMMAND,
                        "the limit of descriptors is %" PRIu64 " (ulimit -n), which is too low",
                        (uint64_t)limit.rlim_cur);
}

static int set_up(struct yg_crowd *crowd)
{
    const struct yg_crowd_options *options = crowd->options;
    const char *message = options->message;
    uint32_t run;
    int status;

    if (RAND_bytes((unsigned char *)&crowd->random, sizeof(crowd->random)) != 1 ||
        RAND_bytes((unsigned char *)&run, sizeof(run)) != 1)
        return yg_token_say(YG_EXIT_FAILED, COMMAND, "no random numbers");
    crowd->random |= 1;
    snprintf(crowd->mark, sizeof(crowd->mark), "yl%08" PRIx32 ":", run);
    if (message == NULL)
        message = crowd->is_sio ? "message \"%m\"" : "%m";
    if ((status = raise_limit(crowd)) != 0 ||
        (status = yg_crowd_template(crowd, "--message", message, &crowd->message)) != 0)
        return status;
    if (options->join != NULL && crowd->is_sio &&
        (status = yg_crowd_template(crowd, "--join", options->join, &crowd->join)) != 0)
        return status;
    return make_clients(crowd) < 0 ? yg_token_say(YG_EXIT_FAILED, COMMAND, "out of memory") : 0;
}

static int on_start(yodel_loop *loop, void *user)
{
    struct yg_crowd *crowd = user;
    int rc;

    crowd->loop = loop;
    crowd->dial->eio.ws.link.loop = loop;
    rc = make_targets(crowd);
    if (rc < 0)
        return rc;
    crowd->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (crowd->timer < 0)
        return -errno;
    yodel_watch_init(&crowd->watch, loop, on_timer, crowd);
    rc = yodel_watch_start(&crowd->watch, crowd->timer, YODEL_WATCH_READABLE);
    if (rc < 0)
        return rc;
    crowd->begun_us = yg_clock_us();
    arm(crowd, crowd->begun_us);
    return 0;
}

static void on_end(yodel_loop *loop, void *user)
{
    struct yg_crowd *crowd = user;

    (void)loop;
    if (crowd->phase == YG_CROWD_STEADY && yg_clock_us() < crowd->steady_end_us)
        crowd->steady_end_us = yg_clock_us();
    for (unsigned i = 0; i < crowd->options->clients; i++)
        yg_crowd_client_drop(&crowd->clients[i]);
    (void)yodel_watch_stop(&crowd->watch);
}

static int run_server(struct yg_crowd *crowd)
{
    const yodel_loop_handlers handlers = {
        .size = sizeof(handlers), .on_start = on_start, .on_end = on_end};
    int rc = yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 1, .handle_signals = 1),
                              &crowd->server);

    if (rc == 0)
        rc = yodel_server_add_loop_handlers(crowd->server, &handlers, crowd);
    if (rc == 0)
        rc = yodel_server_run(crowd->server);
    crowd->server = yodel_server_unref(crowd->server);
    return rc < 0 ? yg_token_say(YG_EXIT_FAILED, COMMAND, "%s", yodel_strerror(rc)) : 0;
}

static void release(struct yg_crowd *crowd)
{
    for (unsigned i = 0; crowd->clients != NULL && i < crowd->options->clients; i++)
        free(crowd->clients[i].owed);
    for (unsigned i = 0; crowd->targets != NULL && (i == 0 || i < crowd->options->rooms); i++)
        free(crowd->targets[i]);
    if (crowd->timer >= 0)
        close(crowd->timer);
    yg_text_done(&crowd->message);
    yg_text_done(&crowd->join);
    free(crowd->clients);
    free(crowd->up);
    free(crowd->rooms);
    free(crowd->targets);
    free(crowd->room_up);
    free(crowd);
}

int yg_crowd_run(const struct yg_crowd_options *options, struct yg_dial *dial)
{
    struct yg_crowd *crowd = calloc(1, sizeof(*crowd));
    int status;

    if (crowd == NULL)
        return yg_token_say(YG_EXIT_FAILED, COMMAND, "out of memory");
    crowd->options = options;
    crowd->dial = dial;
    crowd->timer = -1;
    crowd->is_sio = dial->address.protocol == YG_PROTOCOL_SOCKETIO;
    status = set_up(crowd);
    if (status == 0)
        status = run_server(crowd);
    if (status == 0)
        status = yg_crowd_report(crowd);
    release(crowd);
    return status;
}
