/* SPDX-License-Identifier: MIT */
#include "eio/eio.h"
#include "proto/eio_packet.h"

/* The form in which messages travel: what Engine.IO and WebSocket put ahead of them. */

struct yd_msg *yd_eio_message_new(const struct yodel_allocator *mem, yodel_ws_type type, size_t len,
                                  uint8_t **ret_data)
{
    size_t head = type == YODEL_WS_TEXT ? YD_EIO_MESSAGE_HEAD : 0;
    struct yd_msg *msg = yd_msg_new(mem, (uint8_t)type, head + len);
    uint8_t *payload;

    if (msg == NULL)
        return NULL;
    payload = yd_msg_payload(msg);
    msg->head_len = (uint8_t)yd_ws_put_header(payload, (uint8_t)(YD_WS_FIN | type), msg->len);
    if (head > 0)
        payload[0] = (uint8_t)YD_EIO_DIGIT(YD_EIO_MESSAGE);
    *ret_data = payload + head;
    return msg;
}

char *yd_eio_message_put(char *packet)
{
    packet[0] = YD_EIO_DIGIT(YD_EIO_MESSAGE);
    return packet + YD_EIO_MESSAGE_HEAD;
}
