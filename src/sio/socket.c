/* SPDX-License-Identifier: MIT */
#include "sio/socket.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "proto/json_doc.h"

/* ---- membership of groups ---- */

static void deliver(struct yd_member *member, struct yd_delivery *what)
{
    yodel_sio_socket *socket = yd_container_of(member, yodel_sio_socket, rooms.member);

    socket->ns->sio->deliver(member, what);
}

bool yd_sio_is_socket(const struct yd_member *member)
{
    return member->deliver == deliver;
}

yodel_sio_socket *yd_sio_socket_of_member(struct yd_member *member)
{
    return yd_container_of(member, yodel_sio_socket, rooms.member);
}

/* ---- being meant by targets ---- */

static void enter_shard(yodel_sio_socket *socket)
{
    if (!yd_list_is_empty(&socket->of_shard))
        return;
    yd_list_append(&yd_sio_shard_of(socket)->sockets, &socket->of_shard);
    if (socket->ns->parent != NULL)
        yd_list_append(&socket->ns->parent->ns->shards[socket->loop->index].of_children,
                       &socket->of_parent);
    atomic_fetch_add_explicit(&yd_sio_shard_of(socket)->count, 1, memory_order_relaxed);
}

static void leave_shard(yodel_sio_socket *socket)
{
    if (yd_list_is_empty(&socket->of_shard))
        return;
    yd_list_remove(&socket->of_shard);
    yd_list_remove(&socket->of_parent);
    atomic_fetch_sub_explicit(&yd_sio_shard_of(socket)->count, 1, memory_order_relaxed);
}

/* change: 1 or -1. */
static void count_connected(const yodel_sio_socket *socket, size_t change)
{
    const struct yd_sio_parent *parent = socket->ns->parent;

    atomic_fetch_add_explicit(&yd_sio_shard_of(socket)->connected, change, memory_order_relaxed);
    if (parent != NULL)
        atomic_fetch_add_explicit(&parent->ns->shards[socket->loop->index].connected, change,
                                  memory_order_relaxed);
}

/* ---- lifetime ---- */

yodel_sio_socket *yd_sio_socket_new(yodel_sio_namespace *ns, struct yd_loop *loop)
{
    yodel_sio *sio = ns->sio;
    yodel_sio_socket *socket = yd_zalloc(sio->mem, sizeof *socket);
    char id[YD_ID_LEN];

    if (socket == NULL) {
        yd_sio_ns_left(ns);
        return NULL;
    }
    socket->ns = ns;
    socket->loop = loop;
    socket->rooms.member.deliver = deliver;
    socket->in_own_room = true;
    yd_list_init(&socket->of_client);
    yd_list_init(&socket->of_shard);
    yd_list_init(&socket->of_parent);
    yd_list_init(&socket->asked);
    if (yd_sio_make_id(&sio->ids, loop->index, id) < 0 || yd_sio_socket_set_id(socket, id) < 0) {
        yd_sio_socket_free(socket);
        return NULL;
    }
    return socket;
}

/* It is not AWAY any more. */
static void stop_waiting(yodel_sio_socket *socket)
{
    yodel_sio *sio = socket->ns->sio;

    sio->per_loop[socket->loop->index].num_away--;
    atomic_fetch_sub_explicit(&sio->counters.lost, 1, memory_order_relaxed);
}

void yd_sio_socket_free_data(yodel_sio_socket *socket)
{
    while (socket->free_data != NULL)
        yodel_sio_socket_set_data(socket, NULL, NULL);
}

void yd_sio_held_free(struct yd_sio_held **held, const struct yodel_allocator *mem)
{
    if (*held == NULL)
        return;
    yd_free(mem, (*held)->packet);
    yd_sio_config_end((*held)->config, (*held)->loop);
    yd_free(mem, *held);
    *held = NULL;
}

void yd_sio_socket_end_decisions(yodel_sio_socket *socket)
{
    const struct yodel_allocator *mem = socket->ns->sio->mem;

    yd_decision_end(&socket->decision);
    while (!yd_list_is_empty(&socket->asked)) {
        struct yd_sio_asked *asked =
            yd_container_of(socket->asked.next, struct yd_sio_asked, of_socket);
        yodel_decision *ack = &asked->decision;

        yd_decision_end(&ack); /* which takes it off the list */
    }
    yd_sio_held_free(&socket->held, mem);
    yd_sio_early_free(&socket->early, mem);
}

void yd_sio_socket_free(yodel_sio_socket *socket)
{
    const struct yodel_allocator *mem = socket->ns->sio->mem;

    if (socket->phase == YD_SIO_AWAY)
        stop_waiting(socket);
    if (socket->phase == YD_SIO_CONNECTED)
        count_connected(socket, (size_t)-1);
    socket->phase = YD_SIO_LEAVING; /* so the program's function sees it */
    yd_sio_socket_end_decisions(socket);
    yd_sio_socket_free_data(socket);
    yd_sio_socket_leave_rooms(socket);
    leave_shard(socket);
    yd_list_remove(&socket->of_client);
    if (socket->by_id.key.len > 0)
        yd_map_remove(&yd_sio_shard_of(socket)->by_id, &socket->by_id);
    yd_sio_socket_owe_nothing(socket);
    yd_sio_socket_forget(socket);
    yd_sio_own_free(&socket->own, mem);
    yd_sio_config_end(socket->config, socket->loop);
    json_decref(socket->json);
    json_decref(socket->auth);
    yd_free(mem, socket->auth_text);
    yd_sio_ns_left(socket->ns);
    yd_free(mem, socket);
}

yodel_sio_socket *yd_sio_socket_find(yodel_sio_namespace *ns, struct yd_loop *loop, yodel_str id)
{
    struct yd_map_node *node = yd_map_find(&ns->shards[loop->index].by_id, id);

    return node != NULL ? yd_container_of(node, yodel_sio_socket, by_id) : NULL;
}

int yd_sio_socket_set_id(yodel_sio_socket *socket, const char id[YD_ID_LEN])
{
    struct yd_map *map = &yd_sio_shard_of(socket)->by_id;
    int rc;

    if (socket->by_id.key.len > 0)
        yd_map_remove(map, &socket->by_id);
    memcpy(socket->id, id, YD_ID_LEN);
    socket->by_id.key = yd_sio_id(socket);
    if ((rc = yd_map_insert(map, &socket->by_id)) < 0)
        socket->by_id.key.len = 0;
    return rc;
}

/* ---- phases ---- */

#define BIT(phase) (1u << (phase))

static bool may_follow(enum yd_sio_phase from, enum yd_sio_phase to)
{
    static const unsigned next[] = {
        [YD_SIO_CONNECTING] = BIT(YD_SIO_NOTING) | BIT(YD_SIO_CONNECTED) | BIT(YD_SIO_LEAVING),
        [YD_SIO_NOTING] =
            BIT(YD_SIO_CONNECTING) | BIT(YD_SIO_CONNECTED) | BIT(YD_SIO_LEAVING) | BIT(YD_SIO_AWAY),
        [YD_SIO_CONNECTED] = BIT(YD_SIO_LEAVING),
        [YD_SIO_LEAVING] = BIT(YD_SIO_LEAVING) | BIT(YD_SIO_AWAY),
        [YD_SIO_AWAY] = BIT(YD_SIO_LEAVING),
    };

    return (next[from] & BIT(to)) != 0;
}

static void on_expiry(struct yd_timer *timer)
{
    yd_sio_socket_free(yd_container_of(timer, struct yd_sio_memory, expiry)->owner);
}

static void start_expiry(yodel_sio_socket *socket, uint32_t ms)
{
    yd_timer_start(&socket->loop->wheel, &socket->memory->expiry, yd_loop_due(socket->loop, ms));
}

/* Nothing else ends it: soon, outside of the present call. */
static void forget(yodel_sio_socket *socket)
{
    stop_waiting(socket);
    yd_list_remove(&socket->of_client);
    yd_list_append(&socket->ns->sio->per_loop[socket->loop->index].gone, &socket->of_client);
    start_expiry(socket, 0);
}

/* The limit of the service is shared out among its loops, as clients are. */
static void make_room(yodel_sio *sio, struct yd_sio_loop *state)
{
    unsigned max = (sio->options.max_lost + sio->num_loops - 1) / sio->num_loops;
    yodel_sio_socket *oldest = yd_container_of(state->away.next, yodel_sio_socket, of_client);

    if (state->num_away <= max)
        return;
    yd_sio_count_one(&sio->counters.lost_forgotten);
    yd_sio_socket_set_phase(oldest, YD_SIO_LEAVING);
}

static void wait_for_client(yodel_sio_socket *socket)
{
    yodel_sio *sio = socket->ns->sio;
    struct yd_sio_loop *state = &sio->per_loop[socket->loop->index];

    yd_list_remove(&socket->of_client);
    yd_list_append(&state->away, &socket->of_client);
    state->num_away++;
    yd_sio_count_one(&sio->counters.lost);
    yd_member_set_away(&socket->rooms.member, true);
    start_expiry(socket, sio->options.recovery_ms);
    make_room(sio, state);
}

void yd_sio_socket_set_phase(yodel_sio_socket *socket, enum yd_sio_phase phase)
{
    enum yd_sio_phase before = socket->phase;

    assert(may_follow(before, phase));
    socket->phase = phase;
    if (before == YD_SIO_CONNECTED || phase == YD_SIO_CONNECTED)
        count_connected(socket, phase == YD_SIO_CONNECTED ? 1 : (size_t)-1);
    if (phase == YD_SIO_NOTING || phase == YD_SIO_CONNECTED)
        enter_shard(socket);
    else if (phase == YD_SIO_CONNECTING)
        leave_shard(socket);
    else if (phase == YD_SIO_AWAY)
        wait_for_client(socket);
    else if (before == YD_SIO_AWAY)
        forget(socket);
}

/* ---- parts ---- */

int yd_sio_socket_remember(yodel_sio_socket *socket, const char *pid)
{
    yodel_sio *sio = socket->ns->sio;
    char own[YD_ID_LEN];
    int rc;

    if (pid == NULL && (rc = yd_sio_make_id(&sio->ids, socket->loop->index, own)) < 0)
        return rc;
    socket->memory = yd_sio_memory_new(sio->mem, &yd_sio_shard_of(socket)->by_pid,
                                       pid != NULL ? pid : own, sio->options.recovery_bytes);
    if (socket->memory == NULL)
        return -ENOMEM;
    socket->memory->owner = socket;
    yd_timer_init(&socket->memory->expiry, on_expiry);
    return 0;
}

void yd_sio_socket_forget(yodel_sio_socket *socket)
{
    yd_sio_memory_free(socket->memory, &socket->loop->wheel);
    socket->memory = NULL;
}

/* What a connected client was sent so long ago has arrived: it has answered a ping since.  A packet
 * of its own may have given it the time of the answer once more. */
static uint64_t arrived_before(const yodel_sio_socket *socket)
{
    const yodel_sio_options *options = &socket->ns->sio->options;
    uint64_t ms = (uint64_t)options->ping_interval_ms + 2 * (uint64_t)options->ping_timeout_ms;

    return socket->phase == YD_SIO_CONNECTED && socket->loop->now > ms ? socket->loop->now - ms : 0;
}

void yd_sio_socket_note(yodel_sio_socket *socket, const char *offset, const struct yd_sio_out *out)
{
    if (socket->memory != NULL)
        yd_sio_log_note(&socket->memory->log, socket->loop->now, arrived_before(socket), offset,
                        out);
}

int yd_sio_socket_owe(yodel_sio_socket *socket, uint64_t id, struct yd_sio_asker *asker,
                      uint32_t timeout_ms)
{
    yodel_sio *sio = socket->ns->sio;

    if (socket->waits == NULL)
        socket->waits =
            yd_sio_waits_new(sio->mem, sio->secret, socket->loop, sio->options.max_acks);
    return socket->waits != NULL ? yd_sio_waits_add(socket->waits, id, asker, timeout_ms) : -ENOMEM;
}

void yd_sio_socket_owe_nothing(yodel_sio_socket *socket)
{
    struct yd_sio_waits *waits = socket->waits;

    socket->waits = NULL;
    yd_sio_waits_free(waits);
}

static int add_handler(yodel_sio_socket *socket, const char *event,
                       const struct yd_sio_own_handler *handler)
{
    yodel_sio *sio = socket->ns->sio;

    if (event != NULL && yd_sio_is_reserved(yodel_str_of(event)))
        return YODEL_ERR_NAME;
    return yd_sio_own_add(&socket->own, sio->mem, event, handler, sio->options.max_handlers);
}

int yodel_sio_socket_on(yodel_sio_socket *socket, const char *event, yodel_sio_event_fn *handler,
                        void *user)
{
    if (event == NULL)
        return YODEL_ERR_NAME;
    return add_handler(socket, event, &(struct yd_sio_own_handler){.fn = handler, .user = user});
}

int yodel_sio_socket_once(yodel_sio_socket *socket, const char *event, yodel_sio_event_fn *handler,
                          void *user)
{
    if (event == NULL)
        return YODEL_ERR_NAME;
    return add_handler(socket, event,
                       &(struct yd_sio_own_handler){.fn = handler, .user = user, .once = true});
}

int yodel_sio_socket_on_any(yodel_sio_socket *socket, yodel_sio_event_fn *handler, void *user)
{
    return add_handler(socket, NULL, &(struct yd_sio_own_handler){.fn = handler, .user = user});
}

int yodel_sio_socket_off(yodel_sio_socket *socket, const char *event, yodel_sio_event_fn *handler,
                         void *user)
{
    struct yd_sio_own_match match = {false, event, handler, user};

    return yd_sio_own_remove(&socket->own, socket->ns->sio->mem, &match);
}

int yodel_sio_socket_off_any(yodel_sio_socket *socket, yodel_sio_event_fn *handler, void *user)
{
    struct yd_sio_own_match match = {true, NULL, handler, user};

    return yd_sio_own_remove(&socket->own, socket->ns->sio->mem, &match);
}

/* ---- rooms ---- */

struct yd_sio_rooms yd_sio_rooms_of(const yodel_sio_socket *socket)
{
    const yodel_sio *sio = socket->ns->sio;

    return (struct yd_sio_rooms){sio->rooms, sio->bus, socket->loop,
                                 yodel_sio_namespace_name(socket->ns),
                                 &sio->per_loop[socket->loop->index].cursors};
}

static bool is_own(const yodel_sio_socket *socket, const char *room)
{
    return yodel_str_eq(yd_sio_id(socket), yodel_str_of(room));
}

int yd_sio_socket_join(yodel_sio_socket *socket, const char *room)
{
    struct yd_sio_rooms rooms = yd_sio_rooms_of(socket);
    int rc;

    if (is_own(socket, room)) {
        socket->in_own_room = true;
        return 0;
    }
    rc = yd_sio_membership_join(&socket->rooms, &rooms, room, socket->ns->sio->options.max_rooms);
    if (socket->phase == YD_SIO_AWAY)
        yd_member_set_away(&socket->rooms.member, true);
    return rc;
}

void yd_sio_socket_leave(yodel_sio_socket *socket, const char *room)
{
    struct yd_sio_rooms rooms = yd_sio_rooms_of(socket);

    if (is_own(socket, room))
        socket->in_own_room = false;
    else
        yd_sio_membership_leave(&socket->rooms, &rooms, room);
}

void yd_sio_socket_leave_rooms(yodel_sio_socket *socket)
{
    struct yd_sio_rooms rooms = yd_sio_rooms_of(socket);

    socket->in_own_room = false;
    yd_sio_membership_leave_all(&socket->rooms, &rooms);
}

/* Of one that is AWAY nobody but who comes back knows the rooms. */
int yodel_sio_socket_join(yodel_sio_socket *socket, const char *room)
{
    if (socket->phase == YD_SIO_LEAVING || socket->phase == YD_SIO_AWAY)
        return YODEL_ERR_CLOSED;
    return yd_sio_socket_join(socket, room);
}

void yodel_sio_socket_leave(yodel_sio_socket *socket, const char *room)
{
    if (socket->phase != YD_SIO_AWAY)
        yd_sio_socket_leave(socket, room);
}

void yodel_sio_socket_each_room(const yodel_sio_socket *socket, yodel_sio_name_fn *each, void *user)
{
    struct yd_sio_rooms rooms = yd_sio_rooms_of(socket);

    if (socket->phase == YD_SIO_AWAY)
        return;
    if (socket->in_own_room)
        each(yd_sio_id(socket), user);
    yd_sio_membership_each(&((yodel_sio_socket *)socket)->rooms, &rooms, each, user);
}

/* ---- what it knows ---- */

yodel_str yodel_sio_socket_id(const yodel_sio_socket *socket)
{
    return yd_sio_id(socket);
}

yodel_sio_namespace *yodel_sio_socket_namespace(const yodel_sio_socket *socket)
{
    return socket->ns;
}

yodel_sio *yodel_sio_socket_sio(const yodel_sio_socket *socket)
{
    return socket->ns->sio;
}

yodel_loop *yodel_sio_socket_loop(const yodel_sio_socket *socket)
{
    return socket->loop->open;
}

int yodel_sio_socket_recovered(const yodel_sio_socket *socket)
{
    return socket->recovered;
}

json_t *yodel_sio_socket_json(yodel_sio_socket *socket)
{
    if (socket->json == NULL)
        socket->json = json_object();
    return socket->json;
}

void yodel_sio_socket_set_data(yodel_sio_socket *socket, void *data, yodel_free_fn *free_data_fn)
{
    void *old = socket->data;
    yodel_free_fn *free_old = socket->free_data;

    socket->data = data;
    socket->free_data = free_data_fn;
    if (free_old != NULL && old != data)
        free_old(old);
}

void *yodel_sio_socket_data(const yodel_sio_socket *socket)
{
    return socket->data;
}

int yd_sio_read_auth(yodel_sio_socket *socket)
{
    if (socket->auth != NULL)
        return 0;
    if (socket->auth_text != NULL)
        return yd_json_read_checked(yodel_str_of(socket->auth_text), &socket->auth);
    return (socket->auth = json_object()) != NULL ? 0 : -ENOMEM;
}

const json_t *yodel_sio_socket_auth(const yodel_sio_socket *given)
{
    yodel_sio_socket *socket = (yodel_sio_socket *)given; /* a document made on first use */

    return yd_sio_read_auth(socket) == 0 ? socket->auth : NULL;
}
