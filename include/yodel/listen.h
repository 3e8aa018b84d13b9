/* SPDX-License-Identifier: MIT */
#ifndef YODEL_LISTEN_H
#define YODEL_LISTEN_H

#include <yodel/server.h>

YODEL_C_BEGIN

/* Where a server listens: addresses and certificates. */

typedef enum yodel_tls_version {
    YODEL_TLS_DEFAULT = 0, /* TLS 1.2 */
    YODEL_TLS_1_2,
    YODEL_TLS_1_3
} yodel_tls_version;

/* Whether clients have to show a certificate. */
typedef enum yodel_tls_clients {
    YODEL_TLS_CLIENTS_ANY = 0,  /* none is asked for */
    YODEL_TLS_CLIENTS_OPTIONAL, /* asked for; one that is not valid ends the handshake */
    YODEL_TLS_CLIENTS_REQUIRED  /* without one the handshake ends, too */
} yodel_tls_clients;

/* A further certificate and its key, as in yodel_tls_options. */
typedef struct yodel_tls_cert {
    const char *cert_file;
    const char *key_file;
} yodel_tls_cert;

typedef struct yodel_tls_options {
    size_t size;
    const char *cert_file; /* required, PEM chain; copied, read again by a reload */
    const char *key_file;  /* required, PEM without a passphrase; copied */
    const char *ciphers;   /* TLS 1.2 cipher list; NULL: OpenSSL's default at security level 2 */

    /*
     * Further certificates, at most 1000.  A client that asks for a name (SNI) gets the one that
     * has that name, else one with a wildcard for its first label; the names are those in the
     * certificate, in any case, with or without a final dot.  Others get the first, cert_file.
     */
    const yodel_tls_cert *certs;
    size_t num_certs;

    const char
        *ciphersuites; /* of TLS 1.3, "TLS_AES_256_GCM_SHA384:..."; NULL: OpenSSL's default */
    yodel_tls_version min_version;

    /* PEM file of the authorities that sign the certificates of clients; for
     * yodel_request_client_cert_subject().  Needed for clients, and only for that. */
    const char *client_ca_file;
    yodel_tls_clients clients;
} yodel_tls_options;

/* Which addresses of a name are listened on. */
typedef enum yodel_families {
    YODEL_FAMILIES_ALL = 0, /* all that the name has; an IPv6 one takes IPv6 alone */
    YODEL_FAMILIES_IPV4,    /* its IPv4 addresses */
    YODEL_FAMILIES_IPV6,    /* its IPv6 addresses, which take IPv6 alone */
    YODEL_FAMILIES_DUAL     /* its IPv6 addresses; "[::]:80" and "*:80" then take IPv4, too */
} yodel_families;

/* What trusted proxies are believed to say of a client.  Choose what yours sets: fields that it
 * does not set it hands on as the client has sent them. */
typedef enum yodel_forwarded {
    YODEL_FORWARDED_DEFAULT = 0, /* FOR and PROTO */
    YODEL_FORWARDED_FOR = 1,     /* X-Forwarded-For, for yodel_request_peer() */
    YODEL_FORWARDED_PROTO = 2,   /* X-Forwarded-Proto, for yodel_request_scheme() */
    YODEL_FORWARDED_HOST = 4,    /* X-Forwarded-Host, for yodel_request_host() */
    YODEL_FORWARDED_RFC7239 = 8, /* all three of Forwarded (RFC 7239), none of the others */
    YODEL_FORWARDED_NONE = 16    /* none: of a proxy that speaks the PROXY protocol only */
} yodel_forwarded;

typedef struct yodel_listen_options {
    size_t size;

    /*
     * Required, but beside fds:
     *
     * "192.0.2.1:8080", "[::1]:8080"   an address
     * "localhost:8080"     all addresses of a name, at most 16, with one port; one that the machine
     *                      lacks (an ::1 without IPv6) is left out as long as there is another
     * "*:8080"             all addresses of the machine, of both families
     * "unix:/run/app.sock" a Unix socket; a stale file that no one listens on is replaced
     * "fd:3"               a descriptor that the process was started with and that listens already
     * "systemd:web"        those that systemd passes (LISTEN_FDS, LISTEN_PID) with that name
     *                      (FileDescriptorName=, LISTEN_FDNAMES); "systemd" is all of them
     *
     * Port 0 picks a free one.
     */
    const char *address;

    const yodel_tls_options *tls; /* TLS 1.2 and 1.3, ALPN http/1.1; NULL: plain text */
    int backlog; /* connections that may wait to be accepted; 0: SOMAXCONN; not for inherited ones
                  */

    /*
     * Descriptors that listen already, at most 255: bound TCP or Unix stream sockets, inherited or
     * passed over a Unix socket.  The server takes them when the call succeeds: it makes them
     * non-blocking (also for other processes that have them) and closes them when it stops; on
     * failure they are the caller's and as they were.  With fewer than loops some loops share one.
     * address may then be NULL; "unix:PATH" beside them names the file, which is removed at the
     * stop as if it had been bound here.
     */
    const int *fds;
    size_t num_fds;

    yodel_families families;

    /* Of the file of a Unix socket; set before anybody can connect.  A mode such as 0660; 0: 0777
     * less the umask.  Names or numbers; NULL: those of the process. */
    unsigned unix_mode;
    const char *unix_owner;
    const char *unix_group;

    /* A name of your choice, for yodel_request_listener_tag(); copied; NULL: none. */
    const char *tag;

    /*
     * Proxies: addresses, "10.0.0.0/8", "2001:db8::/32", "unix" for all who connect by a Unix
     * socket; at most 256.  What one of these says of its client counts as known: for
     * yodel_request_peer(), yodel_request_scheme(), yodel_request_host(), the address of
     * Socket.IO's handshake, origins "same-host" and the limits by address.  Lists of addresses are
     * read from the right, past those that are trusted.  From all others such fields are ordinary
     * headers.
     */
    const char *const *trusted;
    size_t num_trusted;
    unsigned forwarded; /* which fields, of yodel_forwarded */

    /*
     * 1: each connection begins with a header of the PROXY protocol, version 1 or 2, ahead of TLS.
     * Needs trusted; a connection of others, or without a header within header_ms, is closed.  A
     * header that tells no TCP address (LOCAL, UNKNOWN) leaves the proxy's own.
     */
    int proxy_protocol;

    /*
     * Places that are kept for connections of these addresses, of probes and the tools of those who
     * run the server: so many at a time are taken whatever clients do, and no limit of the server
     * (max_connections, max_connects and those by address) counts for them.  Further ones are as
     * all others.  Only for addresses that clients do not reach.  0: none.
     */
    unsigned reserved;
} yodel_listen_options;

/*
 * Binds and listens; connections are accepted once the server runs, and wait in the kernel until
 * then.  Called once for each address, before it runs.
 *
 * options   borrowed for the call, with what it points to; not NULL: it needs an address or fds
 *
 * Returns the bound port (0 for a Unix socket), or: -EINVAL (also: a proxy in trusted that is no
 * address or more than 256 of them, proxy_protocol without any, YODEL_FORWARDED_RFC7239 or _NONE
 * together with others); -errno of what failed, such as -EADDRINUSE (also: a descriptor that this
 * server listens on already), -EACCES, -EADDRNOTAVAIL; for inherited sockets -EBADF, -ENOTSOCK,
 * -EINVAL (it does not listen, or is no stream), -EAFNOSUPPORT, -E2BIG (more than 255), -ENOENT
 * (systemd has passed none of that name to this process); -ENOENT for an owner or group that there
 * is not; -ENOMEM; YODEL_ERR_TLS (a file cannot be read, a key does not match, a list of ciphers
 * that OpenSSL does not know); YODEL_ERR_STATE (the server runs, or has run); YODEL_ERR_OPTIONS.
 * Nothing is open then, and other addresses are as they were.  The log has a line that names the
 * address, descriptor or file.
 */
YODEL_API YODEL_CHECK_RESULT int
yodel_server_listen(yodel_server *server, const yodel_listen_options *options) YODEL_SETUP_THREAD;

/*
 * Reads the files of every TLS listener again, as SIGHUP does with handle_signals.  New connections
 * use them; established ones keep what they have.  Where a file of a listener cannot be read, or a
 * key does not match its certificate, all of that listener's stay as they were, and the log names
 * the file.
 *
 * Reads files in the call, so not for a callback of a loop: use yodel_loop_work() there.  Several
 * threads may call it at once.  Without a TLS listener it does nothing.
 *
 * Returns 0, or YODEL_ERR_TLS (of one listener or more; the others have been reloaded).
 */
YODEL_API int yodel_server_reload_tls(yodel_server *server) YODEL_ANY_THREAD;

/* Certificates of all listeners that have been read, and are not used yet. */
typedef struct yodel_tls_reload yodel_tls_reload;

/*
 * The first half of a reload of all listeners or of none: reads the files of every TLS listener and
 * checks them, and changes nothing.  For a program that exchanges more than certificates at once:
 *     if ((rc = yodel_server_prepare_tls(server, &reload)) == 0 && (rc = prepare_others()) == 0)
 *         exchange_all(reload);
 * As yodel_server_reload_tls() it is for yodel_loop_work(), not for a callback of a loop.
 *
 * server       a reference is kept until the other half
 * ret_reload   to yodel_tls_reload_exchange() or yodel_tls_reload_free(); untouched on failure
 *
 * Returns 0, -EINVAL, -ENOMEM, or YODEL_ERR_TLS: a file of one listener or more cannot be read, or
 * a key does not match its certificate.  All are tried, and the log names each first file.
 */
YODEL_API YODEL_CHECK_RESULT int
yodel_server_prepare_tls(yodel_server *server, yodel_tls_reload **ret_reload) YODEL_ANY_THREAD;

/*
 * The second half: new connections to all of the listeners use what was prepared.  Reads no file,
 * and cannot fail.  A listener whose files another call has begun to read later keeps those.
 *
 * reload   taken; NULL is a no-op
 */
YODEL_API void yodel_tls_reload_exchange(yodel_tls_reload *reload) YODEL_ANY_THREAD;

/*
 * In place of the second half: all stays as it was.
 *
 * reload   taken; NULL is a no-op
 */
YODEL_API void yodel_tls_reload_free(yodel_tls_reload *reload) YODEL_ANY_THREAD;

YODEL_C_END

#endif
