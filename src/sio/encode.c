/* SPDX-License-Identifier: MIT */
#include "sio/encode.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "base/options.h"
#include "base/utf8.h"
#include "eio/eio.h"
#include "proto/json_pack.h"
#include "proto/sio_msgpack.h"

/* ---- arguments ---- */

int yd_sio_pack(const struct yodel_allocator *mem, const char *format, va_list args,
                struct yd_buf *text, yodel_str *ret_elements)
{
    int rc = format != NULL ? yd_json_pack_list(mem, text, format, args) : 0;

    if (rc == 0)
        *ret_elements = (yodel_str){text->len > 0 ? (char *)text->ptr : "", text->len};
    return rc;
}

int yd_sio_check_args(const yodel_sio_args *args, yodel_str *ret_elements)
{
    yodel_str array;
    int num;

    *ret_elements = (yodel_str){"", 0};
    if (args->json.len == 0)
        return args->num_attachments > 0 ? YODEL_ERR_FORMAT : 0;
    if (args->num_attachments > YD_SIO_MAX_ATTACHMENTS)
        return YODEL_ERR_TOO_BIG;
    if (!yd_utf8_is_valid(args->json.ptr, args->json.len) ||
        !yd_json_check(args->json, YD_JSON_MAX_DEPTH, &array) ||
        yd_json_type_of(array) != YD_JSON_ARRAY)
        return YODEL_ERR_FORMAT;
    *ret_elements = yd_json_inside(array);
    if (args->num_attachments == 0)
        return 0;
    num = yd_sio_placeholders_count(*ret_elements, (uint32_t)args->num_attachments);
    return num < 0 ? YODEL_ERR_FORMAT : 0;
}

int yd_sio_read_args(const yodel_sio_args *given, yodel_sio_args *ret_args, yodel_str *ret_elements)
{
    int rc = yd_options_read(given, ret_args, sizeof *ret_args);

    return rc < 0 ? rc : yd_sio_check_args(ret_args, ret_elements);
}

/* ---- packets ---- */

static struct yd_msg *make_text(const struct yodel_allocator *mem,
                                const struct yd_sio_output *output)
{
    uint8_t *text;
    struct yd_msg *msg = yd_eio_message_new(mem, YODEL_WS_TEXT, yd_sio_encoded_len(output), &text);

    if (msg != NULL)
        (void)yd_sio_encode((char *)text, output);
    return msg;
}

static struct yd_msg *make_binary(const struct yodel_allocator *mem, yodel_bytes data)
{
    uint8_t *room;
    struct yd_msg *msg = yd_eio_message_new(mem, YODEL_WS_BINARY, data.len, &room);

    if (msg != NULL && data.len > 0)
        memcpy(room, data.ptr, data.len);
    return msg;
}

static int encode_text(const struct yodel_allocator *mem, const struct yd_sio_output *output,
                       const yodel_bytes *attachments, struct yd_sio_out *out)
{
    if ((out->msgs[0] = make_text(mem, output)) == NULL)
        return -ENOMEM;
    out->num = 1;
    for (uint32_t i = 0; i < output->num_attachments; i++) {
        out->msgs[out->num] = make_binary(mem, attachments[i]);
        if (out->msgs[out->num] == NULL)
            return -ENOMEM;
        out->num++;
    }
    return 0;
}

static int encode_msgpack(const struct yodel_allocator *mem, const struct yd_sio_output *output,
                          const yodel_bytes *attachments, struct yd_sio_out *out)
{
    struct yd_buf buf = {0};
    int rc = yd_sio_msgpack_put(mem, &buf, output, attachments);

    if (rc == 0 && (out->msgs[0] = make_binary(mem, (yodel_bytes){buf.ptr, buf.len})) == NULL)
        rc = -ENOMEM;
    yd_buf_free(mem, &buf);
    out->num = rc == 0 ? 1 : 0;
    return rc;
}

int yd_sio_encode_out(const struct yodel_allocator *mem, yodel_sio_parser parser,
                      const struct yd_sio_output *output, const yodel_bytes *attachments,
                      struct yd_sio_out *ret_out)
{
    int rc;

    ret_out->num = 0;
    rc = parser == YODEL_SIO_MSGPACK ? encode_msgpack(mem, output, attachments, ret_out)
                                     : encode_text(mem, output, attachments, ret_out);
    if (rc < 0)
        yd_sio_out_unref(ret_out);
    return rc;
}

void yd_sio_out_unref(struct yd_sio_out *out)
{
    for (size_t i = 0; i < out->num; i++)
        yd_msg_unref(out->msgs[i]);
    out->num = 0;
}
