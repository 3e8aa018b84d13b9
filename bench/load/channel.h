/* SPDX-License-Identifier: MIT */
#ifndef LOAD_CHANNEL_H
#define LOAD_CHANNEL_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* A socket, plain or with TLS on it, that behaves as a non-blocking one: -1 with errno, EAGAIN when
 * it must wait. */
struct channel {
    int fd;
    SSL *ssl; /* NULL: plain */
};

/* What all channels of a client share.  Certificates are not checked: it is a local benchmark.
 * NULL on failure. */
SSL_CTX *channel_new_tls(void);

/* tls may be NULL.  Returns 0 or -1; fd is then still the caller's. */
int channel_open(struct channel *channel, int fd, SSL_CTX *tls);
void channel_close(struct channel *channel);

/* Once connected: returns 1 when it is ready for use, 0 when it must wait (*ret_wants_write: to be
 * writable), -1 when the peer refuses. */
int channel_secure(struct channel *channel, bool *ret_wants_write);

ssize_t channel_send(struct channel *channel, const void *data, size_t len);

/* As much as there is and fits.  0 at the end. */
ssize_t channel_recv(struct channel *channel, void *data, size_t len);

/* The same, but what it reads is read again. */
ssize_t channel_peek(struct channel *channel, void *data, size_t len);

#endif
