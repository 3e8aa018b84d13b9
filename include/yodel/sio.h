/* SPDX-License-Identifier: MIT */
#ifndef YODEL_SIO_H
#define YODEL_SIO_H

/* Socket.IO v5 over Engine.IO v4, as the clients of socket.io 3 and 4 speak it. */

#include <yodel/sio_answers.h>
#include <yodel/sio_cluster.h>
#include <yodel/sio_emit.h>
#include <yodel/sio_event.h>
#include <yodel/sio_namespace.h>
#include <yodel/sio_rooms.h>
#include <yodel/sio_service.h>
#include <yodel/sio_socket.h>
#include <yodel/sio_watch.h>

#endif
