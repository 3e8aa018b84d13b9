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

static void begin(struct yd_sio_packed *packed)
{
    packed->text = (struct yd_buf){0};
    packed->elements = YODEL_STR("");
    packed->num_attachments = 0;
}

/* Elements of text from begin on, less end bytes at its end. */
static int end(struct yd_sio_packed *packed, const struct yodel_allocator *mem, int rc, size_t at,
               size_t less)
{
    if (rc < 0)
        yd_sio_packed_done(packed, mem);
    else if (packed->text.len > at + less)
        packed->elements = (yodel_str){(char *)packed->text.ptr + at, packed->text.len - at - less};
    return rc;
}

int yd_sio_pack(struct yd_sio_packed *packed, const struct yodel_allocator *mem, const char *format,
                va_list args)
{
    struct yd_json_binary binary = {packed->attachments, 0, YD_SIO_MAX_ATTACHMENTS};
    int rc;

    begin(packed);
    rc = format != NULL ? yd_json_pack_list(mem, &packed->text, format, args, &binary) : 0;
    packed->num_attachments = binary.num;
    rc = end(packed, mem, rc, 0, 0);
    /* documents among the values may look like binary, too */
    if (rc == 0 && binary.num > 0 &&
        yd_sio_placeholders_count(packed->elements, (uint32_t)binary.num) < 0)
        return end(packed, mem, YODEL_ERR_FORMAT, 0, 0);
    return rc;
}

int yd_sio_pack_text(struct yd_sio_packed *packed, const struct yodel_allocator *mem,
                     yodel_str text)
{
    int rc = YODEL_ERR_ENCODING;

    begin(packed);
    if (yd_utf8_is_valid(text.ptr, text.len))
        rc = yd_json_put_string(mem, &packed->text, text);
    return end(packed, mem, rc, 0, 0);
}

int yd_sio_pack_document(struct yd_sio_packed *packed, const struct yodel_allocator *mem,
                         const json_t *array)
{
    int rc = YODEL_ERR_FORMAT;

    begin(packed);
    if (json_is_array(array))
        rc = yd_json_put_document(mem, &packed->text, array);
    return end(packed, mem, rc, 1, 1);
}

void yd_sio_pack_bytes(struct yd_sio_packed *packed, yodel_bytes data)
{
    begin(packed);
    packed->elements = YODEL_STR("{\"_placeholder\":true,\"num\":0}");
    packed->num_attachments = 1;
    packed->attachments[0] = data;
}

void yd_sio_packed_done(struct yd_sio_packed *packed, const struct yodel_allocator *mem)
{
    if (packed->text.ptr != NULL)
        yd_buf_free(mem, &packed->text);
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
