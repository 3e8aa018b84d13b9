/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "bus/op_wire.h"
#include "channels/presence.h"
#include "proto/json_scan.h"

/*
 * What presence says, as bytes:
 *
 *     at         process, loop 1, version 8
 *     item       id 8, channel name, document
 *     INTEREST   how many groups 4, of each its name, how many sources 4, each of these an at
 *     STATE      at, part 4, whether it is the last 1, how many 4 and each item
 *     DELTA      at, version before 8, change 1, item
 *     LOST       process
 */

int yd_presence_send(yodel_channels *channels, enum yd_channel_kind kind, yodel_str group,
                     struct yd_buf *bytes, bool local)
{
    struct yd_scope_size size = {group.len > 0, group.len};
    struct yd_channel_op *op = yd_op_new(&channels->layer, kind, sizeof *op, &size);

    if (op == NULL) {
        yd_buf_free(yd_channels_mem(channels), bytes);
        return -ENOMEM;
    }
    if (group.len > 0)
        yd_op_add_room(&op->op, (yodel_str){NULL, 0}, group);
    op->op.scope.everyone = group.len == 0;
    op->op.deferred = true;
    op->op.local = local;
    op->op.control = group.len == 0;
    op->op.weight += bytes->len;
    op->bytes = *bytes;
    *bytes = (struct yd_buf){0};
    return yd_bus_send(&op->op);
}

int yd_presence_put_at(const struct yodel_allocator *mem, struct yd_buf *buf,
                       const struct yd_presence_at *at)
{
    if (yd_wire_put_str(mem, buf, at->process) < 0 || yd_wire_put_u8(mem, buf, at->loop) < 0)
        return -ENOMEM;
    return yd_wire_put_u64(mem, buf, at->version);
}

int yd_presence_put_item(const struct yodel_allocator *mem, struct yd_buf *buf,
                         const struct yd_presence_item *item)
{
    if (yd_wire_put_u64(mem, buf, item->id) < 0 || yd_wire_put_str(mem, buf, item->channel) < 0)
        return -ENOMEM;
    return yd_wire_put_str(mem, buf, item->json);
}

bool yd_presence_get_at(struct yd_wire_reader *reader, struct yd_presence_at *ret_at)
{
    ret_at->process = yd_wire_get_str(reader);
    ret_at->loop = yd_wire_get_u8(reader);
    ret_at->version = yd_wire_get_u64(reader);
    return !reader->failed && ret_at->process.len > 0 && ret_at->process.len < YD_PROCESS_SIZE;
}

bool yd_presence_get_item(struct yd_wire_reader *reader, struct yd_presence_item *ret_item)
{
    yodel_str value, json;

    ret_item->id = yd_wire_get_u64(reader);
    ret_item->channel = yd_wire_get_str(reader);
    ret_item->json = json = yd_wire_get_str(reader);
    if (reader->failed || ret_item->channel.len == 0 ||
        ret_item->channel.len >= YODEL_CHANNEL_NAME_SIZE ||
        !yd_utf8_is_valid(ret_item->channel.ptr, ret_item->channel.len) ||
        json.len > YODEL_GROUP_MAX_JSON)
        return false;
    return json.len == 0 ||
           (yd_utf8_is_valid(json.ptr, json.len) && yd_json_check(json, YD_JSON_MAX_DEPTH, &value));
}
