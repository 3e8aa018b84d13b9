/* SPDX-License-Identifier: MIT */
#include "sio/client.h"

#include <errno.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "sio/encode.h"

/* ---- lifetime ---- */

static void on_connect_timeout(struct yd_timer *timer)
{
    struct yd_sio_arrival *arrival = yd_container_of(timer, struct yd_sio_arrival, timer);

    arrival->client->idle = true;
    yd_sio_client_close(arrival->client, YD_EIO_FORCED_SERVER_CLOSE);
}

struct yd_sio_arrival *yd_sio_arrival_of(struct yd_sio_client *client)
{
    struct yd_sio_arrival *arrival = client->arrival;

    if (arrival != NULL || (arrival = yd_alloc(client->sio->mem, sizeof *arrival)) == NULL)
        return arrival;
    yd_timer_init(&arrival->timer, on_connect_timeout);
    yd_list_init(&arrival->entries);
    arrival->client = client;
    return client->arrival = arrival;
}

void yd_sio_arrival_tidy(struct yd_sio_client *client)
{
    struct yd_sio_arrival *arrival = client->arrival;

    if (arrival == NULL || yd_timer_is_running(&arrival->timer) ||
        !yd_list_is_empty(&arrival->entries))
        return;
    yd_free(client->sio->mem, arrival);
    client->arrival = NULL;
}

void yd_sio_client_has_arrived(struct yd_sio_client *client)
{
    if (client->arrival == NULL)
        return;
    yd_timer_stop(&yd_eio_loop(client->session)->wheel, &client->arrival->timer);
    yd_sio_arrival_tidy(client);
}

struct yd_sio_client *yd_sio_client_new(yodel_sio *sio, struct yd_eio_session *session)
{
    struct yd_sio_client *client = yd_zalloc(sio->mem, sizeof *client);
    struct yd_loop *loop = yd_eio_loop(session);

    if (client == NULL)
        return NULL;
    client->sio = sio;
    client->session = session;
    yd_list_init(&client->sockets);
    if (yd_sio_arrival_of(client) == NULL) {
        yd_free(sio->mem, client);
        return NULL;
    }
    yd_timer_start(&loop->wheel, &client->arrival->timer,
                   yd_loop_due(loop, sio->options.connect_timeout_ms));
    return client;
}

void yd_sio_client_free(struct yd_sio_client *client)
{
    yd_free(client->sio->mem, client->arrival);
    while (client->decoded != NULL) {
        struct yd_sio_decoded *next = client->decoded->next;

        yd_free(client->sio->mem, client->decoded);
        client->decoded = next;
    }
    yd_free(client->sio->mem, client);
}

void yd_sio_client_close(struct yd_sio_client *client, enum yd_eio_reason reason)
{
    if (client->closing)
        return;
    client->closing = true;
    yd_eio_close(client->session, reason);
}

void yd_sio_client_fail(struct yd_sio_client *client, const char *why)
{
    yd_log(client->sio->log, YODEL_LOG_DEBUG, "Socket.IO client closed: %s", why);
    yd_sio_client_close(client, YD_EIO_FORCED_CLOSE);
}

/* ---- who counts and logs them ---- */

uint64_t yd_sio_client_number(const yodel_sio *sio, const struct yd_eio_session *session)
{
    yodel_str id = yd_eio_id(session);

    return yd_siphash(sio->secret, id.ptr, id.len);
}

const char *yd_sio_client_reason(const struct yd_sio_client *client, enum yd_eio_reason reason)
{
    if (client->too_slow)
        return "too slow";
    return client->idle ? "no namespace" : yd_eio_reason_text(reason);
}

void yd_sio_client_tell(const yodel_sio *sio, const struct yd_eio_session *session,
                        const char *reason)
{
    yodel_sio_client_fn *told =
        reason == NULL ? sio->options.on_client_open : sio->options.on_client_close;
    bool polls = yd_eio_transport(session) == YD_EIO_POLLING;

    if (told == NULL)
        return;
    told(&(yodel_sio_client){.size = sizeof(yodel_sio_client),
                             .number = yd_sio_client_number(sio, session),
                             .peer = yd_eio_handshake_address(yd_eio_handshake(session)),
                             .transport = polls ? "polling" : "websocket",
                             .reason = reason},
         sio->options.hooks_user);
}

/* ---- sending ---- */

int yd_sio_client_send(struct yd_sio_client *client, const struct yd_sio_output *output)
{
    struct yd_sio_out out;
    int rc = yd_sio_encode_out(client->sio->mem, client->sio->options.parser, output, NULL, &out);

    if (rc < 0)
        return rc;
    rc = yd_eio_send(client->session, out.msgs, out.num, YD_EIO_ALWAYS);
    yd_sio_out_unref(&out);
    return rc;
}

/* A packet for one is written to the connection's output as it is; longer ones gain nothing. */
#define SMALL 1000

int yd_sio_client_send_small(struct yd_sio_client *client, const struct yd_sio_output *output,
                             unsigned session_flags)
{
    char text[SMALL];
    size_t len;

    if (client->sio->options.parser != YODEL_SIO_JSON || output->num_attachments > 0 ||
        yd_eio_transport(client->session) != YD_EIO_WEBSOCKET ||
        (len = YD_EIO_MESSAGE_HEAD + yd_sio_encoded_len(output)) > sizeof text)
        return YODEL_ERR_STATE;
    (void)yd_sio_encode(yd_eio_message_put(text), output);
    return yd_eio_send_copy(client->session, (yodel_str){text, len}, session_flags);
}

/* ---- its sockets ---- */

yodel_sio_socket *yd_sio_client_socket(const struct yd_sio_client *client, yodel_str nsp)
{
    for (struct yd_list *node = client->sockets.next; node != &client->sockets; node = node->next) {
        yodel_sio_socket *socket = yd_container_of(node, yodel_sio_socket, of_client);

        if (yodel_str_eq(yodel_sio_namespace_name(socket->ns), nsp))
            return socket;
    }
    return NULL;
}

unsigned yd_sio_client_count(const struct yd_sio_client *client)
{
    const struct yd_list *entries = client->arrival != NULL ? &client->arrival->entries : NULL;
    unsigned num = 0;

    for (struct yd_list *node = client->sockets.next; node != &client->sockets; node = node->next)
        num++;
    if (entries != NULL)
        for (struct yd_list *node = entries->next; node != entries; node = node->next)
            num++;
    return num;
}

/* ---- what waits ---- */

size_t yodel_sio_socket_buffered(const yodel_sio_socket *socket)
{
    const struct yd_sio_client *client = NULL;

    if (socket != NULL && socket->phase != YD_SIO_AWAY)
        client = socket->client;
    if (client == NULL || client->closing || client->session == NULL)
        return 0;
    return yd_eio_buffered(client->session);
}

/* ---- input ---- */

static bool has_paused(const struct yd_sio_client *client)
{
    for (struct yd_list *node = client->sockets.next; node != &client->sockets; node = node->next) {
        if (yd_container_of(node, yodel_sio_socket, of_client)->is_paused)
            return true;
    }
    return false;
}

static int set_paused(yodel_sio_socket *socket, bool paused)
{
    struct yd_sio_client *client;

    if (socket == NULL)
        return -EINVAL;
    client = socket->phase != YD_SIO_AWAY ? socket->client : NULL;
    if (client == NULL || client->closing || client->session == NULL)
        return YODEL_ERR_CLOSED;
    if (socket->is_paused == paused)
        return 0;
    socket->is_paused = paused;
    if (paused)
        yd_eio_pause(client->session);
    else if (!has_paused(client))
        yd_eio_resume(client->session);
    return 0;
}

int yodel_sio_socket_pause(yodel_sio_socket *socket)
{
    return set_paused(socket, true);
}

int yodel_sio_socket_resume(yodel_sio_socket *socket)
{
    return set_paused(socket, false);
}

void yd_sio_client_end_pause(yodel_sio_socket *socket)
{
    (void)set_paused(socket, false);
    socket->is_paused = false;
}
