/* SPDX-License-Identifier: MIT */
/*
 * Several of these processes as nodes of one cluster: what is said in a room of one is heard on
 * all. GET /nodes tells who they are, and the event "node" where a Socket.IO client is served.
 */
#include "demo.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yodel/carry.h>
#include <yodel/sio_redis.h>

int demo_add_redis(struct demo *demo, const struct demo_options *options)
{
    int rc;

    if (options->redis == NULL)
        return 0;
    rc = yodel_redis_new(demo->server, YODEL_OPTIONS(yodel_redis_options, .url = options->redis),
                         &demo->redis);
    if (rc < 0) {
        fprintf(stderr, "yodel-demo: %s: %s\n", options->redis, yodel_strerror(rc));
        return rc;
    }
    return yodel_cluster_new(demo->server, demo->redis,
                             YODEL_OPTIONS(yodel_cluster_options, .name = options->node),
                             &demo->cluster);
}

static int use_form(struct demo *demo, const char *form)
{
    static const struct {
        const char *name;
        yodel_sio_redis_form form;
    } forms[] = {{"classic", YODEL_SIO_REDIS_CLASSIC},
                 {"sharded", YODEL_SIO_REDIS_SHARDED},
                 {"streams", YODEL_SIO_REDIS_STREAMS}};

    if (strcmp(form, "nodes") == 0)
        return 0;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (strcmp(form, forms[i].name) == 0)
            return yodel_sio_use_redis(
                demo->sio, demo->redis,
                YODEL_OPTIONS(yodel_sio_redis_options, .form = forms[i].form));
    fprintf(stderr, "yodel-demo: --form %s: there is none\n", form);
    return -EINVAL;
}

/* A balancer may then send every request to any node. */
static int carry(struct demo *demo, const struct demo_options *options)
{
    size_t num = 0;

    while (options->carry[num] != NULL)
        num++;
    if (options->self >= num)
        return -EINVAL;
    return yodel_server_carry(
        demo->server,
        YODEL_OPTIONS(
            yodel_carry_options,
            .listen = YODEL_OPTIONS(yodel_listen_options, .address = options->carry[options->self]),
            .secret = options->secret, .nodes = options->carry, .num_nodes = num,
            .self = options->self));
}

/* The other nodes are those of the cluster, whoever comes and goes. */
static int carry_to_cluster(struct demo *demo, const struct demo_options *options)
{
    return yodel_server_carry(
        demo->server, YODEL_OPTIONS(yodel_carry_options,
                                    .listen = YODEL_OPTIONS(yodel_listen_options,
                                                            .address = options->carry_address),
                                    .secret = options->secret));
}

/* What is gathered in a walk over the nodes. */
struct listing {
    json_t *names, *self;
};

static void list_node(const yodel_node *node, void *user)
{
    struct listing *listing = user;

    json_t *name = json_string(node->name);

    (void)json_array_append(listing->names, name);
    if (node->is_self && listing->self == NULL)
        listing->self = json_incref(name);
    json_decref(name);
}

static const char *state_of(const yodel_redis *redis)
{
    switch (yodel_redis_state(redis)) {
    case YODEL_REDIS_UP:
        return "up";
    case YODEL_REDIS_DEGRADED:
        return "degraded";
    case YODEL_REDIS_DOWN:
        break;
    }
    return "down";
}

/* {"node", "nodes", "redis"}, or {} without a cluster; NULL when out of memory. */
static json_t *describe(struct demo *demo)
{
    struct listing listing = {json_array(), NULL};

    if (demo->cluster == NULL || listing.names == NULL ||
        yodel_cluster_each_node(demo->cluster, list_node, &listing) < 0) {
        json_decref(listing.names);
        return demo->cluster == NULL ? json_object() : NULL;
    }
    return json_pack("{s:o*, s:o, s:s}", "node", listing.self, "nodes", listing.names, "redis",
                     state_of(demo->redis));
}

static void on_nodes(yodel_request *req, void *user)
{
    json_t *document = describe(user);

    (void)yodel_request_reply_pack(req, document != NULL ? 200 : 503, "o", document);
}

static void on_node(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    json_t *document = describe(user);

    (void)socket;
    if (document != NULL)
        (void)yodel_sio_event_answer(event, "o", document);
}

int demo_add_nodes(struct demo *demo, const struct demo_options *options)
{
    yodel_sio_namespace *root;
    int rc = 0;

    if (options->carry != NULL)
        rc = carry(demo, options);
    else if (options->carry_address != NULL)
        rc = carry_to_cluster(demo, options);
    if (rc < 0) {
        fprintf(stderr, "yodel-demo: --carry, --carry-address, --self, --secret: %s\n",
                yodel_strerror(rc));
        return rc;
    }
    if (demo->redis != NULL && options->form != NULL && (rc = use_form(demo, options->form)) < 0)
        return rc;
    if ((rc = yodel_sio_of(demo->sio, "/", &root)) < 0)
        return rc;
    if ((rc = yodel_sio_namespace_on(root, "node", on_node, demo)) < 0)
        return rc;
    return yodel_server_route(demo->server, "GET /nodes", on_nodes, demo);
}
