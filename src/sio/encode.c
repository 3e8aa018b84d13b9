/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sio/sio.h"

/* From arguments to messages. */

/* ---- arguments ---- */

static bool packed_to_elements(char *text, yodel_str *ret_elements)
{
    size_t len = strlen(text);

    *ret_elements = (yodel_str){text + 1, len - 2}; /* without the brackets */
    return len >= 2;
}

static json_t *pack_list(const char *format, va_list args, int *ret_error)
{
    struct yd_buf list = {0};
    json_t *values = NULL;
    json_error_t error;

    *ret_error = -ENOMEM;
    if (yd_buf_printf(&yd_mem_default, &list, "[%s]", format) == 0 &&
        yd_buf_append(&yd_mem_default, &list, "", 1) == 0) {
        values = json_vpack_ex(&error, 0, (const char *)list.ptr, args);
        if (values == NULL && json_error_code(&error) != json_error_out_of_memory)
            *ret_error = YODEL_ERR_FORMAT;
    }
    yd_buf_free(&yd_mem_default, &list);
    return values;
}

int yd_sio_pack(const char *format, va_list args, char **ret_text, yodel_str *ret_elements)
{
    json_t *values;
    char *text;
    int rc;

    *ret_text = NULL;
    *ret_elements = (yodel_str){"", 0};
    if (format == NULL || format[0] == '\0')
        return 0;
    if ((values = pack_list(format, args, &rc)) == NULL)
        return rc;
    text = json_dumps(values, JSON_COMPACT);
    json_decref(values);
    if (text == NULL)
        return -ENOMEM;
    if (!packed_to_elements(text, ret_elements)) {
        free(text);
        return YODEL_ERR_FORMAT;
    }
    *ret_text = text;
    return 0;
}

int yd_sio_check_args(const yodel_sio_args *args, yodel_str *ret_elements)
{
    yodel_str array;
    int num;

    *ret_elements = (yodel_str){"", 0};
    if (args == NULL || args->json.len == 0)
        return args != NULL && args->num_attachments > 0 ? YODEL_ERR_FORMAT : 0;
    if (args->num_attachments > YD_SIO_MAX_ATTACHMENTS)
        return YODEL_ERR_TOO_BIG;
    if (!yd_utf8_is_valid(args->json.ptr, args->json.len) ||
        !yd_json_check(args->json, YD_JSON_MAX_DEPTH, &array) ||
        yd_json_type_of(array) != YD_JSON_ARRAY)
        return YODEL_ERR_FORMAT;
    *ret_elements = (yodel_str){array.ptr + 1, array.len - 2};
    while (ret_elements->len > 0 && strchr(" \t\r\n", ret_elements->ptr[0]) != NULL) {
        ret_elements->ptr++;
        ret_elements->len--;
    }
    if (args->num_attachments == 0)
        return 0;
    num = yd_sio_placeholders_count(*ret_elements, (uint32_t)args->num_attachments);
    return num < 0 ? YODEL_ERR_FORMAT : 0;
}

/* ---- packets ---- */

static struct yd_msg *make_text(yodel_sio *sio, const struct yd_sio_output *output)
{
    uint8_t *text;
    struct yd_msg *msg =
        yd_eio_message_new(sio->mem, YODEL_WS_TEXT, yd_sio_encoded_len(output), &text);

    if (msg != NULL)
        (void)yd_sio_encode((char *)text, output);
    return msg;
}

static struct yd_msg *make_binary(yodel_sio *sio, yodel_bytes data)
{
    uint8_t *room;
    struct yd_msg *msg = yd_eio_message_new(sio->mem, YODEL_WS_BINARY, data.len, &room);

    if (msg != NULL && data.len > 0)
        memcpy(room, data.ptr, data.len);
    return msg;
}

static int encode_text(yodel_sio *sio, const struct yd_sio_output *output,
                       const yodel_bytes *attachments, struct yd_sio_out *out)
{
    if ((out->msgs[out->num] = make_text(sio, output)) == NULL)
        return -ENOMEM;
    out->num++;
    for (uint32_t i = 0; i < output->num_attachments; i++) {
        if ((out->msgs[out->num] = make_binary(sio, attachments[i])) == NULL)
            return -ENOMEM;
        out->num++;
    }
    return 0;
}

static int encode_msgpack(yodel_sio *sio, const struct yd_sio_output *output,
                          const yodel_bytes *attachments, struct yd_sio_out *out)
{
    struct yd_buf buf = {0};
    int rc = yd_sio_msgpack_put(sio->mem, &buf, output, attachments);

    if (rc == 0)
        out->msgs[0] = make_binary(sio, (yodel_bytes){buf.ptr, buf.len});
    yd_buf_free(sio->mem, &buf);
    if (rc < 0)
        return rc;
    if (out->msgs[0] == NULL)
        return -ENOMEM;
    out->num = 1;
    return 0;
}

int yd_sio_encode_out(yodel_sio *sio, const struct yd_sio_output *output,
                      const yodel_bytes *attachments, struct yd_sio_out *ret_out)
{
    int rc;

    ret_out->num = 0;
    rc = sio->options.parser == YODEL_SIO_MSGPACK
             ? encode_msgpack(sio, output, attachments, ret_out)
             : encode_text(sio, output, attachments, ret_out);
    if (rc < 0)
        yd_sio_out_unref(ret_out);
    return rc;
}

/* A packet for one is written to the connection's output as it is; longer ones gain nothing. */
#define SMALL 1000

int yd_sio_send_small(struct yd_sio_client *client, const struct yd_sio_output *output,
                      unsigned session_flags)
{
    char text[SMALL];
    size_t len;

    if (client->sio->options.parser != YODEL_SIO_JSON || output->num_attachments > 0 ||
        yd_eio_transport(client->session) != YD_EIO_WEBSOCKET ||
        (len = YD_EIO_MESSAGE_HEAD + yd_sio_encoded_len(output)) > sizeof text)
        return YODEL_ERR_STATE;
    (void)yd_sio_encode(yd_eio_message_put(text), output);
    return yd_eio_send_copy(client->session, (yodel_str){text, len}, session_flags);
}

void yd_sio_out_unref(struct yd_sio_out *out)
{
    for (size_t i = 0; i < out->num; i++)
        yd_msg_unref(out->msgs[i]);
    out->num = 0;
}
