/* SPDX-License-Identifier: MIT */
#include <yodel/json.h>

#include "program.h"

/* What handlers look at: calls that change nothing, each on what it may be called on.  Nothing is
 * drawn for them, so that programs of before mean what they meant. */

void look_at_request(struct program *p, yodel_request *req)
{
    yodel_peer_credentials peer = {.size = sizeof peer};
    const json_t *json;
    int number;

    (void)yodel_request_body(req);
    (void)yodel_request_param(req, "none");
    (void)yodel_request_query_param(req, "n");
    (void)yodel_request_header(req, "Host");
    (void)yodel_request_header_at(req, "Host", 1);
    (void)yodel_request_cookie(req, "io");
    (void)yodel_request_host(req);
    (void)yodel_request_peer(req);
    (void)yodel_request_peer_credentials(req, &peer);
    (void)yodel_request_client_cert_subject(req);
    (void)yodel_request_client_cert_fingerprint(req);
    (void)yodel_request_listener_tag(req);
    (void)yodel_request_subprotocol(req, 0);
    (void)yodel_request_json(req, &json);
    (void)yodel_request_unpack(req, "{s:i}", "a", &number);
    if (yodel_request_is_tls(req) != yodel_str_eq(yodel_request_scheme(req), YODEL_STR("https")))
        broken(p, "a request has two schemes");
    if (yodel_loop_server(yodel_request_loop(req)) != p->server)
        broken(p, "a request is of another server");
}

void look_at_message(struct program *p, yodel_ws *ws, const yodel_ws_message *message)
{
    yodel_document *document = NULL;
    json_t *json = NULL;
    int number;

    if (yodel_ws_server(ws) != p->server ||
        yodel_loop_server(yodel_ws_loop(ws)) != yodel_ws_server(ws))
        broken(p, "a WebSocket is of another server");
    if (yodel_ws_message_json(message, &json) == 0)
        json_decref(json);
    if (yodel_ws_unpack(message, &document, "{s:i}", "a", &number) == 0)
        yodel_document_free(document);
}

void look_at_event(struct program *p, yodel_sio_socket *socket, yodel_sio_event *event)
{
    size_t num = yodel_sio_event_num_args(event);
    json_t *array = yodel_sio_event_json(event);
    int number;

    if (array != NULL && json_array_size(array) != num)
        broken(p, "an event has %zu arguments and %zu", json_array_size(array), num);
    (void)yodel_sio_event_name(event);
    (void)yodel_sio_event_args(event);
    if (yodel_sio_event_arg(event, num).ptr != NULL)
        broken(p, "an event has an argument after the last");
    for (size_t i = 0; i <= yodel_sio_event_num_attachments(event); i++)
        (void)yodel_sio_event_attachment(event, i);
    (void)yodel_sio_event_unpack(event, "i", &number);
    (void)yodel_sio_socket_sio(socket);
    if (yodel_loop_server(yodel_sio_socket_loop(socket)) != p->server)
        broken(p, "a socket is of another server");
}

void look_at_references(struct program *p)
{
    (void)yodel_channels_unref(yodel_channels_ref(p->layer));
    (void)yodel_prepared_unref(yodel_prepared_ref(p->prepared));
    (void)yodel_sio_unref(yodel_sio_ref(p->services[0].sio));
    (void)yodel_server_unref(yodel_server_ref(p->server));
    if (yodel_server_num_loops(p->server) != p->num_loops)
        broken(p, "the server has other loops");
}
