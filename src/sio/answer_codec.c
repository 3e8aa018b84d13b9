/* SPDX-License-Identifier: MIT */
#include "sio/answer_codec.h"

#include <errno.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "bus/op_wire.h"
#include "proto/json_scan.h"
#include "proto/sio_packet.h"

/* The result (0 or an error, without its sign) 4, lists 1, the elements, attachments 4 and each. */

yodel_str yd_sio_first_argument(yodel_str args)
{
    struct yd_json_iter iter = yd_json_elements(args);
    yodel_str element;

    return yd_json_next(&iter, &element) ? element : YODEL_STR("null");
}

int yd_sio_answers_put(const struct yodel_allocator *mem, struct yd_buf *buf,
                       const struct yd_sio_answers *answers)
{
    int rc;

    if (yd_wire_put_u32(mem, buf, (uint32_t)-answers->result) < 0 ||
        yd_wire_put_u8(mem, buf, answers->lists) < 0 ||
        yd_wire_put_str(mem, buf, answers->elements) < 0)
        return -ENOMEM;
    rc = yd_wire_put_u32(mem, buf, answers->num_attachments);
    for (uint32_t i = 0; rc == 0 && i < answers->num_attachments; i++) {
        yodel_bytes data = answers->attachments[i];

        rc = yd_wire_put_str(mem, buf, (yodel_str){(const char *)data.ptr, data.len});
    }
    return rc;
}

/* ---- reading ---- */

/* JSON values with commas between them, which name no other attachments than num. */
static int check_elements(const struct yodel_allocator *mem, yodel_str elements, uint32_t num)
{
    struct yd_buf array = {0};
    yodel_str text, value;
    int rc = -ENOMEM;

    if (yd_buf_append(mem, &array, "[", 1) == 0 && yd_buf_append_str(mem, &array, elements) == 0 &&
        yd_buf_append(mem, &array, "]", 1) == 0) {
        text = (yodel_str){(char *)array.ptr, array.len};
        rc = yd_utf8_is_valid(text.ptr, text.len) &&
                     yd_json_check(text, YD_JSON_MAX_DEPTH, &value) &&
                     (num == 0 || yd_sio_placeholders_count(elements, num) >= 0)
                 ? 0
                 : YODEL_ERR_PROTOCOL;
    }
    yd_buf_free(mem, &array);
    return rc;
}

/* Views; NULL when there are more in the bytes than they can hold, or out of memory. */
static yodel_bytes *read_attachments(const struct yodel_allocator *mem,
                                     struct yd_wire_reader *reader, uint32_t num)
{
    yodel_bytes *data = NULL;

    if (num > reader->rest.len / 4)
        reader->failed = true;
    else
        data = yd_alloc_array(mem, num + (size_t)1, sizeof *data);
    for (uint32_t i = 0; data != NULL && i < num; i++) {
        yodel_str text = yd_wire_get_str(reader);

        data[i] = (yodel_bytes){(const uint8_t *)text.ptr, text.len};
    }
    return data;
}

static int put_in_form(const struct yodel_allocator *mem, struct yd_buf *buf, yodel_str value,
                       bool lists)
{
    int rc = buf->len > 0 ? yd_buf_append(mem, buf, ",", 1) : 0;

    if (rc < 0)
        return rc;
    if (!lists && yd_json_type_of(value) != YD_JSON_ARRAY)
        return YODEL_ERR_PROTOCOL;
    if (!lists)
        return yd_buf_append_str(mem, buf, yd_sio_first_argument(yd_json_inside(value)));
    if (yd_buf_append(mem, buf, "[", 1) < 0 || yd_buf_append_str(mem, buf, value) < 0)
        return -ENOMEM;
    return yd_buf_append(mem, buf, "]", 1);
}

/* lists: the form that is wanted.  Lists are looked at also where they are wanted. */
static int bring_in_form(const struct yodel_allocator *mem, struct yd_sio_answers_read *read,
                         bool lists)
{
    struct yd_sio_answers *answers = &read->answers;
    struct yd_json_iter iter = yd_json_elements(answers->elements);
    bool is_so = answers->lists == lists;
    yodel_str value;
    int rc = 0;

    if (is_so && !lists)
        return 0;
    while (rc == 0 && yd_json_next(&iter, &value)) {
        if (!is_so)
            rc = put_in_form(mem, &read->text, value, lists);
        else if (yd_json_type_of(value) != YD_JSON_ARRAY)
            rc = YODEL_ERR_PROTOCOL;
    }
    if (!is_so)
        answers->elements = (yodel_str){(char *)read->text.ptr, read->text.len};
    answers->lists = lists;
    return rc;
}

int yd_sio_answers_get(const struct yodel_allocator *mem, yodel_bytes bytes, bool lists,
                       struct yd_sio_answers_read *ret_read)
{
    struct yd_wire_reader reader = {bytes, false};
    struct yd_sio_answers *answers = &ret_read->answers;
    uint32_t result = yd_wire_get_u32(&reader);
    uint8_t are_lists = yd_wire_get_u8(&reader);
    int rc;

    *ret_read = (struct yd_sio_answers_read){.answers = {.lists = are_lists != 0}};
    answers->elements = yd_wire_get_str(&reader);
    answers->num_attachments = yd_wire_get_u32(&reader);
    ret_read->views = read_attachments(mem, &reader, answers->num_attachments);
    answers->attachments = ret_read->views;
    answers->result = result <= INT32_MAX ? -(int)result : 0;
    if (ret_read->views == NULL && !reader.failed)
        rc = -ENOMEM;
    else if (reader.failed || reader.rest.len > 0 || result > INT32_MAX || are_lists > 1)
        rc = YODEL_ERR_PROTOCOL;
    else
        rc = check_elements(mem, answers->elements, answers->num_attachments);
    if (rc == 0)
        rc = bring_in_form(mem, ret_read, lists);
    if (rc < 0)
        yd_sio_answers_read_done(ret_read, mem);
    return rc;
}

void yd_sio_answers_read_done(struct yd_sio_answers_read *read, const struct yodel_allocator *mem)
{
    yd_free(mem, read->views);
    yd_buf_free(mem, &read->text);
}
