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
#include "net/certs.h"
#include "net/net_internal.h"
#include "net/tls_client.h"

/* Sealed output that may wait for the kernel before more is sealed, bytes. */
#define SEALED_MAX ((size_t)64 * 1024)
/* Of messages that carry no data and that OpenSSL answers, or takes without end: so many may come
 * at once, and one more for each second and for each so many bytes of data. */
#define IDLE_MESSAGES 100
#define IDLE_BYTES ((uint64_t)1024 * 1024)
/* Plain bytes of one record (RFC 8446 5.1). */
#define RECORD_MAX ((size_t)16384)

struct yd_tls {
    const struct yodel_allocator *mem;
    const struct yodel_log_sink *log;
    struct yd_tls_settings settings;
    BIO_METHOD *bio_method;
    pthread_mutex_t lock; /* for the two below */
    uint64_t num_readings;
    struct yd_certs *certs;
    bool verifies; /* of connections that go out: the peer's name */
};

struct tls_filter {
    struct yd_filter base; /* first */
    SSL *ssl;
    struct yd_certs *certs; /* to choose from by name */
    const uint8_t *input;   /* of the stream, for the present call */
    size_t input_len;
    uint64_t taken;     /* bytes of data since the last such message */
    uint64_t idle_at;   /* ms, of that */
    uint64_t idle_left; /* such messages that may come at once */
    bool flooded;       /* there were more */
    bool failed;
    const char **ret_reason; /* of a connection that goes out, until it is ready; or NULL */
    bool ready;              /* and the protocol above has been told, if it wants to know */
};

static struct tls_filter *filter_of(struct yd_conn *conn)
{
    return (struct tls_filter *)conn->filter;
}

/* ---- certificates ---- */

static struct yd_certs *certs_of(struct yd_tls *tls)
{
    struct yd_certs *certs;

    pthread_mutex_lock(&tls->lock);
    certs = yd_certs_ref(tls->certs);
    pthread_mutex_unlock(&tls->lock);
    return certs;
}

/* Names that nobody has get the default, without an alert: what is asked for by a name of another
 * kind is answered all the same. */
static int on_name(SSL *ssl, int *alert, void *arg)
{
    const struct tls_filter *filter = SSL_get_app_data(ssl);
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    (void)arg;
    if (name == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    if (SSL_set_SSL_CTX(ssl, yd_certs_find(filter->certs, name)) != NULL)
        return SSL_TLSEXT_ERR_OK;
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

int yd_tls_read(struct yd_tls *tls, struct yd_certs **ret_certs)
{
    struct yd_certs *certs;
    uint64_t reading;
    int rc;

    pthread_mutex_lock(&tls->lock);
    reading = ++tls->num_readings;
    pthread_mutex_unlock(&tls->lock);
    if ((rc = yd_certs_load(tls->mem, tls->log, &tls->settings, on_name, &certs)) < 0)
        return rc;
    certs->reading = reading;
    *ret_certs = certs;
    return 0;
}

void yd_tls_exchange(struct yd_tls *tls, struct yd_certs *certs)
{
    struct yd_certs *old = certs;

    pthread_mutex_lock(&tls->lock);
    if (certs->reading > tls->certs->reading) {
        old = tls->certs;
        tls->certs = certs;
    }
    pthread_mutex_unlock(&tls->lock);
    yd_certs_unref(old);
}

int yd_tls_reload(struct yd_tls *tls)
{
    struct yd_certs *certs;
    int rc = yd_tls_read(tls, &certs);

    if (rc == 0)
        yd_tls_exchange(tls, certs);
    return rc == 0 ? 0 : YODEL_ERR_TLS;
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

/* ---- messages without data ---- */

/* RFC 8446 4.6.3: each wish for new keys is answered, also where nobody reads.  The refusal of a
 * renegotiation is an alert. */
static bool is_idle(int by_us, int type, const uint8_t *data, size_t len)
{
    if (by_us)
        return type == SSL3_RT_ALERT;
    return type == SSL3_RT_HANDSHAKE && len > 0 && data[0] == SSL3_MT_KEY_UPDATE;
}

static void on_tls_message(int by_us, int version, int type, const void *data, size_t len, SSL *ssl,
                           void *arg)
{
    struct tls_filter *filter = arg;
    uint64_t now;

    (void)version;
    (void)ssl;
    if (!is_idle(by_us, type, data, len))
        return;
    now = yd_conn_loop(filter->base.conn)->now;
    filter->idle_left += (now - filter->idle_at) / 1000 + filter->taken / IDLE_BYTES;
    filter->idle_left = YD_MIN(filter->idle_left, (uint64_t)IDLE_MESSAGES);
    if ((now - filter->idle_at) / 1000 > 0)
        filter->idle_at = now;
    filter->taken %= IDLE_BYTES;
    if (filter->idle_left == 0)
        filter->flooded = true;
    else
        filter->idle_left--;
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
    if (filter_of(conn)->ret_reason != NULL)
        *filter_of(conn)->ret_reason = yd_tls_client_error(filter_of(conn)->ssl);
    filter_of(conn)->failed = true;
    yd_outq_clear(yd_conn_loop(conn), &conn->out);
    conn->error = SSL_is_server(filter_of(conn)->ssl) ? -EPROTO : YODEL_ERR_TLS;
    yd_conn_close(conn);
    return 0;
}

static int fail_flood(struct yd_conn *conn)
{
    yd_count(&yd_conn_loop(conn)->counters.tls_flooded, 1);
    ERR_raise(ERR_LIB_SSL, SSL_R_TOO_MANY_KEY_UPDATES);
    return fail(conn);
}

static void tell_ready(struct yd_conn *conn)
{
    struct tls_filter *filter = filter_of(conn);

    if (filter->ready || !SSL_is_init_finished(filter->ssl))
        return;
    filter->ready = true;
    filter->ret_reason = NULL;
    if (conn->events->on_ready != NULL)
        conn->events->on_ready(conn);
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
        int len;

        forget_errors(); /* handlers may use OpenSSL, too */
        len = SSL_read(filter->ssl, plain, (int)YD_MIN(size, RECORD_MAX));
        tell_ready(conn);
        if (conn->phase >= YD_CONN_DEAD)
            return 0;
        if (filter->flooded && !filter->failed)
            return fail_flood(conn);
        if (len <= 0)
            return on_ssl_result(conn, len);
        filter->taken += (uint64_t)len;
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
    rc = read_records(conn, plain);
    filter->input_len = 0;
    yd_pool_put(&loop->pool, YD_BLOCK_LARGE, plain);
    if (!yd_outq_is_empty(&filter->base.sealed) || !yd_outq_is_empty(&conn->out))
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

    if (yd_outq_is_empty(&conn->out) || !may_seal(conn))
        return sealed;
    while (!yd_outq_is_empty(&conn->out) && yd_outq_bytes(sealed) < SEALED_MAX)
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

static struct iovec after(struct iovec run, size_t len)
{
    return (struct iovec){(uint8_t *)run.iov_base + len, run.iov_len - len};
}

/* A head of more than a record is sealed up to its last one.  Returns how many bytes, or -ENOMEM.
 */
static ssize_t seal_long_head(struct yd_conn *conn, struct iovec *head)
{
    ssize_t len = 0;

    for (; head->iov_len > RECORD_MAX; len += (ssize_t)RECORD_MAX) {
        if (seal(conn, head->iov_base, RECORD_MAX) < 0)
            return -ENOMEM;
        *head = after(*head, RECORD_MAX);
    }
    return len;
}

static ssize_t seal_rest(struct yd_conn *conn, struct iovec rest[2])
{
    ssize_t total, sealed;
    size_t len;

    if (!may_seal(conn))
        return 0;
    if ((total = seal_long_head(conn, &rest[0])) < 0)
        return total;
    if (rest[0].iov_len > 0) {
        if ((sealed = seal_head(conn, rest)) < 0)
            return sealed;
        rest[1] = after(rest[1], (size_t)sealed - rest[0].iov_len);
        rest[0].iov_len = 0;
        total += sealed;
    }
    len = YD_MIN(rest[1].iov_len, SEALED_MAX);
    if (len > 0 && seal(conn, rest[1].iov_base, len) < 0)
        return -ENOMEM;
    rest[1] = after(rest[1], len);
    return total + (ssize_t)len;
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
    yd_certs_unref(filter->certs);
    yd_outq_clear(loop, &filter->base.sealed);
    yd_free(loop->mem, filter);
}

/* ---- the client's certificate ---- */

static ssize_t write_subject(X509 *cert, char *ret_text, size_t size)
{
    static const unsigned long how = XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB;
    BIO *bio = BIO_new(BIO_s_mem());
    ssize_t len = -ENOMEM;
    char *data;

    if (bio == NULL)
        return len;
    if (X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, how) >= 0) {
        len = (ssize_t)BIO_get_mem_data(bio, &data);
        if ((size_t)len > size)
            len = YODEL_ERR_TOO_BIG;
        else if (len > 0)
            memcpy(ret_text, data, (size_t)len);
    }
    BIO_free(bio);
    return len;
}

static ssize_t write_fingerprint(X509 *cert, char *ret_text, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    if (X509_digest(cert, EVP_sha256(), bytes, &len) != 1)
        return -ENOMEM;
    if (2 * (size_t)len > size)
        return YODEL_ERR_TOO_BIG;
    for (unsigned i = 0; i < len; i++) {
        ret_text[2 * i] = digits[bytes[i] >> 4];
        ret_text[2 * i + 1] = digits[bytes[i] & 15];
    }
    return 2 * (ssize_t)len;
}

/* A certificate that is not valid has ended the handshake. */
static ssize_t write_cert(const struct yd_conn *conn, enum yd_cert_part part, char *ret_text,
                          size_t size)
{
    X509 *cert = SSL_get0_peer_certificate(((struct tls_filter *)conn->filter)->ssl);
    ssize_t len;

    if (cert == NULL)
        return YODEL_ERR_NOT_FOUND;
    ERR_clear_error();
    len = part == YD_CERT_SUBJECT ? write_subject(cert, ret_text, size)
                                  : write_fingerprint(cert, ret_text, size);
    ERR_clear_error();
    return len;
}

static const struct yd_filter_ops tls_ops = {
    .input = input,
    .output = output,
    .seal = seal_rest,
    .shutdown = shut_down,
    .free = free_filter,
    .cert = write_cert,
};

/* ---- new connections ---- */

static int make_ssl(struct yd_tls *tls, struct tls_filter *filter, bool is_client)
{
    BIO *bio;

    ERR_clear_error();
    filter->certs = certs_of(tls);
    if ((filter->ssl = SSL_new(filter->certs->ctxs[0])) == NULL)
        return -ENOMEM;
    if ((bio = BIO_new(tls->bio_method)) == NULL)
        return -ENOMEM;
    BIO_set_data(bio, filter);
    BIO_set_init(bio, 1);
    SSL_set_bio(filter->ssl, bio, bio);
    SSL_set_app_data(filter->ssl, filter);
    if (is_client)
        SSL_set_connect_state(filter->ssl);
    else
        SSL_set_accept_state(filter->ssl);
    return 0;
}

static int attach(struct yd_tls *tls, struct yd_conn *conn, bool is_client)
{
    struct tls_filter *filter = yd_zalloc(tls->mem, sizeof *filter);

    if (filter == NULL)
        return -ENOMEM;
    if (make_ssl(tls, filter, is_client) < 0) {
        SSL_free(filter->ssl);
        yd_certs_unref(filter->certs);
        yd_free(tls->mem, filter);
        ERR_clear_error();
        return -ENOMEM;
    }
    filter->base.ops = &tls_ops;
    filter->base.conn = conn;
    filter->idle_left = IDLE_MESSAGES;
    filter->idle_at = yd_conn_loop(conn)->now;
    SSL_set_msg_callback(filter->ssl, on_tls_message);
    SSL_set_msg_callback_arg(filter->ssl, filter);
    conn->filter = &filter->base;
    return 0;
}

int yd_tls_attach(struct yd_tls *tls, struct yd_conn *conn)
{
    return attach(tls, conn, false);
}

int yd_tls_attach_client(struct yd_tls *tls, struct yd_conn *conn, const char *name,
                         const char **ret_reason)
{
    int rc = attach(tls, conn, true);

    if (rc == 0 && tls->verifies)
        rc = yd_tls_client_expect(filter_of(conn)->ssl, name);
    if (rc < 0)
        return rc;
    filter_of(conn)->ret_reason = ret_reason;
    ERR_clear_error();
    (void)SSL_do_handshake(filter_of(conn)->ssl); /* it wants to read */
    ERR_clear_error();
    yd_conn_want_flush(conn);
    return 0;
}

/* ---- settings ---- */

static struct yd_tls *alloc_tls(const struct yodel_allocator *mem, const struct yodel_log_sink *log)
{
    struct yd_tls *tls = yd_zalloc(mem, sizeof *tls);

    if (tls == NULL)
        return NULL;
    tls->mem = mem;
    tls->log = log;
    pthread_mutex_init(&tls->lock, NULL);
    return tls;
}

int yd_tls_new_client(const struct yodel_allocator *mem, const struct yodel_log_sink *log,
                      const struct yd_tls_client_options *options, struct yd_tls **ret_tls)
{
    struct yd_tls *tls = alloc_tls(mem, log);
    int rc = -ENOMEM;

    if (tls == NULL)
        return rc;
    tls->verifies = !options->no_verify;
    if ((tls->bio_method = make_bio_method()) != NULL)
        rc = yd_tls_client_load(mem, log, options, &tls->certs);
    if (rc < 0)
        yd_tls_free(tls);
    else
        *ret_tls = tls;
    return rc;
}

int yd_tls_new(const struct yodel_allocator *mem, const struct yodel_log_sink *log,
               const yodel_tls_options *options, struct yd_tls **ret_tls)
{
    struct yd_tls *tls = alloc_tls(mem, log);
    int rc;

    if (tls == NULL)
        return -ENOMEM;
    if ((rc = yd_tls_settings_copy(mem, options, &tls->settings)) < 0)
        goto fail;
    rc = -ENOMEM;
    if ((tls->bio_method = make_bio_method()) == NULL)
        goto fail;
    if ((rc = yd_certs_load(mem, log, &tls->settings, on_name, &tls->certs)) < 0)
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
    yd_certs_unref(tls->certs);
    BIO_meth_free(tls->bio_method);
    pthread_mutex_destroy(&tls->lock);
    yd_tls_settings_done(tls->mem, &tls->settings);
    yd_free(tls->mem, tls);
}
