/* SPDX-License-Identifier: MIT */
#include "nodes/node_record.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "bus/op_wire.h"

#define VERSION 1

bool yd_node_text_is_valid(yodel_str text, size_t size)
{
    if (text.len == 0 || text.len >= size || !yd_utf8_is_valid(text.ptr, text.len))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return false;
    return true;
}

/* Whether all of text, of that length, is in alphabet. */
static bool is_made_of(yodel_str text, size_t len, const char *alphabet)
{
    if (text.len != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (text.ptr[i] == '\0' || strchr(alphabet, text.ptr[i]) == NULL)
            return false;
    return true;
}

bool yd_node_process_is_valid(yodel_str process)
{
    return is_made_of(process, YD_PROCESS_SIZE - 1, "0123456789abcdef");
}

bool yd_node_tag_is_valid(yodel_str tag)
{
    return is_made_of(tag, YD_NODE_TAG_SIZE - 1,
                      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_");
}

int yd_node_record_encode(const struct yodel_allocator *mem, struct yd_buf *buf,
                          enum yd_node_news news, const struct yd_node_info *info)
{
    if (yd_wire_put_u8(mem, buf, VERSION) < 0 || yd_wire_put_u8(mem, buf, (uint8_t)news) < 0 ||
        yd_wire_put_str(mem, buf, yodel_str_of(info->process)) < 0 ||
        yd_wire_put_str(mem, buf, yodel_str_of(info->tag)) < 0 ||
        yd_wire_put_str(mem, buf, yodel_str_of(info->name)) < 0)
        return -ENOMEM;
    return yd_wire_put_str(mem, buf, yodel_str_of(info->address));
}

static void copy(char *to, yodel_str text)
{
    if (text.len > 0)
        memcpy(to, text.ptr, text.len);
    to[text.len] = '\0';
}

int yd_node_record_decode(yodel_bytes bytes, enum yd_node_news *ret_news,
                          struct yd_node_info *ret_info)
{
    struct yd_wire_reader reader = {bytes, false};
    uint8_t version = yd_wire_get_u8(&reader), news = yd_wire_get_u8(&reader);
    yodel_str process = yd_wire_get_str(&reader), tag = yd_wire_get_str(&reader);
    yodel_str name = yd_wire_get_str(&reader), address = yd_wire_get_str(&reader);

    if (reader.failed || version != VERSION || news < YD_NODE_HELLO || news > YD_NODE_LEAVES ||
        !yd_node_process_is_valid(process) || (tag.len > 0 && !yd_node_tag_is_valid(tag)) ||
        !yd_node_text_is_valid(name, YD_NODE_NAME_SIZE) ||
        (address.len > 0 && !yd_node_text_is_valid(address, YD_NODE_ADDRESS_SIZE)))
        return YODEL_ERR_PROTOCOL;
    *ret_news = (enum yd_node_news)news;
    memset(ret_info, 0, sizeof *ret_info);
    copy(ret_info->process, process);
    copy(ret_info->tag, tag);
    copy(ret_info->name, name);
    copy(ret_info->address, address);
    return 0;
}
