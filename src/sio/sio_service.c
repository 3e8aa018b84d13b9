/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "base/options.h"
#include "sio/bundle.h"
#include "sio/leave.h"
#include "sio/ns_config.h"
#include "sio/packets.h"
#include "sio/raw.h"
#include "sio/room_events.h"
#include "sio/sio.h"
#include "sio/sio_layer.h"
#include "sio/sio_watch.h"

/* ---- options ---- */

#define DEFAULT(field, value)                                                                      \
    if (options->field == 0)                                                                       \
    options->field = (value)

static void fill_in(yodel_sio_options *options)
{
    if (options->path == NULL)
        options->path = "/socket.io/";
    DEFAULT(ping_interval_ms, 25000);
    DEFAULT(ping_timeout_ms, 20000);
    DEFAULT(upgrade_timeout_ms, 10000);
    DEFAULT(connect_timeout_ms, 45000);
    DEFAULT(max_payload, 1000000);
    DEFAULT(attachment_timeout_ms, 45000);
    DEFAULT(max_buffered, 1024 * 1024);
    DEFAULT(max_namespaces, 100);
    DEFAULT(max_children, 10000);
    DEFAULT(max_rooms, 10000);
    DEFAULT(max_acks, 10000);
    DEFAULT(max_handlers, 1000);
    DEFAULT(max_held_acks, 1000);
    DEFAULT(max_answers, 16 * 1024 * 1024);
    DEFAULT(transports, YODEL_SIO_POLLING | YODEL_SIO_WEBSOCKET);
    DEFAULT(compress_min, 1024);
    DEFAULT(deflate_min, 1024);
    DEFAULT(recovery_bytes, 1024 * 1024);
    DEFAULT(max_lost, 10000);
}

#undef DEFAULT

static int check_options(const yodel_sio_options *options)
{
    size_t len = strlen(options->path);

    if (len < 2 || options->path[0] != '/' || options->path[len - 1] != '/')
        return -EINVAL;
    if ((options->transports & ~(YODEL_SIO_POLLING | YODEL_SIO_WEBSOCKET)) != 0 ||
        options->parser > YODEL_SIO_MSGPACK)
        return -EINVAL;
    return 0;
}

/* ---- sessions ---- */

static void *on_open(struct yd_eio_session *session, void *user)
{
    struct yd_sio_client *client = yd_sio_client_new(user, session);

    if (client != NULL)
        yd_sio_client_tell(user, session, NULL);
    return client;
}

static void on_message(struct yd_eio_session *session, bool binary, uint8_t *data, size_t len)
{
    yd_sio_on_message(yd_eio_data(session), binary, data, len);
}

static void on_drain(struct yd_eio_session *session)
{
    struct yd_sio_client *client = yd_eio_data(session);
    struct yd_list *node = client->sockets.next, *next;

    for (; node != &client->sockets; node = next) {
        yodel_sio_socket *socket = yd_container_of(node, yodel_sio_socket, of_client);
        struct yd_loop *loop = socket->loop;
        struct yd_sio_config *config;

        next = node->next;
        if (socket->phase != YD_SIO_CONNECTED)
            continue;
        config = yd_sio_config_begin(socket->ns, loop);
        if (config->handlers.on_drain != NULL)
            config->handlers.on_drain(socket, config->user);
        yd_sio_config_end(config, loop);
    }
}

static void on_upgrade(struct yd_eio_session *session)
{
    struct yd_sio_client *client = yd_eio_data(session);
    struct yd_list *node = client->sockets.next, *next;

    for (; node != &client->sockets; node = next) {
        next = node->next;
        yd_sio_watch_upgrade(yd_container_of(node, yodel_sio_socket, of_client));
    }
}

static void on_close(struct yd_eio_session *session, enum yd_eio_reason reason)
{
    struct yd_sio_client *client = yd_eio_data(session);
    const char *why = yd_sio_client_reason(client, reason);
    const yodel_sio *sio = client->sio;

    yd_sio_drop_pending(client);
    yd_sio_leave_all(client, reason);
    yd_sio_client_tell(sio, session, why);
}

static const struct yd_eio_events events = {
    .on_open = on_open,
    .on_message = on_message,
    .on_drain = on_drain,
    .on_upgrade = on_upgrade,
    .on_close = on_close,
};

/* ---- start ---- */

static bool serve(yodel_request *req, yodel_str rest, void *user)
{
    yodel_sio *sio = user;

    return sio->bundle != NULL && yd_sio_bundle_serve(sio->bundle, req, rest);
}

static int start_eio(yodel_sio *sio, const struct yd_sio_setup *setup,
                     const yodel_sio_options *options)
{
    struct yd_eio_options eio = {
        .path = options->path,
        .ping_interval_ms = options->ping_interval_ms,
        .ping_timeout_ms = options->ping_timeout_ms,
        .upgrade_timeout_ms = options->upgrade_timeout_ms,
        .max_payload = options->max_payload,
        .max_buffered = options->max_buffered,
        .max_sessions = options->max_sessions,
        .no_polling = (options->transports & YODEL_SIO_POLLING) == 0,
        .no_websocket = (options->transports & YODEL_SIO_WEBSOCKET) == 0,
        .no_upgrades = options->no_upgrades != 0,
        .cors = options->cors,
        .cookie = options->cookie,
        .deflate = options->deflate,
        .deflate_min = options->deflate_min,
        .deflate_level = options->deflate_level,
        .deflate_bits = options->deflate_bits,
        .deflate_client_bits = options->deflate_client_bits,
        .compress_min = options->compress_min,
        .origins = options->origins,
        .allow_request = options->allow_request,
        .initial_headers = options->initial_headers,
        .headers = options->headers,
        .hooks_user = options->hooks_user,
        .serve = serve,
    };

    int rc = yd_eio_new(setup->http, setup->ws, setup->loops, setup->num_loops, &eio, &events, sio,
                        &sio->eio);

    if (rc == 0 && setup->far != NULL)
        yd_eio_set_far(sio->eio, setup->far);
    return rc;
}

/* Only values are kept: what pointers point at may be gone. */
static void keep_options(yodel_sio *sio, const yodel_sio_options *options)
{
    sio->options = *options;
    sio->options.path = NULL;
    sio->options.channels = NULL;
    sio->options.cors = NULL;
    sio->options.origins = NULL;
    sio->options.cookie = NULL;
    sio->options.client_dir = NULL;
}

static void free_sio(yodel_sio *sio)
{
    if (sio->eio != NULL)
        yd_eio_free(sio->eio);
    yd_sio_namespaces_done(&sio->namespaces);
    yd_sio_bundle_free(sio->bundle);
    if (sio->layer.bus != NULL)
        yd_bus_remove_layer(sio->bus, &sio->layer);
    yd_groups_unref(sio->rooms);
    yd_sio_told_done(sio);
    for (unsigned i = 0; i < sio->num_loops; i++)
        yd_map_done(&sio->per_loop[i].stays);
    yd_free(sio->mem, sio->per_loop);
    yd_free(sio->mem, sio);
}

/* Without references left. */
static void release_sio(yodel_sio *sio)
{
    void (*release_owner)(void *owner) = sio->release_owner;
    yodel_channels *channels = sio->channels;
    void *owner = sio->owner;

    free_sio(sio);
    yodel_channels_unref(channels);
    release_owner(owner);
}

static yodel_sio *make_sio(const struct yd_sio_setup *setup, const yodel_sio_options *options)
{
    const struct yodel_allocator *mem = setup->mem;
    yodel_sio *sio = yd_zalloc(mem, sizeof *sio);
    size_t size = setup->num_loops * sizeof *sio->per_loop;

    if (sio == NULL)
        return NULL;
    if ((sio->per_loop = yd_zalloc(mem, size)) == NULL) {
        yd_free(mem, sio);
        return NULL;
    }
    for (unsigned i = 0; i < setup->num_loops; i++) {
        yd_list_init(&sio->per_loop[i].away);
        yd_list_init(&sio->per_loop[i].gone);
        yd_map_init(&sio->per_loop[i].stays, mem, setup->secret);
    }
    atomic_init(&sio->refs, 1);
    yd_sio_ids_init(&sio->ids);
    sio->mem = mem;
    sio->log = setup->log;
    sio->bus = setup->bus;
    sio->loops = setup->loops;
    sio->num_loops = setup->num_loops;
    sio->decide_ms = options->decide_ms > 0 ? options->decide_ms : setup->decide_ms;
    memcpy(sio->secret, setup->secret, sizeof sio->secret);
    yd_sio_namespaces_init(&sio->namespaces, mem, sio->secret);
    yd_sio_told_init(sio);
    sio->deliver = yd_sio_deliver;
    sio->free = release_sio;
    keep_options(sio, options);
    return sio;
}

/* Who has groups keeps the bus: the service, and the channel layer that its rooms are attached to.
 */
static void keep_nothing(void *owner)
{
    (void)owner;
}

static int start_rooms(yodel_sio *sio, const struct yd_sio_setup *setup)
{
    int rc = yd_groups_new(setup->bus, setup->name, NULL, keep_nothing, &sio->rooms);

    if (rc == 0 && setup->channels != NULL)
        rc = yd_channels_attach(setup->channels, sio->rooms);
    return rc;
}

static void join_bus(yodel_sio *sio, const char *name)
{
    (void)snprintf(sio->name, sizeof sio->name, "%s", name);
    sio->layer.ops = &yd_sio_layer_ops;
    sio->layer.name = yodel_str_of(sio->name);
    yd_bus_add_layer(sio->bus, &sio->layer);
}

int yd_sio_new(const struct yd_sio_setup *setup, const yodel_sio_options *given,
               yodel_sio **ret_sio)
{
    yodel_sio_options options;
    yodel_sio *sio;
    int rc;

    if ((rc = yd_options_read(given, &options, sizeof options)) < 0)
        return rc;
    fill_in(&options);
    if ((rc = check_options(&options)) < 0)
        return rc;
    if ((sio = make_sio(setup, &options)) == NULL)
        return -ENOMEM;
    if (options.client_dir != NULL &&
        (rc = yd_sio_bundle_new(setup->mem, options.client_dir, &sio->bundle)) < 0)
        goto fail;
    if ((rc = start_rooms(sio, setup)) < 0 || (rc = start_eio(sio, setup, &options)) < 0)
        goto fail;
    join_bus(sio, setup->name);
    sio->channels = setup->channels;
    sio->owner = setup->owner;
    sio->release_owner = setup->release_owner;
    *ret_sio = sio;
    return 0;

fail:
    free_sio(sio);
    return rc;
}

static void free_all(struct yd_list *lost)
{
    while (!yd_list_is_empty(lost))
        yd_sio_socket_free(yd_container_of(lost->next, yodel_sio_socket, of_client));
}

void yd_sio_shut(yodel_sio *sio)
{
    yd_eio_shut(sio->eio);
}

void yd_sio_stop(yodel_sio *sio, struct yd_loop *loop)
{
    struct yd_sio_loop *state = &sio->per_loop[loop->index];

    state->stopping = true;
    free_all(&state->away);
    free_all(&state->gone);
    yd_eio_stop(sio->eio, loop);
}

static uint64_t value_of(const atomic_uint_least64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

int yodel_sio_get_stats(const yodel_sio *sio, yodel_sio_stats *ret_stats)
{
    yodel_sio_stats stats = {0};
    size_t clients, polling;

    if (sio == NULL)
        return -EINVAL;
    yd_eio_count(sio->eio, &clients, &polling);
    stats.clients = clients;
    stats.polling = polling;
    yd_eio_count_messages(sio->eio, &stats.messages_in, &stats.messages_out);
    stats.answers_dropped = value_of(&sio->counters.answers_dropped);
    stats.acks_refused = value_of(&sio->counters.acks_refused);
    stats.lost = value_of(&sio->counters.lost);
    stats.lost_forgotten = value_of(&sio->counters.lost_forgotten);
    stats.children_refused = value_of(&sio->counters.children_refused);
    stats.too_big = value_of(&sio->counters.too_big);
    stats.sessions_refused = yd_eio_num_refused(sio->eio);
    stats.namespaces_refused = value_of(&sio->counters.namespaces_refused);
    stats.joins_refused = value_of(&sio->counters.joins_refused);
    stats.attachments_late = value_of(&sio->counters.attachments_late);
    return yd_options_write(ret_stats, &stats, sizeof stats);
}
