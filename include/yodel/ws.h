/* SPDX-License-Identifier: MIT */
#ifndef YODEL_WS_H
#define YODEL_WS_H

#include <yodel/ws_handlers.h>

YODEL_C_BEGIN

/*
 * What can be done with a WebSocket.  A function for its loop may be
 * called in every callback of that loop, for this WebSocket and for others; from elsewhere it is
 * named by its id, at the end of this header.
 */

/* ---- deciding ---- */

/*
 * A subprotocol that the client offers (Sec-WebSocket-Protocol), to choose one in on_connect.
 *
 * req   the request of on_connect
 * i     which, from 0, in the client's order of preference
 *
 * Returns a view that lives as long as req; {NULL, 0} past the last.
 */
YODEL_API yodel_str yodel_request_subprotocol(const yodel_request *req, size_t i) YODEL_LOOP_THREAD;

/* What an accept adds to the answer.  Copied, where it is kept. */
typedef struct yodel_ws_accept_options {
    size_t size;
    const char
        *subprotocol; /* one of those offered, else -EINVAL; NULL: the first of the route's */
    const yodel_header *headers; /* num_headers of them, after the library's own */
    size_t num_headers;
} yodel_ws_accept_options;

/*
 * Opens a WebSocket: sends 101.  Called in on_connect (on_open then runs after that has returned),
 * or later, while it is deferred (on_open then runs inside this call).  Messages may be sent at
 * once.
 *
 * options   copied; NULL: no headers, the route's subprotocol
 *
 * Returns 0, -ENOMEM, -EINVAL (a subprotocol that was not offered; a header without a name or
 * value, that cannot be sent, or that the handshake has itself), -EIO (no SHA-1 in OpenSSL),
 * YODEL_ERR_OPTIONS, YODEL_ERR_STATE (decided already, by an answer to the request too) or
 * YODEL_ERR_CLOSED (the client has gone).  After a failure it is as undecided as before.
 */
YODEL_API int yodel_ws_accept(yodel_ws *ws,
                              const yodel_ws_accept_options *options) YODEL_LOOP_THREAD;

/*
 * Refuses a WebSocket with an HTTP response and closes the connection.  A deferred one has its
 * on_close after this call; one that is refused in on_connect has none.
 *
 * response   status 300..599, 0: 403; with headers and body as in yodel_request_respond(), such as
 *            Location of a redirect or WWW-Authenticate of a 401.  1xx and 2xx give -EINVAL: they
 *            would not refuse.  Without body and content type the usual text of an error is sent.
 *            Copied; NULL: a plain 403
 *
 * Returns 0, -ENOMEM, -EINVAL, YODEL_ERR_OPTIONS, YODEL_ERR_STATE (decided already) or
 * YODEL_ERR_CLOSED (the client has gone).  After a failure it is as undecided as before.
 */
YODEL_API int yodel_ws_reject(yodel_ws *ws, const yodel_response *response) YODEL_LOOP_THREAD;

/*
 * The right to decide on a WebSocket later, from any thread: see yodel/decision.h.  Called in
 * on_connect, which then returns YODEL_DEFER, or while it is deferred.  Called again it gives
 * another reference to the same decision.
 *
 * Returns a reference, for yodel_decision_unref().  NULL: out of memory, or decided already; 503 is
 * then a good result of on_connect.
 */
YODEL_API YODEL_CHECK_RESULT yodel_decision *yodel_ws_defer(yodel_ws *ws) YODEL_LOOP_THREAD;

/* ---- sending ---- */

/*
 * Queues one message.  It leaves in the order of the calls, at the latest at the end of the turn;
 * it is compressed if that was agreed on.
 *
 * type   YODEL_WS_TEXT or YODEL_WS_BINARY
 * data   of any length, also empty; copied before the call returns.  Text must be UTF-8 (RFC 6455
 *        5.6)
 *
 * Returns 0, or nothing was queued: -ENOMEM, -EINVAL (type), YODEL_ERR_ENCODING (not UTF-8),
 * YODEL_ERR_STATE (not accepted yet), YODEL_ERR_CLOSED (over), or YODEL_ERR_CONGESTED: more than
 * max_buffered waits for the client.  on_drain tells then when to go on.
 */
YODEL_API int yodel_ws_send(yodel_ws *ws, yodel_ws_type type, yodel_bytes data) YODEL_LOOP_THREAD;

/*
 * yodel_ws_send() of text.
 *
 * text   UTF-8, copied
 *
 * Returns as yodel_ws_send().
 */
YODEL_API int yodel_ws_send_text(yodel_ws *ws, yodel_str text) YODEL_LOOP_THREAD;

/*
 * Sends JSON text made from jansson's packed format, compact and in UTF-8:
 *     yodel_ws_send_pack(ws, "{s:s, s:i}", "from", name, "count", count);
 * A document is sent by yodel_ws_send_json() (yodel/json.h).
 *
 * format   of any JSON value.  Strings are NUL-terminated UTF-8 (or "s#" with an int length);
 *          references given with "o" are taken, whatever is returned
 *
 * Returns as yodel_ws_send(), or YODEL_ERR_FORMAT (format and arguments make no JSON value).
 */
YODEL_API int yodel_ws_send_pack(yodel_ws *ws, const char *format, ...) YODEL_LOOP_THREAD;

/* A message encoded once, to be sent to many.  Reference-counted; of one server, any loop. */
typedef struct yodel_prepared yodel_prepared;

/*
 * Makes a message that can be sent any number of times without encoding, copying or compressing it
 * again.  To all members of a group yodel_group_send() does that by itself.
 *
 * server        whose allocator it is made with; must live until the last reference is given back
 * type          YODEL_WS_TEXT or YODEL_WS_BINARY
 * data          copied; text must be UTF-8
 * ret_message   one reference
 *
 * Returns 0, -ENOMEM, -EINVAL (type) or YODEL_ERR_ENCODING.
 */
YODEL_API YODEL_CHECK_RESULT int yodel_prepared_new(yodel_server *server, yodel_ws_type type,
                                                    yodel_bytes data,
                                                    yodel_prepared **ret_message) YODEL_ANY_THREAD;

/*
 * One more reference.
 *
 * message   not NULL
 *
 * Returns message.
 */
YODEL_API yodel_prepared *yodel_prepared_ref(yodel_prepared *message) YODEL_ANY_THREAD;

/*
 * Gives a reference back.  What was queued of it is sent all the same.
 *
 * message   NULL does nothing
 *
 * Returns NULL, always.
 */
YODEL_API yodel_prepared *yodel_prepared_unref(yodel_prepared *message) YODEL_ANY_THREAD;

/*
 * Sends a prepared message: as yodel_ws_send(), without copying.
 *
 * message   borrowed; the queue has a reference of its own
 *
 * Returns as yodel_ws_send().
 */
YODEL_API int yodel_ws_send_prepared(yodel_ws *ws, yodel_prepared *message) YODEL_LOOP_THREAD;

/*
 * How much waits for the client: to be slower with one that does not keep up, before max_buffered.
 *
 * Returns bytes queued and not yet taken by the kernel.
 */
YODEL_API size_t yodel_ws_buffered(const yodel_ws *ws) YODEL_LOOP_THREAD;

/* ---- reading ---- */

/* A JSON text that was read, and the strings in it. */
typedef struct yodel_document yodel_document;

/*
 * Reads values out of a JSON message with jansson's unpack format.
 *     if (yodel_ws_unpack(message, &doc, "{s:s}", "message", &text) == 0) ...
 * Numbers and strings are as with yodel_request_unpack().  Any number of calls may read one
 * message; each makes a document of its own.
 *
 * message        of on_message; also a copy of the program's, on any thread
 * ret_document   what the strings, and what "o" gives, live in: until yodel_document_free()
 * format         of the values, and a pointer for each
 *
 * Returns 0, -ENOMEM, or YODEL_ERR_FORMAT (not JSON, more than 256 levels deep, or of another
 * shape). *ret_document is then untouched, and no value has been written.
 */
YODEL_API int yodel_ws_unpack(const yodel_ws_message *message, yodel_document **ret_document,
                              const char *format, ...) YODEL_ANY_THREAD;

/*
 * Frees what yodel_ws_unpack() or yodel_request_unpack() has read, and its strings with it.
 *
 * document   taken; NULL does nothing
 */
YODEL_API void yodel_document_free(yodel_document *document) YODEL_ANY_THREAD;

/*
 * Reads nothing more, so that a peer cannot send faster than its messages are dealt with; after at
 * most one read, of 64 KiB, it has to wait.  No handler for input runs until yodel_ws_resume(),
 * which gives what had come, in order, never inside that call.
 *
 * While it is paused pings of the peer are not answered, and a pong cannot be heard, so pong_ms
 * does not end it and no pings are sent.  The end of the peer's output is noticed when all before
 * it has been read, after the resume; a broken connection at once: on_close then comes without what
 * was not read.  yodel_ws_close() and a stop end the pause, and messages not read yet are dropped.
 *
 * May be called from on_connect on, also before the WebSocket is accepted, and more than once: one
 * resume ends it.  It goes together with the rest that a peer is given which has much to read
 * (max_buffered).
 *
 * Returns 0 or YODEL_ERR_CLOSED (over).
 */
YODEL_API int yodel_ws_pause(yodel_ws *ws) YODEL_LOOP_THREAD;

/*
 * Reads on after yodel_ws_pause(), in a later callback.
 *
 * Returns 0, also when it was not paused, or YODEL_ERR_CLOSED (over).
 */
YODEL_API int yodel_ws_resume(yodel_ws *ws) YODEL_LOOP_THREAD;

/* ---- the end ---- */

/*
 * Starts the closing handshake.  Messages queued before are sent first; from here on ws is in no
 * group, nothing more can be sent (YODEL_ERR_CLOSED), and messages that come are dropped.  on_close
 * comes later, never inside this call: with the peer's close frame, or after close_ms without it.
 * One that is not accepted yet is refused with 403.  To close again does nothing.
 *
 * code     1000, 1001, 1003, 1007..1014 or 3000..4999; any other is sent as 1000; 0: no status
 * reason   UTF-8 (else it is left out), copied; cut to 123 bytes at a character's end; NULL: none
 */
YODEL_API void yodel_ws_close(yodel_ws *ws, uint16_t code, const char *reason) YODEL_LOOP_THREAD;

/* ---- what it has ---- */

/*
 * Ties data of the program to a WebSocket: from on_connect on, in on_close too.
 *
 * data        the program's; NULL: none.  What was tied before is freed, unless it is the same
 *             pointer
 * free_data   frees data, once: as the last call for ws, after on_close (also when it was refused
 *             and has none), or when data is replaced; NULL: nothing is to be freed
 */
YODEL_API void yodel_ws_set_data(yodel_ws *ws, void *data,
                                 yodel_free_fn *free_data) YODEL_LOOP_THREAD;

/*
 * What yodel_ws_set_data() has tied; in every handler, on_close included.
 *
 * Returns it; NULL: nothing.
 */
YODEL_API void *yodel_ws_data(const yodel_ws *ws) YODEL_LOOP_THREAD;

/*
 * The server it belongs to, for the functions that take an id.
 *
 * Returns it, borrowed; never NULL.
 */
YODEL_API yodel_server *yodel_ws_server(const yodel_ws *ws) YODEL_LOOP_THREAD;

/*
 * The loop it belongs to, for timers and watches of its own (yodel/loop.h).
 *
 * Returns it, borrowed; never NULL.
 */
YODEL_API yodel_loop *yodel_ws_loop(const yodel_ws *ws) YODEL_LOOP_THREAD;

/*
 * Its name for other threads, and for later: a value that stays good after ws has gone, and then
 * names nothing.
 *
 * Returns the id; never 0.
 */
YODEL_API yodel_id yodel_ws_id(const yodel_ws *ws) YODEL_LOOP_THREAD;

/* ---- by id, from any thread ---- */

/*
 * What is run by yodel_ws_post(), on the loop of ws.
 *
 * ws    also one that is deferred, or on its way to its on_close
 * arg   what yodel_ws_post() was given; freed after this call
 */
typedef void(yodel_ws_post_fn)(yodel_ws *ws, void *arg);

/*
 * Runs a function on the loop of a WebSocket, never inside this call.  Posts from one thread to one
 * WebSocket keep their order.
 *
 * server     whose WebSocket it is; after a stop, too
 * id         of one that has gone, or none at all: nothing is run, and that is no error
 * fn         as above; not NULL
 * arg        taken: free_arg(arg) runs exactly once, after fn or in place of it, also when this
 *            call fails; on the thread of the caller or of a loop
 * free_arg   NULL: nothing is to be freed
 *
 * Returns 0, -EINVAL (no server, no fn), -ENOMEM, YODEL_ERR_CONGESTED (max_mailbox bytes wait for
 * that loop) or YODEL_ERR_CLOSED (the server has stopped).
 */
YODEL_API int yodel_ws_post(yodel_server *server, yodel_id id, yodel_ws_post_fn *fn, void *arg,
                            yodel_free_fn *free_arg) YODEL_ANY_THREAD;

/*
 * Sends one message from any thread.  What one thread sends and posts to one WebSocket keeps its
 * order.
 *
 * server   as for yodel_ws_post()
 * id       as for yodel_ws_post()
 * type     as for yodel_ws_send()
 * data     copied; text must be UTF-8
 *
 * Returns 0 once it is on its way to the loop; what yodel_ws_send() says there is not told: to a
 * client that is congested or has gone nothing is sent.  -EINVAL (type), YODEL_ERR_ENCODING,
 * -ENOMEM, YODEL_ERR_CONGESTED (max_mailbox) or YODEL_ERR_CLOSED (the server has stopped).
 */
YODEL_API int yodel_ws_send_id(yodel_server *server, yodel_id id, yodel_ws_type type,
                               yodel_bytes data) YODEL_ANY_THREAD;

/*
 * Closes from any thread, after what the same thread has sent.  max_mailbox does not hinder it.
 *
 * server   as for yodel_ws_post()
 * id       as for yodel_ws_post()
 * code     as for yodel_ws_close()
 * reason   as for yodel_ws_close(); copied
 *
 * Returns 0 once it is on its way to the loop, -ENOMEM or YODEL_ERR_CLOSED (the server has
 * stopped).
 */
YODEL_API int yodel_ws_close_id(yodel_server *server, yodel_id id, uint16_t code,
                                const char *reason) YODEL_ANY_THREAD;

YODEL_C_END

#endif
