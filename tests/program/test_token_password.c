/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "token/password.h"
#include "token_failing.h"

static bool is_password(const char *password, const char *hash)
{
    return yg_password_matches(password, strlen(password), hash);
}

static void test_token_password_round(void **state)
{
    char hash[YG_PASSWORD_HASH_SIZE], again[YG_PASSWORD_HASH_SIZE];

    (void)state;
    assert_int_equal(yg_password_hash("secret", 6, 4, NULL, hash), 0);
    assert_int_equal(yg_password_hash("secret", 6, 4, NULL, again), 0);
    assert_memory_equal(hash, "$2b$04$", 7);
    assert_string_not_equal(hash, again);
    assert_int_equal(yg_password_check_form(hash, NULL), 0);
    assert_true(is_password("secret", hash) && is_password("secret", again));
    assert_false(is_password("Secret", hash) || is_password("secre", hash));
}

/* Of the test vectors of bcrypt; each prefix says the same for 7-bit text. */
static void test_token_password_known(void **state)
{
    char hash[] = "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe";

    (void)state;
    for (const char *kind = "aby"; *kind != '\0'; kind++) {
        hash[2] = *kind;
        assert_int_equal(yg_password_check_form(hash, NULL), 0);
        assert_true(is_password("a", hash));
        assert_false(is_password("", hash));
    }
}

static void test_token_password_length(void **state)
{
    char text[YG_PASSWORD_MAX + 1], hash[YG_PASSWORD_HASH_SIZE];
    struct yg_token_problem problem;

    (void)state;
    memset(text, 'p', sizeof text);
    assert_int_equal(yg_password_hash(text, YG_PASSWORD_MAX, 4, &problem, hash), 0);
    assert_true(yg_password_matches(text, YG_PASSWORD_MAX, hash));
    assert_false(yg_password_matches(text, YG_PASSWORD_MAX - 1, hash));
    assert_false(yg_password_matches(text, YG_PASSWORD_MAX + 1, hash));
    assert_int_equal(yg_password_hash(text, sizeof text, 4, &problem, hash), -EINVAL);
    assert_non_null(strstr(problem.text, "72"));
    assert_int_equal(yg_password_hash("a\0b", 3, 4, &problem, hash), -EINVAL);
    assert_int_equal(yg_password_hash("", 0, 4, &problem, hash), -EINVAL);
    assert_int_equal(yg_password_hash("a", 1, 3, &problem, hash), -EINVAL);
    assert_int_equal(yg_password_hash("a", 1, 17, &problem, hash), -EINVAL);
}

static void test_token_password_form(void **state)
{
    static const char rest[] = "m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe";
    static const char *const heads[] = {"",         "$2$06$",  "$2x$06$", "$2b$6$$", "$2b$06",
                                        "$2b$006$", "$2b$03$", "$2b$17$", "$2b$31$", "$6$salt$"};
    char hash[100];
    struct yg_token_problem problem;

    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        strcat(strcpy(hash, heads[i]), rest);
        problem.text[0] = '\0';
        assert_int_equal(yg_password_check_form(hash, &problem), -EINVAL);
        assert_true(problem.text[0] != '\0');
        assert_false(is_password("a", hash));
    }
    strcat(strcpy(hash, "$2b$06$"), rest);
    hash[59] = '!';
    assert_int_equal(yg_password_check_form(hash, NULL), -EINVAL);
    hash[59] = '\0';
    assert_int_equal(yg_password_check_form(hash, NULL), -EINVAL);
}

static void test_token_password_failing(void **state)
{
    (void)state;
    FAILING_LOOP(n)
    {
        char hash[YG_PASSWORD_HASH_SIZE] = "untouched";
        int rc = yg_password_hash("secret", 6, 4, NULL, hash);

        failing_stop();
        assert_int_equal(rc, failing_has_failed() ? -ENOMEM : 0);
        assert_true((strcmp(hash, "untouched") == 0) == (rc < 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_password_round),   cmocka_unit_test(test_token_password_known),
        cmocka_unit_test(test_token_password_length),  cmocka_unit_test(test_token_password_form),
        cmocka_unit_test(test_token_password_failing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
