/* SPDX-License-Identifier: MIT */
#ifndef YD_ADAPTER_PYTHON_OUT_H
#define YD_ADAPTER_PYTHON_OUT_H

#include <stdbool.h>
#include <yodel/base.h>

#include "base/buf.h"

/*
 * A document that is written from its beginning to its end, as JSON text or as a pickle of protocol
 * 4.  After the first failure nothing more is written, and rc says what it was: -ENOMEM, or
 * YODEL_ERR_UNSUPPORTED for text that is not UTF-8.
 */
struct yd_python_out {
    const struct yodel_allocator *mem;
    struct yd_buf *buf; /* is appended to */
    bool pickled;
    bool has_more; /* a comma is due */
    int rc;
};

enum yd_python_bracket { YD_PYTHON_IN_DICT, YD_PYTHON_IN_LIST, YD_PYTHON_IN_TUPLE };

/* What stands ahead of the document and after it; JSON has nothing there. */
void yd_python_begin(struct yd_python_out *out);
void yd_python_end(struct yd_python_out *out);

/* Between the two: names and values, or values.  JSON has no tuples: they are lists. */
void yd_python_open(struct yd_python_out *out, enum yd_python_bracket bracket);
void yd_python_close(struct yd_python_out *out, enum yd_python_bracket bracket);
/* The name of what comes next in a dict; no escapes are needed. */
void yd_python_name(struct yd_python_out *out, const char *name);

void yd_python_text(struct yd_python_out *out, yodel_str text);
/* JSON that was checked: one value, or several with commas between them.  In a pickle placeholders
 * of attachments are these as bytes. */
void yd_python_values(struct yd_python_out *out, yodel_str elements, const yodel_bytes *attachments,
                      size_t num_attachments);
/* In base64. */
void yd_python_base64(struct yd_python_out *out, yodel_bytes bytes);

#endif
