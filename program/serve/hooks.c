/* SPDX-License-Identifier: MIT */
#include "serve/hooks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "serve/hook_counts.h"
#include "serve/hook_flush.h"
#include "serve/hook_lost.h"
#include "serve/hook_store.h"
#include "serve/state.h"

#define LOOK_MS 1000

/* Connections of a webhook on a loop.  Others come when their options change; those before stay
 * until their last answer. */
struct line {
    struct line *next;
    struct yg_http_client *client;
    uint32_t in_flight;
    size_t answer_bytes;
    char *ca;
};

/* A webhook on a loop; there until the end, also when the configuration has it no more. */
struct served {
    struct served *next;
    struct of_loop *of;
    const struct yg_config *config; /* a reference: its options are of it */
    struct yg_hook *hook;
    struct yg_hook_series *series;
    struct line *line;
    yodel_timer timer;
    atomic_bool is_poked;
    char *name;
    char prefix[25];
    unsigned number; /* on its loop */
    bool is_configured;
};

struct of_loop {
    struct yg_hooks *hooks;
    yodel_loop *loop;
    const struct yg_config *config; /* that it was looked up in; a reference */
    struct served *first;
    yodel_timer timer;
    uint32_t chance;
};

struct yg_hooks {
    struct yg_state *state;
    struct yg_hook_counts_of_all *counts;
    struct yg_hook_flush *flush;
    uint64_t run; /* a number of this run of the program's */
    unsigned num_loops;
    struct of_loop loops[];
};

/* ---- lines ---- */

static void free_line(struct line *line)
{
    yg_http_client_free(line->client);
    free(line->ca);
    free(line);
}

static int new_line(const struct of_loop *of, const struct yg_webhook *options,
                    struct line **ret_line)
{
    const uint32_t share = options->in_flight / of->hooks->num_loops;
    struct yg_http_client_options client = {.in_flight = share > 0 ? share : 1,
                                            .max_body = options->answer_bytes};
    struct line *line = calloc(1, sizeof(*line));
    int rc = -ENOMEM;

    if (line == NULL)
        return -ENOMEM;
    line->in_flight = options->in_flight;
    line->answer_bytes = options->answer_bytes;
    line->ca = strdup(options->ca);
    client.ca = line->ca;
    if (line->ca != NULL)
        rc = yg_http_client_new(of->loop, &client, &line->client);
    if (rc < 0) {
        free_line(line);
        return rc;
    }
    *ret_line = line;
    return 0;
}

static bool is_line_for(const struct line *line, const struct yg_webhook *options)
{
    return line != NULL && line->in_flight == options->in_flight &&
           line->answer_bytes == options->answer_bytes && strcmp(line->ca, options->ca) == 0;
}

static void free_idle_lines(struct served *served)
{
    struct line **at = &served->line->next;

    while (*at != NULL) {
        struct line *line = *at;

        if (yg_http_client_num_active(line->client) > 0) {
            at = &line->next;
            continue;
        }
        *at = line->next;
        free_line(line);
    }
}

/* ---- the port ---- */

static uint64_t now_ms(void *user)
{
    const struct served *served = user;

    return yodel_loop_now(served->of->loop);
}

static int64_t wall_ms(void *user)
{
    (void)user;
    return yg_clock_wall_ms();
}

/* Spreads attempts; nobody gains by guessing it. */
static uint32_t chance(void *user)
{
    struct served *served = user;
    uint32_t *at = &served->of->chance;

    *at = *at * 1664525u + 1013904223u;
    return *at;
}

static void wake(void *user, uint32_t ms)
{
    struct served *served = user;

    (void)yodel_timer_start(&served->timer, ms);
}

static void on_poke(yodel_loop *loop, void *arg)
{
    struct served *served = arg;

    (void)loop;
    atomic_store(&served->is_poked, false);
    (void)yodel_timer_start(&served->timer, 0);
}

static void poke(void *user)
{
    struct served *served = user;

    if (!atomic_exchange(&served->is_poked, true) &&
        yodel_loop_post(served->of->loop, on_poke, served, NULL) < 0)
        atomic_store(&served->is_poked, false);
}

static int post(void *user, const struct yg_http_request *request, yg_http_reply_fn *reply,
                void *reply_user, struct yg_http_call **ret_call)
{
    struct served *served = user;

    return yg_http_client_send(served->line->client, request, reply, reply_user, ret_call);
}

static void cancel(void *user, struct yg_http_call *call)
{
    (void)user;
    yg_http_call_cancel(call);
}

static void tell(void *user, bool is_error, const char *event, const char *text)
{
    struct served *served = user;

    yg_log_event(served->of->hooks->state, is_error ? YG_LOG_ERROR : YG_LOG_INFO, event, "%s",
                 text);
}

static void on_stored(yodel_loop *loop, void *arg)
{
    struct served *served = arg;

    (void)loop;
    yg_hook_turn(served->hook);
}

static int store(void *user, const struct yg_hook_stored *notices, size_t num, bool again,
                 struct yg_hook_storing **ret_storing)
{
    struct served *served = user;
    const struct yg_store to = {.state = served->of->hooks->state,
                                .hook = served->name,
                                .loop = served->of->loop,
                                .wake = on_stored,
                                .arg = served,
                                .counts = yg_hook_series_counts(served->series),
                                .most = yg_hook_options(served->hook)->queue.events};

    return yg_store_begin(&to, notices, num, again, ret_storing);
}

static int look(void *user, const struct yg_hook_storing *storing)
{
    (void)user;
    return yg_store_look(storing);
}

static void unstore(void *user, struct yg_hook_storing *storing)
{
    (void)user;
    yg_store_end(storing);
}

static const struct yg_hook_port port = {.now_ms = now_ms,
                                         .wall_ms = wall_ms,
                                         .chance = chance,
                                         .wake = wake,
                                         .poke = poke,
                                         .post = post,
                                         .cancel = cancel,
                                         .store = store,
                                         .look = look,
                                         .unstore = unstore,
                                         .tell = tell};

/* ---- a webhook on a loop ---- */

static void on_time(yodel_timer *timer, void *user)
{
    struct served *served = user;

    (void)timer;
    yg_hook_turn(served->hook);
}

static void free_served(struct served *served)
{
    while (served->line != NULL) {
        struct line *line = served->line;

        served->line = line->next;
        free_line(line);
    }
    yg_hook_free(served->hook);
    yg_config_unref(served->config);
    free(served->name);
    free(served);
}

static int set_up(struct served *served, const struct yg_webhook *options)
{
    struct of_loop *of = served->of;
    struct yg_hooks *hooks = of->hooks;
    struct yg_hook_setup setup = {.options = options,
                                  .node = hooks->state->node,
                                  .prefix = served->prefix,
                                  .port = &port,
                                  .port_user = served,
                                  .num_loops = hooks->num_loops,
                                  .version = yg_state_loop_version(hooks->state, of->loop)};

    served->name = strdup(options->name);
    served->series = yg_hook_series(hooks->counts, options->name);
    if (served->name == NULL || served->series == NULL || new_line(of, options, &served->line) < 0)
        return -ENOMEM;
    served->number = of->first != NULL ? of->first->number + 1 : 0;
    snprintf(served->prefix, sizeof(served->prefix), "%012" PRIx64 "-%x-%x-",
             hooks->run & 0xffffffffffffu, yodel_loop_index(of->loop), served->number);
    setup.counts = yg_hook_series_counts(served->series);
    setup.turns = yg_hook_series_turns(served->series);
    served->hook = yg_hook_new(&setup);
    return served->hook != NULL ? 0 : -ENOMEM;
}

static struct served *add(struct of_loop *of, const struct yg_webhook *options)
{
    struct served *served = calloc(1, sizeof(*served));

    if (served == NULL)
        return NULL;
    served->of = of;
    if (set_up(served, options) < 0) {
        free_served(served);
        return NULL;
    }
    yodel_timer_init(&served->timer, of->loop, on_time, served);
    served->next = of->first;
    of->first = served;
    return served;
}

static struct served *find(const struct of_loop *of, const char *name)
{
    struct served *served = of->first;

    while (served != NULL && strcmp(served->name, name) != 0)
        served = served->next;
    return served;
}

/* ---- the configuration ---- */

/* Other connections, if they are to be others; without memory those before serve on. */
static void change_line(struct served *served, const struct yg_webhook *options)
{
    struct line *line;

    if (is_line_for(served->line, options) || new_line(served->of, options, &line) < 0)
        return;
    line->next = served->line;
    served->line = line;
}

/* Returns whether there was memory for it. */
static bool take_one(struct of_loop *of, const struct yg_config *config,
                     const struct yg_webhook *options)
{
    struct served *served = find(of, options->name);
    const struct yg_config *before;

    if (served == NULL)
        served = add(of, options);
    if (served == NULL)
        return false;
    before = served->config;
    served->config = yg_config_ref(config);
    served->is_configured = true;
    change_line(served, options);
    if (before != NULL)
        yg_hook_change(served->hook, options, yg_state_loop_version(of->hooks->state, of->loop));
    yg_config_unref(before);
    return true;
}

/* What another configuration has; a webhook that is not in it any more sends what it has. */
static void take(struct of_loop *of)
{
    const struct yg_config *config = yg_state_loop_config(of->hooks->state, of->loop);
    bool is_whole = true;

    if (config == of->config)
        return;
    for (struct served *served = of->first; served != NULL; served = served->next)
        served->is_configured = false;
    for (size_t i = 0; i < config->webhooks.num; i++)
        is_whole = take_one(of, config, &config->webhooks.items[i]) && is_whole;
    if (!is_whole)
        return; /* again, at the next look */
    yg_config_unref(of->config);
    of->config = yg_config_ref(config);
}

struct yg_hook *yg_hooks_find(struct yg_state *state, yodel_loop *loop, const char *name)
{
    struct of_loop *of = &state->hooks->loops[yodel_loop_index(loop)];
    struct served *served;

    if (*name == '\0')
        return NULL;
    take(of);
    served = find(of, name);
    return served != NULL && served->is_configured ? served->hook : NULL;
}

void yg_hooks_change(struct yg_state *state, yodel_loop *loop)
{
    struct of_loop *of = &state->hooks->loops[yodel_loop_index(loop)];

    if (of->loop != NULL)
        take(of);
}

/* ---- loops ---- */

static void on_look(yodel_timer *timer, void *user)
{
    struct of_loop *of = user;

    (void)timer;
    take(of);
    for (struct served *served = of->first; served != NULL; served = served->next) {
        free_idle_lines(served);
        yg_hook_series_oldest(served->series, yodel_loop_index(of->loop),
                              yg_hook_oldest_ms(served->hook));
    }
}

static int on_start(yodel_loop *loop, void *user)
{
    struct yg_hooks *hooks = user;
    struct of_loop *of = &hooks->loops[yodel_loop_index(loop)];

    of->loop = loop;
    of->chance = (uint32_t)hooks->run + yodel_loop_index(loop);
    take(of);
    for (struct served *served = of->first; yodel_loop_index(loop) == 0 && served != NULL;
         served = served->next)
        yg_lost_start(hooks->state, served->hook);
    yodel_timer_init(&of->timer, loop, on_look, of);
    return yodel_timer_start_periodic(&of->timer, LOOK_MS);
}

static bool on_left(const struct yg_hook_left *left, void *user)
{
    const struct served *served = user;

    return yg_hook_flush_add(served->of->hooks->flush, left);
}

static void on_end(yodel_loop *loop, void *user)
{
    struct yg_hooks *hooks = user;
    struct of_loop *of = &hooks->loops[yodel_loop_index(loop)];

    (void)yodel_timer_stop(&of->timer);
    for (struct served *served = of->first; served != NULL; served = served->next) {
        yg_hook_end(served->hook, on_left, served);
        (void)yodel_timer_stop(&served->timer);
        while (served->line != NULL) {
            struct line *line = served->line;

            served->line = line->next;
            free_line(line);
        }
    }
}

int yg_hooks_start(struct yg_state *state)
{
    const yodel_loop_handlers handlers = {
        .size = sizeof(handlers), .on_start = on_start, .on_end = on_end};
    const unsigned num = yodel_server_num_loops(state->server);
    struct yg_hooks *hooks = calloc(1, sizeof(*hooks) + num * sizeof(hooks->loops[0]));

    if (hooks == NULL)
        return -ENOMEM;
    state->hooks = hooks;
    hooks->state = state;
    hooks->num_loops = num;
    for (unsigned i = 0; i < num; i++)
        hooks->loops[i].hooks = hooks;
    if (getrandom(&hooks->run, sizeof(hooks->run), 0) != (ssize_t)sizeof(hooks->run))
        return -EIO;
    hooks->counts = yg_hook_counts_new(num);
    hooks->flush = yg_hook_flush_new(state);
    if (hooks->counts == NULL || hooks->flush == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < state->first->webhooks.num; i++) {
        if (yg_hook_series(hooks->counts, state->first->webhooks.items[i].name) == NULL)
            return -ENOMEM;
    }
    return yodel_server_add_loop_handlers(state->server, &handlers, hooks);
}

void yg_hooks_flush(struct yg_hooks *hooks)
{
    if (hooks != NULL)
        yg_hook_flush_run(hooks->flush, hooks->state->first->shutdown.webhook_flush_ms);
}

void yg_hooks_free(struct yg_hooks *hooks)
{
    if (hooks == NULL)
        return;
    yg_hook_flush_free(hooks->flush);
    for (unsigned i = 0; i < hooks->num_loops; i++) {
        struct of_loop *of = &hooks->loops[i];

        while (of->first != NULL) {
            struct served *served = of->first;

            of->first = served->next;
            free_served(served);
        }
        yg_config_unref(of->config);
    }
    yg_hook_counts_free(hooks->counts);
    free(hooks);
}

void yg_hooks_put(struct yg_state *state, struct yg_text *text)
{
    yg_hook_counts_put(state->hooks->counts, text);
}
