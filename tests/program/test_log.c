/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "failing.h"
#include "log/redact.h"
#include "log/repeat.h"
#include "log/sink.h"

/* ---- repetition ---- */

static bool allows(struct yg_repeat *repeat, const char *text, uint64_t now_ms)
{
    return yg_repeat_allows(repeat, text, 1, text, strlen(text), now_ms);
}

struct told {
    unsigned num;
    uint32_t left_out;
    char text[YG_REPEAT_TEXT];
};

static void on_told(int level, uint32_t left_out, const char *text, void *user)
{
    struct told *told = user;

    assert_int_equal(level, 1);
    told->num++;
    told->left_out += left_out;
    snprintf(told->text, sizeof(told->text), "%s", text);
}

static void test_log_repeats_are_counted(void **state)
{
    struct yg_repeat repeat;
    struct told told = {0};

    yg_repeat_init(&repeat);
    for (int i = 0; i < 1000; i++)
        assert_true(allows(&repeat, "no limit is set", 5));
    yg_repeat_set(&repeat, 2, 1000);
    assert_true(allows(&repeat, "from 10.0.0.1", 10));
    assert_true(allows(&repeat, "from 10.0.0.22", 11));
    assert_false(allows(&repeat, "from 7.7.7.7", 12));
    assert_false(allows(&repeat, "from 7.7.7.8", 500));
    assert_true(allows(&repeat, "another kind", 12));
    yg_repeat_tell(&repeat, 900, on_told, &told);
    assert_int_equal(told.num, 0);
    assert_true(allows(&repeat, "from 9.9.9.9", 1010)); /* another period, and yet to be told */
    yg_repeat_tell(&repeat, 1012, on_told, &told);
    assert_int_equal(told.num, 1);
    assert_int_equal(told.left_out, 2);
    assert_string_equal(told.text, "from 7.7.7.7");
    yg_repeat_tell(&repeat, 5000, on_told, &told);
    assert_int_equal(told.num, 1);
    assert_int_equal(yg_repeat_left_out(&repeat), 2);
    yg_repeat_done(&repeat);
}

static void test_log_texts_of_peers_are_bounded(void **state)
{
    struct yg_repeat repeat;
    struct told told = {0};
    unsigned allowed = 0;
    char text[200];

    yg_repeat_init(&repeat);
    yg_repeat_set(&repeat, 5, 1000);
    for (unsigned i = 0; i < 20000; i++) {
        size_t len = 0;

        for (unsigned rest = i + 1; rest > 0; rest /= 26)
            text[len++] = (char)('a' + rest % 26);
        memset(text + len, 'z', 150);
        text[len + 150] = '\0';
        allowed += allows(&repeat, text, 7) ? 1 : 0;
    }
    assert_int_equal(allowed, YG_REPEAT_ALL);
    yg_repeat_tell(&repeat, 2000, on_told, &told);
    assert_int_equal(told.left_out, 20000 - YG_REPEAT_ALL);
    assert_int_equal(strlen(told.text), YG_REPEAT_TEXT - 1);
    yg_repeat_done(&repeat);
}

/* ---- the sink ---- */

static char folder[64], path[128];

static int make_folder(void **state)
{
    snprintf(folder, sizeof(folder), "/tmp/yodel-log-XXXXXX");
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/log", folder);
    return 0;
}

static int remove_folder(void **state)
{
    char old[160];

    snprintf(old, sizeof(old), "%s.1", path);
    unlink(path);
    unlink(old);
    return rmdir(folder);
}

static size_t content(const char *name, char *into, size_t size)
{
    FILE *file = fopen(name, "r");
    size_t len;

    assert_non_null(file);
    len = fread(into, 1, size - 1, file);
    into[len] = '\0';
    fclose(file);
    return len;
}

static void line(struct yg_sink *sink, const char *text)
{
    yg_sink_write(sink, text, strlen(text));
}

static int last_result;

static void on_reopened(int result, uint64_t number, void *user)
{
    last_result = result;
    line(*(struct yg_sink **)user, "reopened\n");
}

static void test_log_file_is_opened_anew(void **state)
{
    struct yg_sink *sink = NULL;
    char text[1000], old[160];

    snprintf(old, sizeof(old), "%s.1", path);
    last_result = 1;
    assert_int_equal(yg_sink_new(path, on_reopened, &sink, &sink), 0);
    line(sink, "one\n");
    yg_sink_flush(sink);
    assert_int_equal(rename(path, old), 0);
    line(sink, "two\n");
    yg_sink_reopen(sink);
    yg_sink_flush(sink);
    line(sink, "three\n");
    yg_sink_free(sink);
    assert_int_equal(last_result, 0);
    content(old, text, sizeof(text));
    assert_string_equal(text, "one\ntwo\n");
    content(path, text, sizeof(text));
    assert_string_equal(text, "reopened\nthree\n");
}

static void test_log_file_cannot_be_opened_anew(void **state)
{
    struct yg_sink *sink = NULL;
    char text[1000];

    last_result = 1;
    assert_int_equal(yg_sink_new(path, on_reopened, &sink, &sink), 0);
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    yg_sink_reopen(sink);
    yg_sink_flush(sink);
    assert_int_equal(last_result, -EISDIR);
    assert_int_equal(rmdir(path), 0);
    yg_sink_reopen(sink);
    yg_sink_flush(sink);
    assert_int_equal(last_result, 0);
    line(sink, "again\n");
    yg_sink_free(sink);
    content(path, text, sizeof(text));
    assert_string_equal(text, "reopened\nagain\n");
}

static void test_log_that_nobody_reads(void **state)
{
    struct yg_sink *sink = NULL;
    uint64_t read_lines = 0, most = 0;
    char text[65536];
    int fd;

    assert_int_equal(mkfifo(path, 0600), 0);
    fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(yg_sink_new(path, NULL, NULL, &sink), 0);
    for (; most < 100000 && yg_sink_dropped(sink) == 0; most++)
        line(sink, "0123456789012345678901234567890123456789012345678901234567890\n");
    assert_true(yg_sink_dropped(sink) > 0); /* and this thread has not waited */
    for (int i = 0; i < 3000; i++) {
        const ssize_t len = read(fd, text, sizeof(text));

        for (ssize_t at = 0; at < len; at++)
            read_lines += text[at] == '\n' ? 1 : 0;
        if (read_lines + yg_sink_dropped(sink) == most)
            break;
        if (len <= 0)
            poll(NULL, 0, 10);
    }
    assert_int_equal(read_lines + yg_sink_dropped(sink), most);
    line(sink, "after\n");
    yg_sink_flush(sink);
    assert_int_equal(read(fd, text, sizeof(text)), 6);
    for (int i = 0; i < 10000; i++)
        line(sink, "0123456789012345678901234567890123456789012345678901234567890\n");
    yg_sink_free(sink); /* gives up in the end */
    close(fd);
}

static void test_log_full_disk(void **state)
{
    struct yg_sink *sink = NULL;

    assert_int_equal(yg_sink_new("/dev/full", NULL, NULL, &sink), 0);
    line(sink, "a\nb\n");
    yg_sink_flush(sink);
    assert_int_equal(yg_sink_dropped(sink), 2);
    yg_sink_free(sink);
    yg_sink_free(NULL);
    assert_int_equal(yg_sink_new("/nowhere/log", NULL, NULL, &sink), -ENOENT);
}

static void set_file_limit(rlim_t bytes)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* What is said to standard error while lines are written to a file that may have 10 bytes. */
static void write_too_much(struct yg_sink *sink, char *into, size_t size)
{
    const int own = dup(STDERR_FILENO);
    int ends[2];
    ssize_t len;

    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    set_file_limit(10);
    for (int i = 0; i < 3; i++) {
        line(sink, "whole\nnot this\n");
        yg_sink_flush(sink);
    }
    set_file_limit(RLIM_INFINITY);
    dup2(own, STDERR_FILENO);
    close(ends[1]);
    len = read(ends[0], into, size - 1);
    into[len > 0 ? len : 0] = '\0';
    close(ends[0]);
    close(own);
}

static void test_log_disk_that_was_full(void **state)
{
    struct yg_sink *sink = NULL;
    char text[200];

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(yg_sink_new(path, NULL, NULL, &sink), 0);
    write_too_much(sink, text, sizeof(text));
    assert_non_null(strstr(text, "File too large; lines are lost\n"));
    assert_ptr_equal(strstr(text, "lost"), strrchr(text, 'l')); /* once */
    assert_int_equal(yg_sink_dropped(sink), 5);
    line(sink, "after\n");
    yg_sink_free(sink);
    content(path, text, sizeof(text));
    assert_string_equal(text, "whole\nnot \nafter\n");
}

static void test_log_out_of_memory(void **state)
{
    struct yg_sink *sink = NULL;

    for (unsigned n = 1;; n++) {
        bool again;
        int rc;

        failing_start(n);
        rc = yg_sink_new(path, NULL, NULL, &sink);
        again = failing_stop();
        if (!again) {
            assert_int_equal(rc, 0);
            break;
        }
        assert_int_equal(rc, -ENOMEM);
    }
    yg_sink_free(sink);
}

/* ---- what is not written ---- */

static void expect_redacted(struct yg_redact *redact, const char *text, const char *expected)
{
    struct yg_text shown = {0};

    yg_redact_put(redact, &shown, yodel_str_of(text));
    assert_string_equal(yg_text_string(&shown), expected);
    yg_text_done(&shown);
}

static void test_log_redacts(void **state)
{
    static const char *const names[] = {"authorization", "token", ":t"};
    struct yg_redact redact;

    yg_redact_init(&redact);
    expect_redacted(&redact, "token=abc", "token=abc");
    assert_int_equal(yg_redact_set(&redact, names, 3), 0);
    expect_redacted(&redact, "", "");
    expect_redacted(&redact, "/ws?a=1&token=abc&b=2", "/ws?a=1&token=***&b=2");
    expect_redacted(&redact, "/ws?T=abc", "/ws?T=***");
    expect_redacted(&redact, "/ws?to%6Ben=abc;x", "/ws?to%6Ben=***;x");
    expect_redacted(&redact, "t=a t=b", "t=*** t=***");
    expect_redacted(&redact, "Authorization:  Bearer a, b\"x", "Authorization:  ***\"x");
    expect_redacted(&redact, "mytoken=a token_2=b start=c", "mytoken=a token_2=b start=c");
    expect_redacted(&redact, "t: it is no header; token", "t: it is no header; token");
    expect_redacted(&redact, "token=&t=", "token=&t=");
    assert_int_equal(yg_redact_set(&redact, NULL, 0), 0);
    expect_redacted(&redact, "token=abc", "token=abc");
    failing_start(1);
    assert_int_equal(yg_redact_set(&redact, names, 3), -ENOMEM);
    failing_stop();
    yg_redact_done(&redact);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_repeats_are_counted),
        cmocka_unit_test(test_log_texts_of_peers_are_bounded),
        cmocka_unit_test(test_log_redacts),
        cmocka_unit_test_setup_teardown(test_log_file_is_opened_anew, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_log_file_cannot_be_opened_anew, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(test_log_that_nobody_reads, make_folder, remove_folder),
        cmocka_unit_test(test_log_full_disk),
        cmocka_unit_test_setup_teardown(test_log_disk_that_was_full, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_log_out_of_memory, make_folder, remove_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
