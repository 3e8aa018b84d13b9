/* SPDX-License-Identifier: MIT */
#include "server/node.h"

#include <errno.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/options.h"

/* ---- as a part of the server ---- */

static yodel_cluster *cluster_of(struct yd_part *part)
{
    return yd_container_of(part, yodel_cluster, part);
}

static void begin(struct yd_part *part, struct yd_loop *loop)
{
    yodel_cluster *cluster = cluster_of(part);
    int rc;

    yd_redis_on_state(yd_redis_wire_client(&cluster->wire), &cluster->redis_watcher);
    if ((rc = yd_native_start(&cluster->native)) < 0 || (rc = yd_nodes_start(&cluster->nodes)) < 0)
        yd_log(yd_loop_log(loop), YODEL_LOG_ERROR, "the node cannot join others: %s",
               yodel_strerror(rc));
}

static void stop(yodel_cluster *cluster)
{
    yd_native_stop(&cluster->native);
    yd_nodes_stop(&cluster->nodes);
}

/* The last connection has ended: what its handlers have sent is ahead of this. */
static void on_finish(struct yd_redis_watcher *watcher)
{
    yodel_cluster *cluster = yd_container_of(watcher, yodel_cluster, redis_watcher);

    yd_nodes_leave(&cluster->nodes);
    stop(cluster);
}

static void end(struct yd_part *part)
{
    yodel_cluster *cluster = cluster_of(part);

    stop(cluster);
    yd_redis_off_state(yd_redis_wire_client(&cluster->wire), &cluster->redis_watcher);
    yd_redis_wire_done(&cluster->wire);
}

static void free_cluster(struct yd_part *part)
{
    yodel_cluster *cluster = cluster_of(part);

    yd_native_done(&cluster->native);
    yd_nodes_done(&cluster->nodes);
    yd_free(&cluster->server->mem, cluster->secret);
    yd_free(&cluster->server->mem, cluster);
}

static const struct yd_part_ops part_ops = {.begin = begin, .end = end, .free = free_cluster};

/* ---- nodes that come and go ---- */

static void show(const struct yd_node_info *info, int is_self, yodel_node *ret_node)
{
    *ret_node = (yodel_node){
        .size = sizeof *ret_node,
        .name = info->name,
        .process = info->process,
        .tag = info->tag,
        .address = info->address,
        .is_self = is_self,
    };
}

static void tell(struct yd_nodes_watcher *watcher, const struct yd_node_info *info, int is_here)
{
    yodel_cluster *cluster = yd_container_of(watcher, yodel_cluster, nodes_watcher);
    yodel_node node;

    show(info, 0, &node);
    cluster->on_node(&node, is_here, cluster->user);
}

static void on_join(struct yd_nodes_watcher *watcher, const struct yd_node_info *info)
{
    tell(watcher, info, 1);
}

static void on_leave(struct yd_nodes_watcher *watcher, const struct yd_node_info *info)
{
    tell(watcher, info, 0);
}

/* ---- making ---- */

#define DEFAULT(field, value)                                                                      \
    if (options->field == 0)                                                                       \
    options->field = (value)

static int read_options(const yodel_cluster_options *given, yodel_cluster_options *options)
{
    int rc = yd_options_read(given, options, sizeof *options);

    if (rc < 0)
        return rc;
    DEFAULT(max_nodes, 1000);
    DEFAULT(beat_ms, 2000);
    DEFAULT(dead_ms, 6000);
    DEFAULT(keep_ms, options->dead_ms > 30000 ? options->dead_ms : 30000);
    return options->dead_ms / 2 >= options->beat_ms && options->keep_ms >= options->dead_ms
               ? 0
               : -EINVAL;
}

static int init(yodel_cluster *cluster, const yodel_cluster_options *options)
{
    struct yd_nodes_options nodes = {
        .bus = &cluster->server->bus,
        .wire = &cluster->wire.wire,
        .name = options->name,
        .address = options->address,
        .prefix = options->prefix,
        .secret = {cluster->server->secret[0], cluster->server->secret[1]},
        .max_nodes = options->max_nodes,
        .beat_ms = options->beat_ms,
        .dead_ms = options->dead_ms,
        .keep_ms = options->keep_ms,
    };
    int rc = yd_nodes_init(&cluster->nodes, &nodes);

    if (rc < 0)
        return rc;
    if ((rc = yd_native_init(&cluster->native, &cluster->server->bus, &cluster->nodes)) < 0) {
        yd_nodes_done(&cluster->nodes);
        return rc;
    }
    cluster->part.ops = &part_ops;
    cluster->redis_watcher.on_finish = on_finish;
    cluster->on_node = options->on_node;
    cluster->user = options->user;
    cluster->nodes_watcher.on_join = on_join;
    cluster->nodes_watcher.on_leave = on_leave;
    if (cluster->on_node != NULL)
        yd_nodes_watch(&cluster->nodes, &cluster->nodes_watcher);
    return 0;
}

int yodel_cluster_new(yodel_server *server, yodel_redis *redis, const yodel_cluster_options *given,
                      yodel_cluster **ret_cluster)
{
    yodel_cluster_options options;
    yodel_cluster *cluster;
    int rc;

    if (server == NULL || redis == NULL || ret_cluster == NULL)
        return -EINVAL;
    if ((rc = yd_server_check_setup(server)) < 0 || (rc = read_options(given, &options)) < 0)
        return rc;
    if (yd_redis_loop(redis) != server->loops[0])
        return -EINVAL;
    if (server->cluster != NULL)
        return YODEL_ERR_CONFLICT;
    if ((cluster = yd_zalloc(&server->mem, sizeof *cluster)) == NULL)
        return -ENOMEM;
    cluster->server = server;
    if (options.secret != NULL &&
        (cluster->secret = yd_strdup(&server->mem, options.secret)) == NULL) {
        yd_free(&server->mem, cluster);
        return -ENOMEM;
    }
    yd_redis_wire_init(&cluster->wire, redis);
    if ((rc = init(cluster, &options)) < 0) {
        yd_redis_wire_done(&cluster->wire);
        yd_free(&server->mem, cluster->secret);
        yd_free(&server->mem, cluster);
        return rc;
    }
    yd_parts_add(server, &cluster->part);
    server->cluster = cluster;
    *ret_cluster = yodel_cluster_ref(cluster);
    return 0;
}

yodel_cluster *yodel_cluster_ref(yodel_cluster *cluster)
{
    if (cluster != NULL)
        (void)yd_server_hold(cluster->server);
    return cluster;
}

yodel_cluster *yodel_cluster_unref(yodel_cluster *cluster)
{
    if (cluster != NULL)
        yd_server_release(cluster->server);
    return NULL;
}

/* ---- any thread ---- */

int yodel_cluster_each_node(yodel_cluster *cluster, yodel_node_fn *fn, void *user)
{
    const struct yodel_allocator *mem;
    struct yd_node_info own;
    struct yd_buf buf = {0};
    yodel_node node;
    size_t num;

    if (cluster == NULL || fn == NULL)
        return -EINVAL;
    mem = &cluster->server->mem;
    if (yd_nodes_list(&cluster->nodes, &buf) < 0) {
        yd_buf_free(mem, &buf);
        return -ENOMEM;
    }
    yd_nodes_own(&cluster->nodes, &own);
    show(&own, 1, &node);
    fn(&node, user);
    num = buf.len / sizeof own;
    for (size_t i = 0; i < num; i++) {
        show((const struct yd_node_info *)(const void *)buf.ptr + i, 0, &node);
        fn(&node, user);
    }
    yd_buf_free(mem, &buf);
    return (int)num + 1;
}

int yodel_cluster_get_stats(yodel_cluster *cluster, yodel_cluster_stats *ret_stats)
{
    struct yd_nodes_stats nodes;
    struct yd_native_stats native;
    yodel_cluster_stats stats;

    if (cluster == NULL)
        return -EINVAL;
    yd_nodes_get_stats(&cluster->nodes, &nodes);
    yd_native_get_stats(&cluster->native, &native);
    stats = (yodel_cluster_stats){
        .nodes = yd_nodes_count(&cluster->nodes),
        .joined = nodes.joined,
        .left = nodes.left,
        .lost = nodes.lost,
        .refused = nodes.refused,
        .published = native.published,
        .received = native.received,
        .failed = native.failed,
        .malformed = native.malformed + nodes.malformed,
    };
    return yd_options_write(ret_stats, &stats, sizeof stats);
}
