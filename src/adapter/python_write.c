/* SPDX-License-Identifier: MIT */
#include "adapter/python_write.h"

#include <inttypes.h>
#include <stdio.h>

#include "adapter/python_out.h"
#include "proto/json_scan.h"

static const char *const methods[] = {[YD_PYTHON_EMIT] = "emit",
                                      [YD_PYTHON_CALLBACK] = "callback",
                                      [YD_PYTHON_DISCONNECT] = "disconnect",
                                      [YD_PYTHON_ENTER_ROOM] = "enter_room",
                                      [YD_PYTHON_LEAVE_ROOM] = "leave_room",
                                      [YD_PYTHON_CLOSE_ROOM] = "close_room"};

static void text_member(struct yd_python_out *out, const char *name, yodel_str text)
{
    yd_python_name(out, name);
    yd_python_text(out, text);
}

static void json_member(struct yd_python_out *out, const char *name, yodel_str value)
{
    yd_python_name(out, name);
    yd_python_values(out, value, NULL, 0);
}

static struct yd_python_out begin(const struct yd_python_writer *writer,
                                  enum yd_python_method method, struct yd_buf *buf)
{
    struct yd_python_out out = {writer->mem, buf, writer->form == YD_PYTHON_PICKLE, false, 0};

    yd_python_begin(&out);
    yd_python_open(&out, YD_PYTHON_IN_DICT);
    text_member(&out, "method", yodel_str_of(methods[method]));
    return out;
}

static int end(struct yd_python_out *out)
{
    yd_python_close(out, YD_PYTHON_IN_DICT);
    yd_python_end(out);
    return out->rc;
}

/* ---- data ---- */

/* Whether the form has a way to say it. */
static bool can_say(enum yd_python_form form, const struct yd_python_words *words, size_t num)
{
    struct yd_json_iter iter = yd_json_elements(words->elements);
    yodel_str first;
    bool is_list = yd_json_next(&iter, &first) && yd_json_type_of(first) == YD_JSON_ARRAY;

    switch (form) {
    case YD_PYTHON_BARE:
        return num <= 1;
    case YD_PYTHON_PLAIN:
        return num <= 1 && !is_list && words->num_attachments == 0;
    case YD_PYTHON_LIST:
    case YD_PYTHON_PICKLE:
        break;
    }
    return true;
}

/* The arguments: in a list or tuple, or the only one, or None. */
static void put_arguments(struct yd_python_out *out, enum yd_python_form form,
                          const struct yd_python_words *words, size_t num)
{
    bool wrapped = form == YD_PYTHON_LIST || num > 1;
    enum yd_python_bracket bracket = out->pickled ? YD_PYTHON_IN_TUPLE : YD_PYTHON_IN_LIST;

    if (num == 0 && !wrapped) {
        yd_python_values(out, YODEL_STR("null"), NULL, 0);
        return;
    }
    if (wrapped)
        yd_python_open(out, bracket);
    yd_python_values(out, words->elements, words->attachments, words->num_attachments);
    if (wrapped)
        yd_python_close(out, bracket);
}

static void put_data(struct yd_python_out *out, enum yd_python_form form,
                     const struct yd_python_words *words, size_t num)
{
    bool binary = words->num_attachments > 0 && !out->pickled;

    yd_python_name(out, "data");
    if (binary)
        yd_python_open(out, YD_PYTHON_IN_LIST);
    put_arguments(out, form, words, num);
    for (size_t i = 0; binary && i < words->num_attachments; i++)
        yd_python_base64(out, words->attachments[i]);
    if (binary)
        yd_python_close(out, YD_PYTHON_IN_LIST);
    if (!out->pickled)
        json_member(out, "binary", binary ? YODEL_STR("true") : YODEL_STR("false"));
}

/* ---- emit ---- */

/* None, a name, or a list of them. */
static void put_names(struct yd_python_out *out, const char *member, const yodel_str *names,
                      size_t num, bool none)
{
    if (none) {
        json_member(out, member, YODEL_STR("null"));
    } else if (num == 1) {
        text_member(out, member, names[0]);
    } else {
        yd_python_name(out, member);
        yd_python_open(out, YD_PYTHON_IN_LIST);
        for (size_t i = 0; i < num; i++)
            yd_python_text(out, names[i]);
        yd_python_close(out, YD_PYTHON_IN_LIST);
    }
}

static void put_callback(struct yd_python_out *out, const struct yd_python_writer *writer,
                         const struct yd_python_emit *emit)
{
    enum yd_python_bracket bracket = out->pickled ? YD_PYTHON_IN_TUPLE : YD_PYTHON_IN_LIST;
    char id[24];

    if (emit->callback == 0) {
        json_member(out, "callback", YODEL_STR("null"));
        return;
    }
    yd_python_name(out, "callback");
    yd_python_open(out, bracket);
    yd_python_text(out, emit->rooms[0]);
    yd_python_text(out, writer->nsp);
    snprintf(id, sizeof id, "%" PRIu64, emit->callback);
    yd_python_values(out, yodel_str_of(id), NULL, 0);
    yd_python_close(out, bracket);
}

int yd_python_put_emit(const struct yd_python_writer *writer, const struct yd_python_emit *emit,
                       struct yd_buf *buf)
{
    size_t num = yd_json_count(yd_json_elements(emit->words.elements));
    struct yd_python_out out;

    if (!can_say(writer->form, &emit->words, num))
        return YODEL_ERR_UNSUPPORTED;
    out = begin(writer, YD_PYTHON_EMIT, buf);
    text_member(&out, "event", emit->event);
    put_data(&out, writer->form, &emit->words, num);
    text_member(&out, "namespace", writer->nsp);
    put_names(&out, "room", emit->rooms, emit->num_rooms, emit->everyone);
    put_names(&out, "skip_sid", emit->skip, emit->num_skip, emit->num_skip == 0);
    put_callback(&out, writer, emit);
    text_member(&out, "host_id", writer->host_id);
    json_member(&out, "yodel", YODEL_STR("true"));
    return end(&out);
}

int yd_python_put_answer(const struct yd_python_writer *writer,
                         const struct yd_python_answer *answer, struct yd_buf *buf)
{
    const struct yd_python_words *words = &answer->words;
    struct yd_python_out out;

    if (words->num_attachments > 0 && writer->form != YD_PYTHON_PICKLE)
        return YODEL_ERR_UNSUPPORTED;
    out = begin(writer, YD_PYTHON_CALLBACK, buf);
    text_member(&out, "host_id", answer->host_id);
    json_member(&out, "sid", answer->sid_json);
    json_member(&out, "namespace", answer->nsp_json);
    json_member(&out, "id", answer->id_json);
    yd_python_name(&out, "args");
    yd_python_open(&out, YD_PYTHON_IN_LIST);
    yd_python_values(&out, words->elements, words->attachments, words->num_attachments);
    yd_python_close(&out, YD_PYTHON_IN_LIST);
    return end(&out);
}

int yd_python_put_method(const struct yd_python_writer *writer, enum yd_python_method method,
                         yodel_str sid, yodel_str room, struct yd_buf *buf)
{
    struct yd_python_out out = begin(writer, method, buf);

    if (method != YD_PYTHON_CLOSE_ROOM)
        text_member(&out, "sid", sid);
    if (method != YD_PYTHON_DISCONNECT)
        text_member(&out, "room", room);
    text_member(&out, "namespace", writer->nsp);
    text_member(&out, "host_id", writer->host_id);
    json_member(&out, "yodel", YODEL_STR("true"));
    return end(&out);
}
