/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_SIO_LAYER_H
#define YD_SIO_SIO_LAYER_H

#include "bus/bus.h"

/* What the bus asks of a Socket.IO service. */
extern const struct yd_layer_ops yd_sio_layer_ops;

#endif
