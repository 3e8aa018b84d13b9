/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_HTTP1_TARGET_H
#define YD_PROTO_HTTP1_TARGET_H

#include "proto/http1.h"

/*
 * Splits head->target into path, query and, for the absolute form, host (RFC 9112 3.2).
 * Returns 0 or -400.
 */
int yd_http_split_target(struct yd_http_head *head, const char **ret_error);

/* uri-host [":" port] with a host that is not empty and no userinfo (RFC 9110 7.2). */
bool yd_http_is_authority(yodel_str text);

#endif
