/* SPDX-License-Identifier: MIT */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <yodel/yodel.h>

#include "loop_backend.h"

#include <cmocka.h>

/* Handlers that block their loop for longer than any limit of the server: what was sent before that
 * goes out nevertheless, in order, and the close frame behind it. */

#define CLOSE_MS 20
#define BLOCK_MS 100 /* and more, as the machine likes */
#define LARGE (200 * 1000)

static yodel_server *server;
static pthread_t thread;
static int port;

static void block(void)
{
    struct timespec ms = {.tv_nsec = BLOCK_MS * 1000000L};

    (void)nanosleep(&ms, NULL);
}

static void send_some(yodel_ws *ws, size_t len)
{
    char *text = malloc(len);

    assert_non_null(text);
    memset(text, 'a', len);
    assert_int_equal(yodel_ws_send_text(ws, (yodel_str){text, len}), 0);
    free(text);
}

/* What a letter of a message has the server do. */
static void act(yodel_ws *ws, char letter)
{
    switch (letter) {
    case 's':
        send_some(ws, 5);
        break;
    case 'l':
        send_some(ws, LARGE);
        break;
    case 'c':
        (void)yodel_ws_close(ws, 1000, NULL);
        break;
    case 'b':
        block();
        break;
    }
}

static int on_message(yodel_ws *ws, const yodel_ws_message *message, void *user)
{
    for (size_t i = 0; i < message->data.len; i++)
        act(ws, (char)message->data.ptr[i]);
    return 0;
}

static void *run(void *arg)
{
    assert_int_equal(yodel_server_run(server), 0);
    return NULL;
}

static int setup(void **state)
{
    static const yodel_ws_handlers handlers = {.size = sizeof handlers, .on_message = on_message};

    assert_int_equal(
        yodel_server_new(YODEL_OPTIONS(yodel_server_options, .loops = 1, .close_ms = CLOSE_MS),
                         &server),
        0);
    assert_int_equal(yodel_server_route_ws(server, "/", &handlers, NULL), 0);
    port =
        yodel_server_listen(server, YODEL_OPTIONS(yodel_listen_options, .address = "127.0.0.1:0"));
    assert_true(port > 0);
    return pthread_create(&thread, NULL, run, NULL);
}

static int teardown(void **state)
{
    yodel_server_stop(server, 0);
    (void)pthread_join(thread, NULL);
    yodel_server_unref(server);
    return 0;
}

/* ---- the client ---- */

static int open_ws(void)
{
    static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                               "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)port),
                               .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct timeval limit = {.tv_sec = 30};
    char byte, last[5] = "";
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof addr), 0);
    assert_int_equal(send(fd, head, sizeof head - 1, MSG_NOSIGNAL), sizeof head - 1);
    while (strcmp(last, "\r\n\r\n") != 0) {
        assert_int_equal(recv(fd, &byte, 1, 0), 1);
        memmove(last, last + 1, 3);
        last[3] = byte;
    }
    return fd;
}

/* One message for each word; all of them in one segment. */
static void say(int fd, const char *words)
{
    uint8_t bytes[200];
    size_t len = 0;

    for (const char *word = words; *word != '\0'; word += strspn(word, " ")) {
        size_t size = strcspn(word, " ");

        bytes[len++] = 0x81;
        bytes[len++] = (uint8_t)(0x80 | size);
        memset(bytes + len, 0, 4);
        memcpy(bytes + len + 4, word, size);
        len += 4 + size;
        word += size;
    }
    assert_int_equal(send(fd, bytes, len, MSG_NOSIGNAL), len);
}

/* All that comes until the end; what it ends with is in ret_last. */
static size_t read_all(int fd, uint8_t ret_last[4])
{
    static uint8_t bytes[LARGE + 1000];
    size_t total = 0;
    ssize_t len;

    while ((len = recv(fd, bytes + total, sizeof bytes - total, 0)) > 0)
        total += (size_t)len;
    assert_true(total >= 4);
    memcpy(ret_last, bytes + total - 4, 4);
    return total;
}

/* Sends the words, each in turn on a connection of its own when they stand apart by '/', and looks
 * at what the first of them gets. */
static void expect(const char *words, const char *other, size_t len)
{
    static const uint8_t close_frame[] = {0x88, 2, 1000 >> 8, 1000 & 0xff};
    uint8_t last[4];
    int fd = open_ws(), second = other != NULL ? open_ws() : -1;

    say(fd, words);
    if (other != NULL)
        say(second, other);
    assert_int_equal(read_all(fd, last), len + sizeof close_frame);
    assert_memory_equal(last, close_frame, sizeof close_frame);
    (void)close(fd);
    if (second >= 0)
        (void)close(second);
}

static void test_close_frame_of_a_handler_that_blocks(void **state)
{
    expect("scb", NULL, 7);
    expect("s cb", NULL, 7);
    expect("s bcb", NULL, 7);
    expect("lcb", NULL, LARGE + 10);
    expect("l cb", NULL, LARGE + 10);
    expect("l s cb s b", NULL, LARGE + 10 + 7);
}

static void test_close_frame_while_another_handler_blocks(void **state)
{
    for (int i = 0; i < 5; i++) {
        expect("s c", "b b b", 7);
        expect("sb sc", "b", 14);
        expect("l c", "b b", LARGE + 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_close_frame_of_a_handler_that_blocks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_close_frame_while_another_handler_blocks, setup,
                                        teardown),
    };

    SKIP_WITHOUT_BACKEND();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
