/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "proto/json_number.h"
#include "proto/sio_msgpack.h"

/* The input is a packet: with 'm' ahead in MessagePack, with anything else as text.  What is
 * decoded is encoded in both forms, and both are decoded to the same again. */

#define MAX_ATTACHMENTS 4
#define MAX_FOUND 64

static const struct yd_sio_limits limits = {20, MAX_ATTACHMENTS};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

static yodel_str str_of(const struct yd_buf *buf)
{
    return (yodel_str){(const char *)buf->ptr, buf->len};
}

static struct yd_sio_output output_of(const struct yd_sio_packet *packet)
{
    return (struct yd_sio_output){
        .type = packet->type,
        .has_id = packet->has_id,
        .num_attachments = packet->num_attachments,
        .id = packet->id,
        .nsp = packet->nsp,
        .data = packet->data,
    };
}

static void require_same_head(const struct yd_sio_packet *a, const struct yd_sio_packet *b)
{
    require(a->type == b->type && a->has_id == b->has_id && a->id == b->id);
    require(a->num_attachments == b->num_attachments);
    require(a->num_placeholders == b->num_placeholders);
    require(yodel_str_eq(a->nsp, b->nsp));
}

static void check_views(const struct yd_sio_packet *packet)
{
    const char *begin = packet->data.ptr, *end = begin ? begin + packet->data.len : NULL;
    yodel_str value;

    require(packet->type <= YD_SIO_BINARY_ACK && packet->type != YD_SIO_CONNECT_ERROR);
    require(packet->num_attachments <= limits.max_attachments && packet->id <= YD_SIO_MAX_ID);
    if (packet->data.ptr)
        require(yd_json_check(packet->data, limits.max_depth, &value) &&
                value.len == packet->data.len);
    if (packet->name.ptr)
        require(packet->name.ptr > packet->data.ptr && packet->name.ptr + packet->name.len < end);
    if (packet->args.len > 0)
        require(packet->args.ptr > packet->data.ptr && packet->args.ptr + packet->args.len < end);
}

/* The packet as text, from its whole data. */
static void check_text(const struct yd_sio_packet *packet)
{
    struct yd_sio_output output = output_of(packet);
    struct yd_sio_packet again;
    struct yd_buf text = {0};
    const char *error;

    require(yd_sio_put(&yd_mem_default, &text, &output) == 0);
    require(text.len == yd_sio_encoded_len(&output));
    require(yd_sio_decode(str_of(&text), &limits, &again, &error) == 0);
    require_same_head(packet, &again);
    require(yodel_str_eq(packet->data, again.data) && yodel_str_eq(packet->args, again.args));
    yd_buf_free(&yd_mem_default, &text);
}

/* An event from its name as plain text, its arguments, and something after them. */
static void check_pieces(const struct yd_sio_packet *packet)
{
    struct yd_sio_output output = output_of(packet);
    struct yd_sio_packet again;
    struct yd_buf text = {0};
    char *name = malloc(packet->name.len + 1);
    const char *error;

    require(name != NULL);
    output.event = (yodel_str){name, (size_t)(yd_json_unescape(name, packet->name) - name)};
    output.data = (yodel_str){NULL, 0};
    output.args = packet->args;
    output.offset = YODEL_STR("offset");
    require(yd_sio_put(&yd_mem_default, &text, &output) == 0);
    require(text.len == yd_sio_encoded_len(&output));
    require(yd_sio_decode(str_of(&text), &limits, &again, &error) == 0);
    require_same_head(packet, &again);
    require(yd_json_body_eq(again.name, output.event));
    require(yd_json_count(yd_json_elements(packet->args)) + 1 ==
            yd_json_count(yd_json_elements(again.args)));
    require(memcmp(packet->args.ptr, again.args.ptr, packet->args.len) == 0);
    yd_buf_free(&yd_mem_default, &text);
    free(name);
}

/* Decodes what the encoder wrote; returns whether it has no more attachments than are allowed. */
static int decode_msgpack(const struct yd_buf *message, struct yd_buf *json, yodel_bytes *found,
                          struct yd_sio_packet *ret_packet, const struct yd_sio_packet *before)
{
    struct yd_sio_limits more = {limits.max_depth, MAX_FOUND};
    const char *error;
    int result = yd_sio_msgpack_decode(&yd_mem_default, (yodel_bytes){message->ptr, message->len},
                                       &more, json, found, ret_packet, &error);

    if (before->num_placeholders > MAX_FOUND) {
        require(result == YODEL_ERR_PROTOCOL);
        return 0;
    }
    require(result == 0 && ret_packet->has_id == before->has_id && ret_packet->id == before->id);
    require(yodel_str_eq(ret_packet->nsp, before->nsp));
    require(ret_packet->num_attachments == before->num_placeholders);
    return 1;
}

/* The packet in MessagePack, decoded, and both once more.  The first time numbers get their
 * shortest form and lone surrogates are replaced, the second time nothing may change any more. */
static void check_msgpack(const struct yd_sio_packet *packet, const yodel_bytes *attachments)
{
    struct yd_sio_output output = output_of(packet);
    yodel_bytes found[MAX_FOUND], found_again[MAX_FOUND];
    struct yd_buf first = {0}, second = {0}, json = {0}, json_again = {0};
    struct yd_sio_packet once, twice;

    require(yd_sio_msgpack_put(&yd_mem_default, &first, &output, attachments) == 0);
    if (decode_msgpack(&first, &json, found, &once, packet)) {
        output = output_of(&once);
        require(yd_sio_msgpack_put(&yd_mem_default, &second, &output, found) == 0);
        require(decode_msgpack(&second, &json_again, found_again, &twice, &once));
        require(yodel_str_eq(once.data, twice.data));
        for (uint32_t i = 0; i < once.num_attachments; i++)
            require(found[i].len == found_again[i].len &&
                    memcmp(found[i].ptr, found_again[i].ptr, found[i].len) == 0);
    }
    yd_buf_free(&yd_mem_default, &first);
    yd_buf_free(&yd_mem_default, &second);
    yd_buf_free(&yd_mem_default, &json);
    yd_buf_free(&yd_mem_default, &json_again);
}

/* What the text form can say: namespaces that begin with '/' and have no comma, CONNECT without
 * attachments. */
static int fits_text(const struct yd_sio_packet *packet)
{
    return packet->nsp.len > 0 && packet->nsp.ptr[0] == '/' &&
           !memchr(packet->nsp.ptr, ',', packet->nsp.len) &&
           (packet->type != YD_SIO_CONNECT || packet->num_attachments == 0);
}

/* An event that is a number beyond the greatest double: it would come back as null, which is no
 * name. */
static int is_infinite_name(const struct yd_sio_packet *packet)
{
    return packet->name_is_number && isinf(yd_json_to_double(packet->name));
}

static void check_packet(const struct yd_sio_packet *packet, const yodel_bytes *attachments)
{
    check_views(packet);
    if (fits_text(packet)) {
        if (packet->data.ptr || packet->type <= YD_SIO_DISCONNECT)
            check_text(packet);
        if (packet->name.ptr)
            check_pieces(packet);
    }
    if (packet->data.ptr && packet->nsp.len > 0 && !is_infinite_name(packet))
        check_msgpack(packet, attachments);
}

static void fuzz_text(const char *text, size_t len)
{
    static const uint8_t bytes[] = {1, 2, 3};
    yodel_bytes attachments[MAX_ATTACHMENTS];
    struct yd_sio_packet packet = {.type = 77};
    const char *error = NULL;
    int result;

    for (uint32_t i = 0; i < MAX_ATTACHMENTS; i++)
        attachments[i] = (yodel_bytes){bytes, i};
    result = yd_sio_decode((yodel_str){text, len}, &limits, &packet, &error);
    require(result == 0 || (result == YODEL_ERR_PROTOCOL && error && packet.type == 77));
    if (result == 0 && yd_utf8_is_valid(text, len))
        check_packet(&packet, attachments);
}

static void fuzz_msgpack(const uint8_t *data, size_t len)
{
    yodel_bytes attachments[MAX_ATTACHMENTS];
    struct yd_sio_packet packet = {.type = 77};
    struct yd_buf json = {0};
    const char *error = NULL;
    int result = yd_sio_msgpack_decode(&yd_mem_default, (yodel_bytes){data, len}, &limits, &json,
                                       attachments, &packet, &error);

    require(result == 0 || (result == YODEL_ERR_PROTOCOL && error && packet.type == 77));
    require(json.len <= 40 * len);
    if (result == 0)
        check_packet(&packet, attachments);
    yd_buf_free(&yd_mem_default, &json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy;

    if (size == 0)
        return 0;
    copy = malloc(size);
    require(copy != NULL);
    memcpy(copy, data, size);
    if (copy[0] == 'm')
        fuzz_msgpack(copy + 1, size - 1);
    else
        fuzz_text((const char *)copy, size);
    free(copy);
    return 0;
}
