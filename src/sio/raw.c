/* SPDX-License-Identifier: MIT */
#include "sio/raw.h"

#include "base/container.h"
#include "base/mem.h"
#include "channels/channel_event.h"
#include "channels/channels.h"
#include "proto/json_scan.h"
#include "sio/emit.h"

/* Messages and events of a channel layer are news that are made once for a namespace, by the first
 * of its sockets that gets them. */

struct raw {
    struct yd_twin twin;     /* first; its key is the namespace */
    yodel_sio_namespace *ns; /* a reference */
    struct yd_sio_news news;
    bool failed; /* out of memory, or its name is a reserved one: there are no news */
};

static void free_raw(struct yd_twin *twin)
{
    struct raw *raw = (struct raw *)twin;

    yodel_sio_namespace *ns = raw->ns;
    const struct yodel_allocator *mem = ns->sio->mem;

    if (!raw->failed)
        yd_sio_news_done(&raw->news, mem);
    yd_free(mem, raw);
    yd_sio_ns_unref(ns);
}

static const struct yd_sio_news_options plain = {.flags = 0};

static int make_text(struct raw *raw, struct yd_msg *msg)
{
    const struct yodel_allocator *mem = raw->ns->sio->mem;
    struct yd_sio_words words = {.name = YODEL_STR("message")};
    struct yd_buf text = {0};
    int rc = yd_json_put_string(mem, &text, (yodel_str){(char *)yd_msg_payload(msg), msg->len});

    words.elements = (yodel_str){(char *)text.ptr, text.len};
    if (rc == 0)
        rc = yd_sio_news_make(&raw->news, raw->ns, &words, &plain);
    yd_buf_free(mem, &text);
    return rc;
}

static int make_binary(struct raw *raw, struct yd_msg *msg)
{
    yodel_bytes data = {yd_msg_payload(msg), msg->len};
    struct yd_sio_words words = {YODEL_STR("message"),
                                 YODEL_STR("{\"_placeholder\":true,\"num\":0}"), &data, 1};

    return yd_sio_news_make(&raw->news, raw->ns, &words, &plain);
}

/* An emit that is kept. */
static int make_kept(struct raw *raw, const struct yd_words *kept)
{
    struct yd_sio_words words = {.name = kept->name, .elements = yd_json_inside(kept->json)};

    if (yd_sio_is_reserved(words.name))
        return YODEL_ERR_NAME;
    return yd_sio_news_make(&raw->news, raw->ns, &words, &plain);
}

static int make_event(struct raw *raw, const yodel_event *event)
{
    struct yd_sio_words words = {.name = yodel_event_type(event), .elements = yd_event_json(event)};

    if (yd_sio_is_reserved(words.name))
        return YODEL_ERR_NAME;
    return yd_sio_news_make(&raw->news, raw->ns, &words, &plain);
}

static struct raw *make_raw(yodel_sio_namespace *ns, const struct yd_delivery *what)
{
    struct raw *raw = yd_zalloc(ns->sio->mem, sizeof *raw);
    int rc;

    if (raw == NULL)
        return NULL;
    raw->twin.key = ns;
    raw->twin.free = free_raw;
    raw->ns = yd_sio_ns_ref(ns);
    if (what->event != NULL)
        rc = make_event(raw, what->event);
    else if (what->words != NULL)
        rc = make_kept(raw, what->words);
    else if (what->msg->type == YODEL_WS_TEXT)
        rc = make_text(raw, what->msg);
    else
        rc = make_binary(raw, what->msg);
    raw->failed = rc < 0;
    return raw;
}

static const struct yd_sio_news *get_news(yodel_sio_namespace *ns, struct yd_delivery *what)
{
    struct raw *raw = (struct raw *)yd_delivery_twin(what, ns);

    if (raw == NULL && (raw = make_raw(ns, what)) != NULL)
        raw = (struct raw *)yd_delivery_add_twin(what, &raw->twin);
    return raw != NULL && !raw->failed ? &raw->news : NULL;
}

/* To one that is away too. */
void yd_sio_deliver(struct yd_member *member, struct yd_delivery *what)
{
    yodel_sio_socket *socket = yd_sio_socket_of_member(member);
    const struct yd_sio_news *news;

    if (socket->phase != YD_SIO_CONNECTED && !yd_sio_is_absent(socket))
        return;
    if ((news = get_news(socket->ns, what)) != NULL)
        (void)yd_sio_give(socket, news, NULL);
}
