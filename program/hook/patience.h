/* SPDX-License-Identifier: MIT */
#ifndef YG_HOOK_PATIENCE_H
#define YG_HOOK_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "config/config.h"

/* When a hook is asked again, and when it is left alone: rules without a clock of their own. */

/*
 * How long to wait ahead of an attempt: full jitter, any time from 0 to a bound that doubles.
 *
 * attempt    the number of those that have failed, 1 at least
 * chance     a random number
 * least_ms   what the back end asked for by Retry-After; 0: nothing.  It is bounded by an hour
 *
 * Returns milliseconds.
 */
uint32_t yg_retry_wait(const struct yg_retry_config *config, unsigned attempt, uint32_t chance,
                       uint32_t least_ms);

/*
 * A circuit: it opens when requests fail one after the other, so a back end that is down is not
 * asked by everybody who comes.  Then one request at a time finds out whether it is up again.
 * All zero is a closed one.  Of one thread at a time.
 */
struct yg_circuit {
    uint32_t failures;
    uint32_t open_ms;  /* how long it was opened for; 0: it is closed */
    uint64_t until_ms; /* when a probe may go */
    bool is_probing;
};

enum yg_passage { YG_PASSAGE_NONE, YG_PASSAGE_FREE, YG_PASSAGE_PROBE };

/* Whether a request may go now.  A probe must be followed by yg_circuit_tell() or
 * yg_circuit_forget(): no other goes meanwhile. */
enum yg_passage yg_circuit_ask(struct yg_circuit *circuit, uint64_t now_ms);

/* What became of a request; passage is what it was told.  Requests that went before the circuit
 * opened neither open it for longer nor end a probe. */
void yg_circuit_tell(struct yg_circuit *circuit, const struct yg_circuit_config *config,
                     enum yg_passage passage, bool is_well, uint64_t now_ms);

/* A request was given up before anything was known of it. */
void yg_circuit_forget(struct yg_circuit *circuit, enum yg_passage passage);

bool yg_circuit_is_open(const struct yg_circuit *circuit);

#endif
