/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "ws/ws.h"

/* Messages and control frames that come in pieces, and the block that they are kept in. */

/* Most bytes that are reserved for a message, and for all of a loop, ahead of their coming. */
#define RESERVED_AHEAD ((size_t)1024 * 1024)
#define RESERVED_BY_LOOP ((size_t)64 * 1024 * 1024)

/* A rest of a frame of so many bytes is worth a read of its own.  As for YD_CONN_AT_ONCE. */
#ifdef YODEL_NO_POOLS
#define READ_INTO_LEAST 8
#else
#define READ_INTO_LEAST (16 * 1024)
#endif

_Static_assert(sizeof(struct yd_ws_aside) <= YD_BLOCK_SIZE(YD_BLOCK_SMALL), "one fits a block");
_Static_assert(sizeof(struct yd_ws_partial) <= YD_BLOCK_SIZE(YD_BLOCK_CHUNK), "one fits a block");

struct yd_ws_aside *yd_ws_aside_of(yodel_ws *ws)
{
    struct yd_ws_aside *aside;

    if (ws->aside != NULL)
        return ws->aside;
    if ((aside = yd_pool_get(&yd_ws_loop_of(ws)->pool, YD_BLOCK_SMALL)) == NULL)
        return NULL;
    *aside = (struct yd_ws_aside){.partial = NULL};
    return ws->aside = aside;
}

void yd_ws_free_aside(yodel_ws *ws)
{
    yd_ws_free_partial(ws);
    if (ws->aside == NULL)
        return;
    yd_free(ws->route->service->mem, ws->aside->close_reason);
    yd_pool_put(&yd_ws_loop_of(ws)->pool, YD_BLOCK_SMALL, ws->aside);
    ws->aside = NULL;
}

struct yd_ws_partial *yd_ws_partial_of(yodel_ws *ws)
{
    struct yd_ws_aside *aside = yd_ws_aside_of(ws);

    if (aside == NULL || aside->partial != NULL)
        return aside != NULL ? aside->partial : NULL;
    aside->partial = yd_pool_get(&yd_ws_loop_of(ws)->pool, YD_BLOCK_CHUNK);
    if (aside->partial != NULL)
        *aside->partial = (struct yd_ws_partial){.utf8 = YD_UTF8_INIT};
    return aside->partial;
}

static void free_data(yodel_ws *ws, struct yd_ws_partial *partial)
{
    if (partial->data != NULL)
        yd_pool_put_sized(&yd_ws_loop_of(ws)->pool, partial->block, partial->data);
    yd_ws_shared(ws)->reserved -= partial->reserved;
    partial->reserved = 0;
}

/* Most have nothing aside once their message is whole. */
static void tidy(yodel_ws *ws)
{
    const struct yd_ws_aside *aside = ws->aside;

    if (aside->contexts.deflater == NULL && aside->contexts.inflater == NULL &&
        aside->close_reason == NULL) {
        yd_pool_put(&yd_ws_loop_of(ws)->pool, YD_BLOCK_SMALL, ws->aside);
        ws->aside = NULL;
    }
}

void yd_ws_free_partial(yodel_ws *ws)
{
    struct yd_ws_partial *partial = ws->aside != NULL ? ws->aside->partial : NULL;

    if (partial == NULL)
        return;
    yd_conn_read_into(ws->conn, NULL);
    yd_inflater_free(partial->inflater);
    free_data(ws, partial);
    yd_pool_put(&yd_ws_loop_of(ws)->pool, YD_BLOCK_CHUNK, partial);
    ws->aside->partial = NULL;
    tidy(ws);
}

/*
 * How large a block is to be that is to hold need bytes now.  What a frame's header announces is
 * reserved in full, so that it is neither copied nor moved while it comes; but what has been
 * reserved for bytes that have not come is bounded, for a message and for a loop, as a peer may
 * announce and then send nothing.  Beyond that a block doubles.
 */
static size_t wanted_size(yodel_ws *ws, const struct yd_ws_partial *partial, size_t need,
                          uint64_t announced)
{
    size_t doubled = partial->cap <= SIZE_MAX / 2 ? YD_MAX(2 * partial->cap, need) : need;
    size_t budget = RESERVED_BY_LOOP - YD_MIN(yd_ws_shared(ws)->reserved, RESERVED_BY_LOOP);
    size_t ahead = (size_t)YD_MIN(announced, (uint64_t)YD_MIN(budget, RESERVED_AHEAD));

    if (need > SIZE_MAX - ahead)
        return need;
    if (announced > 0 && need + announced < doubled)
        return (size_t)(need + announced);
    return YD_MAX(need + ahead, doubled);
}

/* Room for extra bytes; announced more will follow. */
static int make_room(yodel_ws *ws, struct yd_ws_partial *partial, size_t extra, uint64_t announced)
{
    size_t need, cap;
    uint8_t *data;

    if (extra <= partial->cap - partial->len)
        return 0;
    if (__builtin_add_overflow(partial->len, extra, &need))
        return -ENOMEM;
    data = yd_pool_grow_sized(&yd_ws_loop_of(ws)->pool, partial->data, partial->len,
                              wanted_size(ws, partial, need, announced), &partial->block, &cap);
    if (data == NULL)
        return -ENOMEM;
    yd_ws_shared(ws)->reserved -= partial->reserved;
    partial->data = data;
    partial->cap = cap;
    partial->reserved = (size_t)YD_MIN(cap - partial->len, extra + announced);
    yd_ws_shared(ws)->reserved += partial->reserved;
    return 0;
}

/* What was read into its place stands there already. */
static void append(yodel_ws *ws, struct yd_ws_partial *partial, const uint8_t *data, size_t len)
{
    size_t came = YD_MIN(len, partial->reserved);

    if (len > 0 && data != partial->data + partial->len)
        memcpy(partial->data + partial->len, data, len);
    partial->len += len;
    partial->reserved -= came;
    yd_ws_shared(ws)->reserved -= came;
}

int yd_ws_partial_append(yodel_ws *ws, const uint8_t *data, size_t len, uint64_t announced)
{
    struct yd_ws_partial *partial = ws->aside->partial;
    int rc;

    if ((rc = make_room(ws, partial, len, announced)) == 0)
        append(ws, partial, data, len);
    return rc;
}

void yd_ws_partial_read_into(yodel_ws *ws, uint64_t left)
{
    struct yd_ws_partial *partial = ws->aside->partial;
    size_t room = (size_t)YD_MIN(left, (uint64_t)(partial->cap - partial->len));

    if (room >= READ_INTO_LEAST)
        partial->target = (struct iovec){partial->data + partial->len, room};
    yd_conn_read_into(ws->conn, room >= READ_INTO_LEAST ? &partial->target : NULL);
}
