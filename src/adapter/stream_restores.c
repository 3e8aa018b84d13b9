/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "adapter/streams.h"
#include "base/container.h"

/* Restores that have gathered what was missed.  The socket is among those whom what is read here is
 * for, and what was gathered is not to come to it once more.  So it is sent only when the reader is
 * past it: until then the socket notes what comes, and what it has noted up to there is left out.
 * That is true of the client's own offset, too, which another server's reader may have reached
 * first. */

#define WAIT_MS 5000

/* Whether an event was carried out here ahead of its place since the socket was looked for: then it
 * cannot be said whether the client has it. */
static bool is_disturbed(const struct yd_xstream *stream, const struct yd_sio_restore *restore)
{
    return atomic_load(&stream->early) != restore->early;
}

bool yd_xstream_may_restore(const struct yd_xstream *stream, const struct yd_sio_restore *restore)
{
    return atomic_load(&stream->settled) == restore->early && !is_disturbed(stream, restore);
}

static bool is_read(const struct yd_xstream *stream, const struct yd_sio_restore *restore)
{
    struct yd_stream_id id = {0, 0};

    (void)yd_stream_id_read(yodel_str_of(restore->offset), &id);
    return stream->knows_last && yd_list_is_empty(&stream->ready) &&
           yd_stream_id_compare(stream->last, id) >= 0;
}

/* Of an event that was added twice only the first entry counts, as for all who have read both. */
static void leave_out_repetitions(const struct yd_xstream *stream, struct yd_sio_restore *restore)
{
    unsigned num = YD_MIN(stream->num_again, (unsigned)YD_STREAMS_RECENT);

    for (unsigned i = 0; i < num; i++) {
        char offset[YD_STREAM_ID_SIZE];

        yd_stream_id_write(stream->again[i], offset);
        yd_sio_restore_leave_out(restore, offset);
    }
}

static void end(const struct yd_xstream *stream, struct yd_sio_restore *restore, int rc)
{
    if (rc == 0 && is_disturbed(stream, restore))
        rc = YODEL_ERR_CLOSED;
    if (rc == 0)
        leave_out_repetitions(stream, restore);
    yd_sio_restore_end(restore, rc);
}

static struct yd_sio_restore *waiting_of(struct yd_list *node)
{
    return yd_container_of(node, struct yd_sio_restore, node);
}

static void end_waiting(const struct yd_xstream *stream, struct yd_sio_restore *restore, int rc)
{
    yd_list_remove(&restore->node);
    end(stream, restore, rc);
}

void yd_xstream_end_when_read(struct yd_xstream *stream, struct yd_sio_restore *restore)
{
    if (is_read(stream, restore)) {
        end(stream, restore, 0);
        return;
    }
    restore->due = yd_loop_due(yd_redis_loop(stream->streams->redis), WAIT_MS);
    yd_list_append(&stream->restores, &restore->node);
    yd_xstream_wait(stream, WAIT_MS);
}

void yd_xstream_wake_restores(struct yd_xstream *stream)
{
    struct yd_list *next;

    for (struct yd_list *node = stream->restores.next; node != &stream->restores; node = next) {
        next = node->next;
        if (is_read(stream, waiting_of(node)))
            end_waiting(stream, waiting_of(node), 0);
    }
}

void yd_xstream_fail_restores(struct yd_xstream *stream, bool all)
{
    uint64_t now = yd_redis_loop(stream->streams->redis)->now;
    struct yd_list *next;

    for (struct yd_list *node = stream->restores.next; node != &stream->restores; node = next) {
        next = node->next;
        if (all || waiting_of(node)->due <= now)
            end_waiting(stream, waiting_of(node), YODEL_ERR_CLOSED);
    }
}

void yd_xstream_drop_restores(struct yd_xstream *stream)
{
    while (!yd_list_is_empty(&stream->restores)) {
        struct yd_sio_restore *restore = waiting_of(stream->restores.next);

        yd_list_remove(&restore->node);
        yd_sio_restore_free(restore);
    }
}
