/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/connect.h"
#include "cli/crowd.h"
#include "cli/output.h"
#include "cli/plain.h"
#include "cli/token_io.h"

/* ---- errors ---- */

static uint64_t above(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

uint64_t yg_crowd_missing(const struct yg_crowd *crowd)
{
    const struct yg_crowd_counts *counts = &crowd->counts;
    const unsigned awaits = crowd->options->awaits;
    uint64_t missing = 0;

    if ((awaits & YG_CROWD_ECHO) != 0)
        missing += above(counts->sent, counts->echoed + counts->abandoned_echoes);
    if ((awaits & YG_CROWD_ACK) != 0)
        missing += above(counts->sent, counts->acked + counts->abandoned_acks);
    /* Who was there when a message arrived is not known while clients come and go. */
    if ((awaits & YG_CROWD_BROADCAST) != 0 && crowd->options->reconnect == 0)
        missing += above(counts->expected, counts->broadcast);
    return missing;
}

uint64_t yg_crowd_errors(const struct yg_crowd *crowd)
{
    const struct yg_crowd_counts *counts = &crowd->counts;

    return counts->failed + counts->lost + counts->refused_joins + counts->refused_messages +
           counts->unsent + counts->wrong_acks + yg_crowd_missing(crowd);
}

static bool has_too_many_errors(const struct yg_crowd *crowd)
{
    const struct yg_crowd_counts *counts = &crowd->counts;
    const double all = (double)(counts->connected + counts->failed + counts->sent + counts->unsent);
    const double max = crowd->options->max_errors;

    return max >= 0 &&
           (double)yg_crowd_errors(crowd) > (crowd->options->max_is_part ? max * all : max);
}

static bool is_too_slow(const struct yg_crowd *crowd, const struct yg_quantiles *quantiles)
{
    return crowd->options->max_p99_us > 0 &&
           yg_quantiles_at(quantiles, 0.99) > crowd->options->max_p99_us;
}

/* ---- the two forms ---- */

static const double parts[] = {0.5, 0.9, 0.99, 0.999};

static void put_row(struct yg_text *text, const char *name, const struct yg_quantiles *quantiles)
{
    if (quantiles->num == 0)
        return;
    yg_text_printf(text, "%-10s", name);
    for (int i = 0; i < 4; i++)
        yg_text_printf(text, " %9.3f", (double)yg_quantiles_at(quantiles, parts[i]) / 1000.0);
    yg_text_printf(text, " %9.3f %9" PRIu64 "\n", (double)quantiles->max_us / 1000.0,
                   quantiles->num);
}

static double steady_seconds(const struct yg_crowd *crowd)
{
    return (double)(crowd->steady_end_us - crowd->steady_us) / 1e6;
}

static void put_text(struct yg_text *text, const struct yg_crowd *crowd)
{
    const struct yg_crowd_counts *counts = &crowd->counts;
    const double seconds = steady_seconds(crowd);

    yg_text_printf(text,
                   "clients    %u: %" PRIu64 " connections, %" PRIu64 " failed, %" PRIu64
                   " lost, %" PRIu64 " came back\n",
                   crowd->options->clients, counts->connected, counts->failed, counts->lost,
                   counts->came_back);
    if (crowd->options->dial.offers_deflate)
        yg_text_printf(text, "deflate    %" PRIu64 " connections\n", counts->deflated);
    yg_text_printf(text,
                   "messages   %" PRIu64 " sent in %.1f s, %.0f/s of %.0f/s; %" PRIu64
                   " could not be sent\n",
                   counts->sent, seconds, seconds > 0 ? (double)counts->sent / seconds : 0.0,
                   crowd->options->rate, counts->unsent);
    yg_text_printf(text, "\n%-10s %9s %9s %9s %9s %9s %9s\n", "ms", "p50", "p90", "p99", "p99.9",
                   "max", "number");
    put_row(text, "connect", &crowd->connect);
    put_row(text, "echo", &crowd->echo);
    put_row(text, "ack", &crowd->ack);
    put_row(text, "broadcast", &crowd->spread);
    put_row(text, "own delay", &crowd->late);
    yg_text_printf(text,
                   "\nerrors     %" PRIu64 ": %" PRIu64 " answers missing, %" PRIu64
                   " refused to join, %" PRIu64 " messages refused, %" PRIu64 " acks of nothing\n",
                   yg_crowd_errors(crowd), yg_crowd_missing(crowd), counts->refused_joins,
                   counts->refused_messages, counts->wrong_acks);
    if (crowd->has_failure) {
        struct yg_text words = {0};

        yg_end_put(&words, &crowd->failure);
        yg_text_puts(text, "the first  ");
        yg_plain_put(text, yg_text_string(&words), words.len);
        yg_text_putc(text, '\n');
        yg_text_done(&words);
    }
}

static void put_object(struct yg_text *text, const char *name, const struct yg_quantiles *quantiles)
{
    static const char *const names[] = {"p50", "p90", "p99", "p99_9"};

    yg_text_printf(text, "\"%s\":{\"count\":%" PRIu64, name, quantiles->num);
    for (int i = 0; i < 4 && quantiles->num > 0; i++)
        yg_text_printf(text, ",\"%s\":%.3f", names[i],
                       (double)yg_quantiles_at(quantiles, parts[i]) / 1000.0);
    if (quantiles->num > 0)
        yg_text_printf(text, ",\"max\":%.3f,\"mean\":%.3f", (double)quantiles->max_us / 1000.0,
                       (double)quantiles->sum_us / 1000.0 / (double)quantiles->num);
    yg_text_puts(text, "},");
}

static void put_json(struct yg_text *text, const struct yg_crowd *crowd)
{
    const struct yg_crowd_counts *counts = &crowd->counts;
    struct yg_text words = {0};

    yg_text_printf(text,
                   "{\"clients\":%u,\"connected\":%" PRIu64 ",\"failed\":%" PRIu64
                   ",\"lost\":%" PRIu64 ",\"came_back\":%" PRIu64,
                   crowd->options->clients, counts->connected, counts->failed, counts->lost,
                   counts->came_back);
    if (crowd->options->dial.offers_deflate)
        yg_text_printf(text, ",\"deflated\":%" PRIu64, counts->deflated);
    yg_text_printf(
        text,
        ",\"seconds\":%.3f,\"sent\":%" PRIu64 ",\"unsent\":%" PRIu64 ",\"echoed\":%" PRIu64
        ",\"acked\":%" PRIu64 ",\"broadcast\":%" PRIu64 ",\"expected\":%" PRIu64
        ",\"missing\":%" PRIu64 ",\"refused_joins\":%" PRIu64 ",\"refused_messages\":%" PRIu64
        ",\"wrong_acks\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"ms\":{",
        steady_seconds(crowd), counts->sent, counts->unsent, counts->echoed, counts->acked,
        counts->broadcast, counts->expected, yg_crowd_missing(crowd), counts->refused_joins,
        counts->refused_messages, counts->wrong_acks, yg_crowd_errors(crowd));
    put_object(text, "connect", &crowd->connect);
    put_object(text, "echo", &crowd->echo);
    put_object(text, "ack", &crowd->ack);
    put_object(text, "broadcast", &crowd->spread);
    put_object(text, "own_delay", &crowd->late);
    text->ptr[--text->len] = '\0';
    yg_text_puts(text, "},\"first_failure\":");
    if (crowd->has_failure) {
        yg_end_put(&words, &crowd->failure);
        yg_text_put_json(text, words.ptr, words.len);
        yg_text_done(&words);
    } else {
        yg_text_puts(text, "null");
    }
    yg_text_puts(text, "}\n");
}

/* ---- the whole ---- */

static int judge(const struct yg_crowd *crowd)
{
    int status = YG_EXIT_OK;

    if (crowd->counts.connected == 0 && crowd->has_failure)
        return yg_end_status(&crowd->failure);
    if (has_too_many_errors(crowd))
        status = yg_token_say(YG_EXIT_FAILED, YG_CROWD_COMMAND, "%" PRIu64 " errors are too many",
                              yg_crowd_errors(crowd));
    if (crowd->options->max_p99_us > 0 && crowd->echo.num + crowd->ack.num + crowd->spread.num == 0)
        return yg_token_say(YG_EXIT_FAILED, YG_CROWD_COMMAND,
                            "nothing has come back, so there is no p99 for --max-p99");
    if (is_too_slow(crowd, &crowd->echo) || is_too_slow(crowd, &crowd->ack) ||
        is_too_slow(crowd, &crowd->spread))
        status = yg_token_say(YG_EXIT_FAILED, YG_CROWD_COMMAND, "p99 is above --max-p99");
    return status;
}

int yg_crowd_report(const struct yg_crowd *crowd)
{
    struct yg_text text = {0};

    if (crowd->options->as_json)
        put_json(&text, crowd);
    else
        put_text(&text, crowd);
    return yg_cli_print(&text) == YG_EXIT_OK ? judge(crowd) : YG_EXIT_FAILED;
}
