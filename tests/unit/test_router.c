/* SPDX-License-Identifier: MIT */
#include "http/router.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/container.h"
#include "base/mem.h"
#include "failmem.h"
#include "fixture.h"
#include "http/regex.h"

#include <cmocka.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65 /* of Linux 6.3 */
#endif
#define PR_MDWE_NO_EXEC_GAIN 1

struct fixture {
    const struct yodel_allocator *mem;
    struct yodel_log_sink sink;
    char line[1000];
    struct yd_router *router;
    struct yd_arena arena;
    struct yd_match match;
};

static struct failmem fm;
static struct fixture f;

static void on_log(yodel_log_level level, yodel_str text, void *user)
{
    (void)level;
    (void)snprintf(f.line, sizeof f.line, "%" YODEL_PRI, YODEL_ARG(text));
}

static void start(const struct yodel_allocator *mem)
{
    memset(&f, 0, sizeof f);
    f.mem = mem;
    f.sink = (struct yodel_log_sink){on_log, YODEL_LOG_DEBUG, &f};
    f.router = yd_router_new(mem, &f.sink);
    yd_arena_init(&f.arena, mem);
}

static void stop(void)
{
    yd_arena_done(&f.arena);
    yd_router_free(f.router);
}

static int setup(void **state)
{
    failmem_init(&fm, 0);
    start(&fm.mem);
    return f.router == NULL;
}

static int teardown(void **state)
{
    stop();
    failmem_assert_empty(&fm);
    return 0;
}

static void handler(yodel_request *req, void *user)
{
    (void)req;
    (void)user;
}

/* A route whose user is its own pattern. */
static int add(const char *pattern)
{
    return yd_router_add(f.router, pattern, false, handler, (void *)pattern);
}

static void add_all(const char *const *patterns)
{
    for (; *patterns != NULL; patterns++)
        assert_int_equal(add(*patterns), 0);
}

static int find(const char *method, const char *path)
{
    return yd_router_find(f.router, &f.arena, yodel_str_of(method), yodel_str_of(path), &f.match);
}

static void assert_found(const char *method, const char *path, const char *pattern)
{
    int rc = find(method, path);

    if (rc != 1)
        fail_msg("%s %s: %d", method, path, rc);
    assert_string_equal((const char *)f.match.user, pattern);
}

static void assert_none(const char *method, const char *path)
{
    int rc = find(method, path);

    if (rc != 0)
        fail_msg("%s %s: %d", method, path, rc);
}

static void assert_param(size_t i, const char *name, const char *value)
{
    const struct yd_param *param = &f.match.params[i];

    assert_true(i < f.match.num_params);
    assert_true(yodel_str_eq(param->name, yodel_str_of(name)));
    if (value == NULL)
        assert_null(param->value.ptr);
    else if (!yodel_str_eq(param->value, yodel_str_of(value)))
        fail_msg("%s is \"%" YODEL_PRI "\", not \"%s\"", name, YODEL_ARG(param->value), value);
}

static void test_router_literals(void **state)
{
    static const char *const patterns[] = {"GET /",   "GET /a",           "GET /a/", "GET /a/b",
                                           "POST /a", "GET /caf\xc3\xa9", NULL};

    add_all(patterns);
    assert_found("GET", "/", "GET /");
    assert_found("GET", "/a", "GET /a");
    assert_found("GET", "/a/", "GET /a/");
    assert_found("GET", "/a/b", "GET /a/b");
    assert_found("GET", "/%61/%62", "GET /a/b");
    assert_found("POST", "/a", "POST /a");
    assert_found("GET", "/caf%C3%a9", "GET /caf\xc3\xa9");
    assert_none("GET", "/b");
    assert_none("GET", "/a/b/");
    assert_none("GET", "//a");
    assert_none("GET", "/A");
    assert_none("GET", "/a%2fb");
    assert_none("GET", "*");
    assert_none("GET", "");
}

static void test_router_methods(void **state)
{
    static const char *const patterns[] = {"GET /g", "/any",      "HEAD /h",
                                           "GET /h", "POST /any", NULL};

    add_all(patterns);
    assert_found("HEAD", "/g", "GET /g");
    assert_found("HEAD", "/h", "HEAD /h");
    assert_found("GET", "/h", "GET /h");
    assert_found("PURGE", "/any", "/any");
    assert_found("HEAD", "/any", "/any");
    assert_found("POST", "/any", "POST /any");
    assert_none("POST", "/g");
    assert_none("get", "/g");
}

static void test_router_precedence(void **state)
{
    static const char *const patterns[] = {
        "/u/{rest...}", "/u/{name}",    "/u/{id:int}",    "/u/me",         "/u/{name}/x",
        "/u/me/y",      "^/u/[a-z]+/z", "^/(?<p>[^/]+)/", "POST /u/{who}", NULL};

    add_all(patterns);
    assert_found("GET", "/u/me", "/u/me");
    assert_found("GET", "/u/12", "/u/{id:int}");
    assert_found("GET", "/u/12a", "/u/{name}");
    assert_found("POST", "/u/bob", "POST /u/{who}");
    assert_found("POST", "/u/me", "/u/me");
    assert_found("GET", "/u/me/x", "/u/{name}/x"); /* back from the literal */
    assert_found("GET", "/u/12/x", "/u/{name}/x");
    assert_found("GET", "/u/me/y", "/u/me/y");
    assert_found("GET", "/u/ab/z", "/u/{rest...}");
    assert_found("GET", "/u/", "/u/{rest...}");
    assert_found("GET", "/v/x", "^/(?<p>[^/]+)/");
    assert_param(0, "p", "v");
    assert_none("GET", "/u");
}

static void test_router_params(void **state)
{
    static const char *const patterns[] = {"/c/{room}/{id:int}", "/f/{path...}", NULL};

    add_all(patterns);
    assert_found("GET", "/c/a%20b/007", "/c/{room}/{id:int}");
    assert_int_equal(f.match.num_params, 2);
    assert_param(0, "room", "a b");
    assert_param(1, "id", "007");
    assert_found("GET", "/c/a%2Fb/9223372036854775807", "/c/{room}/{id:int}");
    assert_param(0, "room", "a/b");
    assert_none("GET", "/c/a/9223372036854775808");
    assert_none("GET", "/c/a/-1");
    assert_none("GET", "/c//1");
    assert_none("GET", "/c/a/");
    assert_found("GET", "/f/a/b%20c//d", "/f/{path...}");
    assert_param(0, "path", "a/b c//d");
    assert_found("GET", "/f/", "/f/{path...}");
    assert_param(0, "path", "");
}

static void test_router_hostile_paths(void **state)
{
    static const char *const patterns[] = {"/c/{room}", "/f/{path...}", "^/p/(?<x>.*)", NULL};
    static const char *const none[] = {
        "/c/%ff",  "/c/%C0%80",   "/c/%ED%A0%80",  "/c/.",     "/c/..",   "/c/%2e%2E", "/f/../x",
        "/f/a/..", "/f/%2e%2e/a", "/f/a%2f..%2fb", "/f/a/./b", "/f/\xff", "/p/%80",    "/p/\xc3",
    };
    static const char *const malformed[] = {"/c/%", "/c/%4", "/c/%zz", "/%%", "/f/a/%-1"};

    add_all(patterns);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_none("GET", none[i]);
    for (size_t i = 0; i < sizeof malformed / sizeof *malformed; i++)
        assert_int_equal(find("GET", malformed[i]), -EINVAL);
}

static void test_router_long_paths(void **state)
{
    static const char *const patterns[] = {"/a/{path...}", "/b", NULL};
    char path[8000];

    add_all(patterns);
    memset(path, '/', sizeof path);
    path[sizeof path - 1] = '\0';
    assert_none("GET", path);
    path[1] = 'a';
    assert_found("GET", path, "/a/{path...}");
    assert_int_equal(f.match.params[0].value.len, sizeof path - 4);
}

/* What a tree of many parameters could make exponential. */
static void test_router_backtracking(void **state)
{
    char path[100] = "", patterns[14][200];

    for (int i = 0; i < 14; i++) {
        patterns[i][0] = '\0';
        for (int j = 0; j < 14; j++)
            sprintf(patterns[i] + strlen(patterns[i]), j < i ? "/1" : "/{p%d:int}", j);
        strcat(patterns[i], "/end");
        assert_int_equal(add(patterns[i]), 0);
        strcat(path, "/1");
    }
    strcat(path, "/x");
    for (int i = 0; i < 10000; i++)
        assert_none("GET", path);
}

static void test_router_patterns(void **state)
{
    static const char *const patterns[] = {"GET ^/users/(?<id>\\d+)/$",
                                           "^/w/(?P<room>\\w+)(?<opt>/x)?$", "^/users/",
                                           "GET ^/users/\\w+", NULL};

    add_all(patterns);
    assert_found("GET", "/users/7/", "GET ^/users/(?<id>\\d+)/$");
    assert_param(0, "id", "7");
    assert_found("HEAD", "/users/7/", "GET ^/users/(?<id>\\d+)/$");
    assert_found("POST", "/users/7/", "^/users/");
    assert_found("GET", "/users/bob", "^/users/");   /* added earlier */
    assert_found("GET", "/users/7/%0A", "^/users/"); /* '$' is the very end */
    assert_found("GET", "/w/caf%C3%A9", "^/w/(?P<room>\\w+)(?<opt>/x)?$");
    assert_int_equal(f.match.num_params, 2);
    assert_param(0, "opt", NULL);
    assert_param(1, "room", "caf\xc3\xa9");
    assert_none("GET", "/x/users/"); /* matched from the start */
}

/* A pattern that backtracks without end gives up and matches nothing. */
static void test_router_costly_pattern(void **state)
{
    char path[202] = "/";

    assert_int_equal(add("^/(a+)+(?<x>c)?$"), 0);
    memset(path + 1, 'a', 199);
    path[200] = '!';
    assert_none("GET", path);
    assert_non_null(strstr(f.line, "gave up"));
}

/* In a process of its own, as there is no way back.  Returns 0, 77 or the number of what failed. */
static int use_patterns_without_jit(void)
{
    static const char *const first = "^/users/(?<id>\\d+)/$";
    static const char *const second = "^/rooms/(?<id>\\d+)/$";

    if (prctl(PR_SET_MDWE, PR_MDWE_NO_EXEC_GAIN, 0, 0, 0) != 0)
        return 77;
    if (add(first) != 0 || strstr(f.line, "are interpreted") == NULL)
        return 1;
    f.line[0] = '\0';
    if (add(second) != 0 || f.line[0] != '\0')
        return 2;
    assert_found("GET", "/users/7/", first);
    assert_param(0, "id", "7");
    assert_found("GET", "/rooms/8/", second);
    assert_none("GET", "/users/x/");
    return 0;
}

/* Where memory may not be written and run (MemoryDenyWriteExecute=), which is said once. */
static void test_router_patterns_without_jit(void **state)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(use_patterns_without_jit());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int match_deep(size_t depth)
{
    static char path[20002];
    struct yd_regex *regex = NULL;
    int rc;

    f.line[0] = '\0';
    path[0] = '/';
    memset(path + 1, 'a', depth);
    assert_int_equal(yd_regex_new(f.mem, &f.sink, YODEL_STR("(*NO_JIT)/(?:a|b)*$"), &regex), 0);
    rc = yd_regex_match(regex, (yodel_str){path, depth + 1}, NULL);
    yd_regex_free(regex);
    return rc;
}

/* Where no code is made of patterns, the interpreter's depth is bounded, not only its steps. */
static void test_router_deep_pattern(void **state)
{
    assert_int_equal(match_deep(1000), 1);
    assert_string_equal(f.line, "");
    assert_int_equal(match_deep(20000), 0);
    assert_non_null(strstr(f.line, "gave up"));
}

static void test_router_upgrade(void **state)
{
    assert_int_equal(yd_router_add(f.router, "/ws/{room}", true, handler, "u"), 0);
    assert_int_equal(yd_router_add(f.router, "^/re/", true, handler, "r"), 0);
    assert_int_equal(add("/ws/{name}"), 0);
    assert_int_equal(yd_router_add(f.router, "/ws/{x}", true, handler, NULL), YODEL_ERR_CONFLICT);
    assert_int_equal(yd_router_add(f.router, "GET /ws", true, handler, NULL), YODEL_ERR_PATTERN);
    assert_int_equal(
        yd_router_find(f.router, &f.arena, YD_ROUTE_UPGRADE, YODEL_STR("/ws/a"), &f.match), 1);
    assert_string_equal((const char *)f.match.user, "u");
    assert_param(0, "room", "a");
    assert_found("GET", "/ws/a", "/ws/{name}");
    assert_param(0, "name", "a");
    assert_none("GET", "/re/");
}

static void test_router_conflicts(void **state)
{
    static const char *const patterns[] = {"GET /a", "/a", "GET /u/{id}", "^/x", "GET ^/x", NULL};
    static const char *const again[] = {"GET /a", "/a", "GET /u/{name}", "^/x", "GET ^/x"};

    add_all(patterns);
    for (size_t i = 0; i < sizeof again / sizeof *again; i++) {
        assert_int_equal(add(again[i]), YODEL_ERR_CONFLICT);
        assert_non_null(strstr(f.line, again[i]));
    }
}

static void test_router_pattern_errors(void **state)
{
    assert_int_equal(add("GET /a//b"), YODEL_ERR_PATTERN);
    assert_string_equal(f.line, "pattern \"GET /a//b\": empty segment, at 7");
    assert_int_equal(add("^/a(b"), YODEL_ERR_PATTERN);
    assert_non_null(strstr(f.line, "at 5"));
    assert_int_equal(add("^/\\C"), YODEL_ERR_PATTERN);
    assert_int_equal(add("^/\xff"), YODEL_ERR_PATTERN);
}

static void assert_allow(const char *path, const char *expected)
{
    struct yd_buf allow = {0};

    assert_int_equal(yd_router_allow(f.router, &f.arena, yodel_str_of(path), &allow), 0);
    assert_int_equal(allow.len, strlen(expected));
    if (allow.len > 0)
        assert_memory_equal(allow.ptr, expected, allow.len);
    yd_buf_free(f.mem, &allow);
}

static void test_router_allow(void **state)
{
    static const char *const patterns[] = {"GET /a", "POST /a", "DELETE /{x}", "POST /{y}",
                                           "/any",   "PUT ^/r", NULL};

    add_all(patterns);
    assert_int_equal(yd_router_add(f.router, "/ws/x", true, handler, NULL), 0);
    assert_allow("/a", "POST, GET, HEAD, DELETE");
    assert_allow("/b", "POST, DELETE");
    assert_allow("/r/s", "PUT");
    assert_allow("/any", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    assert_allow("/none/such", "");
    assert_allow("/ws/x", "");
}

static void use(void)
{
    static const char *const patterns[] = {"GET /a/{x}/{y:int}", "POST /a/b", "^/r/(?<n>.+)$",
                                           "PUT ^/r/(?<n>.+)$", "/f/{rest...}"};
    static const char *const paths[] = {"/a/%41/7", "/r/%41", "/r/x", "/f/%41/x"};
    struct yd_buf allow = {0};
    int rc;

    for (size_t i = 0; i < YD_LEN(patterns); i++)
        if ((rc = add(patterns[i])) <
            0) { /* it is as if it had not been asked for: not in conflict */
            failmem_assert_whole(&fm, rc, true, add(patterns[i]) == 0);
        }
    for (size_t i = 0; i < YD_LEN(paths); i++) {
        rc = find("GET", paths[i]);
        failmem_assert_whole(&fm, rc, rc == 1, true);
        yd_arena_done(&f.arena);
    }
    rc = yd_router_allow(f.router, &f.arena, YODEL_STR("/r/x"), &allow);
    failmem_assert_whole(&fm, rc, allow.len > 0, allow.len == 0);
    yd_buf_free(f.mem, &allow);
}

static void test_router_without_memory(void **state)
{
    FAILMEM_LOOP(&fm)
    {
        start(&fm.mem);
        if (f.router != NULL)
            use();
        stop();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        /* The first: memory that was once had stays so. */
        FIXTURE_TEST(test_router_patterns_without_jit),
        FIXTURE_TEST(test_router_literals),
        FIXTURE_TEST(test_router_methods),
        FIXTURE_TEST(test_router_precedence),
        FIXTURE_TEST(test_router_params),
        FIXTURE_TEST(test_router_hostile_paths),
        FIXTURE_TEST(test_router_long_paths),
        FIXTURE_TEST(test_router_backtracking),
        FIXTURE_TEST(test_router_patterns),
        FIXTURE_TEST(test_router_costly_pattern),
        FIXTURE_TEST(test_router_upgrade),
        FIXTURE_TEST(test_router_deep_pattern),
        FIXTURE_TEST(test_router_conflicts),
        FIXTURE_TEST(test_router_pattern_errors),
        FIXTURE_TEST(test_router_allow),
        cmocka_unit_test(test_router_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
