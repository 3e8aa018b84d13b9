/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "carry_sim.h"

/*
 * What comes on a link to a node that has a session.  The first byte: bit 0, whether the other side
 * has proved itself; the rest, in which pieces the bytes come.  Whatever they are the node lives,
 * and serves its own clients; and what it makes of the head of a frame or a client is what it would
 * write.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char secret[] = "a secret of many";

static void require(int holds)
{
    if (!holds)
        abort();
}

static void check_head(const uint8_t *data, size_t size)
{
    uint8_t again[YD_LINK_HEAD_SIZE];
    struct yd_link_head head;

    if (size < YD_LINK_HEAD_SIZE || !yd_link_get_head(data, &head))
        return;
    yd_link_put_head(again, &head);
    require(memcmp(data, again, sizeof again) == 0);
}

static void check_client(const uint8_t *data, size_t size)
{
    static uint8_t again[YD_LINK_MAX_OPEN];
    struct yd_carried client;

    if (size > YD_LINK_MAX_OPEN || !yd_link_get_client(data, size, &client))
        return;
    require(yd_link_put_client(again, &client) == (ssize_t)size);
    require(memcmp(data, again, size) == 0);
}

/* As a node that knows the secret. */
static void prove(struct carry_sim *sim, struct sim_peer *peer)
{
    struct yd_link_hello hello = {.from = 101, .to = 100};
    uint8_t bytes[YD_LINK_HELLO_SIZE], proof[YD_LINK_PROOF_SIZE];

    yd_link_put_hello(bytes, &hello);
    sim_send(peer, bytes, sizeof bytes);
    carry_sim_run(sim);
    require(sim_received_len(peer) == YD_LINK_CHALLENGE_SIZE);
    require(yd_link_prove((yodel_bytes){(const uint8_t *)secret, sizeof secret - 1}, true, bytes,
                          (const uint8_t *)sim_received(peer), proof) == 0);
    sim_send(peer, proof, sizeof proof);
    carry_sim_run(sim);
    require(sim_received_len(peer) == YD_LINK_CHALLENGE_SIZE + YD_LINK_PROOF_SIZE);
}

static void check_life(struct carry_sim *sim)
{
    struct sim_peer *peer = carry_sim_connect(sim, 0);

    sim_send_text(peer, "GET /e/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n");
    carry_sim_run(sim);
    require(memcmp(sim_received(peer), "HTTP/1.1 200", 12) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct carry_sim sim;
    struct sim_peer *peer;

    if (size < 1)
        return 0;
    check_head(data + 1, size - 1);
    check_client(data + 1, size - 1);
    require(carry_sim_start(&sim, &yd_mem_default, 1, 1, NULL) == 0);
    peer = carry_sim_knock(&sim, 0);
    if ((data[0] & 1) != 0)
        prove(&sim, peer);
    peer->chop = data[0] >> 1;
    sim_send(peer, data + 1, size - 1);
    carry_sim_run(&sim);
    carry_sim_advance(&sim, 100);
    check_life(&sim);
    carry_sim_advance(&sim, 700);
    check_life(&sim);
    carry_sim_stop(&sim);
    return 0;
}
