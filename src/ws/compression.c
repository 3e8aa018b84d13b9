/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/container.h"
#include "base/mem.h"
#include "ws/ws.h"

/* Scratch larger than this is not kept from message to message, bytes. */
#define SCRATCH_KEPT (256 * 1024)

static const struct yodel_allocator *mem_of(const yodel_ws *ws)
{
    return ws->route->service->mem;
}

/* The hash table is as large as the window is worth: zlib slides it with every window's worth. */
static int mem_level_of(int bits)
{
    return bits - 7;
}

/* ---- the memory of contexts ---- */

static size_t server_size(const yodel_ws *ws)
{
    return yd_deflater_size(ws->server_bits, mem_level_of(ws->server_bits));
}

static size_t client_size(const yodel_ws *ws)
{
    return yd_inflater_size(ws->client_bits);
}

/* Sets size bytes of the loop's aside; false: it has not so many left. */
static bool charge(yodel_ws *ws, size_t size)
{
    atomic_uint_least64_t *charged = &yd_ws_loop_of(ws)->counters.deflate_memory;
    uint64_t now = atomic_load_explicit(charged, memory_order_relaxed);
    size_t max = ws->route->service->defaults.max_deflate_memory;

    if (now > max || size > max - now)
        return false;
    yd_count(charged, size);
    return true;
}

static void give_back(yodel_ws *ws, size_t size)
{
    yd_count(&yd_ws_loop_of(ws)->counters.deflate_memory, -(uint64_t)size);
}

void yd_ws_free_contexts(yodel_ws *ws)
{
    if (ws->server_context)
        give_back(ws, server_size(ws));
    if (ws->client_context)
        give_back(ws, client_size(ws));
    ws->server_context = ws->client_context = false;
    if (ws->aside == NULL)
        return;
    yd_deflater_free(ws->aside->contexts.deflater);
    yd_inflater_free(ws->aside->contexts.inflater);
    ws->aside->contexts = (struct yd_ws_contexts){NULL, NULL};
}

/* ---- what is agreed on ---- */

/* What was agreed on is charged for now, so that a client which was promised a context gets one. */
static void charge_contexts(yodel_ws *ws, struct yd_ws_deflate_params *params)
{
    bool wanted = !params->server_no_context, awaited = !params->client_no_context;

    ws->server_context = wanted && charge(ws, server_size(ws));
    ws->client_context = awaited && charge(ws, client_size(ws));
    params->server_no_context = !ws->server_context;
    params->client_no_context = !ws->client_context;
    if (wanted > ws->server_context || awaited > ws->client_context)
        yd_count(&yd_ws_loop_of(ws)->counters.deflate_limited, 1);
}

void yd_ws_agree_on_deflate(yodel_ws *ws, const struct yd_http_head *head,
                            char ret_text[YD_WS_EXTENSION_MAX])
{
    const yodel_ws_options *options = &ws->route->options;
    yodel_ws_deflate deflate = options->deflate;
    struct yd_ws_deflate_policy policy = {
        .server_context =
            deflate == YODEL_WS_DEFLATE_CONTEXT || deflate == YODEL_WS_DEFLATE_CONTEXT_OUT,
        .client_context =
            deflate == YODEL_WS_DEFLATE_CONTEXT || deflate == YODEL_WS_DEFLATE_CONTEXT_IN,
        .server_bits = (uint8_t)options->deflate_bits,
        .client_bits = (uint8_t)options->deflate_client_bits,
    };
    struct yd_ws_deflate_params params;

    ret_text[0] = '\0';
    if (deflate == YODEL_WS_DEFLATE_OFF)
        return;
    yd_ws_choose_deflate(head, &policy, &params);
    if (!params.on)
        return;
    yd_ws_free_contexts(ws); /* of an answer that could not be sent */
    ws->deflate = true;
    ws->server_bits = params.server_bits & 15;
    ws->client_bits = params.client_bits & 15;
    charge_contexts(ws, &params);
    yd_ws_write_extension(&params, ret_text);
}

/* ---- deflating ---- */

bool yd_ws_is_deflated(const yodel_ws *ws, size_t len)
{
    return ws->deflate && len >= ws->route->options.deflate_min;
}

uint8_t yd_ws_deflate_setting(const yodel_ws *ws)
{
    return (uint8_t)(ws->route->options.deflate_level << 4 | ws->server_bits);
}

/* How one that is shared is made. */
struct shape {
    int bits, mem_level;
};

/*
 * A message without context refers to nothing but itself, so that a window which holds all of it
 * finds as much as a larger one; zlib wants 262 bytes beside.  A small one is begun anew sooner: of
 * 32 KiB there are 64 KiB of hash table to be cleared for each message, which takes as long as a
 * fifth of the work for 64 bytes.
 */
static struct shape shape_for(const yodel_ws *ws, size_t len)
{
    static const struct shape shapes[] = {{9, 3}, {11, 5}};

    for (size_t i = 0; i < YD_LEN(shapes); i++)
        if (shapes[i].bits < ws->server_bits && len + 262 <= (size_t)1 << shapes[i].bits)
            return shapes[i];
    return (struct shape){ws->server_bits, mem_level_of(ws->server_bits)};
}

static struct yd_deflater *shared_deflater(yodel_ws *ws, size_t len)
{
    struct yd_ws_deflater *shared = yd_ws_shared(ws)->deflaters;
    int level = (int)ws->route->options.deflate_level;
    struct shape shape = shape_for(ws, len);

    while (shared != NULL && (shared->level != level || shared->bits != shape.bits ||
                              shared->mem_level != shape.mem_level))
        shared = shared->next;
    if (shared != NULL)
        return shared->deflater;
    if ((shared = yd_zalloc(mem_of(ws), sizeof *shared)) == NULL)
        return NULL;
    *shared = (struct yd_ws_deflater){.level = (uint8_t)level,
                                      .bits = (uint8_t)shape.bits,
                                      .mem_level = (uint8_t)shape.mem_level};
    shared->deflater = yd_deflater_new(mem_of(ws), shape.bits, level, shape.mem_level);
    if (shared->deflater == NULL) {
        yd_free(mem_of(ws), shared);
        return NULL;
    }
    shared->next = yd_ws_shared(ws)->deflaters;
    yd_ws_shared(ws)->deflaters = shared;
    return shared->deflater;
}

void yd_ws_free_deflaters(const struct yodel_allocator *mem, struct yd_ws_loop *loop)
{
    struct yd_ws_deflater *next;

    for (struct yd_ws_deflater *shared = loop->deflaters; shared != NULL; shared = next) {
        next = shared->next;
        yd_deflater_free(shared->deflater);
        yd_free(mem, shared);
    }
    loop->deflaters = NULL;
    yd_inflater_free(loop->inflater);
    yd_buf_free(mem, &loop->inflated);
    yd_buf_free(mem, &loop->deflated);
}

static struct yd_ws_contexts *contexts_of(yodel_ws *ws)
{
    struct yd_ws_aside *aside = yd_ws_aside_of(ws);

    return aside != NULL ? &aside->contexts : NULL;
}

static struct yd_deflater *own_deflater(yodel_ws *ws)
{
    struct yd_ws_contexts *contexts = contexts_of(ws);

    if (contexts != NULL && contexts->deflater == NULL)
        contexts->deflater =
            yd_deflater_new(mem_of(ws), ws->server_bits, ws->route->options.deflate_level,
                            mem_level_of(ws->server_bits));
    return contexts != NULL ? contexts->deflater : NULL;
}

int yd_ws_deflate(yodel_ws *ws, yodel_bytes data, yodel_bytes *ret)
{
    struct yd_deflater *deflater =
        ws->server_context ? own_deflater(ws) : shared_deflater(ws, data.len);
    struct yd_buf *scratch = &yd_ws_shared(ws)->deflated;
    int rc;

    if (deflater == NULL)
        return -ENOMEM;
    scratch->len = 0;
    if ((rc = yd_deflate_message(deflater, data.ptr, data.len, ws->server_context, scratch)) < 0)
        return rc;
    *ret = (yodel_bytes){scratch->ptr, scratch->len};
    return 0;
}

static void trim(const yodel_ws *ws, struct yd_buf *scratch)
{
    if (scratch->cap > SCRATCH_KEPT)
        yd_buf_free(mem_of(ws), scratch);
}

void yd_ws_deflated(yodel_ws *ws, bool was_sent)
{
    if (!was_sent && ws->server_context && ws->aside != NULL &&
        ws->aside->contexts.deflater != NULL)
        yd_deflater_forget(ws->aside->contexts.deflater);
    trim(ws, &yd_ws_shared(ws)->deflated);
}

/* ---- inflating ---- */

struct yd_inflater *yd_ws_own_inflater(yodel_ws *ws)
{
    struct yd_ws_contexts *contexts = contexts_of(ws);

    if (contexts != NULL && contexts->inflater == NULL)
        contexts->inflater = yd_inflater_new(mem_of(ws), ws->client_bits);
    return contexts != NULL ? contexts->inflater : NULL;
}

static struct yd_inflater *shared_inflater(yodel_ws *ws)
{
    struct yd_ws_loop *shared = yd_ws_shared(ws);

    if (shared->inflater == NULL && (shared->inflater = yd_inflater_new(mem_of(ws), 15)) != NULL)
        yd_inflater_be_fast(shared->inflater);
    return shared->inflater;
}

int yd_ws_inflate(yodel_ws *ws, const uint8_t *data, size_t len, yodel_bytes *ret)
{
    struct yd_inflater *inflater =
        ws->client_context ? yd_ws_own_inflater(ws) : shared_inflater(ws);
    struct yd_buf *scratch = &yd_ws_shared(ws)->inflated;
    int rc;

    if (inflater == NULL)
        return -ENOMEM;
    scratch->len = 0;
    rc = yd_inflate_message(inflater, data, len, ws->client_context, ws->route->options.max_message,
                            scratch);
    *ret = (yodel_bytes){scratch->ptr, scratch->len};
    return rc;
}

void yd_ws_inflated(yodel_ws *ws)
{
    trim(ws, &yd_ws_shared(ws)->inflated);
}
