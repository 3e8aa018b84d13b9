/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/container.h"
#include "base/options.h"
#include "channels/channel_event.h"
#include "channels/history.h"
#include "ws/ws.h"

/* WebSockets that come back. */

#define DEFAULT(field, value)                                                                      \
    if (options.field == 0)                                                                        \
    options.field = (value)

int yodel_channels_keep_history(yodel_channels *channels, const char *pattern,
                                const yodel_history_options *given)
{
    yodel_history_options options;
    yodel_str name = yodel_str_of(pattern);
    int rc;

    if (channels == NULL)
        return -EINVAL;
    if ((rc = yd_options_read(given, &options, sizeof options)) < 0)
        return rc;
    if (!yd_channel_name_is_valid(name))
        return YODEL_ERR_NAME;
    DEFAULT(max_messages, 100);
    DEFAULT(max_bytes, 1024 * 1024);
    DEFAULT(ttl_ms, 3600000);
    DEFAULT(max_groups, 10000);
    return yd_history_add_rule(channels, name, &options);
}

/* ---- reading ---- */

static void show_history(const yodel_history *history, void *arg)
{
    struct yd_history_read *read = arg;
    yodel_history_fn *fn = (yodel_history_fn *)read->fn;

    fn(history, read->user);
}

static void on_read(struct yd_history_read *read, struct yd_member *member)
{
    (void)member;
    yd_history_read_show(read, show_history, read);
}

static void on_forgotten(struct yd_history_read *read, struct yd_member *member)
{
    (void)member;
    if (read->fn != NULL)
        yd_history_read_show(read, show_history, read);
}

/* A read that has all it needs begins. */
static int begin(struct yd_history_read *read, yodel_history_fn *fn, void *user)
{
    int rc;

    read->fn = (void (*)(void))fn;
    read->user = user;
    if ((rc = yd_history_read_start(read)) < 0)
        yd_history_read_free(read);
    return rc;
}

int yodel_group_history(yodel_channels *channels, const char *group, const char *from, size_t limit,
                        yodel_history_fn *fn, void *user)
{
    struct yd_history_read *read;
    int rc;

    if (channels == NULL || fn == NULL)
        return -EINVAL;
    if (!yd_channel_name_is_valid(yodel_str_of(group)))
        return YODEL_ERR_NAME;
    if ((rc = yd_history_read_new(channels, yodel_str_of(group), from, limit, &read)) < 0)
        return rc;
    read->done = on_read;
    return begin(read, fn, user);
}

int yodel_group_forget_history(yodel_channels *channels, const char *group, yodel_history_fn *fn,
                               void *user)
{
    struct yd_history_read *read;
    int rc;

    if (channels == NULL)
        return -EINVAL;
    if (!yd_channel_name_is_valid(yodel_str_of(group)))
        return YODEL_ERR_NAME;
    if ((rc = yd_history_read_new(channels, yodel_str_of(group), NULL, 0, &read)) < 0)
        return rc;
    read->forgets = true;
    read->done = on_forgotten;
    return begin(read, fn, user);
}

/* ---- coming back ---- */

static void send_gone(yodel_ws *ws)
{
    (void)yodel_ws_send_text(ws, YODEL_STR("{\"gone\":true}"));
}

/* As it was sent to the others. */
static void send_kept(yodel_ws *ws, yodel_channels *channels, bool envelope,
                      const yodel_kept_message *message)
{
    struct yd_offset offset = {0, 0};
    struct yd_msg *msg;

    (void)yd_offset_read(yodel_str_of(message->offset), &offset);
    msg = envelope ? yd_history_wrap(channels, offset, message->data)
                   : yd_ws_make_msg(yd_channels_mem(channels), message->type, message->data);
    if (msg == NULL) {
        yd_ws_fail(ws, 1011, "out of memory", YODEL_WS_BY_SERVER);
        return;
    }
    yd_ws_deliver(&ws->member, &(struct yd_delivery){.msg = msg});
    yd_msg_unref(msg);
}

struct resuming {
    struct yd_history_read *read;
    yodel_ws *ws;
};

static void send_missed(const struct resuming *resuming, const yodel_history *history)
{
    const struct yd_history_read *read = resuming->read;
    bool envelope = yd_history_read_has_envelope(read);

    if (envelope && (history->gone || history->result < 0))
        send_gone(resuming->ws);
    for (size_t i = 0; i < history->num_messages; i++)
        send_kept(resuming->ws, read->channels, envelope, &history->messages[i]);
}

static void show_resumed(const yodel_history *history, void *arg)
{
    const struct resuming *resuming = arg;
    yodel_resume_fn *fn = (yodel_resume_fn *)resuming->read->fn;

    if (fn != NULL)
        fn(resuming->ws, history, resuming->read->user);
    else if (resuming->ws != NULL)
        send_missed(resuming, history);
}

static void on_resumed(struct yd_history_read *read, struct yd_member *member)
{
    struct resuming resuming = {read, NULL};

    if (member != NULL)
        resuming.ws = yd_container_of(member, yodel_ws, member);
    yd_history_read_show(read, show_resumed, &resuming);
}

int yodel_group_resume(yodel_channels *channels, const char *group, yodel_ws *ws, const char *from,
                       size_t limit, yodel_resume_fn *fn, void *user)
{
    struct yd_history_read *read;
    int rc;

    if (channels == NULL || ws == NULL)
        return -EINVAL;
    if (!yd_channel_name_is_valid(yodel_str_of(group)))
        return YODEL_ERR_NAME;
    if (ws->state > YD_WS_OPEN || ws->rejected)
        return YODEL_ERR_CLOSED;
    if ((rc = yd_history_read_new(channels, yodel_str_of(group), from, limit, &read)) < 0)
        return rc;
    read->done = on_resumed;
    read->fn = (void (*)(void))fn;
    read->user = user;
    return yd_history_resume(yd_ws_loop_of(ws), &ws->member, read);
}
