/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <yodel/json.h>

#include "base/mem.h"
#include "proto/json_doc.h"
#include "proto/json_pack.h"
#include "proto/json_scan.h"
#include "ws/ws.h"

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

static __attribute__((noinline)) int refuse(yodel_ws *ws)
{
    if (ws->state > YD_WS_OPEN || ws->rejected)
        return YODEL_ERR_CLOSED;
    if (ws->state == YD_WS_CONNECTING)
        return YODEL_ERR_STATE;
    yd_ws_want_drain(ws);
    yd_count(&yd_ws_loop_of(ws)->counters.congested, 1);
    return YODEL_ERR_CONGESTED;
}

/* 0, or why nothing may be sent. */
static inline int check_sendable(yodel_ws *ws)
{
    if (ws->state == YD_WS_OPEN && !yd_ws_is_congested(ws))
        return 0;
    return refuse(ws);
}

/* One that may go to the kernel at once. */
static int write_long_frame(yodel_ws *ws, uint8_t first_byte, const void *data, size_t len)
{
    uint8_t head[YD_WS_MAX_HEADER];
    size_t head_len = yd_ws_put_header(head + sizeof head, first_byte, len);

    return yd_conn_write(ws->conn, head + sizeof head - head_len, head_len, data, len);
}

static int write_frame(yodel_ws *ws, uint8_t first_byte, const void *data, size_t len)
{
    size_t head_len = yd_ws_header_len(len);
    uint8_t *room;
    int rc;

    if (len >= YD_CONN_AT_ONCE)
        return write_long_frame(ws, first_byte, data, len);
    if ((rc = yd_conn_reserve(ws->conn, head_len + len, &room)) < 0)
        return rc;
    if (head_len == 2) {
        room[0] = first_byte;
        room[1] = (uint8_t)len;
    } else {
        yd_ws_put_header(room + head_len, first_byte, len);
    }
    if (len > 0)
        memcpy(room + head_len, data, len);
    return 0;
}

int yd_ws_send_control(yodel_ws *ws, uint8_t opcode, const void *data, size_t len)
{
    return write_frame(ws, YD_WS_FIN | opcode, data, len);
}

/* ---- deflate ---- */

/* Without a context a message that does not get shorter is sent as it is; with one the peer needs
 * what has gone into it. */
static int send_deflated(yodel_ws *ws, uint8_t type, yodel_bytes data)
{
    yodel_bytes deflated;
    int rc;

    if ((rc = yd_ws_deflate(ws, data, &deflated)) < 0)
        return rc;
    if (ws->server_context || deflated.len < data.len)
        rc = write_frame(ws, YD_WS_FIN | YD_WS_RSV1 | type, deflated.ptr, deflated.len);
    else
        rc = write_frame(ws, YD_WS_FIN | type, data.ptr, data.len);
    yd_ws_deflated(ws, rc == 0);
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

/* A twin that says: the message gets no shorter, send it as it is. */
static bool is_no_shorter(const struct yd_msg *twin)
{
    return twin->type == 0;
}

static struct yd_msg *make_twin(yodel_ws *ws, struct yd_msg *msg)
{
    struct yd_msg *twin;
    yodel_bytes deflated;

    if (yd_ws_deflate(ws, (yodel_bytes){yd_msg_payload(msg), msg->len}, &deflated) < 0)
        return NULL;
    if (deflated.len < msg->len)
        twin = make_msg(msg->mem, YD_WS_FIN | YD_WS_RSV1 | msg->type, deflated);
    else
        twin = yd_msg_new(msg->mem, 0, 0);
    yd_ws_deflated(ws, true);
    return twin;
}

/* What is sent for msg where no context is kept, compressed once for all of the setting; NULL when
 * out of memory. */
static struct yd_msg *deflated_of(yodel_ws *ws, struct yd_msg *msg)
{
    uint8_t setting = yd_ws_deflate_setting(ws);
    struct yd_msg *twin = yd_msg_twin(msg, setting);

    if (twin == NULL) {
        if ((twin = make_twin(ws, msg)) == NULL)
            return NULL;
        twin->setting = setting;
        twin = yd_msg_add_twin(msg, twin);
    }
    return is_no_shorter(twin) ? msg : twin;
}

/* ---- sending ---- */

static int sent(yodel_ws *ws, int rc)
{
    if (rc == 0)
        yd_count(&yd_ws_loop_of(ws)->counters.messages_out, 1);
    return rc;
}

static inline int send_copy(yodel_ws *ws, uint8_t type, yodel_bytes data)
{
    int rc;

    if ((rc = check_sendable(ws)) < 0)
        return rc;
    if (yd_ws_is_deflated(ws, data.len))
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

    return (data.ptr == checked->ptr && data.len == checked->len && data.len > 0) ||
           yd_utf8_is_valid(data.ptr, data.len);
}

int yodel_ws_send(yodel_ws *ws, yodel_ws_type type, yodel_bytes data)
{
    if (ws == NULL)
        return -EINVAL;
    if (type != YODEL_WS_TEXT && type != YODEL_WS_BINARY)
        return -EINVAL;
    if (type == YODEL_WS_TEXT && !is_text(ws, data))
        return YODEL_ERR_ENCODING;
    return send_copy(ws, (uint8_t)type, data);
}

int yodel_ws_send_text(yodel_ws *ws, yodel_str text)
{
    if (ws == NULL)
        return -EINVAL;
    return yodel_ws_send(ws, YODEL_WS_TEXT, (yodel_bytes){(const uint8_t *)text.ptr, text.len});
}

int yd_ws_send_msg(yodel_ws *ws, struct yd_msg *msg)
{
    int rc;

    if ((rc = check_sendable(ws)) < 0)
        return rc;
    if (!yd_ws_is_deflated(ws, msg->len))
        return sent(ws, yd_conn_write_frame(ws->conn, msg));
    if (ws->server_context)
        return sent(ws, send_deflated(ws, msg->type, (yodel_bytes){yd_msg_payload(msg), msg->len}));
    if ((msg = deflated_of(ws, msg)) == NULL)
        return -ENOMEM;
    return sent(ws, yd_conn_write_frame(ws->conn, msg));
}

size_t yodel_ws_buffered(const yodel_ws *ws)
{
    if (ws == NULL)
        return 0;
    return yd_conn_buffered(ws->conn);
}

/* ---- prepared messages: a public name for shared ones ---- */

static struct yd_msg *msg_of(yodel_prepared *message)
{
    return (struct yd_msg *)message;
}

yodel_prepared *yodel_prepared_ref(yodel_prepared *message)
{
    if (message == NULL)
        return NULL;
    return (yodel_prepared *)yd_msg_ref(msg_of(message));
}

yodel_prepared *yodel_prepared_unref(yodel_prepared *message)
{
    yd_msg_unref(msg_of(message));
    return NULL;
}

int yodel_ws_send_prepared(yodel_ws *ws, yodel_prepared *message)
{
    if (ws == NULL || message == NULL)
        return -EINVAL;
    return yd_ws_send_msg(ws, msg_of(message));
}

/* ---- JSON ---- */

int yodel_ws_send_pack(yodel_ws *ws, const char *format, ...)
{
    const struct yodel_allocator *mem = ws != NULL ? ws->route->service->mem : NULL;
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
    const struct yodel_allocator *mem;
    struct yd_buf text = {0};
    int rc;

    if (ws == NULL)
        return -EINVAL;
    mem = ws->route->service->mem;
    rc = json != NULL ? yd_json_put_document(mem, &text, json) : -EINVAL;
    if (rc == 0)
        rc = yodel_ws_send_text(ws, (yodel_str){(char *)text.ptr, text.len});
    yd_buf_free(mem, &text);
    return rc;
}

static yodel_str text_of(const yodel_ws_message *message)
{
    return (yodel_str){(const char *)message->data.ptr, message->data.len};
}

int yodel_ws_message_json(const yodel_ws_message *message, json_t **ret_json)
{
    if (message == NULL || ret_json == NULL)
        return -EINVAL;
    return yd_json_read(text_of(message), YD_JSON_MAX_DEPTH, ret_json);
}

int yodel_ws_unpack(const yodel_ws_message *message, yodel_document **ret_document,
                    const char *format, ...)
{
    json_t *document;
    va_list args;
    int rc;

    if (message == NULL || ret_document == NULL)
        return -EINVAL;
    if ((rc = yd_json_read(text_of(message), YD_JSON_MAX_DEPTH, &document)) < 0)
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
