/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/container.h"
#include "base/mem.h"
#include "eio/eio.h"
#include "loop_backend.h"
#include "net/sockets.h"
#include "net/tls.h"
#include "tls_sim.h"

/* Sessions of several loops with threads of their own, over sockets that the kernel spreads. */

#define NUM_LOOPS 3
#define NUM_CLIENTS 2
#define NUM_SESSIONS 12
#define NUM_MESSAGES 10

struct server {
    struct yd_loop *loops[NUM_LOOPS];
    struct yd_net nets[NUM_LOOPS];
    struct yd_net_listener listeners[NUM_LOOPS];
    pthread_t threads[NUM_LOOPS];
    struct yd_mail stops[NUM_LOOPS];
    struct yd_http http;
    struct yd_ws_service ws;
    struct yodel_log_sink sink;
    struct yd_eio *eio;
    struct yd_front front;
    SSL_CTX *client_ctx; /* NULL: plain */
    int port;
};

/* ---- the layer above: an echo ---- */

static void *on_open(struct yd_eio_session *session, void *user)
{
    (void)session;
    return user;
}

static void on_message(struct yd_eio_session *session, bool binary, uint8_t *data, size_t len)
{
    struct yd_msg *msg = yd_msg_new(&yd_mem_default, YODEL_WS_TEXT, len + 1);

    (void)binary;
    assert_non_null(msg);
    yd_msg_payload(msg)[0] = '4';
    memcpy(yd_msg_payload(msg) + 1, data, len);
    msg->head_len = (uint8_t)yd_ws_put_header(yd_msg_payload(msg), 0x81, msg->len);
    (void)yd_eio_send(session, &msg, 1, 0);
    yd_msg_unref(msg);
}

static void on_drain(struct yd_eio_session *session)
{
    (void)session;
}

static void on_close(struct yd_eio_session *session, enum yd_eio_reason reason)
{
    (void)session;
    (void)reason;
}

static const struct yd_eio_events events = {
    .on_open = on_open, .on_message = on_message, .on_drain = on_drain, .on_close = on_close};

/* ---- the server ---- */

static void on_log(yodel_log_level level, yodel_str text, void *user)
{
    (void)level;
    (void)text;
    (void)user;
}

static void on_empty(struct yd_net *net)
{
    yd_loop_stop(net->loop);
}

static void start_loop(struct server *server, unsigned i, int fd)
{
    struct yd_net_options options = {.send_ms = 5000,
                                     .linger_ms = 100,
                                     .close_ms = 200,
                                     .discard_ms = 1000,
                                     .max_discard = 100000};

    assert_int_equal(
        yd_loop_new(loop_backend(), &yd_mem_default, &server->sink, i, &server->loops[i]), 0);
    assert_int_equal(yd_loop_open(server->loops[i]), 0);
    assert_int_equal(yd_net_init(&server->nets[i], server->loops[i], &options), 0);
    server->nets[i].on_connection = yd_http_connection;
    server->nets[i].on_empty = on_empty;
    server->nets[i].user = &server->http;
    assert_int_equal(yd_net_listen(&server->nets[i], &server->listeners[i], fd, &server->front), 0);
}

static void start_services(struct server *server)
{
    struct yd_http_options http = {
        .limits = {.max_head = 4096, .max_target = 1000, .max_fields = 30},
        .max_body = 1000,
        .header_ms = 5000,
        .body_ms = 5000,
        .keep_ms = 5000,
        .decide_ms = 5000};
    struct yd_ws_defaults ws = {.max_message = 1000, .max_buffered = 100000, .close_ms = 500};
    struct yd_eio_options options = {.path = "/e/",
                                     .ping_interval_ms = 25000,
                                     .ping_timeout_ms = 20000,
                                     .upgrade_timeout_ms = 10000,
                                     .max_payload = 10000,
                                     .max_buffered = 100000,
                                     .compress_min = SIZE_MAX,
                                     .deflate_min = 1024};

    assert_int_equal(yd_http_init(&server->http, &yd_mem_default, &server->sink, &http, NULL), 0);
    assert_int_equal(
        yd_ws_service_init(&server->ws, &yd_mem_default, &server->sink, &ws, NULL, NUM_LOOPS, "p"),
        0);
    assert_int_equal(yd_eio_new(&server->http, &server->ws, server->loops, NUM_LOOPS, &options,
                                &events, server, &server->eio),
                     0);
}

static void *run(void *loop)
{
    yd_loop_run(loop);
    return NULL;
}

static void start(struct server *server)
{
    struct yd_sockets sockets;
    int fds[NUM_LOOPS];

    server->sink = (struct yodel_log_sink){on_log, YODEL_LOG_ERROR, NULL};
    assert_int_equal(yd_sockets_open(&yd_mem_default,
                                     YODEL_OPTIONS(yodel_listen_options, .address = "127.0.0.1:0"),
                                     NUM_LOOPS, &sockets),
                     0);
    server->port = sockets.port;
    memcpy(fds, sockets.fds, sizeof fds);
    yd_sockets_take(&yd_mem_default, &sockets);
    assert_true(server->port > 0);
    for (unsigned i = 0; i < NUM_LOOPS; i++)
        start_loop(server, i, fds[i]);
    start_services(server);
    for (unsigned i = 0; i < NUM_LOOPS; i++)
        assert_int_equal(pthread_create(&server->threads[i], NULL, run, server->loops[i]), 0);
}

static void run_stop(struct yd_mail *mail, void *receiver)
{
    struct yd_loop *loop = receiver;
    struct server *server = yd_container_of(mail - loop->index, struct server, stops[0]);

    yd_listener_stop(&server->listeners[loop->index].base);
    yd_eio_stop(server->eio, loop);
    yd_net_stop(&server->nets[loop->index]);
}

static void stop(struct server *server)
{
    size_t all, polling;

    for (unsigned i = 0; i < NUM_LOOPS; i++) {
        server->stops[i].run = run_stop;
        assert_int_equal(yd_loop_post(server->loops[i], &server->stops[i]), 0);
    }
    for (unsigned i = 0; i < NUM_LOOPS; i++)
        (void)pthread_join(server->threads[i], NULL);
    for (unsigned i = 0; i < NUM_LOOPS; i++)
        yd_loop_close(server->loops[i]);
    yd_eio_count(server->eio, &all, &polling);
    assert_int_equal(all, 0);
    for (unsigned i = 0; i < NUM_LOOPS; i++) {
        yd_net_done(&server->nets[i]);
        yd_loop_free(server->loops[i]);
    }
    yd_eio_free(server->eio);
    yd_ws_service_done(&server->ws);
    yd_http_done(&server->http);
    yd_tls_free(server->front.tls);
    SSL_CTX_free(server->client_ctx);
}

/* ---- clients, with blocking sockets ---- */

struct client {
    struct server *server;
    int fd;
    SSL *ssl;
    char in[20000];
    size_t len;
};

static void client_open(struct client *client, struct server *server)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)server->port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    *client = (struct client){.server = server, .fd = socket(AF_INET, SOCK_STREAM, 0)};
    assert_int_equal(connect(client->fd, (struct sockaddr *)&addr, sizeof addr), 0);
    if (server->client_ctx == NULL)
        return;
    client->ssl = SSL_new(server->client_ctx);
    assert_non_null(client->ssl);
    assert_int_equal(SSL_set_fd(client->ssl, client->fd), 1);
    assert_int_equal(SSL_connect(client->ssl), 1);
}

static void client_close(struct client *client)
{
    SSL_free(client->ssl);
    (void)close(client->fd);
}

static void client_send(struct client *client, const void *data, size_t len)
{
    if (client->ssl != NULL)
        assert_int_equal(SSL_write(client->ssl, data, (int)len), (int)len);
    else
        assert_int_equal(send(client->fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

static void client_read(struct client *client)
{
    size_t room = sizeof client->in - 1 - client->len;
    ssize_t len;

    if (client->ssl != NULL)
        len = SSL_read(client->ssl, client->in + client->len, (int)room);
    else
        len = recv(client->fd, client->in + client->len, room, 0);
    assert_true(len > 0);
    client->len += (size_t)len;
    client->in[client->len] = '\0';
}

static void client_consume(struct client *client, size_t len)
{
    memmove(client->in, client->in + len, client->len - len + 1);
    client->len -= len;
}

static void client_answer(struct client *client, char *ret_body, size_t size)
{
    const char *end, *length;
    size_t head, body = 0;

    while ((end = strstr(client->in, "\r\n\r\n")) == NULL)
        client_read(client);
    head = (size_t)(end + 4 - client->in);
    length = strstr(client->in, "Content-Length: ");
    if (length != NULL && length < end)
        body = (size_t)atoi(length + 16);
    while (client->len < head + body)
        client_read(client);
    assert_true(body < size);
    memcpy(ret_body, client->in + head, body);
    ret_body[body] = '\0';
    client_consume(client, head + body);
}

static void client_get(struct client *client, const char *sid)
{
    char text[300];
    int len = snprintf(text, sizeof text,
                       "GET /e/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: a\r\n\r\n", sid);

    client_send(client, text, (size_t)len);
}

static void client_post(struct client *client, const char *sid, const char *body)
{
    char text[500];
    int len = snprintf(text, sizeof text,
                       "POST /e/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: a\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       sid, strlen(body), body);

    client_send(client, text, (size_t)len);
}

static void client_frame(struct client *client, const char *text)
{
    uint8_t frame[200] = {0x81, (uint8_t)(0x80 | strlen(text))};

    memcpy(frame + 6, text, strlen(text)); /* a key of zeros */
    client_send(client, frame, 6 + strlen(text));
}

static void client_expect_frame(struct client *client, const char *text)
{
    while (client->len < 2 || client->len < 2 + (size_t)client->in[1])
        client_read(client);
    assert_int_equal((uint8_t)client->in[0], 0x81);
    assert_int_equal((size_t)client->in[1], strlen(text));
    assert_memory_equal(client->in + 2, text, strlen(text));
    client_consume(client, 2 + strlen(text));
}

static void open_session(struct server *server, char sid[21])
{
    static const char text[] = "GET /e/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n";
    struct client client;
    char body[500];

    client_open(&client, server);
    client_send(&client, text, sizeof text - 1);
    client_answer(&client, body, sizeof body);
    memcpy(sid, strstr(body, "\"sid\":\"") + 7, 20);
    sid[20] = '\0';
    client_close(&client);
}

/* Each message by a connection of its own, which goes to whatever loop the kernel likes. */
static void talk_by_polling(struct server *server, const char *sid)
{
    struct client poll, post;
    char text[50], body[500];

    for (unsigned i = 0; i < NUM_MESSAGES; i++) {
        client_open(&poll, server);
        client_open(&post, server);
        client_get(&poll, sid);
        (void)snprintf(text, sizeof text, "4message %u", i);
        client_post(&post, sid, text);
        client_answer(&post, body, sizeof body);
        assert_string_equal(body, "ok");
        client_answer(&poll, body, sizeof body);
        assert_string_equal(body, text);
        client_get(&poll, sid); /* and once more on the same */
        client_post(&post, sid, "4again");
        client_answer(&post, body, sizeof body);
        client_answer(&poll, body, sizeof body);
        assert_string_equal(body, "4again");
        client_close(&post);
        client_close(&poll);
    }
}

static void upgrade(struct server *server, const char *sid)
{
    struct client poll, ws;
    char text[500], body[500];
    int len = snprintf(text, sizeof text,
                       "GET /e/?EIO=4&transport=websocket&sid=%s HTTP/1.1\r\nHost: a\r\n"
                       "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                       "Sec-WebSocket-Version: 13\r\n\r\n",
                       sid);

    client_open(&poll, server);
    client_open(&ws, server);
    client_get(&poll, sid);
    client_send(&ws, text, (size_t)len);
    client_frame(&ws, "2probe");
    client_answer(&ws, body, sizeof body);
    client_expect_frame(&ws, "3probe");
    client_answer(&poll, body, sizeof body);
    assert_string_equal(body, "6");
    client_frame(&ws, "5");
    for (unsigned i = 0; i < NUM_MESSAGES; i++) {
        (void)snprintf(text, sizeof text, "4frame %u", i);
        client_frame(&ws, text);
        client_expect_frame(&ws, text);
    }
    client_get(&poll, sid);
    client_answer(&poll, body, sizeof body);
    assert_string_equal(body, "{\"code\":3,\"message\":\"Bad request\"}");
    client_close(&poll);
    client_close(&ws);
}

static void *talk(void *arg)
{
    struct server *server = arg;
    char sid[21];

    for (unsigned i = 0; i < NUM_SESSIONS; i++) {
        open_session(server, sid);
        talk_by_polling(server, sid);
        upgrade(server, sid);
    }
    open_session(server, sid); /* one that stays */
    return NULL;
}

static void talk_all(struct server *server)
{
    pthread_t clients[NUM_CLIENTS];

    for (unsigned i = 0; i < NUM_CLIENTS; i++)
        assert_int_equal(pthread_create(&clients[i], NULL, talk, server), 0);
    for (unsigned i = 0; i < NUM_CLIENTS; i++)
        (void)pthread_join(clients[i], NULL);
}

static void test_eio_needs_no_sticky_sessions(void **state)
{
    static struct server server;

    memset(&server, 0, sizeof server);
    start(&server);
    talk_all(&server);
    stop(&server);
}

/* ---- the same with TLS, whose state moves too ---- */

static void test_eio_needs_no_sticky_sessions_with_tls(void **state)
{
    char cert_file[] = "/tmp/yodel-cert-XXXXXX", key_file[] = "/tmp/yodel-key-XXXXXX";
    yodel_tls_options options = {
        .size = sizeof options, .cert_file = cert_file, .key_file = key_file};
    static struct server server;

    memset(&server, 0, sizeof server);
    tls_sim_make_files(cert_file, key_file);
    assert_int_equal(yd_tls_new(&yd_mem_default, &server.sink, &options, &server.front.tls), 0);
    server.client_ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(server.client_ctx);
    (void)unlink(cert_file);
    (void)unlink(key_file);
    (void)signal(SIGPIPE, SIG_IGN);
    start(&server);
    talk_all(&server);
    stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eio_needs_no_sticky_sessions),
        cmocka_unit_test(test_eio_needs_no_sticky_sessions_with_tls),
    };

    SKIP_WITHOUT_BACKEND();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
