/* SPDX-License-Identifier: MIT */
#ifndef YG_LOG_REDACT_H
#define YG_LOG_REDACT_H

#include <pthread.h>

#include "base/text.h"

/*
 * Keeps what stands behind some names out of texts for people: of headers, "Cookie: ...", all to
 * the end of the line or a quote; of parameters, "token=...", all to what separates them.  Case
 * does not count, and names may be percent-encoded.
 */

struct yg_redact {
    pthread_mutex_t lock;
    char *names; /* each with a NUL, and an empty one behind them; NULL: none */
};

void yg_redact_init(struct yg_redact *redact);
void yg_redact_done(struct yg_redact *redact);

/* In place of those there were.  A name with ':' ahead of it is of a parameter alone.  Returns 0,
 * or -ENOMEM: those stay.  Any thread, as the other. */
int yg_redact_set(struct yg_redact *redact, const char *const *names, size_t num);

/* Appends a text without what it must not have. */
void yg_redact_put(struct yg_redact *redact, struct yg_text *to, yodel_str text);

#endif
