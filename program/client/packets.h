/* SPDX-License-Identifier: MIT */
#ifndef YG_CLIENT_PACKETS_H
#define YG_CLIENT_PACKETS_H

#include <stdint.h>

#include "base/text.h"

/* Packets of Socket.IO (protocol 5) in messages of Engine.IO (protocol 4), as text. */

enum yg_packet_kind {
    YG_PACKET_CONNECT,
    YG_PACKET_DISCONNECT,
    YG_PACKET_EVENT,
    YG_PACKET_ACK,
    YG_PACKET_CONNECT_ERROR,
    YG_PACKET_BINARY_EVENT,
    YG_PACKET_BINARY_ACK
};

#define YG_PACKET_MAX_ATTACHMENTS 1000

struct yg_packet {
    enum yg_packet_kind kind;
    unsigned num_attachments; /* of a binary one: so many binary messages follow */
    yodel_str ns;             /* "/" when none is named */
    bool has_id;
    uint64_t id;
    yodel_str json; /* empty: none */
};

/*
 * Reads a packet: what is behind the "4" of Engine.IO.  The JSON is not looked at.
 *
 * ret_packet   views are the text's
 *
 * Returns 0, or -EPROTO.
 */
int yg_packet_read(yodel_str text, struct yg_packet *ret_packet);

/* Adds a packet with the "4" of Engine.IO. */
void yg_packet_put(struct yg_text *out, const struct yg_packet *packet);

#endif
