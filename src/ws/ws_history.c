/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "base/options.h"
#include "base/utf8.h"
#include "channels/channel_event.h"
#include "channels/history.h"
#include "ws/ws.h"

/* WebSockets that come back. */

#define DEFAULT(field, value)                                                                      \
    if (ret->field == 0)                                                                           \
    ret->field = (value)

static int read_options(const yodel_history_options *given, yodel_history_options *ret)
{
    int rc = yd_options_read(given, ret, sizeof *ret);

    if (rc < 0)
        return rc;
    DEFAULT(max_messages, 100);
    DEFAULT(max_bytes, 1024 * 1024);
    DEFAULT(ttl_ms, 3600000);
    DEFAULT(max_groups, 10000);
    return 0;
}

int yodel_channels_keep_history(yodel_channels *channels, const char *pattern,
                                const yodel_history_options *given)
{
    struct yd_history_rule rule = {.pattern = pattern, .is_plain = true};
    int rc;

    if (channels == NULL)
        return -EINVAL;
    if ((rc = read_options(given, &rule.options)) < 0)
        return rc;
    if (!yd_channel_name_is_valid(yodel_str_of(pattern)))
        return YODEL_ERR_NAME;
    return yd_history_add_rule(channels, &rule);
}

static bool is_pattern(const char *text)
{
    return text != NULL && *text != '\0' && yd_utf8_is_valid(text, strlen(text));
}

static int read_rule(const yodel_history_rule *given, struct yd_history_rule *ret)
{
    *ret = (struct yd_history_rule){
        .pattern = given->pattern, .namespaces = given->namespaces, .none = given->options == NULL};
    if (!is_pattern(given->pattern) ||
        (given->namespaces != NULL && !is_pattern(given->namespaces)))
        return YODEL_ERR_NAME;
    return given->options != NULL ? read_options(given->options, &ret->options) : 0;
}

int yodel_channels_set_history(yodel_channels *channels, const yodel_history_rule *rules,
                               size_t num_rules)
{
    struct yd_history_rule *read = NULL;
    int rc = 0;

    if (channels == NULL || (rules == NULL && num_rules > 0))
        return -EINVAL;
    if (num_rules > 0 &&
        (read = yd_alloc_array(yd_channels_mem(channels), num_rules, sizeof *read)) == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < num_rules && rc == 0; i++)
        rc = read_rule(&rules[i], &read[i]);
    while (rc == 0 && num_rules > 0 && read[num_rules - 1].none)
        num_rules--; /* it is as if they were not there */
    if (rc == 0)
        rc = yd_history_set_rules(channels, read, num_rules);
    yd_free(yd_channels_mem(channels), read);
    return rc;
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
    bool envelope = read->options.envelope != 0;

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
