/* SPDX-License-Identifier: MIT */
#ifndef YODEL_DECISION_H
#define YODEL_DECISION_H

#include <yodel/ws.h>

YODEL_C_BEGIN

/*
 * yodel_decision: the right and the duty to decide one thing later, once, from any thread. Counted:
 * who takes one has a reference, to be given back.  It keeps its server in memory until then.
 *
 * What is decided, who gives the right, and the verbs that decide it:
 *
 *     a WebSocket handshake     yodel_ws_defer()            accept, reject, refuse
 *     an HTTP request           yodel_request_defer()       respond, reject, refuse
 *     a Socket.IO session       yodel_request_defer()       accept, reject, refuse
 *                               in allow_request
 *     a client's namespace      yodel_sio_entry_defer()     accept, refuse
 *                               in a namespace's function
 *     a Socket.IO socket        yodel_sio_socket_defer()    accept, refuse
 *                               in middleware
 *     an event that came in     yodel_sio_event_defer()     accept, refuse
 *                               in event middleware
 *     an acknowledgement        yodel_sio_event_ack()       answer
 *
 * The first verb that succeeds wins; so does what the handler returned, if that was not
 * YODEL_DEFER.  A verb that fails leaves the decision open.  When the last reference is given back
 * undecided, it is dropped: the handshake or request is answered 503, the session refused with 403,
 * the namespace or socket refused, the event dropped, the acknowledgement not given.  So it is when
 * decide_ms of the server have passed; an acknowledgement has no limit.
 *
 * On the loop of what it is about a verb for a handshake, a request or an acknowledgement takes
 * effect in the call, with the results of yodel_ws_accept(), yodel_ws_reject(),
 * yodel_request_respond() and yodel_sio_event_answer().  Every other verb takes effect after the
 * present callback, or on the loop's next turn; should it turn out to be impossible there (no
 * memory, a subprotocol that was not offered), the decision counts as dropped.
 *
 * Every verb returns 0, or
 *     -EINVAL            not a verb for this kind, or arguments that cannot be
 *     -ENOMEM            try again, or drop it; from another thread never of
 *                        yodel_decision_accept(d, NULL) and yodel_decision_refuse(d, NULL, NULL)
 *     YODEL_ERR_STATE    decided already
 *     YODEL_ERR_CLOSED   over: the client has gone, decide_ms have passed, or the server stopped
 */

/* One more reference to d; returns d. */
YODEL_API yodel_decision *yodel_decision_ref(yodel_decision *d) YODEL_ANY_THREAD;
/* Gives one back.  NULL is a no-op.  Always returns NULL. */
YODEL_API yodel_decision *yodel_decision_unref(yodel_decision *d) YODEL_ANY_THREAD;

/* 1 while nobody has decided and what it is about is still there, else 0.  A hint: the client may
 * go at any time. */
YODEL_API int yodel_decision_is_open(const yodel_decision *d) YODEL_ANY_THREAD;

/*
 * Has fn(d, user) called, once, on the loop, when the decision is over without a verb of the
 * program's: the client has gone, or decide_ms have passed.  Never called after a verb has
 * succeeded, nor when the decision is dropped.  It replaces an fn given before; NULL: none.  d is
 * borrowed for the call; user must outlive the decision.
 *
 * Returns 0, YODEL_ERR_STATE or YODEL_ERR_CLOSED (fn will not be called).
 */
typedef void(yodel_decision_gone_fn)(yodel_decision *d, void *user);
YODEL_API int yodel_decision_on_gone(yodel_decision *d, yodel_decision_gone_fn *fn,
                                     void *user) YODEL_LOOP_THREAD;

/* Lets it happen: the WebSocket opens (options as for yodel_ws_accept(), copied; NULL: the
 * defaults), the session begins.  options must be NULL for all but a handshake. */
YODEL_API int yodel_decision_accept(yodel_decision *d,
                                    const yodel_ws_accept_options *options) YODEL_ANY_THREAD;

/* Answers a handshake or session with response in place of what was asked for; copied.  A final
 * status from 300 to 599; 0, and response NULL: 403.  A request as yodel_decision_respond(). */
YODEL_API int yodel_decision_reject(yodel_decision *d,
                                    const yodel_response *response) YODEL_ANY_THREAD;

/*
 * Refuses with a reason for the client.  message is UTF-8, data_json a JSON value; both are copied,
 * either may be NULL.  A handshake or request is answered 403 with the data as its JSON body, or
 * else the message as text; a session 403, {"code":4,"message":message}; a socket's client gets
 * connect_error with both, and for an event on_error is called with the message.  Also returns
 * YODEL_ERR_ENCODING (message) and YODEL_ERR_FORMAT (data_json).
 */
YODEL_API int yodel_decision_refuse(yodel_decision *d, const char *message,
                                    const char *data_json) YODEL_ANY_THREAD;

/* Answers a request, as yodel_request_respond(); response is copied. */
YODEL_API int yodel_decision_respond(yodel_decision *d,
                                     const yodel_response *response) YODEL_ANY_THREAD;

/* The same with text; content_type NULL: "text/plain; charset=utf-8". */
YODEL_API int yodel_decision_respond_text(yodel_decision *d, int status, const char *content_type,
                                          yodel_str text) YODEL_ANY_THREAD;

/* The same with JSON made from jansson's packed format, as yodel_request_reply_pack().  Also
 * returns YODEL_ERR_FORMAT. */
YODEL_API int yodel_decision_respond_pack(yodel_decision *d, int status, const char *format,
                                          ...) YODEL_ANY_THREAD;

/*
 * Calls fn(req, arg) on the loop of an HTTP request that is not decided, to answer it with what
 * only its loop can do: yodel_request_stream_begin(), yodel_request_sse_begin(), files.  Not called
 * when it has been decided by then, or the client has gone; free_arg(arg) follows in either case
 * (free_arg may be NULL).  req is valid for the call.  fn may leave it open; while another thread
 * decides at the same time, what fn calls gives YODEL_ERR_STATE.  What one thread posts comes in
 * its order.
 *
 * A post keeps a reference to d until arg is freed, so that the caller may give its own back at
 * once: if that was the last and fn has not answered, the request is answered 503.
 *
 * Returns 0, or an error and arg has been freed: -EINVAL (not of a request; fn NULL), -ENOMEM,
 * YODEL_ERR_CONGESTED (max_mailbox), YODEL_ERR_STATE, YODEL_ERR_CLOSED.
 */
typedef void(yodel_decision_post_fn)(yodel_request *req, void *arg);
YODEL_API int yodel_decision_post(yodel_decision *d, yodel_decision_post_fn *fn, void *arg,
                                  yodel_free_fn *free_arg) YODEL_ANY_THREAD;

YODEL_C_END

#endif
