/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "proto/json_doc.h"
#include "proto/url.h"
#include "sio/emit.h"
#include "sio/sio.h"

yodel_sio_socket *yd_sio_socket_new(struct yd_sio_client *client, yodel_sio_namespace *ns)
{
    yodel_sio *sio = client->sio;
    yodel_sio_socket *socket = yd_zalloc(sio->mem, sizeof *socket);

    if (socket == NULL) {
        yd_sio_ns_left(ns);
        return NULL;
    }
    socket->client = client;
    socket->ns = ns;
    socket->loop = yd_eio_loop(client->session);
    socket->rooms.member.deliver = yd_sio_deliver;
    yd_list_init(&socket->of_shard);
    yd_list_append(&client->sockets, &socket->of_client);
    client->num_sockets++;
    socket->by_id.key = (yodel_str){socket->id, YD_ID_LEN};
    if (yd_sio_make_id(&sio->ids, socket->loop->index, socket->id) < 0 ||
        yd_map_insert(&yd_sio_shard_of(socket)->by_id, &socket->by_id) < 0) {
        socket->by_id.key.len = 0;
        yd_sio_socket_free(socket);
        return NULL;
    }
    return socket;
}

yodel_sio_socket *yd_sio_socket_find(yodel_sio_namespace *ns, struct yd_loop *loop, yodel_str id)
{
    struct yd_map_node *node = yd_map_find(&ns->shards[loop->index].by_id, id);

    return node != NULL ? yd_container_of(node, yodel_sio_socket, by_id) : NULL;
}

/* ---- the end ---- */

static void owe_nothing(yodel_sio_socket *socket)
{
    struct yd_sio_waits *waits = socket->waits;

    socket->waits = NULL;
    yd_sio_waits_free(waits);
}

void yd_sio_socket_free(yodel_sio_socket *socket)
{
    const struct yodel_allocator *mem = socket->ns->sio->mem;

    yd_sio_leave_rooms(socket);
    if (!yd_list_is_empty(&socket->of_shard))
        atomic_fetch_sub_explicit(&yd_sio_shard_of(socket)->count, 1, memory_order_relaxed);
    yd_list_remove(&socket->of_shard);
    yd_list_remove(&socket->of_client);
    if (socket->client != NULL)
        socket->client->num_sockets--;
    if (socket->by_id.key.len > 0)
        yd_map_remove(&yd_sio_shard_of(socket)->by_id, &socket->by_id);
    owe_nothing(socket);
    yd_sio_memory_free(socket);
    yd_sio_early_free(&socket->early, mem);
    yd_sio_onces_free(&socket->onces, mem);
    yodel_sio_set_data(socket, NULL, NULL);
    json_decref(socket->json);
    json_decref(socket->auth);
    yd_free(mem, socket->auth_text);
    yd_sio_ns_left(socket->ns);
    yd_free(mem, socket);
}

static void tell_end(yodel_sio_socket *socket, const char *reason, bool may_return)
{
    const struct yd_sio_config *config = socket->ns->config;

    if (config->handlers.on_disconnecting != NULL)
        config->handlers.on_disconnecting(socket, reason, config->user);
    if (!may_return)
        yd_sio_leave_rooms(socket);
    if (config->handlers.on_disconnect != NULL)
        config->handlers.on_disconnect(socket, reason, config->user);
}

void yd_sio_socket_end(yodel_sio_socket *socket, const char *reason, bool may_return)
{
    bool stopping = socket->ns->sio->per_loop[socket->loop->index].stopping;

    socket->state = YD_SIO_LEAVING;
    may_return = may_return && socket->was_connected && socket->memory != NULL && !stopping;
    socket->client->has_left = true;
    if (socket->was_connected) {
        owe_nothing(socket);
        tell_end(socket, reason, may_return);
    }
    if (may_return)
        yd_sio_memory_wait(socket);
    else
        yd_sio_socket_free(socket);
}

void yd_sio_socket_leave(yodel_sio_socket *socket, const char *reason)
{
    struct yd_sio_client *client = socket->client;

    socket->state = YD_SIO_LEAVING;
    socket->reason = reason;
    if (client->leave_queued)
        return;
    client->leave_queued = true;
    yd_loop_task(socket->loop, &client->leave);
}

static void kick(yodel_sio_socket *socket)
{
    struct yd_sio_output output = {.type = YD_SIO_DISCONNECT,
                                   .nsp = yodel_sio_namespace_name(socket->ns)};

    if (socket->state == YD_SIO_LEAVING || socket->state == YD_SIO_AWAY)
        return;
    (void)yd_sio_client_send(socket->client, &output);
    yd_sio_socket_leave(socket, "server namespace disconnect");
}

void yodel_sio_disconnect(yodel_sio_socket *socket, int close)
{
    struct yd_sio_client *client = socket->client;

    if (client == NULL || client->closing)
        return;
    if (!close) {
        kick(socket);
        return;
    }
    for (struct yd_list *node = client->sockets.next; node != &client->sockets; node = node->next)
        kick(yd_container_of(node, yodel_sio_socket, of_client));
    yd_sio_client_close(client, YD_EIO_FORCED_SERVER_CLOSE);
}

/* ---- what it knows ---- */

yodel_str yodel_sio_socket_id(const yodel_sio_socket *socket)
{
    return yd_sio_id(socket);
}

yodel_sio_namespace *yodel_sio_socket_namespace(const yodel_sio_socket *socket)
{
    return socket->ns;
}

yodel_sio *yodel_sio_socket_sio(const yodel_sio_socket *socket)
{
    return socket->ns->sio;
}

const char *yodel_sio_socket_transport(const yodel_sio_socket *socket)
{
    return socket->client != NULL && yd_eio_transport(socket->client->session) == YD_EIO_WEBSOCKET
               ? "websocket"
               : "polling";
}

int yodel_sio_socket_recovered(const yodel_sio_socket *socket)
{
    return socket->recovered;
}

json_t *yodel_sio_socket_json(yodel_sio_socket *socket)
{
    if (socket->json == NULL)
        socket->json = json_object();
    return socket->json;
}

void yodel_sio_set_data(yodel_sio_socket *socket, void *data, yodel_free_fn *free_data)
{
    void *old = socket->data;
    yodel_free_fn *free_old = socket->free_data;

    socket->data = data;
    socket->free_data = free_data;
    if (free_old != NULL && old != data)
        free_old(old);
}

void *yodel_sio_data(const yodel_sio_socket *socket)
{
    return socket->data;
}

/* ---- the handshake ---- */

int yd_sio_read_auth(yodel_sio_socket *socket)
{
    if (socket->auth != NULL)
        return 0;
    if (socket->auth_text != NULL)
        return yd_json_read_checked(yodel_str_of(socket->auth_text), &socket->auth);
    return (socket->auth = json_object()) != NULL ? 0 : -ENOMEM;
}

const json_t *yodel_sio_auth(const yodel_sio_socket *given)
{
    yodel_sio_socket *socket = (yodel_sio_socket *)given; /* a document made on first use */

    return yd_sio_read_auth(socket) == 0 ? socket->auth : NULL;
}

yodel_str yodel_sio_header(const yodel_sio_socket *socket, const char *name)
{
    const struct yd_eio_handshake *handshake;

    if (socket->client == NULL)
        return (yodel_str){NULL, 0};
    handshake = yd_eio_handshake(socket->client->session);
    for (size_t i = 0; i < handshake->num_fields; i++)
        if (yd_str_eq_nocase(handshake->fields[i].name, yodel_str_of(name)))
            return handshake->fields[i].value;
    return (yodel_str){NULL, 0};
}

yodel_str yodel_sio_peer(const yodel_sio_socket *socket)
{
    if (socket->client == NULL)
        return (yodel_str){NULL, 0};
    return yd_eio_handshake(socket->client->session)->address;
}
