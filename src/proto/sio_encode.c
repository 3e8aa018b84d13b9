/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "proto/sio_packet.h"

/* The digits of number end at the end of out; returns how many there are. */
#define MAX_DIGITS 20
static size_t print_number(char out[MAX_DIGITS], uint64_t number)
{
    size_t len = 0;

    do {
        out[MAX_DIGITS - ++len] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return len;
}

static size_t number_len(uint64_t number)
{
    char digits[MAX_DIGITS];

    return print_number(digits, number);
}

static char *put_number(char *out, uint64_t number)
{
    char digits[MAX_DIGITS];
    size_t len = print_number(digits, number);

    memcpy(out, digits + MAX_DIGITS - len, len);
    return out + len;
}

static char *put_text(char *out, yodel_str text)
{
    if (text.len > 0)
        memcpy(out, text.ptr, text.len);
    return out + text.len;
}

static bool names_nsp(yodel_str nsp)
{
    return nsp.len > 1 || (nsp.len == 1 && nsp.ptr[0] != '/');
}

/* The type that is sent. */
static char type_digit(const struct yd_sio_output *output)
{
    bool binary = output->num_attachments > 0;

    switch (output->type) {
    case YD_SIO_EVENT:
    case YD_SIO_BINARY_EVENT:
        return (char)('0' + (binary ? YD_SIO_BINARY_EVENT : YD_SIO_EVENT));
    case YD_SIO_ACK:
    case YD_SIO_BINARY_ACK:
        return (char)('0' + (binary ? YD_SIO_BINARY_ACK : YD_SIO_ACK));
    default:
        return (char)('0' + output->type);
    }
}

/* Whether the JSON is an array of pieces. */
static bool has_pieces(const struct yd_sio_output *output)
{
    char type = type_digit(output);

    return output->data.len == 0 && type != '0' + YD_SIO_CONNECT &&
           type != '0' + YD_SIO_DISCONNECT && type != '0' + YD_SIO_CONNECT_ERROR;
}

static size_t pieces_len(const struct yd_sio_output *output)
{
    size_t num = 0, len = 2;

    if (output->event.ptr) {
        len += yd_json_quoted_len(output->event);
        num++;
    }
    if (output->args.len > 0) {
        len += output->args.len;
        num++;
    }
    if (output->offset.len > 0) {
        len += output->offset.len + 2;
        num++;
    }
    return len + (num > 1 ? num - 1 : 0);
}

static char *put_pieces(char *out, const struct yd_sio_output *output)
{
    char *begin = out;

    *out++ = '[';
    if (output->event.ptr) {
        out = yd_json_quote(out, output->event);
        *out++ = ',';
    }
    if (output->args.len > 0) {
        out = put_text(out, output->args);
        *out++ = ',';
    }
    if (output->offset.len > 0) {
        *out++ = '"';
        out = put_text(out, output->offset);
        *out++ = '"';
        *out++ = ',';
    }
    if (out > begin + 1)
        out--;
    *out++ = ']';
    return out;
}

size_t yd_sio_encoded_len(const struct yd_sio_output *output)
{
    size_t len = 1;

    if (output->num_attachments > 0)
        len += number_len(output->num_attachments) + 1;
    if (names_nsp(output->nsp))
        len += output->nsp.len + 1;
    if (output->has_id)
        len += number_len(output->id);
    return len + (has_pieces(output) ? pieces_len(output) : output->data.len);
}

char *yd_sio_encode(char *out, const struct yd_sio_output *output)
{
    *out++ = type_digit(output);
    if (output->num_attachments > 0) {
        out = put_number(out, output->num_attachments);
        *out++ = '-';
    }
    if (names_nsp(output->nsp)) {
        out = put_text(out, output->nsp);
        *out++ = ',';
    }
    if (output->has_id)
        out = put_number(out, output->id);
    return has_pieces(output) ? put_pieces(out, output) : put_text(out, output->data);
}

int yd_sio_put(const struct yodel_allocator *mem, struct yd_buf *buf,
               const struct yd_sio_output *output)
{
    size_t len = yd_sio_encoded_len(output);
    int result = yd_buf_reserve(mem, buf, len);

    if (result < 0)
        return result;
    yd_sio_encode((char *)buf->ptr + buf->len, output);
    buf->len += len;
    return 0;
}

int yd_sio_put_connect_data(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str sid,
                            yodel_str pid)
{
    if (pid.len == 0)
        return yd_buf_printf(mem, buf, "{\"sid\":\"%" YODEL_PRI "\"}", YODEL_ARG(sid));
    return yd_buf_printf(mem, buf, "{\"sid\":\"%" YODEL_PRI "\",\"pid\":\"%" YODEL_PRI "\"}",
                         YODEL_ARG(sid), YODEL_ARG(pid));
}

int yd_sio_put_error_data(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str message,
                          yodel_str data)
{
    static const char before[] = "{\"message\":", between[] = ",\"data\":";
    size_t len = sizeof(before) + yd_json_quoted_len(message) + sizeof(between) + data.len;
    int result = yd_buf_reserve(mem, buf, len);
    char *out;

    if (result < 0)
        return result;
    out = put_text((char *)buf->ptr + buf->len, yodel_str_of(before));
    out = yd_json_quote(out, message);
    if (data.len > 0)
        out = put_text(put_text(out, yodel_str_of(between)), data);
    *out++ = '}';
    buf->len = (size_t)((uint8_t *)out - buf->ptr);
    return 0;
}
