/* SPDX-License-Identifier: MIT */
/* Other servers that an app works together with. */
#include <errno.h>
#include <string.h>
#include <yodel/redis.h>
#include <yodel/sio_python.h>

#include "apps.h"

static void on_python_stats(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    struct app *app = user;
    yodel_sio_python_stats stats = {.size = sizeof stats};

    (void)socket;
    app_must(yodel_sio_get_python_stats(app->sio, &stats), 0);
    app_answer(event,
               json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "published",
                         (json_int_t)stats.published, "failed", (json_int_t)stats.failed, "unable",
                         (json_int_t)stats.unable, "received", (json_int_t)stats.received, "lost",
                         (json_int_t)stats.lost, "malformed", (json_int_t)stats.malformed,
                         "refused", (json_int_t)stats.refused));
}

static int use_python(struct app *app)
{
    yodel_sio_namespace *ctl = yodel_sio_find_namespace(app->sio, "/ctl");
    int rc = yodel_sio_use_python(
        app->sio, app->redis,
        YODEL_OPTIONS(yodel_sio_python_options, .channel = app->options.python,
                      .data = (yodel_sio_python_data)app->options.python_data));

    if (rc >= 0 && ctl != NULL)
        rc = yodel_sio_namespace_on(ctl, "python-stats", on_python_stats, app);
    (void)yodel_sio_namespace_unref(ctl);
    return rc;
}

int app_connect(struct app *app, yodel_redis **ret_redis)
{
    static const char prefix[] = "sentinel:";
    yodel_redis_options options = {.size = sizeof options, .url = app->options.redis};
    const char *node;

    if (options.url != NULL && strncmp(options.url, prefix, sizeof prefix - 1) == 0) {
        node = options.url + sizeof prefix - 1;
        options.url = NULL;
        options.mode = YODEL_REDIS_SENTINEL;
        options.nodes = &node;
        options.num_nodes = 1;
    }
    return yodel_redis_new(app->server, &options, ret_redis);
}

int app_use_peers(struct app *app)
{
    int rc;

    if (app->options.redis == NULL)
        return 0;
    rc = app_connect(app, &app->redis);
    if (rc >= 0 && app->options.python != NULL)
        rc = use_python(app);
    return rc;
}

void app_end_peers(struct app *app)
{
    app->redis = yodel_redis_unref(app->redis);
}
