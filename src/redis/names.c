/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "redis/core.h"

/* Names that are subscribed to.  What Redis has is made to agree with what is wanted, one command
 * at a time for each name: so none can overtake another. */

static struct yd_redis_name *name_of(struct yd_map_node *node)
{
    return (struct yd_redis_name *)node;
}

static bool is_wanted(const struct yd_redis_name *name)
{
    return name->num_subs > 0;
}

struct yd_redis_name *yd_redis_names_find(yodel_redis *redis, enum yd_redis_kind kind,
                                          yodel_str text)
{
    return name_of(yd_map_find(&redis->names[kind], text));
}

static void set_feed(struct yd_redis_name *name, struct yd_redis_feed *feed)
{
    bool missing = name->missing;

    if (name->feed == feed)
        return;
    yd_redis_name_set_missing(name, false);
    if (name->feed != NULL)
        name->feed->num_names--;
    name->feed = feed;
    if (feed != NULL)
        feed->num_names++;
    yd_redis_name_set_missing(name, missing);
}

static void move_walks(yodel_redis *redis, struct yd_redis_name *name);

static void free_name(yodel_redis *redis, struct yd_redis_name *name)
{
    set_feed(name, NULL);
    move_walks(redis, name);
    yd_list_remove(&name->all);
    yd_map_remove(&redis->names[name->kind], &name->map);
    yd_free(redis->env.mem, name);
}

static struct yd_redis_name *make_name(yodel_redis *redis, enum yd_redis_kind kind, yodel_str text)
{
    struct yd_redis_name *name = yd_zalloc(redis->env.mem, sizeof *name + text.len + 1);

    if (name == NULL)
        return NULL;
    memcpy(name->text, text.ptr, text.len);
    name->map.key = (yodel_str){name->text, text.len};
    name->kind = kind;
    yd_list_init(&name->subs);
    yd_list_init(&name->await.node);
    if (yd_map_insert(&redis->names[kind], &name->map) < 0) {
        yd_free(redis->env.mem, name);
        return NULL;
    }
    yd_list_append(&redis->all_names, &name->all);
    return name;
}

void yd_redis_name_set_missing(struct yd_redis_name *name, bool missing)
{
    if (name->feed == NULL || name->missing == missing)
        return;
    name->missing = missing;
    if (missing)
        name->feed->missing++;
    else
        name->feed->missing--;
    name->feed->link.redis->hooks->changed(name->feed->link.redis);
}

/* ---- telling ---- */

static struct yd_redis_sub *sub_of(struct yd_list *node)
{
    return yd_container_of(node, struct yd_redis_sub, node);
}

/* Each is put back ahead of its call, so that any may leave in any call; those that come meanwhile
 * are not told. */
static struct yd_redis_sub *next_sub(struct yd_redis_name *name, struct yd_list *todo)
{
    struct yd_redis_sub *sub;

    if (yd_list_is_empty(todo))
        return NULL;
    sub = sub_of(todo->next);
    yd_list_remove(&sub->node);
    yd_list_append(&name->subs, &sub->node);
    return sub;
}

static void leave(yodel_redis *redis, struct yd_redis_name *name)
{
    name->busy--;
    yd_redis_name_settle(redis, name);
}

void yd_redis_name_deliver(yodel_redis *redis, struct yd_redis_name *name, yodel_str channel,
                           yodel_bytes payload)
{
    struct yd_redis_sub *sub;
    struct yd_list todo;

    name->busy++;
    yd_list_move(&name->subs, &todo);
    while ((sub = next_sub(name, &todo)) != NULL)
        sub->on_message(sub, channel, payload);
    leave(redis, name);
}

void yd_redis_name_set_on(yodel_redis *redis, struct yd_redis_name *name, bool on)
{
    struct yd_redis_sub *sub;
    struct yd_list todo;

    if (name->on != on)
        atomic_fetch_add_explicit(&redis->subscriptions, on ? 1 : UINT64_MAX, memory_order_relaxed);
    name->on = on;
    name->busy++;
    yd_list_move(&name->subs, &todo);
    while ((sub = next_sub(name, &todo)) != NULL) {
        if (sub->active == name->on)
            continue;
        sub->active = name->on;
        if (sub->on_active != NULL)
            sub->on_active(sub, sub->active);
    }
    name->busy--; /* the caller settles it */
}

/* ---- settling ---- */

static const char *const words_on[] = {"SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"};
static const char *const words_off[] = {"UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"};

static void ask(yodel_redis *redis, struct yd_redis_name *name, bool on)
{
    const char *word = on ? words_on[name->kind] : words_off[name->kind];
    struct yd_redis_feed *feed = name->feed;
    struct yd_buf buf = {NULL, 0, 0};

    if (yd_resp_append(redis->env.mem, &buf, 2, (yodel_str[]){yodel_str_of(word), name->map.key}) <
        0) {
        yd_redis_link_fail(&feed->link, "out of memory");
        return;
    }
    name->await.what = on ? YD_AWAIT_ON : YD_AWAIT_OFF;
    yd_list_append(&feed->awaits, &name->await.node);
    (void)yd_redis_link_send(&feed->link, buf.ptr, buf.len, 1);
    yd_buf_free(redis->env.mem, &buf);
}

/* Where it is to be; false: not known, or there is no connection. */
static bool find_place(yodel_redis *redis, struct yd_redis_name *name)
{
    if (!name->on)
        set_feed(name, redis->hooks->feed_for(redis, name->kind, name->map.key));
    if (name->feed == NULL)
        return false;
    if (is_wanted(name) && redis->begun && !redis->finishing)
        yd_redis_link_start(&name->feed->link);
    return yd_redis_link_is_ready(&name->feed->link);
}

void yd_redis_name_settle(yodel_redis *redis, struct yd_redis_name *name)
{
    if (name->await.what != YD_AWAIT_NONE || name->busy > 0)
        return;
    if (!is_wanted(name)) {
        name->refused = false;
        yd_redis_name_set_missing(name, false);
        if (!name->on)
            free_name(redis, name);
        else if (yd_redis_link_is_ready(&name->feed->link))
            ask(redis, name, false);
        return;
    }
    if (!name->on && !name->refused && !redis->ended && find_place(redis, name))
        ask(redis, name, true);
}

/* ---- all of them ---- */

/* The next of a walk, which goes on whatever becomes of names meanwhile. */
static struct yd_redis_name *next_name(yodel_redis *redis, struct yd_redis_walk *walk)
{
    struct yd_list *node = walk->next;

    if (node == &redis->all_names) {
        redis->walk = walk->outer;
        return NULL;
    }
    walk->next = node->next;
    return yd_container_of(node, struct yd_redis_name, all);
}

static struct yd_redis_walk begin_walk(yodel_redis *redis)
{
    return (struct yd_redis_walk){redis->all_names.next, redis->walk};
}

static void move_walks(yodel_redis *redis, struct yd_redis_name *name)
{
    for (struct yd_redis_walk *walk = redis->walk; walk != NULL; walk = walk->outer)
        if (walk->next == &name->all)
            walk->next = name->all.next;
}

void yd_redis_names_settle(yodel_redis *redis, struct yd_redis_feed *feed)
{
    struct yd_redis_walk walk = begin_walk(redis);
    struct yd_redis_name *name;

    redis->walk = &walk;
    while ((name = next_name(redis, &walk)) != NULL) {
        if (!name->on && name->await.what == YD_AWAIT_NONE)
            set_feed(name, redis->hooks->feed_for(redis, name->kind, name->map.key));
        if (name->feed != feed)
            continue;
        if (is_wanted(name) && !name->on)
            yd_redis_name_set_missing(name, true);
        yd_redis_name_settle(redis, name);
    }
}

void yd_redis_names_lost(yodel_redis *redis, struct yd_redis_feed *feed)
{
    struct yd_redis_walk walk = begin_walk(redis);
    struct yd_redis_name *name;

    redis->walk = &walk;
    while ((name = next_name(redis, &walk)) != NULL) {
        if (name->feed != feed)
            continue;
        name->refused = false;
        if (is_wanted(name))
            yd_redis_name_set_missing(name, true);
        yd_redis_name_set_on(redis, name, false);
        yd_redis_name_settle(redis, name);
    }
}

void yd_redis_names_retry(yodel_redis *redis, struct yd_redis_feed *feed)
{
    struct yd_redis_walk walk = begin_walk(redis);
    struct yd_redis_name *name;

    redis->walk = &walk;
    while ((name = next_name(redis, &walk)) != NULL) {
        if (!name->refused || (feed != NULL && name->feed != feed))
            continue;
        name->refused = false;
        yd_redis_name_settle(redis, name);
    }
}

void yd_redis_names_reassign(yodel_redis *redis)
{
    struct yd_redis_walk walk = begin_walk(redis);
    struct yd_redis_name *name;

    redis->walk = &walk;
    while ((name = next_name(redis, &walk)) != NULL) {
        if (name->kind != YD_REDIS_SHARDED)
            continue;
        name->refused = false;
        if (name->on && name->await.what == YD_AWAIT_NONE &&
            redis->hooks->feed_for(redis, name->kind, name->map.key) != name->feed)
            yd_redis_name_set_on(redis, name, false); /* its old owner drops it by itself */
        yd_redis_name_settle(redis, name);
    }
}

void yd_redis_names_free(yodel_redis *redis)
{
    while (!yd_list_is_empty(&redis->all_names)) {
        struct yd_redis_name *name =
            yd_container_of(redis->all_names.next, struct yd_redis_name, all);

        while (!yd_list_is_empty(&name->subs)) {
            struct yd_redis_sub *sub = sub_of(name->subs.next);

            yd_list_remove(&sub->node);
            sub->entry = NULL;
        }
        free_name(redis, name);
    }
    for (unsigned kind = 0; kind < YD_LEN(redis->names); kind++)
        yd_map_done(&redis->names[kind]);
}

/* ---- what is wanted ---- */

int yd_redis_subscribe(yodel_redis *redis, struct yd_redis_sub *sub)
{
    struct yd_redis_name *name;

    if (sub->entry != NULL)
        return YODEL_ERR_STATE;
    if (sub->name.len == 0)
        return -EINVAL;
    name = yd_redis_names_find(redis, sub->kind, sub->name);
    if (name == NULL && (name = make_name(redis, sub->kind, sub->name)) == NULL)
        return -ENOMEM;
    sub->entry = name;
    yd_list_append(&name->subs, &sub->node);
    name->num_subs++;
    sub->active = name->on && name->await.what != YD_AWAIT_OFF;
    if (sub->active && sub->on_active != NULL)
        sub->on_active(sub, true);
    else
        yd_redis_name_settle(redis, name);
    return 0;
}

void yd_redis_unsubscribe(yodel_redis *redis, struct yd_redis_sub *sub)
{
    struct yd_redis_name *name = sub->entry;

    if (name == NULL)
        return;
    yd_list_remove(&sub->node);
    sub->entry = NULL;
    sub->active = false;
    name->num_subs--;
    yd_redis_name_settle(redis, name);
}
