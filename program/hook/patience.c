/* SPDX-License-Identifier: MIT */
#include "hook/patience.h"

#define MAX_ASKED_MS 3600000u

uint32_t yg_retry_wait(const struct yg_retry_config *config, unsigned attempt, uint32_t chance,
                       uint32_t least_ms)
{
    uint64_t bound = config->min_ms;
    uint64_t wait;

    while (attempt-- > 1 && bound < config->max_ms)
        bound *= 2;
    if (bound > config->max_ms)
        bound = config->max_ms;
    wait = (uint64_t)chance * (bound + 1) >> 32;
    if (least_ms > MAX_ASKED_MS)
        least_ms = MAX_ASKED_MS;
    /* Spread behind what was asked for, too: all of them were asked for the same. */
    return least_ms > 0 ? least_ms + (uint32_t)wait : (uint32_t)wait;
}

bool yg_circuit_is_open(const struct yg_circuit *circuit)
{
    return circuit->open_ms > 0;
}

enum yg_passage yg_circuit_ask(struct yg_circuit *circuit, uint64_t now_ms)
{
    if (!yg_circuit_is_open(circuit))
        return YG_PASSAGE_FREE;
    if (circuit->is_probing || now_ms < circuit->until_ms)
        return YG_PASSAGE_NONE;
    circuit->is_probing = true;
    return YG_PASSAGE_PROBE;
}

static void open_for(struct yg_circuit *circuit, uint32_t ms, uint64_t now_ms)
{
    circuit->open_ms = ms > 0 ? ms : 1;
    circuit->until_ms = now_ms + circuit->open_ms;
}

static uint32_t doubled(uint32_t ms, uint32_t max_ms)
{
    return ms > max_ms / 2 ? max_ms : 2 * ms;
}

static void tell_failure(struct yg_circuit *circuit, const struct yg_circuit_config *config,
                         enum yg_passage passage, uint64_t now_ms)
{
    if (passage == YG_PASSAGE_PROBE) {
        circuit->is_probing = false;
        open_for(circuit, doubled(circuit->open_ms, config->max_ms), now_ms);
    } else if (!yg_circuit_is_open(circuit) && ++circuit->failures >= config->failures) {
        open_for(circuit, config->open_ms, now_ms);
    }
}

void yg_circuit_tell(struct yg_circuit *circuit, const struct yg_circuit_config *config,
                     enum yg_passage passage, bool is_well, uint64_t now_ms)
{
    if (!is_well)
        tell_failure(circuit, config, passage, now_ms);
    else if (passage == YG_PASSAGE_PROBE || !yg_circuit_is_open(circuit))
        *circuit = (struct yg_circuit){0};
}

void yg_circuit_forget(struct yg_circuit *circuit, enum yg_passage passage)
{
    if (passage == YG_PASSAGE_PROBE)
        circuit->is_probing = false;
}
