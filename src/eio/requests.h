/* SPDX-License-Identifier: MIT */
#ifndef YD_EIO_REQUESTS_H
#define YD_EIO_REQUESTS_H

#include "eio/eio_service.h"

/* What comes in by HTTP; user is the struct yd_eio. */

void yd_eio_on_request(yodel_request *req, void *user);
void yd_eio_on_upgrade(yodel_request *req, void *user);

/* Of the gate: see struct yd_http_gate. */
void yd_eio_begin_body(yodel_request *req, void *user);
void yd_eio_refuse_body(yodel_request *req, void *user);
void yd_eio_lose_body(yodel_request *req, void *user);

#endif
