/* SPDX-License-Identifier: MIT */
#ifndef YD_ADAPTER_STREAMS_H
#define YD_ADAPTER_STREAMS_H

#include "adapter/cluster_peer.h"
#include "sio/restore.h"

/*
 * Streams of Redis, in which the events of all servers have one order.  What this server adds is
 * carried out here when it is read again, in its place among what others have added; so each client
 * gets the entries of a stream in their order, and the id of the last one that it has got says what
 * it has missed.  All is of the client's loop, unless it is said.
 */

struct yd_streams_config {
    const char *name;     /* of the stream, or the beginning of its name; copied */
    unsigned num;         /* 1: one stream; else name-0, name-1, ... */
    const char *sessions; /* what the keys of states begin with; copied */
    uint32_t max_len;     /* of a stream, about */
    uint32_t read_count;  /* entries read at a time */
    size_t max_waiting;   /* bytes of what is to be added, or to be read again */
};

/* Recent entries: whether a stream that went back is an old copy, or another one. */
#define YD_STREAMS_RECENT 64

struct yd_xstream {
    struct yd_streams *streams;
    char *name;
    struct yd_redis_reader reader;
    bool is_needed;           /* there is a namespace of it */
    bool reads;               /* the reader runs */
    bool must_check;          /* that the stream is the one we know, ahead of the next round */
    bool checks;              /* the command under way is that */
    bool knows_last;          /* since the first check */
    struct yd_stream_id last; /* entry that was read */
    struct yd_stream_id recent[YD_STREAMS_RECENT];
    unsigned num_recent;
    struct yd_stream_id again[YD_STREAMS_RECENT]; /* recent entries that came before */
    unsigned num_again;
    struct yd_list outbox;   /* of what this server adds, in order */
    struct yd_list ready;    /* to be carried out, in order */
    struct yd_list restores; /* that have gathered more than was read here */
    atomic_uint early;       /* entries that were carried out here ahead of their place */
    atomic_uint settled;     /* of those: have one now, or will never have one */
    uint64_t number;         /* of the last XADD */
    uint64_t read_number;    /* of the last entry of ours that was read */
    bool refused;  /* Redis takes nothing: one entry at a time is sent until it takes one */
    bool away;     /* Redis does not answer: what is emitted here is carried out at once */
    bool asks_top; /* to know whether what was lost has arrived */
    bool has_top;  /* the reader must have read up to top, to know it */
    struct yd_stream_id top;
    struct yd_timer timer;
};

struct yd_streams {
    struct yd_cluster *cluster;
    const struct yodel_allocator *mem;
    yodel_redis *redis; /* borrowed: the cluster has a reference */
    bool begun;
    struct yd_sio_order order;
    struct yd_redis_watcher watcher;
    char *sessions;
    uint32_t max_len, read_count;
    size_t max_waiting;
    atomic_size_t waiting;
    struct yd_map senders; /* what each has added last */
    unsigned num;          /* as configured */
    unsigned num_all;      /* with those of negative index, after the others */
    struct yd_xstream *all;
};

/* Returns 0 or -ENOMEM.  Before the loops run. */
int yd_streams_init(struct yd_streams *streams, yodel_sio *sio, yodel_redis *redis,
                    const struct yd_streams_config *config);
/* The cluster that they are of.  With recovery they are the order of the service from now on. */
void yd_streams_attach(struct yd_streams *streams, struct yd_cluster *cluster);
/* Its loop runs. */
void yd_streams_begin(struct yd_streams *streams);
/* The loops have ended. */
void yd_streams_done(struct yd_streams *streams);

/* There is a namespace of that name: its stream is read. */
void yd_streams_need(struct yd_streams *streams, yodel_str nsp);
/* The stream of a namespace; any thread. */
struct yd_xstream *yd_streams_of(struct yd_streams *streams, yodel_str nsp);

/* Of the peer, any thread: a parcel is made, and added later.  Return 0 or why not. */
int yd_streams_put_parcel(const struct yd_streams *streams, const struct yd_cluster_out *message,
                          struct yd_buf *buf);
int yd_streams_send_parcel(struct yd_streams *streams, yodel_bytes parcel);

/* ---- between the files of streams ---- */

/* What this server adds, or only has to carry out in its turn. */
struct yd_xstream_entry {
    struct yd_mail mail;
    struct yd_list node;
    struct yd_xstream *stream;
    struct yd_op *op; /* to be carried out when it was read; NULL: was, or never */
    uint8_t state;    /* stream_outbox.c */
    bool listed;      /* in the outbox */
    bool early;       /* it was carried out ahead of its place */
    bool asked;       /* XADD is under way */
    bool is_again;    /* there was an XADD before */
    bool was_lost;    /* and it may have arrived */
    uint64_t number;  /* of the last XADD; 0: there was none */
    uint64_t since;   /* ms */
    size_t size;      /* of parcel */
    uint8_t parcel[];
};

/* stream_outbox.c */
int yd_xstream_post(struct yd_streams *streams, struct yd_xstream *stream, struct yd_op *op,
                    yodel_bytes parcel);
/* An entry of this server was read.  False: it was before. */
bool yd_xstream_read_own(struct yd_xstream *stream, uint64_t number, struct yd_stream_id id);
/* The reader has read up to stream->last. */
void yd_xstream_read_on(struct yd_xstream *stream);
void yd_xstream_flush(struct yd_xstream *stream);
/* Sends all that waits, whatever the state of Redis. */
void yd_xstream_finish(struct yd_xstream *stream);
void yd_xstream_outbox_init(struct yd_xstream *stream);
void yd_xstream_empty(struct yd_xstream *stream);

/* Something waits: the timer looks at it. */
void yd_xstream_wait(struct yd_xstream *stream, uint32_t ms);
/* The offset of what is carried out just now; empty: none is known. */
void yd_xstream_offset(const struct yd_xstream *stream, char text[YD_STREAM_ID_SIZE]);

/* stream_ready.c: carries out what is ready, as far as it can be.  op: taken. */
enum yd_xstream_kind {
    YD_XSTREAM_OTHERS,  /* of another server, made with its offset */
    YD_XSTREAM_OWN,     /* of this one: it has still to be given its offset */
    YD_XSTREAM_NO_PLACE /* the same, but the offset is that of the entry before */
};

void yd_xstream_ready(struct yd_xstream *stream, struct yd_op *op, enum yd_xstream_kind kind,
                      const char *offset);
void yd_xstream_pump(struct yd_xstream *stream);
void yd_xstream_drop_ready(struct yd_xstream *stream);

/* stream_restores.c: whether a socket may be restored now, as no event has been carried out ahead
 * of its place that has none yet. */
bool yd_xstream_may_restore(const struct yd_xstream *stream, const struct yd_sio_restore *restore);
/* All was gathered up to restore->offset: it ends when that has been carried out here. */
void yd_xstream_end_when_read(struct yd_xstream *stream, struct yd_sio_restore *restore);
/* More was read, or carried out. */
void yd_xstream_wake_restores(struct yd_xstream *stream);
/* all: whatever they wait for does not come any more; else those whose time is over. */
void yd_xstream_fail_restores(struct yd_xstream *stream, bool all);
void yd_xstream_drop_restores(struct yd_xstream *stream);

/* stream_read.c */
void yd_xstream_start_reading(struct yd_xstream *stream);
void yd_xstream_stop_reading(struct yd_xstream *stream);
void yd_xstream_forget_senders(struct yd_streams *streams);
/* The fields of an entry, an array of id and of names and values.  False: it is none. */
struct yd_xstream_fields {
    struct yd_stream_id id;
    struct yd_cluster_entry entry;
    uint64_t number; /* 0: none of Yodel's */
};
bool yd_xstream_read_fields(const struct yd_redis_reply *reply,
                            struct yd_xstream_fields *ret_fields);

/* stream_states.c */
extern const struct yd_sio_order_ops yd_streams_order_ops;

#endif
