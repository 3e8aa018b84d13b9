/* SPDX-License-Identifier: MIT */
#ifndef YG_CLIENT_DIAL_H
#define YG_CLIENT_DIAL_H

#include "client/address.h"
#include "client/socketio.h"

/* What it takes to reach a server: its addresses, TLS, headers; shared by all clients to it. */

struct yg_dial_options {
    const char *url;
    int protocol;                /* of yg_protocol; -1: by the URL */
    enum yg_transport transport; /* of Engine.IO */
    const char *ca_file;         /* NULL: the authorities of the system */
    bool is_insecure;            /* certificates are not looked at */
    const char *const *headers;
    size_t num_headers;
    size_t max_message;
    bool offers_deflate; /* of WebSockets */
    uint32_t timeout_ms;
};

struct yg_dial {
    struct yg_address address;
    struct addrinfo *addresses;
    SSL_CTX *tls;
    char *buffer;
    struct curl_slist *names;  /* the addresses for polling; NULL: they are looked up */
    struct yg_eio_options eio; /* for clients, but for its loop; .ws alone for WebSockets */
};

/*
 * Prepares; asks for the addresses of a name, and so may block.
 *
 * options      borrowed as long as the dial, with what it points to
 * ret_words    what went wrong, for people; static
 * ret_dial     for yg_dial_done(), also after a failure
 *
 * Returns 0; -EINVAL: the URL; -EHOSTUNREACH: there is no such name; -ENOKEY: the authorities
 * cannot be read; -ENOMEM.
 */
int yg_dial_prepare(const struct yg_dial_options *options, const char **ret_words,
                    struct yg_dial *ret_dial);

/* Frees it, after all clients; all zero is an empty one. */
void yg_dial_done(struct yg_dial *dial);

#endif
