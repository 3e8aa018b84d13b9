/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <yodel/base.h>
#include <yodel/version.h>

#include <cmocka.h>

static void test_error_own_results(void **state)
{
#define X(name, value, text)                                                                       \
    assert_string_equal(yodel_strerror(YODEL_ERR_##name), text);                                   \
    assert_string_equal(yodel_error_name(YODEL_ERR_##name), "YODEL_ERR_" #name);                   \
    assert_int_equal(YODEL_ERR_##name, value);
    YODEL_ERROR_MAP(X)
#undef X
}

static void test_error_success(void **state)
{
    assert_string_equal(yodel_strerror(YODEL_OK), "success");
    assert_string_equal(yodel_strerror(INT_MAX), "success");
    assert_string_equal(yodel_error_name(YODEL_OK), "YODEL_OK");
    assert_string_equal(yodel_error_name(17), "YODEL_OK");
}

static void test_error_errno(void **state)
{
    assert_string_equal(yodel_strerror(-ENOMEM), "Cannot allocate memory");
    assert_string_equal(yodel_strerror(-EADDRINUSE), "Address already in use");
#ifdef __GLIBC__
    assert_string_equal(yodel_error_name(-EADDRINUSE), "EADDRINUSE");
    assert_string_equal(yodel_error_name(-ENOMEM), "ENOMEM");
#endif
}

static void test_error_never_null(void **state)
{
    static const int odd[] = {-4095, -4096, -5000, -5999, INT_MIN, INT_MIN + 1};

    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
        assert_string_equal(yodel_strerror(odd[i]), "unknown error");
        assert_string_equal(yodel_error_name(odd[i]), "unknown");
    }
    for (int result = -6000; result < 10; result++) {
        assert_non_null(yodel_strerror(result));
        assert_non_null(yodel_error_name(result));
    }
}

static void test_error_version_of_library_is_that_of_headers(void **state)
{
    assert_string_equal(yodel_version(), YODEL_VERSION);
    assert_int_equal(yodel_version_number(), YODEL_VERSION_NUMBER);
}

/* Both give the same static text, whatever was asked for in between. */
static void test_error_text_is_static(void **state)
{
    const char *first = yodel_strerror(-EPIPE);

    (void)yodel_strerror(-EBADF);
    (void)yodel_strerror(-987);
    assert_ptr_equal(yodel_strerror(-EPIPE), first);
    assert_string_equal(first, "Broken pipe");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_own_results),
        cmocka_unit_test(test_error_success),
        cmocka_unit_test(test_error_errno),
        cmocka_unit_test(test_error_never_null),
        cmocka_unit_test(test_error_version_of_library_is_that_of_headers),
        cmocka_unit_test(test_error_text_is_static),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
