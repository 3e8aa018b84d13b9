/* SPDX-License-Identifier: MIT */
#ifndef YG_HTTP_CLIENT_PARTS_H
#define YG_HTTP_CLIENT_PARTS_H

#include <curl/curl.h>

#include "base/text.h"
#include "http/client.h"
#include "http/reply_reader.h"

/*
 * The parts of a client: its calls (client.c), the transfers of libcurl's that carry them
 * (client_transfer.c), and the descriptors and the clock of the loop that libcurl asks for
 * (client_sockets.c).
 *
 * A request costs libcurl more than all that it is about.  So where there is no TLS, and nothing
 * about the request that only libcurl knows, it makes the connection alone: that is a wire then,
 * which requests are sent on one after the other (client_wire.c).
 *
 * libcurl may not be called inside its callbacks, so these only note what there is to do; replies
 * are given between two calls of it.
 */

/* A transfer: a handle of libcurl's with all that stays the same set, used again and again. */
struct yg_transfer {
    struct yg_transfer *next;  /* of the idle ones */
    struct yg_http_call *call; /* NULL: idle */
    CURL *easy;
    char *key;    /* the URL that the handle is set to; NULL: none */
    CURLU *parts; /* the same, parsed once; NULL: libcurl parses it, and says what is wrong */
    uint32_t connect_timeout_ms;
    bool is_get;      /* what the handle is set to */
    bool is_to_wire;  /* the same: it only connects */
    bool is_again;    /* it was sent anew, on a connection of its own */
    int failure;      /* of a callback: why libcurl was told to stop; else 0 */
    size_t head_len;  /* bytes of the answer's heads so far */
    size_t num_lines; /* of the last head, so far */
    bool has_head;    /* the last of them is whole */
    int fd;           /* the last descriptor that it waited for; -1: none */
    struct yg_text body;
    char error[CURL_ERROR_SIZE];
};

struct yg_call_list {
    struct yg_http_call *first, *last;
};

struct yg_http_call {
    struct yg_http_client *client;
    struct yg_call_list *list; /* where it is; NULL: its reply is being given */
    struct yg_http_call *prev, *next;
    struct yg_transfer *transfer; /* NULL: it waits, could not begin, or has a wire */
    struct yg_wire *wire;         /* NULL: none */
    bool is_plain;                /* it may have one */
    yodel_timer timer;            /* of its end */
    int result;                   /* what it ends with when the timer fires */
    uint64_t begun_us;
    uint32_t connect_timeout_ms;
    bool is_get;
    yodel_str body;
    yg_http_reply_fn *fn;
    void *user;
    /* In the same memory: */
    const char *key;  /* the URL as it was given */
    const char *url;  /* as libcurl takes it */
    const char *path; /* of a Unix socket; NULL: none */
    struct curl_slist *headers;
    /* Of a plain one: */
    yodel_str host;     /* with its port */
    const char *target; /* what follows it */
};

/* A connection without TLS. */
struct yg_wire {
    struct yg_wire *next; /* of the idle ones */
    struct yg_http_client *client;
    struct yg_http_call *call;      /* NULL: idle */
    struct yg_reply_reader *reader; /* of its answer; NULL: nothing has come */
    yodel_watch watch;
    int fd;
    uint64_t idle_ms;    /* since when */
    struct yg_text head; /* of the request, where not all of it went at once */
    size_t sent;         /* bytes of the request */
    size_t head_len;
    bool is_sending;
    bool has_failed; /* nothing can be sent any more; there may be an answer */
    bool is_used;    /* it has had an answer */
    char key[];      /* where it leads to */
};

#define YG_SOCKET_BUCKETS 64

struct yg_http_client {
    yodel_loop *loop;
    struct yg_http_client_options options;
    CURLM *multi;      /* NULL after its memory has failed, until the next request */
    yodel_timer timer; /* libcurl's */
    struct yg_http_socket *sockets[YG_SOCKET_BUCKETS]; /* by descriptor */
    struct yg_call_list waiting, running;
    struct yg_transfer *idle;
    struct yg_wire *wires; /* idle ones, the last one first */
    unsigned num_wires;
    struct yg_reply_reader *reader; /* an idle one: answers come one after the other */
    struct yg_text out;             /* the head that is being sent */
    unsigned num_running;           /* transfers and wires that carry a call */
    size_t num_active;
    bool is_replying; /* a frame further up has the struct: it frees it */
    bool is_freed;
};

/* ---- client.c ---- */

/* A transfer has come to its end. */
void yg_http_client_done(struct yg_transfer *transfer, CURLcode code);

/* Ends a call soon, by its timer. */
void yg_http_call_fail(struct yg_http_call *call, int result);

/* libcurl has run out of memory: what it was at is half made, and 7.88 crashes when it meets that
 * again.  So the calls that run end soon, and it begins anew. */
void yg_http_client_break(struct yg_http_client *client);

/* A wire has had its answer, or has failed, with text what to say of that: the call of the same
 * name is over.  The wire has nothing to do with it any more. */
void yg_http_client_answered(struct yg_http_call *call, struct yg_reply_reader *reader, int result,
                             const char *text);

/* ---- client_wire.c ---- */

/* Looks whether a call may have a wire, once its strings are there. */
void yg_wire_look(struct yg_http_call *call);

/* Begins a call on an idle one.  Returns 0, -ENOENT (there is none), -ENOMEM. */
int yg_wire_begin(struct yg_http_call *call);

/* A transfer has connected to where its call goes to: makes a wire of that, and begins the call
 * there.  Returns 0 or -errno. */
int yg_wire_take(struct yg_transfer *transfer);

/* Takes a wire off its call, and ends it. */
void yg_wire_drop(struct yg_wire *wire);

/* Makes room for another connection. */
void yg_wire_make_room(struct yg_http_client *client);

/* Fills a reply whose result is there from an answer; strings are the reader's. */
void yg_wire_reply(const struct yg_reply_reader *reader, struct yg_http_reply *reply);

/* NULL does nothing. */
void yg_wire_release_reader(struct yg_http_client *client, struct yg_reply_reader *reader);

/* Ends all idle ones. */
void yg_wires_stop(struct yg_http_client *client);

/* ---- client_transfer.c ---- */

/* Begins a call: takes an idle transfer, or makes one.  Returns 0 or -ENOMEM. */
int yg_transfer_begin(struct yg_http_call *call);

/* Begins one that has ended anew, if a kept connection was to blame.  Returns whether it did. */
bool yg_transfer_again(struct yg_transfer *transfer, CURLcode code);

/* Takes a transfer off its call and out of libcurl's work: a connection that has not had the whole
 * answer is closed.  What it has read stays. */
void yg_transfer_end(struct yg_transfer *transfer);

/* Fills a reply from one that has ended; strings are the transfer's. */
void yg_transfer_reply(struct yg_transfer *transfer, CURLcode code, struct yg_http_reply *reply);

/* What the headers of an answer mean, of a wire's, too. */
void yg_transfer_read_headers(struct yg_http_reply *reply);

/* Puts it among the idle ones of the client. */
void yg_transfer_release(struct yg_http_client *client, struct yg_transfer *transfer);

/* NULL does nothing. */
void yg_transfer_free(struct yg_transfer *transfer);

/* ---- client_sockets.c ---- */

/* Begins with libcurl on the loop, if it has not.  Returns 0 or -ENOMEM. */
int yg_sockets_start(struct yg_http_client *client);

/* The options of a handle whose sockets are the client's. */
bool yg_sockets_set_up(struct yg_http_client *client, struct yg_transfer *transfer);

/* Something of an answer has come. */
void yg_sockets_answered(struct yg_transfer *transfer);

/* Ends with libcurl, which must have no transfers, and all connections. */
void yg_sockets_stop(struct yg_http_client *client);

#endif
