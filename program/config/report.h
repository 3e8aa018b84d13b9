/* SPDX-License-Identifier: MIT */
#ifndef YG_CONFIG_REPORT_H
#define YG_CONFIG_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/text.h"

/* What was found wrong in a configuration. */

/* Where something stands. */
struct yg_place {
    const char *source; /* a file, "environment YODEL_...", "--set ...", YG_PLACE_DEFAULT */
    unsigned line;      /* from 1; 0: the source has no lines */
    unsigned column;    /* from 1, in characters */
};

#define YG_PLACE_DEFAULT "default" /* nobody has set it */

enum yg_severity { YG_WARNING, YG_ERROR };

struct yg_finding {
    struct yg_finding *next;
    struct yg_place place;
    enum yg_severity severity;
    const char *text;
};

#define YG_MAX_FINDINGS 100 /* what is found beyond is counted only */

struct yg_report {
    struct yg_arena *arena; /* of the texts */
    bool lax;               /* unknown and repeated keys are warnings */
    bool failed;            /* out of memory */
    unsigned num_errors;
    unsigned num_warnings;
    struct yg_finding *first;
    struct yg_finding *last;
};

/* Notes an error, or a warning, at a place. */
void yg_report_error(struct yg_report *report, const struct yg_place *place, const char *format,
                     ...) __attribute__((format(printf, 3, 4)));
void yg_report_warning(struct yg_report *report, const struct yg_place *place, const char *format,
                       ...) __attribute__((format(printf, 3, 4)));

/* An error; a warning when the report is lax. */
void yg_report_lax(struct yg_report *report, const struct yg_place *place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "file:line:column" or the source alone. */
void yg_place_put(struct yg_text *text, const struct yg_place *place);

/* A line for each finding: "file:line:column: error: text". */
void yg_report_put(struct yg_text *text, const struct yg_report *report);

/* The findings as a JSON list of {source, line, column, severity, text}. */
void yg_report_put_json(struct yg_text *text, const struct yg_report *report);

#endif
