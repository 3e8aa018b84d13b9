/* SPDX-License-Identifier: MIT */
#include "adapter/cluster_peer.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "adapter/streams.h"
#include "base/container.h"
#include "base/mem.h"

/* Channels are names in Redis of what is here: a namespace has two, a room has one.  What comes and
 * goes is noted by whoever changes it, in order, and looked at by the loop of the client. */

/* A namespace, or a room. */
struct node {
    struct yd_map_node by_name;
    struct yd_cluster *cluster;
    struct yd_redis_sub all, own; /* own: of a namespace, answers to us */
    unsigned users;               /* of a room's channel, beside the first */
    bool found;                   /* among those that there are now */
    char *name;                   /* the namespace, or the channel of the room */
    char *all_name, *own_name;
};

/* Of a room that has got its first member here, or lost its last. */
struct change {
    struct yd_list node;
    bool begins;
    size_t len;
    char group[];
};

/* As text of its own; NULL when out of memory. */
static char *make_channel(const struct yd_cluster *cluster, yodel_str nsp, yodel_str tail)
{
    struct yd_buf buf = {0};

    if (yd_cluster_put_channel(cluster, &buf, nsp, tail) < 0 ||
        yd_buf_append(cluster->mem, &buf, "", 1) < 0) {
        yd_buf_free(cluster->mem, &buf);
        return NULL;
    }
    return (char *)buf.ptr;
}

/* ---- subscriptions ---- */

static void on_all(struct yd_redis_sub *sub, yodel_str channel, yodel_bytes payload)
{
    yd_cluster_receive(yd_container_of(sub, struct node, all)->cluster, channel, payload);
}

static void on_own(struct yd_redis_sub *sub, yodel_str channel, yodel_bytes payload)
{
    yd_cluster_receive(yd_container_of(sub, struct node, own)->cluster, channel, payload);
}

static void free_node(struct node *node)
{
    struct yd_cluster *cluster = node->cluster;

    yd_redis_unsubscribe(cluster->redis, &node->all);
    yd_redis_unsubscribe(cluster->redis, &node->own);
    yd_free(cluster->mem, node->name);
    yd_free(cluster->mem, node->all_name);
    yd_free(cluster->mem, node->own_name);
    yd_free(cluster->mem, node);
}

static int subscribe(struct yd_cluster *cluster, struct yd_redis_sub *sub, const char *name)
{
    if (name == NULL)
        return 0;
    sub->kind = cluster->shards ? YD_REDIS_SHARDED : YD_REDIS_CHANNEL;
    sub->name = yodel_str_of(name);
    return yd_redis_subscribe(cluster->redis, sub);
}

/* names are taken.  NULL when out of memory. */
static struct node *add_node(struct yd_cluster *cluster, struct yd_map *map, char *name,
                             char *all_name, char *own_name)
{
    struct node *node = yd_zalloc(cluster->mem, sizeof *node);

    if (node == NULL) {
        yd_free(cluster->mem, name);
        yd_free(cluster->mem, all_name);
        yd_free(cluster->mem, own_name);
        return NULL;
    }
    *node = (struct node){.cluster = cluster,
                          .all = {.on_message = on_all},
                          .own = {.on_message = on_own},
                          .name = name,
                          .all_name = all_name,
                          .own_name = own_name};
    node->by_name.key = yodel_str_of(name);
    if (subscribe(cluster, &node->all, all_name != NULL ? all_name : name) < 0 ||
        subscribe(cluster, &node->own, own_name) < 0 || yd_map_insert(map, &node->by_name) < 0) {
        free_node(node);
        return NULL;
    }
    return node;
}

static void remove_node(struct yd_map *map, struct node *node)
{
    yd_map_remove(map, &node->by_name);
    free_node(node);
}

/* ---- namespaces ---- */

static struct node *find_node(const struct yd_map *map, yodel_str name)
{
    struct yd_map_node *found = yd_map_find(map, name);

    return found != NULL ? yd_container_of(found, struct node, by_name) : NULL;
}

static bool hears(const struct yd_cluster *cluster, yodel_str nsp)
{
    const struct node *node = find_node(&cluster->nodes, nsp);

    return node != NULL && node->all.active;
}

static struct node *add_namespace(struct yd_cluster *cluster, yodel_str nsp)
{
    char *name = yd_strndup(cluster->mem, nsp.ptr, nsp.len);
    char *all = make_channel(cluster, nsp, (yodel_str){NULL, 0});
    char *own = make_channel(cluster, nsp, yodel_str_of(cluster->uid));

    if (name != NULL && all != NULL && own != NULL)
        return add_node(cluster, &cluster->nodes, name, all, own);
    yd_free(cluster->mem, name);
    yd_free(cluster->mem, all);
    yd_free(cluster->mem, own);
    return NULL;
}

static void see_namespace(yodel_sio_namespace *ns, void *user)
{
    struct yd_cluster *cluster = user;
    yodel_str nsp = yodel_sio_namespace_name(ns);
    struct node *node = find_node(&cluster->nodes, nsp);

    if (node == NULL && (node = add_namespace(cluster, nsp)) == NULL)
        yd_redis_count_dropped(cluster->redis, 1);
    if (node != NULL)
        node->found = true;
    if (cluster->streams != NULL)
        yd_streams_need(cluster->streams, nsp);
}

static bool is_gone(const struct yd_map_node *map_node)
{
    return !yd_container_of(map_node, const struct node, by_name)->found;
}

/* Of every one. */
static bool unmark(const struct yd_map_node *map_node)
{
    ((struct node *)yd_container_of(map_node, const struct node, by_name))->found = false;
    return false;
}

static void look_at_namespaces(struct yd_cluster *cluster)
{
    struct yd_map_node *found;
    size_t slot = 0;

    (void)yd_map_next(&cluster->nodes, &slot, unmark);
    if (yd_sio_remote_each(cluster->sio, see_namespace, cluster) < 0)
        return;
    for (slot = 0; (found = yd_map_next(&cluster->nodes, &slot, is_gone)) != NULL;)
        remove_node(&cluster->nodes, yd_container_of(found, struct node, by_name));
}

/* ---- rooms ---- */

/* Two sockets have one id while one takes over the state of the other. */
static void see_change(struct yd_cluster *cluster, const struct change *change)
{
    yodel_str group = {change->group, change->len};
    char *channel = make_channel(cluster, group, (yodel_str){NULL, 0});
    struct node *node = channel != NULL ? find_node(&cluster->rooms, yodel_str_of(channel)) : NULL;

    if (node == NULL && change->begins && channel != NULL) {
        if (add_node(cluster, &cluster->rooms, channel, NULL, NULL) == NULL)
            yd_redis_count_dropped(cluster->redis, 1);
        return;
    }
    if (channel == NULL)
        yd_redis_count_dropped(cluster->redis, 1);
    yd_free(cluster->mem, channel);
    if (node == NULL)
        return;
    if (change->begins)
        node->users++;
    else if (node->users > 0)
        node->users--;
    else
        remove_node(&cluster->rooms, node);
}

/* ---- looking ---- */

static void look(struct yd_mail *mail, void *receiver)
{
    struct yd_cluster *cluster = yd_container_of(mail, struct yd_cluster, mail);
    struct yd_list changes;
    bool namespaces;

    pthread_mutex_lock(&cluster->lock);
    yd_list_move(&cluster->changes, &changes);
    namespaces = cluster->namespaces_changed;
    cluster->namespaces_changed = cluster->posted = false;
    pthread_mutex_unlock(&cluster->lock);
    if (namespaces && receiver != NULL)
        look_at_namespaces(cluster);
    while (!yd_list_is_empty(&changes)) {
        struct change *change = yd_container_of(changes.next, struct change, node);

        yd_list_remove(&change->node);
        if (receiver != NULL)
            see_change(cluster, change);
        yd_free(cluster->mem, change);
    }
}

/* With the lock held. */
static void look_soon(struct yd_cluster *cluster)
{
    if (cluster->posted)
        return;
    cluster->mail.run = look;
    cluster->posted = yd_loop_post(yd_redis_loop(cluster->redis), &cluster->mail) == 0;
}

static void on_namespaces(struct yd_sio_watcher *watcher)
{
    struct yd_cluster *cluster = yd_container_of(watcher, struct yd_cluster, watcher);

    pthread_mutex_lock(&cluster->lock);
    cluster->namespaces_changed = true;
    look_soon(cluster);
    pthread_mutex_unlock(&cluster->lock);
}

static void put_change(struct yd_cluster *cluster, yodel_str group, bool begins)
{
    struct change *change = yd_alloc(cluster->mem, sizeof *change + group.len);

    if (change == NULL) {
        yd_redis_count_dropped(cluster->redis, 1);
        return;
    }
    change->begins = begins;
    change->len = group.len;
    memcpy(change->group, group.ptr, group.len);
    pthread_mutex_lock(&cluster->lock);
    yd_list_append(&cluster->changes, &change->node);
    look_soon(cluster);
    pthread_mutex_unlock(&cluster->lock);
}

static void note_change(struct yd_peer *peer, yodel_str layer, yodel_str group, bool begins)
{
    struct yd_cluster *cluster = yd_container_of(peer, struct yd_cluster, peer);

    if (cluster->mode != YD_CLUSTER_STATIC && yd_sio_is_layer_of(cluster->sio, layer))
        put_change(cluster, group, begins);
}

static void group_begins(struct yd_peer *peer, yodel_str layer, yodel_str group)
{
    note_change(peer, layer, group, true);
}

static void group_ends(struct yd_peer *peer, yodel_str layer, yodel_str group)
{
    note_change(peer, layer, group, false);
}

/* A socket's own room is no group. */
static void on_own_room(void *arg, yodel_str nsp, yodel_str id, bool begins)
{
    struct yd_cluster *cluster = arg;
    struct yd_buf group = {0};

    if (yd_buf_append_str(cluster->mem, &group, nsp) == 0 &&
        yd_buf_append(cluster->mem, &group, "#", 1) == 0 &&
        yd_buf_append_str(cluster->mem, &group, id) == 0)
        put_change(cluster, (yodel_str){(char *)group.ptr, group.len}, begins);
    else
        yd_redis_count_dropped(cluster->redis, 1);
    yd_buf_free(cluster->mem, &group);
}

/* ---- a cluster ---- */

static const struct yd_peer_ops peer_ops = {
    .takes = yd_cluster_takes,
    .encode = yd_cluster_encode,
    .send = yd_cluster_send,
    .group_begins = group_begins,
    .group_ends = group_ends,
};

static int make_uid(char uid[YD_CLUSTER_UID_SIZE])
{
    uint8_t bytes[8];

    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return -EIO;
    for (size_t i = 0; i < sizeof bytes; i++)
        (void)snprintf(uid + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

int yd_cluster_init(struct yd_cluster *cluster, const struct yd_cluster_config *config,
                    struct yd_streams *streams)
{
    const struct yodel_allocator *mem = yd_sio_mem(config->sio);
    int rc;

    memset(cluster, 0, sizeof *cluster);
    if ((rc = make_uid(cluster->uid)) < 0)
        return rc;
    if ((cluster->prefix = yd_strdup(mem, config->prefix)) == NULL)
        return -ENOMEM;
    cluster->peer.ops = &peer_ops;
    cluster->hears = hears;
    cluster->sio = config->sio;
    cluster->bus = yd_sio_bus(config->sio);
    cluster->mem = mem;
    cluster->mode = config->mode;
    cluster->shards = config->shards;
    cluster->packs = config->packs;
    cluster->max_requests = config->max_requests;
    cluster->streams = streams;
    if ((rc = yd_bus_add_peer(cluster->bus, &cluster->peer)) < 0) {
        yd_free(mem, cluster->prefix);
        return rc;
    }
    cluster->redis = yodel_redis_ref(config->redis);
    yd_map_init(&cluster->nodes, mem, cluster->bus->secret);
    yd_map_init(&cluster->rooms, mem, cluster->bus->secret);
    yd_list_init(&cluster->requests);
    yd_list_init(&cluster->changes);
    pthread_mutex_init(&cluster->lock, NULL);
    cluster->watcher.changed = on_namespaces;
    yd_sio_set_own_form(cluster->sio);
    yd_sio_watch(cluster->sio, &cluster->watcher);
    if (streams != NULL)
        yd_streams_attach(streams, cluster);
    if (cluster->mode == YD_CLUSTER_DYNAMIC_PRIVATE)
        yd_sio_watch_own_rooms(cluster->sio, on_own_room, cluster);
    cluster->namespaces_changed = true;
    look_at_namespaces(cluster);
    return 0;
}

static void free_nodes(struct yd_map *map)
{
    struct yd_map_node *node;

    while ((node = yd_map_any(map)) != NULL)
        remove_node(map, yd_container_of(node, struct node, by_name));
    yd_map_done(map);
}

void yd_cluster_done(struct yd_cluster *cluster)
{
    yd_sio_unwatch(cluster->sio, &cluster->watcher);
    if (cluster->mode == YD_CLUSTER_DYNAMIC_PRIVATE)
        yd_sio_watch_own_rooms(cluster->sio, NULL, NULL);
    look(&cluster->mail, NULL);
    yd_cluster_forget_requests(cluster);
    free_nodes(&cluster->nodes);
    free_nodes(&cluster->rooms);
    pthread_mutex_destroy(&cluster->lock);
    yd_free(cluster->mem, cluster->prefix);
    (void)yodel_redis_unref(cluster->redis);
}
