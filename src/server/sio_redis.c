/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "adapter/adapter.h"
#include "base/options.h"
#include "redis/redis.h"
#include "server/server.h"
#include "sio/remote.h"

/* Adapters of Socket.IO services. */

#define MAX_PREFIX 100
#define MAX_STREAMS 64

static bool is_name(const char *text)
{
    return text[0] != '\0' && strlen(text) <= MAX_PREFIX;
}

static void fill_in_streams(yodel_sio_redis_options *options)
{
    if (options->stream == NULL)
        options->stream = "socket.io";
    if (options->session_prefix == NULL)
        options->session_prefix = "sio:session:";
    if (options->num_streams == 0)
        options->num_streams = 1;
    if (options->max_len == 0)
        options->max_len = 10000;
    if (options->read_count == 0)
        options->read_count = 100;
    if (options->max_waiting == 0)
        options->max_waiting = (size_t)16 << 20;
}

static int read_options(const yodel_sio_redis_options *given, yodel_sio_redis_options *options)
{
    int rc = yd_options_read(given, options, sizeof *options);

    if (rc < 0)
        return rc;
    if (options->prefix == NULL)
        options->prefix = "socket.io";
    if (options->max_requests == 0)
        options->max_requests = 10000;
    fill_in_streams(options);
    if (!is_name(options->stream) || !is_name(options->session_prefix))
        return YODEL_ERR_NAME;
    if (options->num_streams > MAX_STREAMS || options->rooms > YODEL_SIO_REDIS_DYNAMIC_PRIVATE)
        return -EINVAL;
    return is_name(options->prefix) ? 0 : YODEL_ERR_NAME;
}

static int make(const struct yd_adapter_setup *setup, struct yd_part **ret_part)
{
    switch (setup->options->form) {
    case YODEL_SIO_REDIS_CLASSIC:
        return yd_classic_new(setup, ret_part);
    case YODEL_SIO_REDIS_SHARDED:
        return yd_sharded_new(setup, ret_part);
    case YODEL_SIO_REDIS_STREAMS:
        return yd_streams_new(setup, ret_part);
    }
    return -EINVAL;
}

int yodel_sio_use_redis(yodel_sio *sio, yodel_redis *redis, const yodel_sio_redis_options *given)
{
    yodel_server *server = sio != NULL ? yd_sio_owner(sio) : NULL;
    yodel_sio_redis_options options;
    struct yd_adapter_setup setup = {.sio = sio, .redis = redis, .options = &options};
    struct yd_part *part;
    int rc;

    if (server == NULL || redis == NULL || yd_redis_loop(redis) != server->loops[0])
        return -EINVAL;
    if ((rc = yd_server_check_setup(server)) < 0 || (rc = read_options(given, &options)) < 0)
        return rc;
    setup.mem = &server->mem;
    if ((rc = make(&setup, &part)) < 0)
        return rc;
    yd_sio_set_own_form(sio);
    yd_parts_add(server, part);
    return 0;
}

int yodel_sio_get_redis_stats(const yodel_sio *sio, yodel_sio_redis_stats *ret_stats)
{
    const yodel_server *server = sio != NULL ? yd_sio_owner(sio) : NULL;
    yodel_sio_redis_stats stats = {.size = sizeof stats};
    bool found = false;

    if (server == NULL || ret_stats == NULL)
        return -EINVAL;
    for (const struct yd_part *part = server->parts; part != NULL; part = part->next)
        found |= yd_classic_add_stats(part, sio, &stats) || yd_cluster_add_stats(part, sio, &stats);
    if (!found)
        return YODEL_ERR_NOT_FOUND;
    return yd_options_write(ret_stats, &stats, sizeof stats);
}
