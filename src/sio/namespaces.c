/* SPDX-License-Identifier: MIT */
#include "sio/namespaces.h"

#include <errno.h>

#include "base/container.h"
#include "base/mem.h"
#include "proto/json_doc.h"
#include "sio/name_pattern.h"
#include "sio/remote.h"
#include "sio/socket.h"

/* ---- lifetime ---- */

static void free_ns(yodel_sio_namespace *ns)
{
    yodel_sio *sio = ns->sio;

    for (unsigned i = 0; i < sio->num_loops; i++) {
        yd_map_done(&ns->shards[i].by_id);
        yd_map_done(&ns->shards[i].by_pid);
        yd_sio_config_end(ns->shards[i].config, sio->loops[i]);
    }
    yd_sio_config_unref(ns->config);
    yd_group_tally_unref(ns->room_tally);
    yd_free(sio->mem, ns->name);
    yd_free(sio->mem, ns);
}

yodel_sio_namespace *yd_sio_ns_ref(yodel_sio_namespace *ns)
{
    atomic_fetch_add_explicit(&ns->refs, 1, memory_order_relaxed);
    return ns;
}

void yd_sio_ns_unref(yodel_sio_namespace *ns)
{
    if (ns != NULL && atomic_fetch_sub_explicit(&ns->refs, 1, memory_order_acq_rel) == 1)
        free_ns(ns);
}

/* Without a configuration. */
static yodel_sio_namespace *make_bare(yodel_sio *sio, yodel_str name)
{
    yodel_sio_namespace *ns =
        yd_zalloc(sio->mem, sizeof *ns + sio->num_loops * sizeof ns->shards[0]);

    if (ns == NULL)
        return NULL;
    atomic_init(&ns->refs, 1);
    ns->sio = sio;
    for (unsigned i = 0; i < sio->num_loops; i++) {
        yd_list_init(&ns->shards[i].sockets);
        yd_list_init(&ns->shards[i].of_children);
        yd_map_init_fixed(&ns->shards[i].by_id, sio->mem, sio->secret,
                          YD_MAP_KEY(yodel_sio_socket, by_id, id));
        yd_map_init_fixed(&ns->shards[i].by_pid, sio->mem, sio->secret,
                          YD_MAP_KEY(struct yd_sio_memory, by_pid, pid));
    }
    ns->name = yd_strndup(sio->mem, name.ptr, name.len);
    ns->name_len = name.len;
    ns->room_tally = yd_group_tally_new(sio->mem);
    if (ns->name == NULL || ns->room_tally == NULL) {
        free_ns(ns);
        return NULL;
    }
    ns->node.key = (yodel_str){ns->name, ns->name_len};
    return ns;
}

/* One that clients make: it has its parent's configuration. */
static yodel_sio_namespace *make_child(yodel_sio *sio, yodel_str name, struct yd_sio_parent *parent)
{
    yodel_sio_namespace *ns = make_bare(sio, name);

    if (ns == NULL)
        return NULL;
    ns->parent = parent;
    atomic_init(&ns->configured, parent->ns);
    return ns;
}

void yd_sio_ns_note_watchers(yodel_sio_namespace *ns)
{
    const struct yd_sio_config *config = ns->config;

    atomic_store_explicit(&ns->is_watched, config->outgoing != NULL, memory_order_relaxed);
    atomic_store_explicit(&ns->watches_rooms, config->room_handlers != NULL, memory_order_relaxed);
}

/* It has a configuration of its own; with the lock held, if there is a parent. */
static int configure(yodel_sio_namespace *ns)
{
    yodel_sio *sio = ns->sio;

    ns->config = ns->parent != NULL ? yd_sio_config_copy(ns->parent->ns->config)
                                    : yd_sio_config_new(sio->mem, sio->num_loops, sio->secret);
    if (ns->config == NULL)
        return -ENOMEM;
    atomic_store_explicit(&ns->version, 1, memory_order_relaxed);
    yd_sio_ns_note_watchers(ns);
    atomic_store_explicit(&ns->configured, ns, memory_order_release);
    ns->stays = true;
    return 0;
}

/* One that the program makes; parent: whose child it is, or NULL. */
static yodel_sio_namespace *make_ns(yodel_sio *sio, yodel_str name, struct yd_sio_parent *parent)
{
    yodel_sio_namespace *ns = make_bare(sio, name);

    if (ns == NULL)
        return NULL;
    ns->parent = parent;
    if (configure(ns) < 0) {
        free_ns(ns);
        return NULL;
    }
    return ns;
}

void yd_sio_namespaces_init(struct yd_sio_namespaces *set, const struct yodel_allocator *mem,
                            const uint64_t secret[2])
{
    pthread_mutex_init(&set->lock, NULL);
    yd_map_init(&set->map, mem, secret);
    atomic_init(&set->parents, NULL);
}

static void free_parent(struct yd_sio_parent *parent)
{
    const struct yodel_allocator *mem = parent->ns->sio->mem;

    yd_sio_pattern_free(parent->pattern);
    yd_sio_ns_unref(parent->ns);
    yd_free(mem, parent);
}

void yd_sio_namespaces_done(struct yd_sio_namespaces *set)
{
    struct yd_map_node *node;

    while ((node = yd_map_any(&set->map)) != NULL) {
        yd_map_remove(&set->map, node);
        yd_sio_ns_unref(yd_container_of(node, yodel_sio_namespace, node));
    }
    yd_map_done(&set->map);
    for (struct yd_sio_parent *parent = atomic_load(&set->parents), *next; parent != NULL;
         parent = next) {
        next = atomic_load(&parent->next);
        free_parent(parent);
    }
    pthread_mutex_destroy(&set->lock);
}

/* ---- the set; with the lock held ---- */

static yodel_sio_namespace *find_ns(yodel_sio *sio, yodel_str name)
{
    struct yd_map_node *node = yd_map_find(&sio->namespaces.map, name);

    return node != NULL ? yd_container_of(node, yodel_sio_namespace, node) : NULL;
}

static void tell_watchers(const yodel_sio *sio)
{
    for (struct yd_sio_watcher *w = sio->namespaces.watchers; w != NULL; w = w->next)
        w->changed(w);
}

/* Takes ns, which may be NULL. */
static int add_ns(yodel_sio_namespace *ns, yodel_sio_namespace **ret_ns)
{
    if (ns == NULL)
        return -ENOMEM;
    if (yd_map_insert(&ns->sio->namespaces.map, &ns->node) < 0) {
        free_ns(ns);
        return -ENOMEM;
    }
    tell_watchers(ns->sio);
    *ret_ns = ns;
    return 0;
}

static struct yd_sio_parent *find_pattern(const yodel_sio *sio, yodel_str name)
{
    struct yd_sio_parent *parent =
        atomic_load_explicit(&sio->namespaces.parents, memory_order_acquire);

    while (parent != NULL &&
           (parent->pattern == NULL || !yd_sio_pattern_matches(parent->pattern, name)))
        parent = atomic_load_explicit(&parent->next, memory_order_acquire);
    return parent;
}

/* A child that clients made is to stay.  NULL when out of memory. */
static yodel_sio_namespace *keep_child(yodel_sio_namespace *ns)
{
    return configure(ns) == 0 ? ns : NULL;
}

yodel_sio_namespace *yd_sio_add_ns(yodel_sio *sio, yodel_str name)
{
    yodel_sio_namespace *ns;

    pthread_mutex_lock(&sio->namespaces.lock);
    if ((ns = find_ns(sio, name)) == NULL)
        (void)add_ns(make_ns(sio, name, find_pattern(sio, name)), &ns);
    else if (!ns->stays && (ns = keep_child(ns)) != NULL)
        ns->parent->num_children--; /* it is the program's now */
    pthread_mutex_unlock(&sio->namespaces.lock);
    return ns;
}

yodel_sio_namespace *yd_sio_add_parent(yodel_sio *sio, void *pattern, yodel_sio_match_fn *match,
                                       void *user)
{
    _Atomic(struct yd_sio_parent *) *end = &sio->namespaces.parents;
    struct yd_sio_parent *parent = yd_zalloc(sio->mem, sizeof *parent), *last;

    if (parent == NULL)
        return NULL;
    if ((parent->ns = make_ns(sio, YODEL_STR("/"), NULL)) == NULL) {
        yd_free(sio->mem, parent);
        return NULL;
    }
    parent->ns->is_parent = true;
    parent->pattern = pattern;
    parent->match = match;
    parent->user = user;
    pthread_mutex_lock(&sio->namespaces.lock);
    while ((last = atomic_load_explicit(end, memory_order_relaxed)) != NULL)
        end = &last->next;
    atomic_store_explicit(end, parent, memory_order_release);
    pthread_mutex_unlock(&sio->namespaces.lock);
    return parent->ns;
}

/* ---- what clients connect to ---- */

/* With the lock held. */
static int add_child(yodel_sio *sio, yodel_str name, struct yd_sio_parent *parent,
                     yodel_sio_namespace **ret_ns)
{
    int rc;

    if (parent->num_children >= sio->options.max_children)
        return YODEL_ERR_TOO_BIG;
    if ((rc = add_ns(make_child(sio, name, parent), ret_ns)) == 0)
        parent->num_children++;
    return rc;
}

int yd_sio_ns_enter(yodel_sio *sio, yodel_str name, struct yd_sio_parent *parent,
                    yodel_sio_namespace **ret_ns)
{
    yodel_sio_namespace *ns;
    int rc = 0;

    pthread_mutex_lock(&sio->namespaces.lock);
    if ((ns = find_ns(sio, name)) == NULL)
        rc = parent != NULL ? add_child(sio, name, parent, &ns) : YODEL_ERR_NOT_FOUND;
    if (rc == 0) {
        atomic_fetch_add(&ns->num_sockets, 1);
        *ret_ns = yd_sio_ns_ref(ns);
    }
    pthread_mutex_unlock(&sio->namespaces.lock);
    return rc;
}

void yd_sio_ns_left(yodel_sio_namespace *ns)
{
    yodel_sio *sio = ns->sio;
    bool removed = false;

    pthread_mutex_lock(&sio->namespaces.lock);
    if (atomic_fetch_sub(&ns->num_sockets, 1) == 1 && ns->parent != NULL && !ns->stays &&
        !sio->options.keep_empty_children) {
        yd_map_remove(&sio->namespaces.map, &ns->node);
        ns->parent->num_children--;
        tell_watchers(sio);
        removed = true;
    }
    pthread_mutex_unlock(&sio->namespaces.lock);
    if (removed)
        yd_sio_ns_unref(ns);
    yd_sio_ns_unref(ns);
}

/* ---- looking ---- */

/* All or none. */
static int keep_children(int rc, int num, struct yd_buf *children)
{
    yodel_sio_namespace **all = (yodel_sio_namespace **)(void *)children->ptr;

    if (rc == 0)
        return num;
    while (num > 0)
        yd_sio_ns_unref(all[--num]);
    children->len = 0;
    return rc;
}

int yd_sio_ns_children(yodel_sio_namespace *parent, struct yd_buf *ret_children)
{
    yodel_sio *sio = parent->sio;
    int num = 0, rc = 0;

    pthread_mutex_lock(&sio->namespaces.lock);
    for (size_t i = 0; i < sio->namespaces.map.num_slots; i++)
        for (struct yd_map_node *n = sio->namespaces.map.slots[i]; n != NULL && rc == 0;
             n = n->next) {
            yodel_sio_namespace *ns = yd_container_of(n, yodel_sio_namespace, node);

            if (ns->parent == NULL || ns->parent->ns != parent)
                continue;
            if ((rc = yd_buf_append(sio->mem, ret_children, &ns, sizeof(void *))) == 0) {
                (void)yd_sio_ns_ref(ns);
                num++;
            }
        }
    pthread_mutex_unlock(&sio->namespaces.lock);
    return keep_children(rc, num, ret_children);
}

yodel_sio_namespace *yd_sio_ns_find(yodel_sio *sio, yodel_str name)
{
    yodel_sio_namespace *ns;

    pthread_mutex_lock(&sio->namespaces.lock);
    if ((ns = find_ns(sio, name)) != NULL)
        (void)yd_sio_ns_ref(ns);
    pthread_mutex_unlock(&sio->namespaces.lock);
    return ns;
}

yodel_sio_namespace *yodel_sio_find_namespace(yodel_sio *sio, const char *name)
{
    yodel_sio_namespace *ns = sio != NULL ? yd_sio_ns_find(sio, yodel_str_of(name)) : NULL;

    if (ns != NULL)
        (void)yodel_sio_ref(sio);
    return ns;
}

/* The program may keep it as long as it likes, so its service stays, too. */
yodel_sio_namespace *yodel_sio_namespace_ref(yodel_sio_namespace *ns)
{
    if (ns == NULL)
        return NULL;
    (void)yodel_sio_ref(ns->sio);
    return yd_sio_ns_ref(ns);
}

yodel_sio_namespace *yodel_sio_namespace_unref(yodel_sio_namespace *ns)
{
    yodel_sio *sio;

    if (ns == NULL)
        return NULL;
    sio = ns->sio;
    yd_sio_ns_unref(ns);
    yodel_sio_unref(sio);
    return NULL;
}

/* ---- watching ---- */

void yd_sio_watch(yodel_sio *sio, struct yd_sio_watcher *watcher)
{
    pthread_mutex_lock(&sio->namespaces.lock);
    watcher->next = sio->namespaces.watchers;
    sio->namespaces.watchers = watcher;
    pthread_mutex_unlock(&sio->namespaces.lock);
}

void yd_sio_unwatch(yodel_sio *sio, struct yd_sio_watcher *watcher)
{
    struct yd_sio_watcher **link = &sio->namespaces.watchers;

    pthread_mutex_lock(&sio->namespaces.lock);
    while (*link != NULL && *link != watcher)
        link = &(*link)->next;
    if (*link != NULL)
        *link = watcher->next;
    pthread_mutex_unlock(&sio->namespaces.lock);
}

/* References to all namespaces; NULL when out of memory. */
static yodel_sio_namespace **list_all(yodel_sio *sio, size_t *ret_num)
{
    struct yd_map *map = &sio->namespaces.map;
    yodel_sio_namespace **all = NULL;
    size_t num = 0;

    pthread_mutex_lock(&sio->namespaces.lock);
    all = yd_alloc_array(sio->mem, map->count + 1, sizeof(yodel_sio_namespace *));
    for (size_t i = 0; all != NULL && i < map->num_slots; i++)
        for (struct yd_map_node *node = map->slots[i]; node != NULL; node = node->next)
            all[num++] = yd_sio_ns_ref(yd_container_of(node, yodel_sio_namespace, node));
    pthread_mutex_unlock(&sio->namespaces.lock);
    *ret_num = num;
    return all;
}

/* Without the lock: each may ask for one of them. */
void yodel_sio_each_namespace(yodel_sio *sio, yodel_sio_name_fn *each, void *user)
{
    size_t num;
    yodel_sio_namespace **all;

    if (sio == NULL || each == NULL)
        return;
    all = list_all(sio, &num);
    for (size_t i = 0; i < num; i++) {
        each(yodel_sio_namespace_name(all[i]), user);
        yd_sio_ns_unref(all[i]);
    }
    yd_free(sio->mem, all);
}

int yd_sio_remote_each(yodel_sio *sio, void (*each)(yodel_sio_namespace *ns, void *user),
                       void *user)
{
    size_t num;
    yodel_sio_namespace **all = list_all(sio, &num);

    if (all == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < num; i++) {
        each(all[i], user);
        yd_sio_ns_unref(all[i]);
    }
    yd_free(sio->mem, all);
    return 0;
}

yodel_str yodel_sio_namespace_name(const yodel_sio_namespace *ns)
{
    if (ns == NULL)
        return (yodel_str){NULL, 0};
    return (yodel_str){ns->name, ns->name_len};
}
