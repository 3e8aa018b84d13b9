/* SPDX-License-Identifier: MIT */
#include "client/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MOST_READS 16 /* of one turn, so that others get theirs */

static void on_ready(yodel_watch *watch, unsigned events, void *user);

SSL_CTX *yg_link_tls(const char *ca_file)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

    if (tls == NULL)
        return NULL;
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    if ((ca_file != NULL ? SSL_CTX_load_verify_file(tls, ca_file)
                         : SSL_CTX_set_default_verify_paths(tls)) != 1) {
        SSL_CTX_free(tls);
        return NULL;
    }
    return tls;
}

/* ---- the end ---- */

static void drop_socket(struct yg_link *link)
{
    (void)yodel_watch_stop(&link->watch);
    if (link->ssl != NULL)
        SSL_free(link->ssl);
    link->ssl = NULL;
    close(link->fd);
    link->fd = -1;
}

void yg_link_close(struct yg_link *link)
{
    if (link->state == YG_LINK_CLOSED)
        return;
    drop_socket(link);
    link->state = YG_LINK_CLOSED;
    yg_text_done(&link->out);
    link->out_at = 0;
    if (link->gone != NULL)
        *link->gone = true;
    link->gone = NULL;
}

static void end(struct yg_link *link, int error, const char *words)
{
    yg_link_close(link);
    link->events->on_closed(link, error, words);
}

/* TLS has failed; errno is that of the call. */
static void end_tls(struct yg_link *link, int rc, int error)
{
    const int kind = SSL_get_error(link->ssl, rc);
    const long verdict = SSL_get_verify_result(link->ssl);
    const unsigned long code = ERR_get_error();

    if (kind == SSL_ERROR_ZERO_RETURN)
        end(link, 0, NULL);
    else if (verdict != X509_V_OK && !link->target->is_insecure)
        end(link, -EPROTO, X509_verify_cert_error_string(verdict));
    else if (kind == SSL_ERROR_SYSCALL && code == 0)
        end(link, error != 0 ? -error : -ECONNRESET, NULL);
    else
        end(link, -EPROTO, ERR_reason_error_string(code));
}

/* ---- connecting ---- */

static bool set_up_name(SSL *ssl, const char *host)
{
    unsigned char address[16];

    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

static int begin_tls(struct yg_link *link)
{
    SSL *ssl = SSL_new(link->target->tls);

    if (ssl == NULL)
        return -ENOMEM;
    link->ssl = ssl;
    if (SSL_set_fd(ssl, link->fd) != 1 || !set_up_name(ssl, link->target->host))
        return -ENOMEM;
    SSL_set_verify(ssl, link->target->is_insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    SSL_set_connect_state(ssl);
    link->state = YG_LINK_SHAKES;
    return 0;
}

/* Tries one address.  Returns 0 or -errno; then no socket is left. */
static int try_address(struct yg_link *link)
{
    const struct addrinfo *address = link->address;
    const int one = 1;
    int rc;

    link->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (link->fd < 0)
        return -errno;
    if (address->ai_family != AF_UNIX)
        (void)setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    rc = connect(link->fd, address->ai_addr, address->ai_addrlen);
    rc = rc == 0 || errno == EINPROGRESS ? 0 : -errno;
    if (rc == 0)
        rc = yodel_watch_start(&link->watch, link->fd, YODEL_WATCH_WRITABLE);
    if (rc < 0) {
        close(link->fd);
        link->fd = -1;
    }
    return rc;
}

/* Tries addresses from this one on.  Returns 0, or the error of the last. */
static int try_from(struct yg_link *link, const struct addrinfo *address)
{
    int rc = -EADDRNOTAVAIL;

    for (; address != NULL; address = address->ai_next) {
        link->address = address;
        if ((rc = try_address(link)) == 0)
            return 0;
    }
    return rc;
}

int yg_link_open(struct yg_link *link, const struct yg_link_target *target,
                 const struct yg_link_events *events)
{
    int rc;

    *link = (struct yg_link){.target = target, .events = events, .fd = -1};
    yodel_watch_init(&link->watch, target->loop, on_ready, link);
    rc = try_from(link, target->addresses);
    if (rc == 0)
        link->state = YG_LINK_CONNECTS;
    return rc;
}

/* The other addresses, after one that cannot be reached. */
static void try_others(struct yg_link *link, int error)
{
    const struct addrinfo *next = link->address->ai_next;
    int rc = error;

    drop_socket(link);
    if (next != NULL)
        rc = try_from(link, next);
    if (rc == 0)
        return;
    link->state = YG_LINK_CLOSED;
    link->events->on_closed(link, rc, NULL);
}

static void open_up(struct yg_link *link)
{
    link->state = YG_LINK_OPEN;
    (void)yodel_watch_set_events(&link->watch, YODEL_WATCH_READABLE);
    link->events->on_open(link);
}

static void on_connected(struct yg_link *link, unsigned events)
{
    socklen_t size = sizeof(int);
    int error = 0;

    if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        error = errno;
    if (error == 0 && (events & YODEL_WATCH_ERROR) != 0)
        error = ECONNRESET;
    if (error != 0)
        try_others(link, -error);
    else if (link->target->tls == NULL)
        open_up(link);
    else if ((error = begin_tls(link)) < 0)
        end(link, error, NULL);
}

static void shake_hands(struct yg_link *link)
{
    int rc, error, kind;

    ERR_clear_error();
    errno = 0;
    rc = SSL_do_handshake(link->ssl);
    error = errno;
    if (rc == 1) {
        open_up(link);
        return;
    }
    kind = SSL_get_error(link->ssl, rc);
    if (kind == SSL_ERROR_WANT_READ)
        (void)yodel_watch_set_events(&link->watch, YODEL_WATCH_READABLE);
    else if (kind == SSL_ERROR_WANT_WRITE)
        (void)yodel_watch_set_events(&link->watch, YODEL_WATCH_WRITABLE);
    else
        end_tls(link, rc, error);
}

/* ---- writing ---- */

/* Writes what the socket takes.  Returns the number of bytes, 0 for none now, or -errno. */
static ssize_t write_some(struct yg_link *link, const char *ptr, size_t len)
{
    ssize_t num;
    int kind;

    if (link->ssl == NULL) {
        num = send(link->fd, ptr, len, MSG_NOSIGNAL);
        return num >= 0 ? num : errno == EAGAIN || errno == EINTR ? 0 : -errno;
    }
    ERR_clear_error();
    num = SSL_write(link->ssl, ptr, len > 1 << 20 ? 1 << 20 : (int)len);
    if (num > 0)
        return num;
    kind = SSL_get_error(link->ssl, (int)num);
    return kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE ? 0 : -EPIPE;
}

/* The descriptor is ready from now on, whatever the server does. */
void yg_link_fail(struct yg_link *link, int error)
{
    if (link->state != YG_LINK_OPEN)
        return;
    link->error = error;
    (void)shutdown(link->fd, SHUT_RDWR);
    (void)yodel_watch_set_events(&link->watch, YODEL_WATCH_READABLE | YODEL_WATCH_WRITABLE);
}

static void flush(struct yg_link *link)
{
    while (link->error == 0 && link->out_at < link->out.len) {
        const ssize_t num =
            write_some(link, link->out.ptr + link->out_at, link->out.len - link->out_at);

        if (num == 0)
            break;
        if (num < 0)
            yg_link_fail(link, (int)num);
        else
            link->out_at += (size_t)num;
    }
    if (link->out_at == link->out.len) {
        yg_text_reset(&link->out);
        link->out_at = 0;
    }
    (void)yodel_watch_set_events(&link->watch, link->error != 0 || link->out.len > 0
                                                   ? YODEL_WATCH_READABLE | YODEL_WATCH_WRITABLE
                                                   : YODEL_WATCH_READABLE);
}

/* Forgets what is gone, once that is much. */
static void move_up(struct yg_link *link)
{
    if (link->out_at <= 65536)
        return;
    memmove(link->out.ptr, link->out.ptr + link->out_at, link->out.len - link->out_at);
    link->out.len -= link->out_at;
    link->out_at = 0;
}

int yg_link_send(struct yg_link *link, const void *ptr, size_t len)
{
    ssize_t num = 0;

    if (link->state != YG_LINK_OPEN || link->error != 0)
        return 0;
    move_up(link);
    if (link->out.len == 0)
        num = write_some(link, ptr, len);
    if (num == (ssize_t)len)
        return 0;
    if (num < 0) {
        yg_link_fail(link, (int)num);
        return 0;
    }
    if (len > YG_LINK_MAX_WAITING - yg_link_waiting(link)) {
        yg_link_fail(link, -ENOBUFS);
        return -ENOBUFS;
    }
    yg_text_add(&link->out, (const char *)ptr + num, len - (size_t)num);
    if (yg_text_failed(&link->out)) {
        yg_link_fail(link, -ENOMEM);
        return -ENOMEM;
    }
    (void)yodel_watch_set_events(&link->watch, YODEL_WATCH_READABLE | YODEL_WATCH_WRITABLE);
    return 0;
}

bool yg_link_is_full(const struct yg_link *link)
{
    return link->error == -ENOBUFS || link->error == -ENOMEM;
}

size_t yg_link_waiting(const struct yg_link *link)
{
    return link->out.len - link->out_at;
}

/* ---- reading ---- */

/* Returns the number of bytes; 0: none now; -1: it has ended, and that was told. */
static int read_some(struct yg_link *link)
{
    const struct yg_link_target *target = link->target;
    ssize_t num;
    int kind, error;

    if (link->ssl == NULL) {
        num = recv(link->fd, target->buffer, target->buffer_size, 0);
        if (num > 0)
            return (int)num;
        if (num < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        end(link, num < 0 ? -errno : 0, NULL);
        return -1;
    }
    ERR_clear_error();
    errno = 0;
    num = SSL_read(link->ssl, target->buffer, (int)target->buffer_size);
    error = errno;
    if (num > 0)
        return (int)num;
    kind = SSL_get_error(link->ssl, (int)num);
    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE)
        return 0;
    end_tls(link, (int)num, error);
    return -1;
}

/* Reads what is there.  A read that did not fill the buffer was the last, but for TLS, which may
 * hold more.  Returns whether the link is there still. */
static bool read_all(struct yg_link *link)
{
    bool gone = false;

    for (int i = 0; i < MOST_READS || (link->ssl != NULL && SSL_has_pending(link->ssl)); i++) {
        const int num = read_some(link);

        if (num <= 0)
            return num == 0;
        link->gone = &gone;
        link->events->on_bytes(link,
                               (yodel_bytes){(const uint8_t *)link->target->buffer, (size_t)num});
        if (gone)
            return false;
        link->gone = NULL;
        if (yg_link_is_full(link) || (link->ssl == NULL && (size_t)num < link->target->buffer_size))
            break;
    }
    return true;
}

static void write_waiting(struct yg_link *link)
{
    const bool had_some = link->out.len > 0;

    flush(link);
    if (link->error != 0)
        end(link, link->error, NULL);
    else if (had_some && link->out.len == 0 && link->events->on_drained != NULL)
        link->events->on_drained(link);
}

static void on_ready(yodel_watch *watch, unsigned events, void *user)
{
    struct yg_link *link = user;
    bool gone = false;

    (void)watch;
    if (link->state == YG_LINK_CONNECTS) {
        on_connected(link, events);
        return;
    }
    if (link->state == YG_LINK_SHAKES) {
        shake_hands(link);
        return;
    }
    if (link->error != 0) {
        end(link, link->error, NULL);
        return;
    }
    if ((events & YODEL_WATCH_WRITABLE) != 0) {
        link->gone = &gone;
        write_waiting(link);
        if (gone)
            return;
        link->gone = NULL;
    }
    if ((events & ~(unsigned)YODEL_WATCH_WRITABLE) != 0 && !read_all(link))
        return;
    if ((events & YODEL_WATCH_ERROR) != 0)
        end(link, -ECONNRESET, NULL);
}
