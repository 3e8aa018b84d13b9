/* SPDX-License-Identifier: MIT */
#ifndef LOAD_MODES_H
#define LOAD_MODES_H

#include "client.h"
#include "report.h"

/* Each runs one mode from opening to the last count.  Returns 0 or -1; report is filled on 0. */
int mode_echo(const struct load_options *options, struct report *report);
int mode_broadcast(const struct load_options *options, struct report *report);
int mode_hold(const struct load_options *options, struct report *report);
int mode_idle(const struct load_options *options, struct report *report);
int mode_connect(const struct load_options *options, struct report *report);
int mode_events(const struct load_options *options, struct report *report);
int mode_polling(const struct load_options *options, struct report *report);

/*
 * Polls through the warm-up and the measured interval, then fills report with what happened in the
 * interval.  Returns -1 when nothing moved for options->timeout_s, or all connections are lost.
 */
int measure(struct run *run, struct report *report);

#endif
