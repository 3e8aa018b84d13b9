/* SPDX-License-Identifier: MIT */
#include "config/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void add(struct yg_report *report, const struct yg_place *place, enum yg_severity severity,
                const char *format, va_list args)
{
    unsigned *count = severity == YG_ERROR ? &report->num_errors : &report->num_warnings;
    struct yg_finding *finding;
    char text[1024];

    if (++*count > YG_MAX_FINDINGS)
        return;
    vsnprintf(text, sizeof(text), format, args);
    finding = yg_arena_take(report->arena, sizeof(*finding));
    if (finding != NULL) {
        finding->place = *place;
        finding->place.source = yg_arena_dup(report->arena, place->source);
        finding->text = yg_arena_dup(report->arena, text);
    }
    if (finding == NULL || finding->place.source == NULL || finding->text == NULL) {
        report->failed = true;
        return;
    }
    finding->severity = severity;
    if (report->last != NULL)
        report->last->next = finding;
    else
        report->first = finding;
    report->last = finding;
}

void yg_report_error(struct yg_report *report, const struct yg_place *place, const char *format,
                     ...)
{
    va_list args;

    va_start(args, format);
    add(report, place, YG_ERROR, format, args);
    va_end(args);
}

void yg_report_warning(struct yg_report *report, const struct yg_place *place, const char *format,
                       ...)
{
    va_list args;

    va_start(args, format);
    add(report, place, YG_WARNING, format, args);
    va_end(args);
}

void yg_report_lax(struct yg_report *report, const struct yg_place *place, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    add(report, place, report->lax ? YG_WARNING : YG_ERROR, format, args);
    va_end(args);
}

void yg_place_put(struct yg_text *text, const struct yg_place *place)
{
    yg_text_puts(text, place->source);
    if (place->line > 0)
        yg_text_printf(text, ":%u:%u", place->line, place->column);
}

void yg_report_put(struct yg_text *text, const struct yg_report *report)
{
    const unsigned all = report->num_errors + report->num_warnings;
    unsigned told = 0;

    for (const struct yg_finding *at = report->first; at != NULL; at = at->next, told++) {
        yg_place_put(text, &at->place);
        yg_text_printf(text, ": %s: %s\n", at->severity == YG_ERROR ? "error" : "warning",
                       at->text);
    }
    if (told < all)
        yg_text_printf(text, "and %u more\n", all - told);
}

void yg_report_put_json(struct yg_text *text, const struct yg_report *report)
{
    yg_text_putc(text, '[');
    for (const struct yg_finding *at = report->first; at != NULL; at = at->next) {
        yg_text_puts(text, at == report->first ? "{\"source\":" : ",{\"source\":");
        yg_text_put_json(text, at->place.source, strlen(at->place.source));
        if (at->place.line > 0)
            yg_text_printf(text, ",\"line\":%u,\"column\":%u", at->place.line, at->place.column);
        yg_text_printf(
            text, ",\"severity\":\"%s\",\"text\":", at->severity == YG_ERROR ? "error" : "warning");
        yg_text_put_json(text, at->text, strlen(at->text));
        yg_text_putc(text, '}');
    }
    yg_text_putc(text, ']');
}
