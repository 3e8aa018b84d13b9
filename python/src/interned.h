/* SPDX-License-Identifier: MIT */
#ifndef YP_INTERNED_H
#define YP_INTERNED_H

#include <Python.h>

/*
 * Strings that messages, scopes and attribute look-ups need again and again: made once, compared by
 * address first.  X(field, text); keep them in order.
 */
#define YP_NAMES(X)                                                                                \
    X(accept, "websocket.accept")                                                                  \
    X(add_done_callback, "add_done_callback")                                                      \
    X(app, "app")                                                                                  \
    X(asgi, "asgi")                                                                                \
    X(body, "body")                                                                                \
    X(bytes, "bytes")                                                                              \
    X(call_exception_handler, "call_exception_handler")                                            \
    X(call_soon, "call_soon")                                                                      \
    X(call_soon_threadsafe, "call_soon_threadsafe")                                                \
    X(cancel, "cancel")                                                                            \
    X(client, "client")                                                                            \
    X(close, "websocket.close")                                                                    \
    X(code, "code")                                                                                \
    X(connect, "websocket.connect")                                                                \
    X(context, "context")                                                                          \
    X(create_future, "create_future")                                                              \
    X(create_task, "create_task")                                                                  \
    X(denial_body, "websocket.http.response.body")                                                 \
    X(denial_start, "websocket.http.response.start")                                               \
    X(disconnect, "websocket.disconnect")                                                          \
    X(done, "done")                                                                                \
    X(exc_info, "exc_info")                                                                        \
    X(exception, "exception")                                                                      \
    X(extensions, "extensions")                                                                    \
    X(get_debug, "get_debug")                                                                      \
    X(get_logger, "getLogger")                                                                     \
    X(headers, "headers")                                                                          \
    X(http, "http")                                                                                \
    X(https, "https")                                                                              \
    X(http_body, "http.response.body")                                                             \
    X(http_disconnect, "http.disconnect")                                                          \
    X(http_request, "http.request")                                                                \
    X(early_hint, "http.response.early_hint")                                                      \
    X(http_start, "http.response.start")                                                           \
    X(http_version, "http_version")                                                                \
    X(http_1_0, "1.0")                                                                             \
    X(http_1_1, "1.1")                                                                             \
    X(is_enabled_for, "isEnabledFor")                                                              \
    X(links, "links")                                                                              \
    X(log, "log")                                                                                  \
    X(method, "method")                                                                            \
    X(more_body, "more_body")                                                                      \
    X(path, "path")                                                                                \
    X(query_string, "query_string")                                                                \
    X(raw_path, "raw_path")                                                                        \
    X(reason, "reason")                                                                            \
    X(receive, "receive")                                                                          \
    X(root_path, "root_path")                                                                      \
    X(scheme, "scheme")                                                                            \
    X(send, "send")                                                                                \
    X(server, "server")                                                                            \
    X(set_result, "set_result")                                                                    \
    X(state, "state")                                                                              \
    X(status, "status")                                                                            \
    X(subprotocol, "subprotocol")                                                                  \
    X(subprotocols, "subprotocols")                                                                \
    X(text, "text")                                                                                \
    X(type, "type")                                                                                \
    X(websocket, "websocket")                                                                      \
    X(ws, "ws")                                                                                    \
    X(wss, "wss")                                                                                  \
    X(ws_receive, "websocket.receive")                                                             \
    X(ws_send, "websocket.send")                                                                   \
    X(yodel_servers, "yodel_servers")

/* One strong reference each. */
struct yp_names {
#define X(field, text) PyObject *field;
    YP_NAMES(X)
#undef X
};

/*
 * Interns all of them.
 *
 * Returns 0, or -1 with an exception; yp_names_clear() is due in both cases.
 */
int yp_names_init(struct yp_names *names);

/* Gives them back; may be called again. */
void yp_names_clear(struct yp_names *names);

/*
 * Whether a key or type that a program gave is this name.  Nearly always it is the very same
 * object.
 *
 * Returns 1 or 0; never an exception: what is no string is not the name.
 */
int yp_is_name(PyObject *value, PyObject *name);

/*
 * An item of a dict under an interned name; None counts as absent.
 *
 * dict   a dict
 *
 * Returns a borrowed reference; NULL, without an exception, when it is absent.
 */
PyObject *yp_get(PyObject *dict, PyObject *name);

#endif
