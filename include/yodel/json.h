/* SPDX-License-Identifier: MIT */
#ifndef YODEL_JSON_H
#define YODEL_JSON_H

#include <jansson.h>
#include <yodel/decision.h>

YODEL_C_BEGIN

/*
 * JSON as jansson's documents, for programs that work with those; with the packed formats of the
 * other headers a program calls nothing of jansson's.  Events have yodel_event_json()
 * (yodel/channels.h) and yodel_sio_event_json() (yodel/sio_event.h).
 *
 * What is read is as with yodel_request_unpack(): valid JSON in UTF-8, at most 256 levels deep.
 * What is written is compact; a document of more levels, or with a string that is not UTF-8, gives
 * YODEL_ERR_FORMAT.
 */

/*
 * The document of a JSON body.  The body is parsed once, however often this and
 * yodel_request_unpack() are called; Content-Type is not looked at.
 *
 * ret_json   borrowed, lives as long as the request and must not be changed; untouched on failure
 *
 * Returns 0, -ENOMEM, or YODEL_ERR_FORMAT (not JSON, or more than 256 levels deep; also for a body
 * that is read in parts).
 */
YODEL_API int yodel_request_json(yodel_request *req, const json_t **ret_json) YODEL_LOOP_THREAD;

/*
 * Answers with a document, as application/json.
 *
 * status   200 to 599; 0: 200
 * json     borrowed for the call: its reference stays the caller's; not changed
 *
 * Returns as yodel_request_respond(); YODEL_ERR_FORMAT (a string that is not UTF-8, or more than
 * 256 levels), -EINVAL for NULL.
 */
YODEL_API int yodel_request_reply_json(yodel_request *req, int status,
                                       const json_t *json) YODEL_LOOP_THREAD;

/*
 * Answers a request that was deferred with a document, as application/json.
 *
 * d        of a request; another kind gives -EINVAL
 * status   200 to 599; 0: 200
 * json     borrowed for the call: its reference stays the caller's; not changed
 *
 * Returns as yodel_decision_respond(); YODEL_ERR_FORMAT (a string that is not UTF-8, or more than
 * 256 levels), -EINVAL for NULL.
 */
YODEL_API int yodel_decision_respond_json(yodel_decision *d, int status,
                                          const json_t *json) YODEL_ANY_THREAD;

/*
 * The document of a JSON message, text or binary.  Each call parses anew.
 *
 * message    of an on_message, in its call
 * ret_json   a new reference, for json_decref(); untouched on failure
 *
 * Returns 0, -ENOMEM, or YODEL_ERR_FORMAT (not JSON, or more than 256 levels deep).
 */
YODEL_API int yodel_ws_message_json(const yodel_ws_message *message,
                                    json_t **ret_json) YODEL_ANY_THREAD;

/*
 * Sends a document as a text message, compact.
 *
 * json   borrowed for the call: its reference stays the caller's; not changed
 *
 * Returns as yodel_ws_send(); YODEL_ERR_FORMAT (a string that is not UTF-8, or more than 256
 * levels), -EINVAL for NULL.
 */
YODEL_API int yodel_ws_send_json(yodel_ws *ws, const json_t *json) YODEL_LOOP_THREAD;

YODEL_C_END

#endif
