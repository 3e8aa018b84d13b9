/* SPDX-License-Identifier: MIT */
#include "serve/hook_records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lease/after.h"
#include "lease/lease.h"
#include "lease/notices.h"
#include "lease/scripts.h"
#include "serve/hook_lost.h"
#include "serve/hooks.h"
#include "serve/occupancy.h"

#define SEQ_STEP 1024  /* how far a record is ahead of its socket's numbers */
#define SEQ_LEAST 64   /* and how far at least */
#define CONFIRM_MS 100 /* that a lane waits for its first record to be in Redis */

struct yg_record {
    struct yg_records *records;
    unsigned loop;
    struct yg_record *next, *prev;
    void *socket; /* NULL: it is not connected */
    yg_record_end_fn *end;
    char *webhook;
    char id[YG_HOOK_ID];
    uint32_t seq;
    bool has_lane; /* its notices are in lane, as webhooks.order says */
    unsigned lane;
    bool is_connecting;  /* who takes it over says `connected`, too */
    struct yg_text text; /* as Redis has it, without the number; empty: it was not written */
    struct confirmation *confirmation; /* NULL: nobody waits for it */
};

/* Of the first time that a record is written: the record's and the reply's. */
struct confirmation {
    struct yg_lease_wait wait;
    atomic_uint refs;
    struct yg_record *record; /* of its loop's thread, as is all below; NULL: it has ended */
    struct yg_lane *lane;
    yodel_timer timer;
    yodel_loop *loop;
};

struct yg_records {
    struct yg_state *state;
    struct yg_lease *lease;
    yodel_timer timer; /* of loop 0 */
    atomic_uint_least64_t failed, late;
    unsigned num_loops;
    struct yg_record *first[]; /* by loop */
};

/* ---- one ---- */

struct yg_record *yg_record_new(struct yg_state *state, yodel_loop *loop, struct yg_hook *hook)
{
    struct yg_records *records = state->records;
    struct yg_record *record;

    if (records == NULL || !yg_hook_has_kind(hook, YG_HOOK_DISCONNECTED))
        return NULL;
    record = calloc(1, sizeof(*record));
    if (record != NULL)
        record->webhook = strdup(yg_hook_options(hook)->name);
    if (record == NULL || record->webhook == NULL) {
        atomic_fetch_add(&records->failed, 1);
        free(record);
        return NULL;
    }
    yg_hook_id(hook, "evt", record->id);
    record->is_connecting = yg_hook_options(hook)->queue.durable == YG_DURABLE_REDIS &&
                            yg_hook_has_kind(hook, YG_HOOK_CONNECTED);
    record->records = records;
    record->loop = yodel_loop_index(loop);
    record->next = records->first[record->loop];
    if (record->next != NULL)
        record->next->prev = record;
    records->first[record->loop] = record;
    return record;
}

const char *yg_record_id(const struct yg_record *record)
{
    return record->id;
}

void yg_record_name_lane(const struct yg_record *record, struct yg_lane *lane)
{
    if (record != NULL)
        yg_lane_set_store(lane, yg_notices_lane(record->id, strlen(record->id)));
}

void yg_record_name_user(struct yg_record *record, const struct yg_hook *hook, struct yg_lane *lane,
                         const char *user)
{
    unsigned number;

    if (user == NULL || yg_hook_options(hook)->order != YG_ORDER_USER)
        return;
    number = yg_notices_lane(user, strlen(user));
    yg_lane_set_store(lane, number);
    if (record == NULL)
        return;
    record->has_lane = true;
    record->lane = number;
}

void yg_record_attach(struct yg_record *record, yg_record_end_fn *end, void *socket)
{
    if (record == NULL)
        return;
    record->end = end;
    record->socket = socket;
}

struct yg_hook_event *yg_record_connected(const struct yg_record *record, struct yg_hook *hook,
                                          struct yg_lane *lane, yg_hook_told_fn *told, void *user)
{
    struct yg_hook_event *event = yg_hook_event_new(lane, YG_HOOK_CONNECTED, told, user);
    char id[YG_RECORD_ID];

    if (event == NULL)
        yg_hook_count_lost(hook);
    if (event != NULL && record != NULL && record->is_connecting) {
        yg_record_connected_id(record->id, id);
        yg_hook_event_set_id(event, id);
    }
    return event;
}

bool yg_record_was_connected(struct yg_record *record, const struct yg_hook_told *told)
{
    if (record == NULL || !record->is_connecting || told->is_end)
        return false;
    record->is_connecting = false;
    return true;
}

/* ---- the first time ---- */

static void unref_confirmation(void *arg)
{
    struct confirmation *confirmation = arg;

    if (atomic_fetch_sub(&confirmation->refs, 1) == 1)
        free(confirmation);
}

/* Its lane goes on. */
static void confirmed(struct yg_record *record)
{
    struct confirmation *confirmation = record->confirmation;
    struct yg_lane *lane;

    if (confirmation == NULL)
        return;
    lane = confirmation->lane;
    record->confirmation = NULL;
    confirmation->record = NULL;
    (void)yodel_timer_stop(&confirmation->timer);
    unref_confirmation(confirmation);
    yg_lane_go(lane);
}

static void on_confirmed(yodel_loop *loop, void *arg)
{
    const struct confirmation *confirmation = arg;

    (void)loop;
    if (confirmation->record != NULL)
        confirmed(confirmation->record);
}

/* On loop 0. */
static void on_replied(struct yg_lease_wait *wait)
{
    struct confirmation *confirmation = (struct confirmation *)wait;

    (void)yodel_loop_post(confirmation->loop, on_confirmed, confirmation, unref_confirmation);
}

static void on_late(yodel_timer *timer, void *user)
{
    struct confirmation *confirmation = user;

    (void)timer;
    atomic_fetch_add_explicit(&confirmation->record->records->late, 1, memory_order_relaxed);
    confirmed(confirmation->record);
}

/* Returns NULL when out of memory: then nothing waits. */
static struct confirmation *new_confirmation(struct yg_record *record, struct yg_lane *lane)
{
    struct confirmation *confirmation = calloc(1, sizeof(*confirmation));

    if (confirmation == NULL)
        return NULL;
    confirmation->wait.over = on_replied;
    atomic_init(&confirmation->refs, 2);
    confirmation->loop = yodel_server_loop(record->records->state->server, record->loop);
    confirmation->lane = lane;
    yodel_timer_init(&confirmation->timer, confirmation->loop, on_late, confirmation);
    if (yodel_timer_start(&confirmation->timer, CONFIRM_MS) == 0)
        return confirmation;
    free(confirmation);
    return NULL;
}

/* ---- writing ---- */

static int send(const struct yg_record *record, struct yg_lease_wait *wait)
{
    return yg_lease_put(record->records->lease, record->id, record->seq,
                        (yodel_str){record->text.ptr, record->text.len}, wait);
}

static void send_first(struct yg_record *record, struct yg_lane *lane)
{
    struct confirmation *confirmation = new_confirmation(record, lane);

    record->seq = SEQ_STEP;
    if (send(record, confirmation != NULL ? &confirmation->wait : NULL) < 0) {
        if (confirmation != NULL)
            (void)yodel_timer_stop(&confirmation->timer);
        free(confirmation);
        return;
    }
    if (confirmation == NULL)
        return;
    confirmation->record = record;
    record->confirmation = confirmation;
    yg_lane_wait(lane);
}

void yg_record_write(struct yg_record *record, struct yg_lane *lane, const char *ns,
                     int64_t since_ms, const struct yg_text *socket)
{
    const struct yg_lease_record told = {.webhook = record->webhook,
                                         .ns = ns,
                                         .since_ms = since_ms,
                                         .has_lane = record->has_lane,
                                         .lane = record->lane,
                                         .is_connecting = record->is_connecting,
                                         .socket = {socket->ptr, socket->len}};
    struct yg_text text = {0};

    if (yg_text_failed(socket))
        text.failed = true;
    else
        yg_record_put(&told, &text);
    if (yg_text_failed(&text)) {
        atomic_fetch_add(&record->records->failed, 1);
        yg_text_done(&text);
        return;
    }
    yg_text_done(&record->text);
    record->text = text;
    if (record->seq == 0)
        send_first(record, lane);
    else
        (void)send(record, NULL);
}

void yg_record_look(struct yg_record *record, const struct yg_lane *lane)
{
    if (record == NULL || record->text.len == 0 || yg_lane_seq(lane) + SEQ_LEAST <= record->seq)
        return;
    record->seq = yg_lane_seq(lane) + SEQ_STEP;
    (void)send(record, NULL);
}

void yg_record_end(struct yg_record *record, bool stays)
{
    if (record == NULL)
        return;
    confirmed(record);
    if (record->text.len > 0 && !stays)
        yg_lease_drop(record->records->lease, record->id);
    *(record->prev != NULL ? &record->prev->next : &record->records->first[record->loop]) =
        record->next;
    if (record->next != NULL)
        record->next->prev = record->prev;
    yg_text_done(&record->text);
    free(record->webhook);
    free(record);
}

/* ---- all of a loop ---- */

static void write_again(yodel_loop *loop, void *arg)
{
    const struct yg_records *records = arg;

    for (struct yg_record *record = records->first[yodel_loop_index(loop)]; record != NULL;
         record = record->next) {
        if (record->text.len > 0)
            (void)send(record, NULL);
    }
}

/* Others have said that these sockets have gone: now they go, and their clients come back as new
 * ones.  To end one may end others. */
static void send_away(yodel_loop *loop, void *arg)
{
    struct yg_records *records = arg;
    struct yg_record *record = records->first[yodel_loop_index(loop)];

    while (record != NULL) {
        void *socket = record->socket;

        if (socket == NULL || record->text.len == 0) {
            record = record->next;
            continue;
        }
        record->socket = NULL;
        record->end(socket);
        record = records->first[yodel_loop_index(loop)];
    }
}

static void on_all_loops(struct yg_records *records, yodel_loop_fn *fn)
{
    for (unsigned i = 0; i < records->num_loops; i++)
        (void)yodel_loop_post(yodel_server_loop(records->state->server, i), fn, records, NULL);
}

/* The lease goes first: records without one are looked for by nobody. */
void yg_records_redis_is_back(struct yg_state *state)
{
    if (state->records == NULL)
        return;
    yg_lease_turn(state->records->lease);
    on_all_loops(state->records, write_again);
}

/* ---- the lease ---- */

static void on_again(bool taken, void *user)
{
    struct yg_records *records = user;

    if (taken)
        yg_log_event(records->state, YG_LOG_WARN, "lease.lost",
                     "redis: the lease of this node was over: others have said that its sockets "
                     "have gone, and clients are sent away");
    on_all_loops(records, taken ? send_away : write_again);
}

static size_t room(void *user)
{
    const struct yg_records *records = user;

    return yg_lost_room(records->state, yodel_server_loop(records->state->server, 0));
}

static void adopt(const struct yg_lease_record *record, void *user)
{
    struct yg_records *records = user;

    yg_lost_tell(records->state, records->lease, record);
}

static void on_turn(yodel_timer *timer, void *user)
{
    struct yg_records *records = user;

    (void)timer;
    yg_lease_turn(records->lease);
}

static int on_start(yodel_loop *loop, void *user)
{
    struct yg_records *records = user;
    const uint32_t ms = records->state->first->redis.lease_ms / 4;

    if (yodel_loop_index(loop) != 0)
        return 0;
    yodel_timer_init(&records->timer, loop, on_turn, records);
    yg_lease_turn(records->lease);
    return yodel_timer_start_periodic(&records->timer, ms > 0 ? ms : 1);
}

static void on_end(yodel_loop *loop, void *user)
{
    struct yg_records *records = user;

    if (yodel_loop_index(loop) == 0)
        (void)yodel_timer_stop(&records->timer);
}

/* ---- life ---- */

static int start(struct yg_state *state, struct yg_records *records)
{
    const struct yg_redis_config *redis = &state->first->redis;
    const yodel_loop_handlers handlers = {
        .size = sizeof(handlers), .on_start = on_start, .on_end = on_end};

    records->state = state;
    records->num_loops = yodel_server_num_loops(state->server);
    records->lease = yg_lease_new(&(const struct yg_lease_setup){.redis = state->redis,
                                                                 .prefix = redis->prefix,
                                                                 .ms = redis->lease_ms,
                                                                 .room = room,
                                                                 .adopt = adopt,
                                                                 .again = on_again,
                                                                 .user = records});
    if (records->lease == NULL)
        return -ENOMEM;
    return yodel_server_add_loop_handlers(state->server, &handlers, records);
}

int yg_records_start(struct yg_state *state)
{
    const unsigned num = yodel_server_num_loops(state->server);

    if (state->redis == NULL)
        return 0;
    state->records = calloc(1, sizeof(*state->records) + num * sizeof(struct yg_record *));
    return state->records != NULL ? start(state, state->records) : -ENOMEM;
}

void yg_records_free(struct yg_records *records)
{
    if (records == NULL)
        return;
    yg_lease_free(records->lease);
    free(records);
}

const char *yg_records_run(const struct yg_state *state)
{
    return yg_lease_run(state->records->lease);
}

/* ---- the end ---- */

struct ending {
    struct yg_records *records;
    const char *const *ends;
    size_t num;
};

static void send_end(struct yg_after *after, void *user)
{
    const struct ending *ending = user;
    yodel_str *argv = calloc(ending->num + 5, sizeof(*argv));
    size_t argc = 0;

    yg_occupancy_send_end(ending->records->state, after, ending->ends, ending->num);
    if (argv == NULL)
        return; /* the lease ends by itself */
    argv[argc++] = YODEL_STR("EVAL");
    argv[argc++] = yodel_str_of(yg_script_end);
    argv[argc++] = YODEL_STR("0");
    argv[argc++] = yodel_str_of(ending->records->state->first->redis.prefix);
    argv[argc++] = yodel_str_of(yg_lease_run(ending->records->lease));
    for (size_t i = 0; i < ending->num; i++)
        argv[argc++] = yodel_str_of(ending->ends[i]);
    yg_after_send(after, argc, argv, NULL);
    free(argv);
}

void yg_records_end(struct yg_state *state, const char *const *ends, size_t num_ends, uint32_t ms)
{
    struct ending ending = {state->records, ends, num_ends};

    if (state->records != NULL && state->records->lease != NULL)
        (void)yg_after_run(state->first->redis.url, ms, send_end, &ending);
}

void yg_records_put(struct yg_state *state, struct yg_text *text)
{
    struct yg_lease_counts counts;

    if (state->records == NULL)
        return;
    counts = yg_lease_counts(state->records->lease);
    yg_metric(text, "yodel_lease_records_adopted_total", "counter",
              "Sockets of nodes that had died, of whose end this one has told back ends.",
              counts.adopted);
    yg_metric(text, "yodel_lease_writes_failed_total", "counter",
              "Records of sockets that Redis has not taken: their ends may not be told if this "
              "node dies.",
              counts.failed + atomic_load(&state->records->failed));
    yg_metric(text, "yodel_lease_writes_late_total", "counter",
              "Sockets of which a back end was told before Redis had confirmed their records.",
              atomic_load(&state->records->late));
    yg_metric(text, "yodel_lease_lost_total", "counter",
              "How often this node's lease was over while it lived.", counts.fenced);
}
