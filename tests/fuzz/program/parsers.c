/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "program.h"
#include "proto/base64.h"
#include "proto/sio_msgpack.h"

/*
 * Clients that speak MessagePack.  What they say is made of the text of a packet, and what comes is
 * made into it, so that steps and readers know text alone.  Whether a program has them is told by
 * its last byte and not drawn, so that programs of before mean what they meant.
 */

bool speaks_msgpack(const struct program *p)
{
    return p->size > 0 && (p->data[p->size - 1] & 0x60) == 0x60;
}

/* Of an event: type and attachments stand apart in the output. */
static struct yd_sio_output output_of(const struct yd_sio_packet *packet)
{
    uint8_t type = packet->type;

    if (type == YD_SIO_BINARY_EVENT || type == YD_SIO_BINARY_ACK)
        type = type == YD_SIO_BINARY_EVENT ? YD_SIO_EVENT : YD_SIO_ACK;
    return (struct yd_sio_output){.type = type,
                                  .has_id = packet->has_id,
                                  .id = packet->id,
                                  .num_attachments = packet->num_attachments,
                                  .nsp = packet->nsp,
                                  .data = packet->data};
}

bool msgpack_of_text(const char *text, struct yd_buf *ret_message)
{
    static const uint8_t bytes[] = "abc";
    yodel_bytes attachments[YD_SIO_MAX_ATTACHMENTS];
    struct yd_sio_packet packet;
    struct yd_sio_output output;
    const char *error;

    for (size_t i = 0; i < YD_SIO_MAX_ATTACHMENTS; i++)
        attachments[i] = (yodel_bytes){bytes, 3};
    if (yd_sio_decode(yodel_str_of(text), &YD_SIO_LIMITS, &packet, &error) < 0)
        return false;
    output = output_of(&packet);
    if (yd_sio_msgpack_put(&yd_mem_default, ret_message, &output, attachments) < 0)
        abort();
    return true;
}

char *text_of_msgpack(yodel_bytes message, unsigned *ret_attachments)
{
    yodel_bytes attachments[YD_SIO_MAX_ATTACHMENTS];
    struct yd_buf json = {0};
    struct yd_sio_packet packet;
    char *text = NULL, id[24] = "", num[16] = "";
    const char *error;

    if (yd_sio_msgpack_decode(&yd_mem_default, message, &YD_SIO_LIMITS, &json, attachments, &packet,
                              &error) == 0) {
        bool is_root = yodel_str_eq(packet.nsp, YODEL_STR("/"));

        if (packet.has_id)
            (void)snprintf(id, sizeof id, "%" PRIu64, packet.id);
        if (packet.num_attachments > 0)
            (void)snprintf(num, sizeof num, "%u-", packet.num_attachments);
        if (asprintf(&text, "%u%s%.*s%s%s%.*s", packet.type, num, is_root ? 0 : (int)packet.nsp.len,
                     packet.nsp.ptr, is_root ? "" : ",", id, YODEL_ARG(packet.data)) < 0)
            abort();
        *ret_attachments = packet.num_attachments;
    }
    yd_buf_free(&yd_mem_default, &json);
    return text;
}

char *base64_of(const void *data, size_t len)
{
    char *text = malloc(yd_base64_len(len) + 2);

    if (text == NULL)
        abort();
    text[0] = 'b';
    *yd_base64_encode(text + 1, data, len) = '\0';
    return text;
}

yodel_bytes bytes_of_base64(char *text)
{
    yodel_bytes bytes = {(uint8_t *)text, 0};

    if (!yd_base64_decode((uint8_t *)text, text, strlen(text), &bytes.len))
        bytes.len = 0;
    return bytes;
}
