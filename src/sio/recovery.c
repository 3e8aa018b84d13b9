/* SPDX-License-Identifier: MIT */
#include "sio/recovery.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "bus/call.h"
#include "bus/fence.h"
#include "sio/leave.h"

/*
 * Connection state recovery: a new socket takes over the id, rooms, data and missed packets of a
 * lost one, which is AWAY on some loop.  On the same loop that is one step.  Else a transfer goes
 * round the others until it finds it:
 *
 *     new loop -> old loop   SEEK: copies what there is; the lost socket goes on noting packets
 *     old loop -> new loop   JOIN: the new socket joins the rooms and begins to note packets itself
 *     new loop -> old loop   TAIL: after all who looked for receivers before that have posted what
 *                            they send, copies what was noted meanwhile, and frees the lost socket
 *     old loop -> new loop   DONE: after what that loop was sent ahead of it the notes are put
 *                            together, each offset once
 *
 * so that no packet falls between the two sockets.
 */

enum step { SEEK, JOIN, DONE, DONE_TASK };

struct transfer {
    struct yd_call call;
    struct yd_fence_wait fence;
    yodel_sio *sio;
    yodel_sio_namespace *ns; /* a reference */
    yd_sio_recovered_fn *done;
    struct yd_loop *to, *from;
    enum step step;
    bool polls; /* the client is on polling */
    bool found;
    bool in_own_room;       /* the lost socket is */
    bool trimmed;           /* what the lost socket remembers has no beginning */
    char id[YD_ID_LEN];     /* of the new socket, as it was made */
    char old_id[YD_ID_LEN]; /* of the lost one */
    char pid[YD_ID_LEN];
    char offset[YD_SIO_OFFSET_MAX + 1];
    struct yd_buf rooms; /* each with its NUL */
    json_t *json;        /* a copy of its own */
    struct yd_sio_log log;
};

static const struct yodel_allocator *mem_of(const struct transfer *transfer)
{
    return transfer->sio->mem;
}

static void free_transfer(struct transfer *transfer)
{
    yodel_sio_namespace *ns = transfer->ns;

    yd_sio_log_done(&transfer->log);
    yd_buf_free(mem_of(transfer), &transfer->rooms);
    json_decref(transfer->json);
    yd_free(mem_of(transfer), transfer);
    yd_sio_ns_unref(ns);
}

/* ---- on the old loop ---- */

/* A client that is still thought to be there has come back: its old connection is dead. */
static bool end_old_connection(yodel_sio_socket *socket)
{
    struct yd_sio_client *client = socket->client;
    bool away = yd_sio_leave_now(socket, yd_eio_reason_text(YD_EIO_TRANSPORT_CLOSE), true);

    if (yd_list_is_empty(&client->sockets))
        yd_sio_client_close(client, YD_EIO_TRANSPORT_CLOSE);
    return away;
}

/* The socket of pid that is AWAY on this loop; NULL when there is none. */
static yodel_sio_socket *find_lost(const struct transfer *transfer, struct yd_loop *loop)
{
    struct yd_sio_memory *memory = yd_sio_memory_find(&transfer->ns->shards[loop->index].by_pid,
                                                      (yodel_str){transfer->pid, YD_ID_LEN});
    yodel_sio_socket *socket = memory != NULL ? memory->owner : NULL;

    if (socket == NULL)
        return NULL;
    if (socket->phase == YD_SIO_CONNECTED)
        return end_old_connection(socket) ? socket : NULL;
    return socket->phase == YD_SIO_AWAY ? socket : NULL;
}

struct room_copy {
    struct transfer *transfer;
    int rc;
};

static void copy_room(yodel_str room, void *user)
{
    struct room_copy *copy = user;
    const struct yodel_allocator *mem = mem_of(copy->transfer);

    if (copy->rc == 0 && (copy->rc = yd_buf_append_str(mem, &copy->transfer->rooms, room)) == 0)
        copy->rc = yd_buf_append(mem, &copy->transfer->rooms, "", 1);
}

static int copy_rooms(struct transfer *transfer, yodel_sio_socket *lost)
{
    struct yd_sio_rooms rooms = yd_sio_rooms_of(lost);
    struct room_copy copy = {transfer, 0};

    transfer->rooms.len = 0;
    yd_sio_membership_each(&lost->rooms, &rooms, copy_room, &copy);
    return copy.rc;
}

static int copy_state(struct transfer *transfer, yodel_sio_socket *lost)
{
    memcpy(transfer->old_id, lost->id, YD_ID_LEN);
    transfer->trimmed = lost->memory->log.trimmed;
    transfer->in_own_room = lost->in_own_room;
    if (lost->json != NULL && (transfer->json = json_deep_copy(lost->json)) == NULL)
        return -ENOMEM;
    return copy_rooms(transfer, lost);
}

/* Polling carries binary as text. */
static size_t base64_growth(const struct yd_sio_entry *entry)
{
    size_t growth = 0;

    for (size_t i = 0; i < entry->num; i++)
        if (entry->msgs[i]->type == YODEL_WS_BINARY)
            growth += 1 + yd_base64_len(entry->msgs[i]->len) - entry->msgs[i]->len;
    return growth;
}

/* Whether all that the client has missed is there, and is no more than may wait for it. */
static bool can_replay(const struct transfer *transfer, const struct yd_sio_log *log)
{
    struct yd_sio_entry *entry;
    size_t bytes = 0;

    if (!yd_sio_log_find(log, yodel_str_of(transfer->offset), &entry))
        return false;
    for (; entry != NULL; entry = entry->next)
        bytes += entry->bytes + (transfer->polls ? base64_growth(entry) : 0);
    return bytes <= transfer->sio->options.max_buffered;
}

static void seek(struct transfer *transfer, struct yd_loop *loop)
{
    yodel_sio_socket *lost = find_lost(transfer, loop);

    transfer->found = lost != NULL && can_replay(transfer, &lost->memory->log) &&
                      copy_state(transfer, lost) == 0 &&
                      yd_sio_log_copy(&transfer->log, lost->memory->log.first) == 0;
}

/* What was noted after the last entry that was copied; all when that one has been dropped. */
static const struct yd_sio_entry *not_copied(const struct transfer *transfer,
                                             const struct yd_sio_log *log)
{
    const struct yd_sio_entry *last = transfer->log.first;
    struct yd_sio_entry *entry;

    while (last != NULL && last->next != NULL)
        last = last->next;
    if (last == NULL || !yd_sio_log_find(log, yodel_str_of(last->offset), &entry))
        return log->first;
    return entry;
}

static void take_tail(struct transfer *transfer, struct yd_loop *loop)
{
    yodel_sio_socket *lost = find_lost(transfer, loop);

    if (lost != NULL)
        transfer->in_own_room = lost->in_own_room;
    transfer->found =
        lost != NULL &&
        yd_sio_log_copy(&transfer->log, not_copied(transfer, &lost->memory->log)) == 0 &&
        copy_rooms(transfer, lost) == 0;
    if (lost != NULL)
        yd_sio_socket_free(lost);
}

/* ---- on the new loop ---- */

static int join_rooms(yodel_sio_socket *socket, const struct transfer *transfer)
{
    int rc = 0;

    for (size_t at = 0, len; rc == 0 && at < transfer->rooms.len; at += len + 1) {
        const char *room = (const char *)transfer->rooms.ptr + at;

        len = strlen(room);
        rc = yd_sio_socket_join(socket, room);
    }
    return rc;
}

/* Another connection of the same client may have come to this loop first. */
static bool is_taken(const yodel_sio_socket *socket, const struct transfer *transfer)
{
    yodel_str pid = {transfer->pid, YD_ID_LEN}, id = {transfer->old_id, YD_ID_LEN};

    return yd_sio_memory_find(&yd_sio_shard_of(socket)->by_pid, pid) != NULL ||
           yd_sio_socket_find(socket->ns, socket->loop, id) != NULL;
}

/* From here on it notes what comes for it, but has no beginning yet. */
static int take_over(yodel_sio_socket *socket, struct transfer *transfer)
{
    int rc;

    if (is_taken(socket, transfer))
        return YODEL_ERR_CONFLICT;
    socket->in_own_room = transfer->in_own_room;
    if ((rc = yd_sio_socket_set_id(socket, transfer->old_id)) < 0 ||
        (rc = yd_sio_socket_enter_own_room(socket)) < 0 ||
        (rc = join_rooms(socket, transfer)) < 0 ||
        (rc = yd_sio_socket_remember(socket, transfer->pid)) < 0)
        return rc;
    memcpy(socket->memory->resume, transfer->offset, sizeof transfer->offset);
    socket->memory->log.trimmed = true;
    socket->json = transfer->json;
    transfer->json = NULL;
    return 0;
}

/* What the socket has noted itself comes after what was copied. */
static void merge(yodel_sio_socket *socket, struct transfer *transfer)
{
    struct yd_sio_log *log = &socket->memory->log;

    yd_sio_log_prepend(log, &transfer->log);
    log->trimmed = transfer->trimmed;
}

/* Its state cannot be had, for want of memory or because another connection with the same pid has
 * taken it: nothing of it is left. */
static void start_afresh(yodel_sio_socket *socket, const struct transfer *transfer)
{
    int rc = yd_sio_socket_reset(socket, transfer->id);

    if (!socket->client->closing)
        transfer->done(socket, rc == 0 ? YD_SIO_FRESH : YD_SIO_FAILED);
}

/* One whose client is lost again has what is its own, and waits. */
static void complete(yodel_sio_socket *socket, struct transfer *transfer)
{
    bool lost = socket->phase == YD_SIO_AWAY;

    if (transfer->found && join_rooms(socket, transfer) == 0) {
        merge(socket, transfer);
        if (!lost && !socket->client->closing)
            transfer->done(socket, YD_SIO_RESTORED);
    } else if (lost) {
        yd_sio_socket_free(socket);
    } else {
        start_afresh(socket, transfer);
    }
}

/* ---- the way ---- */

static void run_transfer(struct yd_loop *loop, void *arg);

static void send_on(struct transfer *transfer, struct yd_loop *loop, enum step step)
{
    transfer->step = step;
    yd_call_init(&transfer->call, YD_CALL_CONTROL, run_transfer, transfer);
    if (yd_call_post(&transfer->call, loop) < 0)
        free_transfer(transfer);
}

static void run_tail(struct yd_mail *mail, void *receiver)
{
    struct transfer *transfer = yd_container_of(mail, struct transfer, fence.mail);

    if (receiver == NULL) { /* the loop has ended */
        free_transfer(transfer);
        return;
    }
    take_tail(transfer, receiver);
    send_on(transfer, transfer->to, DONE);
}

static struct yd_loop *next_loop(const yodel_sio *sio, const struct yd_loop *loop)
{
    return sio->loops[(loop->index + 1) % sio->num_loops];
}

static void join(struct transfer *transfer, yodel_sio_socket *socket)
{
    if (!transfer->found || take_over(socket, transfer) < 0) {
        start_afresh(socket, transfer);
        free_transfer(transfer);
        return;
    }
    yd_sio_socket_set_phase(socket, YD_SIO_NOTING);
    transfer->fence.mail.run = run_tail;
    yd_bus_fence(transfer->sio->bus, transfer->from, &transfer->fence);
}

/* The socket that the transfer is for; NULL when its client is lost again, or it is for another
 * socket. */
static yodel_sio_socket *find_new(const struct transfer *transfer, struct yd_loop *loop)
{
    const char *id = transfer->step == JOIN ? transfer->id : transfer->old_id;
    yodel_sio_socket *socket = yd_sio_socket_find(transfer->ns, loop, (yodel_str){id, YD_ID_LEN});

    if (socket == NULL)
        return NULL;
    if (transfer->step == JOIN)
        return socket->phase == YD_SIO_CONNECTING && !socket->client->closing ? socket : NULL;
    return yd_sio_is_absent(socket) ? socket : NULL;
}

static void run_transfer(struct yd_loop *loop, void *arg)
{
    struct transfer *transfer = arg;
    yodel_sio_socket *socket;

    if (transfer->step == SEEK) {
        seek(transfer, loop);
        if (!transfer->found &&
            (transfer->from = next_loop(transfer->sio, transfer->from)) != transfer->to)
            send_on(transfer, transfer->from, SEEK);
        else
            send_on(transfer, transfer->to, JOIN);
    } else if (transfer->step == DONE) { /* events of this loop's own thread may be tasks still */
        transfer->step = DONE_TASK;
        yd_call_as_task(&transfer->call, loop);
    } else if ((socket = find_new(transfer, loop)) == NULL) {
        free_transfer(transfer);
    } else if (transfer->step == JOIN) {
        join(transfer, socket);
    } else {
        complete(socket, transfer);
        free_transfer(transfer);
    }
}

static struct transfer *make_transfer(yodel_sio_socket *socket, yodel_str pid, yodel_str offset,
                                      yd_sio_recovered_fn *done)
{
    yodel_sio *sio = socket->ns->sio;
    struct transfer *transfer = yd_zalloc(sio->mem, sizeof *transfer);

    if (transfer == NULL)
        return NULL;
    transfer->sio = sio;
    transfer->ns = yd_sio_ns_ref(socket->ns);
    transfer->done = done;
    transfer->to = socket->loop;
    transfer->polls = yd_eio_transport(socket->client->session) == YD_EIO_POLLING;
    transfer->from = next_loop(sio, socket->loop);
    yd_sio_log_init(&transfer->log, sio->mem, SIZE_MAX);
    memcpy(transfer->id, socket->id, YD_ID_LEN);
    memcpy(transfer->pid, pid.ptr, YD_ID_LEN);
    memcpy(transfer->offset, offset.ptr, offset.len);
    return transfer;
}

/* On one loop nothing can come in between: all steps at once.  The new socket enters the shard
 * before the lost one leaves it, for broadcasts of other loops pass by one without sockets. */
static void recover_here(yodel_sio_socket *socket, struct transfer *transfer)
{
    yd_sio_socket_set_phase(socket, YD_SIO_NOTING);
    yd_sio_socket_free(find_lost(transfer, transfer->to));
    if (take_over(socket, transfer) < 0)
        start_afresh(socket, transfer);
    else
        complete(socket, transfer);
    free_transfer(transfer);
}

void yd_sio_recover(yodel_sio_socket *socket, yodel_str pid, yodel_str offset,
                    yd_sio_recovered_fn *done)
{
    struct transfer *transfer;

    if (pid.len != YD_ID_LEN || offset.len > YD_SIO_OFFSET_MAX ||
        (transfer = make_transfer(socket, pid, offset, done)) == NULL) {
        done(socket, YD_SIO_FRESH);
        return;
    }
    seek(transfer, transfer->to);
    if (transfer->found) {
        recover_here(socket, transfer);
    } else if (transfer->from != transfer->to) {
        send_on(transfer, transfer->from, SEEK);
    } else {
        free_transfer(transfer);
        done(socket, YD_SIO_FRESH);
    }
}

/* ---- what was missed ---- */

/* What is sent again has not arrived yet, however old it is; it is no more than can_replay() has
 * found, and what came since. */
int yd_sio_replay(yodel_sio_socket *socket)
{
    struct yd_sio_memory *memory = socket->memory;
    struct yd_sio_entry *entry;
    int rc = 0;

    if (socket->phase != YD_SIO_NOTING)
        return 0;
    if (!yd_sio_log_find(&memory->log, yodel_str_of(memory->resume), &entry))
        return YODEL_ERR_NOT_FOUND;
    for (; rc == 0 && entry != NULL; entry = entry->next) {
        entry->at = socket->loop->now;
        if (entry->num > 0)
            rc = yd_eio_send(socket->client->session, entry->msgs, entry->num, YD_EIO_ALWAYS);
    }
    if (socket->ns->sio->order != NULL)
        yd_sio_log_clear(&memory->log);
    return rc;
}
