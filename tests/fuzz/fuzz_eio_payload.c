/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "proto/eio_payload.h"

/* The input is a body of long polling.  What is read of it, written again, is the beginning of that
 * body, and is read as the same. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

static int put_packet(struct yd_buf *buf, const struct yd_eio_packet *packet)
{
    struct yd_buf text = {0};
    char type = YD_EIO_DIGIT(packet->type);
    int result;

    if (packet->binary)
        return yd_eio_payload_put_binary(&yd_mem_default, buf,
                                         (yodel_bytes){packet->data, packet->len});
    require(yd_buf_append(&yd_mem_default, &text, &type, 1) == 0);
    require(yd_buf_append(&yd_mem_default, &text, packet->data, packet->len) == 0);
    result = yd_eio_payload_put_text(&yd_mem_default, buf, (yodel_str){(char *)text.ptr, text.len});
    yd_buf_free(&yd_mem_default, &text);
    return result;
}

/* Reads body (spoiling it) and writes what it holds to out; returns how that ended. */
static int copy_packets(uint8_t *body, size_t len, struct yd_buf *out)
{
    struct yd_eio_payload payload;
    struct yd_eio_packet packet;
    int result;

    yd_eio_payload_init(&payload, body, len);
    while ((result = yd_eio_payload_next(&payload, &packet)) == 1) {
        require(packet.data > body && packet.data + packet.len <= body + len);
        require(packet.type <= YD_EIO_NOOP);
        require(packet.binary || yd_utf8_is_valid(packet.data, packet.len));
        require(!packet.binary || packet.type == YD_EIO_MESSAGE);
        require(packet.binary || packet.len == 0 ||
                !memchr(packet.data, YD_EIO_SEPARATOR, packet.len));
        require(put_packet(out, &packet) == 0);
    }
    require(yd_eio_payload_next(&payload, &packet) == result);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yd_buf first = {0}, second = {0};
    uint8_t *body = malloc(size), *again;
    int result;

    require(body != NULL || size == 0);
    if (size > 0)
        memcpy(body, data, size);
    result = copy_packets(body, size, &first);
    require(first.len <= size && (result < 0 || first.len == size));
    if (first.len > 0) {
        require(memcmp(first.ptr, data, first.len) == 0);
        again = malloc(first.len);
        require(again != NULL);
        memcpy(again, first.ptr, first.len);
        require(copy_packets(again, first.len, &second) == 0);
        require(second.len == first.len && memcmp(first.ptr, second.ptr, first.len) == 0);
        free(again);
    }
    yd_buf_free(&yd_mem_default, &first);
    yd_buf_free(&yd_mem_default, &second);
    free(body);
    return 0;
}
