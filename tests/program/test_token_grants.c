/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "token/grants.h"
#include "token_failing.h"

/* ---- patterns ---- */

static bool matches(const char *text, const char *user, const char *name)
{
    struct yg_pattern pattern;
    bool is_match;

    assert_int_equal(yg_pattern_make(text, user, NULL, &pattern), 0);
    is_match = yg_pattern_matches(&pattern, name, strlen(name));
    yg_pattern_free(&pattern);
    return is_match;
}

static void test_token_pattern_matches(void **state)
{
    static const struct {
        const char *text, *user, *name;
        bool is_match;
    } cases[] = {
        {"a", NULL, "a", true},
        {"a", NULL, "b", false},
        {"a", NULL, "aa", false},
        {"a", NULL, "A", false},
        {"a", NULL, "", false},
        {"*", NULL, "a", true},
        {"*", NULL, "", false},
        {"*", NULL, "a:b/c", true},
        {"chat:*", NULL, "chat:", true},
        {"chat:*", NULL, "chat:1:2", true},
        {"chat:*", NULL, "chat", false},
        {"chat:*", NULL, "xchat:1", false},
        {"*:end", NULL, ":end", true},
        {"*:end", NULL, "a:end:end", true},
        {"*:end", NULL, "a:end:", false},
        {"a*b*c", NULL, "abc", true},
        {"a*b*c", NULL, "aXbYc", true},
        {"a*b*c", NULL, "acb", false},
        {"a*b*c", NULL, "abbc", true},
        {"a*a", NULL, "a", false},
        {"a*a", NULL, "aa", true},
        {"*ab*ab*", NULL, "ab", false},
        {"*ab*ab*", NULL, "aab.abb", true},
        {"**", NULL, "x", true},
        {"u:{user}", "ann", "u:ann", true},
        {"u:{user}", "ann", "u:bob", false},
        {"u:{user}", "ann", "u:{user}", false},
        {"u:{user}", NULL, "u:", false},
        {"u:{user}", NULL, "u:{user}", false},
        {"u:{user}", "", "u:", false},
        {"*{user}", NULL, "x", false},
        /* The user's name is a name, whatever is in it. */
        {"u:{user}", "*", "u:ann", false},
        {"u:{user}", "*", "u:*", true},
        {"u:{user}:x", "a*", "u:ab:x", false},
        {"u:{user}:x", "a:b", "u:a:b:x", true},
        {"u:{user}", "{user}", "u:{user}", true},
        {"{user}{user}", "ab", "abab", true},
        {"{user}*{user}", "aa", "aaa", false},
        {"{user}*{user}", "aa", "aaaa", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (matches(cases[i].text, cases[i].user, cases[i].name) != cases[i].is_match)
            fail_msg("%s for %s, %s", cases[i].text, cases[i].user, cases[i].name);
}

/* The simplest matcher that there is. */
static bool simple(const char *pattern, const char *name)
{
    if (*pattern == '\0')
        return *name == '\0';
    if (*pattern == '*')
        return simple(pattern + 1, name) || (*name != '\0' && simple(pattern, name + 1));
    return *pattern == *name && simple(pattern + 1, name + 1);
}

/* All patterns of a, b and * with five characters, all names of a and b with up to six. */
static void test_token_pattern_is_the_simple_one(void **state)
{
    (void)state;
    for (unsigned p = 0; p < 243; p++) {
        char pattern[6] = "", name[7] = "";

        for (unsigned i = 0, rest = p; i < 5; i++, rest /= 3)
            pattern[i] = "ab*"[rest % 3];
        for (unsigned len = 1; len <= 6; len++)
            for (unsigned n = 0; n < 1u << len; n++) {
                for (unsigned i = 0; i < len; i++)
                    name[i] = "ab"[n >> i & 1];
                name[len] = '\0';
                if (matches(pattern, NULL, name) != simple(pattern, name))
                    fail_msg("%s and %s", pattern, name);
            }
    }
}

static void test_token_pattern_bounds(void **state)
{
    static const char *const bad[] = {"",       "{",     "}",        "a{b}",
                                      "{User}", "{user", "{{user}}", "*a*a*a*a*a*a*a*a*"};
    char text[YG_NAME_MAX + 2];
    struct yg_token_problem problem;
    struct yg_pattern pattern;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        problem.text[0] = '\0';
        assert_int_equal(yg_pattern_make(bad[i], "u", &problem, &pattern), -EINVAL);
        assert_true(problem.text[0] != '\0');
    }
    memset(text, 'a', sizeof text);
    text[YG_NAME_MAX + 1] = '\0';
    assert_int_equal(yg_pattern_make(text, NULL, NULL, &pattern), -EINVAL);
    assert_false(matches("*", NULL, text));
    text[YG_NAME_MAX] = '\0';
    assert_true(matches(text, NULL, text));
    assert_true(matches("*", NULL, text));
    /* A long user makes a pattern that no name can match. */
    assert_false(matches("{user}{user}", text, text));
}

/* ---- grants ---- */

#define SID "Qg1RnqGzZBPzAAAB_-9x" /* 20 characters */

static const char full[] =
    "{\"namespaces\":[\"/\",\"/chat-*\",\"/of/{user}\"],\"join\":[\"lobby\",\"news\"],"
    "\"can\":{\"join\":[\"chat:*\",\"u:{user}\",\"*\"],\"emit\":[\"typing\",\"move.*\"]},"
    "\"info\":{\"name\":\"Ann\"},\"meta\":[1],\"expires_at\":1700000100.5}";

static struct yg_grants grants_of(const char *text, const char *user)
{
    json_t *claim = text != NULL ? json_loads(text, 0, NULL) : NULL;
    struct yg_refusal refusal;
    struct yg_grants grants;
    int rc = yg_grants_parse(claim, user, &refusal, &grants);

    if (rc < 0)
        fail_msg("%d, %s", rc, refusal.text);
    json_decref(claim);
    return grants;
}

static bool may_join(const struct yg_grants *grants, const char *room)
{
    return yg_grants_join(grants, room, strlen(room), false);
}

static bool may_enter(const struct yg_grants *grants, const char *name)
{
    return yg_grants_namespace(grants, name, strlen(name));
}

static void test_token_grants_full(void **state)
{
    struct yg_grants grants = grants_of(full, "ann");

    (void)state;
    assert_true(may_enter(&grants, "/") && may_enter(&grants, "/chat-1"));
    assert_true(may_enter(&grants, "/of/ann") && !may_enter(&grants, "/of/bob"));
    assert_int_equal(grants.num_rooms, 2);
    assert_string_equal(grants.rooms[1], "news");
    assert_true(may_join(&grants, "chat:1") && may_join(&grants, "u:ann"));
    assert_true(yg_grants_emit(&grants, "typing", 6) && yg_grants_emit(&grants, "move.1", 6));
    assert_false(yg_grants_emit(&grants, "typin", 5));
    assert_string_equal(json_string_value(json_object_get(grants.info, "name")), "Ann");
    assert_int_equal(json_array_size(grants.meta), 1);
    assert_true(grants.has_expires);
    assert_true(grants.expires_ms == INT64_C(1700000100500));
    yg_grants_free(&grants);
}

static void test_token_grants_nothing(void **state)
{
    static const char *const texts[] = {NULL, "{}", "{\"can\":{}}",
                                        "{\"can\":{\"join\":[],\"emit\":[]},\"info\":null}"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct yg_grants grants = grants_of(texts[i], "ann");

        assert_true(may_enter(&grants, "/any"));
        assert_false(may_join(&grants, "a") || yg_grants_emit(&grants, "a", 1));
        assert_int_equal(grants.num_rooms, 0);
        assert_false(grants.has_expires);
        yg_grants_free(&grants);
    }
}

static void test_token_grants_no_namespace(void **state)
{
    struct yg_grants grants = grants_of("{\"namespaces\":[],\"expires_at\":0}", "ann");

    (void)state;
    assert_false(may_enter(&grants, "/"));
    assert_true(grants.has_expires && grants.expires_ms == 0);
    yg_grants_free(&grants);
}

/* Nobody joins a stranger's own room by a pattern, and a socket's that is there by none. */
static void test_token_grants_socket_ids(void **state)
{
    struct yg_grants wide = grants_of("{\"can\":{\"join\":[\"*\",\"{user}\",\"Qg*\"]}}", SID);
    struct yg_grants exact = grants_of("{\"can\":{\"join\":[\"" SID "\"]}}", "ann");

    (void)state;
    assert_true(yg_is_socket_id(SID, 20));
    assert_false(yg_is_socket_id(SID, 19) || yg_is_socket_id("Qg1RnqGzZBPzAAAB_:9x", 20));
    assert_false(yg_is_socket_id("Qg1RnqGzZBPzAAAB_\0"
                                 "9x",
                                 20));
    assert_false(may_join(&wide, SID));
    assert_true(may_join(&wide, SID "x") && may_join(&wide, "Qg1"));
    assert_true(may_join(&exact, SID));
    assert_false(yg_grants_join(&exact, SID, 20, true));
    assert_false(yg_grants_join(&wide, "short", 5, true));
    yg_grants_free(&wide);
    yg_grants_free(&exact);
}

static char *many(const char *before, size_t num, const char *after)
{
    char *text = malloc(strlen(before) + num * 4 + strlen(after) + 1);
    size_t len = strlen(before);

    assert_non_null(text);
    strcpy(text, before);
    for (size_t i = 0; i < num; i++)
        len += (size_t)sprintf(text + len, "%s\"a\"", i > 0 ? "," : "");
    strcpy(text + len, after);
    return text;
}

static int result_of(char *text)
{
    json_t *claim = json_loads(text, 0, NULL);
    struct yg_grants grants;
    int rc;

    assert_non_null(claim);
    rc = yg_grants_parse(claim, "ann", NULL, &grants);
    if (rc == 0)
        yg_grants_free(&grants);
    json_decref(claim);
    free(text);
    return rc;
}

static void test_token_grants_bounds(void **state)
{
    (void)state;
    assert_int_equal(result_of(many("{\"join\":[", YG_GRANTS_MAX_ROOMS, "]}")), 0);
    assert_int_equal(result_of(many("{\"join\":[", YG_GRANTS_MAX_ROOMS + 1, "]}")), -EACCES);
    assert_int_equal(result_of(many("{\"can\":{\"join\":[", YG_GRANTS_MAX_PATTERNS, "]}}")), 0);
    assert_int_equal(result_of(many("{\"can\":{\"join\":[", YG_GRANTS_MAX_PATTERNS + 1, "]}}")),
                     -EACCES);
    assert_int_equal(result_of(many("{\"can\":{\"emit\":[", YG_GRANTS_MAX_PATTERNS + 1, "]}}")),
                     -EACCES);
    assert_int_equal(result_of(many("{\"namespaces\":[\"/\",", YG_GRANTS_MAX_NAMESPACES, "]}")),
                     -EACCES);
}

static void test_token_grants_failing(void **state)
{
    json_t *claim = json_loads(full, 0, NULL);

    (void)state;
    FAILING_LOOP(n)
    {
        struct yg_grants grants = {.num_rooms = 77};
        int rc = yg_grants_parse(claim, "ann", NULL, &grants);

        failing_stop();
        assert_int_equal(rc, failing_has_failed() ? -ENOMEM : 0);
        if (rc == 0)
            yg_grants_free(&grants);
        else
            assert_int_equal(grants.num_rooms, 77);
    }
    assert_int_equal(claim->refcount, 1);
    json_decref(claim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_pattern_matches),
        cmocka_unit_test(test_token_pattern_is_the_simple_one),
        cmocka_unit_test(test_token_pattern_bounds),
        cmocka_unit_test(test_token_grants_full),
        cmocka_unit_test(test_token_grants_nothing),
        cmocka_unit_test(test_token_grants_no_namespace),
        cmocka_unit_test(test_token_grants_socket_ids),
        cmocka_unit_test(test_token_grants_bounds),
        cmocka_unit_test(test_token_grants_failing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
