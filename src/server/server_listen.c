/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/options.h"
#include "server/server.h"

#define UNIX_PREFIX "unix:"

static void free_address(yodel_server *server, struct yd_address *address)
{
    for (unsigned i = 0; i < server->num_loops; i++)
        if (address->listeners[i].base.fd >= 0) {
            if (address->listeners[i].base.backend != NULL)
                yd_listener_stop(&address->listeners[i].base);
            else
                (void)close(address->listeners[i].base.fd);
        }
    if (address->unix_path != NULL)
        (void)unlink(address->unix_path);
    yd_free(&server->mem, address->unix_path);
    yd_tls_free(address->tls);
    yd_free(&server->mem, address);
}

void yd_addresses_free(yodel_server *server)
{
    struct yd_address *next;

    for (struct yd_address *address = server->addresses; address != NULL; address = next) {
        next = address->next;
        free_address(server, address);
    }
    server->addresses = NULL;
}

static struct yd_address *make_address(yodel_server *server)
{
    struct yd_address *address =
        yd_zalloc(&server->mem, sizeof *address + server->num_loops * sizeof address->listeners[0]);

    for (unsigned i = 0; address != NULL && i < server->num_loops; i++)
        address->listeners[i].base.fd = -1;
    return address;
}

static int set_up_tls(yodel_server *server, struct yd_address *address,
                      const yodel_tls_options *given)
{
    yodel_tls_options tls;
    int rc;

    if (given == NULL)
        return 0;
    if ((rc = yd_options_read(given, &tls, sizeof tls)) < 0)
        return rc;
    return yd_tls_new(&server->mem, &server->log, &tls, &address->tls);
}

static int open_sockets(yodel_server *server, struct yd_address *address,
                        const yodel_listen_options *options)
{
    int fds[YD_MAX_LOOPS], rc;

    rc = yd_listen_sockets(options->address, options->backlog, fds, server->num_loops);
    if (rc < 0)
        return rc;
    for (unsigned i = 0; i < server->num_loops; i++)
        address->listeners[i].base.fd = fds[i];
    if (strncmp(options->address, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0 &&
        (address->unix_path = yd_strdup(&server->mem, options->address + strlen(UNIX_PREFIX))) ==
            NULL)
        return -ENOMEM;
    return rc;
}

int yodel_server_listen(yodel_server *server, const yodel_listen_options *given)
{
    yodel_listen_options options;
    struct yd_address *address;
    int rc;

    if ((rc = yd_server_check_setup(server)) < 0 ||
        (rc = yd_options_read(given, &options, sizeof options)) < 0)
        return rc;
    if (options.address == NULL)
        return -EINVAL;
    if ((address = make_address(server)) == NULL)
        return -ENOMEM;
    if ((rc = set_up_tls(server, address, options.tls)) < 0 ||
        (rc = open_sockets(server, address, &options)) < 0) {
        free_address(server, address);
        return rc;
    }
    address->next = server->addresses;
    server->addresses = address;
    yd_log(&server->log, YODEL_LOG_INFO, "listening on %s, port %d", options.address, rc);
    return rc;
}

int yd_addresses_start(yodel_server *server)
{
    int rc;

    for (struct yd_address *address = server->addresses; address != NULL; address = address->next) {
        for (unsigned i = 0; i < server->num_loops; i++) {
            struct yd_net_listener *listener = &address->listeners[i];

            rc = yd_net_listen(&server->workers[i].net, listener, listener->base.fd, address->tls);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

void yd_addresses_stop(yodel_server *server, unsigned loop)
{
    for (struct yd_address *address = server->addresses; address != NULL; address = address->next)
        if (address->listeners[loop].base.fd >= 0)
            yd_listener_stop(&address->listeners[loop].base);
}

int yodel_server_reload_tls(yodel_server *server)
{
    int rc = 0;

    for (struct yd_address *address = server->addresses; address != NULL; address = address->next)
        if (address->tls != NULL && yd_tls_reload(address->tls) < 0)
            rc = YODEL_ERR_TLS;
    return rc;
}
