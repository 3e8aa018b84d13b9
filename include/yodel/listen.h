/* SPDX-License-Identifier: MIT */
#ifndef YODEL_LISTEN_H
#define YODEL_LISTEN_H

#include <yodel/server.h>

YODEL_C_BEGIN

/* Where a server listens: addresses and certificates. */

typedef struct yodel_tls_options {
    size_t size;
    const char *cert_file; /* required, PEM chain; copied, read again by a reload */
    const char *key_file;  /* required, PEM without a passphrase; copied */
    const char *ciphers;   /* TLS 1.2 cipher list; NULL: OpenSSL's default at security level 2 */
} yodel_tls_options;

typedef struct yodel_listen_options {
    size_t size;

    /* "0.0.0.0:8080", "[::]:8080", "localhost:8080", "unix:/run/app.sock".  Required; port 0 picks
     * a free one.  A stale Unix socket that no one listens on is replaced. */
    const char *address;

    const yodel_tls_options *tls; /* TLS 1.2 and 1.3, ALPN http/1.1; NULL: plain text */
    int backlog;                  /* 0: SOMAXCONN */
} yodel_listen_options;

/*
 * Binds and listens; connections are accepted once the server runs.
 * Returns the bound port (0 for a Unix socket), -errno, -EINVAL or YODEL_ERR_TLS (the log says
 * why).
 */
YODEL_API YODEL_CHECK_RESULT int
yodel_server_listen(yodel_server *server, const yodel_listen_options *options) YODEL_SETUP_THREAD;

/*
 * Reads the certificate and key files of every TLS listener again.  New connections use them;
 * established ones keep what they have.  On failure the old ones stay in use.
 * Returns 0 or YODEL_ERR_TLS.
 */
YODEL_API int yodel_server_reload_tls(yodel_server *server) YODEL_ANY_THREAD;

YODEL_C_END

#endif
