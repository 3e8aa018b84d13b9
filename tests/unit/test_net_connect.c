/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/container.h"
#include "failmem.h"
#include "fixture.h"
#include "loop_sim.h"
#include "net/net_connect.h"
#include "tls_sim.h"

#include <cmocka.h>

/* Connections that go out. */

static struct {
    struct failmem fm;
    struct yd_loop *loop;
    struct yd_net net;
    struct yd_connect connect;
    struct yd_conn *conn;
    struct sim_peer *peer; /* the last */
    const char *reason;
    int error, dialled, answer; /* of the next dials */
    int told;
} w;

static size_t on_data(struct yd_conn *conn, uint8_t *data, size_t len)
{
    return len;
}

static void on_eof(struct yd_conn *conn)
{
    yd_conn_close(conn);
}

static void on_closed(struct yd_conn *conn, int error)
{
    w.conn = NULL;
}

static const struct yd_conn_events events = {
    .on_data = on_data, .on_eof = on_eof, .on_closed = on_closed};

static void on_done(struct yd_connect *connect, struct yd_conn *conn, int error, const char *reason)
{
    w.told++;
    w.conn = conn;
    w.error = error;
    w.reason = reason;
    if (conn != NULL)
        yd_conn_set_events(conn, &events, NULL);
}

static int on_dial(struct yd_loop *loop, struct sim_peer *peer, const struct sockaddr *addr,
                   void *arg)
{
    w.dialled++;
    w.peer = peer;
    return w.answer;
}

static void start(void)
{
    struct yd_net_options options = {.send_ms = 30000, .linger_ms = 1000};

    failmem_pause(&w.fm);
    assert_int_equal(yd_loop_new(&yd_loop_sim, &w.fm.mem, NULL, 0, &w.loop), 0);
    assert_int_equal(yd_net_init(&w.net, w.loop, &options), 0);
    sim_on_dial(w.loop, on_dial, NULL);
    w.connect = (struct yd_connect){.on_done = on_done};
    failmem_resume(&w.fm);
}

static void end(void)
{
    yd_net_connect_stop(&w.connect);
    yd_net_abort_outgoing(&w.net);
    sim_advance(w.loop, 5000);
    yd_loop_close(w.loop);
    yd_loop_free(w.loop);
    yd_net_done(&w.net);
}

static int setup(void **state)
{
    memset(&w, 0, sizeof w);
    failmem_init(&w.fm, 0);
    start();
    return 0;
}

static int teardown(void **state)
{
    end();
    failmem_assert_empty(&w.fm);
    return 0;
}

static int dial(const char *host, uint32_t timeout_ms)
{
    return yd_net_connect(
        &w.net, &w.connect,
        &(struct yd_connect_options){.host = host, .port = 6379, .timeout_ms = timeout_ms});
}

static void test_connect_address(void **state)
{
    assert_int_equal(dial("127.0.0.1", 1000), 0);
    assert_int_equal(w.told, 0);
    assert_true(yd_net_connect_goes_on(&w.connect));
    sim_run(w.loop);
    assert_int_equal(w.told, 1);
    assert_non_null(w.conn);
    assert_false(yd_net_connect_goes_on(&w.connect));
    assert_int_equal(yd_conn_write(w.conn, "hello", 5, NULL, 0), 0);
    sim_run(w.loop);
    assert_string_equal(sim_received(w.peer), "hello");
    sim_advance(w.loop, 5000);
    assert_int_equal(w.told, 1);
}

static void test_connect_refused(void **state)
{
    w.answer = -ECONNREFUSED;
    assert_int_equal(dial("::1", 1000), 0);
    sim_run(w.loop);
    assert_int_equal(w.told, 1);
    assert_null(w.conn);
    assert_int_equal(w.error, -ECONNREFUSED);
}

static void test_connect_times_out(void **state)
{
    w.answer = 1;
    assert_int_equal(dial("127.0.0.1", 1000), 0);
    sim_advance(w.loop, 990);
    assert_int_equal(w.told, 0);
    sim_advance(w.loop, 20);
    assert_int_equal(w.told, 1);
    assert_int_equal(w.error, -ETIMEDOUT);
}

/* localhost has one address or two: each is tried, and has its share of the time. */
static void test_connect_name(void **state)
{
    w.answer = -ECONNREFUSED;
    assert_int_equal(dial("localhost", 1000), 0);
    sim_run(w.loop);
    assert_int_equal(w.told, 1);
    assert_true(w.dialled >= 1);
    assert_int_equal(dial("no-such-name.invalid", 1000), 0);
    sim_run(w.loop);
    assert_int_equal(w.told, 2);
    assert_int_equal(w.error, YODEL_ERR_NOT_FOUND);
    assert_non_null(w.reason);
}

static void test_connect_stop(void **state)
{
    w.answer = 1;
    assert_int_equal(dial("127.0.0.1", 1000), 0);
    yd_net_connect_stop(&w.connect);
    sim_advance(w.loop, 2000);
    assert_int_equal(dial("127.0.0.1", 1000), 0);
    sim_run(w.loop);
    yd_net_connect_stop(&w.connect);
    assert_int_equal(dial("localhost", 1000), 0);
    yd_net_connect_stop(&w.connect); /* while a thread looks it up */
    sim_advance(w.loop, 2000);
    assert_int_equal(w.told, 0);
}

static void test_connect_bad(void **state)
{
    const struct yd_connect_options none = {.path = ""};
    char path[200];

    assert_int_equal(dial("", 0), -EINVAL);
    assert_int_equal(yd_net_connect(&w.net, &w.connect, &none), -EINVAL);
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(yd_net_connect(&w.net, &w.connect, &(struct yd_connect_options){.path = path}),
                     -EINVAL);
}

static void test_connect_out_of_memory(void **state)
{
    struct failmem *fm = &w.fm;

    end();
    FAILMEM_LOOP(fm)
    {
        int rc;

        w.told = 0;
        w.conn = NULL;
        start();
        rc = dial("localhost", 1000);
        sim_run(w.loop);
        assert_int_equal(w.told, rc == 0);
        if (rc == 0 && w.conn == NULL)
            rc = w.error;
        failmem_assert_whole(fm, rc, w.conn != NULL, w.conn == NULL);
        end();
        failmem_assert_empty(fm);
    }
    start();
}

/* ---- TLS ---- */

static char cert_file[64], key_file[64];

/* A server of TLS at the other end, and what comes of a connection to it. */
static void secure(const struct yd_tls_client_options *options, const char *name)
{
    struct yd_tls *tls = NULL;
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    SSL *ssl;
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    char *data;
    long len;

    assert_int_equal(SSL_CTX_use_certificate_file(ctx, cert_file, SSL_FILETYPE_PEM), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM), 1);
    ssl = SSL_new(ctx);
    SSL_set_bio(ssl, in, out);
    SSL_set_accept_state(ssl);
    assert_int_equal(yd_tls_new_client(&w.fm.mem, NULL, options, &tls), 0);
    assert_int_equal(
        yd_net_connect(
            &w.net, &w.connect,
            &(struct yd_connect_options){
                .host = "127.0.0.1", .port = 1, .tls = tls, .name = name, .timeout_ms = 1000}),
        0);
    for (int i = 0; i < 10; i++) {
        sim_run(w.loop);
        (void)BIO_write(in, sim_received(w.peer), (int)sim_received_len(w.peer));
        sim_forget(w.peer);
        (void)SSL_do_handshake(ssl);
        if ((len = BIO_get_mem_data(out, &data)) > 0)
            sim_send(w.peer, data, (size_t)len);
        (void)BIO_reset(out);
    }
    sim_advance(w.loop, 2000);
    assert_int_equal(w.told, 1);
    yd_net_abort_outgoing(&w.net);
    sim_run(w.loop);
    yd_tls_free(tls);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
}

static int make_files(void **state)
{
    (void)snprintf(cert_file, sizeof cert_file, "/tmp/yodel-cert-XXXXXX");
    (void)snprintf(key_file, sizeof key_file, "/tmp/yodel-key-XXXXXX");
    tls_sim_make_files(cert_file, key_file);
    return 0;
}

static int remove_files(void **state)
{
    (void)unlink(cert_file);
    (void)unlink(key_file);
    return 0;
}

static void test_connect_tls(void **state)
{
    secure(&(struct yd_tls_client_options){.no_verify = true}, "anything");
    assert_int_equal(w.error, 0);
}

static void test_connect_tls_unknown(void **state)
{
    secure(&(struct yd_tls_client_options){.ca_file = NULL}, "localhost");
    assert_int_equal(w.error, YODEL_ERR_TLS);
    assert_non_null(w.reason);
}

static void test_connect_tls_wrong_name(void **state)
{
    secure(&(struct yd_tls_client_options){.ca_file = cert_file}, "other.example");
    assert_int_equal(w.error, YODEL_ERR_TLS);
    assert_non_null(w.reason);
}

static void test_connect_tls_silent(void **state)
{
    struct yd_tls *tls;

    assert_int_equal(yd_tls_new_client(&w.fm.mem, NULL,
                                       &(struct yd_tls_client_options){.no_verify = true}, &tls),
                     0);
    assert_int_equal(
        yd_net_connect(&w.net, &w.connect,
                       &(struct yd_connect_options){
                           .host = "127.0.0.1", .port = 1, .tls = tls, .timeout_ms = 1000}),
        0);
    sim_advance(w.loop, 1100);
    assert_int_equal(w.told, 1);
    assert_int_equal(w.error, -ETIMEDOUT);
    sim_run(w.loop);
    yd_tls_free(tls);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_connect_address),       FIXTURE_TEST(test_connect_refused),
        FIXTURE_TEST(test_connect_times_out),     FIXTURE_TEST(test_connect_name),
        FIXTURE_TEST(test_connect_stop),          FIXTURE_TEST(test_connect_bad),
        FIXTURE_TEST(test_connect_out_of_memory), FIXTURE_TEST(test_connect_tls),
        FIXTURE_TEST(test_connect_tls_unknown),   FIXTURE_TEST(test_connect_tls_wrong_name),
        FIXTURE_TEST(test_connect_tls_silent),
    };

    return cmocka_run_group_tests(tests, make_files, remove_files);
}
