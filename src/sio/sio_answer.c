/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "bus/call.h"
#include "sio/client.h"
#include "sio/encode.h"
#include "sio/sio_event.h"

/* Answers to events that ask for an acknowledgement. */

struct yodel_sio_ack {
    struct yd_call call;
    struct yd_loop *loop;
    yodel_sio_namespace *ns; /* a reference */
    uint64_t ack_id;
    struct yd_sio_out out;
    char id[YD_ID_LEN]; /* of the socket */
};

yodel_sio_ack *yodel_sio_event_ack(yodel_sio_event *event)
{
    yodel_sio_socket *socket = event->socket;
    yodel_sio_ack *ack;

    if (!event->packet->has_id || event->ack_taken)
        return NULL;
    if ((ack = yd_zalloc(socket->ns->sio->mem, sizeof *ack)) == NULL)
        return NULL;
    ack->loop = socket->loop;
    ack->ns = yd_sio_ns_ref(socket->ns);
    (void)yodel_sio_ref(socket->ns->sio); /* the program may keep it as long as it likes */
    ack->ack_id = event->packet->id;
    memcpy(ack->id, socket->id, YD_ID_LEN);
    event->ack_taken = true;
    return ack;
}

void yodel_sio_ack_drop(yodel_sio_ack *ack)
{
    yodel_sio_namespace *ns;
    yodel_sio *sio;

    if (ack == NULL)
        return;
    ns = ack->ns;
    sio = ns->sio;
    yd_sio_out_unref(&ack->out);
    yd_free(sio->mem, ack);
    yd_sio_ns_unref(ns);
    yodel_sio_unref(sio);
}

/* The socket that waits for the answer; NULL when it has left. */
static yodel_sio_socket *find_asker(const yodel_sio_ack *ack)
{
    yodel_sio_socket *socket =
        yd_sio_socket_find(ack->ns, ack->loop, (yodel_str){ack->id, YD_ID_LEN});

    return socket != NULL && socket->phase == YD_SIO_CONNECTED ? socket : NULL;
}

static int send_answer(yodel_sio_ack *ack)
{
    yodel_sio_socket *socket = find_asker(ack);
    int rc = YODEL_ERR_CLOSED;

    if (socket != NULL)
        rc = yd_eio_send(socket->client->session, ack->out.msgs, ack->out.num, YD_EIO_ALWAYS);
    yodel_sio_ack_drop(ack);
    return rc;
}

static void run_answer(struct yd_loop *loop, void *ack)
{
    (void)loop;
    (void)send_answer(ack);
}

/* Takes ack, unless it gives YODEL_ERR_STATE. */
static int answer_small(yodel_sio_ack *ack, const struct yd_sio_output *output)
{
    yodel_sio_socket *socket = find_asker(ack);
    int rc;

    if (socket == NULL)
        return YODEL_ERR_STATE;
    if ((rc = yd_sio_client_send_small(socket->client, output, YD_EIO_ALWAYS)) != YODEL_ERR_STATE)
        yodel_sio_ack_drop(ack);
    return rc;
}

static int drop_answer(yodel_sio_ack *ack, int rc)
{
    yodel_sio_ack_drop(ack);
    return rc;
}

/* The loop may have used ack, and the program stopped, before posting it is over. */
static int post_answer(yodel_sio_ack *ack)
{
    yodel_sio *sio = yodel_sio_ref(ack->ns->sio);
    int rc;

    yd_call_init(&ack->call, YD_CALL_CONTROL, run_answer, ack);
    if ((rc = yd_call_post(&ack->call, ack->loop)) < 0)
        yodel_sio_ack_drop(ack);
    yodel_sio_unref(sio);
    return rc;
}

/* Takes ack. */
static int answer(yodel_sio_ack *ack, yodel_str elements, const yodel_bytes *attachments,
                  size_t num_attachments)
{
    struct yd_sio_output output = {
        .type = YD_SIO_ACK,
        .has_id = true,
        .id = ack->ack_id,
        .nsp = yodel_sio_namespace_name(ack->ns),
        .args = elements,
        .num_attachments = (uint32_t)num_attachments,
    };
    int rc;

    if (yd_loop_is_current(ack->loop) && (rc = answer_small(ack, &output)) != YODEL_ERR_STATE)
        return rc;
    rc = yd_sio_encode_out(ack->ns->sio->mem, ack->ns->sio->options.parser, &output, attachments,
                           &ack->out);
    if (rc == 0 && yd_loop_is_current(ack->loop))
        return send_answer(ack);
    return rc == 0 ? post_answer(ack) : drop_answer(ack, rc);
}

int yodel_sio_answer(yodel_sio_ack *ack, const char *format, ...)
{
    const struct yodel_allocator *mem;
    struct yd_sio_packed packed;
    yodel_sio *sio;
    va_list args;
    int rc;

    if (ack == NULL)
        return 0;
    sio = yodel_sio_ref(ack->ns->sio); /* ack may hold the last reference */
    mem = sio->mem;
    va_start(args, format);
    rc = yd_sio_pack(&packed, mem, format, args);
    va_end(args);
    if (rc == 0) {
        rc = answer(ack, packed.elements, packed.attachments, packed.num_attachments);
        yd_sio_packed_done(&packed, mem);
    } else {
        yodel_sio_ack_drop(ack);
    }
    yodel_sio_unref(sio);
    return rc;
}

int yodel_sio_answer_args(yodel_sio_ack *ack, const yodel_sio_args *given)
{
    yodel_sio_args args;
    yodel_str elements;
    int rc;

    if (ack == NULL)
        return 0;
    if ((rc = yd_sio_read_args(given, &args, &elements)) < 0) {
        yodel_sio_ack_drop(ack);
        return rc;
    }
    return answer(ack, elements, args.attachments, args.num_attachments);
}

json_t *yodel_sio_binary(size_t i)
{
    return json_pack("{s:b, s:I}", "_placeholder", 1, "num", (json_int_t)i);
}
