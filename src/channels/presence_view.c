/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "bus/op_wire.h"
#include "channels/presence.h"

/* What a loop knows of the members of a group that somebody watches. */

/* From one interest out of turn to the next of a view. */
#define ASK_MS 500
/* Bytes of one interest. */
#define INTEREST_SIZE (size_t)(32 * 1024)
/* Loops of all processes together. */
#define MAX_SOURCES 16384

/* What has a version of its own: a loop of a process. */
struct source {
    struct yd_map_node node; /* key: the text below */
    struct yd_list of_view;
    uint64_t version;
    uint64_t coming;     /* the version of a state whose parts come */
    uint32_t parts;      /* of it that have come; 0: none does */
    uint32_t generation; /* of its states */
    struct yd_map members;
    struct yd_list members_list;
    uint8_t loop;
    size_t len;                        /* of the process */
    char process[YD_PROCESS_SIZE + 1]; /* and one byte, the loop */
};

struct person {
    struct yd_map_node node; /* key: its channel */
    struct yd_list of_source;
    uint32_t generation; /* of the state that had it last */
    yodel_id id;
    size_t channel_len, json_len;
    char *json;
    char channel[];
};

static const struct yodel_allocator *mem_of(const struct yd_view *view)
{
    return yd_channels_mem(view->own->channels);
}

static struct yd_presence_counters *counters_of(const struct yd_view *view)
{
    return &view->own->channels->presence_counters;
}

static struct source *source_at(struct yd_list *of_view)
{
    return yd_container_of(of_view, struct source, of_view);
}

static struct person *person_at(struct yd_list *of_source)
{
    return yd_container_of(of_source, struct person, of_source);
}

/* ---- telling ---- */

static void fill_in(const struct yd_view *view, const struct person *person,
                    yodel_presence_change change, yodel_presence *ret_presence)
{
    *ret_presence = (yodel_presence){
        .size = sizeof *ret_presence,
        .change = change,
        .group = yd_view_name(view),
        .id = person->id,
        .channel = {person->channel, person->channel_len},
        .json = {person->json, person->json_len},
        .count = view->count,
    };
}

static void tell_one(struct yd_view *view, yodel_watcher *watcher, const yodel_presence *presence)
{
    atomic_store_explicit(&watcher->count, presence->count, memory_order_relaxed);
    atomic_fetch_add_explicit(&counters_of(view)->changes, 1, memory_order_relaxed);
    watcher->fn(presence, watcher->user);
}

/* Who has not been told yet who is there gets that first.  The view is kept by its caller. */
static void tell(struct yd_view *view, const struct person *person, yodel_presence_change change)
{
    yodel_presence presence;

    fill_in(view, person, change, &presence);
    for (struct yd_list *at = view->watchers.next; at != &view->watchers; at = at->next) {
        yodel_watcher *watcher = yd_container_of(at, yodel_watcher, of_view);

        if (watcher->begun && !watcher->ended)
            tell_one(view, watcher, &presence);
    }
}

void yd_view_tell_all(struct yd_view *view, yodel_watcher *watcher)
{
    yodel_presence presence;
    size_t count = 0;

    watcher->begun = true;
    for (struct yd_list *s = view->sources_list.next; s != &view->sources_list; s = s->next)
        for (struct yd_list *m = source_at(s)->members_list.next;
             m != &source_at(s)->members_list && !watcher->ended; m = m->next) {
            fill_in(view, person_at(m), YODEL_PRESENCE_JOINED, &presence);
            presence.count = ++count;
            tell_one(view, watcher, &presence);
        }
}

/* ---- members ---- */

static void free_person(struct yd_view *view, struct source *source, struct person *person)
{
    yd_map_remove(&source->members, &person->node);
    yd_list_remove(&person->of_source);
    view->count--;
    view->bytes -= person->channel_len + person->json_len;
    atomic_fetch_sub_explicit(&counters_of(view)->watched, 1, memory_order_relaxed);
}

static void leave(struct yd_view *view, struct source *source, struct person *person)
{
    free_person(view, source, person);
    tell(view, person, YODEL_PRESENCE_LEFT);
    yd_free(mem_of(view), person->json);
    yd_free(mem_of(view), person);
}

/* NULL for an empty text, and when out of memory. */
static char *copy(const struct yd_view *view, yodel_str text)
{
    return text.len > 0 ? yd_strndup(mem_of(view), text.ptr, text.len) : NULL;
}

/* Ids are of this process alone. */
static yodel_id id_of(const struct yd_view *view, const struct source *source, uint64_t id)
{
    yodel_str process = yodel_str_of(yd_bus_process(yd_channels_bus(view->own->channels)));

    return (yodel_id){yodel_str_eq((yodel_str){source->process, source->len}, process) ? id : 0};
}

/* Returns 0, -ENOMEM, or 1: there are too many. */
static int add(struct yd_view *view, struct source *source, const struct yd_presence_item *item)
{
    const struct yodel_allocator *mem = mem_of(view);
    size_t bytes = item->channel.len + item->json.len;
    struct person *person;

    if (view->count >= view->max_members || bytes > view->max_bytes ||
        view->bytes > view->max_bytes - bytes) {
        atomic_fetch_add_explicit(&counters_of(view)->refused, 1, memory_order_relaxed);
        return 1;
    }
    if ((person = yd_zalloc(mem, sizeof *person + item->channel.len)) == NULL)
        return -ENOMEM;
    memcpy(person->channel, item->channel.ptr, item->channel.len);
    person->channel_len = item->channel.len;
    person->node.key = (yodel_str){person->channel, person->channel_len};
    person->id = id_of(view, source, item->id);
    person->generation = source->generation;
    if ((item->json.len > 0 && (person->json = copy(view, item->json)) == NULL) ||
        yd_map_insert(&source->members, &person->node) < 0) {
        yd_free(mem, person->json);
        yd_free(mem, person);
        return -ENOMEM;
    }
    person->json_len = item->json.len;
    yd_list_append(&source->members_list, &person->of_source);
    view->count++;
    view->bytes += bytes;
    atomic_fetch_add_explicit(&counters_of(view)->watched, 1, memory_order_relaxed);
    tell(view, person, YODEL_PRESENCE_JOINED);
    return 0;
}

static int change(struct yd_view *view, struct person *person, yodel_str json)
{
    char *text = copy(view, json);

    if (json.len > 0 && text == NULL)
        return -ENOMEM;
    yd_free(mem_of(view), person->json);
    view->bytes = view->bytes - person->json_len + json.len;
    person->json = text;
    person->json_len = json.len;
    tell(view, person, YODEL_PRESENCE_CHANGED);
    return 0;
}

static struct person *find_person(const struct source *source, yodel_str channel)
{
    struct yd_map_node *node = yd_map_find(&source->members, channel);

    return node != NULL ? yd_container_of(node, struct person, node) : NULL;
}

/* It is there, with that document.  Returns 0, -ENOMEM, or 1. */
static int put(struct yd_view *view, struct source *source, const struct yd_presence_item *item)
{
    struct person *person = find_person(source, item->channel);

    if (person == NULL)
        return add(view, source, item);
    person->generation = source->generation;
    if (yodel_str_eq((yodel_str){person->json, person->json_len}, item->json))
        return 0;
    return change(view, person, item->json);
}

/* ---- sources ---- */

static yodel_str make_key(const struct yd_presence_at *at, char buf[YD_PROCESS_SIZE + 1])
{
    memcpy(buf, at->process.ptr, at->process.len);
    buf[at->process.len] = (char)at->loop;
    return (yodel_str){buf, at->process.len + 1};
}

static struct source *find_source(const struct yd_view *view, const struct yd_presence_at *at)
{
    char buf[YD_PROCESS_SIZE + 1];
    struct yd_map_node *node = yd_map_find(&view->sources, make_key(at, buf));

    return node != NULL ? yd_container_of(node, struct source, node) : NULL;
}

static struct source *make_source(struct yd_view *view, const struct yd_presence_at *at)
{
    const uint64_t *secret = view->own->channels->bus->secret;
    struct source *source;

    if (view->num_sources >= MAX_SOURCES) {
        atomic_fetch_add_explicit(&counters_of(view)->refused, 1, memory_order_relaxed);
        return NULL;
    }
    if ((source = yd_zalloc(mem_of(view), sizeof *source)) == NULL)
        return NULL;
    source->node.key = make_key(at, source->process);
    source->loop = at->loop;
    source->len = at->process.len;
    if (yd_map_insert(&view->sources, &source->node) < 0) {
        yd_free(mem_of(view), source);
        return NULL;
    }
    yd_list_append(&view->sources_list, &source->of_view);
    view->num_sources++;
    yd_map_init(&source->members, mem_of(view), secret);
    yd_list_init(&source->members_list);
    return source;
}

/* Those that are no more in the state that has come; all of them. */
static void sweep(struct yd_view *view, struct source *source, bool all)
{
    for (struct yd_list *at = source->members_list.next, *next; at != &source->members_list;
         at = next) {
        struct person *person = person_at(at);

        next = at->next;
        if (all || person->generation != source->generation)
            leave(view, source, person);
    }
}

/* Its members have left. */
static void drop_source(struct yd_view *view, struct source *source)
{
    sweep(view, source, true);
    yd_map_remove(&view->sources, &source->node);
    yd_list_remove(&source->of_view);
    view->num_sources--;
    yd_map_done(&source->members);
    yd_free(mem_of(view), source);
}

/* ---- asking ---- */

/* Appends what is known of a view; all or nothing. */
static int put_interest(const struct yd_view *view, struct yd_buf *buf)
{
    const struct yodel_allocator *mem = mem_of(view);
    size_t before = buf->len;
    uint32_t num = 0;
    int rc;

    for (struct yd_list *at = view->sources_list.next; at != &view->sources_list; at = at->next)
        num++;
    rc = yd_wire_put_str(mem, buf, yd_view_name(view));
    if (rc == 0)
        rc = yd_wire_put_u32(mem, buf, num);
    for (struct yd_list *at = view->sources_list.next; rc == 0 && at != &view->sources_list;
         at = at->next) {
        const struct source *source = source_at(at);
        struct yd_presence_at known = {
            {source->process, source->len}, source->loop, source->version};

        rc = yd_presence_put_at(mem, buf, &known);
    }
    if (rc < 0)
        buf->len = before;
    return rc;
}

static void send_interest(struct yd_presence_loop *own, struct yd_buf *groups, uint32_t *num)
{
    const struct yodel_allocator *mem = yd_channels_mem(own->channels);
    struct yd_buf buf = {0};

    if (*num > 0 && yd_wire_put_u32(mem, &buf, *num) == 0 &&
        yd_buf_append(mem, &buf, groups->ptr, groups->len) == 0)
        (void)yd_presence_send(own->channels, YD_CHANNEL_INTEREST, (yodel_str){NULL, 0}, &buf,
                               false);
    yd_buf_free(mem, &buf);
    groups->len = 0;
    *num = 0;
}

void yd_views_ask(struct yd_presence_loop *own, struct yd_view *only)
{
    struct yd_buf groups = {0};
    uint32_t num = 0;

    for (struct yd_list *at = own->views_list.next; at != &own->views_list; at = at->next) {
        struct yd_view *view = yd_container_of(at, struct yd_view, of_own);

        if (only != NULL && view != only)
            continue;
        num += put_interest(view, &groups) == 0;
        if (groups.len >= INTEREST_SIZE)
            send_interest(own, &groups, &num);
    }
    send_interest(own, &groups, &num);
    yd_buf_free(yd_channels_mem(own->channels), &groups);
}

/* Something was missed.  Not at every message: the answers of the first are on their way. */
static void ask_again(struct yd_view *view)
{
    uint64_t now = view->own->loop->now;

    if (view->asked != 0 && now - view->asked < ASK_MS)
        return;
    view->asked = now;
    atomic_fetch_add_explicit(&counters_of(view)->resyncs, 1, memory_order_relaxed);
    yd_views_ask(view->own, view);
}

/* ---- what comes ---- */

static void malformed(struct yd_view *view)
{
    atomic_fetch_add_explicit(&counters_of(view)->malformed, 1, memory_order_relaxed);
}

/* Whether part is the next of a state of that version. */
static bool begin_part(struct source *source, uint64_t version, uint32_t part)
{
    if (part == 0) {
        source->generation++;
        source->coming = version;
        source->parts = 0;
    }
    if (source->coming != version || source->parts != part)
        return false;
    source->parts++;
    return true;
}

static void end_state(struct yd_view *view, struct source *source)
{
    source->parts = 0;
    source->version = source->coming;
    source->coming = 0;
    sweep(view, source, false);
    if (source->version == 0)
        drop_source(view, source);
}

static void take_items(struct yd_view *view, struct source *source, struct yd_wire_reader *reader,
                       bool last)
{
    uint32_t num = yd_wire_get_u32(reader);
    struct yd_presence_item item;

    for (; num > 0; num--) {
        if (!yd_presence_get_item(reader, &item)) {
            malformed(view);
            source->parts = 0;
            return;
        }
        if (put(view, source, &item) == -ENOMEM) { /* the next interest asks for all of it */
            source->parts = 0;
            return;
        }
    }
    if (last)
        end_state(view, source);
}

/* The parts of a state come one after the other, with nothing else of its source between them. */
void yd_view_state(struct yd_view *view, struct yd_wire_reader *reader)
{
    struct yd_presence_at at;
    bool ok = yd_presence_get_at(reader, &at);
    uint32_t part = yd_wire_get_u32(reader);
    bool last = yd_wire_get_u8(reader) != 0;
    struct source *source;

    if (!ok || reader->failed) {
        malformed(view);
        return;
    }
    if ((source = find_source(view, &at)) == NULL && at.version == 0)
        return;
    if (source == NULL && (source = make_source(view, &at)) == NULL)
        return;
    if (source->version == at.version && source->parts == 0)
        return; /* another one has asked */
    if (begin_part(source, at.version, part))
        take_items(view, source, reader, last);
}

static void take_change(struct yd_view *view, struct source *source, unsigned news,
                        const struct yd_presence_item *item, uint64_t version)
{
    struct person *person;

    if (news == YODEL_PRESENCE_LEFT) {
        if ((person = find_person(source, item->channel)) != NULL)
            leave(view, source, person);
    } else if (put(view, source, item) == -ENOMEM) {
        return; /* at the version before: the next interest asks for all */
    }
    source->version = version;
    source->parts = 0;
    if (version == 0)
        drop_source(view, source);
}

void yd_view_delta(struct yd_view *view, struct yd_wire_reader *reader)
{
    struct yd_presence_at at;
    bool ok = yd_presence_get_at(reader, &at);
    uint64_t before = yd_wire_get_u64(reader);
    uint8_t news = yd_wire_get_u8(reader);
    struct yd_presence_item item;
    struct source *source;

    if (!ok || !yd_presence_get_item(reader, &item) || reader->rest.len > 0 ||
        news < YODEL_PRESENCE_JOINED || news > YODEL_PRESENCE_CHANGED) {
        malformed(view);
        return;
    }
    source = find_source(view, &at);
    if (source == NULL ? before != 0 : source->version != before) {
        if (source == NULL || source->version != at.version)
            ask_again(view);
        return;
    }
    if (source == NULL && (source = make_source(view, &at)) == NULL)
        return;
    take_change(view, source, news, &item, at.version);
}

/* ---- lost processes ---- */

static bool is_lost(const struct yd_view *view, const struct source *source, yodel_str process)
{
    yodel_str name = {source->process, source->len};

    if (process.len > 0)
        return yodel_str_eq(name, process);
    return !yodel_str_eq(name, yodel_str_of(yd_bus_process(yd_channels_bus(view->own->channels))));
}

static void lose_sources(struct yd_view *view, yodel_str process)
{
    for (struct yd_list *at = view->sources_list.next, *next; at != &view->sources_list;
         at = next) {
        next = at->next;
        if (is_lost(view, source_at(at), process))
            drop_source(view, source_at(at));
    }
}

void yd_views_lose(struct yd_presence_loop *own, yodel_str process)
{
    struct yd_list *at = own->views_list.next;

    while (at != &own->views_list) {
        struct yd_view *view = yd_container_of(at, struct yd_view, of_own);

        view->walks++;
        lose_sources(view, process);
        view->walks--;
        at = at->next;
        yd_view_drop(view);
    }
}

/* ---- life ---- */

/* What is sent to the group of views is for presence alone. */
static void ignore(struct yd_member *member, struct yd_delivery *what)
{
    (void)member;
    (void)what;
}

struct yd_view *yd_view_get(struct yd_presence_loop *own, yodel_str name)
{
    yodel_channels *channels = own->channels;
    const struct yodel_allocator *mem = yd_channels_mem(channels);
    struct yd_map_node *node = yd_map_find(&own->views, name);
    struct yd_view *view;
    struct yd_key key;

    if (node != NULL)
        return yd_container_of(node, struct yd_view, node);
    if ((view = yd_zalloc(mem, sizeof *view + 1 + name.len)) == NULL)
        return NULL;
    view->own = own;
    view->name_len = 1 + name.len;
    view->name[0] = '\1';
    memcpy(view->name + 1, name.ptr, name.len);
    view->node.key = yd_view_name(view);
    view->member.deliver = ignore;
    yd_list_init(&view->watchers);
    yd_list_init(&view->sources_list);
    yd_map_init(&view->sources, mem, channels->bus->secret);
    if (yd_map_insert(&own->views, &view->node) < 0)
        goto fail_view;
    key = yd_bus_key(channels->bus, (yodel_str){view->name, view->name_len});
    if (yd_group_join(channels->groups, own->loop, &key, &view->member) < 0)
        goto fail_map;
    yd_list_append(&own->views_list, &view->of_own);
    return view;

fail_map:
    yd_map_remove(&own->views, &view->node);
fail_view:
    yd_free(mem, view);
    return NULL;
}

/* Nobody is there to be told. */
void yd_view_drop(struct yd_view *view)
{
    struct yd_presence_loop *own = view->own;

    if (view->walks > 0 || !yd_list_is_empty(&view->watchers))
        return;
    while (!yd_list_is_empty(&view->sources_list))
        drop_source(view, source_at(view->sources_list.next));
    yd_map_done(&view->sources);
    yd_member_leave_all(own->loop, &view->member);
    yd_map_remove(&own->views, &view->node);
    yd_list_remove(&view->of_own);
    yd_free(yd_channels_mem(own->channels), view);
}
