/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_NS_CONFIG_H
#define YD_SIO_NS_CONFIG_H

#include "sio/sio_base.h"

/* The configuration that a namespace has at a time; any thread may change it while loops use it. */

/* On loop: the configuration of ns as it is now, for a use that yd_sio_config_end() ends. */
struct yd_sio_config *yd_sio_config_begin(yodel_sio_namespace *ns, struct yd_loop *loop);

/* Whether somebody watches what goes out.  Any thread. */
static inline bool yd_sio_ns_is_watched(const yodel_sio_namespace *ns)
{
    const yodel_sio_namespace *owner = atomic_load_explicit(&ns->configured, memory_order_acquire);

    return atomic_load_explicit(&owner->is_watched, memory_order_relaxed) ||
           atomic_load_explicit(&ns->sio->num_sent_watchers, memory_order_relaxed) > 0;
}

/* Changes a configuration that nobody else has.  Returns 0 or more, or an error and has done
 * nothing. */
typedef int(yd_sio_change_fn)(struct yd_sio_config *config, const void *arg);

/* Changes the configuration of ns, or a copy of it which takes its place.  All or nothing.  Returns
 * the change's result, -ENOMEM, or YODEL_ERR_STATE (ns is a child that has its parent's). */
int yd_sio_ns_change(yodel_sio_namespace *ns, yd_sio_change_fn *change, const void *arg);

#endif
