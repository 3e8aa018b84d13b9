/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "base/mem.h"
#include "server/server.h"
#include "sio/sio.h"

/* Socket.IO services of a server.  A service holds a reference to its server, which knows it only
 * while it runs. */

struct yd_sio_link {
    struct yd_sio_link *next;
    yodel_sio *sio; /* borrowed: it outlives the loops */
};

void yd_services_shut(yodel_server *server)
{
    for (struct yd_sio_link *link = server->services; link != NULL; link = link->next)
        yd_sio_shut(link->sio);
}

void yd_services_stop(yodel_server *server, struct yd_loop *loop)
{
    for (struct yd_sio_link *link = server->services; link != NULL; link = link->next)
        yd_sio_stop(link->sio, loop);
}

void yd_services_free(yodel_server *server)
{
    while (server->services != NULL) {
        struct yd_sio_link *next = server->services->next;

        yd_free(&server->mem, server->services);
        server->services = next;
    }
}

static struct yd_sio_setup setup_of(yodel_server *server)
{
    return (struct yd_sio_setup){
        .bus = &server->bus,
        .mem = &server->mem,
        .log = &server->log,
        .http = &server->http,
        .ws = &server->ws,
        .loops = server->loops,
        .num_loops = server->num_loops,
        .secret = {server->secret[0], server->secret[1]},
        .decide_ms = server->options.decide_ms,
        .far = &server->far,
        .owner = server,
        .release_owner = yd_server_release,
    };
}

int yodel_sio_new(yodel_server *server, const yodel_sio_options *options, yodel_sio **ret_sio)
{
    char name[YD_LAYER_NAME_SIZE];
    struct yd_sio_setup setup;
    struct yd_sio_link *link;
    int rc;

    if (server == NULL || ret_sio == NULL)
        return -EINVAL;
    if ((rc = yd_server_check_setup(server)) < 0)
        return rc;
    setup = setup_of(server);
    setup.name = name;
    (void)snprintf(name, sizeof name, "sio%u", server->num_layers++);
    if (options != NULL && options->channels != NULL)
        setup.channels = yodel_channels_ref(options->channels);
    if ((link = yd_zalloc(&server->mem, sizeof *link)) == NULL) {
        rc = -ENOMEM;
        goto fail_channels;
    }
    if ((rc = yd_sio_new(&setup, options, ret_sio)) < 0)
        goto fail_link;
    link->sio = *ret_sio;
    link->next = server->services;
    server->services = link;
    (void)yd_server_hold(server);
    return 0;

fail_link:
    yd_free(&server->mem, link);
fail_channels:
    yodel_channels_unref(setup.channels);
    return rc;
}
