/* SPDX-License-Identifier: MIT */
#include "sio/packet_log.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

void yd_sio_log_init(struct yd_sio_log *log, const struct yodel_allocator *mem, size_t max_bytes)
{
    *log = (struct yd_sio_log){.mem = mem, .last = &log->first, .max_bytes = max_bytes};
}

static void free_entry(struct yd_sio_log *log, struct yd_sio_entry *entry)
{
    for (size_t i = 0; i < entry->num; i++)
        yd_msg_unref(entry->msgs[i]);
    yd_free(log->mem, entry);
}

static struct yd_sio_entry *take_first(struct yd_sio_log *log)
{
    struct yd_sio_entry *entry = log->first;

    if (entry == NULL)
        return NULL;
    if ((log->first = entry->next) == NULL)
        log->last = &log->first;
    log->bytes -= entry->bytes;
    entry->next = NULL;
    return entry;
}

static void append(struct yd_sio_log *log, struct yd_sio_entry *entry)
{
    *log->last = entry;
    log->last = &entry->next;
    log->bytes += entry->bytes;
}

void yd_sio_log_done(struct yd_sio_log *log)
{
    struct yd_sio_entry *entry;

    while ((entry = take_first(log)) != NULL)
        free_entry(log, entry);
}

void yd_sio_log_clear(struct yd_sio_log *log)
{
    yd_sio_log_done(log);
    yd_sio_log_init(log, log->mem, log->max_bytes);
}

/* NULL when out of memory. */
static struct yd_sio_entry *make_entry(struct yd_sio_log *log, const char *offset,
                                       struct yd_msg *const *msgs, size_t num)
{
    size_t offset_size = strlen(offset) + 1;
    size_t size = sizeof(struct yd_sio_entry) + num * sizeof(struct yd_msg *) + offset_size;
    struct yd_sio_entry *entry = yd_alloc(log->mem, size);

    if (entry == NULL)
        return NULL;
    *entry = (struct yd_sio_entry){.bytes = size, .num = num};
    entry->offset = memcpy((char *)(entry->msgs + num), offset, offset_size);
    for (size_t i = 0; i < num; i++) {
        entry->msgs[i] = yd_msg_ref(msgs[i]);
        entry->bytes += msgs[i]->len;
    }
    return entry;
}

static void drop_first(struct yd_sio_log *log)
{
    free_entry(log, take_first(log));
    log->trimmed = true;
}

void yd_sio_log_note(struct yd_sio_log *log, uint64_t now, uint64_t arrived, const char *offset,
                     const struct yd_sio_out *out)
{
    struct yd_sio_entry *entry =
        make_entry(log, offset, out != NULL ? out->msgs : NULL, out != NULL ? out->num : 0);

    if (entry == NULL) {
        while (log->first != NULL)
            drop_first(log);
        log->trimmed = true;
        return;
    }
    entry->at = now;
    append(log, entry);
    while (log->first->next != NULL &&
           (log->bytes > log->max_bytes || log->first->next->at < arrived))
        drop_first(log);
}

bool yd_sio_log_find(const struct yd_sio_log *log, yodel_str offset,
                     struct yd_sio_entry **ret_entry)
{
    *ret_entry = log->first;
    if (offset.len == 0)
        return !log->trimmed;
    for (struct yd_sio_entry *entry = log->first; entry != NULL; entry = entry->next)
        if (yodel_str_eq(yodel_str_of(entry->offset), offset)) {
            *ret_entry = entry->next;
            return true;
        }
    return false;
}

int yd_sio_log_copy(struct yd_sio_log *log, const struct yd_sio_entry *entry)
{
    for (; entry != NULL; entry = entry->next) {
        struct yd_sio_entry *copy = make_entry(log, entry->offset, entry->msgs, entry->num);

        if (copy == NULL)
            return -ENOMEM;
        copy->at = entry->at;
        append(log, copy);
    }
    return 0;
}

static bool has_offset(const struct yd_sio_log *log, const char *offset)
{
    const struct yd_sio_entry *entry = offset[0] != '\0' ? log->first : NULL;

    while (entry != NULL && strcmp(entry->offset, offset) != 0)
        entry = entry->next;
    return entry != NULL;
}

/* Takes all entries out, to be appended again one by one. */
static struct yd_sio_entry *take_all(struct yd_sio_log *log)
{
    struct yd_sio_entry *first = log->first;

    log->first = NULL;
    log->last = &log->first;
    log->bytes = 0;
    return first;
}

static void put_back(struct yd_sio_log *log, struct yd_sio_entry *entry, bool stays)
{
    entry->next = NULL;
    if (stays)
        append(log, entry);
    else
        free_entry(log, entry);
}

void yd_sio_log_drop(struct yd_sio_log *log, const char *offset)
{
    struct yd_sio_entry *entry = take_all(log), *next;

    for (; entry != NULL; entry = next) {
        next = entry->next;
        put_back(log, entry, strcmp(entry->offset, offset) != 0);
    }
}

void yd_sio_log_drop_until(struct yd_sio_log *log, const char *offset,
                           bool (*is_after)(const char *offset, const char *than))
{
    struct yd_sio_entry *entry = take_all(log), *next;

    for (; entry != NULL; entry = next) {
        next = entry->next;
        put_back(log, entry, entry->offset[0] == '\0' || is_after(entry->offset, offset));
    }
}

void yd_sio_log_prepend(struct yd_sio_log *log, struct yd_sio_log *earlier)
{
    struct yd_sio_entry *own = log->first, *next;

    yd_sio_log_init(log, log->mem, log->max_bytes);
    while ((next = take_first(earlier)) != NULL)
        append(log, next);
    for (; own != NULL; own = next) {
        next = own->next;
        own->next = NULL;
        if (has_offset(log, own->offset))
            free_entry(log, own);
        else
            append(log, own);
    }
}
