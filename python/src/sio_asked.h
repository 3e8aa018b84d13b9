/* SPDX-License-Identifier: MIT */
#ifndef YP_SIO_ASKED_H
#define YP_SIO_ASKED_H

#include "sio_server.h"

/* Emits that clients answer: emit(callback=) has an ACK item, call() waits. */

struct yp_asked;

/* Both with the GIL.  values: a tuple or list.  Return a result of the library, or -1 with an
 * exception. */

/* Calls callback(*args) once for each client that answers, by an item.  to: NULL: all. */
PyObject *yp_sio_emit_with_callback(struct yp_sio *self, yodel_sio_target target,
                                    struct yp_record *record, const char *event,
                                    struct yp_args *args, PyObject *callback);

/* Waits without the GIL for the one answer of one client.  A new tuple, or NULL. */
PyObject *yp_sio_call(struct yp_sio *self, yodel_sio_target target, struct yp_record *record,
                      const char *event, struct yp_args *args, uint32_t timeout_ms);

PyObject *yp_asked_tuple(struct yp_sio *self, struct yp_asked *asked);
void yp_asked_free(struct yp_asked *asked);
/* Those whose items could not be queued; at the end of the server. */
void yp_asked_free_orphans(struct yp_sio *self);

#endif
