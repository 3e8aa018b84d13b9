/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/curl.h"
#include "base/file.h"
#include "base/json.h"
#include "base/nearest.h"
#include "base/peer.h"
#include "failing.h"

/* ---- text and arena ---- */

static void test_base_text_grows(void **state)
{
    struct yg_text text = {0};

    assert_string_equal(yg_text_string(&text), "");
    for (int i = 0; i < 1000; i++)
        yg_text_printf(&text, "%d,", i);
    yg_text_putc(&text, '.');
    assert_false(yg_text_failed(&text));
    assert_int_equal(text.len, strlen(text.ptr));
    assert_memory_equal(text.ptr, "0,1,2,3,", 8);
    assert_string_equal(text.ptr + text.len - 5, "999,.");
    yg_text_reset(&text);
    assert_string_equal(yg_text_string(&text), "");
    yg_text_done(&text);
}

static void test_base_text_numbers(void **state)
{
    static const int64_t numbers[] = {0, 9, 10, -1, 1700000000, INT64_MAX, INT64_MIN};
    struct yg_text text = {0};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        yg_text_put_number(&text, numbers[i]);
        yg_text_putc(&text, ' ');
    }
    assert_string_equal(text.ptr, "0 9 10 -1 1700000000 9223372036854775807 -9223372036854775808 ");
    yg_text_done(&text);
}

static void test_base_text_failure_sticks(void **state)
{
    struct yg_text text = {0};

    yg_text_puts(&text, "kept");
    failing_start(1);
    for (int i = 0; i < 100; i++)
        yg_text_puts(&text, "more of it");
    assert_true(failing_stop());
    assert_true(yg_text_failed(&text));
    yg_text_puts(&text, "!");
    yg_text_printf(&text, "%s", "!");
    assert_null(strchr(text.ptr, '!'));
    yg_text_done(&text);
    yg_text_puts(&text, "kept");
    failing_start(1);
    yg_text_printf(&text, "%200s", "!");
    assert_true(failing_stop());
    assert_true(yg_text_failed(&text));
    assert_string_equal(text.ptr, "kept");
    yg_text_done(&text);
}

static void test_base_text_json(void **state)
{
    static const struct {
        const char *from, *to;
    } cases[] = {
        {"plain", "\"plain\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"\n\x01\x7f", "\"\\n\\u0001\\u007f\""},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"a\xe2\x82", "\"a\xef\xbf\xbd\xef\xbf\xbd\""}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct yg_text text = {0};

        yg_text_put_json(&text, cases[i].from, strlen(cases[i].from));
        assert_string_equal(text.ptr, cases[i].to);
        assert_int_equal(yg_text_is_utf8(cases[i].from, strlen(cases[i].from)), i < 4);
        yg_text_done(&text);
    }
}

static void test_base_arena(void **state)
{
    struct yg_arena arena = {0};
    char *text = yg_arena_format(&arena, "%s-%d", "room", 7);
    long *numbers = yg_arena_take_array(&arena, 10, sizeof(*numbers));

    assert_string_equal(text, "room-7");
    assert_int_equal(numbers[9], 0);
    assert_null(yg_arena_take_array(&arena, SIZE_MAX / 2, 3));
    assert_null(yg_arena_take(&arena, SIZE_MAX));
    assert_null(yg_arena_copy(&arena, "", SIZE_MAX));
    assert_string_equal(yg_arena_copy(&arena, "abcdef", 3), "abc");
    assert_string_equal(yg_arena_join(&arena, "/emit", '/', "to"), "/emit/to");
    failing_start(1);
    assert_null(yg_arena_dup(&arena, "x"));
    failing_stop();
    yg_arena_wipe(&arena);
    yg_arena_clear(&arena);
    assert_null(arena.last);
}

/* ---- names, problems, clock ---- */

static void test_base_nearest(void **state)
{
    struct yg_nearest nearest;
    char longer[100];

    assert_int_equal(yg_nearest_distance("", ""), 0);
    assert_int_equal(yg_nearest_distance("limits", "LIMITS"), 0);
    assert_int_equal(yg_nearest_distance("limts", "limits"), 1);
    assert_int_equal(yg_nearest_distance("lismits", "limits"), 1);
    assert_int_equal(yg_nearest_distance("limist", "limits"), 1);
    assert_int_equal(yg_nearest_distance("kitten", "sitting"), 3);
    memset(longer, 'a', 99);
    longer[99] = '\0';
    assert_int_equal(yg_nearest_distance(longer, longer), YG_NEAREST_MAX);
    yg_nearest_init(&nearest, "lisen");
    yg_nearest_show(&nearest, "server");
    assert_null(nearest.best);
    yg_nearest_show(&nearest, "listen");
    yg_nearest_show(&nearest, "limits");
    assert_string_equal(nearest.best, "listen");
}

static void test_base_problems(void **state)
{
    const struct yg_complaint complaint = {YG_PROBLEM_INVALID, "must be \"a\"", "/emit/to"};
    struct yg_text text = {0};

    for (unsigned i = 1; i < YG_NUM_PROBLEMS; i++) {
        const enum yg_problem problem = (enum yg_problem)i;

        assert_int_equal(yg_problem_of(yg_problem_code(problem)), problem);
        assert_in_range(yg_problem_status(problem), 400, 599);
    }
    assert_int_equal(yg_problem_status(YG_PROBLEM_NONE), 200);
    assert_int_equal(yg_problem_status((enum yg_problem)12345), 500);
    assert_int_equal(yg_problem_of("nothing of it"), YG_PROBLEM_NONE);
    assert_int_equal(yg_problem_of_result(0), YG_PROBLEM_NONE);
    assert_int_equal(yg_problem_of_result(-ENOMEM), YG_PROBLEM_OVERLOADED);
    assert_int_equal(yg_problem_of_result(-EIO), YG_PROBLEM_INTERNAL);
    yg_problem_put(&text, &complaint);
    assert_string_equal(text.ptr, "{\"type\":\"urn:yodel:problem:invalid\","
                                  "\"title\":\"The command is not valid\",\"status\":422,"
                                  "\"code\":\"invalid\",\"detail\":\"must be \\\"a\\\"\","
                                  "\"pointer\":\"/emit/to\"}");
    yg_text_done(&text);
}

static void test_base_clock(void **state)
{
    char text[YG_CLOCK_TEXT];

    yg_clock_text(0, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    yg_clock_text(INT64_C(1769860800123), text);
    assert_string_equal(text, "2026-01-31T12:00:00.123Z");
    yg_clock_text(INT64_MAX, text);
    assert_string_equal(text, "9999-12-31T23:59:59.999Z");
    yg_clock_text(INT64_MIN, text);
    assert_string_equal(text, "1970-01-01T00:00:00.000Z");
    assert_true(yg_clock_wall_ms() > INT64_C(1700000000000));
}

/* ---- JSON ---- */

static json_t *parse(const char *text)
{
    char error[160];
    json_t *json = NULL;

    assert_int_equal(yg_json_parse(text, strlen(text), error, &json), 0);
    return json;
}

static void test_base_json_parse(void **state)
{
    char text[200], error[160];
    json_t *json = NULL;

    assert_int_equal(yg_json_parse("{\"a\":1,\"a\":2}", 13, error, &json), -EINVAL);
    assert_non_null(strstr(error, "line 1"));
    assert_int_equal(yg_json_parse("\"\\u0000\"", 8, error, &json), -EINVAL);
    assert_int_equal(yg_json_parse("\"\xff\"", 3, error, &json), -EINVAL);
    assert_int_equal(yg_json_parse("", 0, error, &json), -EINVAL);
    assert_int_equal(yg_json_parse(NULL, 0, error, &json), -EINVAL);
    assert_int_equal(yg_json_parse("[1,\n 2,\n  x]", 13, error, &json), -EINVAL);
    assert_string_equal(error, "line 3, column 3: is not JSON in UTF-8");
    memset(text, '[', YG_JSON_DEPTH + 1);
    memset(text + YG_JSON_DEPTH + 1, ']', YG_JSON_DEPTH + 1);
    assert_int_equal(yg_json_parse(text, 2 * YG_JSON_DEPTH + 2, error, &json), -EINVAL);
    assert_int_equal(yg_json_parse(text + 1, 2 * YG_JSON_DEPTH, error, &json), 0);
    json_decref(json);
    json = parse("[\"[[[[\\\"[[\", true]");
    json_decref(json);
}

/* It is read whole, or memory has ended: never is it another one, or malformed. */
static void test_base_json_out_of_memory(void **state)
{
    static const char text[] =
        "{\"a name that is long enough to grow\":[\"and its value\",1.5,{}]}";
    json_t *expected = parse(text);
    bool again = true;

    json_set_alloc_funcs(malloc, free); /* those that fail */
    for (size_t n = 1; again; n++) {
        char error[160];
        json_t *json = NULL;
        int rc;

        failing_start(n);
        rc = yg_json_parse(text, strlen(text), error, &json);
        again = failing_stop();
        assert_int_equal(rc, again ? -ENOMEM : 0);
        assert_true(again || json_equal(json, expected));
        json_decref(json);
    }
    json_decref(expected);
}

static void test_base_json_reader(void **state)
{
    json_t *json = parse("{\"s\":\"x\",\"n\":3,\"b\":true,\"l\":[],\"o\":{\"deep\":\"y\"}}");
    struct yg_json reader, inner;

    yg_json_open(&reader, json, "");
    assert_string_equal(yg_json_string(&reader, "s"), "x");
    assert_null(yg_json_string(&reader, "none"));
    assert_int_equal(yg_json_integer(&reader, "n", 1, 5, 9), 3);
    assert_int_equal(yg_json_integer(&reader, "none", 1, 5, 9), 9);
    assert_true(yg_json_bool(&reader, "b", false));
    assert_true(yg_json_bool(&reader, "none", true));
    assert_non_null(yg_json_list(&reader, "l"));
    yg_json_open_in(&inner, &reader, yg_json_object(&reader, "o"), "/o");
    assert_string_equal(yg_json_string(&inner, "deep"), "y");
    assert_true(yg_json_close(&inner));
    assert_true(yg_json_close(&reader));
    json_decref(json);
}

static void complain(const char *text, const char *pointer, const char *detail)
{
    json_t *json = parse(text);
    struct yg_json reader, inner;

    yg_json_open(&reader, json, "/commands/0");
    yg_json_string(&reader, "s");
    yg_json_integer(&reader, "n", 1, 5, 0);
    yg_json_bool(&reader, "b", false);
    yg_json_list(&reader, "l");
    if (yg_json_any(&reader, "o") != NULL) {
        yg_json_open_in(&inner, &reader, yg_json_any(&reader, "o"), "/commands/0/o");
        assert_false(yg_json_close(&inner));
    }
    assert_false(yg_json_close(&reader));
    assert_int_equal(reader.problem, YG_PROBLEM_INVALID);
    assert_string_equal(reader.pointer, pointer);
    assert_string_equal(reader.detail, detail);
    json_decref(json);
}

static void test_base_json_complaints(void **state)
{
    complain("[]", "/commands/0", "must be an object");
    complain("{\"s\":1}", "/commands/0/s", "must be a string");
    complain("{\"n\":\"1\"}", "/commands/0/n", "must be an integer");
    complain("{\"n\":6,\"s\":1}", "/commands/0/s", "must be a string");
    complain("{\"n\":6}", "/commands/0/n", "must be 1 to 5");
    complain("{\"b\":null}", "/commands/0/b", "must be true or false");
    complain("{\"l\":{}}", "/commands/0/l", "must be a list");
    complain("{\"a/b~\":1}", "/commands/0/a~1b~0", "not known here");
    complain("{\"o\":{\"x\":1}}", "/commands/0/o/x", "not known here");
}

/* ---- files ---- */

struct folder {
    char path[64];
    char file[100];
};

static int setup(void **state)
{
    struct folder *folder = calloc(1, sizeof(*folder));

    if (folder == NULL)
        return -1;
    strcpy(folder->path, "yodel-test-XXXXXX");
    if (mkdtemp(folder->path) == NULL)
        return -1;
    snprintf(folder->file, sizeof(folder->file), "%s/file", folder->path);
    *state = folder;
    return 0;
}

static int teardown(void **state)
{
    struct folder *folder = *state;

    unlink(folder->file);
    rmdir(folder->path);
    free(folder);
    return 0;
}

static void write_file(const struct folder *folder, const char *text, size_t len, mode_t mode)
{
    unlink(folder->file);
    assert_int_equal(yg_file_create(folder->file, text, len), 0);
    assert_int_equal(chmod(folder->file, mode), 0);
}

static void test_base_secrets(void **state)
{
    struct yg_text text = {0};

    write_file(*state, "one\n\n", 5, 0640);
    assert_int_equal(yg_secret_read(((struct folder *)*state)->file, &text), 0);
    assert_string_equal(text.ptr, "one\n");
    yg_secret_done(&text);
    write_file(*state, "two\r\n", 5, 0600);
    assert_int_equal(yg_secret_read(((struct folder *)*state)->file, &text), 0);
    assert_string_equal(text.ptr, "two");
    yg_secret_done(&text);
    write_file(*state, "three", 5, 0644);
    assert_int_equal(yg_secret_read(((struct folder *)*state)->file, &text), -EPERM);
    write_file(*state, "\n", 1, 0600);
    assert_int_equal(yg_secret_read(((struct folder *)*state)->file, &text), -ENODATA);
    write_file(*state, "a\0b", 3, 0600);
    assert_int_equal(yg_secret_read(((struct folder *)*state)->file, &text), -EBADMSG);
    assert_int_equal(text.len, 0);
    assert_int_equal(yg_secret_read("no/such/file", &text), -ENOENT);
    assert_int_equal(yg_secret_read(((struct folder *)*state)->path, &text), -EISDIR);
    yg_secret_done(&text);
}

static void test_base_credentials(void **state)
{
    const struct folder *folder = *state;
    struct yg_text text = {0};

    write_file(folder, "secret\n", 7, 0400);
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_equal(yg_secret_read("credential:file", &text), -ENOENT);
    setenv("CREDENTIALS_DIRECTORY", folder->path, 1);
    assert_int_equal(yg_secret_read("credential:file", &text), 0);
    assert_string_equal(text.ptr, "secret");
    assert_int_equal(yg_secret_read("credential:../file", &text), -ENOENT);
    assert_int_equal(yg_secret_read("credential:", &text), -ENOENT);
    unsetenv("CREDENTIALS_DIRECTORY");
    yg_secret_done(&text);
}

static void test_base_files(void **state)
{
    const struct folder *folder = *state;
    struct yg_text text = {0};
    struct stat info;

    write_file(folder, "0123456789", 10, 0644);
    assert_int_equal(yg_file_create(folder->file, "x", 1), -EEXIST);
    yg_text_puts(&text, "before ");
    assert_int_equal(yg_file_read(folder->file, 9, &text), -EFBIG);
    assert_string_equal(text.ptr, "before ");
    assert_int_equal(yg_file_read(folder->file, 10, &text), 0);
    assert_string_equal(text.ptr, "before 0123456789");
    yg_text_done(&text);
    failing_start(1);
    assert_int_equal(yg_file_read(folder->file, 10, &text), -ENOMEM);
    failing_stop();
    yg_text_done(&text);
    unlink(folder->file);
    assert_int_equal(yg_file_create(folder->file, "x", 1), 0);
    assert_int_equal(stat(folder->file, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
}

/* ---- URLs ---- */

static void test_base_unix_urls(void **state)
{
    static const struct {
        const char *url, *path, *uri;
    } good[] = {{"unix:/run/a.sock:/", "/run/a.sock", "/"},
                {"unix:/run/a.sock:/b?c=d", "/run/a.sock", "/b?c=d"},
                {"unix:/a:b:/c", "/a:b", "/c"},
                {"unix:/a:/b:/c", "/a", "/b:/c"}};
    static const char *const others[] = {"",         "unix:",      "unix:/",     "unix:/a",
                                         "unix:/a:", "unix:a:/b",  "unix::/b",   "UNIX:/a:/b",
                                         "http://a", "http://a:/", "xunix:/a:/b"};
    yodel_str path, uri;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(yg_curl_cut_unix(good[i].url, &path, &uri));
        assert_true(yodel_str_eq(path, yodel_str_of(good[i].path)));
        assert_string_equal(uri.ptr, good[i].uri);
        assert_int_equal(uri.len, strlen(good[i].uri));
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_false(yg_curl_cut_unix(others[i], &path, &uri));
}

static void test_base_peers(void **state)
{
    static const struct {
        const char *peer, *address;
        unsigned port;
    } peers[] = {
        {"192.0.2.7:51234", "192.0.2.7", 51234},
        {"[2001:db8::1]:51234", "2001:db8::1", 51234},
        {"[2001:db8::1]", "2001:db8::1", 0},
        {"2001:db8::1", "2001:db8::1", 0},
        {"192.0.2.7", "192.0.2.7", 0},
        {"unix", "unix", 0},
        {"", "", 0},
        {"192.0.2.7:x", "192.0.2.7", 0},
        {"192.0.2.7:65536", "192.0.2.7", 0},
        {"[::1", "[::1", 0},
        {"_hidden", "_hidden", 0},
    };

    for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
        const yodel_str peer = yodel_str_of(peers[i].peer);

        assert_true(yodel_str_eq(yg_peer_address(peer), yodel_str_of(peers[i].address)));
        assert_int_equal(yg_peer_port(peer), peers[i].port);
    }
    assert_int_equal(yg_peer_address((yodel_str){NULL, 0}).len, 0);
}

static void test_base_urls_are_set(void **state)
{
    CURL *curl;
    const char *url = NULL;

    (void)state;
    assert_int_equal(yg_curl_init(), 0);
    curl = curl_easy_init();
    assert_non_null(curl);
    assert_true(yg_curl_set_url(curl, "unix:/a:/b:/c"));
    assert_int_equal(curl_easy_getinfo(curl, CURLINFO_EFFECTIVE_URL, &url), CURLE_OK);
    assert_string_equal(url, "http://localhost/b:/c");
    assert_true(yg_curl_set_url(curl, "https://a/b"));
    assert_int_equal(curl_easy_getinfo(curl, CURLINFO_EFFECTIVE_URL, &url), CURLE_OK);
    assert_string_equal(url, "https://a/b");
    failing_start(1);
    assert_false(yg_curl_set_url(curl, "unix:/a:/b"));
    failing_stop();
    curl_easy_cleanup(curl);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_text_grows),
        cmocka_unit_test(test_base_text_numbers),
        cmocka_unit_test(test_base_text_failure_sticks),
        cmocka_unit_test(test_base_text_json),
        cmocka_unit_test(test_base_arena),
        cmocka_unit_test(test_base_nearest),
        cmocka_unit_test(test_base_problems),
        cmocka_unit_test(test_base_clock),
        cmocka_unit_test(test_base_unix_urls),
        cmocka_unit_test(test_base_peers),
        cmocka_unit_test(test_base_urls_are_set),
        cmocka_unit_test(test_base_json_parse),
        cmocka_unit_test(test_base_json_out_of_memory),
        cmocka_unit_test(test_base_json_reader),
        cmocka_unit_test(test_base_json_complaints),
        cmocka_unit_test_setup_teardown(test_base_secrets, setup, teardown),
        cmocka_unit_test_setup_teardown(test_base_credentials, setup, teardown),
        cmocka_unit_test_setup_teardown(test_base_files, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
