/* SPDX-License-Identifier: MIT */
#include "proto/eio_packet.h"

#include <inttypes.h>

#include "proto/base64.h"

int yd_eio_decode_text(uint8_t *data, size_t len, struct yd_eio_packet *ret_packet)
{
    struct yd_eio_packet packet = {.type = YD_EIO_MESSAGE};

    if (len == 0)
        return YODEL_ERR_PROTOCOL;
    packet.data = data + 1;
    packet.len = len - 1;
    if (data[0] == 'b') {
        packet.binary = true;
        if (!yd_base64_decode(packet.data, packet.data, packet.len, &packet.len))
            return YODEL_ERR_PROTOCOL;
    } else {
        if (data[0] < '0' || data[0] > YD_EIO_DIGIT(YD_EIO_NOOP))
            return YODEL_ERR_PROTOCOL;
        packet.type = (uint8_t)(data[0] - '0');
    }
    *ret_packet = packet;
    return 0;
}

int yd_eio_put_open(const struct yodel_allocator *mem, struct yd_buf *buf,
                    const struct yd_eio_open *open)
{
    return yd_buf_printf(mem, buf,
                         "0{\"sid\":\"%" YODEL_PRI "\",\"upgrades\":[%s],\"pingInterval\":%" PRIu32
                         ",\"pingTimeout\":%" PRIu32 ",\"maxPayload\":%" PRIu64 "}",
                         YODEL_ARG(open->sid), open->can_upgrade ? "\"websocket\"" : "",
                         open->ping_interval_ms, open->ping_timeout_ms, open->max_payload);
}
