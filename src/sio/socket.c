/* SPDX-License-Identifier: MIT */
#include "sio/socket.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "proto/json_doc.h"
#include "sio/room_events.h"
#include "sio/sio_watch.h"

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

static void tell_own_room(const yodel_sio_socket *socket, bool begins)
{
    const yodel_sio *sio = socket->ns->sio;

    if (sio->on_own_room != NULL)
        sio->on_own_room(sio->own_room_arg, yodel_sio_namespace_name(socket->ns), yd_sio_id(socket),
                         begins);
}

static void enter_shard(yodel_sio_socket *socket)
{
    if (!yd_list_is_empty(&socket->of_shard))
        return;
    tell_own_room(socket, true);
    yd_list_append(&yd_sio_shard_of(socket)->sockets, &socket->of_shard);
    if (socket->ns->parent != NULL)
        yd_list_append(&socket->ns->parent->ns->shards[socket->loop->index].of_children,
                       socket->of_parent);
    atomic_fetch_add_explicit(&yd_sio_shard_of(socket)->count, 1, memory_order_relaxed);
}

static void leave_shard(yodel_sio_socket *socket)
{
    if (yd_list_is_empty(&socket->of_shard))
        return;
    tell_own_room(socket, false);
    yd_list_remove(&socket->of_shard);
    if (socket->ns->parent != NULL)
        yd_list_remove(socket->of_parent);
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

static void free_aside(yodel_sio_socket *socket)
{
    const struct yodel_allocator *mem = socket->ns->sio->mem;

    if (socket->aside == NULL)
        return;
    yd_sio_own_free(&socket->aside->own, mem);
    yd_sio_config_end(socket->aside->config, socket->loop);
    json_decref(socket->aside->auth);
    yd_free(mem, socket->aside);
}

/* ---- lifetime ---- */

yodel_sio_socket *yd_sio_socket_new(yodel_sio_namespace *ns, struct yd_loop *loop)
{
    yodel_sio *sio = ns->sio;
    size_t of_parent = ns->parent != NULL ? sizeof(struct yd_list) : 0;
    yodel_sio_socket *socket = yd_zalloc(sio->mem, sizeof *socket + of_parent);
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
    if (ns->parent != NULL)
        yd_list_init(socket->of_parent);
    if (yd_sio_aside_of(socket) == NULL || yd_sio_make_id(&sio->ids, loop->index, id) < 0 ||
        yd_sio_socket_set_id(socket, id) < 0) {
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
    struct yd_sio_aside *aside = socket->aside;

    if (aside == NULL)
        return;
    yd_decision_end(&aside->decision);
    while (aside->asked != NULL) {
        struct yd_sio_asked *asked = yd_container_of(aside->asked, struct yd_sio_asked, of_socket);
        yodel_decision *ack = &asked->decision;

        yd_decision_end(&ack); /* which takes it off the ring */
    }
    yd_sio_held_free(&aside->held, mem);
    yd_sio_early_free(&aside->early, mem);
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
    if (socket->has_id)
        yd_map_remove(&yd_sio_shard_of(socket)->by_id, yd_map_bare(&socket->by_id));
    yd_sio_socket_owe_nothing(socket);
    yd_sio_socket_forget(socket);
    free_aside(socket);
    json_decref(socket->json);
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

    if (socket->has_id)
        yd_map_remove(map, yd_map_bare(&socket->by_id));
    if (!yd_list_is_empty(&socket->of_shard))
        tell_own_room(socket, false);
    memcpy(socket->id, id, YD_ID_LEN);
    if (!yd_list_is_empty(&socket->of_shard))
        tell_own_room(socket, true);
    rc = yd_map_insert(map, yd_map_bare(&socket->by_id));
    socket->has_id = rc == 0;
    return rc;
}

/* ---- phases ---- */

#define BIT(phase) (1u << (phase))

static inline bool may_follow(enum yd_sio_phase from, enum yd_sio_phase to)
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
    yd_sio_stays_end(socket);
    start_expiry(socket, sio->options.recovery_ms);
    make_room(sio, state);
}

void yd_sio_socket_set_phase(yodel_sio_socket *socket, enum yd_sio_phase phase)
{
    enum yd_sio_phase before = socket->phase;

    assert(may_follow(before, phase));
    socket->phase = phase & 7;
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

int yd_sio_socket_reset(yodel_sio_socket *socket, const char id[YD_ID_LEN])
{
    yd_sio_socket_leave_rooms(socket);
    yd_sio_socket_forget(socket);
    socket->in_own_room = true;
    json_decref(socket->json);
    socket->json = NULL;
    if (socket->phase == YD_SIO_NOTING)
        yd_sio_socket_set_phase(socket, YD_SIO_CONNECTING);
    return memcmp(socket->id, id, YD_ID_LEN) != 0 ? yd_sio_socket_set_id(socket, id) : 0;
}

/* With an order, what a connected client was sent is found again where that has it. */
void yd_sio_socket_note(yodel_sio_socket *socket, const char *offset, const struct yd_sio_out *out)
{
    bool elsewhere = socket->ns->sio->order != NULL && socket->phase == YD_SIO_CONNECTED;

    if (socket->memory != NULL && !elsewhere)
        yd_sio_log_note(&socket->memory->log, socket->loop->now, arrived_before(socket), offset,
                        out);
}

int yd_sio_socket_owe(yodel_sio_socket *socket, uint64_t id, struct yd_sio_asker *asker,
                      uint32_t timeout_ms)
{
    yodel_sio *sio = socket->ns->sio;
    struct yd_sio_aside *aside = yd_sio_aside_of(socket);

    if (aside == NULL)
        return -ENOMEM;
    if (aside->waits == NULL)
        aside->waits = yd_sio_waits_new(sio->mem, sio->secret, socket->loop, sio->options.max_acks);
    return aside->waits != NULL ? yd_sio_waits_add(aside->waits, id, asker, timeout_ms) : -ENOMEM;
}

void yd_sio_socket_owe_nothing(yodel_sio_socket *socket)
{
    struct yd_sio_waits *waits = yd_sio_aside(socket)->waits;

    if (waits == NULL)
        return;
    socket->aside->waits = NULL;
    yd_sio_waits_free(waits);
}

static int add_handler(yodel_sio_socket *socket, const char *event,
                       const struct yd_sio_own_handler *handler)
{
    yodel_sio *sio = socket->ns->sio;
    struct yd_sio_aside *aside;

    if (event != NULL && yd_sio_is_reserved(yodel_str_of(event)))
        return YODEL_ERR_NAME;
    if ((aside = yd_sio_aside_of(socket)) == NULL)
        return -ENOMEM;
    return yd_sio_own_add(&aside->own, sio->mem, event, handler, sio->options.max_handlers);
}

int yodel_sio_socket_on(yodel_sio_socket *socket, const char *event, yodel_sio_event_fn *handler,
                        void *user)
{
    if (socket == NULL || handler == NULL)
        return -EINVAL;
    if (event == NULL)
        return YODEL_ERR_NAME;
    return add_handler(socket, event, &(struct yd_sio_own_handler){.fn = handler, .user = user});
}

int yodel_sio_socket_once(yodel_sio_socket *socket, const char *event, yodel_sio_event_fn *handler,
                          void *user)
{
    if (socket == NULL || handler == NULL)
        return -EINVAL;
    if (event == NULL)
        return YODEL_ERR_NAME;
    return add_handler(socket, event,
                       &(struct yd_sio_own_handler){.fn = handler, .user = user, .once = true});
}

int yodel_sio_socket_on_any(yodel_sio_socket *socket, yodel_sio_event_fn *handler, void *user)
{
    if (socket == NULL || handler == NULL)
        return -EINVAL;
    return add_handler(socket, NULL, &(struct yd_sio_own_handler){.fn = handler, .user = user});
}

static int remove_handlers(yodel_sio_socket *socket, const struct yd_sio_own_match *match)
{
    if (socket == NULL || socket->aside == NULL)
        return 0;
    return yd_sio_own_remove(&socket->aside->own, socket->ns->sio->mem, match);
}

int yodel_sio_socket_off(yodel_sio_socket *socket, const char *event, yodel_sio_event_fn *handler,
                         void *user)
{
    struct yd_sio_own_match match = {false, event, handler, user};

    return remove_handlers(socket, &match);
}

int yodel_sio_socket_off_any(yodel_sio_socket *socket, yodel_sio_event_fn *handler, void *user)
{
    struct yd_sio_own_match match = {true, NULL, handler, user};

    return remove_handlers(socket, &match);
}

/* ---- rooms ---- */

struct yd_sio_rooms yd_sio_rooms_of(const yodel_sio_socket *socket)
{
    const yodel_sio *sio = socket->ns->sio;

    return (struct yd_sio_rooms){sio->rooms,
                                 sio->bus,
                                 socket->loop,
                                 yodel_sio_namespace_name(socket->ns),
                                 &sio->per_loop[socket->loop->index].cursors,
                                 socket->ns->room_tally};
}

static bool is_own(const yodel_sio_socket *socket, const char *room)
{
    return yodel_str_eq(yd_sio_id(socket), yodel_str_of(room));
}

static int join(yodel_sio_socket *socket, const char *room)
{
    struct yd_sio_rooms rooms = yd_sio_rooms_of(socket);
    int rc;

    if (is_own(socket, room)) {
        socket->in_own_room = true;
        return 0;
    }
    rc = yd_sio_membership_join(&socket->rooms, &rooms, room, socket->ns->sio->options.max_rooms);
    if (rc == YODEL_ERR_TOO_BIG)
        yd_sio_count_one(&socket->ns->sio->counters.joins_refused);
    if (socket->phase == YD_SIO_AWAY)
        yd_member_set_away(&socket->rooms.member, true);
    return rc;
}

/* Of one that is AWAY nobody is told. */
static bool is_to_be_told(const yodel_sio_socket *socket, const char *room)
{
    return socket->phase != YD_SIO_AWAY && room != NULL && strlen(room) <= YODEL_GROUP_NAME_MAX &&
           !yd_sio_has_stay(socket, room);
}

static int join_watched(yodel_sio_socket *socket, const char *room)
{
    unsigned num = socket->rooms.num;
    struct yd_sio_stay *stay;
    int rc;

    if (!is_to_be_told(socket, room))
        return join(socket, room);
    if ((rc = yd_sio_stay_new(socket, room, &stay)) < 0)
        return rc;
    rc = join(socket, room);
    if (rc == 0 && (socket->rooms.num > num || is_own(socket, room)))
        yd_sio_stay_begin(socket, stay);
    else
        yd_sio_stay_drop(socket, stay);
    return rc;
}

int yd_sio_socket_join(yodel_sio_socket *socket, const char *room)
{
    const unsigned num = socket->rooms.num;
    const bool was_in_own = socket->in_own_room;
    int rc = yd_sio_ns_watches_rooms(socket->ns) ? join_watched(socket, room) : join(socket, room);

    if (rc == 0 && (socket->rooms.num > num || socket->in_own_room != was_in_own))
        yd_sio_watch_room(socket, room, true);
    return rc;
}

int yd_sio_socket_enter_own_room(yodel_sio_socket *socket)
{
    char room[YD_ID_LEN + 1] = "";

    if (!socket->in_own_room || !yd_sio_ns_watches_rooms(socket->ns))
        return 0;
    memcpy(room, socket->id, YD_ID_LEN);
    return join_watched(socket, room);
}

void yd_sio_socket_leave(yodel_sio_socket *socket, const char *room)
{
    struct yd_sio_rooms rooms = yd_sio_rooms_of(socket);
    const unsigned num = socket->rooms.num;
    const bool was_in_own = socket->in_own_room;

    if (is_own(socket, room))
        socket->in_own_room = false;
    else
        yd_sio_membership_leave(&socket->rooms, &rooms, room);
    yd_sio_stay_end(socket, room);
    if (socket->rooms.num < num || socket->in_own_room != was_in_own)
        yd_sio_watch_room(socket, room, false);
}

void yd_sio_socket_leave_rooms(yodel_sio_socket *socket)
{
    struct yd_sio_rooms rooms = yd_sio_rooms_of(socket);

    socket->in_own_room = false;
    yd_sio_membership_leave_all(&socket->rooms, &rooms);
    yd_sio_stays_end(socket);
}

/* Of one that is AWAY nobody but who comes back knows the rooms. */
int yodel_sio_socket_join(yodel_sio_socket *socket, const char *room)
{
    if (socket == NULL)
        return -EINVAL;
    if (socket->phase == YD_SIO_LEAVING || socket->phase == YD_SIO_AWAY)
        return YODEL_ERR_CLOSED;
    return yd_sio_socket_join(socket, room);
}

void yodel_sio_socket_leave(yodel_sio_socket *socket, const char *room)
{
    if (socket == NULL)
        return;
    if (socket->phase != YD_SIO_AWAY)
        yd_sio_socket_leave(socket, room);
}

void yodel_sio_socket_each_room(const yodel_sio_socket *socket, yodel_sio_name_fn *each, void *user)
{
    struct yd_sio_rooms rooms;

    if (socket == NULL || each == NULL)
        return;
    rooms = yd_sio_rooms_of(socket);
    if (socket->phase == YD_SIO_AWAY)
        return;
    if (socket->in_own_room)
        each(yd_sio_id(socket), user);
    yd_sio_membership_each(&((yodel_sio_socket *)socket)->rooms, &rooms, each, user);
}

/* ---- what it knows ---- */

yodel_str yodel_sio_socket_id(const yodel_sio_socket *socket)
{
    if (socket == NULL)
        return (yodel_str){NULL, 0};
    return yd_sio_id(socket);
}

yodel_sio_namespace *yodel_sio_socket_namespace(const yodel_sio_socket *socket)
{
    if (socket == NULL)
        return NULL;
    return socket->ns;
}

yodel_sio *yodel_sio_socket_sio(const yodel_sio_socket *socket)
{
    if (socket == NULL)
        return NULL;
    return socket->ns->sio;
}

yodel_loop *yodel_sio_socket_loop(const yodel_sio_socket *socket)
{
    if (socket == NULL)
        return NULL;
    return socket->loop->open;
}

int yodel_sio_socket_recovered(const yodel_sio_socket *socket)
{
    if (socket == NULL)
        return 0;
    return socket->recovered;
}

json_t *yodel_sio_socket_json(yodel_sio_socket *socket)
{
    if (socket == NULL)
        return NULL;
    if (socket->json == NULL)
        socket->json = json_object();
    return socket->json;
}

void yodel_sio_socket_set_data(yodel_sio_socket *socket, void *data, yodel_free_fn *free_data_fn)
{
    void *old;
    yodel_free_fn *free_old;

    if (socket == NULL)
        return;
    old = socket->data;
    free_old = socket->free_data;
    socket->data = data;
    socket->free_data = free_data_fn;
    if (free_old != NULL && old != data)
        free_old(old);
}

void *yodel_sio_socket_data(const yodel_sio_socket *socket)
{
    if (socket == NULL)
        return NULL;
    return socket->data;
}

int yd_sio_read_auth(yodel_sio_socket *socket)
{
    struct yd_sio_aside *aside = yd_sio_aside_of(socket);

    if (aside == NULL)
        return -ENOMEM;
    if (aside->auth != NULL)
        return 0;
    if (socket->auth_text != NULL)
        return yd_json_read_checked(yodel_str_of(socket->auth_text), &aside->auth);
    return (aside->auth = json_object()) != NULL ? 0 : -ENOMEM;
}

const json_t *yodel_sio_socket_auth(const yodel_sio_socket *given)
{
    yodel_sio_socket *socket; /* a document made on first use */

    if (given == NULL)
        return NULL;
    socket = (yodel_sio_socket *)given;
    return yd_sio_read_auth(socket) == 0 ? socket->aside->auth : NULL;
}
