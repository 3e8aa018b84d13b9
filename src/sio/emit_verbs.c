/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>

#include "proto/json_pack.h"
#include "sio/emit.h"
#include "sio/sio_event.h"

/* The emits of the public interface: each makes the words of an event, then they are one. */

static struct yd_sio_words words_of(const char *event, const struct yd_sio_packed *packed)
{
    return (struct yd_sio_words){
        .name = yodel_str_of(event),
        .elements = packed->elements,
        .attachments = packed->attachments,
        .num_attachments = packed->num_attachments,
    };
}

static int emit_packed(const yodel_sio_target *target, const char *event,
                       struct yd_sio_packed *packed)
{
    struct yd_sio_words words = words_of(event, packed);
    int rc = yd_sio_emit(target, &words);

    yd_sio_packed_done(packed, target->ns->sio->mem);
    return rc;
}

/* What a format gives with "o" is taken in any case. */
static int pack(const yodel_sio_target *target, const char *format, va_list args,
                struct yd_sio_packed *packed)
{
    int rc = yd_sio_target_check(target);

    if (rc == 0)
        return yd_sio_pack(packed, target->ns->sio->mem, format, args);
    yd_json_pack_nothing(format, args);
    return rc;
}

int yodel_sio_emit(yodel_sio_target target, const char *event, const char *format, ...)
{
    struct yd_sio_packed packed;
    va_list args;
    int rc;

    va_start(args, format);
    rc = pack(&target, format, args, &packed);
    va_end(args);
    return rc < 0 ? rc : emit_packed(&target, event, &packed);
}

int yodel_sio_emit_text(yodel_sio_target target, const char *event, yodel_str text)
{
    int rc = yd_sio_target_check(&target);
    struct yd_sio_packed packed;

    if (rc == 0)
        rc = yd_sio_pack_text(&packed, target.ns->sio->mem, text);
    return rc < 0 ? rc : emit_packed(&target, event, &packed);
}

int yodel_sio_emit_json(yodel_sio_target target, const char *event, const json_t *args)
{
    int rc = yd_sio_target_check(&target);
    struct yd_sio_packed packed;

    if (rc == 0)
        rc = yd_sio_pack_document(&packed, target.ns->sio->mem, args);
    return rc < 0 ? rc : emit_packed(&target, event, &packed);
}

int yodel_sio_emit_bytes(yodel_sio_target target, const char *event, yodel_bytes data)
{
    int rc = yd_sio_target_check(&target);
    struct yd_sio_packed packed;

    if (rc < 0)
        return rc;
    yd_sio_pack_bytes(&packed, data);
    return emit_packed(&target, event, &packed);
}

static int read_args(const yodel_sio_target *target, const char *event, const yodel_sio_args *given,
                     struct yd_sio_words *words)
{
    int rc = yd_sio_target_check(target);
    yodel_sio_args args = {.size = sizeof args};

    if (rc == 0)
        rc = yd_sio_read_args(given, &args, &words->elements);
    words->name = yodel_str_of(event);
    words->attachments = args.attachments;
    words->num_attachments = args.num_attachments;
    return rc;
}

int yodel_sio_emit_args(yodel_sio_target target, const char *event, const yodel_sio_args *args)
{
    struct yd_sio_words words;
    int rc = read_args(&target, event, args, &words);

    return rc < 0 ? rc : yd_sio_emit(&target, &words);
}

int yodel_sio_emit_counted(yodel_sio_target target, const char *event, const yodel_sio_args *args,
                           yodel_sio_count_fn *counted, void *user)
{
    struct yd_sio_words words;
    int rc = counted != NULL ? read_args(&target, event, args, &words) : -EINVAL;

    return rc < 0 ? rc : yd_sio_emit_counted(&target, &words, counted, user);
}

int yodel_sio_emit_event(yodel_sio_target target, const char *event,
                         const yodel_sio_event *received)
{
    struct yd_sio_words words = {.name = yodel_str_of(event)};
    int rc = received != NULL ? yd_sio_target_check(&target) : -EINVAL;

    if (rc == 0) {
        words.elements = received->packet->args;
        words.attachments = received->attachments;
        words.num_attachments = received->packet->num_attachments;
    }
    return rc < 0 ? rc : yd_sio_emit(&target, &words);
}

/* ---- to be acknowledged ---- */

int yodel_sio_emit_ack(yodel_sio_target target, const char *event, const yodel_sio_args *args,
                       yodel_sio_answers_fn *answered, void *user)
{
    struct yd_sio_words words;
    int rc = read_args(&target, event, args, &words);

    return rc < 0 ? rc : yd_sio_ask(&target, &words, answered, user);
}

int yodel_sio_emit_ack_pack(yodel_sio_target target, const char *event,
                            yodel_sio_answers_fn *answered, void *user, const char *format, ...)
{
    struct yd_sio_packed packed;
    struct yd_sio_words words;
    va_list args;
    int rc;

    va_start(args, format);
    rc = pack(&target, format, args, &packed);
    va_end(args);
    if (rc < 0)
        return rc;
    words = words_of(event, &packed);
    rc = yd_sio_ask(&target, &words, answered, user);
    yd_sio_packed_done(&packed, target.ns->sio->mem);
    return rc;
}
