/* SPDX-License-Identifier: MIT */
#include "ws_sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void nothing_to_release(void *owner)
{
    (void)owner;
}

int ws_sim_start(struct ws_sim *sim, const struct yodel_allocator *mem)
{
    static const struct yd_ws_defaults defaults = {.max_message = 1000,
                                                   .max_buffered = 2000,
                                                   .max_deflate_memory = SIZE_MAX,
                                                   .ping_ms = 1000,
                                                   .pong_ms = 500,
                                                   .close_ms = 300,
                                                   .decide_ms = 400};
    int rc;

    memset(sim, 0, sizeof *sim);
    if ((rc = http_sim_start(&sim->hs, mem, 0)) < 0)
        return rc;
    rc = yd_ws_service_init(&sim->service, mem, &sim->hs.sink, &defaults, NULL, 1, "p");
    if (rc == 0)
        rc = yd_bus_init(&sim->bus,
                         &(struct yd_bus_options){
                             .mem = mem, .loops = &sim->hs.loop, .num_loops = 1, .process = "p"});
    if (rc == 0)
        rc = yd_channels_new(&(struct yd_channels_options){.bus = &sim->bus,
                                                           .name = "groups",
                                                           .make_msg = yd_ws_make_msg,
                                                           .list_member = yd_ws_list_member,
                                                           .release_owner = nothing_to_release},
                             &sim->channels);
    if (rc < 0)
        ws_sim_stop(sim);
    return rc;
}

void ws_sim_stop(struct ws_sim *sim)
{
    yodel_channels_unref(sim->channels);
    sim->channels = NULL;
    http_sim_stop(&sim->hs);
    if (sim->service.mem != NULL)
        yd_ws_service_done(&sim->service);
    sim->service.mem = NULL;
    yd_bus_done(&sim->bus);
}

struct sim_peer *ws_sim_connect(struct ws_sim *sim, const char *path, const char *headers)
{
    char request[1024];

    snprintf(request, sizeof request,
             "GET %s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
             path, headers);
    return http_sim_ask(&sim->hs, request);
}

struct sim_peer *ws_sim_open(struct ws_sim *sim, const char *path)
{
    struct sim_peer *peer = ws_sim_connect(sim, path, "");
    const char *head = sim_received(peer);
    const char *end = strstr(head, "\r\n\r\n");

    http_sim_assert_status(peer, 101);
    assert_non_null(end);
    yd_buf_consume(&peer->output, (size_t)(end + 4 - head));
    return peer;
}

void ws_sim_frame(struct sim_peer *peer, uint8_t first_byte, const void *data, size_t len)
{
    static const uint8_t key[4] = {0x12, 0x34, 0x56, 0x78};
    uint8_t head[14] = {first_byte}, *copy = malloc(len + 1);
    size_t head_len = 2;

    head[1] = 0x80 | (uint8_t)(len < 126 ? len : len < 65536 ? 126 : 127);
    for (int shift = len < 126 ? -8 : len < 65536 ? 8 : 56; shift >= 0; shift -= 8)
        head[head_len++] = (uint8_t)((uint64_t)len >> shift);
    memcpy(head + head_len, key, 4);
    for (size_t i = 0; i < len; i++)
        copy[i] = ((const uint8_t *)data)[i] ^ key[i % 4];
    sim_send(peer, head, head_len + 4);
    sim_send(peer, copy, len);
    free(copy);
}

void ws_sim_text(struct sim_peer *peer, const char *text)
{
    ws_sim_frame(peer, 0x81, text, strlen(text));
}

void ws_sim_close(struct sim_peer *peer, uint16_t code, const char *reason)
{
    uint8_t body[125] = {(uint8_t)(code >> 8), (uint8_t)code};

    memcpy(body + 2, reason, strlen(reason));
    ws_sim_frame(peer, 0x88, body, 2 + strlen(reason));
}

/* Forgets the frame that was given out before by keeping its bytes until the next call. */
bool ws_sim_next(struct sim_peer *peer, struct ws_sim_frame *ret_frame)
{
    const uint8_t *data = (const uint8_t *)sim_received(peer);
    size_t have = sim_received_len(peer), head = 2, len;
    static uint8_t payload[4 << 20];

    if (have < 2)
        return false;
    len = data[1];
    if (len == 126 && have >= 4) {
        head = 4;
        len = (size_t)data[2] << 8 | data[3];
    }
    if (len == 127 && have >= 10) {
        head = 10;
        len = 0;
        for (int i = 2; i < 10; i++)
            len = len << 8 | data[i];
    }
    if (have < head + len)
        return false;
    assert_true(len <= sizeof payload);
    memcpy(payload, data + head, len);
    *ret_frame = (struct ws_sim_frame){data[0], payload, len};
    yd_buf_consume(&peer->output, head + len);
    return true;
}

void ws_sim_expect(struct sim_peer *peer, uint8_t first_byte, const void *data, size_t len)
{
    struct ws_sim_frame frame;

    assert_true(ws_sim_next(peer, &frame));
    assert_int_equal(frame.first_byte, first_byte);
    assert_int_equal(frame.len, len);
    assert_memory_equal(frame.data, data, len);
}

void ws_sim_expect_text(struct sim_peer *peer, const char *text)
{
    ws_sim_expect(peer, 0x81, text, strlen(text));
}

void ws_sim_expect_close(struct sim_peer *peer, uint16_t code)
{
    struct ws_sim_frame frame;

    assert_true(ws_sim_next(peer, &frame));
    assert_int_equal(frame.first_byte, 0x88);
    assert_int_equal(frame.len >= 2 ? frame.data[0] << 8 | frame.data[1] : 0, code);
}

void ws_sim_expect_nothing(struct sim_peer *peer)
{
    assert_int_equal(sim_received_len(peer), 0);
}
