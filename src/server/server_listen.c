/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/options.h"
#include "server/server.h"

static void close_listener(struct yd_net_listener *listener)
{
    if (listener->base.fd < 0)
        return;
    if (listener->base.backend != NULL)
        yd_listener_stop(&listener->base);
    else
        (void)close(listener->base.fd);
    listener->base.fd = -1;
}

/* The name of a Unix socket goes first, once: from then on a successor can have it. */
static void forget_name(struct yd_address *address)
{
    if (!atomic_exchange(&address->stopped, true))
        yd_unix_name_remove(&address->unix_name);
}

static void close_address(yodel_server *server, struct yd_address *address)
{
    forget_name(address);
    for (unsigned i = 0; i < server->num_loops; i++)
        close_listener(&address->listeners[i]);
}

static void free_address(yodel_server *server, struct yd_address *address)
{
    yd_unix_name_done(&server->mem, &address->unix_name);
    yd_tls_free(address->tls);
    yd_free(&server->mem, address);
}

void yd_addresses_close(yodel_server *server)
{
    for (struct yd_address *address = server->addresses; address != NULL; address = address->next)
        close_address(server, address);
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
    return yd_unix_name_note(&server->mem, options->address, &address->unix_name) < 0 ? -ENOMEM
                                                                                      : rc;
}

/* The result alone does not name what there was to open. */
static void log_failure(yodel_server *server, const char *address, int error)
{
    yd_log(&server->log, YODEL_LOG_ERROR, "cannot listen on %s: %s", address,
           yodel_strerror(error));
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
        log_failure(server, options.address, rc);
        close_address(server, address);
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
    for (struct yd_address *address = server->addresses; address != NULL; address = address->next) {
        struct yd_listener *listener = &address->listeners[loop].base;

        forget_name(address);
        if (listener->fd < 0)
            continue;
        yd_listener_accept(listener);
        yd_listener_stop(listener);
    }
}

int yodel_server_reload_tls(yodel_server *server)
{
    int rc = 0;

    for (struct yd_address *address = server->addresses; address != NULL; address = address->next)
        if (address->tls != NULL && yd_tls_reload(address->tls) < 0)
            rc = YODEL_ERR_TLS;
    return rc;
}
