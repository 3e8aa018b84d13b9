/* SPDX-License-Identifier: MIT */
#include "sio/news.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "sio/ns_config.h"

struct yd_sio_output yd_sio_words_output(const yodel_sio_namespace *ns,
                                         const struct yd_sio_words *words)
{
    return (struct yd_sio_output){
        .type = YD_SIO_EVENT,
        .nsp = yodel_sio_namespace_name(ns),
        .event = words->name,
        .args = words->elements,
        .num_attachments = (uint32_t)words->num_attachments,
    };
}

/* One block: the views, then what they view. */
static int keep_attachments(struct yd_sio_news *news, const struct yodel_allocator *mem,
                            const struct yd_sio_words *words)
{
    size_t num = words->num_attachments, size = num * sizeof(yodel_bytes);
    yodel_bytes *views;
    uint8_t *at;

    for (size_t i = 0; i < num; i++)
        size += words->attachments[i].len;
    if (num == 0)
        return 0;
    if ((news->copies = views = yd_alloc(mem, size)) == NULL)
        return -ENOMEM;
    at = (uint8_t *)(views + num);
    for (size_t i = 0; i < num; i++) {
        views[i] = (yodel_bytes){at, words->attachments[i].len};
        if (views[i].len > 0)
            memcpy(at, words->attachments[i].ptr, views[i].len);
        at += views[i].len;
    }
    news->args.attachments = views;
    news->args.num_attachments = num;
    return 0;
}

/* The caller's strings do not live as long as the news. */
static int keep_text(struct yd_sio_news *news, const struct yodel_allocator *mem,
                     const struct yd_sio_words *words)
{
    size_t len = words->name.len;

    if (yd_buf_append_str(mem, &news->text, words->name) < 0 ||
        yd_buf_append(mem, &news->text, "[", 1) < 0 ||
        yd_buf_append_str(mem, &news->text, words->elements) < 0 ||
        yd_buf_append(mem, &news->text, "]", 1) < 0)
        return -ENOMEM;
    news->event = (yodel_str){(char *)news->text.ptr, len};
    news->args.json = (yodel_str){(char *)news->text.ptr + len, news->text.len - len};
    return keep_attachments(news, mem, words);
}

int yd_sio_news_make(struct yd_sio_news *news, yodel_sio_namespace *ns,
                     const struct yd_sio_words *words, const struct yd_sio_news_options *options)
{
    yodel_sio *sio = ns->sio;
    struct yd_sio_output output = yd_sio_words_output(ns, words);
    int rc = 0;

    *news = (struct yd_sio_news){
        .flags = options->flags,
        .has_id = options->acknowledged,
        .args = {.size = sizeof news->args},
    };
    if (options->acknowledged) {
        output.has_id = true;
        output.id = news->id = atomic_fetch_add(&ns->ack_id, 1) & YD_SIO_MAX_ID;
    } else if (options->offset.len > 0 && options->offset.len <= YD_SIO_OFFSET_MAX) {
        memcpy(news->offset, options->offset.ptr, options->offset.len);
        output.offset = yodel_str_of(news->offset);
    } else if (sio->options.recovery_ms > 0 && sio->order == NULL) {
        yd_sio_next_offset(&sio->ids, news->offset);
        output.offset = yodel_str_of(news->offset);
    }
    if (options->keeps_words || yd_sio_ns_is_watched(ns))
        rc = keep_text(news, sio->mem, words);
    if (rc == 0)
        rc = yd_sio_encode_out(sio->mem, sio->options.parser, &output, words->attachments,
                               &news->out);
    if (rc < 0)
        yd_sio_news_done(news, sio->mem);
    return rc;
}

int yd_sio_news_keep(struct yd_sio_news *news, const struct yodel_allocator *mem,
                     const struct yd_sio_words *words)
{
    int rc;

    *news = (struct yd_sio_news){.args = {.size = sizeof news->args}};
    if ((rc = keep_text(news, mem, words)) < 0)
        yd_sio_news_done(news, mem);
    return rc;
}

int yd_sio_news_complete(struct yd_sio_news *news, const yodel_sio_namespace *ns,
                         const char *offset)
{
    struct yd_sio_words words = {news->event, yd_json_inside(news->args.json),
                                 news->args.attachments, news->args.num_attachments};
    struct yd_sio_output output = yd_sio_words_output(ns, &words);
    int rc;

    output.offset = yodel_str_of(offset);
    rc = yd_sio_encode_out(ns->sio->mem, ns->sio->options.parser, &output, words.attachments,
                           &news->out);
    if (rc == 0)
        (void)snprintf(news->offset, sizeof news->offset, "%s", offset);
    return rc;
}

void yd_sio_news_done(struct yd_sio_news *news, const struct yodel_allocator *mem)
{
    yd_sio_out_unref(&news->out);
    yd_buf_free(mem, &news->text);
    yd_free(mem, news->copies);
    news->copies = NULL;
    news->args = (yodel_sio_args){.size = sizeof news->args};
}

size_t yd_sio_news_size(const struct yd_sio_news *news)
{
    size_t size = news->text.len;

    for (size_t i = 0; i < news->args.num_attachments; i++)
        size += news->args.attachments[i].len;
    for (size_t i = 0; i < news->out.num; i++)
        size += news->out.msgs[i]->len;
    return size;
}
