/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "program.h"

/* The server, its loops and its end. */

/* Rounds over all loops after which whatever is under way has arrived. */
#define ROUNDS 14

/* ---- memory ---- */

struct block {
    _Alignas(16) size_t size;
};

/* Of the sanitizers' runtime; NULL without. */
void __sanitizer_print_stack_trace(void) __attribute__((weak));

static bool must_fail(struct program *p)
{
    if (p->fail_in == 0 || --p->fail_in > 0)
        return false;
    p->has_failed = true;
    say(p, "an allocation fails");
    if (p->verbose && __sanitizer_print_stack_trace != NULL)
        __sanitizer_print_stack_trace();
    return true;
}

static void *give(size_t size, void *user)
{
    struct program *p = user;
    struct block *block = must_fail(p) ? NULL : malloc(sizeof *block + size);

    if (block == NULL)
        return NULL;
    block->size = size;
    p->blocks++;
    return block + 1;
}

static void *resize(void *ptr, size_t size, void *user)
{
    struct program *p = user;
    struct block *block;

    if (ptr == NULL)
        return give(size, user);
    block = must_fail(p) ? NULL : realloc((struct block *)ptr - 1, sizeof *block + size);
    if (block == NULL)
        return NULL;
    block->size = size;
    return block + 1;
}

static void take_back(void *ptr, void *user)
{
    struct program *p = user;

    if (ptr == NULL)
        return;
    p->blocks--;
    free((struct block *)ptr - 1);
}

/* ---- loops ---- */

static struct yd_loop *loop_at(const struct program *p, unsigned loop)
{
    return p->server->loops[loop];
}

static void set_running(struct program *p, int loop, bool running)
{
    if (loop < 0)
        return;
    loop_at(p, (unsigned)loop)->thread = pthread_self();
    atomic_store(&loop_at(p, (unsigned)loop)->running, running);
}

void world_enter(struct program *p, unsigned loop)
{
    struct yd_loop *entered = loop_at(p, loop);

    sim_sleep(entered, p->now - p->slept_until[loop]);
    p->slept_until[loop] = p->now;
    set_running(p, (int)loop, true);
    p->current = (int)loop;
    p->is_entered[loop] = true;
}

void world_leave(struct program *p, unsigned loop)
{
    set_running(p, (int)loop, false);
    p->current = -1;
    p->is_entered[loop] = false;
}

static void note_end(struct program *p, unsigned loop)
{
    if (!loop_at(p, loop)->stopping || p->has_ended[loop])
        return;
    p->has_ended[loop] = true;
    say(p, "loop %u ends", loop);
    if (loop > 0)
        (void)yd_call_post(&p->server->workers[loop].ended, loop_at(p, 0));
}

void world_turn(struct program *p, unsigned loop)
{
    if (p->has_ended[loop] || p->is_entered[loop])
        return;
    world_enter(p, loop);
    sim_turn(loop_at(p, loop));
    world_leave(p, loop);
    note_end(p, loop);
}

void world_run(struct program *p, unsigned loop)
{
    if (p->has_ended[loop] || p->is_entered[loop])
        return;
    world_enter(p, loop);
    sim_run(loop_at(p, loop));
    world_leave(p, loop);
    note_end(p, loop);
}

void world_settle(struct program *p)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < p->num_loops; i++)
            world_run(p, i);
        redis_side_run(p);
        far_run(p);
        python_run(p);
    }
    client_read_all(p);
}

/* Another loop runs while this thread is between a post and what it does next.  Adapters, and what
 * keeps history in Redis, post with a lock held, for which the other loop would wait: so not in
 * programs that have them. */
static void cut_in(struct yd_loop *woken, void *arg)
{
    struct program *p = arg;
    int interrupted = p->current;
    unsigned loop;

    (void)woken;
    if (!p->may_cut || p->cluster != NULL || p->keeps_in_redis || p->depth > 3 || !once_in(p, 6))
        return;
    loop = pick(p, p->num_loops);
    if (p->has_ended[loop] || p->is_entered[loop])
        return;
    say(p, "cut by loop %u", loop);
    p->depth++;
    set_running(p, interrupted, false);
    world_turn(p, loop);
    set_running(p, interrupted, true);
    p->current = interrupted;
    p->depth--;
}

/* ---- the server ---- */

static void on_log(yodel_log_level level, yodel_str text, void *user)
{
    say(user, "log %s: %" YODEL_PRI, yodel_log_level_name(level), YODEL_ARG(text));
}

/* One address whose listeners the simulated loops know; its descriptors only want to be closed. */
static void listen_somewhere(struct program *p)
{
    struct yd_address *address = yd_zalloc(&p->server->mem, sizeof *address);
    struct yd_net_listener *listeners =
        yd_zalloc(&p->server->mem, p->num_loops * sizeof *listeners);

    if (address == NULL || listeners == NULL)
        abort();
    for (unsigned i = 0; i < p->num_loops; i++) {
        listeners[i].base.fd = dup(STDERR_FILENO);
        listeners[i].front = &address->front;
    }
    address->listeners = listeners;
    address->num_listeners = p->num_loops;
    p->server->addresses = address;
    listen_side_set_up(p, address);
    tls_side_set_up(p, address);
}

static void make_server(struct program *p)
{
    yodel_log_sink sink = {on_log, YODEL_LOG_DEBUG, p};
    yodel_server_options options = {
        .size = sizeof options,
        .loops = p->num_loops,
        .allocator = &p->mem,
        .log = p->verbose ? &sink : NULL,
        .max_message = 3000,
        .max_buffered = 2000,
        .max_body = 4000,
        .max_connections = once_in(p, 16) ? 4 : 0,
        .header_ms = 2000,
        .body_ms = 2000,
        .keep_ms = 4000,
        .decide_ms = 1500,
        .ping_ms = 4000,
        .pong_ms = 2000,
        .send_ms = 3000,
        .close_ms = 700,
    };

    listen_side_options(p, &options);
    if (yd_server_new_on(&yd_loop_sim, &options, &p->server) < 0)
        abort();
    for (unsigned i = 0; i < p->num_loops; i++)
        sim_on_wake(loop_at(p, i), cut_in, p);
    for (unsigned i = 1; i < p->num_loops; i++)
        sim_link(loop_at(p, 0), loop_at(p, i));
    p->now = loop_at(p, 0)->now;
    for (unsigned i = 0; i < p->num_loops; i++)
        p->slept_until[i] = p->now;
}

void world_start(struct program *p)
{
    static const uint8_t text[] = "prepared";

    p->mem = (yodel_allocator){give, resize, take_back, p};
    p->is_setting_up = true;
    p->num_loops = 1 + pick(p, MAX_LOOPS);
    make_server(p);
    if (yodel_channels_new_memory(p->server, &p->layer) < 0 ||
        yodel_prepared_new(p->server, YODEL_WS_TEXT, (yodel_bytes){text, 8}, &p->prepared) < 0)
        abort();
    listen_somewhere(p);
    http_side_set_up(p);
    streams_set_up(p);
    ws_side_set_up(p);
    sio_side_set_up(p);
    open_side_set_up(p);
    far_set_up(p);
    python_set_up(p);
    redis_side_set_up(p);
    presence_side_set_up(p);
    p->may_cut = true;
}

/* ---- the end ---- */

static void let_peers_read(struct program *p)
{
    for (int i = 0; i < p->num_lines; i++) {
        p->lines[i].peer->window = SIZE_MAX;
        p->lines[i].peer->max_taken = 0;
        p->lines[i].peer->chop = 0;
    }
}

/* Who is on a WebSocket and reads is told that the server goes away. */
static void check_closes(struct program *p)
{
    for (int i = 0; i < p->num_lines; i++) {
        const struct line *line = &p->lines[i];

        if (line->mode == LINE_WS && !line->said_close && !line->got_close)
            broken(p, "stop: the WebSocket of client %d has got no close frame", i);
    }
}

static bool has_ended(const struct program *p)
{
    for (unsigned i = 0; i < p->num_loops; i++)
        if (!p->has_ended[i])
            return false;
    return true;
}

void world_stop(struct program *p)
{
    p->fail_in = 0;
    p->may_cut = false;
    let_peers_read(p);
    world_settle(p);
    sessions_poll(p);
    world_settle(p);
    expectations_check(p);
    if (p->num_stops++ == 0) {
        say(p, "stop");
        p->stop_ends_at = p->now + 5000;
        p->gentle = true;
        yodel_server_stop(p->server, 5000);
    }
    world_settle(p);
    if (p->gentle && !p->has_failed && p->now < p->stop_ends_at)
        check_closes(p);
    for (int i = 0; i < p->num_lines; i++)
        sim_end(p->lines[i].peer);
    for (int round = 0; !has_ended(p); round++) {
        if (round > 30)
            broken(p, "stop: the server does not end");
        world_settle(p);
        p->now += 1000;
    }
}

static void unref_all(struct program *p)
{
    bool server_first = once_in(p, 2);

    if (server_first)
        p->server = yodel_server_unref(p->server);
    for (unsigned i = 0; i < p->num_services; i++)
        p->services[i].sio = yodel_sio_unref(p->services[i].sio);
    p->prepared = yodel_prepared_unref(p->prepared);
    presence_side_end(p);
    p->layer = yodel_channels_unref(p->layer);
    presence_side_check(p);
    if (!server_first)
        p->server = yodel_server_unref(p->server);
}

void world_finish(struct program *p)
{
    bool late = once_in(p, 2);

    p->over = true;
    open_side_end(p);
    drop_all_kept(p);
    streams_check(p);
    room_side_check(p);
    sio_side_check(p);
    cluster_side_unref(p);
    redis_side_unref(p);
    if (!late) {
        decisions_free(p);
        streams_free(p);
    }
    unref_all(p);
    decisions_free(p);
    streams_free(p);
    if (p->blocks != 0)
        broken(p, "%zu blocks of memory are left", p->blocks);
    redis_side_free(p);
    cluster_side_free(p);
    far_free(p);
    python_free(p);
    room_side_free(p);
    waiters_check(p);
    lines_free(p);
    uploads_free(p);
    open_side_free(p);
    notes_free(p);
}
