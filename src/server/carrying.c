/* SPDX-License-Identifier: MIT */
#include "server/carrying.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yodel/carry.h>

#include "base/container.h"
#include "base/mem.h"
#include "base/options.h"
#include "carry/dialer.h"
#include "carry/node_finder.h"
#include "server/node.h"

#define MOST_NODES 4096
#define SECRET_MIN 16
#define BEGIN_MS 5000

struct yd_carrying {
    struct yd_finder finder;           /* first; of a list */
    struct yd_node_finder node_finder; /* in its place; its nodes NULL: there is a list */
    const struct yodel_allocator *mem;
    struct yd_carry *carry;
    struct yd_node_dialer dialer;
    struct yd_tls *tls; /* of links that are made here; NULL: none */
    char *tls_name;
    char **nodes;
    size_t num_nodes;
};

/* ---- nodes of a list ---- */

static void find(struct yd_finder *finder, struct yd_carry_lookup *lookup)
{
    const struct yd_carrying *carrying = (const struct yd_carrying *)finder;

    lookup->result = YODEL_ERR_NOT_FOUND;
    if (lookup->node < carrying->num_nodes) {
        lookup->result = 0;
        (void)strcpy(lookup->address, carrying->nodes[lookup->node]);
    }
    yd_carry_found(lookup);
}

static int copy_nodes(struct yd_carrying *carrying, const yodel_carry_options *options)
{
    if (options->num_nodes == 0)
        return 0;
    carrying->nodes = yd_alloc_array(carrying->mem, options->num_nodes, sizeof *carrying->nodes);
    if (carrying->nodes == NULL)
        return -ENOMEM;
    while (carrying->num_nodes < options->num_nodes) {
        const char *node = options->nodes[carrying->num_nodes];

        if (!yd_dialer_takes(node))
            return -EINVAL;
        if ((carrying->nodes[carrying->num_nodes] = yd_strdup(carrying->mem, node)) == NULL)
            return -ENOMEM;
        carrying->num_nodes++;
    }
    return 0;
}

/* ---- nodes of the registry ---- */

static bool is_of_all_addresses(const char *address)
{
    static const uint8_t any[sizeof((struct yd_ip *)NULL)->bytes];
    struct yd_ip ip;

    return yd_ip_parse(yodel_str_of(address), &ip) && memcmp(ip.bytes, any, sizeof any) == 0;
}

/* The address of the listener, with the port that it has.  Whether others can connect to it. */
static bool read_address(const yodel_listen_options *listen, int port,
                         char ret_address[YD_CARRY_ADDRESS_SIZE])
{
    yodel_listen_options options;
    const char *address, *colon;
    int len;

    if (yd_options_read(listen, &options, sizeof options) < 0 ||
        (address = options.address) == NULL || (colon = strrchr(address, ':')) == NULL ||
        strncmp(address, "systemd:", 8) == 0 || is_of_all_addresses(address))
        return false;
    if (strncmp(address, "unix:", 5) == 0)
        len = snprintf(ret_address, YD_CARRY_ADDRESS_SIZE, "%s", address);
    else
        len = snprintf(ret_address, YD_CARRY_ADDRESS_SIZE, "%.*s:%d", (int)(colon - address),
                       address, port);
    return len < YD_CARRY_ADDRESS_SIZE && yd_dialer_takes(ret_address);
}

/* Whether the registry has an address of this node, or is to get that of the listener. */
static bool has_address(struct yd_nodes *nodes, const yodel_listen_options *listen)
{
    char address[YD_CARRY_ADDRESS_SIZE];
    struct yd_node_info own;

    yd_nodes_own(nodes, &own);
    return own.address[0] != '\0' ? yd_dialer_takes(own.address) : read_address(listen, 1, address);
}

/* The listener stays what it is if anything fails after it; so nothing does. */
static void join_nodes(struct yd_carrying *carrying, const yodel_listen_options *listen, int port)
{
    struct yd_nodes *nodes = carrying->node_finder.nodes;
    char address[YD_CARRY_ADDRESS_SIZE];
    struct yd_node_info own;

    yd_nodes_own(nodes, &own);
    if (own.address[0] == '\0' && read_address(listen, port, address))
        (void)yd_nodes_set_address(nodes, address);
    yd_node_finder_begin(&carrying->node_finder, carrying->carry);
}

/* ---- setting up ---- */

static uint32_t or_default(uint32_t value, uint32_t usual)
{
    return value != 0 ? value : usual;
}

static struct yd_carry_options options_of(struct yd_carrying *carrying,
                                          const yodel_carry_options *given)
{
    struct yd_carry_options options = {
        .link =
            {
                .secret_len = strlen(given->secret),
                .max_output = given->max_buffered != 0 ? given->max_buffered : 1024 * 1024,
                .max_streams = or_default(given->max_streams, 16384),
                .max_links = or_default(given->max_links, 1024),
                .begin_ms = BEGIN_MS,
                .ping_ms = or_default(given->ping_ms, 2000),
                .silent_ms = or_default(given->silent_ms, 6000),
                .idle_ms = or_default(given->idle_ms, 60000),
            },
        .connect_ms = or_default(given->connect_ms, 3000),
        .finder =
            carrying->node_finder.nodes != NULL ? &carrying->node_finder.base : &carrying->finder,
        .dialer = &carrying->dialer.base,
    };

    memcpy(options.link.secret, given->secret, options.link.secret_len);
    return options;
}

static int make_carry(yodel_server *server, struct yd_carrying *carrying,
                      const yodel_carry_options *given)
{
    struct yd_carry_options options = options_of(carrying, given);
    struct yd_net **nets = yd_alloc_array(&server->mem, server->num_loops, sizeof *nets);
    int rc;

    if (nets == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < server->num_loops; i++)
        nets[i] = &server->workers[i].net;
    rc = yd_carry_new(&server->mem, nets, server->num_loops, &options, &carrying->carry);
    yd_free(&server->mem, nets);
    return rc;
}

/* Nodes are not clients: limits by address are not for them. */
static int listen_for_nodes(yodel_server *server, struct yd_carry *carry,
                            const yodel_listen_options *given)
{
    static const char *const all[] = {"0.0.0.0/0", "::/0", "unix"};
    yodel_listen_options options;
    int rc = yd_options_read(given, &options, sizeof options);

    if (rc < 0)
        return rc;
    options.size = sizeof options;
    if (options.num_trusted == 0) {
        options.trusted = all;
        options.num_trusted = YD_LEN(all);
    }
    if ((rc = yodel_server_listen(server, &options)) < 0)
        return rc;
    server->addresses->front.on_connection = yd_carry_accept;
    server->addresses->front.user = carry;
    return rc;
}

static int check_nodes(const yodel_server *server, const yodel_carry_options *options)
{
    if (options->nodes != NULL || options->num_nodes != 0)
        return options->nodes == NULL || options->num_nodes == 0 ||
                       options->num_nodes > MOST_NODES || options->self >= options->num_nodes
                   ? -EINVAL
                   : 0;
    if (server->cluster == NULL)
        return YODEL_ERR_STATE;
    return has_address(&server->cluster->nodes, options->listen) ? 0 : -EINVAL;
}

/* Takes the secret of the cluster where there is no other. */
static int check(const yodel_server *server, yodel_carry_options *options)
{
    size_t len;

    if (options->secret == NULL && server->cluster != NULL)
        options->secret = server->cluster->secret;
    len = options->secret != NULL ? strlen(options->secret) : 0;
    if (options->listen == NULL || len < SECRET_MIN ||
        len > sizeof((struct yd_link_options *)NULL)->secret || options->max_streams > UINT16_MAX ||
        (options->tls && options->tls_name == NULL))
        return -EINVAL;
    return check_nodes(server, options);
}

static int set_up_tls(yodel_server *server, struct yd_carrying *carrying,
                      const yodel_carry_options *options)
{
    const struct yd_tls_client_options client = {
        .ca_file = options->tls_ca_file,
        .cert_file = options->tls_cert_file,
        .key_file = options->tls_key_file,
    };

    if (!options->tls)
        return 0;
    if ((carrying->tls_name = yd_strdup(&server->mem, options->tls_name)) == NULL)
        return -ENOMEM;
    return yd_tls_new_client(&server->mem, &server->log, &client, &carrying->tls);
}

static int set_up(yodel_server *server, struct yd_carrying *carrying,
                  const yodel_carry_options *options)
{
    int rc, port;

    carrying->finder.find = find;
    carrying->mem = &server->mem;
    if (options->num_nodes == 0)
        yd_node_finder_init(&carrying->node_finder, &server->cluster->nodes);
    if ((rc = set_up_tls(server, carrying, options)) < 0)
        return rc;
    yd_node_dialer_init(&carrying->dialer, carrying->tls, carrying->tls_name);
    if ((rc = copy_nodes(carrying, options)) < 0 ||
        (rc = make_carry(server, carrying, options)) < 0)
        return rc;
    if ((port = listen_for_nodes(server, carrying->carry, options->listen)) < 0)
        return port;
    if (carrying->node_finder.nodes != NULL)
        join_nodes(carrying, options->listen, port);
    else
        yd_carry_set_node(carrying->carry, (uint32_t)options->self);
    return port;
}

int yodel_server_carry(yodel_server *server, const yodel_carry_options *given)
{
    struct yd_carrying *carrying;
    yodel_carry_options options;
    int rc;

    if (server == NULL)
        return -EINVAL;
    if ((rc = yd_server_check_setup(server)) < 0 ||
        (rc = yd_options_read(given, &options, sizeof options)) < 0 ||
        (rc = check(server, &options)) < 0)
        return rc;
    if (server->carrying != NULL)
        return YODEL_ERR_STATE;
    if ((carrying = yd_zalloc(&server->mem, sizeof *carrying)) == NULL)
        return -ENOMEM;
    if ((rc = set_up(server, carrying, &options)) < 0) {
        carrying->mem = &server->mem;
        yd_carrying_free(carrying);
        return rc;
    }
    server->carrying = carrying;
    server->far = &carrying->carry->far;
    return rc;
}

/* ---- its life ---- */

void yd_carrying_stop(struct yd_carrying *carrying, struct yd_loop *loop)
{
    if (carrying != NULL)
        yd_carry_stop(carrying->carry, loop);
}

void yd_carrying_end(struct yd_carrying *carrying, struct yd_loop *loop)
{
    if (carrying != NULL)
        yd_carry_end(carrying->carry, loop);
}

void yd_carrying_free(struct yd_carrying *carrying)
{
    if (carrying == NULL)
        return;
    yd_node_finder_done(&carrying->node_finder);
    yd_carry_free(carrying->carry);
    while (carrying->num_nodes > 0)
        yd_free(carrying->mem, carrying->nodes[--carrying->num_nodes]);
    yd_free(carrying->mem, carrying->nodes);
    if (carrying->tls != NULL)
        yd_tls_free(carrying->tls);
    yd_free(carrying->mem, carrying->tls_name);
    yd_free(carrying->mem, carrying);
}

int yodel_server_get_carry_stats(const yodel_server *server, yodel_carry_stats *ret_stats)
{
    yodel_carry_stats stats = {.size = 0};
    struct yd_carry_stats counted;

    if (server == NULL || ret_stats == NULL)
        return -EINVAL;
    if (server->carrying != NULL) {
        yd_carry_count(server->carrying->carry, &counted);
        stats.requests_out = counted.out;
        stats.requests_in = counted.in;
        stats.requests_failed = counted.failed;
        stats.links = counted.links;
        stats.links_made = counted.made;
        stats.links_accepted = counted.accepted;
        stats.links_refused = counted.refused;
        stats.links_lost = counted.lost;
        stats.malformed = counted.malformed;
    }
    return yd_options_write(ret_stats, &stats, sizeof stats);
}
