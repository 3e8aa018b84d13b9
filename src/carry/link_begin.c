/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/container.h"
#include "carry/link_state.h"

/* How a link begins: hello, challenge, and a proof of each side. */

static int prove(const struct yd_link *link, bool caller, uint8_t ret[YD_LINK_PROOF_SIZE])
{
    const struct yd_link_options *options = &link->home->options;

    return yd_link_prove((yodel_bytes){options->secret, options->secret_len}, caller, link->hello,
                         link->challenge, ret);
}

static void send_proof(struct yd_link *link, bool caller, enum yd_link_phase next)
{
    uint8_t proof[YD_LINK_PROOF_SIZE];

    if (prove(link, caller, proof) < 0 ||
        yd_conn_write(link->conn, proof, sizeof proof, NULL, 0) < 0) {
        yd_link_fail(link, YD_LINK_LOST, NULL);
        return;
    }
    link->phase = next;
}

/* ---- who calls ---- */

int yd_link_say_hello(struct yd_link *link, uint32_t node, unsigned loop)
{
    struct yd_link_hello hello = {
        .loop = loop,
        .from = atomic_load_explicit(link->home->node, memory_order_relaxed),
        .to = node,
    };

    if (RAND_bytes(hello.nonce, sizeof hello.nonce) != 1)
        return -EIO;
    yd_link_put_hello(link->hello, &hello);
    return yd_conn_write(link->conn, link->hello, sizeof link->hello, NULL, 0);
}

static size_t take_challenge(struct yd_link *link, const uint8_t *data, size_t len)
{
    enum yd_link_answer answer;
    int rc = yd_link_get_challenge(data, YD_MIN(len, YD_LINK_CHALLENGE_SIZE), &answer);

    if (rc == 0)
        return 0;
    if (rc < 0) {
        yd_link_fail(link, YD_LINK_LOST, "the other side speaks something else");
        return len;
    }
    memcpy(link->challenge, data, YD_LINK_CHALLENGE_SIZE);
    if (answer == YD_LINK_ACCEPTED)
        send_proof(link, true, YD_LINK_PROVING);
    else if (answer == YD_LINK_WRONG_NODE)
        yd_link_fail(link, YD_LINK_UNKNOWN, NULL);
    else
        yd_link_fail(link, answer == YD_LINK_STOPPING ? YD_LINK_UNKNOWN : YD_LINK_BUSY, NULL);
    return YD_LINK_CHALLENGE_SIZE;
}

static bool proves(const struct yd_link *link, bool caller, const uint8_t *proof)
{
    uint8_t expected[YD_LINK_PROOF_SIZE];

    return prove(link, caller, expected) == 0 && yd_link_proofs_are_equal(expected, proof);
}

static size_t take_called_proof(struct yd_link *link, const uint8_t *data, size_t len)
{
    if (len < YD_LINK_PROOF_SIZE)
        return 0;
    if (proves(link, false, data))
        yd_link_be_up(link);
    else
        yd_link_fail(link, YD_LINK_LOST, "it does not know the secret");
    return YD_LINK_PROOF_SIZE;
}

/* ---- who is called ---- */

static enum yd_link_answer answer_to(const struct yd_link *link, const struct yd_link_hello *hello)
{
    const struct yd_link_home *home = link->home;

    if (hello->to != atomic_load_explicit(home->node, memory_order_relaxed))
        return YD_LINK_WRONG_NODE;
    if (home->stopping)
        return YD_LINK_STOPPING;
    return home->num_accepted > home->options.max_links ? YD_LINK_FULL : YD_LINK_ACCEPTED;
}

static void challenge(struct yd_link *link, const struct yd_link_hello *hello)
{
    enum yd_link_answer answer = answer_to(link, hello);
    uint8_t nonce[32];

    if (RAND_bytes(nonce, sizeof nonce) != 1) {
        yd_link_fail(link, YD_LINK_LOST, NULL);
        return;
    }
    yd_link_put_challenge(link->challenge, answer, nonce);
    if (yd_conn_write(link->conn, link->challenge, sizeof link->challenge, NULL, 0) < 0) {
        yd_link_fail(link, YD_LINK_LOST, NULL);
        return;
    }
    link->phase = YD_LINK_DOUBTING;
    if (answer == YD_LINK_ACCEPTED)
        return;
    yd_count(&link->home->counters.refused, 1);
    yd_conn_close(link->conn);
}

/* The kernel gave the connection to any loop; the streams are of one.  What was read is read again
 * there. */
static size_t take_hello(struct yd_link *link, const uint8_t *data, size_t len)
{
    struct yd_link_hello hello;
    int rc = yd_link_get_hello(data, YD_MIN(len, YD_LINK_HELLO_SIZE), &hello);
    unsigned here = yd_conn_loop(link->conn)->index;

    if (rc == 0)
        return 0;
    if (rc < 0 || hello.loop >= link->num_homes) {
        yd_link_fail(link, YD_LINK_LOST, "a connection for nodes does not begin as one");
        return len;
    }
    memcpy(link->hello, data, YD_LINK_HELLO_SIZE);
    if (hello.loop == here)
        challenge(link, &hello);
    else
        yd_link_move(link, hello.loop);
    return YD_LINK_HELLO_SIZE;
}

static size_t take_caller_proof(struct yd_link *link, const uint8_t *data, size_t len)
{
    if (len < YD_LINK_PROOF_SIZE)
        return 0;
    if (!proves(link, true, data)) {
        yd_link_fail(link, YD_LINK_LOST, "a node does not know the secret");
        return len;
    }
    send_proof(link, false, YD_LINK_DOUBTING);
    if (link->phase == YD_LINK_DOUBTING)
        yd_link_be_up(link);
    return YD_LINK_PROOF_SIZE;
}

size_t yd_link_take_begin(struct yd_link *link, const uint8_t *data, size_t len)
{
    switch (link->phase) {
    case YD_LINK_CALLING:
        return take_challenge(link, data, len);
    case YD_LINK_PROVING:
        return take_called_proof(link, data, len);
    case YD_LINK_CALLED:
        return take_hello(link, data, len);
    case YD_LINK_DOUBTING:
        return take_caller_proof(link, data, len);
    default:
        return len;
    }
}
