/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_URL_H
#define YD_PROTO_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yodel/base.h>

/* Percent-decodes in into out (in.len bytes are enough; may be the same memory).  form: '+' is a
 * space.  Returns the length, or -EINVAL for a malformed %XX. */
ptrdiff_t yd_url_decode(yodel_str in, char *out, int form);

/*
 * A field of a query string as it stands there (the last of several wins; its name is compared
 * after WHATWG form decoding).
 * Returns {NULL, 0} when absent, else a view of query.
 */
yodel_str yd_url_query_find(yodel_str query, yodel_str name);

/* The next field of a query string, as it stands there; false at its end.  Empty ones between '&'
 * are left out. */
bool yd_url_query_next(yodel_str *query, yodel_str *ret_name, yodel_str *ret_value);
/* Whether a name that stands in a query is this one. */
bool yd_url_form_equals(yodel_str encoded, yodel_str name);

/* What such a field says: WHATWG form decoding, malformed %XX stays as it is.  Decodes into out (at
 * least encoded.len bytes); returns a view of it.  Plain: there is nothing to decode. */
yodel_str yd_url_form_decode(yodel_str encoded, char *out);
bool yd_url_form_is_plain(yodel_str encoded);

/*
 * Both.  Decodes into out (at least query.len bytes).
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
