/* SPDX-License-Identifier: MIT */
#include "net/tls_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/log.h"
#include "base/mem.h"

static int load(SSL_CTX *ctx, const struct yodel_log_sink *log,
                const struct yd_tls_client_options *options)
{
    int ok = options->ca_file != NULL ? SSL_CTX_load_verify_file(ctx, options->ca_file)
                                      : SSL_CTX_set_default_verify_paths(ctx);

    if (ok != 1)
        return yd_certs_fail(log,
                             options->ca_file != NULL ? options->ca_file : "trusted certificates");
    SSL_CTX_set_verify(ctx, options->no_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
    if (options->cert_file == NULL)
        return 0;
    if (SSL_CTX_use_certificate_chain_file(ctx, options->cert_file) != 1)
        return yd_certs_fail(log, options->cert_file);
    if (options->key_file == NULL ||
        SSL_CTX_use_PrivateKey_file(ctx, options->key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1)
        return yd_certs_fail(log,
                             options->key_file != NULL ? options->key_file : options->cert_file);
    return 0;
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

int yd_tls_client_load(const struct yodel_allocator *mem, const struct yodel_log_sink *log,
                       const struct yd_tls_client_options *options, struct yd_certs **ret_certs)
{
    struct yd_certs *certs = yd_zalloc(mem, sizeof *certs + sizeof certs->ctxs[0]);
    SSL_CTX *ctx;
    int rc;

    if (certs == NULL)
        return -ENOMEM;
    atomic_init(&certs->refs, 1);
    certs->mem = mem;
    ERR_clear_error();
    if ((ctx = SSL_CTX_new(TLS_client_method())) == NULL) {
        yd_free(mem, certs);
        return -ENOMEM;
    }
    certs->ctxs[certs->num++] = ctx;
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    if ((rc = load(ctx, log, options)) < 0) {
        yd_certs_unref(certs);
        return rc;
    }
    *ret_certs = certs;
    return 0;
}

static bool is_address(const char *name)
{
    uint8_t bytes[16];

    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

/* An address is not sent by SNI (RFC 6066 3). */
int yd_tls_client_expect(SSL *ssl, const char *name)
{
    bool ok;

    if (name == NULL || name[0] == '\0')
        return 0;
    if (is_address(name))
        ok = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name) == 1;
    else
        ok = SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return ok ? 0 : -ENOMEM;
}

const char *yd_tls_client_error(const SSL *ssl)
{
    long result = SSL_get_verify_result(ssl);

    return result != X509_V_OK ? X509_verify_cert_error_string(result) : NULL;
}
