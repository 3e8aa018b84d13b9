/* SPDX-License-Identifier: MIT */
#ifndef YP_SIO_GATE_H
#define YP_SIO_GATE_H

#include "sio_items.h"

/* Between the files that have to do with records, on loops. */

void yp_make_secret(uint64_t secret[2]);

/* The client of a socket, with a reference; NULL when out of memory. */
struct yp_client *yp_client_get(struct yp_service *service, yodel_sio_socket *socket);
/* A yp_strand's wake. */
void yp_client_wake(struct yp_strand *strand);

/* NULL when out of memory. */
struct yp_record *yp_record_new(struct yp_service *service, yodel_sio_socket *socket);
/* Under the lock, by a caller that has a reference. */
void yp_record_tell_left(struct yp_record *record, const char *reason);

/* The socket has joined its namespace: it joins rooms ahead of that, and gets what was kept. */
int yp_early_join_rooms(struct yp_record *record, yodel_sio_socket *socket);
/* Takes it out, under the lock; yp_early_send() frees it. */
struct yp_early *yp_early_take(struct yp_record *record);
void yp_early_send(struct yp_early *early, yodel_sio_socket *socket);

#endif
