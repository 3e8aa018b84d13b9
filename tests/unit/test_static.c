/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_PATH, nftw() */
#endif
#include "http/static.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/container.h"
#include "base/mem.h"
#include "failmem.h"
#include "fixture.h"
#include "http/file.h"
#include "http/mime.h"
#include "http_sim.h"

#include <cmocka.h>

#define BIG (600 * 1024) /* more than two steps */

/* ---- a tree of files ---- */

static char base[] = "/tmp/yodel-static-XXXXXX";
static char root[sizeof base + 8];

static void make_file(const char *name, const char *text, size_t len)
{
    char path[200];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s", base, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    fclose(file);
}

static void make_text(const char *name, const char *text)
{
    make_file(name, text, strlen(text));
}

static void make_dir(const char *name)
{
    char path[200];

    (void)snprintf(path, sizeof path, "%s/%s", base, name);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void make_old(const char *name)
{
    const struct timespec times[2] = {{1000000000, 0}, {1000000000, 0}};
    char path[200];

    (void)snprintf(path, sizeof path, "%s/%s", base, name);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void make_link(const char *name, const char *target)
{
    char path[200];

    (void)snprintf(path, sizeof path, "%s/%s", base, name);
    assert_int_equal(symlink(target, path), 0);
}

static int make_tree(void **state)
{
    char *big = malloc(BIG), path[200];

    if (mkdtemp(base) == NULL || big == NULL)
        return -1;
    for (size_t i = 0; i < BIG; i++)
        big[i] = (char)('a' + i % 26);
    (void)snprintf(root, sizeof root, "%s/www", base);
    make_text("secret.txt", "secret");
    make_dir("www");
    make_dir("www/sub");
    make_dir("www/sub/a b");
    make_dir("www/empty");
    make_text("www/index.html", "<p>root");
    make_text("www/sub/index.html", "<p>sub");
    make_text("www/sub/a b/index.html", "<p>a b");
    make_text("www/sub/file.JS", "js");
    make_text("www/none", "");
    make_text("www/caf\xc3\xa9.txt", "coffee");
    make_file("www/big.bin", big, BIG);
    make_dir("www/.git");
    make_dir("www/.well-known");
    make_text("www/.git/config", "url = https://user:password@host");
    make_text("www/.env", "SECRET=1");
    make_text("www/sub/.htpasswd", "user:hash");
    make_text("www/.well-known/security.txt", "Contact: us");
    make_text("www/.well-known/.env", "SECRET=1");
    make_text("www/.well-known.txt", "text");
    make_text("www/app.js", "plain");
    make_text("www/app.js.br", "brotli");
    make_text("www/app.js.gz", "gzipped!");
    make_text("www/only.css", "plain");
    make_text("www/only.css.gz", "gzipped!");
    make_text("www/old.js.br", "brotli");
    make_text("www/old.js", "plain");
    make_old("www/old.js.br");
    make_text("www/odd.js", "plain");
    make_dir("www/odd.js.br");
    make_link("www/odd.js.gz", "../secret.txt");
    make_text("www/empty.js", "plain");
    make_text("www/empty.js.br", "");
    make_text("www/gone.js.br", "brotli");
    make_dir("www/coded");
    make_text("www/coded/index.html", "plain");
    make_text("www/coded/index.html.br", "brotli");
    make_link("www/out", "../secret.txt");
    make_link("www/abs", "/etc/passwd");
    make_link("www/up", "..");
    make_link("www/in", "sub/file.JS");
    (void)snprintf(path, sizeof path, "%s/www/fifo", base);
    free(big);
    return mkfifo(path, 0600);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int remove_tree(void **state)
{
    return nftw(base, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- asking ---- */

static struct failmem fm;
static struct http_sim hs;

static int start(const char *prefix)
{
    int rc;

    failmem_init(&fm, 0);
    rc = http_sim_start(&hs, &fm.mem, 0);
    return rc < 0 ? rc : yd_http_static(&hs.http, prefix, root, NULL);
}

static int setup(void **state)
{
    return start("/");
}

static int teardown(void **state)
{
    http_sim_stop(&hs);
    failmem_assert_empty(&fm);
    return 0;
}

static void make_request(char request[1000], const char *method, const char *target,
                         const char *more)
{
    (void)snprintf(request, 1000, "%s %s HTTP/1.1\r\nHost: h\r\n%s\r\n", method, target, more);
}

static struct sim_peer *ask(const char *method, const char *target, const char *more)
{
    char request[1000];

    make_request(request, method, target, more);
    return http_sim_ask(&hs, request);
}

static void assert_status(const char *target, int status)
{
    struct sim_peer *peer = ask("GET", target, "");

    if (strtol(sim_received(peer) + 9, NULL, 10) != status)
        fail_msg("%s: %.40s", target, sim_received(peer));
}

static void test_static_files(void **state)
{
    static const struct {
        const char *target, *type, *body;
    } files[] = {
        {"/s/", "text/html; charset=utf-8", "<p>root"},
        {"/s/index.html?x=y", "text/html; charset=utf-8", "<p>root"},
        {"/s/sub/", "text/html; charset=utf-8", "<p>sub"},
        {"/s/sub/a%20b/", "text/html; charset=utf-8", "<p>a b"},
        {"/s/sub/../sub/./file.JS", "text/javascript; charset=utf-8", "js"},
        {"/x/..//s/%73ub/file.JS", "text/javascript; charset=utf-8", "js"},
        {"/s/caf%c3%a9.txt", "text/plain; charset=utf-8", "coffee"},
        {"/s/none", "application/octet-stream", ""},
        {"/s/in", "application/octet-stream", "js"},
    };

    start("/s");
    for (size_t i = 0; i < YD_LEN(files); i++) {
        struct sim_peer *peer = ask("GET", files[i].target, "");

        http_sim_assert_status(peer, 200);
        assert_string_equal(http_sim_body(peer), files[i].body);
        assert_string_equal(http_sim_header(peer, "Content-Type"), files[i].type);
        assert_string_equal(http_sim_header(peer, "X-Content-Type-Options"), "nosniff");
        assert_string_equal(http_sim_header(peer, "Cache-Control"), "no-cache");
        assert_string_equal(http_sim_header(peer, "Accept-Ranges"), "bytes");
        assert_int_equal(http_sim_header(peer, "ETag")[0], '"');
        assert_int_equal(strlen(http_sim_header(peer, "Last-Modified")), 29);
        assert_false(sim_is_shut(peer));
        peer = ask("HEAD", files[i].target, "");
        http_sim_assert_status(peer, 200);
        assert_string_equal(http_sim_body(peer), "");
        assert_int_equal(atoi(http_sim_header(peer, "Content-Length")), strlen(files[i].body));
    }
}

static void test_static_hostile_paths(void **state)
{
    static const char *const targets[] = {
        "/s/../secret.txt",
        "/s/../../secret.txt",
        "/s/..%2fsecret.txt",
        "/s/%2e%2e/secret.txt",
        "/s/%2e%2e%2fsecret.txt",
        "/s/%252e%252e/secret.txt",
        "/s/..\\secret.txt",
        "/s/..%5csecret.txt",
        "/s/%00",
        "/s/index.html%00.png",
        "/s/sub%2ffile.JS",
        "/s/out",
        "/s/abs",
        "/s/up/secret.txt",
        "/s/up/",
        "/s/fifo",
        "/s/empty/",
        "/s/index.html/",
        "/s/index.html/x",
        "/s/nosuch",
        "/s/sub/%0a",
        "/s/%c0%ae%c0%ae/secret",
        "/s//etc/passwd",
        "/secret.txt",
        "/ss/index.html",
        "/s/....//secret.txt",
        "/../s/index.html",
        "/s/sub/../../secret.txt",
    };

    start("/s/");
    for (size_t i = 0; i < YD_LEN(targets); i++)
        assert_status(targets[i], 404);
    assert_status("/s/%zz", 400);
}

static const char *const dot_files[] = {
    "/.env",        "/%2eenv",           "/.git/config",     "/.git", "/.git/", "/sub/.htpasswd",
    "/sub/../.env", "/.well-known/.env", "/.well-known.txt",
};

static void test_static_hides_dot_files(void **state)
{
    start("/");
    for (size_t i = 0; i < YD_LEN(dot_files); i++)
        http_sim_assert_status(ask("GET", dot_files[i], ""), 404);
    http_sim_assert_status(ask("GET", "/.well-known/security.txt", ""), 200);
}

static void test_static_hides_dot_files_below_a_prefix(void **state)
{
    start("/.s");
    http_sim_assert_status(ask("GET", "/.s/index.html", ""), 200);
    http_sim_assert_status(ask("GET", "/.s/.env", ""), 404);
}

static void test_static_serves_dot_files_that_are_wanted(void **state)
{
    start("/none/");
    assert_int_equal(
        yd_http_static(&hs.http, "/", root, YODEL_OPTIONS(yodel_static_options, .dot_files = 1)),
        0);
    http_sim_assert_status(ask("GET", "/.env", ""), 200);
    http_sim_assert_status(ask("GET", "/.git/config", ""), 200);
}

static void test_static_redirects(void **state)
{
    static const struct {
        const char *target, *location;
    } cases[] = {{"/sub", "/sub/"},
                 {"/sub/a%20b?q=%22", "/sub/a%20b/?q=%22"},
                 {"//sub", "/sub/"},
                 {"//sub/../sub/.", "/sub/"},
                 {"/nosuch.example//..//sub", "/sub/"}};

    start("/");
    for (size_t i = 0; i < YD_LEN(cases); i++) {
        struct sim_peer *peer = ask("GET", cases[i].target, "");

        http_sim_assert_status(peer, 301);
        assert_string_equal(http_sim_header(peer, "Location"), cases[i].location);
    }
    http_sim_stop(&hs);
    start("/s");
    assert_string_equal(http_sim_header(ask("GET", "/s", ""), "Location"), "/s/");
    assert_string_equal(http_sim_header(ask("GET", "/s/sub", ""), "Location"), "/s/sub/");
    http_sim_stop(&hs);
}

static void test_static_methods(void **state)
{
    struct sim_peer *peer;

    peer = ask("POST", "/index.html", "");
    http_sim_assert_status(peer, 405);
    assert_string_equal(http_sim_header(peer, "Allow"), "GET, HEAD");
    peer = ask("TRACE", "/index.html", "");
    http_sim_assert_status(peer, 405);
    peer = ask("GET", "/index.html", "Content-Length: 3\r\n");
    assert_string_equal(sim_received(peer), "");
    sim_send_text(peer, "abc");
    sim_run(hs.loop);
    http_sim_assert_status(peer, 200);
}

static void test_static_conditions(void **state)
{
    char more[200], etag[100], modified[40];
    struct sim_peer *peer;

    peer = ask("GET", "/index.html", "");
    strcpy(etag, http_sim_header(peer, "ETag"));
    strcpy(modified, http_sim_header(peer, "Last-Modified"));
    (void)snprintf(more, sizeof more, "If-None-Match: %s\r\n", etag);
    peer = ask("GET", "/index.html", more);
    http_sim_assert_status(peer, 304);
    assert_string_equal(http_sim_header(peer, "ETag"), etag);
    assert_string_equal(http_sim_header(peer, "Cache-Control"), "no-cache");
    assert_string_equal(http_sim_header(peer, "Content-Length"), "");
    assert_string_equal(http_sim_body(peer), "");
    (void)snprintf(more, sizeof more, "If-Modified-Since: %s\r\n", modified);
    http_sim_assert_status(ask("HEAD", "/index.html", more), 304);
    http_sim_assert_status(ask("GET", "/index.html", "If-Match: \"x\"\r\n"), 412);
}

static void test_static_ranges(void **state)
{
    struct sim_peer *peer;

    peer = ask("GET", "/big.bin", "Range: bytes=26-30\r\n");
    http_sim_assert_status(peer, 206);
    assert_string_equal(http_sim_body(peer), "abcde");
    assert_string_equal(http_sim_header(peer, "Content-Range"), "bytes 26-30/614400");
    assert_string_equal(http_sim_header(peer, "Content-Length"), "5");
    peer = ask("GET", "/big.bin", "Range: bytes=-300000\r\n");
    http_sim_assert_status(peer, 206);
    assert_int_equal(strlen(http_sim_body(peer)), 300000);
    assert_int_equal(http_sim_body(peer)[0], 'a' + (BIG - 300000) % 26);
    peer = ask("GET", "/big.bin", "Range: bytes=614400-\r\n");
    http_sim_assert_status(peer, 416);
    assert_string_equal(http_sim_header(peer, "Content-Range"), "bytes */614400");
    assert_false(sim_is_shut(peer));
}

static void assert_big(const char *body)
{
    assert_int_equal(strlen(body), BIG);
    for (size_t i = 0; i < BIG; i++)
        if (body[i] != (char)('a' + i % 26))
            fail_msg("byte %zu", i);
}

/* What each client gets, and how that is told; NULL: no Accept-Encoding. */
static void test_static_compressed(void **state)
{
    static const struct {
        const char *target, *accepts, *coding, *body;
        bool varies;
    } cases[] = {
        {"/app.js", NULL, "", "plain", true},
        {"/app.js", "", "", "plain", true},
        {"/app.js", "gzip, deflate, br", "br", "brotli", true},
        {"/app.js", "GZIP", "gzip", "gzipped!", true},
        {"/app.js", "x-gzip", "gzip", "gzipped!", true},
        {"/app.js", "deflate, zstd", "", "plain", true},
        {"/app.js", "*", "br", "brotli", true},
        {"/app.js", "br;q=0, *", "gzip", "gzipped!", true},
        {"/app.js", "*;q=0", "", "plain", true},
        {"/app.js", "gzip, *;q=0", "gzip", "gzipped!", true},
        {"/app.js", "br;q=0.5, gzip;q=0.8", "gzip", "gzipped!", true},
        {"/app.js", "br ; q=0.8,gzip;q=0.800", "br", "brotli", true},
        {"/app.js", "br;q=0.001", "br", "brotli", true},
        {"/app.js", "br;q=0.000, gzip;q=0", "", "plain", true},
        {"/app.js", "br;q=x, gzip;q=2", "", "plain", true},
        {"/app.js", "identity, br;q=0.5", "", "plain", true},
        {"/app.js", "identity;q=0.5, br;q=0.5", "br", "brotli", true},
        {"/app.js", "identity;q=0, gzip;q=0.1", "gzip", "gzipped!", true},
        {"/only.css", "br, gzip;q=0.1", "gzip", "gzipped!", true},
        {"/only.css", "br", "", "plain", true},
        {"/only.css", "br, identity;q=0", "", "plain", true},
        {"/old.js", "br", "", "plain", false},
        {"/odd.js", "br, gzip", "", "plain", false},
        {"/empty.js", "br", "", "plain", false},
        {"/index.html", "br", "", "<p>root", false},
        {"/coded/", "br", "br", "brotli", true},
        {"/app.js.gz", "gzip", "", "gzipped!", false},
    };

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        char lines[100] = "";
        struct sim_peer *peer;

        if (cases[i].accepts != NULL)
            (void)snprintf(lines, sizeof lines, "Accept-Encoding: %s\r\n", cases[i].accepts);
        peer = ask("GET", cases[i].target, lines);
        http_sim_assert_status(peer, 200);
        assert_string_equal(http_sim_body(peer), cases[i].body);
        assert_string_equal(http_sim_header(peer, "Content-Encoding"), cases[i].coding);
        assert_string_equal(http_sim_header(peer, "Vary"),
                            cases[i].varies ? "Accept-Encoding" : "");
        peer = ask("HEAD", cases[i].target, lines);
        assert_int_equal(atoi(http_sim_header(peer, "Content-Length")), strlen(cases[i].body));
    }
    assert_string_equal(
        http_sim_header(ask("GET", "/app.js", "Accept-Encoding: br\r\n"), "Content-Type"),
        "text/javascript; charset=utf-8");
    http_sim_assert_status(ask("GET", "/gone.js", "Accept-Encoding: br\r\n"), 404);
}

/* Each form is a representation of its own (RFC 9110 8.8.3, 14.2). */
static void test_static_compressed_conditions(void **state)
{
    char tags[2][100], lines[300];
    struct sim_peer *peer;

    for (int i = 0; i < 2; i++) {
        peer = ask("GET", "/app.js", i == 0 ? "" : "Accept-Encoding: br\r\n");
        (void)snprintf(tags[i], sizeof tags[i], "%s", http_sim_header(peer, "ETag"));
    }
    assert_string_not_equal(tags[0], tags[1]);
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++) {
            (void)snprintf(lines, sizeof lines, "If-None-Match: %s\r\n%s", tags[i],
                           j == 0 ? "" : "Accept-Encoding: br\r\n");
            peer = ask("GET", "/app.js", lines);
            http_sim_assert_status(peer, i == j ? 304 : 200);
            assert_string_equal(http_sim_header(peer, "Vary"), "Accept-Encoding");
            assert_string_equal(http_sim_header(peer, "Content-Encoding"),
                                i == j || j == 0 ? "" : "br");
        }
    peer = ask("GET", "/app.js", "Accept-Encoding: br\r\nRange: bytes=1-3\r\n");
    http_sim_assert_status(peer, 206);
    assert_string_equal(http_sim_body(peer), "rot");
    assert_string_equal(http_sim_header(peer, "Content-Range"), "bytes 1-3/6");
    assert_string_equal(http_sim_header(peer, "Content-Encoding"), "br");
    (void)snprintf(lines, sizeof lines, "Range: bytes=1-3\r\nIf-Range: %s\r\n", tags[1]);
    peer = ask("GET", "/app.js", lines); /* of another form: all of this one */
    http_sim_assert_status(peer, 200);
    assert_string_equal(http_sim_body(peer), "plain");
}

static void test_static_compressed_can_be_turned_off(void **state)
{
    struct sim_peer *peer;

    failmem_init(&fm, 0);
    assert_int_equal(http_sim_start(&hs, &fm.mem, 0), 0);
    assert_int_equal(
        yd_http_static(&hs.http, "/", root, YODEL_OPTIONS(yodel_static_options, .plain_only = 1)),
        0);
    peer = ask("GET", "/app.js", "Accept-Encoding: br\r\n");
    assert_string_equal(http_sim_body(peer), "plain");
    assert_string_equal(http_sim_header(peer, "Vary"), "");
}

static void test_static_slow_client(void **state)
{
    struct sim_peer *peer;
    size_t most = 0;

    peer = sim_connect(hs.loop);
    peer->window = 0;
    sim_send_text(peer, "GET /big.bin HTTP/1.1\r\nHost: h\r\n\r\n"
                        "GET /index.html HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    sim_end(peer); /* and says early that it asks for no more */
    while (!sim_is_closed(peer)) {
        size_t buffered;

        sim_run(hs.loop);
        buffered = peer->stream != NULL ? yd_conn_buffered((struct yd_conn *)peer->stream) : 0;
        if (buffered > most)
            most = buffered;
        peer->window = 10000;
    }
    assert_true(most > 200 * 1024 && most < 300 * 1024);
    assert_non_null(strstr(sim_received(peer), "<p>root"));
    peer->output.len = (size_t)(strstr(http_sim_body(peer), "HTTP/1.1 200") - sim_received(peer));
    assert_big(http_sim_body(peer));
}

static void on_taken_closed(struct yd_conn *conn, int error)
{
    (void)conn;
    assert_int_equal(error, 0);
}

static void on_take(yodel_request *req, void *user)
{
    static const struct yd_conn_events events = {.on_closed = on_taken_closed};
    struct yd_conn *conn = yd_request_take(req);

    (void)user;
    yd_conn_set_events(conn, &events, NULL);
    assert_int_equal(yd_conn_write(conn, "taken", 5, NULL, 0), 0);
}

/* What a client has asked for before it ended its output is answered, what is cut off is not. */
static void test_static_half_close(void **state)
{
    static const char *const ends[] = {"", "GET /index.html HTTP/1.1\r\nHost: h\r\n\r\n",
                                       "GET /index.html HT",
                                       "POST /index.html HTTP/1.1\r\nHost: h\r\nContent-Length: 5"
                                       "\r\n\r\nabc",
                                       "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
                                       "Upgrade: websocket\r\n\r\n"};
    static const char *const answers[] = {"b", "<p>root", "b", "b", "taken"};

    assert_int_equal(yd_http_route_upgrade(&hs.http, "/ws", on_take, NULL), 0);
    assert_int_equal(yd_http_route(&hs.http, "POST /index.html", on_take, NULL), 0);
    for (size_t i = 0; i < YD_LEN(ends); i++) {
        struct sim_peer *peer = sim_connect(hs.loop);
        const char *received;

        sim_send_text(peer, "GET /big.bin HTTP/1.1\r\nHost: h\r\nRange: bytes=1-1\r\n\r\n");
        sim_send_text(peer, ends[i]);
        sim_end(peer);
        sim_run(hs.loop);
        assert_true(sim_is_closed(peer));
        received = sim_received(peer);
        assert_string_equal(received + strlen(received) - strlen(answers[i]), answers[i]);
    }
}

/* The client goes away before each of the steps. */
static void test_static_client_leaves(void **state)
{
    for (int turns = 0; turns < 12; turns++) {
        struct sim_peer *peer = sim_connect(hs.loop);

        peer->window = turns % 2 == 0 ? SIZE_MAX : 1000;
        sim_send_text(peer, "GET /big.bin HTTP/1.1\r\nHost: h\r\n\r\n");
        for (int i = 0; i < turns; i++)
            sim_turn(hs.loop);
        sim_break(peer, -ECONNRESET);
        sim_run(hs.loop);
        if (turns < 5)
            assert_true(sim_is_closed(peer));
    }
}

/* Its connection ends in the turn that has read the request: there is no memory for what came with
 * it. */
static void test_static_client_is_lost_while_the_file_is_opened(void **state)
{
    int num_lost = 0;

    sim_set_late(hs.loop, 0, false); /* one turn alone has no memory */
    for (int n = 1; n <= 12; n++) {
        struct sim_peer *peer = sim_connect(hs.loop);

        sim_turn(hs.loop);
        sim_send_text(peer, "GET /index.html HTTP/1.1\r\nHost: h\r\n\r\nGET /");
        fm.fail_at = n;
        atomic_store(&fm.calls, 0);
        sim_turn(hs.loop);
        fm.fail_at = 0;
        sim_run(hs.loop);
        num_lost += sim_received_len(peer) == 0;
        sim_break(peer, -ECONNRESET);
        sim_run(hs.loop);
    }
    assert_true(num_lost > 0);
}

static void test_static_stops_in_the_middle(void **state)
{
    struct sim_peer *peer;

    peer = sim_connect(hs.loop);
    peer->window = 100;
    sim_send_text(peer, "GET /big.bin HTTP/1.1\r\nHost: h\r\n\r\n");
    sim_run(hs.loop);
    yd_net_stop(&hs.net);
    sim_run(hs.loop);
    assert_false(sim_is_shut(peer));
    peer->window = SIZE_MAX;
    sim_run(hs.loop);
    assert_big(http_sim_body(peer));
    assert_true(sim_is_shut(peer));
    peer = sim_connect(hs.loop);
    sim_send_text(peer, "GET /big.bin HTTP/1.1\r\nHost: h\r\n\r\n");
    sim_turn(hs.loop);
}

/* A file that becomes shorter while it is sent: the connection breaks off. */
static void test_static_truncated(void **state)
{
    char path[200];
    struct sim_peer *peer;

    make_file("www/shrinks", "", 0);
    (void)snprintf(path, sizeof path, "%s/shrinks", root);
    assert_int_equal(truncate(path, BIG), 0);
    peer = sim_connect(hs.loop);
    peer->window = 1000;
    sim_send_text(peer, "GET /shrinks HTTP/1.1\r\nHost: h\r\n\r\n");
    sim_run(hs.loop);
    assert_int_equal(truncate(path, 5), 0);
    peer->window = SIZE_MAX;
    sim_run(hs.loop);
    assert_true(sim_is_closed(peer));
    assert_true(sim_received_len(peer) < BIG);
}

static void on_route(yodel_request *req, void *user)
{
    (void)user;
    (void)yodel_request_reply_text(req, 200, NULL, YODEL_STR("route"));
}

static void test_static_and_routes(void **state)
{
    struct sim_peer *peer;

    assert_int_equal(yd_http_static(&hs.http, "/sub/x/", root, NULL), 0);
    assert_int_equal(yd_http_static(&hs.http, "/a", root, NULL), 0);
    assert_int_equal(yd_http_static(&hs.http, "/sub/x", root, NULL), YODEL_ERR_CONFLICT);
    assert_int_equal(yd_http_route(&hs.http, "GET /none", on_route, NULL), 0);
    assert_int_equal(yd_http_route(&hs.http, "POST /index.html", on_route, NULL), 0);
    assert_int_equal(yd_http_route_upgrade(&hs.http, "/big.bin", on_route, NULL), 0);
    assert_string_equal(http_sim_body(ask("GET", "/none", "")), "route");
    assert_string_equal(http_sim_body(ask("GET", "/index.html", "")), "<p>root");
    assert_string_equal(http_sim_body(ask("POST", "/index.html", "")), "route");
    assert_string_equal(http_sim_body(ask("GET", "/sub/x/", "")), "<p>root");
    http_sim_assert_status(ask("GET", "/big.bin", ""), 426);
    peer = ask("PUT", "/index.html", "");
    assert_string_equal(http_sim_header(peer, "Allow"), "POST");
}

static void test_static_options(void **state)
{
    struct sim_peer *peer;

    failmem_init(&fm, 0);
    assert_int_equal(http_sim_start(&hs, &fm.mem, 0), 0);
    assert_int_equal(yd_http_static(&hs.http, "/", "/nonexistent", NULL), -ENOENT);
    assert_int_equal(yd_http_static(&hs.http, "/", "/etc/passwd", NULL), -ENOTDIR);
    assert_int_equal(yd_http_static(&hs.http, "x", root, NULL), -EINVAL);
    assert_int_equal(yd_http_static(&hs.http, "/", root,
                                    YODEL_OPTIONS(yodel_static_options, .cache_control = "a\nb")),
                     -EINVAL);
    assert_int_equal(
        yd_http_static(&hs.http, "/", root, YODEL_OPTIONS(yodel_static_options, .index = "../x")),
        -EINVAL);
    assert_int_equal(yd_http_static(&hs.http, "/", root,
                                    YODEL_OPTIONS(yodel_static_options, .index = "none",
                                                  .cache_control = "max-age=5")),
                     0);
    peer = ask("GET", "/", "");
    http_sim_assert_status(peer, 200);
    assert_string_equal(http_sim_header(peer, "Cache-Control"), "max-age=5");
}

static void test_static_open_beneath(void **state)
{
    static int (*const opens[])(int, const char *) = {yd_file_open, yd_file_open_walking};
    char long_name[400], long_path[410];
    int dir = open(root, O_PATH | O_DIRECTORY);

    memset(long_name, 'x', sizeof long_name);
    memcpy(long_name + 300, "/y", 3);
    for (size_t i = 0; i < YD_LEN(opens); i++) {
        int fd = opens[i](dir, "sub/a b/index.html");

        assert_true(fd >= 0);
        close(fd);
        assert_int_equal(opens[i](dir, "nosuch"), -ENOENT);
        assert_int_equal(opens[i](dir, "sub/nosuch/x"), -ENOENT);
        assert_int_equal(opens[i](dir, "index.html/x"), -ENOTDIR);
        assert_int_equal(opens[i](dir, long_name), -ENAMETOOLONG);
        (void)snprintf(long_path, sizeof long_path, "sub/%s", long_name);
        assert_int_equal(opens[i](dir, long_path), -ENAMETOOLONG);
        assert_true(opens[i](dir, "up/secret.txt") < 0);
        assert_true(opens[i](dir, "out") < 0);
        assert_true(opens[i](dir, "abs") < 0);
        fd = opens[i](dir, "fifo"); /* must not wait */
        assert_true(fd >= 0);
        close(fd);
    }
    assert_int_equal(yd_file_open_walking(dir, "in"), -ELOOP);
    close(dir);
}

static void test_static_mime_types(void **state)
{
    assert_string_equal(yd_mime_type("a/b.HTML"), "text/html; charset=utf-8");
    assert_string_equal(yd_mime_type("a.tar.gz"), "application/gzip");
    assert_string_equal(yd_mime_type("x.css/none"), "application/octet-stream");
    assert_string_equal(yd_mime_type(".css"), "application/octet-stream");
    assert_string_equal(yd_mime_type("x."), "application/octet-stream");
    assert_string_equal(yd_mime_type(""), "application/octet-stream");
}

/* The whole file, an apology, or a connection that ends: a file that is cut is seen to be. */
static void expect_whole(struct sim_peer *peer, int status)
{
    struct http_sim_answer answer = {.status = 0};
    bool is_whole = http_sim_next(peer, &answer) && sim_received_len(peer) == 0;
    int rc = is_whole && answer.status < 500 ? 0 : -ENOMEM;

    failmem_assert_whole(&fm, rc, answer.status == status, is_whole || sim_is_shut(peer));
}

static void test_static_without_memory(void **state)
{
    static const struct {
        const char *path;
        int status;
    } targets[] = {{"/big.bin", 200}, {"/sub", 301}, {"/nosuch", 404}, {"/", 200}};

    FAILMEM_LOOP(&fm)
    {
        if (http_sim_start(&hs, &fm.mem, 0) < 0)
            continue;
        if (yd_http_static(&hs.http, "/", root, NULL) == 0)
            for (size_t i = 0; i < YD_LEN(targets); i++)
                expect_whole(ask("GET", targets[i].path, ""), targets[i].status);
        sim_advance(hs.loop, 10000);
        assert_int_equal(hs.net.num_conns, 0);
        http_sim_stop(&hs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEARDOWN_TEST(test_static_files),
        TEARDOWN_TEST(test_static_hostile_paths),
        TEARDOWN_TEST(test_static_hides_dot_files),
        TEARDOWN_TEST(test_static_hides_dot_files_below_a_prefix),
        TEARDOWN_TEST(test_static_serves_dot_files_that_are_wanted),
        cmocka_unit_test(test_static_redirects),
        FIXTURE_TEST(test_static_methods),
        FIXTURE_TEST(test_static_conditions),
        FIXTURE_TEST(test_static_ranges),
        FIXTURE_TEST(test_static_compressed),
        FIXTURE_TEST(test_static_compressed_conditions),
        TEARDOWN_TEST(test_static_compressed_can_be_turned_off),
        FIXTURE_TEST(test_static_slow_client),
        FIXTURE_TEST(test_static_half_close),
        FIXTURE_TEST(test_static_client_leaves),
        FIXTURE_TEST(test_static_client_is_lost_while_the_file_is_opened),
        FIXTURE_TEST(test_static_stops_in_the_middle),
        FIXTURE_TEST(test_static_truncated),
        FIXTURE_TEST(test_static_and_routes),
        TEARDOWN_TEST(test_static_options),
        cmocka_unit_test(test_static_open_beneath),
        cmocka_unit_test(test_static_mime_types),
        cmocka_unit_test(test_static_without_memory),
    };

    return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
