/* SPDX-License-Identifier: MIT */
#include "carry/link.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "carry/link_state.h"

/* Links over max_links are told so; beyond this many more they are closed unheard. */
#define UNHEARD_ABOVE 64

#define LOG_MS 1000
#define FIRST_SLOTS 16
#define NO_SLOT UINT16_MAX

static uint64_t now_of(const struct yd_link *link)
{
    return link->home->net->loop->now;
}

void yd_link_home_init(struct yd_link_home *home, struct yd_net *net,
                       const struct yd_link_options *options, _Atomic uint32_t *node)
{
    home->net = net;
    home->options = *options;
    home->node = node;
    yd_list_init(&home->links);
}

void yd_link_home_log(struct yd_link_home *home, const char *peer, const char *text)
{
    uint64_t now = home->net->loop->now + 1;

    if (home->logged_at != 0 && now - home->logged_at < LOG_MS)
        return;
    home->logged_at = now;
    yd_log(yd_loop_log(home->net->loop), YODEL_LOG_WARN, "link with %s: %s", peer, text);
}

void yd_link_log(struct yd_link *link, const char *text)
{
    char peer[YD_PEER_SIZE];

    if (text == NULL)
        return;
    yd_conn_peer(link->conn, peer);
    yd_link_home_log(link->home, peer, text);
}

/* ---- frames out ---- */

static int send_frame(struct yd_link *link, const struct yd_link_head *head, const void *payload)
{
    uint8_t bytes[YD_LINK_HEAD_SIZE];
    int rc;

    yd_link_put_head(bytes, head);
    rc = yd_conn_write(link->conn, bytes, sizeof bytes, payload, payload != NULL ? head->len : 0);
    if (rc == -ENOMEM) /* the two sides would not know the same any more */
        yd_link_fail(link, YD_LINK_LOST, "out of memory");
    return rc;
}

static void send_short(struct yd_link *link, enum yd_link_kind kind, uint32_t stream,
                       unsigned flags)
{
    (void)send_frame(
        link,
        &(struct yd_link_head){.stream = stream, .kind = (uint8_t)kind, .flags = (uint8_t)flags},
        NULL);
}

/* ---- slots ---- */

static struct yd_link_stream *find(const struct yd_link *link, uint32_t id)
{
    uint32_t slot = id & 0xffff;
    struct yd_link_stream *stream = slot < link->num_slots ? link->slots[slot].stream : NULL;

    return stream != NULL && stream->id == id ? stream : NULL;
}

/* Slots up to that one, those that are new in front of the free ones. */
static int grow(struct yd_link *link, uint32_t slot)
{
    uint32_t num = YD_MAX(link->num_slots, (uint32_t)FIRST_SLOTS);
    struct yd_link_slot *slots;

    while (num <= slot)
        num *= 2;
    num = YD_MIN(num, link->home->options.max_streams);
    slots = yd_resize(yd_link_mem(link), link->slots, num * sizeof *slots);
    if (slots == NULL)
        return -ENOMEM;
    link->slots = slots;
    for (uint32_t i = num; i-- > link->num_slots;) {
        slots[i] = (struct yd_link_slot){NULL, 0, link->free_slot};
        link->free_slot = (uint16_t)i;
    }
    link->num_slots = num;
    return 0;
}

static void enter(struct yd_link *link, struct yd_link_stream *stream, uint32_t id)
{
    stream->id = id;
    stream->link = link;
    stream->credit = stream->room = YD_LINK_WINDOW;
    stream->used = 0;
    stream->wants_credit = false;
    yd_list_init(&stream->node);
    link->slots[id & 0xffff].stream = stream;
    link->num_streams++;
}

static void close_link(struct yd_link *link)
{
    link->closing = true;
    yd_conn_close(link->conn);
}

static void check_end(struct yd_link *link)
{
    if (link->num_streams == 0 && link->phase == YD_LINK_UP &&
        (link->leaving || link->stopping || (!link->called && link->owner == NULL)))
        close_link(link);
}

bool yd_link_is_usable(const struct yd_link *link)
{
    return link->phase == YD_LINK_UP && !link->leaving && !link->closing;
}

/* The stream is over here. */
static void forget(struct yd_link_stream *stream)
{
    struct yd_link *link = stream->link;
    uint32_t slot = stream->id & 0xffff;

    yd_list_remove(&stream->node);
    stream->link = NULL;
    link->slots[slot].stream = NULL;
    link->slots[slot].next_free = link->free_slot;
    link->free_slot = (uint16_t)slot;
    link->num_streams--;
    link->used_at = now_of(link);
    check_end(link);
}

/* ---- what owners of streams do ---- */

static int take_slot(struct yd_link *link, uint32_t *ret_id)
{
    struct yd_link_slot *slot;
    uint32_t index;

    if (link->num_streams >= link->home->options.max_streams)
        return -EBUSY;
    if (link->free_slot == NO_SLOT && grow(link, link->num_slots) < 0)
        return -ENOMEM;
    index = link->free_slot;
    slot = &link->slots[index];
    link->free_slot = slot->next_free;
    if (++slot->generation == 0)
        slot->generation = 1;
    *ret_id = (uint32_t)slot->generation << 16 | index;
    return 0;
}

int yd_link_open(struct yd_link *link, struct yd_link_stream *stream,
                 const struct yd_carried *client)
{
    uint8_t payload[YD_LINK_MAX_OPEN];
    struct yd_link_head head = {.kind = YD_LINK_OPEN};
    ssize_t len = yd_link_put_client(payload, client);
    int rc;

    if (len < 0)
        return (int)len;
    if (!yd_link_is_usable(link))
        return YODEL_ERR_CLOSED;
    if ((rc = take_slot(link, &head.stream)) < 0)
        return rc;
    head.len = (uint32_t)len;
    enter(link, stream, head.stream);
    if ((rc = send_frame(link, &head, payload)) < 0)
        forget(stream);
    return rc;
}

/* One frame of what stands at *at in iov, and goes on there. */
static int send_data(struct yd_link_stream *stream, const struct iovec **iov, size_t *at,
                     size_t len)
{
    struct yd_link *link = stream->link;
    struct yd_link_head head = {(uint32_t)len, stream->id, YD_LINK_DATA, 0};
    uint8_t bytes[YD_LINK_HEAD_SIZE];
    size_t head_len = sizeof bytes;
    int rc = 0;

    yd_link_put_head(bytes, &head);
    while (len > 0 && rc == 0) {
        size_t more = YD_MIN(len, (*iov)->iov_len - *at);

        if (more > 0) {
            rc = yd_conn_write(link->conn, bytes, head_len, (const char *)(*iov)->iov_base + *at,
                               more);
            head_len = 0;
        }
        len -= more;
        *at += more;
        if (*at == (*iov)->iov_len) {
            (*iov)++;
            *at = 0;
        }
    }
    return rc;
}

static size_t total_of(const struct iovec *iov, int num)
{
    size_t total = 0;

    for (int i = 0; i < num; i++)
        total += iov[i].iov_len;
    return total;
}

/* How much may be sent now; notes what the rest waits for. */
static size_t allowance(struct yd_link_stream *stream, size_t total)
{
    struct yd_link *link = stream->link;

    if (yd_conn_buffered(link->conn) > link->home->options.max_output) {
        if (yd_list_is_empty(&stream->node))
            yd_list_append(&link->waiting, &stream->node);
        yd_conn_want_drain(link->conn);
        return 0;
    }
    if (total <= stream->credit)
        return total;
    stream->wants_credit = true;
    return stream->credit;
}

ssize_t yd_link_send(struct yd_link_stream *stream, const struct iovec *iov, int num)
{
    size_t len, left, at = 0;

    if (stream->link == NULL || stream->link->phase != YD_LINK_UP)
        return -ECONNRESET;
    len = left = allowance(stream, total_of(iov, num));
    while (left > 0) {
        size_t more = YD_MIN(left, (size_t)YD_LINK_MAX_DATA);

        if (send_data(stream, &iov, &at, more) < 0) {
            yd_link_fail(stream->link, YD_LINK_LOST, "out of memory");
            return -ECONNRESET;
        }
        left -= more;
    }
    stream->credit -= (uint32_t)len;
    return (ssize_t)len;
}

void yd_link_used(struct yd_link_stream *stream, size_t len)
{
    uint8_t number[4];

    if (stream->link == NULL)
        return;
    stream->used += (uint32_t)len;
    if (stream->used < YD_LINK_WINDOW / 2)
        return;
    yd_link_put_number(number, stream->used);
    stream->room += stream->used;
    stream->used = 0;
    (void)send_frame(stream->link, &(struct yd_link_head){4, stream->id, YD_LINK_CREDIT, 0},
                     number);
}

void yd_link_end(struct yd_link_stream *stream, bool keeps)
{
    struct yd_link *link = stream->link;

    if (link == NULL)
        return;
    send_short(link, YD_LINK_END, stream->id, keeps ? YD_LINK_KEEPS : 0);
    if (link->called)
        forget(stream);
}

void yd_link_reset(struct yd_link_stream *stream, enum yd_link_why why)
{
    struct yd_link *link = stream->link;

    if (link == NULL)
        return;
    send_short(link, YD_LINK_RESET, stream->id, why <= YD_LINK_BUSY ? why : YD_LINK_GONE);
    forget(stream);
}

void yd_link_stop_stream(struct yd_link_stream *stream)
{
    if (stream->link != NULL)
        send_short(stream->link, YD_LINK_STOP, stream->id, 0);
}

/* ---- frames in ---- */

static void be_malformed(struct yd_link *link, const char *text)
{
    yd_count(&link->home->counters.malformed, 1);
    yd_link_fail(link, YD_LINK_LOST, text);
}

static void on_open(struct yd_link *link, uint32_t id, const uint8_t *payload, size_t len)
{
    struct yd_link_home *home = link->home;
    uint32_t slot = id & 0xffff;
    struct yd_link_stream *stream;
    struct yd_carried client;

    if (!link->called || slot >= home->options.max_streams || id >> 16 == 0 ||
        (slot < link->num_slots && link->slots[slot].stream != NULL) ||
        !yd_link_get_client(payload, len, &client)) {
        be_malformed(link, "a stream is opened that cannot be");
        return;
    }
    if (link->leaving || (slot >= link->num_slots && grow(link, slot) < 0) ||
        (stream = home->on_open(home)) == NULL) {
        send_short(link, YD_LINK_RESET, id, YD_LINK_BUSY);
        return;
    }
    enter(link, stream, id);
    home->on_opened(stream, &client);
}

static void on_credit(struct yd_link *link, struct yd_link_stream *stream, uint32_t more)
{
    if (more == 0 || more > YD_LINK_WINDOW - stream->credit) {
        be_malformed(link, "more credit than was used");
        return;
    }
    stream->credit += more;
    if (!stream->wants_credit)
        return;
    stream->wants_credit = false;
    stream->events->on_credit(stream);
}

static void on_stream_end(struct yd_link *link, struct yd_link_stream *stream, bool keeps)
{
    if (!link->called)
        forget(stream);
    stream->events->on_end(stream, keeps);
}

/* What is said to a stream that is over crossed with its end. */
static void on_stream_frame(struct yd_link *link, const struct yd_link_head *head,
                            const uint8_t *payload)
{
    struct yd_link_stream *stream = find(link, head->stream);

    if (stream == NULL)
        return;
    switch (head->kind) {
    case YD_LINK_CREDIT:
        on_credit(link, stream, yd_link_get_number(payload));
        break;
    case YD_LINK_END:
        on_stream_end(link, stream, (head->flags & YD_LINK_KEEPS) != 0);
        break;
    case YD_LINK_RESET:
        forget(stream);
        stream->events->on_reset(stream, (enum yd_link_why)head->flags);
        break;
    default:
        if (link->called)
            stream->events->on_stop(stream);
        else
            be_malformed(link, "a stop from where no client is");
        break;
    }
}

static void on_leave(struct yd_link *link)
{
    if (link->called) {
        be_malformed(link, "a leave from who has made the link");
        return;
    }
    link->leaving = true;
    if (link->owner != NULL)
        link->owner->on_leave(link->owner);
    check_end(link);
}

static void on_frame(struct yd_link *link, const struct yd_link_head *head, const uint8_t *payload)
{
    switch (head->kind) {
    case YD_LINK_OPEN:
        on_open(link, head->stream, payload, head->len);
        break;
    case YD_LINK_PING:
        send_short(link, YD_LINK_PONG, 0, 0);
        break;
    case YD_LINK_PONG:
        break;
    case YD_LINK_LEAVE:
        on_leave(link);
        break;
    default:
        on_stream_frame(link, head, payload);
        break;
    }
}

static size_t take_data(struct yd_link *link, uint8_t *data, size_t len)
{
    struct yd_link_stream *stream = find(link, link->data_stream);
    size_t used = YD_MIN((size_t)link->data_left, len);

    link->data_left -= (uint32_t)used;
    if (stream != NULL)
        stream->events->on_data(stream, data, used);
    return used;
}

static size_t begin_data(struct yd_link *link, const struct yd_link_head *head)
{
    struct yd_link_stream *stream = find(link, head->stream);

    if (stream != NULL && head->len > stream->room)
        be_malformed(link, "more data than there was room for");
    else if (stream != NULL)
        stream->room -= head->len;
    link->data_left = head->len;
    link->data_stream = head->stream;
    return YD_LINK_HEAD_SIZE;
}

static size_t take_frame(struct yd_link *link, uint8_t *data, size_t len)
{
    struct yd_link_head head;

    if (link->data_left > 0)
        return take_data(link, data, len);
    if (len < YD_LINK_HEAD_SIZE)
        return 0;
    if (!yd_link_get_head(data, &head)) {
        be_malformed(link, "a malformed frame");
        return len;
    }
    if (head.kind == YD_LINK_DATA)
        return begin_data(link, &head);
    if (len < YD_LINK_HEAD_SIZE + head.len)
        return 0;
    on_frame(link, &head, data + YD_LINK_HEAD_SIZE);
    return YD_LINK_HEAD_SIZE + head.len;
}

/* ---- the connection ---- */

static size_t on_data(struct yd_conn *conn, uint8_t *data, size_t len)
{
    struct yd_link *link = conn->up;

    if (link->phase == YD_LINK_DEAD)
        return len;
    link->heard_at = now_of(link);
    if (link->phase != YD_LINK_UP)
        return yd_link_take_begin(link, data, len);
    return take_frame(link, data, len);
}

static void on_eof(struct yd_conn *conn)
{
    struct yd_link *link = conn->up;

    if (link->num_streams > 0 || link->phase != YD_LINK_UP)
        yd_link_fail(link, YD_LINK_LOST, NULL);
    else
        close_link(link);
}

/* Who has made the link ends it when it is of no use. */
static bool is_idle(const struct yd_link *link)
{
    return !link->called && link->num_streams == 0 &&
           now_of(link) - link->used_at >= link->home->options.idle_ms;
}

static void on_timeout(struct yd_conn *conn)
{
    struct yd_link *link = conn->up;
    const struct yd_link_options *options = &link->home->options;

    if (link->phase != YD_LINK_UP) {
        yd_link_fail(link, YD_LINK_SILENT, "no proof in time");
    } else if (now_of(link) - link->heard_at >= options->silent_ms) {
        yd_link_fail(link, YD_LINK_SILENT, "nothing is heard of it");
    } else if (is_idle(link)) {
        close_link(link);
    } else {
        send_short(link, YD_LINK_PING, 0, 0);
        yd_conn_set_timeout(conn, options->ping_ms);
    }
}

/* Each that waits may wait again. */
static void on_drain(struct yd_conn *conn)
{
    struct yd_link *link = conn->up;
    struct yd_list waiting;

    yd_list_move(&link->waiting, &waiting);
    while (!yd_list_is_empty(&waiting)) {
        struct yd_link_stream *stream = yd_container_of(waiting.next, struct yd_link_stream, node);

        yd_list_remove(&stream->node);
        stream->events->on_credit(stream);
    }
}

/* Streams that are open go on; the clients of those that were opened here are told by their own
 * connections. */
static void on_stop(struct yd_conn *conn)
{
    struct yd_link *link = conn->up;

    if (yd_conn_is_held(conn) || link->phase == YD_LINK_DEAD)
        return;
    if (link->phase != YD_LINK_UP) {
        yd_link_fail(link, YD_LINK_UNKNOWN, NULL);
        return;
    }
    if (link->called) {
        link->leaving = true;
        send_short(link, YD_LINK_LEAVE, 0, 0);
    }
    link->stopping = true;
    check_end(link);
}

static void reset_streams(struct yd_link *link)
{
    for (uint32_t i = 0; i < link->num_slots; i++) {
        struct yd_link_stream *stream = link->slots[i].stream;

        if (stream == NULL)
            continue;
        forget(stream);
        stream->events->on_reset(stream, (enum yd_link_why)link->why);
    }
}

static void free_link(struct yd_link *link)
{
    if (link->called)
        link->home->num_accepted--;
    yd_list_remove(&link->node);
    yd_free(yd_link_mem(link), link->slots);
    yd_free(yd_link_mem(link), link);
}

static void count_down(struct yd_link *link)
{
    struct yd_link_counters *counters = &link->home->counters;

    yd_count(&counters->links, (uint64_t)-1);
}

static void on_closed(struct yd_conn *conn, int error)
{
    struct yd_link *link = conn->up;

    if (link->phase == YD_LINK_UP)
        count_down(link);
    if (link->phase != YD_LINK_DEAD && error < 0)
        yd_count(&link->home->counters.lost, 1);
    link->phase = YD_LINK_DEAD;
    reset_streams(link);
    if (link->owner != NULL)
        link->owner->on_down(link->owner, (enum yd_link_why)link->why);
    free_link(link);
}

static const struct yd_conn_events events = {
    .on_data = on_data,
    .on_eof = on_eof,
    .on_timeout = on_timeout,
    .on_drain = on_drain,
    .on_stop = on_stop,
    .on_closed = on_closed,
};

/* ---- links ---- */

void yd_link_fail(struct yd_link *link, enum yd_link_why why, const char *text)
{
    if (link->phase == YD_LINK_DEAD)
        return;
    yd_link_log(link, text);
    if (link->phase == YD_LINK_UP) {
        count_down(link);
        yd_count(&link->home->counters.lost, 1);
    } else if (link->called) {
        yd_count(&link->home->counters.refused, 1);
    }
    link->phase = YD_LINK_DEAD;
    link->why = (uint16_t)why;
    yd_conn_abort(link->conn, 0);
}

void yd_link_be_up(struct yd_link *link)
{
    struct yd_link_counters *counters = &link->home->counters;

    link->phase = YD_LINK_UP;
    link->used_at = now_of(link);
    yd_count(&counters->links, 1);
    yd_count(link->called ? &counters->accepted : &counters->made, 1);
    yd_conn_set_timeout(link->conn, link->home->options.ping_ms);
    if (link->owner != NULL)
        link->owner->on_up(link->owner);
}

static struct yd_link *new_link(struct yd_link_home *home, struct yd_conn *conn)
{
    struct yd_link *link = yd_zalloc(home->net->mem, sizeof *link);

    if (link == NULL)
        return NULL;
    link->home = home;
    link->conn = conn;
    link->free_slot = NO_SLOT;
    link->why = YD_LINK_LOST;
    link->heard_at = home->net->loop->now;
    yd_list_init(&link->waiting);
    yd_list_init(&link->node);
    return link;
}

static void begin(struct yd_link *link)
{
    yd_list_append(&link->home->links, &link->node);
    yd_conn_set_events(link->conn, &events, link);
    yd_conn_set_timeout(link->conn, link->home->options.begin_ms);
}

int yd_link_call(struct yd_link_home *home, struct yd_conn *conn, uint32_t node, unsigned loop,
                 struct yd_link_owner *owner, struct yd_link **ret_link)
{
    struct yd_link *link = new_link(home, conn);
    int rc;

    if (link == NULL)
        return -ENOMEM;
    if ((rc = yd_link_say_hello(link, node, loop)) < 0) {
        yd_free(home->net->mem, link);
        return rc;
    }
    link->owner = owner;
    begin(link);
    *ret_link = link;
    return 0;
}

void yd_link_disown(struct yd_link *link)
{
    link->owner = NULL;
    if (link->phase != YD_LINK_UP)
        yd_link_fail(link, YD_LINK_LOST, NULL);
    else
        check_end(link);
}

int yd_link_accept(struct yd_link_home *const *homes, unsigned num_homes, struct yd_conn *conn)
{
    struct yd_link_home *home = homes[yd_conn_loop(conn)->index];
    struct yd_link *link;

    if (home->num_accepted >= home->options.max_links + UNHEARD_ABOVE) {
        yd_count(&home->counters.refused, 1);
        return -EBUSY;
    }
    if ((link = new_link(home, conn)) == NULL)
        return -ENOMEM;
    link->called = true;
    link->phase = YD_LINK_CALLED;
    link->homes = homes;
    link->num_homes = num_homes;
    home->num_accepted++;
    begin(link);
    return 0;
}

void yd_link_move(struct yd_link *link, unsigned loop)
{
    if (yd_conn_move(link->conn, link->homes[loop]->net, link->hello, sizeof link->hello) < 0)
        yd_link_fail(link, YD_LINK_LOST, NULL);
    else
        free_link(link);
}

void yd_link_home_stop(struct yd_link_home *home)
{
    home->stopping = true;
}
