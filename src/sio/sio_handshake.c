/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "proto/http1.h"
#include "proto/json_doc.h"
#include "proto/json_scan.h"
#include "proto/url.h"
#include "sio/client.h"

/* socket.handshake as the JavaScript server shows it. */

/* JSON text that is put together; the first error is kept and nothing is written after it. */
struct writer {
    const struct yodel_allocator *mem;
    struct yd_buf *buf;
    int rc;
};

static void put(struct writer *writer, yodel_str text)
{
    if (writer->rc == 0)
        writer->rc = yd_buf_append_str(writer->mem, writer->buf, text);
}

/* Text that is no UTF-8 is "": JSON cannot say it. */
static void put_text(struct writer *writer, yodel_str text)
{
    if (!yd_utf8_is_valid(text.ptr, text.len))
        text.len = 0;
    if (writer->rc == 0)
        writer->rc = yd_json_put_string(writer->mem, writer->buf, text);
}

/* name: ":" and what is ahead of it, as text. */
static void put_member(struct writer *writer, yodel_str name, yodel_str value)
{
    put(writer, name);
    put_text(writer, value);
}

static void put_name(struct writer *writer, yodel_str name, bool is_first)
{
    if (!is_first)
        put(writer, YODEL_STR(","));
    put_text(writer, name);
    put(writer, YODEL_STR(":"));
}

static void put_headers(struct writer *writer, const struct yd_eio_handshake *handshake)
{
    const char *next = NULL;
    struct yd_http_field field;
    bool is_first = true;

    while (yd_eio_handshake_next(handshake, &next, &field)) {
        size_t begin;

        if (!is_first)
            put(writer, YODEL_STR(","));
        is_first = false;
        begin = writer->buf->len;
        put_text(writer, field.name);
        for (size_t at = begin; at < writer->buf->len; at++)
            writer->buf->ptr[at] = (uint8_t)tolower(writer->buf->ptr[at]);
        put(writer, YODEL_STR(":"));
        put_text(writer, field.value);
    }
}

static yodel_str take_until(yodel_str *rest, char end)
{
    const char *found = rest->len > 0 ? memchr(rest->ptr, end, rest->len) : NULL;
    yodel_str part = {rest->ptr, found != NULL ? (size_t)(found - rest->ptr) : rest->len};

    *rest = found != NULL ? (yodel_str){found + 1, rest->len - part.len - 1}
                          : (yodel_str){rest->ptr + rest->len, 0};
    return part;
}

/* A field without a name, or with one that is no UTF-8, is left out. */
static void put_query_field(struct writer *writer, yodel_str field, char *room, bool *is_first)
{
    yodel_str value = field, name = take_until(&value, '=');
    ptrdiff_t name_len = yd_url_decode(name, room, 1), value_len;

    if (name_len <= 0 || !yd_utf8_is_valid(room, (size_t)name_len))
        return;
    put_name(writer, (yodel_str){room, (size_t)name_len}, *is_first);
    value_len = yd_url_decode(value, room, 1);
    put_text(writer, value_len < 0 ? value : (yodel_str){room, (size_t)value_len});
    *is_first = false;
}

static void put_query(struct writer *writer, yodel_str rest)
{
    char *room = yd_alloc(writer->mem, rest.len + 1);
    bool is_first = true;

    if (room == NULL)
        writer->rc = -ENOMEM;
    while (writer->rc == 0 && rest.len > 0)
        put_query_field(writer, take_until(&rest, '&'), room, &is_first);
    yd_free(writer->mem, room);
}

static void put_time(struct writer *writer, uint64_t issued_ms)
{
    time_t seconds = (time_t)(issued_ms / 1000);
    struct tm utc;
    char date[80] = "";

    if (gmtime_r(&seconds, &utc) == NULL ||
        strftime(date, sizeof date, "%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)",
                 &utc) == 0)
        date[0] = '\0';
    put_text(writer, yodel_str_of(date));
}

/* "192.0.2.1:4711" and "[2001:db8::1]:4711" without port and brackets. */
static yodel_str without_port(yodel_str peer)
{
    const char *end = peer.len > 0 ? memrchr(peer.ptr, ':', peer.len) : NULL;

    if (end == NULL)
        return peer;
    if (peer.ptr[0] == '[' && end > peer.ptr && end[-1] == ']')
        return (yodel_str){peer.ptr + 1, (size_t)(end - peer.ptr) - 2};
    return (yodel_str){peer.ptr, (size_t)(end - peer.ptr)};
}

static void put_flags(struct writer *writer, const struct yd_eio_handshake *handshake)
{
    if (writer->rc == 0)
        writer->rc = yd_buf_printf(writer->mem, writer->buf,
                                   ",\"xdomain\":%s,\"secure\":%s,\"issued\":%" PRIu64,
                                   handshake->xdomain ? "true" : "false",
                                   handshake->secure ? "true" : "false", handshake->issued_ms);
}

static void put_handshake(struct writer *writer, const struct yd_eio_handshake *handshake,
                          const char *auth)
{
    put(writer, YODEL_STR("{\"headers\":{"));
    put_headers(writer, handshake);
    put(writer, YODEL_STR("},\"time\":"));
    put_time(writer, handshake->issued_ms);
    put_member(writer, YODEL_STR(",\"address\":"),
               without_port(yd_eio_handshake_address(handshake)));
    put_flags(writer, handshake);
    put_member(writer, YODEL_STR(",\"url\":"), yd_eio_handshake_url(handshake));
    put(writer, YODEL_STR(",\"query\":{"));
    put_query(writer, yd_eio_handshake_query(handshake));
    put(writer, YODEL_STR("},\"auth\":"));
    put(writer, auth != NULL ? yodel_str_of(auth) : YODEL_STR("{}"));
    put(writer, YODEL_STR("}"));
}

int yd_sio_put_handshake(const yodel_sio_socket *socket, struct yd_buf *buf)
{
    struct writer writer = {.mem = socket->ns->sio->mem, .buf = buf};
    size_t len = buf->len;

    if (socket->client == NULL)
        put(&writer, YODEL_STR("{}"));
    else
        put_handshake(&writer, yd_eio_handshake(socket->client->session), socket->auth_text);
    if (writer.rc < 0)
        buf->len = len;
    return writer.rc;
}

json_t *yodel_sio_socket_handshake(const yodel_sio_socket *socket)
{
    const struct yodel_allocator *mem;
    struct yd_buf text = {0};
    json_t *document = NULL;

    if (socket == NULL)
        return NULL;
    mem = socket->ns->sio->mem;
    if (yd_sio_put_handshake(socket, &text) == 0)
        (void)yd_json_read_checked((yodel_str){(char *)text.ptr, text.len}, &document);
    yd_buf_free(mem, &text);
    return document;
}

const char *yodel_sio_socket_transport(const yodel_sio_socket *socket)
{
    if (socket == NULL)
        return NULL;
    return socket->client != NULL && yd_eio_transport(socket->client->session) == YD_EIO_WEBSOCKET
               ? "websocket"
               : "polling";
}

yodel_str yodel_sio_socket_session_id(const yodel_sio_socket *socket)
{
    if (socket == NULL || socket->phase == YD_SIO_AWAY || socket->client == NULL ||
        socket->client->session == NULL)
        return (yodel_str){NULL, 0};
    return yd_eio_id(socket->client->session);
}

uint64_t yodel_sio_socket_client_number(const yodel_sio_socket *socket)
{
    if (socket == NULL || socket->phase == YD_SIO_AWAY || socket->client == NULL ||
        socket->client->session == NULL)
        return 0;
    return yd_sio_client_number(socket->ns->sio, socket->client->session);
}

/* ---- one field ---- */

static bool is_named(yodel_str encoded, yodel_str name)
{
    char text[256];
    ptrdiff_t len = encoded.len <= sizeof text ? yd_url_decode(encoded, text, 1) : -1;

    return len >= 0 && yodel_str_eq((yodel_str){text, (size_t)len}, name);
}

static bool find_query(yodel_str query, yodel_str name, yodel_str *ret_encoded)
{
    while (query.len > 0) {
        yodel_str value = take_until(&query, '&');

        if (is_named(take_until(&value, '='), name)) {
            *ret_encoded = value;
            return true;
        }
    }
    return false;
}

static bool has_escapes(yodel_str encoded)
{
    return encoded.len > 0 &&
           (memchr(encoded.ptr, '%', encoded.len) || memchr(encoded.ptr, '+', encoded.len));
}

/* Kept as long as the client, for the view that is given out.  What is malformed stays as it is. */
static yodel_str decode(struct yd_sio_client *client, yodel_str encoded)
{
    struct yd_sio_decoded *decoded = client->decoded;
    ptrdiff_t len;

    if (!has_escapes(encoded))
        return encoded;
    while (decoded != NULL && decoded->encoded != encoded.ptr)
        decoded = decoded->next;
    if (decoded != NULL)
        return (yodel_str){decoded->text, decoded->len};
    if ((decoded = yd_alloc(client->sio->mem, sizeof *decoded + encoded.len)) == NULL)
        return (yodel_str){NULL, 0};
    if ((len = yd_url_decode(encoded, decoded->text, 1)) < 0) {
        yd_free(client->sio->mem, decoded);
        return encoded;
    }
    decoded->encoded = encoded.ptr;
    decoded->len = (size_t)len;
    decoded->next = client->decoded;
    client->decoded = decoded;
    return (yodel_str){decoded->text, decoded->len};
}

yodel_str yodel_sio_socket_header(const yodel_sio_socket *socket, const char *name)
{
    const struct yd_eio_handshake *handshake;
    struct yd_http_field field;
    const char *next = NULL;
    yodel_str encoded;

    if (socket == NULL)
        return (yodel_str){NULL, 0};
    if (socket->client == NULL)
        return (yodel_str){NULL, 0};
    handshake = yd_eio_handshake(socket->client->session);
    while (yd_eio_handshake_next(handshake, &next, &field))
        if (yd_str_eq_nocase(field.name, yodel_str_of(name)))
            return field.value;
    if (!find_query(yd_eio_handshake_query(handshake), yodel_str_of(name), &encoded))
        return (yodel_str){NULL, 0};
    return encoded.ptr != NULL ? decode(socket->client, encoded) : YODEL_STR("");
}

yodel_str yodel_sio_socket_peer(const yodel_sio_socket *socket)
{
    if (socket == NULL)
        return (yodel_str){NULL, 0};
    if (socket->client == NULL)
        return (yodel_str){NULL, 0};
    return yd_eio_handshake_address(yd_eio_handshake(socket->client->session));
}

yodel_str yodel_sio_socket_listener_tag(const yodel_sio_socket *socket)
{
    if (socket == NULL || socket->client == NULL)
        return (yodel_str){NULL, 0};
    return yd_eio_handshake_tag(yd_eio_handshake(socket->client->session));
}
