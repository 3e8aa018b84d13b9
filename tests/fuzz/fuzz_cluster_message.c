/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/cluster_message.h"
#include "base/mem.h"
#include "proto/json_scan.h"

/* The input is, by its first byte, a message ('m'), an entry of a stream ('e', its type and its
 * data) or a session ('s').  What was decoded is written and decoded again, to the same. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct yodel_allocator *mem = &yd_mem_default;

static void require(int holds)
{
    if (!holds)
        abort();
}

static yodel_str str_of(const struct yd_buf *buf)
{
    return (yodel_str){(const char *)buf->ptr, buf->len};
}

static int put_data(const struct yd_cluster_message *message, struct yd_buf *data)
{
    switch (message->type) {
    case YD_CLUSTER_BROADCAST:
        return yd_cluster_put_broadcast(mem, data, message->event, message->elements,
                                        &message->scope, message->request);
    case YD_CLUSTER_JOIN:
    case YD_CLUSTER_LEAVE:
        return yd_cluster_put_rooms(mem, data, &message->scope, message->rooms);
    case YD_CLUSTER_DISCONNECT:
        return yd_cluster_put_disconnect(mem, data, &message->scope, message->close);
    case YD_CLUSTER_FETCH:
        return yd_cluster_put_fetch(mem, data, &message->scope, message->request);
    case YD_CLUSTER_FETCH_RESPONSE:
        return yd_cluster_put_sockets(mem, data, message->request, message->sockets);
    case YD_CLUSTER_SERVER_SIDE:
        return yd_cluster_put_server_side(mem, data, message->event, message->elements,
                                          message->request);
    case YD_CLUSTER_ACK:
        if (message->is_list)
            return yd_cluster_put_arguments(mem, data, message->request,
                                            yd_json_inside(message->value));
        return yd_cluster_put_value(mem, data, message->request, message->value);
    case YD_CLUSTER_SERVER_SIDE_RESPONSE:
        return yd_cluster_put_value(mem, data, message->request, message->value);
    case YD_CLUSTER_CLIENT_COUNT:
        return yd_cluster_put_count(mem, data, message->request, message->client_count);
    default:
        return 0;
    }
}

static void require_same(const struct yd_cluster_message *a, const struct yd_cluster_message *b)
{
    require(a->type == b->type && yodel_str_eq(a->uid, b->uid) && yodel_str_eq(a->nsp, b->nsp));
    require(yodel_str_eq(a->request, b->request) && yodel_str_eq(a->event, b->event));
    require(a->close == b->close && a->client_count == b->client_count);
    require(a->scope.timeout_ms == b->scope.timeout_ms);
    require(a->scope.is_volatile == b->scope.is_volatile);
    require(a->scope.all_arguments == b->scope.all_arguments && a->is_list == b->is_list);
    require(yd_json_count(yd_json_elements(a->elements)) ==
            yd_json_count(yd_json_elements(b->elements)));
}

/* The attachments that nothing names any more go missing: only what has none stays the same. */
static void check(const struct yd_cluster_message *message)
{
    struct yd_cluster_message again;
    struct yd_buf data = {0}, bytes = {0}, names = {0};
    struct yd_cluster_out out = {.type = message->type, .uid = message->uid, .nsp = message->nsp};
    int rc = put_data(message, &data);

    require(rc == 0);
    out.data = str_of(&data);
    out.attachments = message->attachments;
    out.num_attachments = message->num_attachments;
    (void)yd_cluster_get_names(mem, message->scope.rooms, &names);
    (void)yd_cluster_get_names(mem, message->scope.except, &names);
    (void)yd_cluster_get_names(mem, message->rooms, &names);
    require(names.len == 0 || names.ptr[names.len - 1] == 0);
    if (yd_cluster_put_message(mem, &bytes, &out, false) == 0 && message->num_attachments == 0) {
        require(yd_cluster_decode(mem, (yodel_bytes){bytes.ptr, bytes.len}, &again) == 0);
        require_same(message, &again);
        yd_cluster_message_done(&again, mem);
    }
    yd_buf_free(mem, &names);
    yd_buf_free(mem, &bytes);
    yd_buf_free(mem, &data);
}

static void try_session(yodel_str text)
{
    struct yd_cluster_session session, again;
    struct yd_buf buf = {0};

    if (yd_cluster_get_session(mem, text, &session) < 0)
        return;
    require(yd_cluster_put_session(mem, &buf, &session) == 0);
    require(yd_cluster_get_session(mem, str_of(&buf), &again) == 0);
    require(yodel_str_eq(session.sid, again.sid) && yodel_str_eq(session.pid, again.pid));
    yd_cluster_session_done(&again, mem);
    yd_cluster_session_done(&session, mem);
    yd_buf_free(mem, &buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yd_cluster_message message;
    char type[4] = {0};
    int rc;

    if (size < 2)
        return 0;
    if (data[0] == 's') {
        try_session((yodel_str){(const char *)data + 1, size - 1});
        return 0;
    }
    if (data[0] == 'e') {
        struct yd_cluster_entry entry = {.uid = YODEL_STR("0123"), .nsp = YODEL_STR("/")};

        type[0] = (char)('0' + data[1] / 10 % 10);
        type[1] = (char)('0' + data[1] % 10);
        entry.type = yodel_str_of(data[1] < 10 ? type + 1 : type);
        entry.data = (yodel_str){(const char *)data + 2, size - 2};
        rc = yd_cluster_decode_entry(mem, &entry, &message);
    } else {
        rc = yd_cluster_decode(mem, (yodel_bytes){data + 1, size - 1}, &message);
    }
    if (rc < 0)
        return 0;
    check(&message);
    yd_cluster_message_done(&message, mem);
    return 0;
}
