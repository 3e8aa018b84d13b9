/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "sio/sio.h"

/*
 * What a socket's client may have missed: the packets of the last while, each with the offset that
 * the client tells when it comes back.  While the client is there, what is older than a heartbeat
 * takes is known to have arrived; while it is away everything is kept, up to a limit.
 */

static void on_expiry(struct yd_timer *timer)
{
    yd_sio_socket_free(yd_container_of(timer, struct yd_sio_memory, expiry)->socket);
}

int yd_sio_memory_new(yodel_sio_socket *socket)
{
    yodel_sio *sio = socket->ns->sio;
    struct yd_sio_memory *memory = yd_zalloc(sio->mem, sizeof *memory);

    if (memory == NULL)
        return -ENOMEM;
    memory->socket = socket;
    memory->last = &memory->first;
    memory->by_pid.key = (yodel_str){memory->pid, YD_ID_LEN};
    yd_timer_init(&memory->expiry, on_expiry);
    if (yd_sio_make_id(&sio->ids, socket->loop->index, memory->pid) < 0 ||
        yd_map_insert(&yd_sio_shard_of(socket)->by_pid, &memory->by_pid) < 0) {
        yd_free(sio->mem, memory);
        return -ENOMEM;
    }
    socket->memory = memory;
    return 0;
}

static void free_entry(yodel_sio *sio, struct yd_sio_entry *entry)
{
    yd_sio_out_unref(&entry->out);
    yd_free(sio->mem, entry);
}

void yd_sio_entries_free(yodel_sio *sio, struct yd_sio_entry *entry)
{
    while (entry != NULL) {
        struct yd_sio_entry *next = entry->next;

        free_entry(sio, entry);
        entry = next;
    }
}

void yd_sio_memory_free(yodel_sio_socket *socket)
{
    struct yd_sio_memory *memory = socket->memory;

    if (memory == NULL)
        return;
    yd_map_remove(&yd_sio_shard_of(socket)->by_pid, &memory->by_pid);
    yd_timer_stop(&socket->loop->wheel, &memory->expiry);
    yd_sio_entries_free(socket->ns->sio, memory->first);
    yd_free(socket->ns->sio->mem, memory);
    socket->memory = NULL;
}

yodel_str yd_sio_memory_pid(const yodel_sio_socket *socket)
{
    if (socket->memory == NULL)
        return (yodel_str){NULL, 0};
    return (yodel_str){socket->memory->pid, YD_ID_LEN};
}

/* ---- noting ---- */

static void drop_first(yodel_sio *sio, struct yd_sio_memory *memory)
{
    struct yd_sio_entry *entry = memory->first;

    memory->first = entry->next;
    if (memory->first == NULL)
        memory->last = &memory->first;
    memory->bytes -= entry->bytes;
    memory->trimmed = true;
    free_entry(sio, entry);
}

/* Whether what was sent at that time has arrived for sure: the client has answered a ping since.
 * A packet of its own may have given it the time of the answer once more. */
static bool has_arrived(const yodel_sio_socket *socket, const struct yd_sio_entry *entry)
{
    const yodel_sio_options *options = &socket->ns->sio->options;

    return socket->state == YD_SIO_CONNECTED &&
           socket->loop->now - entry->at >
               (uint64_t)options->ping_interval_ms + 2 * (uint64_t)options->ping_timeout_ms;
}

/* The last one that has arrived stays: its offset is what the client may tell. */
static void trim(yodel_sio_socket *socket)
{
    struct yd_sio_memory *memory = socket->memory;
    size_t max = socket->ns->sio->options.recovery_bytes;

    while (memory->first != NULL && memory->first->next != NULL &&
           (memory->bytes > max || has_arrived(socket, memory->first->next)))
        drop_first(socket->ns->sio, memory);
}

void yd_sio_memory_note(yodel_sio_socket *socket, const char *offset, const struct yd_sio_out *out)
{
    yodel_sio *sio = socket->ns->sio;
    struct yd_sio_memory *memory = socket->memory;
    struct yd_sio_entry *entry = yd_zalloc(sio->mem, sizeof *entry);

    if (entry == NULL) { /* what is not remembered cannot be recovered */
        while (memory->first != NULL)
            drop_first(sio, memory);
        memory->trimmed = true;
        return;
    }
    entry->at = socket->loop->now;
    entry->bytes = sizeof *entry;
    memcpy(entry->offset, offset, YD_SIO_OFFSET_SIZE);
    for (size_t i = 0; out != NULL && i < out->num; i++) {
        entry->out.msgs[i] = yd_msg_ref(out->msgs[i]);
        entry->bytes += out->msgs[i]->len;
        entry->out.num++;
    }
    *memory->last = entry;
    memory->last = &entry->next;
    memory->bytes += entry->bytes;
    trim(socket);
}

/* ---- being away and coming back ---- */

void yd_sio_memory_wait(yodel_sio_socket *socket)
{
    yd_list_remove(&socket->of_client);
    yd_list_append(&socket->ns->sio->per_loop[socket->loop->index].away, &socket->of_client);
    socket->client->num_sockets--;
    socket->client = NULL;
    socket->state = YD_SIO_AWAY;
    yd_timer_start(&socket->loop->wheel, &socket->memory->expiry,
                   yd_loop_due(socket->loop, socket->ns->sio->options.recovery_ms));
}

void yd_sio_memory_expire(yodel_sio_socket *socket)
{
    socket->state = YD_SIO_LEAVING;
    yd_timer_start(&socket->loop->wheel, &socket->memory->expiry, 0);
}

/* The first entry that a client with offset has not got. */
static bool find_behind(const struct yd_sio_memory *memory, yodel_str offset,
                        struct yd_sio_entry **ret_entry)
{
    *ret_entry = memory->first;
    if (offset.len == 0)
        return !memory->trimmed;
    for (struct yd_sio_entry *entry = memory->first; entry != NULL; entry = entry->next)
        if (yodel_str_eq(yodel_str_of(entry->offset), offset)) {
            *ret_entry = entry->next;
            return true;
        }
    return false;
}

bool yd_sio_memory_seek(const yodel_sio_socket *socket, yodel_str offset,
                        struct yd_sio_entry **ret_entry)
{
    size_t bytes = 0;

    if (!find_behind(socket->memory, offset, ret_entry))
        return false;
    for (const struct yd_sio_entry *entry = *ret_entry; entry != NULL; entry = entry->next)
        bytes += entry->bytes;
    return bytes <= socket->ns->sio->options.max_buffered;
}

/* What is sent again has not arrived yet, however old it is. */
int yd_sio_memory_replay(yodel_sio_socket *socket)
{
    struct yd_sio_memory *memory = socket->memory;
    struct yd_sio_entry *entry;
    int rc = 0;

    if (memory == NULL || !memory->is_returning)
        return 0;
    memory->is_returning = false;
    if (!yd_sio_memory_seek(socket, yodel_str_of(memory->resume), &entry))
        return YODEL_ERR_NOT_FOUND;
    for (; rc == 0 && entry != NULL; entry = entry->next) {
        entry->at = socket->loop->now;
        if (entry->out.num > 0)
            rc = yd_eio_send(socket->client->session, entry->out.msgs, entry->out.num, 0);
    }
    return rc;
}
