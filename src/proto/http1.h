/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_HTTP1_H
#define YD_PROTO_HTTP1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yodel/base.h>

/* HTTP/1.1 messages (RFC 9110, 9112), as strict as a server may be.  Views point into the head. */

struct yd_http_field {
    yodel_str name, value; /* value without surrounding blanks */
};

enum yd_http_body { YD_HTTP_BODY_NONE = 0, YD_HTTP_BODY_LENGTH, YD_HTTP_BODY_CHUNKED };

/* A request head.  fields is the caller's array. */
struct yd_http_head {
    yodel_str method;
    yodel_str target; /* as sent */
    yodel_str path;   /* of the target, still encoded, begins with '/' (or is "*" for OPTIONS) */
    yodel_str query;  /* after '?'; {NULL, 0} without one */
    yodel_str host;   /* of an absolute-form target, else of Host; with the port, if any */
    uint8_t minor;    /* HTTP/1.minor: 0 or 1; a higher one counts as 1 (RFC 9110 2.5) */
    bool keep_alive;  /* RFC 9112 9.3 */
    bool expect_continue;    /* HTTP/1.1 with a body only */
    bool upgrade;            /* HTTP/1.1, Connection has "upgrade" and there is an Upgrade field */
    enum yd_http_body body;  /* "Content-Length: 0" is none */
    uint64_t content_length; /* at most INT64_MAX */
    struct yd_http_field *fields;
    size_t num_fields;
};

/* What a head may take.  A limit that is passed has its status: 414 target, 431 the others. */
struct yd_http_limits {
    size_t max_head, max_target; /* bytes */
    size_t max_fields;
};

/* A header line of a head: where its name and its value, without blanks around, are in it. */
struct yd_http_line {
    uint32_t name, name_len, value, value_len;
};

/*
 * Reads a head that arrives in pieces, each byte once, and notes where its parts are.  Zero is the
 * start of a request; empty lines ahead of it (RFC 9112 2.2) are skipped, at most 4.
 */
struct yd_http_scan {
    struct yd_http_line *lines;
    uint64_t content_length;
    uint32_t pos;   /* bytes looked at */
    uint32_t start; /* where the request line begins */
    uint32_t part;  /* where the method, target, version, name or value looked at begins */
    uint32_t num_lines, max_lines; /* in lines, and room for */
    uint32_t target_len, host_line;
    uint8_t state, blank_lines, method_len, minor;
    bool is_lent : 1; /* lines is the caller's */
    bool has_host : 1, has_length : 1, has_coding : 1;
    bool only_chunked : 1; /* there is one Transfer-Encoding and it reads "chunked" */
    bool chunked_last : 1, other_coding : 1;
    bool has_close : 1, has_keep_alive : 1, has_upgrade : 1; /* in Connection */
    bool has_upgrade_field : 1, wants_continue : 1;
};

/* Lends scan room for max lines, until yd_http_scan_keep() or _done(); a no-op when it has some. */
void yd_http_scan_lend(struct yd_http_scan *scan, struct yd_http_line *room, size_t max);
/* Moves lines that are lent to memory of mem's.  Returns 0 or -ENOMEM, scan then untouched. */
int yd_http_scan_keep(const struct yodel_allocator *mem, struct yd_http_scan *scan);
/* Frees; scan is zero again. */
void yd_http_scan_done(const struct yodel_allocator *mem, struct yd_http_scan *scan);

/*
 * Scans data[0..len), the same bytes as before with new ones after them.
 *
 * Returns where the head ends, after its empty line (> 0): it is data[scan->start..result).  0
 * when more is needed, -ENOMEM (for lines), or minus the HTTP status that answers it, as soon as it
 * cannot be: 400, 414, 431, 501 (a method longer than any known, codings ahead of chunked), 505.
 * *ret_error: static text that says why.  A scan that has failed is not called again.
 *
 * Checks everything that RFC 9112 asks of a server: bytes that cannot be, and a bare CR or LF, at
 * once; target and version with the request line; names and values, one valid Host, forms of
 * Content-Length with their line; what several lines say together at the end.
 */
int yd_http_scan(struct yd_http_scan *scan, const struct yodel_allocator *mem, const uint8_t *data,
                 size_t len, const struct yd_http_limits *limits, const char **ret_error);

/*
 * The head that yd_http_scan() has found; head is its bytes, data[scan->start..result), or a copy
 * of them, into which the views point.  fields has room for scan->num_lines.  Percent-encoding in
 * the target is left as it is.
 */
void yd_http_head_of(const struct yd_http_scan *scan, const uint8_t *head,
                     struct yd_http_field *fields, struct yd_http_head *ret_head);

/* First field of that name (lower or upper case); {NULL, 0} when absent. */
yodel_str yd_http_field(const struct yd_http_head *head, yodel_str name);
/* How many fields of that name there are. */
size_t yd_http_count_fields(const struct yd_http_head *head, yodel_str name);

/* True when a comma-separated list holds token, ASCII case ignored. */
bool yd_http_list_has(yodel_str list, yodel_str token);
/* As yd_http_list_has() over all fields of that name. */
bool yd_http_fields_have(const struct yd_http_head *head, yodel_str name, yodel_str token);
/* Takes the next element off a comma-separated list, without blanks; false at its end.  Empty
 * elements are skipped; a comma in a quoted string (RFC 9110 5.6.4) ends no element. */
bool yd_http_list_next(yodel_str *list, yodel_str *ret_element);

bool yd_http_is_token(yodel_str text);
/* What may stand in a field value: HTAB, visible ASCII, blanks inside, 0x80-0xff (RFC 9110 5.5). */
bool yd_http_is_field_value(yodel_str text);
bool yd_bytes_eq_nocase(const char *a, const char *b, size_t len);
static inline bool yd_str_eq_nocase(yodel_str a, yodel_str b)
{
    return a.len == b.len && yd_bytes_eq_nocase(a.ptr, b.ptr, a.len);
}

/* Cuts an element of Accept-Encoding or the like, "gzip;q=0.5", to its name.  Returns its weight in
 * thousandths; 0 too for what is malformed. */
int yd_http_take_weight(yodel_str *element);

/* How much a client wants of each coding, in thousandths; 0: it does not take it. */
struct yd_http_codings {
    int br, gzip;
    int identity; /* 0: it was not named, and stands below the others */
};

enum yd_http_coding { YD_HTTP_IDENTITY, YD_HTTP_BR, YD_HTTP_GZIP };

static inline int yd_http_weight(const struct yd_http_codings *codings, enum yd_http_coding coding)
{
    if (coding == YD_HTTP_IDENTITY)
        return codings->identity;
    return coding == YD_HTTP_BR ? codings->br : codings->gzip;
}

/* By Accept-Encoding (RFC 9110 12.5.3); a client that sends none is taken to know no coding. */
void yd_http_accepted_codings(const struct yd_http_head *head, struct yd_http_codings *ret_codings);

/* Chunked bodies (RFC 9112 7.1).  Zero is the start. */
struct yd_http_chunked {
    uint8_t state;
    uint8_t digits; /* of the chunk size read so far; at most 15 */
    uint64_t left;  /* bytes of the present chunk still to come */
    uint32_t extra; /* bytes of extensions and trailers so far; at most 4096 */
};

/*
 * Decodes in place: takes all or part of data[0..len), moves the content found to data's beginning.
 * *ret_used: bytes consumed; *ret_len: bytes of content now at data.
 * Returns 1 at the end of the body, 0 when more is needed (all of data is then consumed), or -400,
 * at which the others are untouched and data is spoilt.  Both ends last.
 */
int yd_http_chunked_decode(struct yd_http_chunked *chunked, uint8_t *data, size_t len,
                           size_t *ret_used, size_t *ret_len);

/* "OK", "Switching Protocols", ...; "" for one that has none here. */
const char *yd_http_status_text(int status);

#endif
