/* SPDX-License-Identifier: MIT */
#include "net/certs.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

/* Certificates beside the first: each handshake may look at all. */
#define MOST_CERTS 1000

/* ---- settings ---- */

static int copy_text(const struct yodel_allocator *mem, const char *text, char **ret)
{
    *ret = text != NULL ? yd_strdup(mem, text) : NULL;
    return text == NULL || *ret != NULL ? 0 : -ENOMEM;
}

static int copy_files(const struct yodel_allocator *mem, const char *cert_file,
                      const char *key_file, struct yd_tls_settings *ret)
{
    struct yd_cert_files *files = &ret->certs[ret->num_certs++];

    if (cert_file == NULL || key_file == NULL)
        return -EINVAL;
    return copy_text(mem, cert_file, &files->cert_file) < 0 ||
                   copy_text(mem, key_file, &files->key_file) < 0
               ? -ENOMEM
               : 0;
}

static int check(const yodel_tls_options *options)
{
    bool asks = options->clients != YODEL_TLS_CLIENTS_ANY;

    if (options->min_version < YODEL_TLS_DEFAULT || options->min_version > YODEL_TLS_1_3 ||
        options->clients < YODEL_TLS_CLIENTS_ANY || options->clients > YODEL_TLS_CLIENTS_REQUIRED)
        return -EINVAL;
    if (asks != (options->client_ca_file != NULL) || options->num_certs > MOST_CERTS)
        return -EINVAL;
    return options->num_certs > 0 && options->certs == NULL ? -EINVAL : 0;
}

int yd_tls_settings_copy(const struct yodel_allocator *mem, const yodel_tls_options *options,
                         struct yd_tls_settings *ret)
{
    int rc;

    *ret =
        (struct yd_tls_settings){.min_version = options->min_version, .clients = options->clients};
    if ((rc = check(options)) < 0)
        return rc;
    ret->certs = yd_alloc_array(mem, options->num_certs + 1, sizeof *ret->certs);
    if (ret->certs == NULL)
        return -ENOMEM;
    memset(ret->certs, 0, (options->num_certs + 1) * sizeof *ret->certs);
    rc = copy_files(mem, options->cert_file, options->key_file, ret);
    for (size_t i = 0; rc == 0 && i < options->num_certs; i++)
        rc = copy_files(mem, options->certs[i].cert_file, options->certs[i].key_file, ret);
    if (rc == 0)
        rc = copy_text(mem, options->ciphers, &ret->ciphers);
    if (rc == 0)
        rc = copy_text(mem, options->ciphersuites, &ret->ciphersuites);
    return rc == 0 ? copy_text(mem, options->client_ca_file, &ret->client_ca_file) : rc;
}

void yd_tls_settings_done(const struct yodel_allocator *mem, struct yd_tls_settings *settings)
{
    for (size_t i = 0; i < settings->num_certs; i++) {
        yd_free(mem, settings->certs[i].cert_file);
        yd_free(mem, settings->certs[i].key_file);
    }
    yd_free(mem, settings->certs);
    yd_free(mem, settings->ciphers);
    yd_free(mem, settings->ciphersuites);
    yd_free(mem, settings->client_ca_file);
}

/* ---- reading ---- */

int yd_certs_fail(const struct yodel_log_sink *log, const char *what)
{
    char text[256] = "no reason given";
    unsigned long error = ERR_get_error();

    if (error != 0)
        ERR_error_string_n(error, text, sizeof text);
    ERR_clear_error();
    yd_log(log, YODEL_LOG_ERROR, "%s: %s", what, text);
    return YODEL_ERR_TLS;
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

/* SSL_CTX_check_private_key() compares the two. */
static int load_pair(SSL_CTX *ctx, const struct yodel_log_sink *log,
                     const struct yd_cert_files *files)
{
    if (SSL_CTX_use_certificate_chain_file(ctx, files->cert_file) != 1)
        return yd_certs_fail(log, files->cert_file);
    if (SSL_CTX_use_PrivateKey_file(ctx, files->key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1)
        return yd_certs_fail(log, files->key_file);
    return 0;
}

static int load_clients(SSL_CTX *ctx, const struct yodel_log_sink *log,
                        const struct yd_tls_settings *settings)
{
    bool required = settings->clients == YODEL_TLS_CLIENTS_REQUIRED;
    STACK_OF(X509_NAME) * names;

    if (settings->client_ca_file == NULL)
        return 0;
    if (SSL_CTX_load_verify_file(ctx, settings->client_ca_file) != 1 ||
        (names = SSL_load_client_CA_file(settings->client_ca_file)) == NULL)
        return yd_certs_fail(log, settings->client_ca_file);
    SSL_CTX_set_client_CA_list(ctx, names);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                       NULL);
    return 0;
}

static int load(SSL_CTX *ctx, const struct yodel_log_sink *log,
                const struct yd_tls_settings *settings, const struct yd_cert_files *files)
{
    int rc;

    if (settings->ciphers != NULL && SSL_CTX_set_cipher_list(ctx, settings->ciphers) != 1)
        return yd_certs_fail(log, "TLS cipher list");
    if (settings->ciphersuites != NULL &&
        SSL_CTX_set_ciphersuites(ctx, settings->ciphersuites) != 1)
        return yd_certs_fail(log, "TLS 1.3 ciphersuites");
    if ((rc = load_pair(ctx, log, files)) < 0)
        return rc;
    return load_clients(ctx, log, settings);
}

static int make_ctx(const struct yodel_log_sink *log, const struct yd_tls_settings *settings,
                    const struct yd_cert_files *files, SSL_CTX **ret_ctx)
{
    static const unsigned char id[] =
        "yodel"; /* sessions are resumed with a client's certificate */
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    int rc;

    if (ctx == NULL)
        return -ENOMEM;
    SSL_CTX_set_min_proto_version(ctx, settings->min_version == YODEL_TLS_1_3 ? TLS1_3_VERSION
                                                                              : TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ctx, 1); /* header and body of a record at once */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets need no memory here */
    SSL_CTX_set_session_id_context(ctx, id, sizeof id - 1);
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, NULL);
    if ((rc = load(ctx, log, settings, files)) < 0) {
        SSL_CTX_free(ctx);
        return rc;
    }
    *ret_ctx = ctx;
    return 0;
}

int yd_certs_load(const struct yodel_allocator *mem, const struct yodel_log_sink *log,
                  const struct yd_tls_settings *settings, yd_name_fn *on_name,
                  struct yd_certs **ret_certs)
{
    struct yd_certs *certs =
        yd_zalloc(mem, sizeof *certs + settings->num_certs * sizeof certs->ctxs[0]);
    int rc = 0;

    if (certs == NULL)
        return -ENOMEM;
    atomic_init(&certs->refs, 1);
    certs->mem = mem;
    ERR_clear_error();
    while (certs->num < settings->num_certs && rc == 0) {
        rc = make_ctx(log, settings, &settings->certs[certs->num], &certs->ctxs[certs->num]);
        certs->num += rc == 0;
    }
    if (rc < 0) {
        yd_certs_unref(certs);
        return rc;
    }
    SSL_CTX_set_tlsext_servername_callback(certs->ctxs[0], on_name);
    *ret_certs = certs;
    return 0;
}

struct yd_certs *yd_certs_ref(struct yd_certs *certs)
{
    atomic_fetch_add_explicit(&certs->refs, 1, memory_order_relaxed);
    return certs;
}

void yd_certs_unref(struct yd_certs *certs)
{
    if (certs == NULL || atomic_fetch_sub_explicit(&certs->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < certs->num; i++)
        SSL_CTX_free(certs->ctxs[i]);
    yd_free(certs->mem, certs);
}

/* ---- choosing ---- */

static bool is_address(const char *name)
{
    uint8_t bytes[16];

    return strchr(name, ':') != NULL || inet_pton(AF_INET, name, bytes) == 1;
}

static SSL_CTX *find(const struct yd_certs *certs, const char *name, size_t len, unsigned flags)
{
    for (size_t i = 0; i < certs->num; i++)
        if (X509_check_host(SSL_CTX_get0_certificate(certs->ctxs[i]), name, len, flags, NULL) == 1)
            return certs->ctxs[i];
    return NULL;
}

SSL_CTX *yd_certs_find(const struct yd_certs *certs, const char *name)
{
    size_t len = name != NULL ? strlen(name) : 0;
    SSL_CTX *ctx = NULL;

    if (len > 0 && name[len - 1] == '.')
        len--;
    if (certs->num > 1 && len > 0 && name[0] != '.' && !is_address(name)) {
        ctx = find(certs, name, len, X509_CHECK_FLAG_NO_WILDCARDS);
        if (ctx == NULL)
            ctx = find(certs, name, len, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        ERR_clear_error();
    }
    return ctx != NULL ? ctx : certs->ctxs[0];
}
