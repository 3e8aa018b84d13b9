/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_NEWS_H
#define YD_SIO_NEWS_H

#include "sio/encode.h"
#include "sio/sio_base.h"

/* An event that goes out: what it says, and the messages that say it to a client. */

/* What an emit is made of, checked; borrowed. */
struct yd_sio_words {
    yodel_str name, elements; /* elements: JSON values with commas between them */
    const yodel_bytes *attachments;
    size_t num_attachments;
};

struct yd_sio_news {
    struct yd_sio_out out; /* encoded by the service's parser */
    unsigned flags;        /* of the target */
    bool has_id;           /* it is to be acknowledged */
    uint64_t id;
    char offset[YD_SIO_OFFSET_MAX + 1]; /* "": without recovery, or to be acknowledged */
    bool has_no_place;                  /* the offset is that of what came before it (order.h) */
    yodel_str event;                    /* for those who watch it, and for far peers; else empty */
    yodel_sio_args args;                /* the same */
    struct yd_buf text;                 /* of both */
    void *copies;                       /* of attachments */
};

/* How news is made. */
struct yd_sio_news_options {
    unsigned flags;    /* of the target */
    bool acknowledged; /* with an id of its own; else perhaps an offset */
    bool keeps_words;  /* even if nobody watches what goes out */
    yodel_str offset;  /* of somebody else's; empty: one of our own, if there is no order */
};

/* Makes the news of words for sockets of ns.  Returns as yd_sio_encode_out(); on failure all is
 * freed. */
int yd_sio_news_make(struct yd_sio_news *news, yodel_sio_namespace *ns,
                     const struct yd_sio_words *words, const struct yd_sio_news_options *options);
/* Only keeps words: no messages for clients are made.  Returns 0 or -ENOMEM; on failure all is
 * freed. */
int yd_sio_news_keep(struct yd_sio_news *news, const struct yodel_allocator *mem,
                     const struct yd_sio_words *words);
/* Makes the messages of words that were kept, with an offset of somebody else's ("": none). Returns
 * as yd_sio_encode_out(); on failure it is as before. */
int yd_sio_news_complete(struct yd_sio_news *news, const yodel_sio_namespace *ns,
                         const char *offset);
/* Once more does nothing. */
void yd_sio_news_done(struct yd_sio_news *news, const struct yodel_allocator *mem);

/* Bytes that it holds. */
size_t yd_sio_news_size(const struct yd_sio_news *news);

/* The packet that says words, without a number. */
struct yd_sio_output yd_sio_words_output(const yodel_sio_namespace *ns,
                                         const struct yd_sio_words *words);

#endif
