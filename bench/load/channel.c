/* SPDX-License-Identifier: MIT */
#include "channel.h"

#include <errno.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#define TLS_READ_BUFFER (64u * 1024)

SSL_CTX *channel_new_tls(void)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

    if (tls == NULL)
        return NULL;
    SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
    (void)SSL_CTX_set_ciphersuites(tls, "TLS_AES_128_GCM_SHA256"); /* the same for all servers */
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(tls, 1);
    SSL_CTX_set_default_read_buffer_len(tls, TLS_READ_BUFFER);
    return tls;
}

int channel_open(struct channel *channel, int fd, SSL_CTX *tls)
{
    *channel = (struct channel){.fd = fd};
    if (tls == NULL)
        return 0;
    if ((channel->ssl = SSL_new(tls)) == NULL || SSL_set_fd(channel->ssl, fd) != 1) {
        SSL_free(channel->ssl);
        return -1;
    }
    SSL_set_connect_state(channel->ssl);
    return 0;
}

void channel_close(struct channel *channel)
{
    SSL_free(channel->ssl);
    channel->ssl = NULL;
    close(channel->fd);
}

int channel_secure(struct channel *channel, bool *ret_wants_write)
{
    int result, error;

    *ret_wants_write = false;
    if (channel->ssl == NULL)
        return 1;
    ERR_clear_error();
    if ((result = SSL_do_handshake(channel->ssl)) == 1)
        return 1;
    error = SSL_get_error(channel->ssl, result);
    *ret_wants_write = error == SSL_ERROR_WANT_WRITE;
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

/* What a call of OpenSSL gave, as a system call would say it. */
static ssize_t as_errno(const struct channel *channel, int result, size_t len)
{
    int error;

    if (result == 1)
        return (ssize_t)len;
    error = SSL_get_error(channel->ssl, result);
    if (error == SSL_ERROR_ZERO_RETURN)
        return 0;
    errno = error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? EAGAIN : EPROTO;
    return -1;
}

ssize_t channel_send(struct channel *channel, const void *data, size_t len)
{
    size_t sent = 0;
    int result;

    if (channel->ssl == NULL)
        return send(channel->fd, data, len, MSG_NOSIGNAL);
    ERR_clear_error();
    result = SSL_write_ex(channel->ssl, data, len, &sent);
    return as_errno(channel, result, sent);
}

/* Records come one by one: several make one read, as they would without TLS. */
static ssize_t recv_records(struct channel *channel, char *data, size_t len)
{
    size_t total = 0, more;
    int result;

    do {
        more = 0;
        ERR_clear_error();
        result = SSL_read_ex(channel->ssl, data + total, len - total, &more);
        total += more;
    } while (result == 1 && total < len);
    return total > 0 ? (ssize_t)total : as_errno(channel, result, 0);
}

ssize_t channel_recv(struct channel *channel, void *data, size_t len)
{
    return channel->ssl == NULL ? recv(channel->fd, data, len, 0)
                                : recv_records(channel, data, len);
}

ssize_t channel_peek(struct channel *channel, void *data, size_t len)
{
    size_t peeked = 0;
    int result;

    if (channel->ssl == NULL)
        return recv(channel->fd, data, len, MSG_PEEK);
    ERR_clear_error();
    result = SSL_peek_ex(channel->ssl, data, len, &peeked);
    return as_errno(channel, result, peeked);
}
