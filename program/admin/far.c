/* SPDX-License-Identifier: MIT */
#include "admin/far.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/hub.h"
#include "admin/shown_ws.h"
#include "base/clock.h"

#define EVENT "yodel:admin"
#define LOOK_MS 2000
#define LEASE_MS 10000
#define FLUSH_BYTES ((size_t)256 << 10)
#define MAX_NODES 1000
#define MAX_FAR_PAGES 256

/* Another node, by the name of its process. */
struct node {
    struct node *next;
    char process[YG_SESSION_SIZE];
    uint64_t looks_until_ms; /* its pages; 0: none look */
    uint64_t heard_ms;
    uint64_t last; /* the number of what was heard last; 0: nothing */
};

struct yg_far {
    struct yg_admin *admin;
    struct node *nodes;
    unsigned num_nodes;
    uint64_t sent;      /* numbers of snapshots and records */
    uint64_t looked_ms; /* when the others were told who looks; 0: now */
    bool has_looked;    /* somebody did then */
    struct yg_text out; /* records that wait */
};

struct yg_far *yg_far_new(struct yg_admin *admin)
{
    struct yg_far *far = calloc(1, sizeof(*far));

    if (far != NULL)
        far->admin = admin;
    return far;
}

void yg_far_free(struct yg_far *far)
{
    struct node *node;

    if (far == NULL)
        return;
    while ((node = far->nodes) != NULL) {
        far->nodes = node->next;
        free(node);
    }
    yg_text_done(&far->out);
    free(far);
}

/* ---- nodes ---- */

static void count_other(const yodel_node *node, void *user)
{
    unsigned *num = user;

    *num += node->is_self ? 0 : 1;
}

unsigned yg_far_count(const struct yg_far *far)
{
    unsigned num = 0;

    if (far->admin->options.cluster != NULL)
        (void)yodel_cluster_each_node(far->admin->options.cluster, count_other, &num);
    return num;
}

static struct node *node_of(struct yg_far *far, const char *process)
{
    struct node *node = far->nodes;

    while (node != NULL && strcmp(node->process, process) != 0)
        node = node->next;
    if (node != NULL || far->num_nodes >= MAX_NODES)
        return node;
    node = calloc(1, sizeof(*node));
    if (node == NULL)
        return NULL;
    snprintf(node->process, sizeof(node->process), "%s", process);
    node->next = far->nodes;
    far->nodes = node;
    far->num_nodes++;
    return node;
}

bool yg_far_is_watched(const struct yg_far *far)
{
    const uint64_t now_ms = yg_clock_ms();

    for (const struct node *node = far->nodes; node != NULL; node = node->next) {
        if (node->looks_until_ms > now_ms)
            return true;
    }
    return false;
}

/* ---- sending ---- */

/* [{"type":...,"from":... */
static void open_message(struct yg_far *far, struct yg_text *text, const char *type)
{
    yg_text_printf(text, "[{\"type\":\"%s\",\"from\":\"%s\"", type, far->admin->process);
}

/* Text is emptied.  A message that is lost is missed by its number. */
static void send(struct yg_far *far, struct yg_text *text)
{
    yodel_sio_args args = {.size = sizeof(args)};

    yg_text_puts(text, "}]");
    args.json = (yodel_str){text->ptr, text->len};
    if (!yg_text_failed(text) && far->admin->options.cluster != NULL)
        (void)yodel_sio_server_side_emit_args(far->admin->ns, EVENT, &args);
    yg_text_done(text);
}

void yg_far_look(struct yg_far *far)
{
    far->looked_ms = 0;
}

static void send_look(struct yg_far *far)
{
    struct yg_text text = {0};
    bool has_any = false, looks = false;

    open_message(far, &text, "look");
    yg_text_puts(&text, ",\"pages\":[");
    for (const struct yg_looker *at = yg_hub_lookers(far->admin->hub); at != NULL; at = at->next) {
        if (at->viewer == NULL)
            continue;
        looks = true;
        if (at->has_begun && !at->is_lost) {
            yg_text_printf(&text, "%s%" PRIu64, has_any ? "," : "", at->gather);
            has_any = true;
        }
    }
    yg_text_printf(&text, "],\"looks\":%s", looks ? "true" : "false");
    if (looks || far->has_looked)
        send(far, &text);
    yg_text_done(&text);
    far->has_looked = looks;
    far->looked_ms = yg_clock_ms();
}

void yg_far_flush(struct yg_far *far)
{
    struct yg_text text = {0};

    if (far->admin->options.cluster == NULL)
        return;
    if (far->looked_ms == 0)
        send_look(far);
    if (far->out.len == 0 && !far->out.failed)
        return;
    open_message(far, &text, "records");
    yg_text_printf(&text, ",\"seq\":%" PRIu64 ",\"records\":[", ++far->sent);
    yg_text_add(&text, yg_text_string(&far->out), far->out.len);
    yg_text_putc(&text, ']');
    text.failed = text.failed || far->out.failed;
    yg_text_done(&far->out);
    send(far, &text);
}

/* [kind,"id",args] */
static void put_record(struct yg_text *text, const struct yg_admin_record *record)
{
    yg_text_printf(text, "%s[%d,", text->len > 0 ? "," : "", (int)record->kind);
    yg_text_put_json(text, record->id, strlen(record->id));
    yg_text_putc(text, ',');
    yg_text_add(text, record->len > 0 ? record->text : "null", record->len > 0 ? record->len : 4);
    yg_text_putc(text, ']');
}

static bool has_far_lookers(const struct yg_far *far)
{
    for (const struct yg_looker *at = yg_hub_lookers(far->admin->hub); at != NULL; at = at->next) {
        if (at->viewer == NULL)
            return true;
    }
    return false;
}

void yg_far_tell(struct yg_far *far, struct yg_admin_record *record)
{
    if (record->kind == YG_RECORD_STATE || record->kind == YG_RECORD_END || !has_far_lookers(far))
        return;
    put_record(&far->out, record);
    if (far->out.len >= FLUSH_BYTES)
        yg_far_flush(far);
}

static void put_batch(struct yg_text *text, const struct yg_admin_batch *batch)
{
    struct yg_text records = {0};

    for (size_t i = 0; i < batch->num; i++)
        put_record(&records, batch->items[i]);
    yg_text_add(text, yg_text_string(&records), records.len);
    text->failed = text->failed || yg_text_failed(&records);
    yg_text_done(&records);
}

void yg_far_send_snapshot(struct yg_far *far, struct yg_looker *looker)
{
    struct yg_text text = {0};

    yg_far_flush(far);
    open_message(far, &text, "snapshot");
    yg_text_printf(&text, ",\"seq\":%" PRIu64 ",\"to\":\"%s\",\"page\":%" PRIu64 ",\"total\":%zu",
                   ++far->sent, looker->process, looker->asked, looker->total);
    yg_text_puts(&text, ",\"states\":[");
    put_batch(&text, &looker->states);
    yg_text_puts(&text, "],\"records\":[");
    put_batch(&text, &looker->pending);
    yg_text_putc(&text, ']');
    send(far, &text);
    yg_admin_batch_clear(&looker->states);
    yg_admin_batch_clear(&looker->pending);
}

void yg_far_send_lost(struct yg_far *far, const struct yg_looker *looker)
{
    struct yg_text text = {0};

    open_message(far, &text, "lost");
    yg_text_printf(&text, ",\"to\":\"%s\"", looker->process);
    send(far, &text);
}

void yg_far_send_stats(struct yg_far *far, const struct yg_admin_record *stats)
{
    struct yg_text text = {0};

    if (stats == NULL || !yg_far_is_watched(far))
        return;
    open_message(far, &text, "stats");
    yg_text_puts(&text, ",\"stats\":");
    yg_text_add(&text, stats->text, stats->len);
    send(far, &text);
}

void yg_far_close_ws(struct yg_far *far, const char *id)
{
    struct yg_text text = {0};

    open_message(far, &text, "close");
    yg_text_puts(&text, ",\"id\":");
    yg_text_put_json(&text, id, strlen(id));
    send(far, &text);
}

/* ---- receiving ---- */

static const char *string_of(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));

    return value != NULL ? value : "";
}

static uint64_t number_of(const json_t *object, const char *name)
{
    const json_int_t value = json_integer_value(json_object_get(object, name));

    return value > 0 ? (uint64_t)value : 0;
}

/* NULL: it is malformed, or there is no memory. */
static struct yg_admin_record *read_record(const json_t *item)
{
    const json_int_t kind = json_integer_value(json_array_get(item, 0));
    const char *id = json_string_value(json_array_get(item, 1));
    const json_t *args = json_array_get(item, 2);
    struct yg_text text = {0};
    struct yg_admin_record *record;
    char *dump;

    if (id == NULL || args == NULL || kind < YG_RECORD_CONNECTED || kind > YG_RECORD_STATE)
        return NULL;
    dump = json_dumps(args, JSON_COMPACT | JSON_ENCODE_ANY);
    if (dump == NULL)
        return NULL;
    if (!json_is_null(args))
        yg_text_puts(&text, dump);
    record = yg_admin_record_new((enum yg_admin_record_kind)kind, yodel_str_of(id), &text);
    yg_text_done(&text);
    free(dump);
    return record;
}

/* Each is for those that have_it() says. */
static void give(struct yg_far *far, const char *process, const json_t *list,
                 struct yg_looker *only)
{
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item)
    {
        struct yg_admin_record *record = read_record(item);

        for (struct yg_looker *at = yg_hub_lookers(far->admin->hub); at != NULL; at = at->next) {
            if (at->viewer == NULL || (only != NULL && at != only) ||
                !yg_looker_has_process(at, process))
                continue;
            if (record == NULL)
                at->is_lost = true;
            else if (record->kind == YG_RECORD_STATE)
                yg_looker_take_state(at, record);
            else
                yg_looker_take(at, record);
        }
        yg_admin_record_unref(record);
    }
}

struct pages {
    const struct node *node;
    const json_t *list; /* NULL: none is left */
};

static bool is_asked(const json_t *list, uint64_t page)
{
    size_t i;
    json_t *number;

    json_array_foreach(list, i, number)
    {
        if ((uint64_t)json_integer_value(number) == page)
            return true;
    }
    return false;
}

static bool is_over(const struct yg_looker *looker, void *arg)
{
    const struct pages *pages = arg;

    return strcmp(looker->process, pages->node->process) == 0 &&
           !is_asked(pages->list, looker->asked);
}

/* Whether that page gathers or has here; counts all there are of others. */
static bool is_known(struct yg_far *far, const struct node *node, uint64_t page, unsigned *ret_num)
{
    bool is_there = false;

    *ret_num = 0;
    for (const struct yg_looker *at = yg_hub_lookers(far->admin->hub); at != NULL; at = at->next) {
        *ret_num += at->viewer == NULL ? 1 : 0;
        is_there = is_there || (at->viewer == NULL && at->asked == page &&
                                strcmp(at->process, node->process) == 0);
    }
    return is_there;
}

static void on_look(struct yg_far *far, struct node *node, const json_t *message)
{
    const json_t *list = json_object_get(message, "pages");
    struct pages pages = {node, list};
    unsigned num;
    size_t i;
    json_t *number;

    node->looks_until_ms =
        json_is_true(json_object_get(message, "looks")) ? yg_clock_ms() + LEASE_MS : 0;
    yg_hub_drop_far(far->admin->hub, is_over, &pages);
    if (!yg_admin_shows_all(far->admin))
        return;
    json_array_foreach(list, i, number)
    {
        const uint64_t page = (uint64_t)json_integer_value(number);

        if (!is_known(far, node, page, &num) && num < MAX_FAR_PAGES)
            (void)yg_hub_add_far(far->admin->hub, node->process, page);
    }
}

/* Whether it is the one that follows; else pages that have the node begin anew. */
static void note_number(struct yg_far *far, struct node *node, uint64_t seq)
{
    const bool follows = node->last == 0 || seq == node->last + 1;

    node->last = seq;
    if (!follows)
        yg_hub_begin_all_anew(far->admin->hub);
}

static void on_snapshot(struct yg_far *far, struct node *node, const json_t *message)
{
    struct yg_looker *at = yg_hub_lookers(far->admin->hub);
    const uint64_t page = number_of(message, "page");

    note_number(far, node, number_of(message, "seq"));
    if (strcmp(string_of(message, "to"), far->admin->process) != 0)
        return;
    while (at != NULL && (at->viewer == NULL || at->gather != page))
        at = at->next;
    if (at == NULL || yg_looker_has_process(at, node->process))
        return;
    if (yg_looker_add_process(at, node->process) < 0) {
        at->is_lost = true;
        return;
    }
    at->total += (size_t)number_of(message, "total");
    give(far, node->process, json_object_get(message, "states"), at);
    give(far, node->process, json_object_get(message, "records"), at);
}

static void on_stats(struct yg_far *far, const json_t *message)
{
    char *dump = json_dumps(json_object_get(message, "stats"), JSON_COMPACT);
    struct yg_text text = {0};

    if (dump == NULL)
        return;
    yg_text_puts(&text, dump);
    yg_hub_tell_all(far->admin->hub,
                    yg_admin_record_new(YG_RECORD_STATS, (yodel_str){NULL, 0}, &text));
    yg_text_done(&text);
    free(dump);
}

void yg_far_receive(struct yg_far *far, yodel_sio_server_event *event)
{
    const json_t *message = json_array_get(yodel_sio_server_event_json(event), 0);
    const char *type = string_of(message, "type"), *from = string_of(message, "from");
    struct node *node;

    if (!yodel_str_eq(yodel_sio_server_event_name(event), YODEL_STR(EVENT)) ||
        strlen(from) != YG_SESSION_SIZE - 1 || strcmp(from, far->admin->process) == 0)
        return;
    node = node_of(far, from);
    if (node == NULL)
        return;
    node->heard_ms = yg_clock_ms();
    if (strcmp(type, "look") == 0) {
        on_look(far, node, message);
    } else if (strcmp(type, "snapshot") == 0) {
        on_snapshot(far, node, message);
    } else if (strcmp(type, "records") == 0) {
        note_number(far, node, number_of(message, "seq"));
        give(far, from, json_object_get(message, "records"), NULL);
    } else if (strcmp(type, "stats") == 0) {
        on_stats(far, message);
    } else if (strcmp(type, "close") == 0 && !far->admin->options.config->readonly) {
        (void)yg_shown_ws_close(far->admin, string_of(message, "id"));
    } else if (strcmp(type, "lost") == 0 &&
               strcmp(string_of(message, "to"), far->admin->process) == 0) {
        yg_hub_begin_all_anew(far->admin->hub);
    }
    yg_hub_settle(far->admin->hub);
}

/* ---- time ---- */

static bool was_silent(const struct yg_looker *looker, void *arg)
{
    const struct node *node = arg;

    return strcmp(looker->process, node->process) == 0;
}

void yg_far_tick(struct yg_far *far)
{
    const uint64_t now_ms = yg_clock_ms();
    struct node **link = &far->nodes;

    while (*link != NULL) {
        struct node *node = *link;

        if (node->looks_until_ms != 0 && node->looks_until_ms <= now_ms) {
            node->looks_until_ms = 0;
            yg_hub_drop_far(far->admin->hub, was_silent, node);
        }
        if (node->looks_until_ms == 0 && now_ms - node->heard_ms > 6 * LEASE_MS) {
            *link = node->next;
            far->num_nodes--;
            free(node);
            continue;
        }
        link = &node->next;
    }
    if (now_ms - far->looked_ms >= LOOK_MS)
        far->looked_ms = 0;
}
