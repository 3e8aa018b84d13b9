/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_JSON_PUT_H
#define YD_PROTO_JSON_PUT_H

#include <stdint.h>
#include <yodel/base.h>

#include "base/buf.h"

/* Scalars for the writers of json_pack.h.  All return 0, -ENOMEM or, where said, YODEL_ERR_FORMAT;
 * buf is then untouched. */

/* YODEL_ERR_FORMAT for text that is not UTF-8. */
int yd_json_put_text(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str text);
int yd_json_put_int(const struct yodel_allocator *mem, struct yd_buf *buf, int64_t number);
/* YODEL_ERR_FORMAT for what is not finite. */
int yd_json_put_real(const struct yodel_allocator *mem, struct yd_buf *buf, double number);

#endif
