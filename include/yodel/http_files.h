/* SPDX-License-Identifier: MIT */
#ifndef YODEL_HTTP_FILES_H
#define YODEL_HTTP_FILES_H

#include <yodel/http.h>

YODEL_C_BEGIN

/* Static files, and cross-origin sharing. */

/* As many headers may be added to the answers with files of one prefix. */
#define YODEL_STATIC_MAX_HEADERS 8

/* How the files of a directory are served.  Everything is copied. */
typedef struct yodel_static_options {
    size_t size;
    const char *index;         /* file served for a directory; NULL: "index.html" */
    const char *cache_control; /* NULL: "no-cache" (kept, but revalidated with the ETag) */
    int dot_files;             /* 1: names that begin with a dot are served; 0: 404 */
    int plain_only;            /* 1: files that lie compressed beside others are not looked for */
    /* Further headers of answers with a file, 200 and 206: Content-Security-Policy, say.  Copied;
     * those that come by themselves (see RFC 9110 section 8, Cache-Control, Vary) are not for here.
     */
    const yodel_header *headers;
    size_t num_headers; /* at most YODEL_STATIC_MAX_HEADERS */
} yodel_static_options;

/*
 * Serves the files below a directory under a path prefix: types by extension, ETag and 304, ranges,
 * HEAD.  Where "app.js.br" or "app.js.gz" lies beside "app.js" and is not older, clients that take
 * that coding (RFC 9110 12.5.3; the heavier weight wins, br before gzip) get it in place of it,
 * with Content-Encoding and an ETag of its own; ranges are of the compressed bytes then.  Names are
 * percent-decoded once; what would leave the directory, also by a symbolic link, is 404.  So is
 * what begins with a dot, or is below such a directory, but for ".well-known" (RFC 8615).  Routes
 * win over files, and of several prefixes the longest.
 *
 * Files are opened for each request and read on threads of their own, so what changes in the
 * directory is served from then on.
 *
 * prefix      "/" or "/static/", with or without the last '/'; copied
 * directory   must exist; opened now, so a directory that is renamed later is still the one that is
 *             served
 * options     borrowed for the call; NULL for every default
 *
 * Returns 0; -ENOMEM; -EINVAL (a prefix that does not begin with '/', an index with a '/' in it, a
 * header that is not legal or more than YODEL_STATIC_MAX_HEADERS); -errno of opening directory;
 * YODEL_ERR_CONFLICT (the prefix has files already); YODEL_ERR_STATE (the server runs, or has run);
 * YODEL_ERR_OPTIONS.  A line of the log names the directory.
 */
YODEL_API YODEL_CHECK_RESULT int
yodel_server_static(yodel_server *server, const char *prefix, const char *directory,
                    const yodel_static_options *options) YODEL_SETUP_THREAD;

/* Cross-origin sharing (Fetch standard) for paths below a prefix.  Everything is copied. */
typedef struct yodel_cors_options {
    size_t size;
    const char *const
        *origins;        /* ends with NULL: "https://a.example", ".example.com", "*"; required */
    int credentials;     /* 1: allow cookies; the origin is then echoed, never "*" */
    const char *methods; /* of a preflight; NULL: "GET,HEAD,PUT,PATCH,POST,DELETE" */
    const char *allow_headers;  /* of a preflight; NULL: those asked for */
    const char *expose_headers; /* NULL: none */
    uint32_t max_age_s;         /* of a preflight; 0: not sent */
} yodel_cors_options;

/*
 * Adds CORS headers to all answers below a prefix, of routes, files and errors alike, and answers
 * preflights there with 204, before any route.  Origins that are not allowed get the answer without
 * these headers: it is their browser that keeps it from the page.  Of several prefixes the longest
 * counts.
 *
 * WebSockets and Socket.IO do not ask for this: they check origins themselves (yodel_ws_options,
 * yodel_sio_options).
 *
 * prefix    "/" or "/api", with or without the last '/'; copied
 * options   borrowed for the call; not NULL, as origins is required
 *
 * Returns 0; -ENOMEM; -EINVAL (no origins, a prefix that does not begin with '/', a value that
 * cannot be a header's); YODEL_ERR_CONFLICT (the prefix has them already); YODEL_ERR_STATE (the
 * server runs, or has run); YODEL_ERR_OPTIONS.
 */
YODEL_API YODEL_CHECK_RESULT int
yodel_server_cors(yodel_server *server, const char *prefix,
                  const yodel_cors_options *options) YODEL_SETUP_THREAD;

YODEL_C_END

#endif
