/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "proto/http1.h"
#include "proto/url.h"
#include "sio/client.h"

/* socket.handshake as the JavaScript server shows it. */

/* Bytes that are no UTF-8 are left out: JSON cannot say them. */
static json_t *text(yodel_str value)
{
    json_t *string = json_stringn(value.ptr != NULL ? value.ptr : "", value.len);

    return string != NULL ? string : json_string("");
}

static void put_header(json_t *headers, const struct yd_http_field *field)
{
    char name[128];
    size_t len = field->name.len < sizeof name - 1 ? field->name.len : sizeof name - 1;

    for (size_t i = 0; i < len; i++)
        name[i] = (char)tolower((unsigned char)field->name.ptr[i]);
    name[len] = '\0';
    (void)json_object_set_new(headers, name, text(field->value));
}

static json_t *make_headers(const struct yd_eio_handshake *handshake)
{
    json_t *headers = json_object();

    for (size_t i = 0; headers != NULL && i < handshake->num_fields; i++)
        put_header(headers, &handshake->fields[i]);
    return headers;
}

static yodel_str take_until(yodel_str *rest, char end)
{
    const char *found = rest->len > 0 ? memchr(rest->ptr, end, rest->len) : NULL;
    yodel_str part = {rest->ptr, found != NULL ? (size_t)(found - rest->ptr) : rest->len};

    *rest = found != NULL ? (yodel_str){found + 1, rest->len - part.len - 1}
                          : (yodel_str){rest->ptr + rest->len, 0};
    return part;
}

static void put_query_field(json_t *query, yodel_str field, char *room)
{
    yodel_str value = field, name = take_until(&value, '=');
    ptrdiff_t name_len = yd_url_decode(name, room, 1), value_len;
    json_t *decoded;

    if (name_len <= 0)
        return;
    room[name_len] = '\0';
    value_len = yd_url_decode(value, room + name_len + 1, 1);
    decoded = text(value_len < 0 ? value : (yodel_str){room + name_len + 1, (size_t)value_len});
    (void)json_object_set_new(query, room, decoded); /* refuses a name that is no UTF-8 */
}

static json_t *make_query(yodel_sio *sio, yodel_str rest)
{
    json_t *query = json_object();
    char *room = yd_alloc(sio->mem, rest.len + 2);

    while (query != NULL && room != NULL && rest.len > 0)
        put_query_field(query, take_until(&rest, '&'), room);
    yd_free(sio->mem, room);
    return query;
}

static json_t *make_time(uint64_t issued_ms)
{
    time_t seconds = (time_t)(issued_ms / 1000);
    struct tm utc;
    char date[64];

    if (gmtime_r(&seconds, &utc) == NULL ||
        strftime(date, sizeof date, "%a %b %d %Y %H:%M:%S GMT+0000", &utc) == 0)
        return json_string("");
    return json_sprintf("%s (Coordinated Universal Time)", date);
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

json_t *yodel_sio_handshake(const yodel_sio_socket *socket)
{
    const struct yd_eio_handshake *handshake;

    if (socket->client == NULL)
        return json_object();
    handshake = yd_eio_handshake(socket->client->session);
    return json_pack("{s:o, s:o, s:o, s:b, s:b, s:I, s:o, s:o, s:o}", "headers",
                     make_headers(handshake), "time", make_time(handshake->issued_ms), "address",
                     text(without_port(handshake->address)), "xdomain", handshake->xdomain,
                     "secure", handshake->secure, "issued", (json_int_t)handshake->issued_ms, "url",
                     text(handshake->url), "query", make_query(socket->ns->sio, handshake->query),
                     "auth", json_deep_copy(yodel_sio_auth(socket)));
}

const char *yodel_sio_socket_transport(const yodel_sio_socket *socket)
{
    return socket->client != NULL && yd_eio_transport(socket->client->session) == YD_EIO_WEBSOCKET
               ? "websocket"
               : "polling";
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
