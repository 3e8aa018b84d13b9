/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "channels/channel_event.h"
#include "channels/history.h"
#include "proto/json_pack.h"
#include "proto/json_scan.h"
#include "sio/emit.h"
#include "sio/membership.h"
#include "sio/sio_event.h"

/* Emits to rooms that are kept: messages of the service's channel layer to the groups of the rooms'
 * names, which raw.c makes events of again. */

static int put_event(const struct yodel_allocator *mem, struct yd_buf *text,
                     const struct yd_sio_words *words)
{
    if (yd_buf_append(mem, text, "[", 1) < 0 || yd_json_put_string(mem, text, words->name) < 0 ||
        (words->elements.len > 0 && yd_buf_append(mem, text, ",", 1) < 0) ||
        yd_buf_append_str(mem, text, words->elements) < 0)
        return -ENOMEM;
    return yd_buf_append(mem, text, "]", 1);
}

static int send_kept(yodel_channels *channels, const yodel_history_options *options,
                     yodel_str group, const struct yd_sio_words *words,
                     const struct yd_history_told *told)
{
    const struct yodel_allocator *mem = yd_channels_mem(channels);
    struct yd_buf text = {0};
    struct yd_msg *msg = NULL;
    int rc = put_event(mem, &text, words);

    if (rc == 0) {
        msg = yd_channels_make_msg(channels, YODEL_WS_TEXT, (yodel_bytes){text.ptr, text.len});
        rc = msg != NULL ? yd_history_send(channels, options, group, msg, told) : -ENOMEM;
    }
    yd_msg_unref(msg);
    yd_buf_free(mem, &text);
    return rc;
}

static int emit_kept(yodel_sio_namespace *ns, const char *room, const char *event,
                     const yodel_sio_args *given, const struct yd_history_told *told)
{
    struct yd_sio_words words = {.name = yodel_str_of(event)};
    yodel_sio_args args = {.size = sizeof args};
    yodel_history_options options;
    struct yd_sio_group_name name;
    yodel_str group;
    int rc;

    if (ns == NULL)
        return -EINVAL;
    if ((rc = yd_sio_read_args(given, &args, &words.elements)) < 0 ||
        (rc = yd_sio_words_check(&words)) < 0)
        return rc;
    if (room == NULL || !yd_sio_group_name(yodel_sio_namespace_name(ns), room, &name))
        return YODEL_ERR_NAME;
    group = (yodel_str){name.text, name.len};
    if (ns->sio->channels == NULL || ns->is_parent || args.num_attachments > 0 ||
        !yd_history_find(ns->sio->channels, group, &options) || !options.sio_events)
        return YODEL_ERR_UNSUPPORTED;
    return yd_channel_name_is_valid(group)
               ? send_kept(ns->sio->channels, &options, group, &words, told)
               : YODEL_ERR_NAME;
}

int yodel_sio_emit_kept(yodel_sio_namespace *ns, const char *room, const char *event,
                        const yodel_sio_args *args)
{
    return emit_kept(ns, room, event, args, NULL);
}

int yodel_sio_emit_kept_told(yodel_sio_namespace *ns, const char *room, const char *event,
                             const yodel_sio_args *args, yodel_kept_fn *fn, void *user)
{
    const struct yd_history_told told = {fn, user};

    return fn != NULL ? emit_kept(ns, room, event, args, &told) : -EINVAL;
}
