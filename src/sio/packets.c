/* SPDX-License-Identifier: MIT */
#include "sio/packets.h"

#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "proto/sio_msgpack.h"
#include "sio/connect.h"
#include "sio/entry.h"
#include "sio/leave.h"
#include "sio/sio_event.h"

/* A packet of which attachments are still to come. */
struct yd_sio_pending {
    struct yd_sio_client *client;
    struct yd_timer timer; /* to the next attachment */
    struct yd_buf text;
    struct yd_buf attachments[YD_SIO_MAX_ATTACHMENTS];
    struct yd_sio_packet packet; /* views of text */
    uint32_t num;                /* that have come */
    size_t bytes;                /* of text and attachments */
};

static const struct yodel_allocator *mem_of(const struct yd_sio_client *client)
{
    return client->sio->mem;
}

static void fail_too_big(struct yd_sio_client *client, const char *why)
{
    yd_sio_count_one(&client->sio->counters.too_big);
    yd_sio_client_fail(client, why);
}

void yd_sio_drop_pending(struct yd_sio_client *client)
{
    struct yd_sio_pending *pending = client->pending;

    if (pending == NULL)
        return;
    client->pending = NULL;
    yd_timer_stop(&yd_eio_loop(client->session)->wheel, &pending->timer);
    yd_buf_free(mem_of(client), &pending->text);
    for (uint32_t i = 0; i < pending->num; i++)
        yd_buf_free(mem_of(client), &pending->attachments[i]);
    yd_free(mem_of(client), pending);
}

/* ---- to a socket ---- */

/* Of all sockets of a client. */
static size_t early_bytes(const struct yd_sio_client *client)
{
    const struct yd_list *node = client->sockets.next;
    size_t bytes = 0;

    for (; node != &client->sockets; node = node->next) {
        yodel_sio_socket *socket = yd_container_of(node, yodel_sio_socket, of_client);

        if (yd_sio_aside(socket)->early != NULL)
            bytes += yd_sio_aside(socket)->early->bytes;
    }
    return bytes + yd_sio_entries_bytes(client);
}

/* The limit is the client's, however many sockets share it. */
static void keep_early(struct yd_sio_client *client, struct yd_sio_early **early,
                       const struct yd_sio_packet *packet, const yodel_bytes *attachments)
{
    size_t max = client->sio->options.max_payload, used = early_bytes(client);
    size_t own = *early != NULL ? (*early)->bytes : 0;
    int rc = yd_sio_early_keep(early, mem_of(client), max > used ? max - used + own : own, packet,
                               attachments);

    if (rc == YODEL_ERR_TOO_BIG)
        fail_too_big(client, "too many events wait for a decision");
    else if (rc < 0)
        yd_sio_client_fail(client, "out of memory");
}

static bool is_event(const struct yd_sio_packet *packet)
{
    return packet->type == YD_SIO_EVENT || packet->type == YD_SIO_BINARY_EVENT;
}

static void keep_for_socket(yodel_sio_socket *socket, const struct yd_sio_packet *packet,
                            const yodel_bytes *attachments)
{
    struct yd_sio_aside *aside = yd_sio_aside_of(socket);

    if (aside != NULL)
        keep_early(socket->client, &aside->early, packet, attachments);
    else
        yd_sio_client_fail(socket->client, "out of memory");
}

static void on_socket_packet(yodel_sio_socket *socket, const struct yd_sio_packet *packet,
                             const yodel_bytes *attachments)
{
    if (socket->phase == YD_SIO_LEAVING)
        return; /* it was under way when the socket left */
    if (packet->type == YD_SIO_DISCONNECT)
        yd_sio_leave_soon(socket, "client namespace disconnect");
    else if (socket->phase != YD_SIO_CONNECTED ||
             (yd_sio_aside(socket)->held != NULL && is_event(packet))) {
        keep_for_socket(socket, packet, attachments);
    } else if (is_event(packet)) {
        yd_sio_on_event(socket, packet, attachments);
    } else if (packet->has_id) {
        struct yd_sio_answer answer = {packet->args, attachments, packet->num_attachments};

        yd_sio_waits_answer(yd_sio_aside(socket)->waits, packet->id, &answer);
    }
}

/* Who leaves and connects again in one payload must find the old socket gone. */
static void on_connect_packet(struct yd_sio_client *client, yodel_sio_socket *socket,
                              const struct yd_sio_packet *packet)
{
    if (socket != NULL && socket->phase != YD_SIO_LEAVING) {
        yd_sio_client_fail(client, "CONNECT twice");
        return;
    }
    if (socket != NULL)
        (void)yd_sio_leave_now(socket, socket->reason, false);
    if (!client->closing)
        yd_sio_on_connect(client, packet);
}

/* It is not decided yet whether there is such a namespace for it. */
static void on_entry_packet(yodel_sio_entry *entry, struct yd_sio_client *client,
                            const struct yd_sio_packet *packet, const yodel_bytes *attachments)
{
    if (packet->type == YD_SIO_CONNECT) {
        yd_sio_client_fail(client, "CONNECT twice");
    } else if (packet->type == YD_SIO_DISCONNECT) {
        client->has_left = true;
        yd_sio_entry_end(entry);
    } else {
        keep_early(client, yd_sio_entry_early(entry), packet, attachments);
    }
}

/* What comes for a namespace that was left meanwhile is dropped; for one never joined it is a
 * fault of the client. */
static void on_packet(struct yd_sio_client *client, const struct yd_sio_packet *packet,
                      const yodel_bytes *attachments)
{
    yodel_sio_socket *socket = yd_sio_client_socket(client, packet->nsp);
    yodel_sio_entry *entry = socket == NULL ? yd_sio_find_entry(client, packet->nsp) : NULL;

    if (entry != NULL)
        on_entry_packet(entry, client, packet, attachments);
    else if (packet->type == YD_SIO_CONNECT)
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

static void await_next(struct yd_sio_pending *pending, uint64_t since)
{
    uint32_t limit_ms = pending->client->sio->options.attachment_timeout_ms;

    yd_timer_start(&yd_eio_loop(pending->client->session)->wheel, &pending->timer,
                   limit_ms != UINT32_MAX ? since + limit_ms : YD_NEVER);
}

/* Of a large one, bytes may be coming in. */
static void on_attachment_timeout(struct yd_timer *timer)
{
    struct yd_sio_pending *pending = yd_container_of(timer, struct yd_sio_pending, timer);
    struct yd_sio_client *client = pending->client;
    uint64_t heard_at = yd_eio_heard_at(client->session);

    if (heard_at + client->sio->options.attachment_timeout_ms > yd_eio_loop(client->session)->now) {
        await_next(pending, heard_at);
        return;
    }
    yd_sio_count_one(&client->sio->counters.attachments_late);
    yd_sio_client_fail(client, "attachments that did not come");
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
    pending->client = client;
    pending->bytes = text.len;
    yd_timer_init(&pending->timer, on_attachment_timeout);
    await_next(pending, yd_eio_loop(client->session)->now);
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
    if (len > client->sio->options.max_payload - pending->bytes) {
        fail_too_big(client, "a packet that is too big with its attachments");
        return;
    }
    if (yd_buf_append(mem_of(client), &pending->attachments[pending->num], data, len) < 0) {
        yd_sio_client_fail(client, "out of memory");
        return;
    }
    pending->bytes += len;
    if (++pending->num < pending->packet.num_attachments) {
        await_next(pending, yd_eio_loop(client->session)->now);
        return;
    }
    for (uint32_t i = 0; i < pending->num; i++)
        attachments[i] = (yodel_bytes){pending->attachments[i].ptr, pending->attachments[i].len};
    client->pending = NULL;
    on_packet(client, &pending->packet, attachments);
    client->pending = pending;
    yd_sio_drop_pending(client);
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

void yd_sio_on_message(struct yd_sio_client *client, bool binary, uint8_t *data, size_t len)
{
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
