/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "base/options.h"
#include "base/utf8.h"
#include "sio/sio.h"

bool yd_sio_is_setting_up(const yodel_sio *sio)
{
    return !atomic_load_explicit(&sio->loops[0]->running, memory_order_acquire);
}

/* ---- lifetime ---- */

static struct yd_sio_config *make_config(yodel_sio *sio)
{
    struct yd_sio_config *config = yd_zalloc(sio->mem, sizeof *config);

    if (config != NULL)
        yd_map_init(&config->listeners, sio->mem, sio->secret);
    return config;
}

static void free_middleware(yodel_sio *sio, struct yd_sio_middleware *middleware)
{
    while (middleware != NULL) {
        struct yd_sio_middleware *next = middleware->next;

        yd_free(sio->mem, middleware);
        middleware = next;
    }
}

static void free_listener(yodel_sio *sio, struct yd_sio_listener *listener)
{
    while (listener->first != NULL) {
        struct yd_sio_event_handler *next = listener->first->next;

        yd_free(sio->mem, listener->first);
        listener->first = next;
    }
    yd_free(sio->mem, listener);
}

static void free_config(yodel_sio *sio, struct yd_sio_config *config)
{
    struct yd_map_node *node;

    while ((node = yd_map_any(&config->listeners)) != NULL) {
        yd_map_remove(&config->listeners, node);
        free_listener(sio, yd_container_of(node, struct yd_sio_listener, node));
    }
    yd_map_done(&config->listeners);
    free_middleware(sio, config->middleware);
    free_middleware(sio, config->event_middleware);
    free_middleware(sio, config->outgoing);
    yd_free(sio->mem, config);
}

static void free_ns(yodel_sio_namespace *ns)
{
    yodel_sio *sio = ns->sio;

    for (unsigned i = 0; i < sio->num_loops; i++) {
        yd_map_done(&ns->shards[i].by_id);
        yd_map_done(&ns->shards[i].by_pid);
    }
    if (ns->parent == NULL && ns->config != NULL)
        free_config(sio, ns->config);
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

/* parent NULL: with a configuration of its own. */
static yodel_sio_namespace *make_ns(yodel_sio *sio, yodel_str name, struct yd_sio_parent *parent)
{
    yodel_sio_namespace *ns =
        yd_zalloc(sio->mem, sizeof *ns + sio->num_loops * sizeof ns->shards[0]);

    if (ns == NULL)
        return NULL;
    atomic_init(&ns->refs, 1);
    ns->sio = sio;
    ns->parent = parent;
    for (unsigned i = 0; i < sio->num_loops; i++) {
        yd_list_init(&ns->shards[i].sockets);
        yd_map_init(&ns->shards[i].by_id, sio->mem, sio->secret);
        yd_map_init(&ns->shards[i].by_pid, sio->mem, sio->secret);
    }
    ns->config = parent != NULL ? parent->ns->config : make_config(sio);
    ns->name = yd_strndup(sio->mem, name.ptr, name.len);
    ns->name_len = name.len;
    if (ns->config == NULL || ns->name == NULL) {
        free_ns(ns);
        return NULL;
    }
    ns->node.key = (yodel_str){ns->name, ns->name_len};
    return ns;
}

void yd_sio_namespaces_free(yodel_sio *sio)
{
    struct yd_map_node *node;

    while ((node = yd_map_any(&sio->namespaces)) != NULL) {
        yd_map_remove(&sio->namespaces, node);
        yd_sio_ns_unref(yd_container_of(node, yodel_sio_namespace, node));
    }
    yd_map_done(&sio->namespaces);
    while (sio->parents != NULL) {
        struct yd_sio_parent *next = sio->parents->next;

        yd_sio_pattern_free(sio->parents->pattern);
        yd_sio_ns_unref(sio->parents->ns);
        yd_free(sio->mem, sio->parents);
        sio->parents = next;
    }
}

/* ---- the registry; with the lock held ---- */

static yodel_sio_namespace *find_ns(yodel_sio *sio, yodel_str name)
{
    struct yd_map_node *node = yd_map_find(&sio->namespaces, name);

    return node != NULL ? yd_container_of(node, yodel_sio_namespace, node) : NULL;
}

static yodel_sio_namespace *add_ns(yodel_sio *sio, yodel_str name, struct yd_sio_parent *parent)
{
    yodel_sio_namespace *ns = find_ns(sio, name);

    if (ns != NULL || (ns = make_ns(sio, name, parent)) == NULL)
        return ns;
    if (yd_map_insert(&sio->namespaces, &ns->node) < 0) {
        free_ns(ns);
        return NULL;
    }
    return ns;
}

/* ---- what the program sets up ---- */

yodel_sio_namespace *yodel_sio_of(yodel_sio *sio, const char *name)
{
    yodel_sio_namespace *ns = NULL;
    struct yd_buf full = {0};

    if (strchr(name, ',') != NULL || !yd_utf8_is_valid(name, strlen(name)))
        return NULL;
    if (yd_buf_printf(sio->mem, &full, "%s%s", name[0] == '/' ? "" : "/", name) == 0) {
        pthread_mutex_lock(&sio->lock);
        ns = add_ns(sio, (yodel_str){(char *)full.ptr, full.len}, NULL);
        pthread_mutex_unlock(&sio->lock);
    }
    yd_buf_free(sio->mem, &full);
    return ns;
}

static yodel_sio_namespace *add_parent(yodel_sio *sio, void *pattern, yodel_sio_match_fn *match,
                                       void *user)
{
    struct yd_sio_parent **end = &sio->parents, *parent = yd_zalloc(sio->mem, sizeof *parent);

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
    while (*end != NULL)
        end = &(*end)->next;
    *end = parent;
    return parent->ns;
}

yodel_sio_namespace *yodel_sio_of_pattern(yodel_sio *sio, const char *pattern)
{
    void *code = yd_sio_pattern_new(pattern);
    yodel_sio_namespace *ns;

    if (code == NULL)
        return NULL;
    if ((ns = add_parent(sio, code, NULL, NULL)) == NULL)
        yd_sio_pattern_free(code);
    return ns;
}

yodel_sio_namespace *yodel_sio_of_function(yodel_sio *sio, yodel_sio_match_fn *match, void *user)
{
    return add_parent(sio, NULL, match, user);
}

int yodel_sio_handle(yodel_sio_namespace *ns, const yodel_sio_handlers *handlers, void *user)
{
    if (!yd_sio_is_setting_up(ns->sio))
        return YODEL_ERR_STATE;
    ns->config->user = user;
    return yd_options_read(handlers, &ns->config->handlers, sizeof *handlers);
}

static struct yd_sio_listener *get_listener(yodel_sio_namespace *ns, const char *event)
{
    const struct yodel_allocator *mem = ns->sio->mem;
    struct yd_map *map = &ns->config->listeners;
    struct yd_map_node *node = yd_map_find(map, yodel_str_of(event));
    struct yd_sio_listener *listener;
    size_t len = strlen(event);

    if (node != NULL)
        return yd_container_of(node, struct yd_sio_listener, node);
    if ((listener = yd_zalloc(mem, sizeof *listener + len)) == NULL)
        return NULL;
    memcpy(listener->name, event, len);
    listener->node.key = (yodel_str){listener->name, len};
    listener->last = &listener->first;
    if (yd_map_insert(map, &listener->node) < 0) {
        yd_free(mem, listener);
        return NULL;
    }
    listener->next = ns->config->all;
    ns->config->all = listener;
    return listener;
}

int yodel_sio_on(yodel_sio_namespace *ns, const char *event, yodel_sio_event_fn *handler,
                 void *user)
{
    struct yd_sio_event_handler *entry;
    struct yd_sio_listener *listener;

    if (!yd_sio_is_setting_up(ns->sio))
        return YODEL_ERR_STATE;
    if (yd_sio_is_reserved(yodel_str_of(event)))
        return YODEL_ERR_NAME;
    if ((listener = get_listener(ns, event)) == NULL ||
        (entry = yd_zalloc(ns->sio->mem, sizeof *entry)) == NULL)
        return -ENOMEM;
    entry->fn = handler;
    entry->user = user;
    *listener->last = entry;
    listener->last = &entry->next;
    return 0;
}

static int add_middleware(yodel_sio_namespace *ns, struct yd_sio_middleware **list,
                          const struct yd_sio_middleware *middleware)
{
    struct yd_sio_middleware *entry;

    if (!yd_sio_is_setting_up(ns->sio))
        return YODEL_ERR_STATE;
    if ((entry = yd_alloc(ns->sio->mem, sizeof *entry)) == NULL)
        return -ENOMEM;
    *entry = *middleware;
    while (*list != NULL)
        list = &(*list)->next;
    *list = entry;
    return 0;
}

int yodel_sio_use(yodel_sio_namespace *ns, yodel_sio_middleware_fn *middleware, void *user)
{
    return add_middleware(ns, &ns->config->middleware,
                          &(struct yd_sio_middleware){.fn = middleware, .user = user});
}

int yodel_sio_use_event(yodel_sio_namespace *ns, yodel_sio_event_middleware_fn *middleware,
                        void *user)
{
    return add_middleware(ns, &ns->config->event_middleware,
                          &(struct yd_sio_middleware){.event_fn = middleware, .user = user});
}

int yodel_sio_on_any_outgoing(yodel_sio_namespace *ns, yodel_sio_outgoing_fn *handler, void *user)
{
    return add_middleware(ns, &ns->config->outgoing,
                          &(struct yd_sio_middleware){.outgoing_fn = handler, .user = user});
}

/* ---- what clients connect to ---- */

static bool allows(const struct yd_sio_parent *parent, yodel_str name, yodel_str auth)
{
    json_t *document = NULL;
    bool allowed;

    if (parent->pattern != NULL)
        return yd_sio_pattern_matches(parent->pattern, name);
    if (auth.len > 0)
        document = json_loadb(auth.ptr, auth.len, 0, NULL);
    allowed = parent->match(name, document, parent->user) != 0;
    json_decref(document);
    return allowed;
}

/* The program's function is asked without the lock. */
static struct yd_sio_parent *find_parent(yodel_sio *sio, yodel_str name, yodel_str auth)
{
    struct yd_sio_parent *parent = sio->parents;

    while (parent != NULL && !allows(parent, name, auth))
        parent = parent->next;
    return parent;
}

yodel_sio_namespace *yd_sio_ns_for_client(yodel_sio *sio, yodel_str name, yodel_str auth)
{
    struct yd_sio_parent *parent;
    yodel_sio_namespace *ns;

    pthread_mutex_lock(&sio->lock);
    if ((ns = find_ns(sio, name)) != NULL) {
        atomic_fetch_add(&ns->num_sockets, 1);
        yd_sio_ns_ref(ns);
    }
    pthread_mutex_unlock(&sio->lock);
    if (ns != NULL || (parent = find_parent(sio, name, auth)) == NULL)
        return ns;
    pthread_mutex_lock(&sio->lock);
    if ((ns = add_ns(sio, name, parent)) != NULL) {
        atomic_fetch_add(&ns->num_sockets, 1);
        yd_sio_ns_ref(ns);
    }
    pthread_mutex_unlock(&sio->lock);
    return ns;
}

void yd_sio_ns_left(yodel_sio_namespace *ns)
{
    yodel_sio *sio = ns->sio;
    bool removed = false;

    pthread_mutex_lock(&sio->lock);
    if (atomic_fetch_sub(&ns->num_sockets, 1) == 1 && ns->parent != NULL &&
        sio->options.cleanup_empty_children) {
        yd_map_remove(&sio->namespaces, &ns->node);
        removed = true;
    }
    pthread_mutex_unlock(&sio->lock);
    if (removed)
        yd_sio_ns_unref(ns);
    yd_sio_ns_unref(ns);
}

/* ---- looking ---- */

int yd_sio_ns_children(yodel_sio_namespace *parent, struct yd_buf *ret_children)
{
    yodel_sio *sio = parent->sio;
    int num = 0, rc = 0;

    pthread_mutex_lock(&sio->lock);
    for (size_t i = 0; i < sio->namespaces.num_slots; i++)
        for (struct yd_map_node *n = sio->namespaces.slots[i]; n != NULL && rc == 0; n = n->next) {
            yodel_sio_namespace *ns = yd_container_of(n, yodel_sio_namespace, node);

            if (ns->parent == NULL || ns->parent->ns != parent)
                continue;
            if ((rc = yd_buf_append(sio->mem, ret_children, &ns, sizeof(void *))) == 0) {
                (void)yd_sio_ns_ref(ns);
                num++;
            }
        }
    pthread_mutex_unlock(&sio->lock);
    return rc < 0 && num == 0 ? rc : num;
}

yodel_sio_namespace *yodel_sio_find(yodel_sio *sio, yodel_str name)
{
    yodel_sio_namespace *ns;

    pthread_mutex_lock(&sio->lock);
    ns = find_ns(sio, name);
    pthread_mutex_unlock(&sio->lock);
    return ns;
}

/* References to all namespaces; NULL when there is none, or out of memory. */
static yodel_sio_namespace **list_all(yodel_sio *sio, size_t *ret_num)
{
    struct yd_map *map = &sio->namespaces;
    yodel_sio_namespace **all = NULL;
    size_t num = 0;

    pthread_mutex_lock(&sio->lock);
    if (map->count > 0)
        all = yd_alloc_array(sio->mem, map->count, sizeof(yodel_sio_namespace *));
    for (size_t i = 0; all != NULL && i < map->num_slots; i++)
        for (struct yd_map_node *node = map->slots[i]; node != NULL; node = node->next)
            all[num++] = yd_sio_ns_ref(yd_container_of(node, yodel_sio_namespace, node));
    pthread_mutex_unlock(&sio->lock);
    *ret_num = num;
    return all;
}

/* Without the lock: each may ask for one of them. */
void yodel_sio_each_namespace(yodel_sio *sio, void (*each)(yodel_str name, void *user), void *user)
{
    size_t num;
    yodel_sio_namespace **all = list_all(sio, &num);

    for (size_t i = 0; i < num; i++) {
        each(yodel_sio_namespace_name(all[i]), user);
        yd_sio_ns_unref(all[i]);
    }
    yd_free(sio->mem, all);
}

yodel_str yodel_sio_namespace_name(const yodel_sio_namespace *ns)
{
    return (yodel_str){ns->name, ns->name_len};
}
