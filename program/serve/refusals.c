/* SPDX-License-Identifier: MIT */
#include "serve/state.h"

/* Who is refused at a limit, or for where its page is from: a line a second of each reason, with
 * the address, for those who ban addresses by the log. */

static const char *word_of(enum yg_refused_for reason)
{
    static const char *const words[YG_NUM_REFUSED_FOR] = {
        "connections", "connect_rate", "per_address", "handshake", "messages", "proxy", "origin"};

    return words[reason];
}

void yg_refused(struct yg_state *state, enum yg_refused_for reason, yodel_str peer)
{
    const bool by_limit = reason != YG_REFUSED_ORIGIN;
    const struct yg_log_about about = {.event = by_limit ? "limit.refused" : "origin.refused",
                                       .address = peer,
                                       .error = word_of(reason)};

    atomic_fetch_add_explicit(&state->refused[reason], 1, memory_order_relaxed);
    if (yg_log_once_a_second(&state->refused_said[reason]))
        yg_log_about(state, by_limit ? YG_LOG_WARN : YG_LOG_INFO, &about,
                     "refused %" YODEL_PRI ": %s", YODEL_ARG(peer), about.error);
}

void yg_on_refused(const yodel_refusal *refusal, void *user)
{
    switch (refusal->reason) {
    case YODEL_REFUSED_CONNECTIONS:
        yg_refused(user, YG_REFUSED_CONNECTIONS, refusal->peer);
        break;
    case YODEL_REFUSED_CONNECTS:
    case YODEL_REFUSED_ADDRESS_CONNECTS:
        yg_refused(user, YG_REFUSED_CONNECT_RATE, refusal->peer);
        break;
    case YODEL_REFUSED_ADDRESS_CONNECTIONS:
        yg_refused(user, YG_REFUSED_PER_ADDRESS, refusal->peer);
        break;
    case YODEL_REFUSED_ADDRESS_HANDSHAKES:
        yg_refused(user, YG_REFUSED_HANDSHAKE, refusal->peer);
        break;
    case YODEL_REFUSED_MESSAGES:
        yg_refused(user, YG_REFUSED_MESSAGES, refusal->peer);
        break;
    case YODEL_REFUSED_PROXY:
        yg_refused(user, YG_REFUSED_PROXY, refusal->peer);
        break;
    }
}

void yg_refusals_put(struct yg_state *state, struct yg_text *text)
{
    static const char name[] = "yodel_connections_refused_total";

    yg_metric_head(text, name, "counter", "Connections that were refused.");
    for (int i = 0; i < YG_NUM_REFUSED_FOR; i++) {
        struct yg_text label = {0};

        if (i == YG_REFUSED_MESSAGES) /* they were ended: yodel_clients_ended_total */
            continue;
        yg_metric_label(&label, "reason", word_of(i));
        yg_metric_sample(text, name, yg_text_string(&label),
                         atomic_load_explicit(&state->refused[i], memory_order_relaxed));
        text->failed = text->failed || yg_text_failed(&label);
        yg_text_done(&label);
    }
}
