/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "sio/sio.h"

/*
 * Connection state recovery: a new socket takes over the id, rooms, data and missed packets of a
 * lost one, which waits (AWAY) on some loop.  On the same loop that is one step.  Else a trip goes
 * round the others until it finds it:
 *
 *     new loop -> old loop   SEEK: copies what there is; the lost socket goes on noting packets
 *     old loop -> new loop   JOIN: the new socket joins the rooms and begins to note packets itself
 *     new loop -> each loop  ROUND: what it had begun to broadcast when it saw no socket on the new
 *                            loop yet has been posted to the old one by now
 *     last one -> old loop   TAIL: copies what was noted meanwhile, and frees the lost socket
 *     old loop -> new loop   DONE: the notes are put together, each offset once, and sent again
 *
 * so that no packet falls between the two sockets.
 */

enum step { SEEK, JOIN, ROUND, TAIL, DONE };

struct trip {
    struct yd_mail mail;
    yodel_sio *sio;
    yodel_sio_namespace *ns; /* a reference */
    struct yd_loop *to, *from;
    enum step step;
    bool found;
    bool trimmed;
    char id[YD_ID_LEN];     /* of the new socket, as it was made */
    char old_id[YD_ID_LEN]; /* of the lost one */
    char pid[YD_ID_LEN];
    char offset[YD_SIO_OFFSET_SIZE];
    struct yd_buf rooms; /* each with its NUL */
    json_t *json;        /* a copy of its own */
    struct yd_sio_entry *first, **last;
};

static const struct yodel_allocator *mem_of(const struct trip *trip)
{
    return trip->sio->mem;
}

static void free_trip(struct trip *trip)
{
    yodel_sio_namespace *ns = trip->ns;

    yd_sio_entries_free(trip->sio, trip->first);
    yd_buf_free(mem_of(trip), &trip->rooms);
    json_decref(trip->json);
    yd_free(mem_of(trip), trip);
    yd_sio_ns_unref(ns);
}

/* ---- on the old loop ---- */

/* A client that is still thought to be there has come back: its old connection is dead. */
static void end_old_connection(yodel_sio_socket *socket)
{
    struct yd_sio_client *client = socket->client;

    yd_sio_socket_end(socket, yd_eio_reason_text(YD_EIO_TRANSPORT_CLOSE), true);
    if (client->num_sockets == 0)
        yd_sio_client_close(client, YD_EIO_TRANSPORT_CLOSE);
}

static yodel_sio_socket *find_lost(yodel_sio_namespace *ns, struct yd_loop *loop, yodel_str pid)
{
    struct yd_map_node *node = yd_map_find(&ns->shards[loop->index].by_pid, pid);
    yodel_sio_socket *socket;

    if (node == NULL)
        return NULL;
    socket = yd_container_of(node, struct yd_sio_memory, by_pid)->socket;
    if (socket->state == YD_SIO_CONNECTED)
        end_old_connection(socket);
    return socket->state == YD_SIO_AWAY ? socket : NULL;
}

static int copy_entry(struct trip *trip, const struct yd_sio_entry *entry)
{
    struct yd_sio_entry *copy = yd_zalloc(mem_of(trip), sizeof *copy);

    if (copy == NULL)
        return -ENOMEM;
    *copy = *entry;
    copy->next = NULL;
    for (size_t i = 0; i < copy->out.num; i++)
        (void)yd_msg_ref(copy->out.msgs[i]);
    *trip->last = copy;
    trip->last = &copy->next;
    return 0;
}

static int copy_entries(struct trip *trip, const struct yd_sio_entry *entry)
{
    for (; entry != NULL; entry = entry->next)
        if (copy_entry(trip, entry) < 0)
            return -ENOMEM;
    return 0;
}

struct room_copy {
    struct trip *trip;
    bool first; /* a socket's own room comes first, and is not joined */
    int rc;
};

static void copy_room(yodel_str room, void *user)
{
    struct room_copy *copy = user;

    if (copy->first)
        copy->first = false;
    else if (copy->rc == 0 &&
             (copy->rc = yd_buf_append_str(mem_of(copy->trip), &copy->trip->rooms, room)) == 0)
        copy->rc = yd_buf_append(mem_of(copy->trip), &copy->trip->rooms, "", 1);
}

static int copy_rooms(struct trip *trip, const yodel_sio_socket *lost)
{
    struct room_copy rooms = {trip, true, 0};

    trip->rooms.len = 0;
    yodel_sio_each_room(lost, copy_room, &rooms);
    return rooms.rc;
}

static int copy_state(struct trip *trip, yodel_sio_socket *lost)
{
    memcpy(trip->old_id, lost->id, YD_ID_LEN);
    trip->trimmed = lost->memory->trimmed;
    if (lost->json != NULL && (trip->json = json_deep_copy(lost->json)) == NULL)
        return -ENOMEM;
    return copy_rooms(trip, lost);
}

static void seek(struct trip *trip, struct yd_loop *loop)
{
    yodel_sio_socket *lost = find_lost(trip->ns, loop, (yodel_str){trip->pid, YD_ID_LEN});
    struct yd_sio_entry *behind;

    trip->found = lost != NULL && yd_sio_memory_seek(lost, yodel_str_of(trip->offset), &behind) &&
                  copy_state(trip, lost) == 0 && copy_entries(trip, lost->memory->first) == 0;
}

/* Entries behind the last one that was copied; all of them when that one has been dropped. */
static const struct yd_sio_entry *behind_copied(const struct trip *trip,
                                                const struct yd_sio_memory *memory)
{
    const struct yd_sio_entry *last = trip->first;

    while (last != NULL && last->next != NULL)
        last = last->next;
    for (const struct yd_sio_entry *entry = memory->first; last != NULL && entry != NULL;
         entry = entry->next)
        if (strcmp(entry->offset, last->offset) == 0)
            return entry->next;
    return memory->first;
}

static void take_tail(struct trip *trip, struct yd_loop *loop)
{
    yodel_sio_socket *lost = find_lost(trip->ns, loop, (yodel_str){trip->pid, YD_ID_LEN});

    trip->found = lost != NULL && copy_entries(trip, behind_copied(trip, lost->memory)) == 0 &&
                  copy_rooms(trip, lost) == 0;
    if (lost != NULL)
        yd_sio_socket_free(lost);
}

/* ---- on the new loop ---- */

static int change_id(yodel_sio_socket *socket, const char *id)
{
    struct yd_map *map = &yd_sio_shard_of(socket)->by_id;

    yd_map_remove(map, &socket->by_id);
    memcpy(socket->id, id, YD_ID_LEN);
    return yd_map_insert(map, &socket->by_id);
}

static int adopt_memory(yodel_sio_socket *socket, const struct trip *trip)
{
    struct yd_map *map = &yd_sio_shard_of(socket)->by_pid;

    if (yd_sio_memory_new(socket) < 0)
        return -ENOMEM;
    socket->memory->trimmed = trip->trimmed;
    yd_map_remove(map, &socket->memory->by_pid);
    memcpy(socket->memory->pid, trip->pid, YD_ID_LEN);
    return yd_map_insert(map, &socket->memory->by_pid);
}

static int join_rooms(yodel_sio_socket *socket, const struct trip *trip)
{
    int rc = 0;

    for (size_t at = 0, len; rc == 0 && at < trip->rooms.len; at += len + 1) {
        const char *room = (const char *)trip->rooms.ptr + at;

        len = strlen(room);
        rc = yodel_sio_join(socket, room);
    }
    return rc;
}

/* From here on it remembers what comes for it, until it is connected. */
static int take_over(yodel_sio_socket *socket, struct trip *trip)
{
    int rc;

    socket->json = trip->json;
    trip->json = NULL;
    if ((rc = join_rooms(socket, trip)) < 0 || (rc = adopt_memory(socket, trip)) < 0 ||
        (rc = change_id(socket, trip->old_id)) < 0)
        return rc;
    socket->is_noting = true;
    yd_sio_enter_shard(socket);
    return 0;
}

static bool has_offset(const struct yd_sio_entry *entry, const char *offset)
{
    while (entry != NULL && strcmp(entry->offset, offset) != 0)
        entry = entry->next;
    return entry != NULL;
}

/* What the socket has noted itself comes behind what was copied, less what is there already. */
static void merge(yodel_sio_socket *socket, struct trip *trip)
{
    struct yd_sio_memory *memory = socket->memory;
    struct yd_sio_entry *own = memory->first, *next;

    memory->first = trip->first;
    memory->last = trip->first != NULL ? trip->last : &memory->first;
    memory->bytes = 0;
    trip->first = NULL;
    for (; own != NULL; own = next) {
        next = own->next;
        own->next = NULL;
        if (has_offset(memory->first, own->offset)) {
            yd_sio_entries_free(trip->sio, own);
            continue;
        }
        *memory->last = own;
        memory->last = &own->next;
    }
    for (const struct yd_sio_entry *entry = memory->first; entry != NULL; entry = entry->next)
        memory->bytes += entry->bytes;
}

/* Without its state, which another connection with the same pid has taken, or for want of memory,
 * the client must begin again. */
static void complete(yodel_sio_socket *socket, struct trip *trip)
{
    merge(socket, trip);
    if (!trip->found || join_rooms(socket, trip) < 0) {
        yd_sio_client_fail(socket->client, "its state has gone");
        return;
    }
    socket->memory->is_returning = true;
    memcpy(socket->memory->resume, trip->offset, sizeof trip->offset);
    yd_sio_connect_recovered(socket);
}

/* ---- the way ---- */

static void run_trip(struct yd_mail *mail, void *receiver);

static void send_trip(struct trip *trip, struct yd_loop *loop, enum step step)
{
    trip->step = step;
    trip->mail.run = run_trip;
    if (yd_loop_post(loop, &trip->mail) < 0)
        free_trip(trip);
}

static struct yd_loop *loop_behind(const yodel_sio *sio, const struct yd_loop *loop)
{
    return sio->loops[(loop->index + 1) % sio->num_loops];
}

static void join(struct trip *trip, yodel_sio_socket *socket)
{
    if (!trip->found) {
        yd_sio_connect_afresh(socket);
        free_trip(trip);
        return;
    }
    if (take_over(socket, trip) < 0) {
        yd_sio_client_fail(socket->client, "out of memory");
        free_trip(trip);
        return;
    }
    memcpy(trip->id, socket->id, YD_ID_LEN);
    send_trip(trip, loop_behind(trip->sio, trip->to), ROUND);
}

static void arrive(struct trip *trip, struct yd_loop *loop)
{
    yodel_sio_socket *socket = yd_sio_socket_find(trip->ns, loop, (yodel_str){trip->id, YD_ID_LEN});

    if (socket == NULL || socket->state != YD_SIO_CONNECTING || socket->client->closing) {
        free_trip(trip); /* it has gone again; the lost one, if it is still there, expires */
    } else if (trip->step == JOIN) {
        join(trip, socket);
    } else {
        complete(socket, trip);
        free_trip(trip);
    }
}

static void run_trip(struct yd_mail *mail, void *receiver)
{
    struct trip *trip = yd_container_of(mail, struct trip, mail);

    if (trip->step == SEEK) {
        seek(trip, receiver);
        if (!trip->found && (trip->from = loop_behind(trip->sio, trip->from)) != trip->to)
            send_trip(trip, trip->from, SEEK);
        else
            send_trip(trip, trip->to, JOIN);
    } else if (trip->step == ROUND) {
        struct yd_loop *next = loop_behind(trip->sio, receiver);

        send_trip(trip, next != trip->to ? next : trip->from, next != trip->to ? ROUND : TAIL);
    } else if (trip->step == TAIL) {
        take_tail(trip, receiver);
        send_trip(trip, trip->to, DONE);
    } else {
        arrive(trip, receiver);
    }
}

static struct trip *make_trip(yodel_sio_socket *socket, yodel_str pid, yodel_str offset)
{
    yodel_sio *sio = socket->ns->sio;
    struct trip *trip = yd_zalloc(sio->mem, sizeof *trip);

    if (trip == NULL)
        return NULL;
    trip->sio = sio;
    trip->ns = yd_sio_ns_ref(socket->ns);
    trip->to = socket->loop;
    trip->from = loop_behind(sio, socket->loop);
    trip->last = &trip->first;
    memcpy(trip->id, socket->id, YD_ID_LEN);
    memcpy(trip->pid, pid.ptr, YD_ID_LEN);
    memcpy(trip->offset, offset.ptr, offset.len);
    return trip;
}

/* On one loop nothing can come in between: all steps at once. */
static void recover_here(yodel_sio_socket *socket, struct trip *trip)
{
    yd_sio_enter_shard(socket); /* first: broadcasts pass by a loop that has no sockets */
    yd_sio_socket_free(find_lost(trip->ns, trip->to, (yodel_str){trip->pid, YD_ID_LEN}));
    if (take_over(socket, trip) < 0)
        yd_sio_client_fail(socket->client, "out of memory");
    else
        complete(socket, trip);
    free_trip(trip);
}

bool yd_sio_recover(yodel_sio_socket *socket, yodel_str pid, yodel_str offset)
{
    struct trip *trip;

    if (pid.len != YD_ID_LEN || offset.len >= sizeof trip->offset ||
        (trip = make_trip(socket, pid, offset)) == NULL)
        return false;
    seek(trip, trip->to);
    if (trip->found) {
        recover_here(socket, trip);
    } else if (trip->from != trip->to) {
        send_trip(trip, trip->from, SEEK);
    } else {
        free_trip(trip);
        return false;
    }
    return true;
}
