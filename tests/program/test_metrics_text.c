/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "serve/metrics_text.h"

static const struct yg_bounds bounds = {2, {{1000, "0.001"}, {5000, "0.005"}}};

static void test_metrics_text_families(void **state)
{
    struct yg_text text = {0}, label = {0};

    yg_metric(&text, "a_total", "counter", "As.", UINT64_MAX);
    yg_metric_head(&text, "b", "gauge", "Bs.");
    yg_metric_label(&label, "of", "a \"b\" \\ \n");
    yg_metric_sample_float(&text, "b", yg_text_string(&label), 1.5);
    assert_string_equal(yg_text_string(&text), "# HELP a_total As.\n# TYPE a_total counter\n"
                                               "a_total 18446744073709551615\n"
                                               "# HELP b Bs.\n# TYPE b gauge\n"
                                               "b{of=\"a \\\"b\\\" \\\\ \\n\"} 1.500000\n");
    yg_text_done(&label);
    yg_text_done(&text);
}

static void test_metrics_text_histograms(void **state)
{
    struct yg_histogram histogram = {0};
    struct yg_text text = {0};

    yg_histogram_add(&histogram, &bounds, 1000);
    yg_histogram_add(&histogram, &bounds, 1001);
    yg_histogram_add(&histogram, &bounds, 9000000);
    yg_histogram_put(&text, "h", NULL, &bounds, &histogram);
    assert_string_equal(yg_text_string(&text),
                        "h_bucket{le=\"0.001\"} 1\nh_bucket{le=\"0.005\"} 2\n"
                        "h_bucket{le=\"+Inf\"} 3\n"
                        "h_sum 9.002001\nh_count 3\n");
    yg_text_reset(&text);
    yg_histogram_put(&text, "h", "a=\"b\"", &bounds, &histogram);
    assert_non_null(strstr(text.ptr, "h_bucket{a=\"b\",le=\"+Inf\"} 3\nh_sum{a=\"b\"} 9.002001\n"
                                     "h_count{a=\"b\"} 3\n"));
    yg_text_done(&text);
}

static void test_metrics_text_openmetrics(void **state)
{
    struct yg_text text = {0}, open = {0};

    yg_metric(&text, "a_total", "counter", "As_total.", 1);
    yg_metric(&text, "b", "gauge", "Bs.", 2);
    yg_metrics_to_openmetrics(&text, &open);
    assert_string_equal(yg_text_string(&open), "# HELP a As_total.\n# TYPE a counter\na_total 1\n"
                                               "# HELP b Bs.\n# TYPE b gauge\nb 2\n# EOF\n");
    yg_text_done(&open);
    yg_text_done(&text);
}

static void test_metrics_text_who_wants_openmetrics(void **state)
{
    static const struct {
        const char *accept;
        bool wants;
    } rows[] = {
        {"", false},
        {"*/*", false},
        {"text/plain;version=0.0.4", false},
        {"application/openmetrics-text", true},
        {"text/plain;q=0.5, Application/OpenMetrics-Text;version=1.0.0;q=0.75,*/*;q=0.1", true},
        {"application/openmetrics-text;q=0", false},
        {"application/openmetrics-text;version=1.0.0;q=0.000, */*", false},
        {"application/openmetrics-text;q=0.001", true},
        {"application/openmetrics-textual", false},
        {",,;q=0,application/openmetrics-text ,", true},
    };

    assert_false(yg_metrics_wants_openmetrics((yodel_str){NULL, 0}));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(yg_metrics_wants_openmetrics(yodel_str_of(rows[i].accept)), rows[i].wants);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metrics_text_families),
        cmocka_unit_test(test_metrics_text_histograms),
        cmocka_unit_test(test_metrics_text_openmetrics),
        cmocka_unit_test(test_metrics_text_who_wants_openmetrics),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
