/* SPDX-License-Identifier: MIT */
#include "net/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/net_internal.h"

/* Sealed output that may wait for the kernel before more is sealed, bytes. */
#define SEALED_MAX ((size_t)64 * 1024)
/* Plain bytes of one record (RFC 8446 5.1). */
#define RECORD_MAX ((size_t)16384)

struct yd_tls {
    const struct yodel_allocator *mem;
    const struct yodel_log_sink *log;
    char *cert_file, *key_file, *ciphers;
    BIO_METHOD *bio_method;
    pthread_mutex_t lock; /* for ctx */
    SSL_CTX *ctx;
};

struct tls_filter {
    struct yd_filter base; /* first */
    SSL *ssl;
    const uint8_t *input; /* of the stream, for the present call */
    size_t input_len;
    bool failed;
};

static struct tls_filter *filter_of(struct yd_conn *conn)
{
    return (struct tls_filter *)conn->filter;
}

/* ---- certificates ---- */

static void log_reason(const struct yodel_log_sink *log, const char *what)
{
    char text[256] = "no reason given";
    unsigned long error = ERR_get_error();

    if (error != 0)
        ERR_error_string_n(error, text, sizeof text);
    ERR_clear_error();
    yd_log(log, YODEL_LOG_ERROR, "%s: %s", what, text);
}

static int choose_alpn(SSL *ssl, const unsigned char **ret, unsigned char *ret_len,
                       const unsigned char *offer, unsigned offer_len, void *arg)
{
    static const unsigned char ours[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
    unsigned char *chosen;

    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, ret_len, ours, sizeof ours, offer, offer_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL; /* RFC 7301 3.2 */
    *ret = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* A key with a passphrase is refused: without this OpenSSL would ask at the terminal. */
static int no_passphrase(char *text, int size, int writing, void *arg)
{
    (void)text;
    (void)size;
    (void)writing;
    (void)arg;
    return 0;
}

static int load_files(const struct yd_tls *tls, SSL_CTX *ctx)
{
    if (tls->ciphers != NULL && SSL_CTX_set_cipher_list(ctx, tls->ciphers) != 1) {
        log_reason(tls->log, "TLS cipher list");
        return YODEL_ERR_TLS;
    }
    if (SSL_CTX_use_certificate_chain_file(ctx, tls->cert_file) != 1) {
        log_reason(tls->log, tls->cert_file);
        return YODEL_ERR_TLS;
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, tls->key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1) {
        log_reason(tls->log, tls->key_file);
        return YODEL_ERR_TLS;
    }
    return 0;
}

static int make_ctx(const struct yd_tls *tls, SSL_CTX **ret_ctx)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    int rc;

    if (ctx == NULL)
        return -ENOMEM;
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ctx, 1); /* header and body of a record at once */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets need no memory here */
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, NULL);
    if ((rc = load_files(tls, ctx)) < 0) {
        SSL_CTX_free(ctx);
        return rc;
    }
    *ret_ctx = ctx;
    return 0;
}

int yd_tls_reload(struct yd_tls *tls)
{
    SSL_CTX *fresh, *old;
    int rc;

    if ((rc = make_ctx(tls, &fresh)) < 0)
        return YODEL_ERR_TLS;
    pthread_mutex_lock(&tls->lock);
    old = tls->ctx;
    tls->ctx = fresh;
    pthread_mutex_unlock(&tls->lock);
    SSL_CTX_free(old);
    return 0;
}

/* ---- the stream as OpenSSL sees it ---- */

static int bio_read(BIO *bio, char *data, size_t len, size_t *ret_len)
{
    struct tls_filter *filter = BIO_get_data(bio);
    size_t take = YD_MIN(len, filter->input_len);

    BIO_clear_retry_flags(bio);
    if (take == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(data, filter->input, take);
    filter->input += take;
    filter->input_len -= take;
    *ret_len = take;
    return 1;
}

static int bio_write(BIO *bio, const char *data, size_t len, size_t *ret_len)
{
    struct tls_filter *filter = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    if (yd_outq_copy(yd_conn_loop(filter->base.conn), &filter->base.sealed, data, len, NULL, 0) < 0)
        return 0;
    *ret_len = len;
    return 1;
}

static long bio_ctrl(BIO *bio, int command, long number, void *arg)
{
    (void)bio;
    (void)number;
    (void)arg;
    return command == BIO_CTRL_FLUSH; /* the connection flushes at the end of the turn */
}

static BIO_METHOD *make_bio_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");

    if (method == NULL)
        return NULL;
    BIO_meth_set_read_ex(method, bio_read);
    BIO_meth_set_write_ex(method, bio_write);
    BIO_meth_set_ctrl(method, bio_ctrl);
    return method;
}

/* ---- the filter ---- */

/* What peers do wrong is for those who look for it. */
static void log_failure(const struct yd_conn *conn)
{
    const struct yodel_log_sink *log = yd_loop_log(yd_conn_loop(conn));
    char peer[YD_PEER_SIZE], text[256] = "the stream broke";
    unsigned long error = ERR_peek_error();

    if (!yd_log_wants(log, YODEL_LOG_DEBUG))
        return;
    if (error != 0)
        ERR_error_string_n(error, text, sizeof text);
    yd_conn_peer(conn, peer);
    yd_log(log, YODEL_LOG_DEBUG, "TLS with %s failed: %s", peer, text);
}

/* SSL_get_error() looks at the queue of errors, which must not hold those of others. */
static void forget_errors(void)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
}

/* The alert that OpenSSL has queued still goes out; nothing else does. */
static int fail(struct yd_conn *conn)
{
    log_failure(conn);
    ERR_clear_error();
    filter_of(conn)->failed = true;
    yd_outq_clear(yd_conn_loop(conn), &conn->out);
    conn->error = -EPROTO;
    yd_conn_close(conn);
    return 0;
}

static int on_ssl_result(struct yd_conn *conn, int result)
{
    switch (SSL_get_error(filter_of(conn)->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return 0;
    case SSL_ERROR_ZERO_RETURN:
        yd_conn_end_input(conn);
        return 0;
    default:
        return fail(conn);
    }
}

/* Straight to where the protocol above wants it, if that has said so.  Without input OpenSSL is not
 * asked: it would only say that it wants some. */
static int read_records(struct yd_conn *conn, uint8_t *room)
{
    struct tls_filter *filter = filter_of(conn);

    while (conn->phase < YD_CONN_DEAD && (filter->input_len > 0 || SSL_has_pending(filter->ssl))) {
        const struct iovec *target = filter->base.target;
        uint8_t *plain = target != NULL ? target->iov_base : room;
        size_t size = target != NULL ? target->iov_len : RECORD_MAX;
        int len = SSL_read(filter->ssl, plain, (int)YD_MIN(size, RECORD_MAX));

        if (len <= 0)
            return on_ssl_result(conn, len);
        yd_conn_deliver(conn, plain, (size_t)len);
    }
    return 0;
}

static int input(struct yd_conn *conn, uint8_t *data, size_t len)
{
    struct tls_filter *filter = filter_of(conn);
    struct yd_loop *loop = yd_conn_loop(conn);
    uint8_t *plain;
    int rc;

    if (filter->failed)
        return 0;
    if ((plain = yd_pool_get(&loop->pool, YD_BLOCK_LARGE)) == NULL)
        return -ENOMEM;
    filter->input = data;
    filter->input_len = len;
    forget_errors();
    rc = read_records(conn, plain);
    filter->input_len = 0;
    yd_pool_put(&loop->pool, YD_BLOCK_LARGE, plain);
    if (filter->base.sealed.bytes > 0 || conn->out.bytes > 0)
        yd_conn_want_flush(conn);
    return rc;
}

/* The bytes, which are sealed in records of up to RECORD_MAX.  The stream side takes everything
 * while there is memory. */
static int seal(struct yd_conn *conn, const void *data, size_t len)
{
    forget_errors();
    return SSL_write(filter_of(conn)->ssl, data, (int)len) > 0 ? 0 : -ENOMEM;
}

/* Puts together what stands in several runs. */
static size_t gather(const struct iovec *iov, int num, uint8_t *room, size_t max)
{
    size_t len = 0;

    for (int i = 0; i < num && len < max; i++) {
        size_t take = YD_MIN(iov[i].iov_len, max - len);

        if (take > 0)
            memcpy(room + len, iov[i].iov_base, take);
        len += take;
    }
    return len;
}

/* Seals max bytes at most, in one record.  Returns how many, or -ENOMEM. */
static ssize_t seal_gathered(struct yd_conn *conn, const struct iovec *iov, int num, size_t max)
{
    struct yd_pool *pool = &yd_conn_loop(conn)->pool;
    uint8_t *room = yd_pool_get(pool, YD_BLOCK_LARGE);
    size_t len;
    int rc;

    if (room == NULL)
        return -ENOMEM;
    len = gather(iov, num, room, max);
    rc = seal(conn, room, len);
    yd_pool_put(pool, YD_BLOCK_LARGE, room);
    return rc == 0 ? (ssize_t)len : rc;
}

/* Whole records of what stands in one run are sealed without a copy. */
static int seal_some(struct yd_conn *conn)
{
    struct iovec iov[16];
    int num = yd_outq_peek(&conn->out, iov, YD_LEN(iov));
    ssize_t sealed;

    if (num == 1 || iov->iov_len >= RECORD_MAX) {
        sealed = (ssize_t)YD_MIN(iov->iov_len, RECORD_MAX);
        if (seal(conn, iov->iov_base, (size_t)sealed) < 0)
            return -ENOMEM;
    } else if ((sealed = seal_gathered(conn, iov, num, RECORD_MAX)) < 0) {
        return (int)sealed;
    }
    yd_outq_consume(yd_conn_loop(conn), &conn->out, (size_t)sealed);
    return 0;
}

static bool may_seal(struct yd_conn *conn)
{
    return !filter_of(conn)->failed && SSL_is_init_finished(filter_of(conn)->ssl);
}

static struct yd_outq *output(struct yd_conn *conn)
{
    struct yd_outq *sealed = &conn->filter->sealed;

    if (conn->out.bytes == 0 || !may_seal(conn))
        return sealed;
    while (conn->out.bytes > 0 && sealed->bytes < SEALED_MAX)
        if (seal_some(conn) < 0)
            return NULL;
    return sealed;
}

/* The first record takes the head, and so much of the body that all that follow are full ones: they
 * are sealed without a copy, and there is no record more than needed. */
static ssize_t seal_head(struct yd_conn *conn, const struct iovec rest[2])
{
    size_t total = rest[0].iov_len + rest[1].iov_len;

    if (total > RECORD_MAX)
        total = YD_MAX(total % RECORD_MAX, rest[0].iov_len);
    return seal_gathered(conn, rest, 2, total);
}

static ssize_t seal_rest(struct yd_conn *conn, struct iovec rest[2])
{
    ssize_t first = 0;
    size_t len;

    if (!may_seal(conn))
        return 0;
    if (rest[0].iov_len > 0) {
        if ((first = seal_head(conn, rest)) < 0)
            return first;
        len = (size_t)first - rest[0].iov_len;
        rest[0].iov_len = 0;
        rest[1] = (struct iovec){(uint8_t *)rest[1].iov_base + len, rest[1].iov_len - len};
    }
    len = YD_MIN(rest[1].iov_len, SEALED_MAX);
    if (len > 0 && seal(conn, rest[1].iov_base, len) < 0)
        return -ENOMEM;
    rest[1] = (struct iovec){(uint8_t *)rest[1].iov_base + len, rest[1].iov_len - len};
    return first + (ssize_t)len;
}

static void shut_down(struct yd_conn *conn)
{
    struct tls_filter *filter = filter_of(conn);

    ERR_clear_error();
    if (!filter->failed && SSL_is_init_finished(filter->ssl))
        (void)SSL_shutdown(filter->ssl);
    ERR_clear_error();
}

static void free_filter(struct yd_conn *conn)
{
    struct tls_filter *filter = filter_of(conn);
    struct yd_loop *loop = yd_conn_loop(conn);

    conn->filter = NULL;
    SSL_free(filter->ssl);
    yd_outq_clear(loop, &filter->base.sealed);
    yd_free(loop->mem, filter);
}

static const struct yd_filter_ops tls_ops = {
    .input = input,
    .output = output,
    .seal = seal_rest,
    .shutdown = shut_down,
    .free = free_filter,
};

static SSL *make_ssl(struct yd_tls *tls)
{
    SSL *ssl;

    pthread_mutex_lock(&tls->lock);
    ssl = SSL_new(tls->ctx);
    pthread_mutex_unlock(&tls->lock);
    return ssl;
}

int yd_tls_attach(struct yd_tls *tls, struct yd_conn *conn)
{
    struct tls_filter *filter = yd_zalloc(tls->mem, sizeof *filter);
    BIO *bio;

    if (filter == NULL)
        return -ENOMEM;
    if ((filter->ssl = make_ssl(tls)) == NULL)
        goto fail_filter;
    if ((bio = BIO_new(tls->bio_method)) == NULL)
        goto fail_ssl;
    BIO_set_data(bio, filter);
    BIO_set_init(bio, 1);
    SSL_set_bio(filter->ssl, bio, bio);
    SSL_set_accept_state(filter->ssl);
    filter->base.ops = &tls_ops;
    filter->base.conn = conn;
    conn->filter = &filter->base;
    return 0;

fail_ssl:
    SSL_free(filter->ssl);
fail_filter:
    yd_free(tls->mem, filter);
    ERR_clear_error();
    return -ENOMEM;
}

/* ---- settings ---- */

static int copy_options(struct yd_tls *tls, const yodel_tls_options *options)
{
    tls->cert_file = yd_strdup(tls->mem, options->cert_file);
    tls->key_file = yd_strdup(tls->mem, options->key_file);
    if (options->ciphers != NULL && (tls->ciphers = yd_strdup(tls->mem, options->ciphers)) == NULL)
        return -ENOMEM;
    return tls->cert_file != NULL && tls->key_file != NULL ? 0 : -ENOMEM;
}

int yd_tls_new(const struct yodel_allocator *mem, const struct yodel_log_sink *log,
               const yodel_tls_options *options, struct yd_tls **ret_tls)
{
    struct yd_tls *tls;
    int rc;

    if (options->cert_file == NULL || options->key_file == NULL)
        return -EINVAL;
    if ((tls = yd_zalloc(mem, sizeof *tls)) == NULL)
        return -ENOMEM;
    tls->mem = mem;
    tls->log = log;
    pthread_mutex_init(&tls->lock, NULL);
    if ((rc = copy_options(tls, options)) < 0)
        goto fail;
    rc = -ENOMEM;
    if ((tls->bio_method = make_bio_method()) == NULL)
        goto fail;
    if ((rc = make_ctx(tls, &tls->ctx)) < 0)
        goto fail;
    *ret_tls = tls;
    return 0;

fail:
    yd_tls_free(tls);
    return rc;
}

void yd_tls_free(struct yd_tls *tls)
{
    if (tls == NULL)
        return;
    SSL_CTX_free(tls->ctx);
    BIO_meth_free(tls->bio_method);
    pthread_mutex_destroy(&tls->lock);
    yd_free(tls->mem, tls->cert_file);
    yd_free(tls->mem, tls->key_file);
    yd_free(tls->mem, tls->ciphers);
    yd_free(tls->mem, tls);
}
