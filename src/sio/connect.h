/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_CONNECT_H
#define YD_SIO_CONNECT_H

#include "sio/client.h"

/* A CONNECT has come for a namespace that the client is not in: recovery, middleware, the answer.
 */
void yd_sio_on_connect(struct yd_sio_client *client, const struct yd_sio_packet *packet);

#endif
