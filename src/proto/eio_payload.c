/* SPDX-License-Identifier: MIT */
#include "proto/eio_payload.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"

void yd_eio_payload_init(struct yd_eio_payload *payload, uint8_t *body, size_t len)
{
    payload->ptr = body;
    payload->end = len > 0 ? body + len : NULL;
    payload->failed = len == 0;
}

/* Decodes ptr[0..len), which goes to the next separator or the end. */
static int decode(uint8_t *ptr, size_t len, struct yd_eio_packet *ret_packet)
{
    /* Base64 is checked more closely by its decoder. */
    if (len > 0 && ptr[0] != 'b' && !yd_utf8_is_valid(ptr, len))
        return YODEL_ERR_PROTOCOL;
    return yd_eio_decode_text(ptr, len, ret_packet);
}

int yd_eio_payload_next(struct yd_eio_payload *payload, struct yd_eio_packet *ret_packet)
{
    uint8_t *stop, *ptr = payload->ptr;
    int result;

    if (payload->failed)
        return YODEL_ERR_PROTOCOL;
    if (!ptr)
        return 0;
    stop = memchr(ptr, YD_EIO_SEPARATOR, (size_t)(payload->end - ptr));
    result = decode(ptr, (size_t)((stop ? stop : payload->end) - ptr), ret_packet);
    if (result < 0) {
        payload->failed = true;
        return result;
    }
    payload->ptr = stop ? stop + 1 : NULL;
    return 1;
}

/* Room for a packet of size bytes; returns where it goes, after a separator, or NULL. */
static uint8_t *add(const struct yodel_allocator *mem, struct yd_buf *buf, size_t size)
{
    size_t separator = buf->len > 0;
    uint8_t *ptr;

    if (yd_buf_reserve(mem, buf, separator + size) < 0)
        return NULL;
    ptr = buf->ptr + buf->len;
    if (separator)
        *ptr++ = YD_EIO_SEPARATOR;
    buf->len += separator + size;
    return ptr;
}

int yd_eio_payload_put_text(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str packet)
{
    uint8_t *ptr = add(mem, buf, packet.len);

    if (!ptr)
        return -ENOMEM;
    memcpy(ptr, packet.ptr, packet.len);
    return 0;
}

int yd_eio_payload_put_binary(const struct yodel_allocator *mem, struct yd_buf *buf,
                              yodel_bytes data)
{
    uint8_t *ptr;

    if (data.len > YD_BASE64_MAX)
        return -ENOMEM;
    ptr = add(mem, buf, yd_eio_binary_size(data.len));
    if (!ptr)
        return -ENOMEM;
    *ptr = 'b';
    yd_base64_encode((char *)ptr + 1, data.ptr, data.len);
    return 0;
}
