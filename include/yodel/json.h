/* SPDX-License-Identifier: MIT */
#ifndef YODEL_JSON_H
#define YODEL_JSON_H

#include <jansson.h>
#include <yodel/decision.h>

YODEL_C_BEGIN

/*
 * JSON as jansson's documents, for programs that work with those; the packed formats of the other
 * headers need no jansson in the program.  Events have yodel_event_json() (yodel/channels.h) and
 * yodel_sio_event_json() (yodel/sio_event.h).
 *
 * What is read is as with yodel_request_unpack(): valid JSON in UTF-8, at most 256 levels deep.
 * What is written is compact; a document of more levels, or with a string that is not UTF-8, gives
 * YODEL_ERR_FORMAT.
 */

/*
 * The document of a JSON body.
 *
 * ret_json   borrowed, lives as long as the request and must not be changed
 *
 * Returns 0, -ENOMEM, or YODEL_ERR_FORMAT (not JSON; also for a body that is read in parts).
 */
YODEL_API int yodel_request_json(yodel_request *req, const json_t **ret_json) YODEL_LOOP_THREAD;

/* Answers with json, borrowed, as application/json.  As yodel_request_reply(); also
 * YODEL_ERR_FORMAT, and -EINVAL for NULL. */
YODEL_API int yodel_request_reply_json(yodel_request *req, int status,
                                       const json_t *json) YODEL_LOOP_THREAD;

/* The same for a request that was deferred.  As yodel_decision_respond(). */
YODEL_API int yodel_decision_respond_json(yodel_decision *d, int status,
                                          const json_t *json) YODEL_ANY_THREAD;

/*
 * The document of a JSON message.
 *
 * ret_json   a new reference, for json_decref()
 *
 * Returns 0, -ENOMEM, or YODEL_ERR_FORMAT (not JSON).
 */
YODEL_API int yodel_ws_message_json(const yodel_ws_message *message,
                                    json_t **ret_json) YODEL_ANY_THREAD;

/* Sends json, borrowed, as a text message.  As yodel_ws_send(); also YODEL_ERR_FORMAT, and -EINVAL
 * for NULL. */
YODEL_API int yodel_ws_send_json(yodel_ws *ws, const json_t *json) YODEL_LOOP_THREAD;

YODEL_C_END

#endif
