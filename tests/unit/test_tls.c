/* SPDX-License-Identifier: MIT */
#include "tls_sim.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "failmem.h"
#include "fixture.h"
#include "http_sim.h"

#include <cmocka.h>

/* Certificates by name, of clients, and read again; on a simulated loop. */

static struct failmem fm;
static struct http_sim hs;
static char folder[] = "/tmp/yodel-tls-XXXXXX";

/* ---- files ---- */

static const char *file(const char *name)
{
    static char paths[16][100];
    static unsigned next;
    char *path = paths[next++ % 16];

    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void add_extension(X509 *cert, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert_non_null(extension);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
}

static X509 *make_cert(const char *cn, const char *names, EVP_PKEY *key, X509 *ca, EVP_PKEY *ca_key)
{
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);

    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -1000);
    X509_gmtime_adj(X509_getm_notAfter(cert), 100000);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
    X509_set_issuer_name(cert, ca != NULL ? X509_get_subject_name(ca) : name);
    if (names != NULL)
        add_extension(cert, NID_subject_alt_name, names);
    else if (ca == NULL)
        add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
    assert_true(X509_sign(cert, ca_key != NULL ? ca_key : key, EVP_sha256()) > 0);
    return cert;
}

static void write_files(const char *name, X509 *cert, EVP_PKEY *key)
{
    char text[100];
    FILE *out;

    (void)snprintf(text, sizeof text, "%s.crt", name);
    assert_non_null(out = fopen(file(text), "w"));
    assert_int_equal(PEM_write_X509(out, cert), 1);
    (void)fclose(out);
    (void)snprintf(text, sizeof text, "%s.key", name);
    assert_non_null(out = fopen(file(text), "w"));
    assert_int_equal(PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL), 1);
    (void)fclose(out);
}

/* name.crt and name.key; names as "DNS:a.example,DNS:b.example". */
static void make_pair(const char *name, const char *cn, const char *names)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = make_cert(cn, names, key, NULL, NULL);

    write_files(name, cert, key);
    X509_free(cert);
    EVP_PKEY_free(key);
}

/* ---- the server ---- */

static void answer(yodel_request *req, void *user)
{
    yodel_str subject = yodel_request_client_cert_subject(req);
    yodel_str print = yodel_request_client_cert_fingerprint(req);
    char text[300];

    (void)user;
    (void)snprintf(text, sizeof text, "%" YODEL_PRI "|%d", YODEL_ARG(subject), (int)print.len);
    (void)yodel_request_reply_text(req, 200, NULL, yodel_str_of(text));
}

static int setup(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/yodel-tls-XXXXXX");
    assert_non_null(mkdtemp(folder));
    failmem_init(&fm, 0);
    assert_int_equal(http_sim_start(&hs, &fm.mem, 0), 0);
    assert_int_equal(yd_http_route(&hs.http, "/", answer, NULL), 0);
    make_pair("default", "default", "DNS:default.example");
    make_pair("www", "www", "DNS:www.example.com,DNS:*.sub.example.com");
    make_pair("wild", "wild", "DNS:*.example.com");
    return 0;
}

static int teardown(void **state)
{
    static const char *const names[] = {"default", "www", "wild", "ca", "client", "other", "next"};
    char text[40];

    (void)state;
    http_sim_stop(&hs);
    yd_tls_free(hs.front.tls);
    for (size_t i = 0; i < YD_LEN(names); i++) {
        (void)snprintf(text, sizeof text, "%s.crt", names[i]);
        (void)unlink(file(text));
        (void)snprintf(text, sizeof text, "%s.key", names[i]);
        (void)unlink(file(text));
    }
    (void)rmdir(folder);
    failmem_assert_empty(&fm);
    return 0;
}

static int start(yodel_tls_options *options)
{
    options->size = sizeof *options;
    options->cert_file = file("default.crt");
    options->key_file = file("default.key");
    return yd_tls_new(&fm.mem, &hs.sink, options, &hs.front.tls);
}

/* The CN of the certificate that is shown for a name; NULL: none is asked for.  "" when the
 * handshake fails. */
static const char *shown_for(const char *name)
{
    static char cn[100];
    struct tls_sim tls;
    X509 *cert;

    cn[0] = '\0';
    tls_sim_start(&tls, sim_connect(hs.loop));
    if (name != NULL)
        (void)SSL_set_tlsext_host_name(tls.ssl, name);
    tls_sim_run(&tls, hs.loop);
    cert = SSL_get0_peer_certificate(tls.ssl);
    if (cert != NULL && SSL_is_init_finished(tls.ssl))
        X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, cn, sizeof cn);
    tls_sim_stop(&tls);
    ERR_clear_error();
    return cn;
}

/* ---- names ---- */

static int start_named(void)
{
    const yodel_tls_cert certs[] = {{file("wild.crt"), file("wild.key")},
                                    {file("www.crt"), file("www.key")}};

    return start(&(yodel_tls_options){.certs = certs, .num_certs = 2});
}

/* L15 */
static void test_tls_chooses_by_name(void **state)
{
    static const struct {
        const char *name, *cn;
    } cases[] = {
        {NULL, "default"},
        {"default.example", "default"},
        {"www.example.com", "www"}, /* its own name goes before a wildcard */
        {"WWW.Example.COM", "www"},
        {"www.example.com.", "www"},
        {"a.example.com", "wild"},
        {"A.EXAMPLE.com.", "wild"},
        {"a.b.example.com", "default"}, /* one label */
        {"x.sub.example.com", "www"},
        {"example.com", "default"},
        {".example.com", "default"},
        {"unknown.example", "default"},
        {"192.0.2.1", "default"},
        {"::1", "default"},
        {".", "default"},
        {"..", "default"},
    };

    (void)state;
    assert_int_equal(start_named(), 0);
    for (size_t i = 0; i < YD_LEN(cases); i++)
        assert_string_equal(shown_for(cases[i].name), cases[i].cn);
}

/* L15: at the start, and the log names the file. */
static void test_tls_refuses_keys_that_do_not_match(void **state)
{
    const yodel_tls_cert certs[] = {{file("www.crt"), file("wild.key")}};

    (void)state;
    assert_int_equal(start(&(yodel_tls_options){.certs = certs, .num_certs = 1}), YODEL_ERR_TLS);
    assert_non_null(strstr(hs.log, "wild.key"));
    assert_null(hs.front.tls);
}

static void test_tls_refuses_options_that_are_wrong(void **state)
{
    const yodel_tls_cert none[] = {{file("www.crt"), NULL}};
    yodel_tls_options wrong[] = {
        {.certs = none, .num_certs = 1},
        {.num_certs = 1},
        {.certs = none, .num_certs = 1001},
        {.min_version = (yodel_tls_version)7},
        {.clients = (yodel_tls_clients)7, .client_ca_file = "x"},
        {.clients = YODEL_TLS_CLIENTS_REQUIRED},
        {.client_ca_file = "x"},
    };

    (void)state;
    for (size_t i = 0; i < YD_LEN(wrong); i++)
        assert_int_equal(start(&wrong[i]), -EINVAL);
    assert_int_equal(start(&(yodel_tls_options){.ciphersuites = "rubbish"}), YODEL_ERR_TLS);
    assert_int_equal(start(&(yodel_tls_options){.ciphers = "rubbish"}), YODEL_ERR_TLS);
    assert_int_equal(start(&(yodel_tls_options){.clients = YODEL_TLS_CLIENTS_REQUIRED,
                                                .client_ca_file = "/nowhere"}),
                     YODEL_ERR_TLS);
    assert_non_null(strstr(hs.log, "/nowhere"));
}

static void test_tls_without_memory(void **state)
{
    (void)state;
    http_sim_stop(&hs);
    FAILMEM_LOOP(&fm)
    {
        struct yd_tls *before = hs.front.tls;
        int rc = start_named();

        failmem_assert_whole(&fm, rc, hs.front.tls != before, hs.front.tls == before);
        if (rc == 0)
            yd_tls_free(hs.front.tls);
        hs.front.tls = NULL;
    }
    failmem_init(&fm, 0);
    assert_int_equal(http_sim_start(&hs, &fm.mem, 0), 0);
}

/* ---- versions ---- */

static void abort_one(struct yd_conn *conn)
{
    yd_conn_abort(conn, 0);
}

/* It outlives its connections. */
static void free_tls(void)
{
    yd_net_each(&hs.net, abort_one);
    sim_run(hs.loop);
    yd_tls_free(hs.front.tls);
    hs.front.tls = NULL;
}

static void answer_with_long_head(yodel_request *req, void *user)
{
    static char value[60000], body[20000];
    yodel_header header = {"X-Long", value};
    size_t len = strtoul(yodel_request_query(req).ptr, NULL, 10);

    (void)user;
    memset(value, 'v', len);
    value[len] = '\0';
    memset(body, 'b', sizeof body);
    assert_int_equal(yodel_request_respond(
                         req, YODEL_OPTIONS(yodel_response, .headers = &header, .num_headers = 1,
                                            .body = {(const uint8_t *)body, sizeof body})),
                     0);
}

/* What stands ahead of a body that is sent at once may be longer than a record. */
static void test_tls_seals_heads_of_any_length(void **state)
{
    static const size_t lens[] = {10, 12000, 16000, 16384, 17408, 32768, 50000};

    (void)state;
    assert_int_equal(start(&(yodel_tls_options){.size = 0}), 0);
    assert_int_equal(yd_http_route(&hs.http, "/long", answer_with_long_head, NULL), 0);
    for (size_t i = 0; i < YD_LEN(lens); i++) {
        struct tls_sim tls;
        char text[100];

        (void)snprintf(text, sizeof text, "GET /long?%zu HTTP/1.1\r\nHost: a\r\n\r\n", lens[i]);
        tls_sim_start(&tls, sim_connect(hs.loop));
        tls_sim_run(&tls, hs.loop);
        sim_send_text(&tls.plain, text);
        tls_sim_run(&tls, hs.loop);
        http_sim_assert_status(&tls.plain, 200);
        assert_int_equal(strlen(http_sim_body(&tls.plain)), 20000);
        assert_true(sim_received_len(&tls.plain) > 20000 + lens[i]);
        tls_sim_stop(&tls);
    }
    free_tls();
}

static int version_with(int most)
{
    struct tls_sim tls;
    int version = 0;

    tls_sim_start(&tls, sim_connect(hs.loop));
    SSL_set_max_proto_version(tls.ssl, most);
    tls_sim_run(&tls, hs.loop);
    if (SSL_is_init_finished(tls.ssl))
        version = SSL_version(tls.ssl);
    tls_sim_stop(&tls);
    ERR_clear_error();
    return version;
}

static void test_tls_of_a_version_at_least(void **state)
{
    struct tls_sim tls;

    (void)state;
    assert_int_equal(start(&(yodel_tls_options){.ciphersuites = "TLS_CHACHA20_POLY1305_SHA256"}),
                     0);
    assert_int_equal(version_with(TLS1_2_VERSION), TLS1_2_VERSION);
    assert_int_equal(version_with(0), TLS1_3_VERSION);
    tls_sim_start(&tls, sim_connect(hs.loop));
    tls_sim_run(&tls, hs.loop);
    assert_string_equal(SSL_get_cipher_name(tls.ssl), "TLS_CHACHA20_POLY1305_SHA256");
    tls_sim_stop(&tls);
    free_tls();
    assert_int_equal(start(&(yodel_tls_options){.min_version = YODEL_TLS_1_3}), 0);
    assert_int_equal(version_with(TLS1_2_VERSION), 0);
    assert_int_equal(version_with(0), TLS1_3_VERSION);
}

/* ---- certificates of clients ---- */

static void make_clients(void)
{
    EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
    X509 *ca = make_cert("authority", NULL, ca_key, NULL, NULL);
    X509 *cert = make_cert("Ad\xc3\xa8le, A.", NULL, key, ca, ca_key);

    write_files("ca", ca, ca_key);
    write_files("client", cert, key);
    X509_free(cert);
    X509_free(ca);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
    make_pair("other", "other", "DNS:other");
}

/* The body of the answer to one who shows that; "" when there is none. */
static const char *answer_to(const char *name, int version)
{
    static char body[300];
    struct tls_sim tls;

    tls_sim_start(&tls, sim_connect(hs.loop));
    SSL_set_max_proto_version(tls.ssl, version);
    if (name != NULL) {
        char text[40];

        (void)snprintf(text, sizeof text, "%s.crt", name);
        assert_int_equal(SSL_use_certificate_file(tls.ssl, file(text), SSL_FILETYPE_PEM), 1);
        (void)snprintf(text, sizeof text, "%s.key", name);
        assert_int_equal(SSL_use_PrivateKey_file(tls.ssl, file(text), SSL_FILETYPE_PEM), 1);
    }
    sim_send_text(&tls.plain, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    tls_sim_run(&tls, hs.loop);
    (void)snprintf(body, sizeof body, "%s",
                   sim_received_len(&tls.plain) > 0 ? http_sim_body(&tls.plain) : "");
    tls_sim_stop(&tls);
    ERR_clear_error();
    return body;
}

static void test_tls_of_clients_with_certificates(void **state)
{
    (void)state;
    make_clients();
    for (int i = 0; i < 2; i++) {
        int version = i == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;

        assert_int_equal(start(&(yodel_tls_options){.clients = YODEL_TLS_CLIENTS_REQUIRED,
                                                    .client_ca_file = file("ca.crt")}),
                         0);
        assert_string_equal(answer_to("client", version), "CN=Ad\xc3\xa8le\\, A.|64");
        assert_string_equal(answer_to(NULL, version), "");
        assert_string_equal(answer_to("other", version), "");
        free_tls();
        assert_int_equal(start(&(yodel_tls_options){.clients = YODEL_TLS_CLIENTS_OPTIONAL,
                                                    .client_ca_file = file("ca.crt")}),
                         0);
        assert_string_equal(answer_to("client", version), "CN=Ad\xc3\xa8le\\, A.|64");
        assert_string_equal(answer_to(NULL, version), "|0");
        assert_string_equal(answer_to("other", version), "");
        free_tls();
    }
    assert_int_equal(start(&(yodel_tls_options){.num_certs = 0}), 0);
    assert_string_equal(answer_to("client", 0), "|0"); /* nobody has asked for it */
}

/* ---- reloads ---- */

static void cut_file(const char *name)
{
    assert_int_equal(truncate(file(name), 100), 0);
}

static void replace(const char *from, const char *to)
{
    (void)unlink(file(to));
    assert_int_equal(rename(file(from), file(to)), 0);
}

/* L16: the old pair stays whole, the log names the file, the next reload works. */
static void test_tls_reload_is_of_all_or_none(void **state)
{
    (void)state;
    assert_int_equal(start_named(), 0);
    make_pair("next", "next", "DNS:www.example.com");
    replace("next.crt", "www.crt"); /* with the old key */
    assert_int_equal(yd_tls_reload(hs.front.tls), YODEL_ERR_TLS);
    assert_non_null(strstr(hs.log, "www.key"));
    assert_string_equal(shown_for("www.example.com"), "www");
    assert_string_equal(shown_for(NULL), "default");
    replace("next.key", "www.key");
    assert_int_equal(yd_tls_reload(hs.front.tls), 0);
    assert_string_equal(shown_for("www.example.com"), "next");
    cut_file("wild.crt"); /* half written */
    assert_int_equal(yd_tls_reload(hs.front.tls), YODEL_ERR_TLS);
    assert_non_null(strstr(hs.log, "wild.crt"));
    assert_string_equal(shown_for("a.example.com"), "wild");
    make_pair("next", "later", "DNS:*.example.com"); /* a link that is exchanged */
    (void)unlink(file("wild.crt"));
    (void)unlink(file("wild.key"));
    assert_int_equal(symlink(file("next.crt"), file("wild.crt")), 0);
    assert_int_equal(yd_tls_reload(hs.front.tls), YODEL_ERR_TLS);
    assert_non_null(strstr(hs.log, "wild.key"));
    assert_int_equal(symlink(file("next.key"), file("wild.key")), 0);
    assert_int_equal(yd_tls_reload(hs.front.tls), 0);
    assert_string_equal(shown_for("a.example.com"), "later");
}

/* What was read later stays, whoever comes last. */
static void test_tls_reload_in_two_steps(void **state)
{
    struct yd_certs *first, *second, *third;

    (void)state;
    assert_int_equal(start_named(), 0);
    make_pair("www", "first", "DNS:www.example.com");
    assert_int_equal(yd_tls_read(hs.front.tls, &first), 0);
    assert_string_equal(shown_for("www.example.com"), "www");
    make_pair("www", "second", "DNS:www.example.com");
    assert_int_equal(yd_tls_read(hs.front.tls, &second), 0);
    yd_tls_exchange(hs.front.tls, second);
    assert_string_equal(shown_for("www.example.com"), "second");
    yd_tls_exchange(hs.front.tls, first);
    assert_string_equal(shown_for("www.example.com"), "second");
    cut_file("wild.crt");
    assert_int_equal(yd_tls_read(hs.front.tls, &third), YODEL_ERR_TLS);
    assert_string_equal(shown_for("www.example.com"), "second");
}

static void listen_with(yodel_server *server, const char *name)
{
    char cert[100], key[100];
    yodel_tls_options tls = {.size = sizeof tls, .cert_file = cert, .key_file = key};

    (void)snprintf(cert, sizeof cert, "%s/%s.crt", folder, name);
    (void)snprintf(key, sizeof key, "%s/%s.key", folder, name);
    assert_true(yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options,
                                                          .address = "127.0.0.1:0", .tls = &tls)) >
                0);
}

/* What is prepared keeps its server; a failure leaves nothing. */
static void test_tls_reload_of_a_server(void **state)
{
    yodel_tls_reload *reload = NULL;
    struct failmem own;
    yodel_server *server;

    (void)state;
    failmem_init(&own, 0);
    assert_int_equal(
        yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 1, .allocator = &own.mem),
                         &server),
        0);
    listen_with(server, "www");
    listen_with(server, "wild");
    for (size_t i = 1; reload == NULL; i++) {
        int rc;

        atomic_store(&own.calls, 0);
        own.fail_at = i;
        rc = yodel_server_prepare_tls(server, &reload);
        failmem_assert_whole(&own, rc, reload != NULL, reload == NULL);
    }
    own.fail_at = 0;
    yodel_tls_reload_free(reload);
    reload = NULL;
    assert_int_equal(yodel_server_prepare_tls(NULL, &reload), -EINVAL);
    assert_int_equal(yodel_server_prepare_tls(server, NULL), -EINVAL);
    cut_file("www.crt");
    assert_int_equal(yodel_server_prepare_tls(server, &reload), YODEL_ERR_TLS);
    assert_null(reload);
    make_pair("www", "new", "DNS:www.example.com");
    assert_int_equal(yodel_server_prepare_tls(server, &reload), 0);
    (void)yodel_server_unref(server);
    yodel_tls_reload_exchange(reload);
    failmem_assert_empty(&own);
}

/* L21 */
static void test_tls_reload_leaves_open_connections(void **state)
{
    struct tls_sim tls;

    (void)state;
    assert_int_equal(start_named(), 0);
    tls_sim_start(&tls, sim_connect(hs.loop));
    (void)SSL_set_tlsext_host_name(tls.ssl, "www.example.com");
    sim_send_text(&tls.plain, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    tls_sim_run(&tls, hs.loop);
    http_sim_assert_status(&tls.plain, 200);
    sim_forget(&tls.plain);
    make_pair("www", "new", "DNS:www.example.com");
    assert_int_equal(yd_tls_reload(hs.front.tls), 0);
    assert_string_equal(shown_for("www.example.com"), "new");
    sim_send_text(&tls.plain, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    tls_sim_run(&tls, hs.loop);
    http_sim_assert_status(&tls.plain, 200);
    tls_sim_stop(&tls);
}

/* ---- errors of others ---- */

/* E12: what one connection does wrong, or anything else on the thread, is not told of another. */
static void test_tls_errors_stay_with_their_connection(void **state)
{
    struct tls_sim good[50], bad;

    (void)state;
    assert_int_equal(start(&(yodel_tls_options){.num_certs = 0}), 0);
    for (size_t i = 0; i < YD_LEN(good); i++) {
        tls_sim_start(&good[i], sim_connect(hs.loop));
        tls_sim_run(&good[i], hs.loop);
        assert_true(SSL_is_init_finished(good[i].ssl));
    }
    for (size_t i = 0; i < YD_LEN(good); i++) {
        struct sim_peer *peer = sim_connect(hs.loop);

        tls_sim_start(&bad, peer);
        tls_sim_run(&bad, hs.loop);
        sim_send(peer, "\x17\x03\x03\x00\x05rubbi", 10); /* a bad record */
        if (i % 2 == 0)
            sim_end(peer); /* and a sudden end */
        sim_run(hs.loop);
        tls_sim_stop(&bad);
        ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH); /* someone else's */
        sim_send_text(&good[i].plain, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        (void)SSL_write(good[i].ssl, good[i].plain.input.ptr, (int)good[i].plain.input.len);
        good[i].plain.input.len = 0;
        ERR_raise(ERR_LIB_SSL, SSL_R_BAD_LENGTH);
        tls_sim_run(&good[i], hs.loop);
        http_sim_assert_status(&good[i].plain, 200);
    }
    for (size_t i = 0; i < YD_LEN(good); i++)
        tls_sim_stop(&good[i]);
    ERR_clear_error();
}

static void leave_error(yodel_request *req, void *user)
{
    (void)user;
    ERR_raise(ERR_LIB_X509, X509_R_UNKNOWN_NID);
    (void)yodel_request_reply_text(req, 200, NULL, YODEL_STR("left\n"));
}

/* A handler that uses OpenSSL and leaves an error, between two records of one read. */
static void test_tls_errors_of_handlers_end_nothing(void **state)
{
    static const char request[] = "GET /error HTTP/1.1\r\nHost: h\r\n\r\n";
    struct tls_sim tls;
    char *data;
    long len;

    (void)state;
    assert_int_equal(yd_http_route(&hs.http, "/error", leave_error, NULL), 0);
    assert_int_equal(start(&(yodel_tls_options){.num_certs = 0}), 0);
    tls_sim_start(&tls, sim_connect(hs.loop));
    tls_sim_run(&tls, hs.loop);
    for (int i = 0; i < 2; i++)
        assert_true(SSL_write(tls.ssl, request, sizeof request - 1) > 0);
    len = BIO_get_mem_data(SSL_get_wbio(tls.ssl), &data);
    sim_send(tls.peer, data, (size_t)len - 10);
    sim_run(hs.loop);
    sim_send(tls.peer, data + len - 10, 10);
    (void)BIO_reset(SSL_get_wbio(tls.ssl));
    tls_sim_run(&tls, hs.loop);
    assert_int_equal(http_sim_count(&tls.plain, "left\n"), 2);
    tls_sim_stop(&tls);
    ERR_clear_error();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_tls_chooses_by_name),
        FIXTURE_TEST(test_tls_refuses_keys_that_do_not_match),
        FIXTURE_TEST(test_tls_refuses_options_that_are_wrong),
        FIXTURE_TEST(test_tls_without_memory),
        FIXTURE_TEST(test_tls_of_a_version_at_least),
        FIXTURE_TEST(test_tls_seals_heads_of_any_length),
        FIXTURE_TEST(test_tls_of_clients_with_certificates),
        FIXTURE_TEST(test_tls_reload_is_of_all_or_none),
        FIXTURE_TEST(test_tls_reload_in_two_steps),
        FIXTURE_TEST(test_tls_reload_of_a_server),
        FIXTURE_TEST(test_tls_reload_leaves_open_connections),
        FIXTURE_TEST(test_tls_errors_stay_with_their_connection),
        FIXTURE_TEST(test_tls_errors_of_handlers_end_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
