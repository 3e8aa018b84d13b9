/* SPDX-License-Identifier: MIT */
#include "sio/leave.h"

#include "base/container.h"
#include "sio/client.h"
#include "sio/entry.h"
#include "sio/ns_config.h"
#include "sio/order.h"
#include "sio/sio_watch.h"

/* ---- the end ---- */

static void tell(yodel_sio_socket *socket, yodel_sio_disconnect_fn *handler, const char *reason,
                 void *user)
{
    if (handler != NULL)
        handler(socket, reason, user);
}

static bool is_stopping(const yodel_sio_socket *socket)
{
    return socket->ns->sio->per_loop[socket->loop->index].stopping;
}

/* Of a socket that was CONNECTED. */
static bool end(yodel_sio_socket *socket, const char *reason, bool may_return)
{
    struct yd_sio_config *config = yd_sio_config_begin(socket->ns, socket->loop);
    const yodel_sio_handlers *handlers = &config->handlers;

    bool ordered = socket->ns->sio->order != NULL;

    may_return = may_return && socket->memory != NULL && (ordered || !is_stopping(socket));
    yd_sio_socket_set_phase(socket, YD_SIO_LEAVING);
    yd_sio_socket_owe_nothing(socket);
    yd_sio_watch_disconnect(socket, reason);
    tell(socket, handlers->on_disconnecting, reason, config->user);
    if (may_return && ordered) {
        yd_sio_order_save(socket);
        may_return = false;
    }
    if (may_return)
        yd_sio_socket_set_phase(socket, YD_SIO_AWAY);
    else
        yd_sio_socket_leave_rooms(socket);
    tell(socket, handlers->on_disconnect, reason, config->user);
    yd_sio_config_end(config, socket->loop);
    return may_return;
}

/* Its last callback, so that nothing of the program's runs once the state is handed over.  False
 * when it has had the socket disconnected, which then does not wait. */
static bool go_away(yodel_sio_socket *socket)
{
    yd_sio_socket_free_data(socket);
    socket->is_paused = false;
    socket->client = NULL;
    return socket->phase == YD_SIO_AWAY;
}

bool yd_sio_leave_now(yodel_sio_socket *socket, const char *reason, bool may_return)
{
    bool was_connected;

    yd_sio_socket_end_decisions(socket);
    was_connected = socket->phase == YD_SIO_CONNECTED;
    socket->client->has_left = true;
    if (socket->phase == YD_SIO_LEAVING) {
        was_connected = socket->reason != NULL;
        reason = socket->reason;
        may_return = false;
    }
    if (socket->phase == YD_SIO_NOTING && may_return && socket->ns->sio->order != NULL)
        yd_sio_order_save(socket);
    else if (socket->phase == YD_SIO_NOTING && may_return && !is_stopping(socket)) {
        yd_sio_socket_set_phase(socket, YD_SIO_AWAY);
        return go_away(socket);
    }
    if (was_connected && end(socket, reason, may_return))
        return go_away(socket);
    yd_sio_client_end_pause(socket);
    yd_sio_socket_free(socket);
    return false;
}

static yodel_sio_socket *find_leaving(struct yd_sio_client *client)
{
    for (struct yd_list *node = client->sockets.next; node != &client->sockets; node = node->next) {
        yodel_sio_socket *socket = yd_container_of(node, yodel_sio_socket, of_client);

        if (socket->phase == YD_SIO_LEAVING)
            return socket;
    }
    return NULL;
}

static void end_leaving(struct yd_sio_client *client)
{
    yodel_sio_socket *socket;

    while ((socket = find_leaving(client)) != NULL)
        (void)yd_sio_leave_now(socket, socket->reason, false);
    client->leave_queued = false;
    if (client->session == NULL)
        yd_sio_client_free(client);
}

static void run_leave(struct yd_mail *mail, void *receiver)
{
    struct yd_sio_loop *state = yd_container_of(mail, struct yd_sio_loop, leave);
    struct yd_sio_client *client = state->leaving, *next;

    (void)receiver;
    state->leaving = NULL;
    for (; client != NULL; client = next) {
        next = client->next_leaving;
        end_leaving(client);
    }
}

static void queue_leave(struct yd_sio_client *client, struct yd_loop *loop)
{
    struct yd_sio_loop *state = &client->sio->per_loop[loop->index];

    client->leave_queued = true;
    client->next_leaving = NULL;
    if (state->leaving == NULL) {
        state->leaving_end = &state->leaving;
        state->leave.run = run_leave;
        yd_loop_task(loop, &state->leave);
    }
    *state->leaving_end = client;
    state->leaving_end = &client->next_leaving;
}

void yd_sio_leave_soon(yodel_sio_socket *socket, const char *reason)
{
    struct yd_sio_client *client = socket->client;

    socket->reason = socket->phase == YD_SIO_CONNECTED ? reason : NULL;
    yd_sio_socket_set_phase(socket, YD_SIO_LEAVING);
    if (!client->leave_queued)
        queue_leave(client, socket->loop);
}

void yd_sio_leave_all(struct yd_sio_client *client, enum yd_eio_reason reason)
{
    client->closing = true;
    yd_sio_entries_end(client);
    yd_sio_client_has_arrived(client);
    while (!yd_list_is_empty(&client->sockets))
        (void)yd_sio_leave_now(yd_container_of(client->sockets.next, yodel_sio_socket, of_client),
                               yd_eio_reason_text(reason), reason != YD_EIO_PARSE_ERROR);
    client->session = NULL;
    if (!client->leave_queued) /* else that task frees it */
        yd_sio_client_free(client);
}

/* ---- by the program ---- */

static void disconnect(yodel_sio_socket *socket)
{
    struct yd_sio_output output = {.type = YD_SIO_DISCONNECT,
                                   .nsp = yodel_sio_namespace_name(socket->ns)};

    if (socket->phase == YD_SIO_LEAVING)
        return;
    (void)yd_sio_client_send(socket->client, &output);
    yd_sio_leave_soon(socket, "server namespace disconnect");
}

void yodel_sio_socket_disconnect(yodel_sio_socket *socket, int close)
{
    struct yd_sio_client *client;

    if (socket == NULL)
        return;
    client = socket->phase != YD_SIO_AWAY ? socket->client : NULL;
    if (client == NULL || client->closing)
        return;
    if (!close) {
        disconnect(socket);
        return;
    }
    /* Without a packet it looks to the client as if its connection had failed. */
    for (struct yd_list *node = client->sockets.next;
         close != YODEL_SIO_COME_BACK && node != &client->sockets; node = node->next)
        disconnect(yd_container_of(node, yodel_sio_socket, of_client));
    yd_sio_client_close(client, YD_EIO_FORCED_SERVER_CLOSE);
}
