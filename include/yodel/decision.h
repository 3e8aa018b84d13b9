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
 *     YODEL_ERR_STATE    decided already; or just now another call on its loop is deciding: should
 *                        that one fail, it is open again
 *     YODEL_ERR_CLOSED   over: the client has gone, decide_ms have passed, or the server stopped
 */

/*
 * One more reference, for another thread or another owner.
 *
 * d   not NULL, of which the caller has a reference
 *
 * Returns d.
 */
YODEL_API yodel_decision *yodel_decision_ref(yodel_decision *d) YODEL_ANY_THREAD;

/*
 * Gives a reference back.  The last one, while nothing has been decided, drops the decision: its
 * kind says above what the client then gets.  It may be given back in any callback, by the fn of
 * yodel_decision_on_gone() too, and after the server has stopped.
 *
 * d   NULL does nothing
 *
 * Returns NULL, always: d = yodel_decision_unref(d).
 */
YODEL_API yodel_decision *yodel_decision_unref(yodel_decision *d) YODEL_ANY_THREAD;

/*
 * Whether it is still worth the work: nobody has decided, and what it is about is there.  A hint
 * only, since the client may go at any time: the verb's result is what counts.
 *
 * d   not NULL
 *
 * Returns 1 or 0.
 */
YODEL_API int yodel_decision_is_open(const yodel_decision *d) YODEL_ANY_THREAD;

/*
 * Hears that a decision is over without a verb of the program's: the client has gone, decide_ms
 * have passed, or the server stopped.
 *
 * d      borrowed for the call; the program's own references are as they were
 * user   what yodel_decision_on_gone() was given
 */
typedef void(yodel_decision_gone_fn)(yodel_decision *d, void *user);

/*
 * Has a function called, once and on the loop of d, when it is over without a verb.  Not after a
 * verb has succeeded, not when d is dropped, and never inside this call.  It is for work that can
 * be given up: cancel the query, and give the reference back.
 *
 * d      not NULL
 * fn     in place of one given before; NULL: none any more
 * user   borrowed; must live until fn was called, a verb has succeeded or d was dropped
 *
 * Returns 0, YODEL_ERR_STATE (decided) or YODEL_ERR_CLOSED (over): fn will not be called then.
 */
YODEL_API int yodel_decision_on_gone(yodel_decision *d, yodel_decision_gone_fn *fn,
                                     void *user) YODEL_LOOP_THREAD;

/*
 * Lets it happen: the WebSocket opens, the session begins, the client joins the namespace, the
 * event goes on to its handlers.  On its loop a handshake is opened inside this call, on_open
 * included.
 *
 * d         NULL gives -EINVAL
 * options   of a handshake, as for yodel_ws_accept(); copied.  NULL: the defaults.  For all other
 *           kinds it must be NULL
 *
 * Returns as every verb (above), or YODEL_ERR_OPTIONS.  From another thread a subprotocol the
 * client did not offer is found out on the loop only: 0 is returned, and the handshake rejected
 * with 503.
 */
YODEL_API int yodel_decision_accept(yodel_decision *d,
                                    const yodel_ws_accept_options *options) YODEL_ANY_THREAD;

/*
 * Answers a handshake or a session with an HTTP response in place of what was asked for: a
 * redirect, 401 with WWW-Authenticate, 429 with Retry-After.  A request too: the same as
 * yodel_decision_respond(), but for the statuses.
 *
 * d          NULL gives -EINVAL
 * response   copied, body and headers too.  status is from 300 to 599 (0: 403), any other gives
 *            -EINVAL; headers as in yodel_request_respond().  NULL: a plain 403
 *
 * Returns as every verb, or YODEL_ERR_OPTIONS.  For namespaces, sockets, events and
 * acknowledgements -EINVAL: those are refused, not answered by HTTP.
 */
YODEL_API int yodel_decision_reject(yodel_decision *d,
                                    const yodel_response *response) YODEL_ANY_THREAD;

/*
 * Refuses, with a reason that the client may see.  What it gets depends on the kind:
 *
 * a handshake, a request: 403 with data_json as JSON body, or else message as text
 * a session: 403 with {"code":4,"message":message}
 * a namespace, a socket: connect_error with message and data
 * an event: nothing; on_error of the namespace is called with message
 *
 * d           NULL gives -EINVAL
 * message     UTF-8, copied; NULL: none
 * data_json   one JSON value as text, copied; NULL: none
 *
 * Returns as every verb, or YODEL_ERR_ENCODING (message), YODEL_ERR_FORMAT (data_json is not JSON).
 */
YODEL_API int yodel_decision_refuse(yodel_decision *d, const char *message,
                                    const char *data_json) YODEL_ANY_THREAD;

/*
 * Answers a request, as yodel_request_respond().  On its loop the answer is written inside this
 * call and the request is gone after it; from another thread it is on its way.
 *
 * d          a decision on a request, else -EINVAL
 * response   copied, headers and body too; NULL gives -EINVAL
 *
 * Returns as every verb, or YODEL_ERR_OPTIONS.  -EINVAL also for a status or header that cannot be.
 */
YODEL_API int yodel_decision_respond(yodel_decision *d,
                                     const yodel_response *response) YODEL_ANY_THREAD;

/*
 * The same with text.
 *
 * d              as for yodel_decision_respond()
 * status         200 to 599; 0: 200
 * content_type   NUL-terminated; NULL: "text/plain; charset=utf-8"
 * text           the body, copied; not checked for UTF-8
 *
 * Returns as yodel_decision_respond().
 */
YODEL_API int yodel_decision_respond_text(yodel_decision *d, int status, const char *content_type,
                                          yodel_str text) YODEL_ANY_THREAD;

/*
 * The same with JSON, made from jansson's packed format as yodel_request_reply_pack() makes it.  A
 * document is sent by yodel_decision_respond_json() (yodel/json.h).
 *
 * d        as for yodel_decision_respond()
 * status   200 to 599; 0: 200
 * format   "{s:i}", and its values; strings are UTF-8.  References given with "o" are taken,
 *          whatever is returned, unless d is NULL
 *
 * Returns as yodel_decision_respond(), or YODEL_ERR_FORMAT.
 */
YODEL_API int yodel_decision_respond_pack(yodel_decision *d, int status, const char *format,
                                          ...) YODEL_ANY_THREAD;

/*
 * What yodel_decision_post() runs, on the loop of the request.
 *
 * req   valid for the call; it may be answered here, or left undecided
 * arg   what yodel_decision_post() was given; freed after this call
 */
typedef void(yodel_decision_post_fn)(yodel_request *req, void *arg);

/*
 * Runs a function on the loop of an HTTP request that is not decided, to answer it with what only
 * its loop can do: yodel_request_stream_begin(), yodel_request_sse_begin(), files.  It is not
 * called when the request has been decided by then, or the client has gone.  While another thread
 * decides at the same time, what it calls gives YODEL_ERR_STATE.  What one thread posts comes in
 * its order.
 *
 * A post keeps a reference to d until arg is freed, so that the caller may give its own back at
 * once: if that was the last and nobody has answered, the request is answered 503.
 *
 * d          a decision on a request
 * fn         as above; not NULL
 * arg        taken: free_arg(arg) runs exactly once, after fn or in place of it, also when this
 *            call fails
 * free_arg   NULL: nothing is to be freed
 *
 * Returns 0, or an error and arg has been freed: -EINVAL (not of a request; fn NULL), -ENOMEM,
 * YODEL_ERR_CONGESTED (max_mailbox), YODEL_ERR_STATE, YODEL_ERR_CLOSED.
 */
YODEL_API int yodel_decision_post(yodel_decision *d, yodel_decision_post_fn *fn, void *arg,
                                  yodel_free_fn *free_arg) YODEL_ANY_THREAD;

YODEL_C_END

#endif
