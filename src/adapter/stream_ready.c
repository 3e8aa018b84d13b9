/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "adapter/streams.h"
#include "base/container.h"
#include "base/mem.h"

/* What a stream has said and is to be carried out, in its order.  A loop with a full mailbox makes
 * all wait, and the stream is not read on meanwhile: nothing is lost. */

#define RETRY_MS 5

struct item {
    struct yd_list node;
    struct yd_op *op;
    enum yd_xstream_kind kind;
    char offset[YD_STREAM_ID_SIZE];
};

/* Takes the reference, but for YODEL_ERR_CONGESTED. */
static int carry_out(struct yd_op *op, enum yd_xstream_kind kind, const char *offset)
{
    int rc;

    if (kind != YD_XSTREAM_OTHERS)
        return yd_sio_order_apply(op, offset, kind == YD_XSTREAM_OWN);
    yd_op_ref(op);
    rc = yd_bus_inject(op, NULL);
    if (rc != YODEL_ERR_CONGESTED)
        yd_op_unref(op);
    return rc;
}

static void note_loss(struct yd_xstream *stream)
{
    yd_cluster_note_failure(stream->streams->cluster, YODEL_ERR_CONGESTED);
}

static void keep(struct yd_xstream *stream, struct yd_op *op, enum yd_xstream_kind kind,
                 const char *offset)
{
    struct item *item = yd_zalloc(stream->streams->mem, sizeof *item);

    if (item == NULL) {
        yd_op_unref(op);
        note_loss(stream);
        return;
    }
    item->op = op;
    item->kind = kind;
    (void)memcpy(item->offset, offset, strlen(offset) + 1);
    yd_list_append(&stream->ready, &item->node);
    yd_xstream_wait(stream, RETRY_MS);
}

void yd_xstream_ready(struct yd_xstream *stream, struct yd_op *op, enum yd_xstream_kind kind,
                      const char *offset)
{
    int rc = YODEL_ERR_CONGESTED;

    if (yd_list_is_empty(&stream->ready))
        rc = carry_out(op, kind, offset);
    if (rc == YODEL_ERR_CONGESTED)
        keep(stream, op, kind, offset);
    else if (rc < 0)
        note_loss(stream);
}

void yd_xstream_pump(struct yd_xstream *stream)
{
    while (!yd_list_is_empty(&stream->ready)) {
        struct item *item = yd_container_of(stream->ready.next, struct item, node);
        int rc = carry_out(item->op, item->kind, item->offset);

        if (rc == YODEL_ERR_CONGESTED) {
            yd_xstream_wait(stream, RETRY_MS);
            return;
        }
        if (rc < 0)
            note_loss(stream);
        yd_list_remove(&item->node);
        yd_free(stream->streams->mem, item);
    }
    yd_xstream_wake_restores(stream);
}

void yd_xstream_drop_ready(struct yd_xstream *stream)
{
    while (!yd_list_is_empty(&stream->ready)) {
        struct item *item = yd_container_of(stream->ready.next, struct item, node);

        yd_list_remove(&item->node);
        yd_op_unref(item->op);
        yd_free(stream->streams->mem, item);
    }
}
