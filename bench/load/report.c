/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <stdio.h>

static double per_operation_us(const struct report *r, double cpu_s)
{
    return r->operations == 0 ? 0 : cpu_s * 1e6 / (double)r->operations;
}

static double bytes_each(const struct report *r)
{
    return r->operations == 0 ? 0 : (double)r->bytes / (double)r->operations;
}

static double per_second(const struct report *r)
{
    return r->seconds > 0 ? (double)r->operations / r->seconds : 0;
}

static void print_json(const struct report *r, const struct load_options *o)
{
    printf("{\"mode\":\"%s\",\"connections\":%u,\"in_flight\":%u,\"size\":%zu,", o->name,
           o->connections, o->in_flight, o->size);
    printf("\"operations\":%llu,\"errors\":%llu,\"seconds\":%.6f,\"per_second\":%.1f,",
           (unsigned long long)r->operations, (unsigned long long)r->errors, r->seconds,
           per_second(r));
    printf("\"server_cpu_us\":%.4f,\"server_user_us\":%.4f,\"server_busy\":%.4f,"
           "\"client_cpu_us\":%.4f,",
           per_operation_us(r, r->server_cpu_s), per_operation_us(r, r->server_user_s),
           r->seconds > 0 ? r->server_cpu_s / r->seconds : 0, per_operation_us(r, r->client_cpu_s));
    printf("\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f,", r->p50_us,
           r->p99_us, r->p999_us, r->max_us);
    printf("\"received_bytes\":%.1f,", bytes_each(r));
    printf("\"private_dirty_bytes\":%.1f,\"resident_bytes\":%.1f}\n", r->private_dirty_each,
           r->resident_each);
}

static void print_text(const struct report *r, const struct load_options *o)
{
    fprintf(stderr, "%s, %u connections, %u in flight, %zu bytes: ", o->name, o->connections,
            o->in_flight, o->size);
    if (o->mode == LOAD_IDLE)
        fprintf(stderr, "%.0f bytes of private memory each (%.0f resident), ",
                r->private_dirty_each, r->resident_each);
    else
        fprintf(stderr, "%.0f a second, p50 %.1f us, p99 %.1f us, max %.1f us, ", per_second(r),
                r->p50_us, r->p99_us, r->max_us);
    if (o->pid != 0)
        fprintf(stderr, "server CPU %.3f us each, ", per_operation_us(r, r->server_cpu_s));
    fprintf(stderr, "%llu errors\n", (unsigned long long)r->errors);
}

void report_print(const struct report *report, const struct load_options *options)
{
    print_json(report, options);
    print_text(report, options);
}
