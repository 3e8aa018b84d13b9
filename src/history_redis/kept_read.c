/* SPDX-License-Identifier: MIT */
#include "history_redis/kept_read.h"

#include <errno.h>

#include "base/container.h"
#include "base/mem.h"
#include "history_redis/kept_entry.h"
#include "history_redis/kept_groups.h"
#include "history_redis/kept_script.h"

/* For a reply, and for what its members are to have first. */
#define READ_MS 5000

struct pending {
    struct yd_list of_all, of_group;
    struct yd_kept *kept;
    struct yd_history_read *read; /* NULL: answered, but its reply is to come */
    uint64_t due;
    bool asked, filled;
};

static struct pending *pending_of(struct yd_list *of_all)
{
    return yd_container_of(of_all, struct pending, of_all);
}

static void answer(struct pending *pending, int result)
{
    struct yd_kept *kept = pending->kept;
    struct yd_history_read *read = pending->read;

    pending->read = NULL;
    yd_list_remove(&pending->of_all);
    yd_list_remove(&pending->of_group);
    kept->num_reads--;
    if (!pending->asked)
        yd_free(kept->mem, pending);
    if (result < 0)
        read->result = result;
    if (read->result == 0) {
        yd_kept_count(&kept->counters.replayed,
                      read->entries.len / sizeof(struct yd_history_entry));
        yd_kept_count(&kept->counters.too_old, read->gone);
    }
    yd_history_read_answer(read);
}

/* ---- what Redis has read ---- */

static bool is_offset(const struct yd_redis_reply *reply, struct yd_offset *ret_offset)
{
    *ret_offset = (struct yd_offset){0, 0};
    return reply->type == YODEL_REDIS_STRING &&
           (reply->text.len == 0 || yd_offset_read(reply->text, ret_offset));
}

/* first: that is not too old, or zero. */
static bool has_gone(const struct yd_history_read *read, struct yd_offset first,
                     struct yd_offset last)
{
    if (read->from.a == 0 && read->from.b == 0)
        return false;
    if (last.a == 0 || yd_offset_is_after(read->from, last))
        return true; /* of another time */
    if (first.a == 0)
        return yd_offset_is_after(last, read->from);
    return yd_offset_is_after(first, read->from) && read->from.b + 1 != first.b;
}

/* The newest come first, and of those that are too many the oldest are left out. */
static void add_entries(struct yd_kept *kept, struct yd_history_read *read,
                        const struct yd_redis_reply *list, struct yd_offset first)
{
    size_t num = list->num;

    if (read->limit > 0 && num > read->limit) {
        num = read->limit;
        read->gone = true;
    }
    for (size_t i = num; i > 0 && read->result == 0; i--) {
        struct yd_kept_entry entry;

        if (!yd_kept_entry_read(list->elements[i - 1], &entry) ||
            !yd_history_is_fit(&read->options, entry.type, entry.data))
            yd_kept_count(&kept->counters.malformed, 1);
        else if (!yd_offset_is_after(first, entry.id))
            read->result = yd_history_read_add(read, entry.id, entry.type, entry.data);
    }
}

/* [first, last, [entry, ...]] */
static bool fill_in(struct yd_kept *kept, struct yd_history_read *read,
                    const struct yd_redis_reply *reply)
{
    struct yd_offset first;

    if (reply->type != YODEL_REDIS_ARRAY || reply->num != 3 ||
        !is_offset(reply->elements[0], &first) || !is_offset(reply->elements[1], &read->last) ||
        reply->elements[2]->type != YODEL_REDIS_ARRAY)
        return false;
    read->gone = has_gone(read, first, read->last);
    add_entries(kept, read, reply->elements[2], first);
    return true;
}

static bool must_wait(const struct yd_kept_group *group, const struct yd_history_read *read)
{
    return group->joined && (!group->knows || yd_offset_is_after(read->last, group->last));
}

static void answer_or_wait(struct pending *pending)
{
    struct yd_history_read *read = pending->read;
    struct yd_kept_group *group =
        read->back != NULL
            ? yd_kept_find_group(pending->kept, (yodel_str){read->name, read->name_len})
            : NULL;

    if (group != NULL && read->result == 0 && must_wait(group, read))
        yd_list_append(&group->reads, &pending->of_group);
    else
        answer(pending, 0);
}

void yd_kept_wake_reads(struct yd_kept_group *group)
{
    struct yd_list *next;

    for (struct yd_list *at = group->reads.next; at != &group->reads; at = next) {
        struct pending *pending = yd_container_of(at, struct pending, of_group);

        next = at->next;
        if (!must_wait(group, pending->read))
            answer(pending, 0);
    }
}

static void on_reply(const struct yd_redis_reply *reply, void *arg)
{
    struct pending *pending = arg;
    struct yd_kept *kept = pending->kept;

    pending->asked = false;
    if (pending->read == NULL) {
        yd_free(kept->mem, pending);
    } else if (reply == NULL || (yd_redis_is_error(reply) && yd_redis_error_passes(reply->text))) {
        yd_kept_later(kept, YD_KEPT_AGAIN_MS);
    } else if (yd_redis_is_error(reply)) {
        answer(pending, -EIO);
    } else if (!fill_in(kept, pending->read, reply)) {
        yd_kept_count(&kept->counters.malformed, 1);
        answer(pending, -EIO);
    } else {
        pending->filled = true;
        answer_or_wait(pending);
    }
}

/* ---- asking ---- */

static int ask(struct pending *pending)
{
    struct yd_history_read *read = pending->read;
    int rc = yd_kept_ask_read(pending->kept, read, &read->options, on_reply, pending);

    pending->asked = rc == 0;
    return rc;
}

static int check(const struct yd_kept *kept)
{
    if (kept->ended)
        return YODEL_ERR_CLOSED;
    if (kept->away)
        return -ENOTCONN;
    return kept->num_reads < kept->max_reads ? 0 : YODEL_ERR_CONGESTED;
}

void yd_kept_read(struct yd_kept *kept, struct yd_history_read *read)
{
    struct pending *pending = NULL;

    read->result = check(kept);
    if (read->result == 0 && (pending = yd_zalloc(kept->mem, sizeof *pending)) == NULL)
        read->result = -ENOMEM;
    if (pending == NULL) {
        yd_history_read_answer(read);
        return;
    }
    pending->kept = kept;
    pending->read = read;
    pending->due = yd_loop_due(kept->loop, READ_MS);
    yd_list_init(&pending->of_group);
    yd_list_append(&kept->reads, &pending->of_all);
    kept->num_reads++;
    yd_kept_later(kept, READ_MS);
    if ((read->result = ask(pending)) < 0)
        answer(pending, read->result);
}

void yd_kept_look_at_reads(struct yd_kept *kept)
{
    uint64_t now = yd_loop_due(kept->loop, 0);
    struct yd_list *next;

    for (struct yd_list *at = kept->reads.next; at != &kept->reads; at = next) {
        struct pending *pending = pending_of(at);
        int rc;

        next = at->next;
        if (pending->due <= now)
            answer(pending, -ENOTCONN);
        else if (!pending->asked && !pending->filled && (rc = ask(pending)) < 0)
            answer(pending, rc);
    }
    if (!yd_list_is_empty(&kept->reads))
        yd_kept_later(kept, (uint32_t)(pending_of(kept->reads.next)->due - now));
}

void yd_kept_fail_reads(struct yd_kept *kept, int result)
{
    while (!yd_list_is_empty(&kept->reads))
        answer(pending_of(kept->reads.next), result);
}
