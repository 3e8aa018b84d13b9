/* SPDX-License-Identifier: MIT */
#include "serve/metrics_text.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

const struct yg_bounds yg_bounds_of_requests = {11,
                                                {{5000, "0.005"},
                                                 {10000, "0.01"},
                                                 {25000, "0.025"},
                                                 {50000, "0.05"},
                                                 {100000, "0.1"},
                                                 {250000, "0.25"},
                                                 {500000, "0.5"},
                                                 {1000000, "1.0"},
                                                 {2500000, "2.5"},
                                                 {5000000, "5.0"},
                                                 {10000000, "10.0"}}};

void yg_metric_head(struct yg_text *text, const char *name, const char *type, const char *help)
{
    yg_text_printf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_name(struct yg_text *text, const char *name, const char *labels)
{
    if (labels != NULL)
        yg_text_printf(text, "%s{%s} ", name, labels);
    else
        yg_text_printf(text, "%s ", name);
}

void yg_metric_sample(struct yg_text *text, const char *name, const char *labels, uint64_t value)
{
    put_name(text, name, labels);
    yg_text_printf(text, "%" PRIu64 "\n", value);
}

void yg_metric_sample_float(struct yg_text *text, const char *name, const char *labels,
                            double value)
{
    put_name(text, name, labels);
    yg_text_printf(text, "%.6f\n", value);
}

void yg_metric_label(struct yg_text *text, const char *name, const char *value)
{
    yg_text_printf(text, "%s=\"", name);
    for (; *value != '\0'; value++) {
        if (*value == '\n')
            yg_text_puts(text, "\\n");
        else if (*value == '"' || *value == '\\')
            yg_text_printf(text, "\\%c", *value);
        else
            yg_text_putc(text, *value);
    }
    yg_text_putc(text, '"');
}

void yg_metric(struct yg_text *text, const char *name, const char *type, const char *help,
               uint64_t value)
{
    yg_metric_head(text, name, type, help);
    yg_metric_sample(text, name, NULL, value);
}

/* ---- histograms ---- */

void yg_histogram_add(struct yg_histogram *histogram, const struct yg_bounds *bounds, uint64_t us)
{
    size_t at = 0;

    while (at < bounds->num && us > bounds->at[at].us)
        at++;
    atomic_fetch_add_explicit(&histogram->buckets[at], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum_us, us, memory_order_relaxed);
}

void yg_histogram_put(struct yg_text *text, const char *name, const char *labels,
                      const struct yg_bounds *bounds, struct yg_histogram *histogram)
{
    const char *before = labels != NULL ? labels : "", *comma = labels != NULL ? "," : "";
    const char *open = labels != NULL ? "{" : "", *end = labels != NULL ? "}" : "";
    uint64_t num = 0;

    for (size_t i = 0; i <= bounds->num; i++) {
        num += atomic_load_explicit(&histogram->buckets[i], memory_order_relaxed);
        yg_text_printf(text, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", name, before, comma,
                       i < bounds->num ? bounds->at[i].text : "+Inf", num);
    }
    yg_text_printf(text, "%s_sum%s%s%s %.6f\n%s_count%s%s%s %" PRIu64 "\n", name, open, before, end,
                   (double)atomic_load_explicit(&histogram->sum_us, memory_order_relaxed) / 1e6,
                   name, open, before, end, num);
}

/* ---- OpenMetrics ---- */

#define OPENMETRICS "application/openmetrics-text"

/* Whether the parameters of a range say q=0, which refuses it; other weights are not compared. */
static bool is_refused(char *parameters)
{
    for (char *one; (one = strsep(&parameters, ";")) != NULL;) {
        one += strspn(one, " \t");
        if (strncasecmp(one, "q=", 2) == 0)
            return one[2 + strspn(one + 2, "0. \t")] == '\0';
    }
    return false;
}

bool yg_metrics_wants_openmetrics(yodel_str accept)
{
    const size_t len = sizeof(OPENMETRICS) - 1;
    char copy[1000];
    char *rest = copy;

    if (accept.ptr == NULL || accept.len >= sizeof(copy))
        return false;
    memcpy(copy, accept.ptr, accept.len);
    copy[accept.len] = '\0';
    for (char *range; (range = strsep(&rest, ",")) != NULL;) {
        range += strspn(range, " \t");
        if (strncasecmp(range, OPENMETRICS, len) == 0 && strchr("; \t", range[len]) != NULL)
            return !is_refused(range + len);
    }
    return false;
}

/* Whether a line is the head of a counter, and where its name ends with _total. */
static const char *total_of_head(const char *line, size_t len)
{
    const char *name = line + strlen("# HELP "), *end;

    if (len < strlen("# HELP ") ||
        (strncmp(line, "# HELP ", 7) != 0 && strncmp(line, "# TYPE ", 7) != 0))
        return NULL;
    end = memchr(name, ' ', len - 7);
    return end != NULL && end - name > 6 && memcmp(end - 6, "_total", 6) == 0 ? end - 6 : NULL;
}

void yg_metrics_to_openmetrics(const struct yg_text *from, struct yg_text *to)
{
    const char *at = yg_text_string(from), *line_end;

    for (; *at != '\0'; at = line_end) {
        const char *total;

        line_end = at + strcspn(at, "\n");
        line_end += *line_end == '\n' ? 1 : 0;
        total = total_of_head(at, (size_t)(line_end - at));
        if (total != NULL) {
            yg_text_add(to, at, (size_t)(total - at));
            at = total + 6;
        }
        yg_text_add(to, at, (size_t)(line_end - at));
    }
    yg_text_puts(to, "# EOF\n");
}
