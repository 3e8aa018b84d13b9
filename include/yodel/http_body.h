/* SPDX-License-Identifier: MIT */
#ifndef YODEL_HTTP_BODY_H
#define YODEL_HTTP_BODY_H

#include <yodel/http.h>

YODEL_C_BEGIN

/*
 * Request bodies in parts, as they come: uploads that are larger than memory should hold, or that
 * are dealt with while they arrive.
 *
 *     static void on_upload(yodel_request *req, void *user)
 *     {
 *         struct upload *upload = upload_new();
 *
 *         if (yodel_request_body_read(req, YODEL_OPTIONS(yodel_body_handlers, .on_data = on_data,
 *                                     .on_end = on_end, .max_body = UINT64_MAX), upload) < 0)
 *             upload_free(upload);
 *     }
 *     ...
 *     yodel_server_route_with(server, "POST /files", YODEL_OPTIONS(yodel_route_options,
 *                             .on_request = on_upload, .stream_body = 1), NULL);
 */

/* A route and what holds for its bodies.  Everything is copied. */
typedef struct yodel_route_options {
    size_t size;
    yodel_http_fn *on_request; /* required */
    int stream_body;   /* 1: on_request runs when the head is there, ahead of the body, which it may
                        * ask for by yodel_request_body_read(); 0: when the body is whole */
    uint64_t max_body; /* of a body, bytes; 0: as the server's max_body says (413 above) */
    uint32_t body_ms;  /* as the server's body_ms; 0: as that says */
} yodel_route_options;

/*
 * yodel_server_route() with options for the bodies of its requests.
 *
 * pattern   as for yodel_server_route(); copied
 * options   borrowed for the call; not NULL, as on_request is required
 * user      passed to every call; borrowed, must outlive the server
 *
 * Returns as yodel_server_route(); also -EINVAL (no on_request) and YODEL_ERR_OPTIONS.
 */
YODEL_API YODEL_CHECK_RESULT int yodel_server_route_with(yodel_server *server, const char *pattern,
                                                         const yodel_route_options *options,
                                                         void *user) YODEL_SETUP_THREAD;

/*
 * A part of the body, without chunk framing.  It may pause the body, answer the request, and
 * anything else.
 *
 * req    the request
 * data   at least one byte, at most 64 KiB (a body that was whole already comes as one part, of any
 *        size); borrowed for the call
 * user   what yodel_request_body_read() was given
 *
 * Returns 0 or more to go on.  A negative result gives the body up: on_end gets it, and the client
 * 500 unless it is answered otherwise.
 */
typedef int(yodel_body_data_fn)(yodel_request *req, yodel_bytes data, void *user);

/*
 * The end of the body, exactly once for each yodel_request_body_read() that returned 0; there is no
 * on_data after it, and it is never called inside a call of yours.  result says how it ended:
 *
 *     0                    it is whole.  req must be answered now, or deferred (or have
 *                          been), else the client gets 500
 *     YODEL_ERR_CLOSED     the client left: it closed, reset or ended its sending half, or the
 *                          server has stopped.  req is over when on_end returns
 *     YODEL_ERR_TOO_BIG    it is larger than max_body: 413
 *     -ETIMEDOUT           nothing of it came for body_ms: 408
 *     YODEL_ERR_PROTOCOL   its chunks are malformed: 400
 *     -ECANCELED           the answer was whole before the body: nobody reads the rest.  req is
 *                          over when on_end returns
 *     another              what on_data returned: 500
 *
 * The status is what the client gets unless on_end answers otherwise, or req was deferred: then
 * that decision answers.  What the client still sends is dropped, and the connection ends after the
 * answer (yodel_server_options.max_discard).
 *
 * req      the request; its views are still valid
 * result   see above
 * user     what yodel_request_body_read() was given; the last call with it
 */
typedef void(yodel_body_end_fn)(yodel_request *req, int result, void *user);

/* How a body is read.  Copied. */
typedef struct yodel_body_handlers {
    size_t size;
    yodel_body_data_fn *on_data; /* required */
    yodel_body_end_fn *on_end;   /* required */
    uint64_t max_body; /* bytes; UINT64_MAX: no limit; 0: the route's, or else the server's */
    uint32_t body_ms;  /* the longest time between two parts; it does not run while the body is
                        * paused.  UINT32_MAX: no limit; 0: the route's, or else the server's */
} yodel_body_handlers;

/*
 * Reads the body of req in parts.  Called by the handler of a route with stream_body, or later on
 * the loop of a request that was deferred; until then the client has to wait, and one that expects
 * "100 Continue" is sent it now.  A body that is whole already, as that of another route, comes in
 * one part; a request without one has its on_end.  Nothing is called inside this call.
 *
 * req is kept while its body is read, as if it were deferred; decide_ms of one that is deferred
 * begins with the end of its body.  It may be answered before that, at once or in parts
 * (yodel/http_stream.h); the connection ends after such an answer.
 *
 * handlers   borrowed for the call; on_data and on_end are required
 * user       for both handlers; borrowed, must outlive on_end
 *
 * A Content-Length above max_body is told by on_end, without any on_data.
 *
 * Returns 0, or an error and nothing will be called: -EINVAL (a handler is missing), -ENOMEM,
 * YODEL_ERR_OPTIONS, YODEL_ERR_STATE (answered, asked for already, or a WebSocket),
 * YODEL_ERR_CLOSED (the client went away).
 */
YODEL_API YODEL_CHECK_RESULT int yodel_request_body_read(yodel_request *req,
                                                         const yodel_body_handlers *handlers,
                                                         void *user) YODEL_LOOP_THREAD;

/*
 * Stops reading the body: no on_data, and no on_end with result 0, until
 * yodel_request_body_resume().  The client has to wait; one read buffer, of 64 KiB, is the most
 * that is kept for it.  One that leaves meanwhile is noticed at once.  There is no time limit: to
 * go on is up to the program.
 *
 * Called from on_data, or whenever the body is being read; pauses are not counted.
 *
 * Returns 0, also when it is paused already, or YODEL_ERR_STATE (no body is being read, or it has
 * ended).
 */
YODEL_API int yodel_request_body_pause(yodel_request *req) YODEL_LOOP_THREAD;

/*
 * Reads on after yodel_request_body_pause(): what had come is given to on_data, never inside this
 * call, and body_ms runs anew.
 *
 * Returns 0, also when it was not paused, or YODEL_ERR_STATE (no body is being read, or it has
 * ended).
 */
YODEL_API int yodel_request_body_resume(yodel_request *req) YODEL_LOOP_THREAD;

YODEL_C_END

#endif
