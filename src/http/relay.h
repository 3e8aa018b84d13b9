/* SPDX-License-Identifier: MIT */
#ifndef YD_HTTP_RELAY_H
#define YD_HTTP_RELAY_H

#include "http/request.h"

/* Requests that are answered elsewhere, by bytes that HTTP does not look at. */

/* The head of req as it came, from the method to the empty line; its memory. */
yodel_bytes yd_request_raw_head(const yodel_request *req);

/* Whether the body, which is read, came in chunks, as its head says. */
bool yd_request_is_chunked(const yodel_request *req);

/* Whether the request asks for an upgrade to WebSocket. */
bool yd_request_is_upgrade(const yodel_request *req);

/* What this node knows of the client; views of memory of req. */
void yd_request_tell_client(const yodel_request *req, struct yd_carried *ret_carried);

/*
 * Bytes of the answer, the head first.  Of a request that is held; its time limit does not run any
 * more.  Results of yd_conn_write(); YODEL_ERR_STATE when it was answered otherwise.
 */
int yd_request_relay(yodel_request *req, const void *data, size_t len);

/* That were all: req is over, at once or when its handler returns.  closes: so is the connection.
 */
void yd_request_relay_end(yodel_request *req, bool closes);

#endif
