/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "sio/sio.h"

/* A packet of which attachments are still to come. */
struct yd_sio_pending {
    struct yd_buf text;
    struct yd_buf attachments[YD_SIO_MAX_ATTACHMENTS];
    struct yd_sio_packet packet; /* views of text */
    uint32_t num;                /* that have come */
};

static const struct yodel_allocator *mem_of(const struct yd_sio_client *client)
{
    return client->sio->mem;
}

/* ---- ends ---- */

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

static void on_connect_timeout(struct yd_timer *timer)
{
    struct yd_sio_client *client = yd_container_of(timer, struct yd_sio_client, timer);

    yd_sio_client_close(client, YD_EIO_FORCED_SERVER_CLOSE);
}

static void free_pending(struct yd_sio_client *client)
{
    struct yd_sio_pending *pending = client->pending;

    if (pending == NULL)
        return;
    client->pending = NULL;
    yd_buf_free(mem_of(client), &pending->text);
    for (uint32_t i = 0; i < pending->num; i++)
        yd_buf_free(mem_of(client), &pending->attachments[i]);
    yd_free(mem_of(client), pending);
}

/* Ends the sockets that are leaving, in a task: handlers are never called inside a call. */
static void run_leave(struct yd_mail *mail, void *receiver)
{
    struct yd_sio_client *client = yd_container_of(mail, struct yd_sio_client, leave);
    struct yd_list *node = client->sockets.next, *next;

    (void)receiver;
    client->leave_queued = false;
    for (; node != &client->sockets; node = next) {
        yodel_sio_socket *socket = yd_container_of(node, yodel_sio_socket, of_client);

        next = node->next;
        if (socket->state == YD_SIO_LEAVING)
            yd_sio_socket_end(socket, socket->reason, false);
    }
    if (client->session == NULL)
        yd_free(mem_of(client), client);
}

/* ---- packets ---- */

yodel_sio_socket *yd_sio_client_socket(const struct yd_sio_client *client, yodel_str nsp)
{
    for (struct yd_list *node = client->sockets.next; node != &client->sockets; node = node->next) {
        yodel_sio_socket *socket = yd_container_of(node, yodel_sio_socket, of_client);

        if (yodel_str_eq(yodel_sio_namespace_name(socket->ns), nsp))
            return socket;
    }
    return NULL;
}

static int keep_early(yodel_sio_socket *socket, const struct yd_sio_packet *packet,
                      const yodel_bytes *attachments)
{
    yodel_sio *sio = socket->ns->sio;

    return yd_sio_early_keep(&socket->early, sio->mem, sio->options.max_payload, packet,
                             attachments);
}

static void on_socket_packet(yodel_sio_socket *socket, const struct yd_sio_packet *packet,
                             const yodel_bytes *attachments)
{
    if (socket->state == YD_SIO_LEAVING)
        return; /* it was under way when the socket left */
    if (packet->type == YD_SIO_DISCONNECT)
        yd_sio_socket_leave(socket, "client namespace disconnect");
    else if (socket->state == YD_SIO_CONNECTING) {
        if (keep_early(socket, packet, attachments) < 0)
            yd_sio_client_fail(socket->client, "too many events before CONNECT was answered");
    } else if (packet->type == YD_SIO_EVENT || packet->type == YD_SIO_BINARY_EVENT) {
        yd_sio_on_event(socket, packet, attachments);
    } else if (packet->has_id) {
        struct yd_sio_answer answer = {packet->args, attachments, packet->num_attachments};

        yd_sio_waits_answer(socket->waits, packet->id, &answer);
    }
}

/* Who leaves and connects again in one payload must find the old socket gone. */
static void on_connect_packet(struct yd_sio_client *client, yodel_sio_socket *socket,
                              const struct yd_sio_packet *packet)
{
    if (socket != NULL && socket->state != YD_SIO_LEAVING) {
        yd_sio_client_fail(client, "CONNECT twice");
        return;
    }
    if (socket != NULL)
        yd_sio_socket_end(socket, socket->reason, false);
    if (!client->closing)
        yd_sio_on_connect(client, packet);
}

/* What comes for a namespace that was left meanwhile is dropped; for one never joined it is a
 * fault of the client. */
static void on_packet(struct yd_sio_client *client, const struct yd_sio_packet *packet,
                      const yodel_bytes *attachments)
{
    yodel_sio_socket *socket = yd_sio_client_socket(client, packet->nsp);

    if (packet->type == YD_SIO_CONNECT)
        on_connect_packet(client, socket, packet);
    else if (socket != NULL)
        on_socket_packet(socket, packet, attachments);
    else if (!client->has_left)
        yd_sio_client_fail(client, "packet for a namespace that was not joined");
}

static struct yd_sio_limits limits_of(void)
{
    return YD_SIO_LIMITS;
}

/* The text must outlive this call: it is decoded again from the copy. */
static void await_attachments(struct yd_sio_client *client, yodel_str text)
{
    struct yd_sio_pending *pending = yd_zalloc(mem_of(client), sizeof *pending);
    struct yd_sio_limits limits = limits_of();
    const char *error;

    if (pending == NULL) {
        yd_sio_client_fail(client, "out of memory");
        return;
    }
    client->pending = pending;
    if (yd_buf_append_str(mem_of(client), &pending->text, text) < 0 ||
        yd_sio_decode((yodel_str){(char *)pending->text.ptr, pending->text.len}, &limits,
                      &pending->packet, &error) < 0)
        yd_sio_client_fail(client, "out of memory");
}

static void on_text(struct yd_sio_client *client, yodel_str text)
{
    struct yd_sio_limits limits = limits_of();
    struct yd_sio_packet packet;
    const char *error;

    if (client->pending != NULL)
        yd_sio_client_fail(client, "text where an attachment was due");
    else if (yd_sio_decode(text, &limits, &packet, &error) < 0)
        yd_sio_client_fail(client, error);
    else if (packet.num_attachments > 0)
        await_attachments(client, text);
    else
        on_packet(client, &packet, NULL);
}

static void on_attachment(struct yd_sio_client *client, const uint8_t *data, size_t len)
{
    struct yd_sio_pending *pending = client->pending;
    yodel_bytes attachments[YD_SIO_MAX_ATTACHMENTS];

    if (pending == NULL) {
        yd_sio_client_fail(client, "attachment of nothing");
        return;
    }
    if (yd_buf_append(mem_of(client), &pending->attachments[pending->num], data, len) < 0) {
        yd_sio_client_fail(client, "out of memory");
        return;
    }
    if (++pending->num < pending->packet.num_attachments)
        return;
    for (uint32_t i = 0; i < pending->num; i++)
        attachments[i] = (yodel_bytes){pending->attachments[i].ptr, pending->attachments[i].len};
    client->pending = NULL;
    on_packet(client, &pending->packet, attachments);
    client->pending = pending;
    free_pending(client);
}

static void on_msgpack(struct yd_sio_client *client, yodel_bytes message)
{
    yodel_bytes attachments[YD_SIO_MAX_ATTACHMENTS];
    struct yd_sio_limits limits = limits_of();
    struct yd_sio_packet packet;
    struct yd_buf json = {0};
    const char *error = "out of memory";

    if (yd_sio_msgpack_decode(mem_of(client), message, &limits, &json, attachments, &packet,
                              &error) < 0)
        yd_sio_client_fail(client, error);
    else
        on_packet(client, &packet, attachments);
    yd_buf_free(mem_of(client), &json);
}

static void on_message(struct yd_eio_session *session, bool binary, uint8_t *data, size_t len)
{
    struct yd_sio_client *client = yd_eio_data(session);
    bool msgpack = client->sio->options.parser == YODEL_SIO_MSGPACK;

    if (client->closing)
        return;
    if (msgpack && binary)
        on_msgpack(client, (yodel_bytes){data, len});
    else if (msgpack)
        yd_sio_client_fail(client, "text where MessagePack was due");
    else if (binary)
        on_attachment(client, data, len);
    else
        on_text(client, (yodel_str){(char *)data, len});
}

/* A packet for one is written to the connection's output as it is; longer ones gain nothing. */
#define SMALL 1000

int yd_sio_send_small(struct yd_sio_client *client, const struct yd_sio_output *output,
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

int yd_sio_client_send(struct yd_sio_client *client, const struct yd_sio_output *output)
{
    struct yd_sio_out out;
    int rc = yd_sio_encode_out(mem_of(client), client->sio->options.parser, output, NULL, &out);

    if (rc < 0)
        return rc;
    rc = yd_eio_send(client->session, out.msgs, out.num, 0);
    yd_sio_out_unref(&out);
    return rc;
}

/* ---- sessions ---- */

static void *on_open(struct yd_eio_session *session, void *user)
{
    yodel_sio *sio = user;
    struct yd_sio_client *client = yd_zalloc(sio->mem, sizeof *client);

    if (client == NULL)
        return NULL;
    client->sio = sio;
    client->session = session;
    client->leave.run = run_leave;
    yd_list_init(&client->sockets);
    yd_timer_init(&client->timer, on_connect_timeout);
    yd_timer_start(&yd_eio_loop(session)->wheel, &client->timer,
                   yd_loop_due(yd_eio_loop(session), sio->options.connect_timeout_ms));
    return client;
}

static void on_close(struct yd_eio_session *session, enum yd_eio_reason reason)
{
    struct yd_sio_client *client = yd_eio_data(session);

    client->closing = true;
    yd_timer_stop(&yd_eio_loop(session)->wheel, &client->timer);
    free_pending(client);
    while (!yd_list_is_empty(&client->sockets)) {
        yodel_sio_socket *socket =
            yd_container_of(client->sockets.next, yodel_sio_socket, of_client);

        if (socket->state == YD_SIO_LEAVING)
            yd_sio_socket_end(socket, socket->reason, false);
        else
            yd_sio_socket_end(socket, yd_eio_reason_text(reason), reason != YD_EIO_PARSE_ERROR);
    }
    client->session = NULL;
    if (!client->leave_queued) /* else that task frees it */
        yd_free(mem_of(client), client);
}

static void on_drain(struct yd_eio_session *session)
{
    struct yd_sio_client *client = yd_eio_data(session);
    struct yd_list *node = client->sockets.next, *next;

    for (; node != &client->sockets; node = next) {
        yodel_sio_socket *socket = yd_container_of(node, yodel_sio_socket, of_client);
        const struct yd_sio_config *config = socket->ns->config;

        next = node->next;
        if (socket->state == YD_SIO_CONNECTED && config->handlers.on_drain != NULL)
            config->handlers.on_drain(socket, config->user);
    }
}

const struct yd_eio_events yd_sio_eio_events = {
    .on_open = on_open,
    .on_message = on_message,
    .on_drain = on_drain,
    .on_close = on_close,
};
