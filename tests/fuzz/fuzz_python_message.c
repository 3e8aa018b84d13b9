/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/python_message.h"
#include "adapter/python_write.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "proto/json_scan.h"

/* The input is a message of a manager of python-socketio, JSON or a pickle.  What was read is
 * consistent, and an emit that is written in each form that can say it reads as the same. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

static void check_text(yodel_str text)
{
    require(text.len == 0 || memchr(text.ptr, '\0', text.len) == NULL);
    require(yd_utf8_is_valid(text.ptr, text.len));
}

static bool same_names(const yodel_str *a, size_t num_a, const yodel_str *b, size_t num_b)
{
    for (size_t i = 0; num_a == num_b && i < num_a; i++)
        if (!yodel_str_eq(a[i], b[i]))
            return false;
    return num_a == num_b;
}

static void check_same(const struct yd_python_message *message, const struct yd_buf *buf,
                       enum yd_python_form form)
{
    struct yd_python_reading reading = {1u << 22, form == YD_PYTHON_LIST};
    struct yd_python_message again;

    require(yd_python_read(&yd_mem_default, (yodel_bytes){buf->ptr, buf->len}, &reading, &again) ==
            0);
    require(again.method == YD_PYTHON_EMIT && again.everyone == message->everyone);
    require(yodel_str_eq(again.event, message->event) && yodel_str_eq(again.nsp, message->nsp));
    require(same_names(again.rooms, again.num_rooms, message->rooms, message->num_rooms));
    require(same_names(again.skip, again.num_skip, message->skip, message->num_skip));
    require(form == YD_PYTHON_PICKLE || again.num_attachments == message->num_attachments);
    require(yd_json_count(yd_json_elements(again.elements)) ==
            yd_json_count(yd_json_elements(message->elements)));
    yd_python_message_free(&again);
}

static void write_again(const struct yd_python_message *message, enum yd_python_form form)
{
    struct yd_python_writer writer = {&yd_mem_default, form, YODEL_STR("0f"), message->nsp};
    struct yd_python_emit emit = {
        .event = message->event,
        .words = {message->elements, message->attachments, message->num_attachments},
        .everyone = message->everyone,
        .rooms = message->rooms,
        .num_rooms = message->num_rooms,
        .skip = message->skip,
        .num_skip = message->num_skip};
    struct yd_buf buf = {0};
    int rc = yd_python_put_emit(&writer, &emit, &buf);

    require(rc == 0 || rc == YODEL_ERR_UNSUPPORTED);
    if (rc == 0)
        check_same(message, &buf, form);
    yd_buf_free(&yd_mem_default, &buf);
}

static void check_emit(const struct yd_python_message *message)
{
    yodel_str array;
    struct yd_buf text = {0};

    check_text(message->event);
    for (size_t i = 0; i < message->num_rooms; i++)
        check_text(message->rooms[i]);
    require(yd_buf_printf(&yd_mem_default, &text, "[%" YODEL_PRI "]",
                          YODEL_ARG(message->elements)) == 0);
    require(yd_json_check((yodel_str){(char *)text.ptr, text.len}, YD_JSON_DEPTH + 1, &array));
    yd_buf_free(&yd_mem_default, &text);
    if (message->num_attachments > 0 &&
        yd_sio_placeholders_count(message->elements, (uint32_t)message->num_attachments) < 0)
        return; /* the layer above looks at that */
    write_again(message, YD_PYTHON_LIST);
    write_again(message, YD_PYTHON_BARE);
    write_again(message, YD_PYTHON_PLAIN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);

    require(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    for (int lists = 0; lists < 2; lists++) {
        struct yd_python_reading reading = {1u << 20, lists != 0};
        struct yd_python_message message;

        if (yd_python_read(&yd_mem_default, (yodel_bytes){copy, size}, &reading, &message) == 0) {
            check_text(message.nsp);
            check_text(message.host_id);
            if (message.method == YD_PYTHON_EMIT)
                check_emit(&message);
            yd_python_message_free(&message);
        }
    }
    free(copy);
    return 0;
}
