/* SPDX-License-Identifier: MIT */
#include "sio_sim.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "base/mem.h"

/* ---- what handlers tell ---- */

void sio_sim_tell(struct sio_sim *sim, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    loops_sim_tell_args(&sim->base, format, args);
    va_end(args);
}

void sio_sim_expect_told(struct sio_sim *sim, const char *expected)
{
    loops_sim_expect_told(&sim->base, expected);
}

static void on_connection(yodel_sio_socket *socket, void *user)
{
    struct sio_sim *sim = user;

    sim->socket = socket;
    sio_sim_tell(sim, "connection %" YODEL_PRI ";",
                 YODEL_ARG(yodel_sio_namespace_name(yodel_sio_socket_namespace(socket))));
}

static void tell_room(yodel_str room, void *user)
{
    if (room.len != YD_ID_LEN)
        sio_sim_tell(user, " %" YODEL_PRI, YODEL_ARG(room));
}

static void on_disconnecting(yodel_sio_socket *socket, const char *reason, void *user)
{
    sio_sim_tell(user, "disconnecting %s", reason);
    yodel_sio_socket_each_room(socket, tell_room, user);
    sio_sim_tell(user, ";");
}

static void on_disconnect(yodel_sio_socket *socket, const char *reason, void *user)
{
    struct sio_sim *sim = user;

    if (sim->socket == socket)
        sim->socket = NULL;
    sio_sim_tell(sim, "disconnect %s;", reason);
}

static void on_error(yodel_sio_socket *socket, const char *message, void *user)
{
    (void)socket;
    sio_sim_tell(user, "error %s;", message);
}

int sio_sim_handle(struct sio_sim *sim, yodel_sio_namespace *ns)
{
    yodel_sio_handlers handlers = {
        .size = sizeof handlers,
        .on_connection = on_connection,
        .on_disconnecting = on_disconnecting,
        .on_disconnect = on_disconnect,
        .on_error = on_error,
    };

    return yodel_sio_namespace_handle(ns, &handlers, sim);
}

/* ---- set-up ---- */

void sio_sim_options(yodel_sio_options *ret_options)
{
    *ret_options = (yodel_sio_options){
        .size = sizeof *ret_options,
        .ping_interval_ms = 100000,
        .ping_timeout_ms = 50000,
        .connect_timeout_ms = 2000,
        .max_payload = 2000,
        .max_buffered = 3000,
    };
}

static void release(void *owner)
{
    ((struct sio_sim *)owner)->released++;
}

static int start_sio(struct sio_sim *sim, const struct yodel_allocator *mem,
                     const yodel_sio_options *options)
{
    struct yd_sio_setup setup = {
        .bus = &sim->bus,
        .name = "sio",
        .mem = mem,
        .log = &sim->base.sink,
        .http = &sim->base.http,
        .ws = &sim->base.ws,
        .loops = sim->base.loops,
        .num_loops = sim->base.num_loops,
        .secret = {1, 2},
        .decide_ms = 10000,
        .owner = sim,
        .release_owner = release,
    };
    struct yd_channels_options channels = {.bus = &sim->bus,
                                           .name = "groups",
                                           .make_msg = yd_ws_make_msg,
                                           .list_member = yd_ws_list_member,
                                           .owner = sim,
                                           .release_owner = release};
    struct yd_bus_options bus = {.mem = mem,
                                 .loops = sim->base.loops,
                                 .num_loops = sim->base.num_loops,
                                 .secret = {1, 2},
                                 .process = "p"};
    int rc;

    if ((rc = yd_bus_init(&sim->bus, &bus)) < 0)
        return rc;
    if ((rc = yd_channels_new(&channels, &setup.channels)) < 0)
        return rc;
    if ((rc = yd_sio_new(&setup, options, &sim->sio)) < 0)
        yodel_channels_unref(setup.channels);
    return rc;
}

int sio_sim_start(struct sio_sim *sim, const struct yodel_allocator *mem, unsigned num_loops,
                  const yodel_sio_options *given)
{
    yodel_sio_options options;
    int rc;

    sio_sim_options(&options);
    memset(sim, 0, sizeof *sim);
    rc = loops_sim_start(&sim->base, mem, num_loops, 0);
    if (rc == 0)
        rc = start_sio(sim, mem, given != NULL ? given : &options);
    if (rc == 0 && yodel_sio_of(sim->sio, "/", &sim->ns) < 0)
        rc = -ENOMEM;
    if (rc == 0)
        rc = sio_sim_handle(sim, sim->ns);
    if (rc < 0)
        sio_sim_stop(sim);
    return rc;
}

static void stop_on_loop(struct sio_sim *sim, void *arg)
{
    unsigned *i = arg;

    if (sim->sio != NULL)
        yd_sio_stop(sim->sio, sim->base.loops[*i]);
    yd_net_abort(&sim->base.nets[*i]);
}

void sio_sim_stop(struct sio_sim *sim)
{
    if (sim->base.num_loops == 0)
        return;
    for (unsigned i = 0; i < sim->base.num_loops; i++)
        sio_sim_on_loop(sim, i, stop_on_loop, &i);
    loops_sim_close(&sim->base);
    yd_bus_close(&sim->bus);
    yodel_sio_unref(sim->sio);
    if (sim->at_end != NULL)
        sim->at_end();
    loops_sim_free(&sim->base);
    yd_bus_done(&sim->bus);
}

/* ---- running ---- */

void sio_sim_run_loop(struct sio_sim *sim, unsigned loop)
{
    loops_sim_run_one(&sim->base, loop);
}

void sio_sim_run(struct sio_sim *sim)
{
    loops_sim_run(&sim->base);
}

void sio_sim_advance(struct sio_sim *sim, uint64_t ms)
{
    loops_sim_advance(&sim->base, ms);
}

struct call {
    struct yd_mail mail;
    struct sio_sim *sim;
    void (*fn)(struct sio_sim *sim, void *arg);
    void *arg;
};

static void run_call(struct yd_mail *mail, void *receiver)
{
    struct call *call = yd_container_of(mail, struct call, mail);

    (void)receiver;
    call->fn(call->sim, call->arg);
}

void sio_sim_on_loop(struct sio_sim *sim, unsigned loop, void (*fn)(struct sio_sim *sim, void *arg),
                     void *arg)
{
    struct call call = {{NULL, run_call}, sim, fn, arg};

    assert_int_equal(yd_loop_post(sim->base.loops[loop], &call.mail), 0);
    sio_sim_run_loop(sim, loop);
    sio_sim_run(sim);
}

/* ---- clients ---- */

static void skip_head(struct sim_peer *peer)
{
    const char *head = sim_received(peer), *end = strstr(head, "\r\n\r\n");

    if (end != NULL)
        yd_buf_consume(&peer->output, (size_t)(end + 4 - head));
}

void sio_sim_open(struct sio_sim *sim, unsigned loop, struct sio_client *ret_client)
{
    struct ws_sim_frame frame;

    *ret_client = (struct sio_client){.sim = sim, .loop = loop};
    ret_client->peer = sim_connect(sim->base.loops[loop]);
    sim_send_text(ret_client->peer,
                  "GET /socket.io/?EIO=4&transport=websocket&a=b HTTP/1.1\r\nHost: a\r\n"
                  "Upgrade: websocket\r\nConnection: Upgrade\r\nX-Test: yes\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                  "Sec-WebSocket-Version: 13\r\n\r\n");
    sio_sim_run(sim);
    skip_head(ret_client->peer);
    (void)ws_sim_next(ret_client->peer, &frame);
}

static void take_field(const char *answer, const char *name, char *ret_field)
{
    const char *at = strstr(answer, name);

    if (at != NULL)
        (void)snprintf(ret_field, YD_ID_LEN + 1, "%s", at + strlen(name));
}

void sio_sim_join(struct sio_client *client, const char *nsp, const char *auth)
{
    bool is_root = strcmp(nsp, "/") == 0;
    char text[1000];
    const char *answer;

    (void)snprintf(text, sizeof text, "0%s%s%s", is_root ? "" : nsp, is_root ? "" : ",", auth);
    sio_sim_say(client, text);
    answer = sio_sim_next(client);
    assert_non_null(answer);
    assert_int_equal(answer[0], '0');
    if (!is_root)
        assert_memory_equal(answer + 1, nsp, strlen(nsp));
    take_field(answer, "\"sid\":\"", client->sid);
    take_field(answer, "\"pid\":\"", client->pid);
}

void sio_sim_connect(struct sio_sim *sim, unsigned loop, struct sio_client *ret_client)
{
    sio_sim_open(sim, loop, ret_client);
    sio_sim_join(ret_client, "/", "");
    sim->base.told.len = 0;
}

void sio_sim_put(struct sio_client *client, const char *packet)
{
    char text[5000];
    int len = snprintf(text, sizeof text, "4%s", packet);

    ws_sim_frame(client->peer, 0x81, text, (size_t)len);
}

void sio_sim_say(struct sio_client *client, const char *packet)
{
    sio_sim_put(client, packet);
    sio_sim_run(client->sim);
}

void sio_sim_say_binary(struct sio_client *client, const void *data, size_t len)
{
    ws_sim_frame(client->peer, 0x82, data, len);
    sio_sim_run(client->sim);
}

void sio_sim_leave(struct sio_client *client)
{
    sim_end(client->peer);
    sio_sim_run(client->sim);
}

const char *sio_sim_next(struct sio_client *client)
{
    static char text[1 << 16];
    struct ws_sim_frame frame;

    if (!ws_sim_next(client->peer, &frame) || frame.first_byte != 0x81 || frame.len == 0 ||
        frame.data[0] != '4')
        return NULL;
    memcpy(text, frame.data + 1, frame.len - 1);
    text[frame.len - 1] = '\0';
    return text;
}

void sio_sim_expect(struct sio_client *client, const char *packet)
{
    const char *text = sio_sim_next(client);

    assert_non_null(text);
    assert_string_equal(text, packet);
}

void sio_sim_expect_binary(struct sio_client *client, const void *data, size_t len)
{
    ws_sim_expect(client->peer, 0x82, data, len);
}

void sio_sim_expect_nothing(struct sio_client *client)
{
    ws_sim_expect_nothing(client->peer);
}

void sio_sim_expect_closed(struct sio_client *client)
{
    struct ws_sim_frame frame;
    bool closed = false;

    while (ws_sim_next(client->peer, &frame))
        closed = closed || frame.first_byte == 0x88;
    assert_true(closed || sim_is_closed(client->peer));
}

yodel_sio_namespace *sio_sim_of(yodel_sio *sio, const char *name)
{
    yodel_sio_namespace *ns = NULL;

    return yodel_sio_of(sio, name, &ns) == 0 ? ns : NULL;
}

yodel_sio_namespace *sio_sim_of_pattern(yodel_sio *sio, const char *pattern)
{
    yodel_sio_namespace *ns = NULL;

    return yodel_sio_of_pattern(sio, pattern, &ns) == 0 ? ns : NULL;
}
