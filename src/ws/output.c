/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <yodel/json.h>

#include "base/mem.h"
#include "proto/json_doc.h"
#include "proto/json_pack.h"
#include "proto/json_scan.h"
#include "ws/ws.h"

/* Messages are short and many: zlib's fastest level is three times as fast as its default for a
 * tenth more bytes. */
#define DEFLATE_LEVEL 1

/* Scratch larger than this is not kept from message to message, bytes. */
#define SCRATCH_KEPT (64 * 1024)

bool yd_ws_is_congested(const yodel_ws *ws)
{
    return yd_conn_buffered(ws->conn) > ws->route->options.max_buffered;
}

bool yd_ws_is_idle(const yodel_ws *ws)
{
    return ws->state == YD_WS_OPEN && yd_conn_buffered(ws->conn) == 0 && !ws->conn->sending;
}

void yd_ws_want_drain(yodel_ws *ws)
{
    ws->congested = true;
    yd_conn_want_drain(ws->conn);
}

/* 0, or why nothing may be sent. */
static int check_sendable(yodel_ws *ws)
{
    if (ws->state > YD_WS_OPEN || ws->rejected)
        return YODEL_ERR_CLOSED;
    if (ws->state == YD_WS_CONNECTING)
        return YODEL_ERR_STATE;
    if (!yd_ws_is_congested(ws))
        return 0;
    yd_ws_want_drain(ws);
    yd_count(&yd_ws_loop_of(ws)->counters.congested, 1);
    return YODEL_ERR_CONGESTED;
}

static int write_frame(yodel_ws *ws, uint8_t first_byte, const void *data, size_t len)
{
    uint8_t head[YD_WS_MAX_HEADER];
    size_t head_len = yd_ws_put_header(head + sizeof head, first_byte, len);

    return yd_conn_write(ws->conn, head + sizeof head - head_len, head_len, data, len);
}

int yd_ws_send_control(yodel_ws *ws, uint8_t opcode, const void *data, size_t len)
{
    return write_frame(ws, YD_WS_FIN | opcode, data, len);
}

/* ---- deflate ---- */

static bool is_deflated(const yodel_ws *ws, size_t len)
{
    return ws->deflate && len >= ws->route->options.deflate_min;
}

/* The hash table is as large as the window is worth: zlib slides it with every window's worth. */
static struct yd_deflater *new_deflater(const yodel_ws *ws)
{
    return yd_deflater_new(ws->route->service->mem, ws->server_bits, DEFLATE_LEVEL,
                           ws->server_bits - 7);
}

static struct yd_deflater *shared_deflater(yodel_ws *ws)
{
    struct yd_deflater **deflater = &yd_ws_shared(ws)->deflaters[ws->server_bits - 8];

    if (*deflater == NULL)
        *deflater = new_deflater(ws);
    return *deflater;
}

static struct yd_deflater *own_deflater(yodel_ws *ws)
{
    const struct yodel_allocator *mem = ws->route->service->mem;

    if (ws->contexts == NULL && (ws->contexts = yd_zalloc(mem, sizeof *ws->contexts)) == NULL)
        return NULL;
    if (ws->contexts->deflater == NULL)
        ws->contexts->deflater = new_deflater(ws);
    return ws->contexts->deflater;
}

/* Deflates into the loop's scratch; *ret is borrowed from there. */
static int deflate_to_scratch(yodel_ws *ws, yodel_bytes data, yodel_bytes *ret)
{
    struct yd_deflater *deflater = ws->server_context ? own_deflater(ws) : shared_deflater(ws);
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

static void trim_scratch(yodel_ws *ws)
{
    struct yd_buf *scratch = &yd_ws_shared(ws)->deflated;

    if (scratch->cap > SCRATCH_KEPT)
        yd_buf_free(ws->route->service->mem, scratch);
}

/* Without a context a message that does not get shorter is sent as it is; with one the peer needs
 * what has gone into it. */
static int send_deflated(yodel_ws *ws, uint8_t type, yodel_bytes data)
{
    yodel_bytes deflated;
    int rc;

    if ((rc = deflate_to_scratch(ws, data, &deflated)) < 0)
        return rc;
    if (ws->server_context || deflated.len < data.len)
        rc = write_frame(ws, YD_WS_FIN | YD_WS_RSV1 | type, deflated.ptr, deflated.len);
    else
        rc = write_frame(ws, YD_WS_FIN | type, data.ptr, data.len);
    if (rc < 0 && ws->server_context)
        yd_deflater_forget(ws->contexts->deflater);
    trim_scratch(ws);
    return rc;
}

static struct yd_msg *make_msg(const struct yodel_allocator *mem, uint8_t first_byte,
                               yodel_bytes data)
{
    struct yd_msg *msg = yd_msg_new(mem, first_byte & 0x0f, data.len);

    if (msg == NULL)
        return NULL;
    if (data.len > 0)
        memcpy(yd_msg_payload(msg), data.ptr, data.len);
    msg->head_len = (uint8_t)yd_ws_put_header(yd_msg_payload(msg), first_byte, data.len);
    return msg;
}

struct yd_msg *yd_ws_make_msg(const struct yodel_allocator *mem, yodel_ws_type type,
                              yodel_bytes data)
{
    return make_msg(mem, YD_WS_FIN | (uint8_t)type, data);
}

/* The compressed twin of msg for this window, made once for all who share the setting. */
static struct yd_msg *deflated_variant(yodel_ws *ws, struct yd_msg *msg)
{
    unsigned i = ws->server_bits - 8u;
    struct yd_msg *twin = atomic_load_explicit(&msg->variants[i], memory_order_acquire);
    yodel_bytes deflated;

    if (twin != NULL)
        return twin;
    if (deflate_to_scratch(ws, (yodel_bytes){yd_msg_payload(msg), msg->len}, &deflated) < 0)
        return NULL;
    twin = make_msg(msg->mem, YD_WS_FIN | YD_WS_RSV1 | msg->type, deflated);
    trim_scratch(ws);
    return twin != NULL ? yd_msg_set_variant(msg, i, twin) : NULL;
}

/* ---- sending ---- */

static int sent(yodel_ws *ws, int rc)
{
    if (rc == 0)
        yd_count(&yd_ws_loop_of(ws)->counters.messages_out, 1);
    return rc;
}

static int send_copy(yodel_ws *ws, uint8_t type, yodel_bytes data)
{
    int rc;

    if ((rc = check_sendable(ws)) < 0)
        return rc;
    if (is_deflated(ws, data.len))
        return sent(ws, send_deflated(ws, type, data));
    return sent(ws, write_frame(ws, YD_WS_FIN | type, data.ptr, data.len));
}

int yd_ws_send_checked(yodel_ws *ws, yodel_bytes text)
{
    return send_copy(ws, YODEL_WS_TEXT, text);
}

/* An echo was checked when it came. */
static bool is_text(yodel_ws *ws, yodel_bytes data)
{
    const yodel_bytes *checked = &yd_ws_shared(ws)->checked;

    return (data.len > 0 && data.ptr == checked->ptr && data.len == checked->len) ||
           yd_utf8_is_valid(data.ptr, data.len);
}

int yodel_ws_send(yodel_ws *ws, yodel_ws_type type, yodel_bytes data)
{
    if (type != YODEL_WS_TEXT && type != YODEL_WS_BINARY)
        return -EINVAL;
    if (type == YODEL_WS_TEXT && !is_text(ws, data))
        return YODEL_ERR_ENCODING;
    return send_copy(ws, (uint8_t)type, data);
}

int yodel_ws_send_text(yodel_ws *ws, yodel_str text)
{
    return yodel_ws_send(ws, YODEL_WS_TEXT, (yodel_bytes){(const uint8_t *)text.ptr, text.len});
}

int yd_ws_send_msg(yodel_ws *ws, struct yd_msg *msg)
{
    int rc;

    if ((rc = check_sendable(ws)) < 0)
        return rc;
    if (!is_deflated(ws, msg->len))
        return sent(ws, yd_conn_write_frame(ws->conn, msg));
    if (ws->server_context)
        return sent(ws, send_deflated(ws, msg->type, (yodel_bytes){yd_msg_payload(msg), msg->len}));
    if ((msg = deflated_variant(ws, msg)) == NULL)
        return -ENOMEM;
    return sent(ws, yd_conn_write_frame(ws->conn, msg));
}

size_t yodel_ws_buffered(const yodel_ws *ws)
{
    return yd_conn_buffered(ws->conn);
}

/* ---- prepared messages: a public name for shared ones ---- */

static struct yd_msg *msg_of(yodel_prepared *message)
{
    return (struct yd_msg *)message;
}

yodel_prepared *yodel_prepared_ref(yodel_prepared *message)
{
    return (yodel_prepared *)yd_msg_ref(msg_of(message));
}

yodel_prepared *yodel_prepared_unref(yodel_prepared *message)
{
    yd_msg_unref(msg_of(message));
    return NULL;
}

int yodel_ws_send_prepared(yodel_ws *ws, yodel_prepared *message)
{
    return yd_ws_send_msg(ws, msg_of(message));
}

/* ---- JSON ---- */

int yodel_ws_send_pack(yodel_ws *ws, const char *format, ...)
{
    const struct yodel_allocator *mem = ws->route->service->mem;
    struct yd_buf text = {0};
    va_list args;
    int rc;

    va_start(args, format);
    rc = yd_json_pack(mem, &text, format, args);
    va_end(args);
    if (rc == 0)
        rc = yodel_ws_send_text(ws, (yodel_str){(char *)text.ptr, text.len});
    yd_buf_free(mem, &text);
    return rc;
}

int yodel_ws_send_json(yodel_ws *ws, const json_t *json)
{
    const struct yodel_allocator *mem = ws->route->service->mem;
    struct yd_buf text = {0};
    int rc = json != NULL ? yd_json_put_document(mem, &text, json) : -EINVAL;

    if (rc == 0)
        rc = yodel_ws_send_text(ws, (yodel_str){(char *)text.ptr, text.len});
    yd_buf_free(mem, &text);
    return rc;
}

int yodel_ws_message_json(const yodel_ws_message *message, json_t **ret_json)
{
    yodel_str text = {(const char *)message->data.ptr, message->data.len};

    return yd_json_read(text, YD_JSON_MAX_DEPTH, ret_json);
}

int yodel_ws_unpack(const yodel_ws_message *message, yodel_document **ret_document,
                    const char *format, ...)
{
    yodel_str text = {(const char *)message->data.ptr, message->data.len};
    json_t *document;
    va_list args;
    int rc;

    if ((rc = yd_json_read(text, YD_JSON_MAX_DEPTH, &document)) < 0)
        return rc;
    va_start(args, format);
    rc = yd_json_unpack(document, format, args);
    va_end(args);
    if (rc < 0)
        json_decref(document);
    else
        *ret_document = (yodel_document *)document;
    return rc;
}

void yodel_document_free(yodel_document *document)
{
    json_decref((json_t *)document);
}
