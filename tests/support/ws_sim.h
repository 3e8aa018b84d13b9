/* SPDX-License-Identifier: MIT */
#ifndef YD_TESTS_WS_SIM_H
#define YD_TESTS_WS_SIM_H

#include "http_sim.h"
#include "ws/ws.h"

/* WebSockets on a simulated loop: an HTTP service, a WebSocket service and a channel layer. */
struct ws_sim {
    struct http_sim hs;
    struct yd_ws_service service;
    struct yd_bus bus;
    yodel_channels *channels;
};

/* Messages 1000 bytes, output 2000; ping after 1000 ms, pong 500, close 300, decide 400. */
int ws_sim_start(struct ws_sim *sim, const struct yodel_allocator *mem);
void ws_sim_stop(struct ws_sim *sim);

/* Sends an upgrade request for path with extra header lines, and runs. */
struct sim_peer *ws_sim_connect(struct ws_sim *sim, const char *path, const char *headers);

/* The same, and asserts that it was accepted; forgets the answer. */
struct sim_peer *ws_sim_open(struct ws_sim *sim, const char *path);

/* Sends a masked frame, without running. */
void ws_sim_frame(struct sim_peer *peer, uint8_t first_byte, const void *data, size_t len);
void ws_sim_text(struct sim_peer *peer, const char *text);
void ws_sim_close(struct sim_peer *peer, uint16_t code, const char *reason);

/* Takes the next frame of what was received; false when there is no whole one. */
struct ws_sim_frame {
    uint8_t first_byte;
    const uint8_t *data;
    size_t len;
};
bool ws_sim_next(struct sim_peer *peer, struct ws_sim_frame *ret_frame);

/* Fails the test unless the next frame is that. */
void ws_sim_expect(struct sim_peer *peer, uint8_t first_byte, const void *data, size_t len);
void ws_sim_expect_text(struct sim_peer *peer, const char *text);
void ws_sim_expect_close(struct sim_peer *peer, uint16_t code);
void ws_sim_expect_nothing(struct sim_peer *peer);

#endif
