/* SPDX-License-Identifier: MIT */
#include "sio/restore.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"
#include "proto/json_doc.h"
#include "sio/leave.h"

/*
 * A new socket and the state of a lost one that an order has:
 *
 *     each loop     OLD: a connection of the client that is still thought to be there ends, which
 *                   gives its state to the order
 *     the order     looks for the state
 *     new loop      JOIN: the socket joins the rooms, and notes what comes for it from now on
 *     the order     gathers what was emitted after the client's offset
 *     new loop      END: after what the loop was sent ahead of that both are put together, each
 *                   offset once
 *
 * so that no packet falls in between.
 */

enum step { OLD, JOIN, END, END_TASK };

static void run(struct yd_loop *loop, void *arg);

static const struct yodel_allocator *mem_of(const struct yd_sio_restore *restore)
{
    return restore->ns->sio->mem;
}

static struct yd_sio_order *order_of(const struct yd_sio_restore *restore)
{
    return restore->ns->sio->order;
}

void yd_sio_restore_free(struct yd_sio_restore *restore)
{
    const struct yodel_allocator *mem = mem_of(restore);
    yodel_sio_namespace *ns = restore->ns;

    yd_sio_log_done(&restore->log);
    yd_buf_free(mem, &restore->rooms);
    yd_buf_free(mem, &restore->data);
    yd_free(mem, restore);
    yd_sio_ns_unref(ns);
}

static void post(struct yd_sio_restore *restore, struct yd_loop *loop, enum step step)
{
    restore->step = (uint8_t)step;
    yd_call_init(&restore->call, YD_CALL_CONTROL, run, restore);
    if (yd_call_post(&restore->call, loop) < 0)
        yd_sio_restore_free(restore);
}

/* ---- an old connection ---- */

static void end_old_connection(const struct yd_sio_restore *restore, struct yd_loop *loop)
{
    struct yd_sio_memory *memory = yd_sio_memory_find(&restore->ns->shards[loop->index].by_pid,
                                                      (yodel_str){restore->pid, YD_ID_LEN});
    yodel_sio_socket *socket = memory != NULL ? memory->owner : NULL;
    struct yd_sio_client *client = socket != NULL ? socket->client : NULL;

    if (client == NULL || socket->phase != YD_SIO_CONNECTED)
        return;
    (void)yd_sio_leave_now(socket, yd_eio_reason_text(YD_EIO_TRANSPORT_CLOSE), true);
    if (yd_list_is_empty(&client->sockets))
        yd_sio_client_close(client, YD_EIO_TRANSPORT_CLOSE);
}

static void ask_next(struct yd_sio_restore *restore)
{
    const yodel_sio *sio = restore->ns->sio;

    restore->asked = sio->loops[(restore->asked->index + 1) % sio->num_loops];
    if (restore->asked == restore->loop)
        order_of(restore)->ops->restore(order_of(restore), restore);
    else
        post(restore, restore->asked, OLD);
}

/* ---- the state ---- */

static int keep_state(struct yd_sio_restore *restore, const struct yd_sio_state *state)
{
    const struct yodel_allocator *mem = mem_of(restore);

    if (state->sid.len != YD_ID_LEN ||
        !yodel_str_eq(state->pid, (yodel_str){restore->pid, YD_ID_LEN}))
        return YODEL_ERR_PROTOCOL;
    if (yd_buf_append_str(mem, &restore->rooms, state->rooms) < 0 ||
        yd_buf_append_str(mem, &restore->data, state->data) < 0)
        return -ENOMEM;
    memcpy(restore->sid, state->sid.ptr, YD_ID_LEN);
    return 0;
}

void yd_sio_restore_found(struct yd_sio_restore *restore, const struct yd_sio_state *state)
{
    restore->found = state != NULL && keep_state(restore, state) == 0;
    post(restore, restore->loop, JOIN);
}

/* Back to where it was: the client has gone again, and may come back. */
static void give_back(const struct yd_sio_restore *restore)
{
    struct yd_sio_state state = {
        .ns = yodel_sio_namespace_name(restore->ns),
        .sid = {restore->sid, YD_ID_LEN},
        .pid = {restore->pid, YD_ID_LEN},
        .rooms = yd_sio_restore_rooms(restore),
        .data = {(const char *)restore->data.ptr, restore->data.len},
    };

    order_of(restore)->ops->save(order_of(restore), &state);
}

/* ---- on the new loop ---- */

/* A name that no room can have is passed by; so is one of more than a socket may be in. */
static int join_room(yodel_sio_socket *socket, const struct yd_sio_restore *restore,
                     yodel_str value)
{
    char room[YODEL_GROUP_NAME_MAX + 1];
    yodel_str body = value;
    char *end;
    int rc;

    if (yd_json_type_of(value) != YD_JSON_NUMBER && !yd_json_body(value, &body))
        return 0;
    if (body.len >= sizeof room)
        return 0;
    end = yd_json_unescape(room, body);
    *end = '\0';
    if (yodel_str_eq((yodel_str){room, (size_t)(end - room)},
                     (yodel_str){restore->sid, YD_ID_LEN})) {
        socket->in_own_room = true;
        return yd_sio_socket_enter_own_room(socket);
    }
    rc = yd_sio_socket_join(socket, room);
    return rc == -ENOMEM || rc == YODEL_ERR_CONGESTED ? rc : 0;
}

static int join_rooms(yodel_sio_socket *socket, const struct yd_sio_restore *restore)
{
    struct yd_json_iter iter = yd_json_array(yd_sio_restore_rooms(restore));
    yodel_str value;
    int rc = 0;

    socket->in_own_room = false;
    while (rc == 0 && yd_json_next(&iter, &value))
        rc = join_room(socket, restore, value);
    return rc;
}

static int set_data(yodel_sio_socket *socket, const struct yd_sio_restore *restore)
{
    yodel_str text = {(const char *)restore->data.ptr, restore->data.len};

    if (yd_json_type_of(text) != YD_JSON_OBJECT)
        return 0;
    return yd_json_read_checked(text, &socket->json);
}

static bool is_taken(const yodel_sio_socket *socket, const struct yd_sio_restore *restore)
{
    yodel_str pid = {restore->pid, YD_ID_LEN}, sid = {restore->sid, YD_ID_LEN};

    return yd_sio_memory_find(&yd_sio_shard_of(socket)->by_pid, pid) != NULL ||
           yd_sio_socket_find(socket->ns, socket->loop, sid) != NULL;
}

static int take_over(yodel_sio_socket *socket, struct yd_sio_restore *restore)
{
    int rc;

    if (is_taken(socket, restore))
        return YODEL_ERR_CONFLICT;
    if ((rc = yd_sio_socket_set_id(socket, restore->sid)) < 0 ||
        (rc = join_rooms(socket, restore)) < 0 || (rc = set_data(socket, restore)) < 0 ||
        (rc = yd_sio_socket_remember(socket, restore->pid)) < 0)
        return rc;
    socket->memory->restore = restore;
    return 0;
}

static void start_afresh(yodel_sio_socket *socket, const struct yd_sio_restore *restore)
{
    int rc = yd_sio_socket_reset(socket, restore->id);

    if (!socket->client->closing)
        restore->done(socket, rc == 0 ? YD_SIO_FRESH : YD_SIO_FAILED);
}

static void join(struct yd_sio_restore *restore, yodel_sio_socket *socket)
{
    if (!restore->found || take_over(socket, restore) < 0) {
        start_afresh(socket, restore);
        yd_sio_restore_free(restore);
        return;
    }
    yd_sio_socket_set_phase(socket, YD_SIO_NOTING);
    order_of(restore)->ops->missed(order_of(restore), restore);
}

/* What the socket has noted itself comes after what was gathered, but for what is part of that, or
 * was had before. */
static void end(struct yd_sio_restore *restore, yodel_sio_socket *socket)
{
    struct yd_sio_log *log = &socket->memory->log;

    socket->memory->restore = NULL;
    if (restore->rc < 0 || log->trimmed) { /* trimmed: more has come than it may note */
        start_afresh(socket, restore);
        return;
    }
    yd_sio_log_drop_until(log, restore->offset, order_of(restore)->ops->is_after);
    yd_sio_log_prepend(log, &restore->log);
    if (!socket->client->closing)
        restore->done(socket, YD_SIO_RESTORED);
}

/* The socket that this is for; NULL when its client is lost again. */
static yodel_sio_socket *find(const struct yd_sio_restore *restore)
{
    const char *id = restore->step == JOIN ? restore->id : restore->sid;
    yodel_sio_socket *socket =
        yd_sio_socket_find(restore->ns, restore->loop, (yodel_str){id, YD_ID_LEN});

    if (socket == NULL || socket->client == NULL)
        return NULL;
    if (restore->step == JOIN)
        return socket->phase == YD_SIO_CONNECTING && !socket->client->closing ? socket : NULL;
    return socket->phase == YD_SIO_NOTING && socket->memory->restore == restore ? socket : NULL;
}

static void run(struct yd_loop *loop, void *arg)
{
    struct yd_sio_restore *restore = arg;
    yodel_sio_socket *socket;

    if (restore->step == OLD) {
        end_old_connection(restore, loop);
        ask_next(restore);
        return;
    }
    if (restore->step == END) { /* events of this loop's own thread may be tasks still */
        restore->step = END_TASK;
        yd_call_as_task(&restore->call, loop);
        return;
    }
    socket = find(restore);
    if (restore->step == JOIN && socket != NULL) {
        join(restore, socket);
        return;
    }
    if (restore->step == JOIN && restore->found)
        give_back(restore);
    else if (restore->step == END_TASK && socket != NULL)
        end(restore, socket);
    yd_sio_restore_free(restore);
}

/* ---- what was missed ---- */

/* Polling carries binary as text. */
static size_t size_of(const struct yd_sio_out *out)
{
    size_t size = 0;

    for (size_t i = 0; i < out->num; i++)
        size += sizeof(struct yd_sio_entry) + out->msgs[i]->len / 3 * 4;
    return size;
}

int yd_sio_restore_add(struct yd_sio_restore *restore, const char *offset,
                       const struct yd_sio_words *words)
{
    yodel_sio *sio = restore->ns->sio;
    struct yd_sio_output output = yd_sio_words_output(restore->ns, words);
    struct yd_sio_out out = {.num = 0};
    int rc;

    output.offset = yodel_str_of(offset);
    if ((rc = yd_sio_encode_out(sio->mem, sio->options.parser, &output, words->attachments, &out)) <
        0)
        return rc;
    restore->bytes += size_of(&out);
    if (restore->bytes > sio->options.max_buffered)
        rc = YODEL_ERR_TOO_BIG;
    else
        yd_sio_log_note(&restore->log, 0, 0, offset, &out);
    yd_sio_out_unref(&out);
    return rc == 0 && restore->log.trimmed ? -ENOMEM : rc;
}

void yd_sio_restore_leave_out(struct yd_sio_restore *restore, const char *offset)
{
    yd_sio_log_drop(&restore->log, offset);
}

void yd_sio_restore_end(struct yd_sio_restore *restore, int rc)
{
    restore->rc = rc;
    post(restore, restore->loop, END);
}

/* ---- the beginning ---- */

void yd_sio_restore_start(yodel_sio_socket *socket, yodel_str pid, yodel_str offset,
                          yd_sio_recovered_fn *done)
{
    yodel_sio *sio = socket->ns->sio;
    struct yd_sio_restore *restore = NULL;

    if (pid.len == YD_ID_LEN && offset.len <= YD_SIO_OFFSET_MAX)
        restore = yd_zalloc(sio->mem, sizeof *restore);
    if (restore == NULL) {
        done(socket, YD_SIO_FRESH);
        return;
    }
    restore->ns = yd_sio_ns_ref(socket->ns);
    restore->done = done;
    restore->loop = restore->asked = socket->loop;
    yd_sio_log_init(&restore->log, sio->mem, SIZE_MAX);
    memcpy(restore->id, socket->id, YD_ID_LEN);
    memcpy(restore->pid, pid.ptr, YD_ID_LEN);
    memcpy(restore->offset, offset.ptr, offset.len);
    end_old_connection(restore, socket->loop);
    ask_next(restore);
}
