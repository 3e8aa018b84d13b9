/* SPDX-License-Identifier: MIT */
#ifndef YD_ADAPTER_PYTHON_H
#define YD_ADAPTER_PYTHON_H

#include <stdbool.h>
#include <yodel/sio_python.h>

#include "base/part.h"

/* The channel of managers of python-socketio, as a part of the server. */

struct yd_python_setup {
    const struct yodel_allocator *mem;
    yodel_sio *sio;                          /* outlives the loops; not used after end */
    yodel_redis *redis;                      /* it takes a reference, until end */
    const yodel_sio_python_options *options; /* filled in; its strings are copied */
};

/* The peer has been added to the bus of the service.  Returns 0, -ENOMEM, or YODEL_ERR_TOO_BIG
 * (peers of the bus). */
int yd_python_new(const struct yd_python_setup *setup, struct yd_part **ret_part);
/* Whether the part is that of sio. */
bool yd_python_is_of(const struct yd_part *part, const yodel_sio *sio);
/* size is set.  Any thread. */
void yd_python_get_stats(const struct yd_part *part, yodel_sio_python_stats *ret_stats);

#endif
