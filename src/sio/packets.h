/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_PACKETS_H
#define YD_SIO_PACKETS_H

#include "sio/client.h"

/* A message of the client's: a packet, or a part of one.  data may be changed. */
void yd_sio_on_message(struct yd_sio_client *client, bool binary, uint8_t *data, size_t len);
/* A packet that is not complete is dropped. */
void yd_sio_drop_pending(struct yd_sio_client *client);

#endif
