/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "adapter/python.h"
#include "base/options.h"
#include "redis/redis.h"
#include "server/server.h"
#include "sio/remote.h"

/* Services beside python-socketio. */

#define MAX_CHANNEL 200

static int read_options(const yodel_sio_python_options *given, yodel_sio_python_options *options)
{
    int rc = yd_options_read(given, options, sizeof *options);
    size_t len;

    if (rc < 0)
        return rc;
    if ((unsigned)options->data > YODEL_SIO_PYTHON_PICKLE)
        return -EINVAL;
    if (options->channel == NULL)
        options->channel = "socketio";
    if (options->max_message == 0)
        options->max_message = (size_t)4 << 20;
    if (options->callback_ms == 0)
        options->callback_ms = 60000;
    if (options->max_callbacks == 0)
        options->max_callbacks = 10000;
    len = strlen(options->channel);
    return len > 0 && len <= MAX_CHANNEL ? 0 : YODEL_ERR_NAME;
}

static struct yd_part *find(const yodel_server *server, const yodel_sio *sio)
{
    struct yd_part *part = server->parts;

    while (part != NULL && !yd_python_is_of(part, sio))
        part = part->next;
    return part;
}

static int add(yodel_server *server, const struct yd_python_setup *setup)
{
    struct yd_part *part;
    int rc = yd_python_new(setup, &part);

    if (rc == 0)
        yd_parts_add(server, part);
    return rc;
}

int yodel_sio_use_python(yodel_sio *sio, yodel_redis *redis, const yodel_sio_python_options *given)
{
    yodel_server *server = sio != NULL ? yd_sio_owner(sio) : NULL;
    yodel_sio_python_options options;
    int rc;

    if (server == NULL || redis == NULL || yd_redis_loop(redis) != server->loops[0])
        return -EINVAL;
    if ((rc = yd_server_check_setup(server)) < 0 || (rc = read_options(given, &options)) < 0)
        return rc;
    if (find(server, sio) != NULL)
        return YODEL_ERR_CONFLICT;
    return add(server, &(struct yd_python_setup){
                           .mem = &server->mem, .sio = sio, .redis = redis, .options = &options});
}

int yodel_sio_get_python_stats(const yodel_sio *sio, yodel_sio_python_stats *ret_stats)
{
    const yodel_server *server = sio != NULL ? yd_sio_owner(sio) : NULL;
    yodel_sio_python_stats stats = {.size = sizeof stats};
    struct yd_part *part;

    if (server == NULL || ret_stats == NULL)
        return -EINVAL;
    if ((part = find(server, sio)) == NULL)
        return YODEL_ERR_NOT_FOUND;
    yd_python_get_stats(part, &stats);
    return yd_options_write(ret_stats, &stats, sizeof stats);
}
