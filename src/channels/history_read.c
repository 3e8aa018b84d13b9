/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "channels/history.h"

/* ---- what is asked ---- */

int yd_history_read_new(yodel_channels *channels, yodel_str name, const char *from, size_t limit,
                        struct yd_history_read **ret_read)
{
    struct yd_offset offset = {0, 0};
    yodel_history_options options;
    struct yd_history_read *read;

    if (!yd_history_find(channels, name, &options))
        return YODEL_ERR_UNSUPPORTED;
    if (from != NULL && from[0] != '\0' && !yd_offset_read(yodel_str_of(from), &offset))
        return YODEL_ERR_FORMAT;
    if ((read = yd_zalloc(yd_channels_mem(channels), sizeof *read + name.len)) == NULL)
        return -ENOMEM;
    read->channels = channels;
    yd_layer_ref(&channels->layer);
    read->options = options;
    read->from = offset;
    read->limit = limit;
    memcpy(read->name, name.ptr, name.len);
    read->name_len = name.len;
    *ret_read = read;
    return 0;
}

void yd_history_read_free(struct yd_history_read *read)
{
    yodel_channels *channels = read->channels;

    yd_buf_free(yd_channels_mem(channels), &read->entries);
    yd_buf_free(yd_channels_mem(channels), &read->data);
    yd_free(yd_channels_mem(channels), read);
    yd_layer_unref(&channels->layer);
}

int yd_history_read_add(struct yd_history_read *read, struct yd_offset offset, uint8_t type,
                        yodel_bytes data)
{
    const struct yodel_allocator *mem = yd_channels_mem(read->channels);
    struct yd_history_entry entry = {offset, type, data.len};

    if (yd_buf_append(mem, &read->data, data.ptr, data.len) < 0)
        return -ENOMEM;
    if (yd_buf_append(mem, &read->entries, &entry, sizeof entry) == 0)
        return 0;
    read->data.len -= data.len;
    return -ENOMEM;
}

static void fill_in(const struct yd_history_read *read, size_t num, yodel_kept_message *messages)
{
    const struct yd_history_entry *entries = (const void *)read->entries.ptr;
    const uint8_t *data = read->data.ptr;

    for (size_t i = 0; i < num; i++) {
        yd_offset_write(entries[i].offset, messages[i].offset);
        messages[i].type = (yodel_ws_type)entries[i].type;
        messages[i].data = (yodel_bytes){data, entries[i].len};
        data += entries[i].len;
    }
}

void yd_history_read_show(struct yd_history_read *read,
                          void (*show)(const yodel_history *history, void *arg), void *arg)
{
    const struct yodel_allocator *mem = yd_channels_mem(read->channels);
    size_t num = read->result == 0 ? read->entries.len / sizeof(struct yd_history_entry) : 0;
    yodel_kept_message *messages = num > 0 ? yd_alloc_array(mem, num, sizeof *messages) : NULL;
    char last[YODEL_OFFSET_SIZE] = "";
    yodel_history history = {.size = sizeof history, .result = read->result, .gone = read->gone};

    if (num > 0 && messages == NULL) {
        history.result = -ENOMEM;
        num = 0;
    }
    fill_in(read, num, messages);
    if (history.result < 0)
        read->last = read->from;
    if (read->last.a != 0 || read->last.b != 0)
        yd_offset_write(read->last, last);
    history.messages = messages;
    history.num_messages = num;
    history.last = last;
    show(&history, arg);
    yd_free(mem, messages);
}

/* ---- the way to the home and back ---- */

static void finish(struct yd_history_read *read)
{
    read->done(read, NULL);
    yd_history_read_free(read);
}

static void go_back(struct yd_history_read *read, struct yd_loop *home)
{
    if (read->back == NULL) {
        finish(read);
    } else if (read->back == home) {
        yd_loop_task(home, &read->mail);
    } else if (yd_loop_post(read->back, &read->mail) < 0) {
        read->result = YODEL_ERR_CLOSED;
        finish(read);
    }
}

void yd_history_read_answer(struct yd_history_read *read)
{
    struct yd_history *history = read->channels->history;

    atomic_fetch_add(&history->read, read->entries.len / sizeof(struct yd_history_entry));
    atomic_fetch_add(&history->gone, read->gone);
    read->mail.run = read->come_back;
    go_back(read, history->home);
}

static void run_at_home(struct yd_mail *mail, void *receiver)
{
    struct yd_history_read *read = yd_container_of(mail, struct yd_history_read, mail);
    struct yd_history_store *store = read->channels->history->store;

    (void)receiver;
    store->ops->read(store, read);
}

int yd_history_read_start(struct yd_history_read *read)
{
    struct yd_loop *home = read->channels->history->home;

    read->mail.run = run_at_home;
    if (yd_loop_is_current(home)) {
        yd_loop_task(home, &read->mail);
        return 0;
    }
    return yd_loop_post(home, &read->mail);
}
