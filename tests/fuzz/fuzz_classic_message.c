/* SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/classic_message.h"
#include "adapter/room_names.h"
#include "base/mem.h"
#include "proto/json_scan.h"

/* The input is, by its first byte, a broadcast ('b'), a request ('r') or an answer ('a') of the
 * classic adapter.  What an answer has said is written and read again, to the same. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct yodel_allocator *mem = &yd_mem_default;

static void require(int holds)
{
    if (!holds)
        abort();
}

static void read_names(yodel_str array)
{
    struct yd_names names;
    size_t sum = 0;

    if (yd_names_read(mem, array, &names) < 0)
        return;
    for (size_t i = 0; i < names.num; i++)
        sum += names.list[i].len;
    require(sum <= array.len);
    yd_names_done(&names, mem);
}

static int write_answer(const struct yd_classic_message *m, struct yd_buf *buf)
{
    if (m->type == YD_CLASSIC_ACK)
        return yd_classic_put_ack(mem, buf, m->request, m->is_list,
                                  m->is_list ? yd_json_inside(m->value) : m->value, m->attachments,
                                  m->num_attachments);
    if (m->type == YD_CLASSIC_SERVER_SIDE)
        return yd_classic_put_server_side(mem, buf, m->request, m->value, m->attachments,
                                          m->num_attachments);
    if (m->type == YD_CLASSIC_COUNT)
        return yd_classic_put_count(mem, buf, m->request, m->count);
    return yd_classic_put_list(mem, buf, m->request,
                               m->list.len > 0 ? YODEL_STR("sockets") : (yodel_str){NULL, 0},
                               m->list);
}

static void write_again(const struct yd_classic_message *message)
{
    static struct yd_classic_message again;
    struct yd_buf buf = {0};
    int rc = write_answer(message, &buf);

    if (rc == 0 &&
        (rc = yd_classic_read_answer(mem, (yodel_bytes){buf.ptr, buf.len}, &again)) == 0) {
        require(again.type == message->type && again.count == message->count);
        require(again.is_list == message->is_list);
        require(yodel_str_eq(again.request, message->request) || message->type == YD_CLASSIC_ACK ||
                message->num_attachments > 0);
        yd_classic_message_done(&again, mem);
    }
    yd_buf_free(mem, &buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct yd_classic_message message;
    yodel_bytes payload = {data + 1, size - 1};
    int rc = -1;

    if (size == 0)
        return 0;
    if (data[0] == 'b')
        rc = yd_classic_read_broadcast(mem, payload, &message);
    else if (data[0] == 'r')
        rc = yd_classic_read_request(mem, payload, &message);
    else if (data[0] == 'a')
        rc = yd_classic_read_answer(mem, payload, &message);
    (void)yd_classic_is_from(payload, YODEL_STR("emitter"));
    if (rc < 0)
        return 0;
    if (data[0] == 'a')
        write_again(&message);
    read_names(message.rooms);
    read_names(message.except);
    read_names(message.names);
    yd_classic_message_done(&message, mem);
    return 0;
}
