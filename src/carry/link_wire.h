/* SPDX-License-Identifier: MIT */
#ifndef YD_CARRY_LINK_WIRE_H
#define YD_CARRY_LINK_WIRE_H

#include "net/net.h"

/*
 * The bytes of a link between two nodes.  Numbers are in network order.
 *
 * It begins with a proof that both know the secret.  Who has connected sends a hello; the other one
 * a challenge, or why not; then either sends HMAC-SHA256 under the secret over a label of its own,
 * hello and challenge, which have a nonce of each.  Nothing is said but this before the proofs are
 * there, and all of it has fixed lengths.
 *
 * Frames follow: length of the payload (4), stream (4), kind, flags, two bytes of zero, payload.
 */

#define YD_LINK_VERSION 1
#define YD_LINK_HELLO_SIZE 56
#define YD_LINK_CHALLENGE_SIZE 48
#define YD_LINK_PROOF_SIZE 32
#define YD_LINK_HEAD_SIZE 12

/* Most bytes of payload: of data, and of what opens a stream. */
#define YD_LINK_MAX_DATA 16384
#define YD_LINK_MAX_OPEN 8192

/* Bytes of a stream that may be under way in one direction. */
#define YD_LINK_WINDOW 65536u

enum yd_link_kind {
    YD_LINK_OPEN = 1, /* payload: the client */
    YD_LINK_DATA,
    YD_LINK_END,    /* flags: YD_LINK_KEEPS */
    YD_LINK_RESET,  /* flags: enum yd_link_why */
    YD_LINK_CREDIT, /* payload: so many bytes more may come (4) */
    YD_LINK_STOP,   /* the node that has the client stops */
    YD_LINK_PING,
    YD_LINK_PONG,
    YD_LINK_LEAVE /* no stream is opened any more */
};

/* Of an end: the client's connection may go on. */
#define YD_LINK_KEEPS 1u

/* Why a stream ended without its end. */
enum yd_link_why {
    YD_LINK_GONE = 0, /* the client, or the connection there */
    YD_LINK_BUSY,     /* no room, no memory */
    YD_LINK_LOST,     /* the link broke, or could not be made: never sent */
    YD_LINK_SILENT,   /* nothing was heard in time: never sent */
    YD_LINK_UNKNOWN   /* there is no such node: never sent */
};

struct yd_link_head {
    uint32_t len, stream;
    uint8_t kind, flags;
};

void yd_link_put_head(uint8_t ret[YD_LINK_HEAD_SIZE], const struct yd_link_head *head);
/* False when no frame begins so. */
bool yd_link_get_head(const uint8_t data[YD_LINK_HEAD_SIZE], struct yd_link_head *ret_head);

void yd_link_put_number(uint8_t ret[4], uint32_t number);
uint32_t yd_link_get_number(const uint8_t data[4]);

/* The payload of an open.  Returns its length, or YODEL_ERR_TOO_BIG. */
ssize_t yd_link_put_client(uint8_t ret[YD_LINK_MAX_OPEN], const struct yd_carried *client);
/* Texts are views of data.  False when it is malformed. */
bool yd_link_get_client(const uint8_t *data, size_t len, struct yd_carried *ret_client);

/* ---- the beginning ---- */

struct yd_link_hello {
    unsigned loop;     /* where the link is to be */
    uint32_t from, to; /* tags of nodes */
    uint8_t nonce[32];
};

enum yd_link_answer {
    YD_LINK_ACCEPTED = 0,
    YD_LINK_WRONG_NODE, /* the address is another one's by now */
    YD_LINK_FULL,
    YD_LINK_STOPPING
};

void yd_link_put_hello(uint8_t ret[YD_LINK_HELLO_SIZE], const struct yd_link_hello *hello);
/* Looks at the first len bytes, YD_LINK_HELLO_SIZE at most: 1 they are a hello, 0 there may be one
 * once more has come, or -EPROTO. */
int yd_link_get_hello(const uint8_t *data, size_t len, struct yd_link_hello *ret_hello);

void yd_link_put_challenge(uint8_t ret[YD_LINK_CHALLENGE_SIZE], enum yd_link_answer answer,
                           const uint8_t nonce[32]);
/* The same, for a challenge. */
int yd_link_get_challenge(const uint8_t *data, size_t len, enum yd_link_answer *ret_answer);

/* The proof of who has connected, or of who was called.  Returns 0 or -ENOMEM. */
int yd_link_prove(yodel_bytes secret, bool caller, const uint8_t hello[YD_LINK_HELLO_SIZE],
                  const uint8_t challenge[YD_LINK_CHALLENGE_SIZE],
                  uint8_t ret_proof[YD_LINK_PROOF_SIZE]);
/* Takes a time that does not depend on the bytes. */
bool yd_link_proofs_are_equal(const uint8_t a[YD_LINK_PROOF_SIZE],
                              const uint8_t b[YD_LINK_PROOF_SIZE]);

#endif
