/* SPDX-License-Identifier: MIT */
#include "client/packets.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* The number at the start, which is cut off; -1: there is none, or it is above max. */
static int64_t take_number(yodel_str *text, uint64_t max)
{
    uint64_t number = 0;
    size_t i = 0;

    for (; i < text->len && text->ptr[i] >= '0' && text->ptr[i] <= '9'; i++) {
        number = number * 10 + (uint64_t)(text->ptr[i] - '0');
        if (number > max)
            return -1;
    }
    text->ptr += i;
    text->len -= i;
    return i > 0 ? (int64_t)number : -1;
}

static int take_attachments(yodel_str *text, struct yg_packet *packet)
{
    const int64_t number = take_number(text, YG_PACKET_MAX_ATTACHMENTS);

    if (number < 0 || text->len == 0 || *text->ptr != '-')
        return -EPROTO;
    packet->num_attachments = (unsigned)number;
    text->ptr++;
    text->len--;
    return 0;
}

/* "/name," or, at the end, "/name"; what is behind a "?" belongs to no name. */
static void take_namespace(yodel_str *text, struct yg_packet *packet)
{
    const char *comma = memchr(text->ptr, ',', text->len);
    const size_t len = comma != NULL ? (size_t)(comma - text->ptr) : text->len;
    const char *query = memchr(text->ptr, '?', len);

    packet->ns = (yodel_str){text->ptr, query != NULL ? (size_t)(query - text->ptr) : len};
    text->ptr += comma != NULL ? len + 1 : len;
    text->len -= comma != NULL ? len + 1 : len;
}

int yg_packet_read(yodel_str text, struct yg_packet *ret_packet)
{
    struct yg_packet packet = {.ns = YODEL_STR("/")};
    int64_t number;

    if (text.len == 0 || text.ptr[0] < '0' || text.ptr[0] > '6')
        return -EPROTO;
    packet.kind = (enum yg_packet_kind)(text.ptr[0] - '0');
    text.ptr++;
    text.len--;
    if (packet.kind >= YG_PACKET_BINARY_EVENT && take_attachments(&text, &packet) < 0)
        return -EPROTO;
    if (text.len > 0 && *text.ptr == '/')
        take_namespace(&text, &packet);
    if (text.len > 0 && *text.ptr >= '0' && *text.ptr <= '9') {
        number = take_number(&text, (uint64_t)1 << 53);
        if (number < 0)
            return -EPROTO;
        packet.has_id = true;
        packet.id = (uint64_t)number;
    }
    if ((packet.kind == YG_PACKET_ACK || packet.kind == YG_PACKET_BINARY_ACK) && !packet.has_id)
        return -EPROTO;
    packet.json = text;
    *ret_packet = packet;
    return 0;
}

void yg_packet_put(struct yg_text *out, const struct yg_packet *packet)
{
    yg_text_putc(out, '4');
    yg_text_putc(out, (char)('0' + packet->kind));
    if (packet->kind >= YG_PACKET_BINARY_EVENT)
        yg_text_printf(out, "%u-", packet->num_attachments);
    if (packet->ns.len > 1) {
        yg_text_add(out, packet->ns.ptr, packet->ns.len);
        yg_text_putc(out, ',');
    }
    if (packet->has_id)
        yg_text_printf(out, "%" PRIu64, packet->id);
    yg_text_add(out, packet->json.ptr, packet->json.len);
}
