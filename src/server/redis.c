/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/container.h"
#include "base/mem.h"
#include "redis/redis.h"
#include "server/server.h"

/* Clients of Redis, as parts of a server: they begin and end with it, on its first loop. */

struct client {
    struct yd_outlet outlet;
    yodel_server *server;
    yodel_redis *redis; /* NULL: it has gone */
    bool begun;
};

static struct client *client_of(struct yd_outlet *outlet)
{
    return yd_container_of(outlet, struct client, outlet);
}

static void begin(struct yd_outlet *outlet, struct yd_loop *loop)
{
    struct client *client = client_of(outlet);

    if (loop->index != 0 || client->redis == NULL)
        return;
    client->begun = true;
    atomic_fetch_add(&client->server->num_outlets, 1);
    yd_redis_begin(client->redis);
}

static void finish(struct yd_outlet *outlet, struct yd_loop *loop)
{
    if (loop->index == 0 && client_of(outlet)->redis != NULL)
        yd_redis_finish(client_of(outlet)->redis);
}

static void abandon(struct yd_outlet *outlet, struct yd_loop *loop)
{
    if (loop->index == 0 && client_of(outlet)->redis != NULL)
        yd_redis_abandon(client_of(outlet)->redis);
}

static void free_outlet(struct yd_outlet *outlet)
{
    yd_free(&client_of(outlet)->server->mem, client_of(outlet));
}

static void on_ended(void *owner)
{
    const struct client *client = owner;

    atomic_fetch_sub(&client->server->num_outlets, 1);
    yd_server_check_end(client->server);
}

static void on_released(void *owner)
{
    struct client *client = owner;

    client->redis = NULL;
    yd_server_release(client->server);
}

int yodel_redis_new(yodel_server *server, const yodel_redis_options *options,
                    yodel_redis **ret_redis)
{
    int rc;
    struct client *client;

    if (server == NULL || ret_redis == NULL)
        return -EINVAL;
    rc = yd_server_check_setup(server);
    if (rc < 0)
        return rc;
    if ((client = yd_zalloc(&server->mem, sizeof *client)) == NULL)
        return -ENOMEM;
    client->server = server;
    client->outlet = (struct yd_outlet){
        .begin = begin, .finish = finish, .abandon = abandon, .free = free_outlet};
    if ((rc = yd_redis_new(
             &(struct yd_redis_env){
                 .loop = server->loops[0],
                 .mem = &server->mem,
                 .log = &server->log,
                 .secret = {server->secret[0], server->secret[1]},
                 .owner = client,
                 .on_ended = on_ended,
                 .release_owner = on_released,
             },
             options, &client->redis)) < 0) {
        yd_free(&server->mem, client);
        return rc;
    }
    (void)yd_server_hold(server);
    yd_server_add_outlet(server, &client->outlet);
    *ret_redis = client->redis;
    return 0;
}
