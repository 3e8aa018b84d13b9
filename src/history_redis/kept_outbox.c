/* SPDX-License-Identifier: MIT */
#include "history_redis/kept_outbox.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "history_redis/kept_follow.h"
#include "history_redis/kept_groups.h"
#include "history_redis/kept_read.h"
#include "history_redis/kept_script.h"

#define BATCH_BYTES ((size_t)256 * 1024)

struct item {
    struct yd_list of_box;
    struct yd_msg *msg;
    struct yd_history_told told;
    uint64_t number, since;
    bool early; /* the members in this process have it */
};

/* What waits of one group. */
struct box {
    struct yd_map_node node; /* by name */
    struct yd_list of_all;
    struct yd_list items;
    struct yd_kept *kept;
    yodel_history_options options;
    unsigned num_taken; /* the first so many */
    unsigned num_sent;  /* those that follow, in one command; 0: none is under way */
    bool again;         /* some may be in the stream already */
    char name[];
};

static struct box *box_of(struct yd_list *of_all)
{
    return yd_container_of(of_all, struct box, of_all);
}

static struct item *item_of(struct yd_list *of_box)
{
    return yd_container_of(of_box, struct item, of_box);
}

static size_t size_of(const struct yd_msg *msg)
{
    return sizeof(struct item) + msg->len;
}

static void free_item(struct yd_kept *kept, struct item *item)
{
    atomic_fetch_sub_explicit(&kept->waiting, size_of(item->msg), memory_order_relaxed);
    yd_list_remove(&item->of_box);
    yd_msg_unref(item->msg);
    yd_free(kept->mem, item);
}

static void free_box(struct box *box)
{
    struct yd_kept *kept = box->kept;

    while (!yd_list_is_empty(&box->items))
        free_item(kept, item_of(box->items.next));
    yd_list_remove(&box->of_all);
    yd_map_remove(&kept->boxes, &box->node);
    yd_free(kept->mem, box);
}

static void free_if_idle(struct box *box)
{
    if (box->num_sent == 0 && yd_list_is_empty(&box->items))
        free_box(box);
}

static void tell(struct item *item, int result)
{
    yd_history_tell(&item->told, result, (struct yd_offset){0, 0});
}

/* ---- ahead of Redis ---- */

/* False: it is to be tried again, ahead of those that follow. */
static bool pass_early(const struct box *box, struct item *item)
{
    struct yd_kept_group *group = yd_kept_find_group(box->kept, box->node.key);
    int rc = group != NULL ? yd_kept_pass_early(group, item->msg, item->number) : 0;

    if (rc < 0)
        return false;
    yd_kept_count(&box->kept->counters.early, rc == 0);
    item->early = true;
    tell(item, -ENOTCONN);
    return true;
}

/* Those that members do not have are the last ones. */
static void pass_all_early(const struct box *box)
{
    struct yd_list *at = box->items.prev;

    while (at != &box->items && !item_of(at)->early)
        at = at->prev;
    for (at = at->next; at != &box->items && pass_early(box, item_of(at)); at = at->next)
        continue;
}

static void go_away(struct yd_kept *kept)
{
    if (kept->away)
        return;
    if (yd_redis_may_log(kept->redis))
        yd_log(yd_redis_log(kept->redis), YODEL_LOG_WARN,
               "redis: history waits; members of this process get messages ahead of it");
    kept->away = true;
    kept->answers = false;
    yd_kept_fail_reads(kept, -ENOTCONN);
    for (struct yd_list *at = kept->all_boxes.next; at != &kept->all_boxes; at = at->next)
        pass_all_early(box_of(at));
}

/* ---- replies ---- */

static void send_next(struct box *box);

/* Of those that Redis has: what has come to the members, or is for nobody here. */
static void drop_taken(struct box *box)
{
    struct yd_kept *kept = box->kept;
    const struct yd_kept_group *group = yd_kept_find_group(kept, box->node.key);

    while (box->num_taken > 0) {
        struct item *item = item_of(box->items.next);

        if (group != NULL && !item->early && item->number > group->own)
            break;
        box->num_taken--;
        free_item(kept, item);
    }
    if (box->num_taken > 0)
        yd_kept_later(kept, YD_KEPT_AGAIN_MS);
}

static struct yd_list *first_untaken(const struct box *box)
{
    struct yd_list *at = box->items.next;

    for (unsigned i = 0; i < box->num_taken; i++)
        at = at->next;
    return at;
}

/* Redis will never take them. */
static void refuse_items(struct box *box, unsigned num, yodel_str why)
{
    struct yd_kept *kept = box->kept;
    struct yd_list *at, *next;

    if (yd_redis_may_log(kept->redis))
        yd_log(yd_redis_log(kept->redis), YODEL_LOG_ERROR, "redis: a message is not kept: %.*s",
               (int)why.len, why.ptr);
    at = first_untaken(box);
    for (unsigned i = 0; i < num; i++, at = at->next)
        tell(item_of(at), -EIO);
    pass_all_early(box);
    yd_kept_count(&kept->counters.refused, num);
    for (at = first_untaken(box); num > 0; at = next, num--) {
        next = at->next;
        free_item(kept, item_of(at));
    }
}

/* Redis has taken num more, and says where they stand. */
static void tell_places(const struct box *box, const struct yd_redis_reply *reply, unsigned num)
{
    bool is_list = reply->type == YODEL_REDIS_ARRAY && reply->num == num;
    struct yd_list *at = first_untaken(box);

    for (unsigned i = 0; i < num; i++, at = at->next) {
        struct yd_offset offset;

        if (is_list && reply->elements[i]->type == YODEL_REDIS_STRING &&
            yd_offset_read(reply->elements[i]->text, &offset))
            yd_history_tell(&item_of(at)->told, 0, offset);
        else
            tell(item_of(at), -EIO);
    }
}

/* Redis takes messages again, and what is published comes. */
static void end_away(struct yd_kept *kept)
{
    if (kept->answers && yodel_redis_state(kept->redis) == YODEL_REDIS_UP)
        kept->away = false;
    if (kept->away)
        yd_kept_later(kept, YD_KEPT_AGAIN_MS);
}

static void on_appended(const struct yd_redis_reply *reply, void *arg)
{
    struct box *box = arg;
    struct yd_kept *kept = box->kept;
    unsigned num = box->num_sent;

    box->num_sent = 0;
    if (kept->ended) {
        free_if_idle(box);
        return;
    }
    if (reply == NULL || (yd_redis_is_error(reply) && yd_redis_error_passes(reply->text))) {
        box->again = box->again || reply == NULL;
        yd_kept_later(kept, YD_KEPT_AGAIN_MS);
        return;
    }
    box->again = false;
    if (yd_redis_is_error(reply)) {
        refuse_items(box, num, reply->text);
    } else {
        yd_kept_count(&kept->counters.appended, num);
        tell_places(box, reply, num);
        kept->answers = true;
        end_away(kept);
        box->num_taken += num;
        drop_taken(box);
    }
    send_next(box);
    free_if_idle(box);
}

/* ---- sending ---- */

/* Adds items from first on; returns those that have been added. */
static unsigned add_items(struct yd_kept_words *words, const struct box *box,
                          const struct yd_list *first, unsigned most)
{
    size_t bytes = 0;
    unsigned num = 0;

    for (const struct yd_list *at = first; at != &box->items && num < most && bytes < BATCH_BYTES;
         at = at->next) {
        const struct item *item = yd_container_of(at, struct item, of_box);

        yd_kept_words_add(words, item->number, item->msg);
        bytes += item->msg->len;
        num++;
    }
    return num;
}

static int send_some(struct box *box, unsigned most)
{
    struct yd_kept *kept = box->kept;
    char buf[YD_KEPT_KEY_SIZE];
    struct yd_kept_words words;
    int rc;

    yd_kept_words_begin(&words, kept, yd_kept_key(kept, box->node.key, buf), &box->options,
                        box->again);
    box->num_sent = add_items(&words, box, first_untaken(box), most);
    if ((rc = yd_kept_ask_append(kept, &words, on_appended, box)) < 0)
        box->num_sent = 0;
    return rc;
}

static void send_next(struct box *box)
{
    int rc = 0;

    if (box->num_sent > 0 || first_untaken(box) == &box->items)
        return;
    rc = send_some(box, YD_KEPT_BATCH);
    while (rc == YODEL_ERR_TOO_BIG && first_untaken(box) != &box->items) {
        rc = send_some(box, 1);
        if (rc == YODEL_ERR_TOO_BIG)
            refuse_items(box, 1, YODEL_STR("it is too large"));
    }
    if (rc < 0)
        yd_kept_later(box->kept, YD_KEPT_AGAIN_MS);
}

/* When the oldest one was added that its members do not have; those are the last ones. */
static uint64_t oldest_of(const struct box *box)
{
    uint64_t since = UINT64_MAX;

    for (struct yd_list *at = box->items.prev; at != &box->items && !item_of(at)->early;
         at = at->prev)
        since = item_of(at)->since;
    return since;
}

static void check_patience(struct yd_kept *kept)
{
    uint64_t now = yd_loop_due(kept->loop, 0), oldest = UINT64_MAX;

    for (struct yd_list *at = kept->all_boxes.next; at != &kept->all_boxes; at = at->next)
        oldest = YD_MIN(oldest, oldest_of(box_of(at)));
    if (oldest == UINT64_MAX || kept->away)
        return;
    if (oldest + kept->patience_ms <= now)
        go_away(kept);
    else
        yd_kept_later(kept, (uint32_t)(oldest + kept->patience_ms - now));
}

void yd_kept_send(struct yd_kept *kept)
{
    struct yd_list *next;

    for (struct yd_list *at = kept->all_boxes.next; at != &kept->all_boxes; at = next) {
        struct box *box = box_of(at);

        next = at->next;
        drop_taken(box);
        if (kept->away)
            pass_all_early(box);
        send_next(box);
        free_if_idle(box);
    }
    end_away(kept);
    check_patience(kept);
}

/* ---- what is to be kept ---- */

static struct box *find_box(struct yd_kept *kept, yodel_str name)
{
    struct yd_map_node *node = yd_map_find(&kept->boxes, name);
    struct box *box;

    if (node != NULL)
        return yd_container_of(node, struct box, node);
    if ((box = yd_zalloc(kept->mem, sizeof *box + name.len)) == NULL)
        return NULL;
    memcpy(box->name, name.ptr, name.len);
    box->node.key = (yodel_str){box->name, name.len};
    box->kept = kept;
    yd_list_init(&box->items);
    if (yd_map_insert(&kept->boxes, &box->node) < 0) {
        yd_free(kept->mem, box);
        return NULL;
    }
    yd_list_append(&kept->all_boxes, &box->of_all);
    return box;
}

static struct item *add_item(struct box *box, struct yd_msg *msg)
{
    struct yd_kept *kept = box->kept;
    struct item *item = yd_zalloc(kept->mem, sizeof *item);

    if (item == NULL)
        return NULL;
    item->msg = yd_msg_ref(msg);
    item->number = ++kept->number;
    item->since = yd_loop_due(kept->loop, 0);
    yd_list_append(&box->items, &item->of_box);
    atomic_fetch_add_explicit(&kept->waiting, size_of(msg), memory_order_relaxed);
    return item;
}

int yd_kept_append(struct yd_kept *kept, const yodel_history_options *options, yodel_str name,
                   struct yd_msg *msg, const struct yd_history_told *told)
{
    size_t waiting = atomic_load_explicit(&kept->waiting, memory_order_relaxed);
    bool fits = size_of(msg) <= kept->max_queue - YD_MIN(waiting, kept->max_queue);
    struct box *box;
    struct item *item;

    if (kept->ended)
        return YODEL_ERR_CLOSED;
    if ((box = find_box(kept, name)) == NULL)
        return -ENOMEM;
    box->options = *options;
    if ((item = add_item(box, msg)) == NULL) {
        free_if_idle(box);
        return -ENOMEM;
    }
    if (!fits)
        go_away(kept);
    if (kept->away)
        pass_all_early(box);
    item->told = *told;
    if (!fits) {
        yd_kept_count(&kept->counters.refused, 1);
        free_item(kept, item);
    } else if (item->early) {
        tell(item, -ENOTCONN);
    }
    send_next(box);
    free_if_idle(box);
    yd_kept_later(kept, kept->patience_ms);
    return fits ? 0 : YODEL_ERR_CONGESTED;
}

/* ---- the end ---- */

static void send_rest(struct box *box)
{
    const struct yd_list *at = box->items.next;
    char buf[YD_KEPT_KEY_SIZE];
    yodel_str key = yd_kept_key(box->kept, box->node.key, buf);
    struct yd_kept_words words;
    unsigned skip = box->num_taken + box->num_sent, num = 1;

    for (; skip > 0; skip--)
        at = at->next;
    while (at != &box->items && num > 0) {
        yd_kept_words_begin(&words, box->kept, key, &box->options, box->again);
        num = add_items(&words, box, at, YD_KEPT_BATCH);
        if (yd_kept_ask_append(box->kept, &words, NULL, NULL) < 0)
            return;
        yd_kept_count(&box->kept->counters.appended, num);
        while (num-- > 0)
            at = at->next;
        num = 1;
    }
}

void yd_kept_send_last(struct yd_kept *kept)
{
    for (struct yd_list *at = kept->all_boxes.next; at != &kept->all_boxes; at = at->next)
        send_rest(box_of(at));
}

void yd_kept_tell_last(struct yd_kept *kept)
{
    for (struct yd_list *of_all = kept->all_boxes.next; of_all != &kept->all_boxes;
         of_all = of_all->next) {
        struct box *box = box_of(of_all);

        for (struct yd_list *at = box->items.next; at != &box->items; at = at->next)
            tell(item_of(at), -ENOTCONN);
    }
}

void yd_kept_free_boxes(struct yd_kept *kept)
{
    while (!yd_list_is_empty(&kept->all_boxes))
        free_box(box_of(kept->all_boxes.next));
    yd_map_done(&kept->boxes);
}
