/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/container.h"
#include "eio/session.h"
#include "failmem.h"
#include "sio/client.h"
#include "sio_sim.h"
#include "ws_sim.h"

/*
 * What one idle client keeps, as bytes asked of the allocator: its structs, and its share of
 * tables.  The bounds are those of ARCHITECTURE.md; the state of the loop's backend is apart.  And
 * that all of it is given back.
 */

#define MANY 512
#define TABLES 48 /* bytes of ids and maps for each client, at most */

static struct failmem fm;

static size_t backend_size(void)
{
    return MANY * yd_loop_sim.stream_size;
}

/* ---- WebSocket ---- */

static int echo(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    (void)user;
    return yodel_ws_send(ws, message->type, message->data);
}

static void open_many(struct ws_sim *sim, struct sim_peer **peers)
{
    for (unsigned i = 0; i < MANY; i++) {
        peers[i] = ws_sim_open(sim, "/ws");
        ws_sim_text(peers[i], "hello");
        sim_run(sim->hs.loop);
        ws_sim_expect_text(peers[i], "hello");
    }
    sim_advance(sim->hs.loop, 900);
}

static void close_many(struct ws_sim *sim, struct sim_peer **peers)
{
    for (unsigned i = 0; i < MANY; i++)
        sim_end(peers[i]);
    sim_advance(sim->hs.loop, 5000);
}

static void test_idle_websocket(void **state)
{
    const size_t most = sizeof(struct yd_conn) + sizeof(yodel_ws) + TABLES;
    yodel_ws_handlers handlers = {.size = sizeof handlers, .on_message = echo};
    struct sim_peer *peers[MANY];
    struct ws_sim sim;
    size_t before;

    (void)state;
    failmem_init(&fm, 0);
    assert_int_equal(ws_sim_start(&sim, &fm.mem), 0);
    assert_int_equal(yd_ws_route(&sim.service, &sim.hs.http, "/ws", &handlers, NULL), 0);
    open_many(&sim, peers); /* what is made once */
    close_many(&sim, peers);
    before = fm.bytes;
    open_many(&sim, peers);
    print_message("an idle WebSocket: %zu bytes\n", (fm.bytes - before - backend_size()) / MANY);
    assert_true(fm.bytes - before <= backend_size() + MANY * most);
    close_many(&sim, peers);
    assert_int_equal(fm.bytes, before);
    ws_sim_stop(&sim);
    failmem_assert_empty(&fm);
}

/* ---- Socket.IO ---- */

static void connect_many(struct sio_sim *sim, struct sio_client *clients)
{
    for (unsigned i = 0; i < MANY; i++)
        sio_sim_connect(sim, 0, &clients[i]);
    sio_sim_advance(sim, 5000);
}

static void leave_many(struct sio_sim *sim, struct sio_client *clients)
{
    for (unsigned i = 0; i < MANY; i++)
        sim_end(clients[i].peer);
    sio_sim_advance(sim, 5000);
    sio_sim_tell(sim, "%s", "");
}

static void test_idle_socket_io_client(void **state)
{
    const size_t handshake = 256; /* the request's texts */
    const size_t most = sizeof(struct yd_conn) + sizeof(yodel_ws) + sizeof(struct yd_eio_session) +
                        handshake + sizeof(struct yd_sio_client) + sizeof(yodel_sio_socket) +
                        TABLES;
    struct sio_client *clients = calloc(MANY, sizeof *clients);
    struct sio_sim sim;
    size_t before;

    (void)state;
    failmem_init(&fm, 0);
    assert_int_equal(sio_sim_start(&sim, &fm.mem, 1, NULL), 0);
    connect_many(&sim, clients);
    leave_many(&sim, clients);
    before = fm.bytes;
    connect_many(&sim, clients);
    print_message("an idle Socket.IO client: %zu bytes\n",
                  (fm.bytes - before - backend_size()) / MANY);
    assert_true(fm.bytes - before <= backend_size() + MANY * most);
    leave_many(&sim, clients);
    assert_int_equal(fm.bytes, before);
    sio_sim_stop(&sim);
    failmem_assert_empty(&fm);
    free(clients);
}

/* The sizes that the table of ARCHITECTURE.md has: to be changed there, too. */
static void test_structs_of_idle_clients_stay_small(void **state)
{
    (void)state;
    if (sizeof(void *) != 8)
        skip();
    assert_true(sizeof(struct yd_conn) <= 168);
    assert_true(sizeof(yodel_ws) <= 88);
    assert_true(sizeof(struct yd_eio_session) <= 120);
    assert_true(sizeof(struct yd_sio_client) <= 72);
    assert_true(sizeof(yodel_sio_socket) <= 184);
    assert_true(sizeof(struct yd_membership) <= 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_websocket),
        cmocka_unit_test(test_idle_socket_io_client),
        cmocka_unit_test(test_structs_of_idle_clients_stay_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
