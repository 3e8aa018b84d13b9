/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "channels/channel_event.h"
#include "sse/sse.h"

/* Readers as members of groups.  What is delivered is made into the bytes of an event once, by the
 * first reader that gets it. */

struct event_twin {
    struct yd_twin twin; /* first */
    const struct yodel_allocator *mem;
    struct yd_msg *chunk; /* NULL: it is not for readers */
};

/* What all readers' twins have as their key. */
static const char key;

static void free_twin(struct yd_twin *twin)
{
    struct event_twin *event = (struct event_twin *)twin;

    yd_msg_unref(event->chunk);
    yd_free(event->mem, event);
}

/* False for what is not for readers. */
static bool fields_of(const struct yd_delivery *what, struct yd_sse_fields *fields)
{
    *fields = (struct yd_sse_fields){.retry_ms = 0};
    if (what->words != NULL) {
        fields->event = what->words->name;
        fields->data = what->words->json;
        return what->words->num_attachments == 0 && yd_sse_is_line(fields->event);
    }
    if (what->msg != NULL) {
        fields->data = (yodel_str){(const char *)yd_msg_payload(what->msg), what->msg->len};
        return what->msg->type == YODEL_WS_TEXT;
    }
    fields->event = yodel_event_type(what->event);
    fields->data = yd_event_json(what->event);
    return yd_sse_is_line(fields->event);
}

/* NULL when out of memory. */
static struct event_twin *make_twin(const struct yodel_allocator *mem, struct yd_delivery *what)
{
    struct event_twin *event = yd_zalloc(mem, sizeof *event);
    struct yd_sse_fields fields;

    if (event == NULL)
        return NULL;
    event->twin.key = &key;
    event->twin.free = free_twin;
    event->mem = mem;
    if (fields_of(what, &fields) && (event->chunk = yd_sse_make_chunk(mem, &fields)) == NULL) {
        yd_free(mem, event);
        return NULL;
    }
    return (struct event_twin *)yd_delivery_add_twin(what, &event->twin);
}

static void give(yodel_sse *sse, struct yd_delivery *what)
{
    struct yd_loop *loop = yd_sse_loop(sse);
    struct event_twin *event = (struct event_twin *)yd_delivery_twin(what, &key);
    int rc;

    if (event == NULL && (event = make_twin(loop->mem, what)) == NULL) {
        yodel_stream_abort(yodel_sse_stream(sse));
        return;
    }
    if (event->chunk == NULL) {
        yd_count(&loop->counters.events_dropped, 1);
        return;
    }
    rc = yd_sse_send_chunk(sse, event->chunk);
    if (rc == YODEL_ERR_CONGESTED && sse->close_congested)
        yd_count(&loop->counters.slow_closed, 1);
    else if (rc != -ENOMEM)
        return;
    yodel_stream_abort(yodel_sse_stream(sse));
}

static void run_handler(yodel_sse *sse, const yodel_event *event)
{
    int rc = sse->on_event(sse, event, yodel_sse_user(sse));

    if (rc >= 0)
        return;
    yd_log(yd_loop_log(yd_sse_loop(sse)), YODEL_LOG_WARN, "event handler of a reader: %s",
           yodel_strerror(rc));
    yodel_stream_abort(yodel_sse_stream(sse));
}

void yd_sse_deliver(struct yd_member *member, struct yd_delivery *what)
{
    yodel_sse *sse = yd_container_of(member, yodel_sse, member);

    if (!yd_http_stream_is_open(&sse->stream))
        return;
    if (what->event != NULL && sse->on_event != NULL)
        run_handler(sse, what->event);
    else
        give(sse, what);
}

int yodel_sse_group_add(yodel_sse *sse, yodel_channels *channels, const char *group)
{
    if (sse == NULL || channels == NULL)
        return -EINVAL;
    if (!yd_channel_name_is_valid(yodel_str_of(group)))
        return YODEL_ERR_NAME;
    if (!yd_http_stream_is_open(&sse->stream))
        return YODEL_ERR_CLOSED;
    return yd_channels_join(channels, yd_sse_loop(sse), yodel_str_of(group), &sse->member);
}

void yodel_sse_group_discard(yodel_sse *sse, yodel_channels *channels, const char *group)
{
    if (sse == NULL || channels == NULL)
        return;
    yd_channels_leave(channels, yd_sse_loop(sse), yodel_str_of(group), &sse->member);
}
