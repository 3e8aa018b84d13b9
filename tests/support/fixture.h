/* SPDX-License-Identifier: MIT */
#ifndef YD_TESTS_FIXTURE_H
#define YD_TESTS_FIXTURE_H

/* Entries of a table of tests, for files whose tests share a fixture: static variables that the
 * file's setup() starts and its teardown() ends, also after an assertion that failed. */

/* Between setup() and teardown(). */
#define FIXTURE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* For a test that starts the fixture itself, in a way of its own. */
#define TEARDOWN_TEST(test) cmocka_unit_test_teardown(test, teardown)

#endif
