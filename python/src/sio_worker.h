/* SPDX-License-Identifier: MIT */
#ifndef YP_SIO_WORKER_H
#define YP_SIO_WORKER_H

#include "sio_server.h"

/* The type SioWorker, of server.worker(): what a thread of Python takes items with. */

PyObject *yp_worker_new(struct yp_sio *server);

/* Frees an item of any kind, which yp_queue_done() has been told. */
void yp_item_free(struct yp_item *item);

yp_part_fn yp_worker_part;

#endif
