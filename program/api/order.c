/* SPDX-License-Identifier: MIT */
#include "api/order.h"

#include <string.h>

#include "base/clock.h"

/* ---- what is open on a loop ---- */

void yg_open_link(struct yg_api *api, yodel_loop *loop, struct yg_open *open)
{
    struct yg_open **first = &api->open[yodel_loop_index(loop)];

    open->next = *first;
    open->link = first;
    if (open->next != NULL)
        open->next->link = &open->next;
    *first = open;
}

void yg_open_unlink(struct yg_open *open)
{
    *open->link = open->next;
    if (open->next != NULL)
        open->next->link = open->link;
}

/* ---- replies ---- */

static void reply(struct yg_order *order, const struct yg_reply *what)
{
    const struct yg_api_options *options = &order->api->options;
    const uint64_t now = yg_clock_us();
    const struct yg_api_told told = {yg_verb_word(order->verb), order->verb, what->problem,
                                     order->who.key,
                                     order->begun_us != 0 ? now - order->begun_us : 0};

    order->begun_us = 0;
    if (options->on_answer != NULL)
        options->on_answer(&told, options->user);
    order->done(what, order->user);
}

/* When there is no memory even for the words. */
static const char no_memory[] =
    "{\"type\":\"about:blank#overloaded\",\"title\":\"The server is short of memory or room\","
    "\"status\":503,\"code\":\"overloaded\"}";

static void reply_text(struct yg_order *order, enum yg_problem problem, const struct yg_text *text,
                       bool is_replayed)
{
    struct yg_reply what = {problem, text->ptr, text->len, is_replayed};

    if (yg_text_failed(text) || text->len == 0)
        what = (struct yg_reply){YG_PROBLEM_OVERLOADED, no_memory, sizeof(no_memory) - 1, false};
    reply(order, &what);
}

void yg_order_fail(struct yg_order *order, const struct yg_complaint *complaint)
{
    struct yg_text text = {0};

    yg_problem_put(&text, complaint);
    reply_text(order, complaint->problem, &text, false);
    yg_text_done(&text);
}

static void fail(struct yg_order *order, enum yg_problem problem, const char *detail)
{
    yg_order_fail(order, &(struct yg_complaint){.problem = problem, .detail = detail});
}

/* ---- the answer ---- */

/* With a problem, what came by then stands among its members. */
static void put_answer(struct yg_text *text, const struct yg_answer *answer)
{
    const struct yg_complaint complaint = {answer->problem, answer->detail, answer->pointer};

    if (answer->problem != YG_PROBLEM_NONE) {
        yg_problem_put(text, &complaint);
        if (answer->body == NULL || yg_text_failed(text))
            return;
        text->len--;
        yg_text_putc(text, ',');
    }
    yg_json_put(text, answer->body, answer->problem == YG_PROBLEM_NONE ? 0 : JSON_EMBED);
    if (answer->problem != YG_PROBLEM_NONE)
        yg_text_putc(text, '}');
}

/* What another try may change. */
static bool may_pass(enum yg_problem problem)
{
    const int status = yg_problem_status(problem);

    return (status >= 500 && problem != YG_PROBLEM_ACK_TIMEOUT) || status == 429;
}

/* The next with its key is fresh. */
static void forget(struct yg_order *order)
{
    const struct yg_api_store *store = order->api->options.store;

    if (order->is_noted)
        yg_memory_forget(order->api->memory, order->digest);
    if (order->is_shared)
        store->forget(store->user, order->digest);
    order->is_noted = order->is_shared = false;
}

static void keep(struct yg_order *order, enum yg_problem problem, const struct yg_text *text)
{
    if (order->is_noted)
        yg_memory_keep(order->api->memory, order->digest, problem, text->ptr, text->len);
    order->is_noted = false;
}

static void on_kept(const struct yg_api_known *known, void *user)
{
    struct yg_order *order = user;
    struct yg_text text = order->answer;

    (void)known;
    order->asking = NULL;
    order->answer = (struct yg_text){0};
    reply_text(order, order->problem, &text, false);
    yg_text_done(&text);
}

/* Who has an answer may ask the next node for it.  Returns whether it is said when the store has
 * it; text is taken then. */
static bool share(struct yg_order *order, enum yg_problem problem, struct yg_text *text)
{
    const struct yg_api_store *store = order->api->options.store;
    const struct yg_api_answer answer = {order->command_digest,
                                         order->who.held->terms.idempotency_ms,
                                         problem,
                                         {text->ptr, text->len}};

    if (!order->is_shared)
        return false;
    order->is_shared = false;
    order->asking = store->keep(store->user, order->loop, order->digest, &answer, on_kept, order);
    if (order->asking == NULL)
        return false;
    order->answer = *text;
    order->problem = problem;
    *text = (struct yg_text){0};
    return true;
}

static void on_answer(const struct yg_answer *answer, void *user)
{
    struct yg_order *order = user;
    struct yg_text text = {0};

    order->run = NULL;
    put_answer(&text, answer);
    if (may_pass(answer->problem) || yg_text_failed(&text))
        forget(order);
    else
        keep(order, answer->problem, &text);
    if (!share(order, answer->problem, &text))
        reply_text(order, answer->problem, &text, false);
    yg_text_done(&text);
}

void yg_order_drop(struct yg_order *order)
{
    yg_run_abandon(order->run);
    order->run = NULL;
    if (order->asking != NULL)
        order->api->options.store->give_up(order->asking);
    order->asking = NULL;
    yg_text_done(&order->answer);
    yg_command_free(order->waiting);
    order->waiting = NULL;
    forget(order);
    order->who.held = yg_api_held_unref(order->who.held);
    order->who.key = NULL;
}

/* ---- idempotency ---- */

/* The command without its id and key, which need not be the same. */
static bool digest_command(const struct yg_command *command, uint8_t ret_digest[32])
{
    const char *word = yg_verb_word(command->verb);
    const json_t *body = json_object_get(command->document, word);
    struct yg_text text = {0};
    yodel_bytes part;
    bool good;

    /* A body of a call stands alone. */
    if (!command->is_wrapped)
        body = command->document;
    yg_json_put(&text, body, JSON_SORT_KEYS);
    good = !yg_text_failed(&text);
    part = (yodel_bytes){(const uint8_t *)text.ptr, text.len};
    good = good && yg_api_digest(&part, 1, ret_digest);
    yg_text_done(&text);
    return good;
}

static yodel_bytes bytes_of(const char *string)
{
    return (yodel_bytes){(const uint8_t *)string, strlen(string)};
}

static bool digest_key(struct yg_order *order, const char *idem)
{
    const struct yg_api_key *key = order->who.key;
    const yodel_bytes parts[] = {bytes_of(key != NULL ? key->name : ""),
                                 bytes_of(yg_verb_word(order->verb)), bytes_of(idem)};

    return yg_api_digest(parts, 3, order->digest);
}

static void fail_known(struct yg_order *order, enum yg_memory_state state)
{
    if (state == YG_MEMORY_BUSY)
        fail(order, YG_PROBLEM_IN_PROGRESS, NULL);
    else if (state == YG_MEMORY_OTHER)
        fail(order, YG_PROBLEM_KEY_REUSED, NULL);
    else
        fail(order, YG_PROBLEM_OVERLOADED, "out of memory");
}

/* Returns whether the command is to run; else it was answered. */
static bool is_fresh(struct yg_order *order, const struct yg_command *command, const char *idem)
{
    enum yg_problem problem = YG_PROBLEM_NONE;
    enum yg_memory_state state = YG_MEMORY_FAILED;
    struct yg_text text = {0};

    if (digest_key(order, idem) && digest_command(command, order->command_digest))
        state = yg_memory_begin(order->api->memory, order->digest, order->command_digest,
                                yodel_loop_now(order->loop), &problem, &text);
    /* A reply may have ended order. */
    if (state == YG_MEMORY_FRESH)
        order->is_noted = true;
    else if (state == YG_MEMORY_KNOWN)
        reply_text(order, problem, &text, true);
    else
        fail_known(order, state);
    yg_text_done(&text);
    return state == YG_MEMORY_FRESH;
}

/* ---- the way in ---- */

/* Terms may have been exchanged since the last command.  Returns whether the key is there still. */
static bool renew(struct yg_order *order)
{
    struct yg_api_who *who = &order->who;
    const struct yg_api_key *key = NULL;
    struct yg_api_held *held;

    if (atomic_load_explicit(&order->api->held, memory_order_acquire) == who->held)
        return true;
    held = yg_api_hold(order->api);
    if (who->key != NULL && (key = yg_api_key_of_hash(&held->terms, who->key->sha256)) == NULL) {
        yg_api_held_unref(held);
        return false;
    }
    yg_api_held_unref(who->held);
    *who = (struct yg_api_who){held, key};
    return true;
}

/* Returns whether the command may run; else it was answered. */
static bool may_run(struct yg_order *order, const struct yg_command *command, const char *idem)
{
    const struct yg_api_key *key;
    struct yg_json wrong;

    if (!renew(order)) {
        fail(order, YG_PROBLEM_UNAUTHORIZED, "the key is not known any more");
        return false;
    }
    key = order->who.key;
    if (key == NULL)
        return idem == NULL || is_fresh(order, command, idem);
    if (!yg_command_is_allowed(command, &key->rights, &wrong)) {
        yg_order_fail(order, &(struct yg_complaint){YG_PROBLEM_SCOPE, wrong.detail, NULL});
        return false;
    }
    if (!yg_api_key_take(key, &order->who.held->usage[key - order->who.held->terms.keys],
                         yodel_loop_now(order->loop))) {
        fail(order, YG_PROBLEM_RATE_LIMITED, NULL);
        return false;
    }
    return idem == NULL || is_fresh(order, command, idem);
}

/* An answer inside the call may have ended order: it is not touched then. */
static void execute(struct yg_order *order, struct yg_command *command)
{
    const struct yg_caller caller = {.loop = order->loop, .uncounted = order->uncounted};
    struct yg_run *run;

    yg_execute(order->api->service, command, &caller, on_answer, order, &run);
    if (run != NULL)
        order->run = run;
}

/* What the store knows.  Without it this process's own memory is enough. */
static void on_known(const struct yg_api_known *known, void *user)
{
    struct yg_order *order = user;
    struct yg_command *command = order->waiting;
    struct yg_text text = {0};

    order->asking = NULL;
    order->waiting = NULL;
    if (known->state == YG_MEMORY_FRESH || known->state == YG_MEMORY_FAILED) {
        order->is_shared = known->state == YG_MEMORY_FRESH;
        execute(order, command);
        return;
    }
    yg_command_free(command);
    yg_text_add(&text, known->text.ptr, known->text.len);
    if (known->state == YG_MEMORY_KNOWN)
        keep(order, known->problem, &text);
    else
        forget(order);
    if (known->state == YG_MEMORY_KNOWN)
        reply_text(order, known->problem, &text, true);
    else
        fail_known(order, known->state);
    yg_text_done(&text);
}

/* Returns whether the store was asked: it goes on with its reply. */
static bool ask_store(struct yg_order *order, struct yg_command *command)
{
    const struct yg_api_store *store = order->api->options.store;

    if (!order->is_noted || store == NULL)
        return false;
    order->asking = store->ask(store->user, order->loop, order->digest, order->command_digest,
                               order->who.held->terms.idempotency_ms, on_known, order);
    if (order->asking == NULL)
        return false;
    order->waiting = command;
    return true;
}

void yg_order_run(struct yg_order *order, struct yg_command *command, const char *idem)
{
    order->verb = command->verb;
    order->begun_us = yg_clock_us();
    if (!may_run(order, command, idem))
        yg_command_free(command);
    else if (!ask_store(order, command))
        execute(order, command);
}
