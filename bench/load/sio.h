/* SPDX-License-Identifier: MIT */
#ifndef LOAD_SIO_H
#define LOAD_SIO_H

#include <stddef.h>
#include <stdint.h>

/* Engine.IO v4 packets, those of Socket.IO v5 inside them. */
#define SIO_CONNECT "40" /* to the namespace "/" */
#define SIO_PONG "3"
#define SIO_SEPARATOR 0x1e /* between the packets of a polling payload */

enum sio_packet {
    SIO_GOT_OPEN,    /* Engine.IO handshake: to be answered with SIO_CONNECT */
    SIO_GOT_CONNECT, /* in the namespace */
    SIO_GOT_PING,    /* to be answered with SIO_PONG */
    SIO_GOT_OTHER
};

enum sio_packet sio_packet_kind(const uint8_t *packet, size_t len);

#endif
