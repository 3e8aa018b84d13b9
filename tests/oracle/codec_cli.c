/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "proto/eio_payload.h"
#include "proto/sio_msgpack.h"

/*
 * The codecs as a filter, to be compared with other ones.  A line in is a letter and words of
 * hexadecimal ("-" is nothing); a line out is one JSON object, whose texts and bytes are
 * hexadecimal again.
 *
 *     e <body>                      a payload of long polling
 *     s <text>                      a packet; "text" and "msgpack": encoded once more
 *     m <message>                   the same in MessagePack
 *     j <text>                      whether it is JSON
 *     c <nsp> <sid> <pid>           the answer to CONNECT, in both forms
 *     x <nsp> <message> <data>      the refusal
 */

#define MAX_WORDS 3
#define ROOM 64 /* attachments */

static const struct yodel_allocator *const mem = &yd_mem_default;
static const struct yd_sio_limits limits = {YD_JSON_DEPTH, YD_SIO_MAX_ATTACHMENTS};

static void require(int holds)
{
    if (!holds)
        abort();
}

static void print_hex(const void *data, size_t len)
{
    const uint8_t *p = data;

    putchar('"');
    for (size_t i = 0; i < len; i++)
        printf("%02x", p[i]);
    putchar('"');
}

static void print_str(const char *name, yodel_str text)
{
    printf(",\"%s\":", name);
    print_hex(text.ptr, text.len);
}

static yodel_str str_of(const struct yd_buf *buf)
{
    return (yodel_str){(const char *)buf->ptr, buf->len};
}

static void print_payload(uint8_t *body, size_t len)
{
    struct yd_eio_payload payload;
    struct yd_eio_packet packet;
    const char *comma = "";
    int result;

    yd_eio_payload_init(&payload, body, len);
    printf("{\"packets\":[");
    while ((result = yd_eio_payload_next(&payload, &packet)) == 1) {
        printf("%s{\"type\":%u,\"binary\":%s,\"data\":", comma, packet.type,
               packet.binary ? "true" : "false");
        print_hex(packet.data, packet.len);
        printf("}");
        comma = ",";
    }
    printf("],\"ok\":%s}\n", result == 0 ? "true" : "false");
}

static void print_placeholders(const struct yd_sio_packet *packet)
{
    struct yd_sio_placeholders iter;
    struct yd_sio_placeholder found;
    const char *comma = "";

    printf(",\"placeholders\":[");
    if (packet->num_attachments > 0) {
        yd_sio_placeholders_init(&iter, packet->data, packet->num_attachments);
        while (yd_sio_placeholders_next(&iter, &found) > 0) {
            printf("%s[%zu,%zu,%" PRIu32 "]", comma, (size_t)(found.text.ptr - packet->data.ptr),
                   found.text.len, found.num);
            comma = ",";
        }
    }
    putchar(']');
}

/* The event in pieces: its name as plain text. */
static void print_again(const struct yd_sio_packet *packet, const yodel_bytes *attachments)
{
    struct yd_sio_output output = {.type = packet->type,
                                   .num_attachments = packet->num_attachments,
                                   .has_id = packet->has_id,
                                   .id = packet->id,
                                   .nsp = packet->nsp};
    char *name = malloc(packet->name.len + 1);
    struct yd_buf text = {0}, msgpack = {0};

    require(name != NULL);
    if (packet->name.ptr && !packet->name_is_number) {
        output.event = (yodel_str){name, (size_t)(yd_json_unescape(name, packet->name) - name)};
        output.args = packet->args;
        print_str("name", output.event);
    } else {
        output.data = packet->data;
    }
    require(yd_sio_put(mem, &text, &output) == 0);
    require(yd_sio_msgpack_put(mem, &msgpack, &output, attachments) == 0);
    print_str("text", str_of(&text));
    print_str("msgpack", str_of(&msgpack));
    yd_buf_free(mem, &text);
    yd_buf_free(mem, &msgpack);
    free(name);
}

static void print_packet(const struct yd_sio_packet *packet, const yodel_bytes *attachments)
{
    printf("{\"type\":%u,\"attachments\":%" PRIu32, packet->type, packet->num_attachments);
    print_str("nsp", packet->nsp);
    if (packet->has_id)
        printf(",\"id\":%" PRIu64, packet->id);
    if (packet->data.ptr)
        print_str("data", packet->data);
    print_str("args", packet->args);
    print_placeholders(packet);
    print_again(packet, attachments);
}

static void print_text(yodel_str text)
{
    static const uint8_t bytes[ROOM];
    yodel_bytes attachments[ROOM];
    struct yd_sio_packet packet;
    const char *error;

    for (size_t i = 0; i < ROOM; i++)
        attachments[i] = (yodel_bytes){bytes, i};
    if (!yd_utf8_is_valid(text.ptr, text.len)) {
        printf("{\"error\":\"not UTF-8\"}\n");
    } else if (yd_sio_decode(text, &limits, &packet, &error) < 0) {
        printf("{\"error\":\"%s\"}\n", error);
    } else {
        print_packet(&packet, attachments);
        printf("}\n");
    }
}

static void print_message(yodel_bytes message)
{
    yodel_bytes attachments[ROOM];
    struct yd_sio_packet packet;
    struct yd_buf json = {0};
    const char *error;

    if (yd_sio_msgpack_decode(mem, message, &limits, &json, attachments, &packet, &error) < 0) {
        printf("{\"error\":\"%s\"}\n", error);
    } else {
        print_packet(&packet, attachments);
        printf(",\"blobs\":[");
        for (uint32_t i = 0; i < packet.num_attachments; i++) {
            printf("%s", i > 0 ? "," : "");
            print_hex(attachments[i].ptr, attachments[i].len);
        }
        printf("]}\n");
    }
    yd_buf_free(mem, &json);
}

static void print_json(yodel_str text)
{
    yodel_str value;

    printf("{\"ok\":%s}\n", yd_json_check(text, YD_JSON_DEPTH, &value) ? "true" : "false");
}

static void print_answer(uint8_t type, const struct yd_buf words[MAX_WORDS])
{
    struct yd_sio_output output = {.type = type, .nsp = str_of(&words[0])};
    yodel_str second = str_of(&words[1]), third = str_of(&words[2]);
    struct yd_buf data = {0}, text = {0}, msgpack = {0};
    int result = type == YD_SIO_CONNECT ? yd_sio_put_connect_data(mem, &data, second, third)
                                        : yd_sio_put_error_data(mem, &data, second, third);

    require(result == 0);
    output.data = str_of(&data);
    require(yd_sio_put(mem, &text, &output) == 0);
    require(yd_sio_msgpack_put(mem, &msgpack, &output, NULL) == 0);
    printf("{\"ok\":true");
    print_str("text", str_of(&text));
    print_str("msgpack", str_of(&msgpack));
    printf("}\n");
    yd_buf_free(mem, &data);
    yd_buf_free(mem, &text);
    yd_buf_free(mem, &msgpack);
}

/* The bytes of a word, in memory of their own. */
static struct yd_buf word_of(const char *hex)
{
    size_t len = hex[0] == '-' ? 0 : strlen(hex) / 2;
    uint8_t *bytes = malloc(len);

    require(bytes != NULL || len == 0);
    for (size_t i = 0; i < len; i++) {
        unsigned byte;

        require(sscanf(hex + 2 * i, "%2x", &byte) == 1);
        bytes[i] = (uint8_t)byte;
    }
    return (struct yd_buf){bytes, len, len};
}

static void answer(char kind, struct yd_buf words[MAX_WORDS])
{
    yodel_str text = str_of(&words[0]);

    switch (kind) {
    case 'e':
        print_payload(words[0].ptr, words[0].len);
        break;
    case 's':
        print_text(text);
        break;
    case 'm':
        print_message((yodel_bytes){words[0].ptr, words[0].len});
        break;
    case 'j':
        print_json(text);
        break;
    case 'c':
        print_answer(YD_SIO_CONNECT, words);
        break;
    default:
        print_answer(YD_SIO_CONNECT_ERROR, words);
    }
}

int main(void)
{
    size_t room = 0;
    char *line = NULL;

    while (getline(&line, &room, stdin) > 1) {
        struct yd_buf words[MAX_WORDS] = {0};
        char *rest = NULL, *word = strtok_r(line + 1, " \n", &rest);

        for (int i = 0; i < MAX_WORDS && word; i++) {
            words[i] = word_of(word);
            word = strtok_r(NULL, " \n", &rest);
        }
        answer(line[0], words);
        for (int i = 0; i < MAX_WORDS; i++)
            free(words[i].ptr);
    }
    free(line);
    return 0;
}
