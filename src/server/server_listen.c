/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/options.h"
#include "proto/forwarded.h"
#include "server/server.h"

/* Entries of yodel_listen_options.trusted: each request of a proxy is compared with them. */
#define MOST_TRUSTED 256

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

static void close_address(struct yd_address *address)
{
    forget_name(address);
    for (unsigned i = 0; i < address->num_listeners; i++)
        close_listener(&address->listeners[i]);
}

static void free_address(yodel_server *server, struct yd_address *address)
{
    yd_unix_name_done(&server->mem, &address->unix_name);
    yd_tls_free(address->front.tls);
    yd_free(&server->mem, address->name);
    yd_free(&server->mem, address->tag);
    yd_free(&server->mem, address->trust);
    yd_free(&server->mem, address->listeners);
    yd_free(&server->mem, address);
}

void yd_addresses_close(yodel_server *server)
{
    for (struct yd_address *address = server->addresses; address != NULL; address = address->next)
        close_address(address);
}

void yodel_server_after_fork(yodel_server *server)
{
    if (server == NULL)
        return;
    if (!yd_server_is_parents(server))
        return;
    for (struct yd_address *address = server->addresses; address != NULL; address = address->next)
        for (unsigned i = 0; i < address->num_listeners; i++)
            if (address->listeners[i].base.fd >= 0) {
                (void)close(address->listeners[i].base.fd);
                address->listeners[i].base.fd = -1;
            }
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

static int set_up_tls(yodel_server *server, struct yd_address *address,
                      const yodel_tls_options *given)
{
    yodel_tls_options tls;
    int rc;

    if (given == NULL)
        return 0;
    if ((rc = yd_options_read(given, &tls, sizeof tls)) < 0)
        return rc;
    return yd_tls_new(&server->mem, &server->log, &tls, &address->front.tls);
}

static int set_up_trust(yodel_server *server, struct yd_address *address,
                        const yodel_listen_options *options)
{
    size_t num = options->num_trusted;
    struct yd_trust *trust;

    if (num == 0)
        return 0;
    if (num > MOST_TRUSTED || options->trusted == NULL)
        return -EINVAL;
    trust = yd_alloc(&server->mem, sizeof *trust + num * sizeof trust->ranges[0]);
    if (trust == NULL)
        return -ENOMEM;
    address->trust = trust;
    address->front.trust = trust;
    for (trust->num = 0; trust->num < num; trust->num++) {
        const char *text = options->trusted[trust->num];

        if (!yd_ip_range_parse(yodel_str_of(text), &trust->ranges[trust->num])) {
            yd_log(&server->log, YODEL_LOG_ERROR, "not an address to trust: %s",
                   text != NULL ? text : "NULL");
            return -EINVAL;
        }
    }
    return 0;
}

static_assert((int)YODEL_FORWARDED_FOR == YD_FORWARDED_FOR &&
                  (int)YODEL_FORWARDED_PROTO == YD_FORWARDED_PROTO &&
                  (int)YODEL_FORWARDED_HOST == YD_FORWARDED_HOST &&
                  (int)YODEL_FORWARDED_RFC7239 == YD_FORWARDED_RFC,
              "the fields are handed on as they are");

/* Forwarded excludes the older fields: a proxy that sets the one hands on the others. */
static int set_up_proxies(yodel_server *server, struct yd_address *address,
                          const yodel_listen_options *options)
{
    static const unsigned old = YODEL_FORWARDED_FOR | YODEL_FORWARDED_PROTO | YODEL_FORWARDED_HOST;
    unsigned forwarded = options->forwarded;

    if (forwarded == YODEL_FORWARDED_DEFAULT)
        forwarded = YODEL_FORWARDED_FOR | YODEL_FORWARDED_PROTO;
    else if ((forwarded & ~old) != 0 && forwarded != YODEL_FORWARDED_RFC7239 &&
             forwarded != YODEL_FORWARDED_NONE)
        return -EINVAL;
    if (options->proxy_protocol && options->num_trusted == 0)
        return -EINVAL;
    address->front.forwarded = forwarded;
    address->front.proxy_protocol = options->proxy_protocol != 0;
    return set_up_trust(server, address, options);
}

static int set_up_front(yodel_server *server, struct yd_address *address,
                        const yodel_listen_options *options)
{
    int rc;

    if ((rc = set_up_proxies(server, address, options)) < 0)
        return rc;
    if (options->address != NULL &&
        (address->name = yd_strdup(&server->mem, options->address)) == NULL)
        return -ENOMEM;
    if (options->tag != NULL) {
        if ((address->tag = yd_strdup(&server->mem, options->tag)) == NULL)
            return -ENOMEM;
        address->front.tag = address->tag;
    }
    address->front.reserved = options->reserved;
    address->front.num_reserved = options->reserved > 0 ? &address->num_reserved : NULL;
    return set_up_tls(server, address, options->tls);
}

/* A descriptor that this server listens on already would be closed twice. */
static bool has_descriptor(const yodel_server *server, int fd)
{
    for (const struct yd_address *i = server->addresses; i != NULL; i = i->next)
        for (unsigned j = 0; j < i->num_listeners; j++)
            if (i->listeners[j].base.fd == fd)
                return true;
    return false;
}

static int check_inherited(const yodel_server *server, const yodel_listen_options *options)
{
    int fds[YD_MOST_INHERITED];
    int num = yd_inherited_list(options, fds);

    for (int i = 0; i < num; i++)
        if (has_descriptor(server, fds[i]))
            return -EADDRINUSE;
    return YD_MIN(num, 0);
}

static int make_listeners(yodel_server *server, struct yd_address *address,
                          const yodel_listen_options *options, const struct yd_sockets *sockets)
{
    int rc = yd_unix_name_note(&server->mem, options->address, &address->unix_name);

    if (rc < 0)
        return rc;
    address->listeners = yd_alloc_array(&server->mem, sockets->num, sizeof *address->listeners);
    if (address->listeners == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < sockets->num; i++)
        address->listeners[i] = (struct yd_net_listener){.base.fd = sockets->fds[i]};
    address->num_listeners = sockets->num;
    return 0;
}

static int open_sockets(yodel_server *server, struct yd_address *address,
                        const yodel_listen_options *options, struct yd_sockets *sockets)
{
    int rc;

    if ((rc = check_inherited(server, options)) < 0 ||
        (rc = yd_sockets_open(&server->mem, options, server->num_loops, sockets)) < 0)
        return rc;
    if ((rc = make_listeners(server, address, options, sockets)) < 0)
        yd_sockets_undo(&server->mem, sockets);
    else
        yd_sockets_take(&server->mem, sockets);
    return rc;
}

/* The result alone does not name what there was to open. */
static void log_failure(yodel_server *server, const yodel_listen_options *options,
                        const struct yd_sockets *sockets, int error)
{
    const char *asked = options->address != NULL ? options->address : "given descriptors";
    bool has_name = sockets->name[0] != '\0' && strcmp(sockets->name, asked) != 0;

    yd_log(&server->log, YODEL_LOG_ERROR, "cannot listen on %s%s%s%s: %s", asked,
           has_name ? " (" : "", has_name ? sockets->name : "", has_name ? ")" : "",
           yodel_strerror(error));
}

static int add_address(yodel_server *server, const yodel_listen_options *options)
{
    struct yd_sockets sockets = {.name = ""};
    struct yd_address *address = yd_zalloc(&server->mem, sizeof *address);
    int rc = -ENOMEM;

    if (address == NULL)
        return rc;
    if ((rc = set_up_front(server, address, options)) < 0 ||
        (rc = open_sockets(server, address, options, &sockets)) < 0) {
        log_failure(server, options, &sockets, rc);
        yd_unix_name_done(&server->mem, &address->unix_name);
        free_address(server, address);
        return rc;
    }
    address->next = server->addresses;
    server->addresses = address;
    yd_log(&server->log, YODEL_LOG_INFO, "listening on %s, port %d",
           options->address != NULL ? options->address : sockets.name, sockets.port);
    return sockets.port;
}

int yodel_server_listen(yodel_server *server, const yodel_listen_options *given)
{
    yodel_listen_options options;
    struct yd_taken *taken = NULL;
    int rc;

    if (server == NULL)
        return -EINVAL;
    if ((rc = yd_server_check_setup(server)) < 0 ||
        (rc = yd_options_read(given, &options, sizeof options)) < 0)
        return rc;
    if (options.address == NULL && options.num_fds == 0)
        return -EINVAL;
    if (options.num_fds == 0 && (taken = yd_handover_find(server, options.address)) != NULL) {
        options.fds = taken->fds;
        options.num_fds = taken->num;
    }
    rc = add_address(server, &options);
    if (rc >= 0 && taken != NULL)
        yd_handover_forget(server, taken);
    return rc;
}

int yd_addresses_start(yodel_server *server)
{
    int rc;

    for (struct yd_address *address = server->addresses; address != NULL; address = address->next) {
        for (unsigned i = 0; i < address->num_listeners; i++) {
            struct yd_net_listener *listener = &address->listeners[i];

            rc = yd_net_listen(&server->workers[i % server->num_loops].net, listener,
                               listener->base.fd, &address->front);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

void yd_addresses_stop(yodel_server *server, unsigned loop)
{
    for (struct yd_address *address = server->addresses; address != NULL; address = address->next) {
        forget_name(address);
        for (unsigned i = loop; i < address->num_listeners; i += server->num_loops) {
            struct yd_listener *listener = &address->listeners[i].base;

            if (listener->fd < 0)
                continue;
            yd_listener_accept(listener);
            yd_listener_stop(listener);
        }
    }
}

int yodel_server_reload_tls(yodel_server *server)
{
    int rc = 0;

    if (server == NULL)
        return -EINVAL;
    for (struct yd_address *address = server->addresses; address != NULL; address = address->next)
        if (address->front.tls != NULL && yd_tls_reload(address->front.tls) < 0)
            rc = YODEL_ERR_TLS;
    return rc;
}
