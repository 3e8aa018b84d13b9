/* SPDX-License-Identifier: MIT */
#include "sio/ns_config.h"

#include <errno.h>

#include "sio/sio_base.h"

/* The shard keeps one use of what it has. */
static void refresh(yodel_sio_namespace *owner, struct yd_sio_shard *shard, struct yd_loop *loop)
{
    struct yd_sio_config *old = shard->config;

    pthread_mutex_lock(&owner->sio->namespaces.lock);
    atomic_fetch_add_explicit(&owner->config->refs, 1, memory_order_relaxed);
    shard->config = owner->config;
    shard->version = atomic_load_explicit(&owner->version, memory_order_relaxed);
    pthread_mutex_unlock(&owner->sio->namespaces.lock);
    (void)yd_sio_config_again(shard->config, loop);
    yd_sio_config_end(old, loop);
}

struct yd_sio_config *yd_sio_config_begin(yodel_sio_namespace *ns, struct yd_loop *loop)
{
    yodel_sio_namespace *owner = atomic_load_explicit(&ns->configured, memory_order_acquire);
    struct yd_sio_shard *shard = &owner->shards[loop->index];

    if (shard->version != atomic_load_explicit(&owner->version, memory_order_acquire))
        refresh(owner, shard, loop);
    return yd_sio_config_again(shard->config, loop);
}

/* With the lock held; config: a copy.  Returns what was there. */
static struct yd_sio_config *replace(yodel_sio_namespace *ns, struct yd_sio_config *config)
{
    struct yd_sio_config *old = ns->config;

    ns->config = config;
    atomic_fetch_add_explicit(&ns->version, 1, memory_order_release);
    return old;
}

/* With the lock held.  As long as no loop has it, it is changed as it is; *ret_old is what another
 * has taken the place of. */
static int change_locked(yodel_sio_namespace *ns, yd_sio_change_fn *change, const void *arg,
                         struct yd_sio_config **ret_old)
{
    struct yd_sio_config *config = ns->config;
    int rc;

    if (atomic_load_explicit(&ns->configured, memory_order_relaxed) != ns)
        return YODEL_ERR_STATE;
    if (atomic_load_explicit(&config->refs, memory_order_acquire) == 1)
        return change(config, arg);
    if ((config = yd_sio_config_copy(config)) == NULL)
        return -ENOMEM;
    if ((rc = change(config, arg)) < 0)
        yd_sio_config_unref(config);
    else
        *ret_old = replace(ns, config);
    return rc;
}

int yd_sio_ns_change(yodel_sio_namespace *ns, yd_sio_change_fn *change, const void *arg)
{
    pthread_mutex_t *lock = &ns->sio->namespaces.lock;
    struct yd_sio_config *old = NULL;
    int rc;

    pthread_mutex_lock(lock);
    rc = change_locked(ns, change, arg, &old);
    if (rc >= 0)
        yd_sio_ns_note_watchers(ns);
    pthread_mutex_unlock(lock);
    yd_sio_config_unref(old); /* which may call the program: without the lock */
    return rc;
}
