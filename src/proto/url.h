/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_URL_H
#define YD_PROTO_URL_H

#include <stddef.h>
#include <stdint.h>
#include <yodel/base.h>

/* Percent-decodes in into out (in.len bytes are enough; may be the same memory).  form: '+' is a
 * space.  Returns the length, or -EINVAL for a malformed %XX. */
ptrdiff_t yd_url_decode(yodel_str in, char *out, int form);

/*
 * A field of a query string (WHATWG form decoding, the last of several wins; malformed %XX stays as
 * it is).  Decodes into out (at least query.len bytes).
 * Returns {NULL, 0} when absent, else a view of out.
 */
yodel_str yd_url_query_param(yodel_str query, yodel_str name, char *out);

/*
 * Turns a request path into a relative path below a document root: percent-decodes once, drops
 * empty and "." segments, resolves ".." (which may not leave the root).  out: path.len + 1 bytes,
 * NUL-terminated; "" is the root itself.
 *
 * Returns the length, or -EINVAL: malformed %XX, a NUL or control byte, '\\', an encoded slash, or
 * a ".." above the root.
 */
ptrdiff_t yd_url_file_path(yodel_str path, char *out);

#endif
