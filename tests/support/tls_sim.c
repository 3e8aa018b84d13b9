/* SPDX-License-Identifier: MIT */
#include "tls_sim.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"

static EVP_PKEY *make_cert(X509 *cert)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509_NAME *name = X509_get_subject_name(cert);

    assert_non_null(key);
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -1000);
    X509_gmtime_adj(X509_getm_notAfter(cert), 100000);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1,
                               0);
    X509_set_issuer_name(cert, name);
    assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
    return key;
}

void tls_sim_make_files(char *cert_file, char *key_file)
{
    X509 *cert = X509_new();
    EVP_PKEY *key = make_cert(cert);
    FILE *cert_out = fdopen(mkstemp(cert_file), "w"), *key_out = fdopen(mkstemp(key_file), "w");

    assert_int_equal(PEM_write_X509(cert_out, cert), 1);
    assert_int_equal(PEM_write_PrivateKey(key_out, key, NULL, NULL, 0, NULL, NULL), 1);
    (void)fclose(cert_out);
    (void)fclose(key_out);
    EVP_PKEY_free(key);
    X509_free(cert);
}

struct yd_tls *tls_sim_server(const struct yodel_allocator *mem, const struct yodel_log_sink *sink)
{
    char cert_file[] = "/tmp/yodel-cert-XXXXXX", key_file[] = "/tmp/yodel-key-XXXXXX";
    yodel_tls_options options = {
        .size = sizeof options, .cert_file = cert_file, .key_file = key_file};
    struct yd_tls *tls;

    tls_sim_make_files(cert_file, key_file);
    assert_int_equal(yd_tls_new(mem, sink, &options, &tls), 0);
    (void)unlink(cert_file);
    (void)unlink(key_file);
    return tls;
}

void tls_sim_start(struct tls_sim *tls, struct sim_peer *peer)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    memset(tls, 0, sizeof *tls);
    tls->peer = peer;
    tls->ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    assert_non_null(tls->ssl);
    SSL_set_bio(tls->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(tls->ssl);
}

void tls_sim_stop(struct tls_sim *tls)
{
    SSL_free(tls->ssl);
    yd_buf_free(&yd_mem_default, &tls->plain.input);
    yd_buf_free(&yd_mem_default, &tls->plain.output);
}

/* Moves what the client has sealed to the server. */
static void carry(struct tls_sim *tls)
{
    char *data;
    long len = BIO_get_mem_data(SSL_get_wbio(tls->ssl), &data);

    if (len > 0)
        sim_send(tls->peer, data, (size_t)len);
    (void)BIO_reset(SSL_get_wbio(tls->ssl));
}

static void open_records(struct tls_sim *tls)
{
    struct yd_buf *output = &tls->plain.output;
    int len;

    if (sim_received_len(tls->peer) > 0)
        BIO_write(SSL_get_rbio(tls->ssl), sim_received(tls->peer),
                  (int)sim_received_len(tls->peer));
    sim_forget(tls->peer);
    do {
        assert_int_equal(yd_buf_reserve(&yd_mem_default, output, 16384), 0);
        if ((len = SSL_read(tls->ssl, output->ptr + output->len, 16384)) > 0)
            output->len += (size_t)len;
    } while (len > 0);
}

static void seal(struct tls_sim *tls)
{
    struct yd_buf *input = &tls->plain.input;

    if (!SSL_is_init_finished(tls->ssl))
        (void)SSL_do_handshake(tls->ssl);
    if (input->len == 0 || !SSL_is_init_finished(tls->ssl))
        return;
    assert_int_equal(SSL_write(tls->ssl, input->ptr, (int)input->len), (int)input->len);
    input->len = 0;
}

void tls_sim_run(struct tls_sim *tls, struct yd_loop *loop)
{
    do {
        seal(tls);
        carry(tls);
        sim_run(loop);
        open_records(tls);
        seal(tls);
    } while (BIO_pending(SSL_get_wbio(tls->ssl)) > 0);
}
