/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "config/load.h"
#include "failing.h"

/* wrong_files.txt: configurations that are refused, each behind a line "=== LINE:COLUMN TEXT" that
 * is the first error it causes. */

#define MARK "=== "
#define MIN_FILES 200

static struct yg_text files;

static int setup(void **state)
{
    return yg_file_read(WRONG_FILES, 1 << 20, &files);
}

static int teardown(void **state)
{
    yg_text_done(&files);
    return 0;
}

/* A file of the table, and what is expected of it. */
struct wrong_file {
    const char *expected;
    size_t expected_len;
    const char *text;
    size_t len;
};

/* The next one from *at on; false at the end. */
static bool next_file(const char **at, struct wrong_file *ret_file)
{
    const char *all_end = files.ptr + files.len, *end;

    if (*at == all_end)
        return false;
    assert_memory_equal(*at, MARK, strlen(MARK));
    ret_file->expected = *at + strlen(MARK);
    end = memchr(*at, '\n', (size_t)(all_end - *at));
    assert_non_null(end);
    ret_file->expected_len = (size_t)(end - ret_file->expected);
    ret_file->text = end + 1;
    end = memmem(end, (size_t)(all_end - end), "\n" MARK, strlen(MARK) + 1);
    *at = end != NULL ? end + 1 : all_end;
    ret_file->len = (size_t)(*at - ret_file->text);
    return true;
}

static int read_wrong(const struct wrong_file *file, struct yg_report *report)
{
    const struct yg_config *config = NULL;
    int rc = yg_config_read(file->text, file->len, "f", false, report, &config);

    assert_null(config);
    return rc;
}

static void test_wrong_files_say_where(void **state)
{
    const char *at = files.ptr;
    struct wrong_file file;
    unsigned num = 0;

    for (; next_file(&at, &file); num++) {
        struct yg_arena arena = {0};
        struct yg_report report = {.arena = &arena};
        const struct yg_finding *found;
        char told[1200];

        assert_int_equal(read_wrong(&file, &report), -EINVAL);
        for (found = report.first; found->severity != YG_ERROR; found = found->next)
            continue;
        snprintf(told, sizeof(told), "%u:%u %s", found->place.line, found->place.column,
                 found->text);
        if (strlen(told) != file.expected_len || memcmp(told, file.expected, strlen(told)) != 0)
            fail_msg("expected %.*s, told %s", (int)file.expected_len, file.expected, told);
        yg_arena_clear(&arena);
    }
    assert_in_range(num, MIN_FILES, 10000);
}

/* Each with one of its allocations failing: refused or out of memory, never taken. */
static void test_wrong_files_out_of_memory(void **state)
{
    const char *at = files.ptr;
    struct wrong_file file;

    while (next_file(&at, &file)) {
        for (size_t n = 1; n < 1000; n += 7) {
            struct yg_arena arena = {0};
            struct yg_report report = {.arena = &arena};
            bool has_failed;
            int rc;

            failing_start(n);
            rc = read_wrong(&file, &report);
            has_failed = failing_stop();
            assert_true(rc == -EINVAL || (has_failed && rc == -ENOMEM));
            yg_arena_clear(&arena);
            if (!has_failed)
                break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_files_say_where),
        cmocka_unit_test(test_wrong_files_out_of_memory),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
