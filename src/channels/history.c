/* SPDX-License-Identifier: MIT */
#include "channels/history.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "bus/call.h"
#include "proto/json_scan.h"

/* Messages for groups that are kept: to the home, kept, and on to the members. */

struct yd_msg *yd_history_wrap(yodel_channels *channels, struct yd_offset offset, yodel_bytes text)
{
    const struct yodel_allocator *mem = yd_channels_mem(channels);
    char place[YODEL_OFFSET_SIZE];
    struct yd_buf buf = {0};
    struct yd_msg *msg = NULL;

    yd_offset_write(offset, place);
    if (yd_buf_printf(mem, &buf, "{\"offset\":\"%s\",\"data\":", place) == 0 &&
        yd_buf_append(mem, &buf, text.ptr, text.len) == 0 && yd_buf_append(mem, &buf, "}", 1) == 0)
        msg = channels->make_msg(mem, YODEL_WS_TEXT, (yodel_bytes){buf.ptr, buf.len});
    yd_buf_free(mem, &buf);
    return msg;
}

/* A message on its way home. */
struct sending {
    yodel_channels *channels;      /* a reference */
    yodel_history_options options; /* of when it was sent */
    struct yd_history_told told;
    struct yd_msg *msg;
    size_t name_len;
    char name[];
};

static void free_sending(void *arg)
{
    struct sending *sending = arg;
    yodel_channels *channels = sending->channels;

    yd_msg_unref(sending->msg);
    yd_free(yd_channels_mem(channels), sending);
    yd_layer_unref(&channels->layer);
}

int yd_history_pass(yodel_channels *channels, const yodel_history_options *options, yodel_str name,
                    struct yd_msg *msg, struct yd_offset offset, bool local)
{
    struct yd_msg *wrapped = NULL;
    int rc;

    if (options->envelope) {
        wrapped = yd_history_wrap(channels, offset, (yodel_bytes){yd_msg_payload(msg), msg->len});
        if (wrapped == NULL)
            return -ENOMEM;
    }
    rc = yd_channels_send_at(channels, name, wrapped != NULL ? wrapped : msg, options, offset,
                             local);
    yd_msg_unref(wrapped);
    return rc;
}

void yd_history_tell(struct yd_history_told *told, int result, struct yd_offset offset)
{
    yodel_kept_fn *fn = told->fn;
    char text[YODEL_OFFSET_SIZE];

    told->fn = NULL;
    if (fn == NULL)
        return;
    if (result == 0)
        yd_offset_write(offset, text);
    fn(result, result == 0 ? text : NULL, told->user);
}

/* Without memory it is lost, for all: who has it would have it without a place. */
static void keep_and_send(struct yd_loop *loop, void *arg)
{
    struct sending *sending = arg;
    struct yd_history *history = sending->channels->history;
    yodel_str name = {sending->name, sending->name_len};
    struct yd_offset offset = {0, 0};
    int rc = history->store->ops->append(history->store, &sending->options, name, sending->msg,
                                         &sending->told, &offset);

    (void)loop;
    atomic_fetch_add(rc < 0 ? &history->lost : &history->kept, 1);
    if (rc > 0)
        (void)yd_history_pass(sending->channels, &sending->options, name, sending->msg, offset,
                              false);
    if (rc != 0)
        yd_history_tell(&sending->told, rc < 0 ? rc : 0, offset);
}

/* One JSON value, for an envelope; an event, where that is asked for. */
static bool can_wrap(const yodel_history_options *options, uint8_t type, yodel_bytes data)
{
    yodel_str text = {(const char *)data.ptr, data.len}, value;

    if (options->sio_events)
        return type == YODEL_WS_TEXT && yd_history_is_event(text);
    return !options->envelope ||
           (type == YODEL_WS_TEXT && yd_json_check(text, YD_JSON_MAX_DEPTH, &value));
}

bool yd_history_is_fit(const yodel_history_options *options, uint8_t type, yodel_bytes data)
{
    return (type != YODEL_WS_TEXT || yd_utf8_is_valid(data.ptr, data.len)) &&
           can_wrap(options, type, data);
}

int yd_history_send(yodel_channels *channels, const yodel_history_options *options, yodel_str name,
                    struct yd_msg *msg, const struct yd_history_told *told)
{
    struct sending *sending;

    if (!can_wrap(options, msg->type, (yodel_bytes){yd_msg_payload(msg), msg->len}))
        return YODEL_ERR_FORMAT;
    sending = yd_alloc(yd_channels_mem(channels), sizeof *sending + name.len);
    if (sending == NULL)
        return -ENOMEM;
    *sending = (struct sending){
        .channels = channels, .options = *options, .msg = yd_msg_ref(msg), .name_len = name.len};
    if (told != NULL)
        sending->told = *told;
    memcpy(sending->name, name.ptr, name.len);
    yd_layer_ref(&channels->layer);
    return yd_bus_call(channels->history->home, sizeof *sending + msg->len, keep_and_send, sending,
                       free_sending);
}
