/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "bus/ask.h"
#include "bus/op_node.h"
#include "bus/op_wire.h"

/* Far peers: what is sent to other processes, and what comes from them. */

/* Another process that was heard of. */
struct origin {
    struct yd_map_node node;
    uint64_t sequence; /* of its last operation that came */
    char name[];
};

int yd_bus_add_peer(struct yd_bus *bus, struct yd_peer *peer)
{
    if (bus->num_peers == YD_MAX_PEERS)
        return YODEL_ERR_TOO_BIG;
    peer->index = bus->num_peers++;
    peer->next = bus->peers;
    bus->peers = peer;
    return 0;
}

bool yd_bus_has_native_peer(const struct yd_bus *bus)
{
    for (const struct yd_peer *peer = bus->peers; peer != NULL; peer = peer->next)
        if (peer->ops->encode == NULL)
            return true;
    return false;
}

void yd_bus_done(struct yd_bus *bus)
{
    struct yd_map_node *node;

    if (bus->mem == NULL)
        return;
    yd_bus_close(bus);
    while ((node = yd_map_any(&bus->origins)) != NULL) {
        yd_map_remove(&bus->origins, node);
        yd_free(bus->mem, yd_container_of(node, struct origin, node));
    }
    yd_map_done(&bus->origins);
    pthread_mutex_destroy(&bus->far_lock);
    yd_fence_done(&bus->fence);
    yd_free(bus->mem, bus->per_loop);
    bus->mem = NULL;
}

/* ---- sending ---- */

static bool has_bit(uint32_t set, const struct yd_peer *peer)
{
    return (set >> peer->index & 1) != 0;
}

static uint32_t bit_of(const struct yd_peer *peer)
{
    return (uint32_t)1 << peer->index;
}

static uint32_t find_takers(const struct yd_op *op)
{
    uint32_t takers = 0;

    if (atomic_load(&op->layer->bus->closed))
        return 0;
    for (struct yd_peer *peer = op->layer->bus->peers; peer != NULL; peer = peer->next)
        if (peer->ops->takes == NULL || peer->ops->takes(peer, op))
            takers |= bit_of(peer);
    return takers;
}

static uint64_t make_token(struct yd_bus *bus)
{
    uint64_t token;

    pthread_mutex_lock(&bus->far_lock);
    token = ++bus->token;
    pthread_mutex_unlock(&bus->far_lock);
    return token;
}

/* Once for all peers that have no form of their own. */
static int encode_native(struct yd_op *op, struct yd_far_send *far)
{
    if (far->native.len > 0)
        return 0;
    return op->layer->ops->encode != NULL ? yd_op_encode(op, far->token, &far->native)
                                          : YODEL_ERR_UNSUPPORTED;
}

static int encode_for(struct yd_peer *peer, struct yd_op *op, struct yd_far_send *far)
{
    struct yd_buf *form = &far->forms[peer->index];

    if (peer->ops->encode == NULL)
        return encode_native(op, far);
    *form = (struct yd_buf){0};
    far->own |= bit_of(peer);
    return peer->ops->encode(peer, op, far->token, form);
}

int yd_far_prepare(struct yd_op *op, struct yd_far_send *ret_send)
{
    struct yd_bus *bus = op->layer->bus;

    ret_send->takers = ret_send->own = ret_send->unable = 0;
    ret_send->native = (struct yd_buf){0};
    if (bus->peers == NULL || op->local || (ret_send->takers = find_takers(op)) == 0)
        return 0;
    ret_send->token = op->ask != NULL ? make_token(bus) : 0;
    for (struct yd_peer *peer = bus->peers; peer != NULL; peer = peer->next) {
        int rc = has_bit(ret_send->takers, peer) ? encode_for(peer, op, ret_send) : 0;

        if (rc == -ENOMEM) {
            yd_far_drop(op, ret_send);
            return rc;
        }
        if (rc < 0)
            ret_send->unable |= bit_of(peer);
    }
    return 0;
}

/* With the lock held.  False: it is told already, its time limit was so short. */
static bool register_ask(struct yd_bus *bus, struct yd_ask *ask, uint64_t token)
{
    if (!yd_ask_enter(ask))
        return false;
    ask->token = token;
    ask->sequence = bus->sequence;
    yd_list_append(&bus->asks, &ask->of_bus);
    yd_ask_leave(ask);
    return true;
}

#define MAX_PARTS 10000

static unsigned num_parts(struct yd_peer *peer)
{
    unsigned num = peer->ops->num_parts != NULL ? peer->ops->num_parts(peer) : 1;

    return YD_MIN(num, MAX_PARTS);
}

/* With the lock held.  A failure of send is known before the parts count as awaited. */
static unsigned send_to(struct yd_peer *peer, struct yd_op *op, const struct yd_far_send *far,
                        struct yd_ask *ask)
{
    const struct yd_buf *form = has_bit(far->own, peer) ? &far->forms[peer->index] : &far->native;
    unsigned parts = ask != NULL ? num_parts(peer) : 0;

    for (unsigned i = 0; i < parts; i++)
        yd_ask_open(ask);
    if (peer->ops->send(peer, op, far->token, (yodel_bytes){form->ptr, form->len}) < 0)
        return parts;
    if (ask != NULL)
        ask->awaited[peer->index] = (uint16_t)parts;
    return 0;
}

/* With the lock held.  Returns how many parts of ask are open for peers that could not take it. */
static unsigned send_to_peers(struct yd_op *op, struct yd_far_send *far)
{
    struct yd_bus *bus = op->layer->bus;
    struct yd_ask *ask = op->ask;
    unsigned failed = 0;

    if (far->native.len > 0)
        yd_op_put_sequence(&far->native, ++bus->sequence);
    if (ask != NULL && !register_ask(bus, ask, far->token))
        ask = NULL;
    for (struct yd_peer *peer = bus->peers; peer != NULL; peer = peer->next) {
        if (!has_bit(far->takers, peer))
            continue;
        if (!has_bit(far->unable, peer)) {
            failed += send_to(peer, op, far, ask);
        } else if (ask != NULL) {
            yd_ask_open(ask);
            failed++;
        }
    }
    return failed;
}

static void close_parts(struct yd_ask *ask, unsigned num, unsigned missing)
{
    for (; num > 0; num--)
        yd_ask_close(ask, NULL, missing);
}

/* Those that care whether there is an answer, among the peers that one is awaited of. */
static uint32_t find_waiting(struct yd_bus *bus, const struct yd_ask *ask)
{
    uint32_t waiting = 0;

    pthread_mutex_lock(&bus->far_lock);
    for (struct yd_peer *peer = bus->peers; peer != NULL; peer = peer->next)
        if (peer->ops->answered != NULL && ask->awaited[peer->index] > 0)
            waiting |= bit_of(peer);
    pthread_mutex_unlock(&bus->far_lock);
    return waiting;
}

static void tell_waiting(struct yd_bus *bus, const struct yd_ask *ask)
{
    uint32_t waiting = find_waiting(bus, ask);

    for (struct yd_peer *peer = bus->peers; waiting != 0 && peer != NULL; peer = peer->next)
        if (has_bit(waiting, peer))
            peer->ops->answered(peer, ask->token);
}

void yd_ask_answered(struct yd_ask *ask)
{
    bool is_first = false;

    if (ask->bus->peers == NULL)
        return;
    if (yd_ask_enter(ask)) {
        is_first = !ask->has_answer;
        ask->has_answer = true;
        yd_ask_leave(ask);
    }
    if (is_first)
        tell_waiting(ask->bus, ask);
}

/* It may have come from another loop while the far peers were sent to. */
static void look_for_answer(struct yd_ask *ask)
{
    bool has_answer = yd_ask_enter(ask);

    if (!has_answer)
        return;
    has_answer = ask->has_answer;
    yd_ask_leave(ask);
    if (has_answer)
        tell_waiting(ask->bus, ask);
}

/* The caller keeps a part of the ask open. */
void yd_far_send(struct yd_op *op, struct yd_far_send *far)
{
    struct yd_bus *bus = op->layer->bus;
    unsigned failed = 0;

    if (far->takers == 0)
        return;
    pthread_mutex_lock(&bus->far_lock);
    if (!atomic_load(&bus->closed))
        failed = send_to_peers(op, far);
    pthread_mutex_unlock(&bus->far_lock);
    if (op->ask != NULL) {
        look_for_answer(op->ask);
        close_parts(op->ask, failed, YD_MISSING_UNABLE);
    }
    yd_far_drop(op, far);
}

void yd_far_drop(struct yd_op *op, struct yd_far_send *far)
{
    struct yd_bus *bus = op->layer->bus;

    if (far->takers == 0)
        return;
    for (struct yd_peer *peer = bus->peers; peer != NULL; peer = peer->next)
        if (has_bit(far->own, peer))
            yd_buf_free(bus->mem, &far->forms[peer->index]);
    yd_buf_free(bus->mem, &far->native);
}

/* ---- answers ---- */

void yd_far_forget(struct yd_ask *ask)
{
    struct yd_bus *bus = ask->bus;
    unsigned awaited = 0;

    if (bus->peers == NULL)
        return;
    pthread_mutex_lock(&bus->far_lock);
    yd_list_remove(&ask->of_bus);
    for (unsigned i = 0; i < bus->num_peers; i++) {
        awaited += ask->awaited[i];
        ask->awaited[i] = 0;
    }
    pthread_mutex_unlock(&bus->far_lock);
    close_parts(ask, awaited, 0);
}

bool yd_far_has_answered(struct yd_bus *bus, struct yd_ask *ask, yodel_str process)
{
    uint64_t hash = yd_bus_key(bus, process).hash;
    const uint8_t *at = ask->answered.ptr;

    for (size_t i = 0; i < ask->answered.len; i += sizeof hash)
        if (memcmp(at + i, &hash, sizeof hash) == 0)
            return true;
    return yd_buf_append(bus->mem, &ask->answered, &hash, sizeof hash) < 0;
}

/* A part of peer, whose process has not answered yet; NULL: none. */
static struct yd_ask *take_part(struct yd_bus *bus, const struct yd_peer *peer, uint64_t token,
                                yodel_str responder, uint64_t since)
{
    struct yd_ask *found = NULL;

    pthread_mutex_lock(&bus->far_lock);
    for (struct yd_list *node = bus->asks.next; node != &bus->asks; node = node->next) {
        struct yd_ask *ask = yd_container_of(node, struct yd_ask, of_bus);

        if (ask->token != token)
            continue;
        if (ask->awaited[peer->index] == 0 || ask->sequence < since ||
            yd_far_has_answered(bus, ask, responder))
            break;
        ask->awaited[peer->index]--;
        found = ask;
        break;
    }
    pthread_mutex_unlock(&bus->far_lock);
    return found;
}

/* An answer as bytes: process, token 8, the process that answers, missing 1, how many are missing
 * 4, the layer's own, or nothing: it has none of what was asked for. */
int yd_bus_receive_reply_since(struct yd_bus *bus, struct yd_peer *peer, yodel_bytes reply,
                               uint64_t since)
{
    struct yd_wire_reader reader = {reply, false};
    yodel_str process = yd_wire_get_str(&reader);
    uint64_t token = yd_wire_get_u64(&reader);
    yodel_str responder = yd_wire_get_str(&reader);
    unsigned missing = yd_wire_get_u8(&reader);
    uint32_t num_missing = yd_wire_get_u32(&reader);
    struct yd_ask *ask;
    int rc = 0;

    if (reader.failed)
        return YODEL_ERR_PROTOCOL;
    if (!yodel_str_eq(process, yodel_str_of(bus->process)) ||
        (ask = take_part(bus, peer, token, responder, since)) == NULL)
        return 0;
    if ((missing & YD_MISSING_UNABLE) == 0 && reader.rest.len > 0)
        rc = ask->layer->ops->take_result(ask, reader.rest);
    if (rc < 0)
        missing |= rc == -ENOMEM ? YD_MISSING_MEMORY : YD_MISSING_UNABLE;
    if (missing != 0 && num_missing == 0)
        num_missing = 1;
    yd_ask_close_some(ask, NULL, missing, num_missing);
    return rc == -ENOMEM ? 0 : rc;
}

int yd_bus_receive_reply(struct yd_bus *bus, struct yd_peer *peer, yodel_bytes reply)
{
    return yd_bus_receive_reply_since(bus, peer, reply, 0);
}

int yd_bus_reply_process(yodel_bytes reply, yodel_str *ret_process)
{
    struct yd_wire_reader reader = {reply, false};
    yodel_str process = yd_wire_get_str(&reader);

    if (reader.failed)
        return YODEL_ERR_PROTOCOL;
    *ret_process = process;
    return 0;
}

int yd_bus_reply_responder(yodel_bytes reply, yodel_str *ret_process)
{
    struct yd_wire_reader reader = {reply, false};
    yodel_str process;

    (void)yd_wire_get_str(&reader);
    (void)yd_wire_get_u64(&reader);
    process = yd_wire_get_str(&reader);
    if (reader.failed)
        return YODEL_ERR_PROTOCOL;
    *ret_process = process;
    return 0;
}

/* ---- answers to a peer with a form of its own ---- */

/* With the lock held: the ask that a part of peer is open of. */
static struct yd_ask *find_part(struct yd_bus *bus, const struct yd_peer *peer, uint64_t token)
{
    for (struct yd_list *node = bus->asks.next; node != &bus->asks; node = node->next) {
        struct yd_ask *ask = yd_container_of(node, struct yd_ask, of_bus);

        if (ask->token == token)
            return ask->awaited[peer->index] > 0 ? ask : NULL;
    }
    return NULL;
}

int yd_bus_add_result(struct yd_bus *bus, struct yd_peer *peer, uint64_t token, yodel_bytes result)
{
    struct yd_ask *ask;
    int rc;

    pthread_mutex_lock(&bus->far_lock);
    if ((ask = find_part(bus, peer, token)) != NULL)
        yd_ask_ref(ask);
    pthread_mutex_unlock(&bus->far_lock);
    if (ask == NULL)
        return 0;
    rc = ask->layer->ops->take_result(ask, result);
    yd_ask_unref(ask);
    return rc;
}

void yd_bus_close_part(struct yd_bus *bus, struct yd_peer *peer, uint64_t token, unsigned missing,
                       unsigned num_missing)
{
    struct yd_ask *ask;

    pthread_mutex_lock(&bus->far_lock);
    if ((ask = find_part(bus, peer, token)) != NULL)
        ask->awaited[peer->index]--;
    pthread_mutex_unlock(&bus->far_lock);
    if (ask != NULL)
        yd_ask_close_some(ask, NULL, missing, num_missing);
}

/* ---- answers of this process ---- */

/* Another process, which asked. */
struct far_asker {
    struct yd_asker asker; /* first */
    struct yd_bus *bus;
    struct yd_peer *peer;
    uint64_t token;
    size_t process_len;
    char process[];
};

/* result: from ask, or NULL. */
static void send_reply(struct yd_bus *bus, const struct far_asker *asker, struct yd_ask *ask,
                       unsigned missing)
{
    struct yd_buf buf = {0};
    size_t missing_at;
    int rc;

    if (yd_wire_put_str(bus->mem, &buf, (yodel_str){asker->process, asker->process_len}) < 0 ||
        yd_wire_put_u64(bus->mem, &buf, asker->token) < 0 ||
        yd_wire_put_str(bus->mem, &buf, yodel_str_of(bus->process)) < 0 ||
        yd_wire_put_u8(bus->mem, &buf, 0) < 0 ||
        yd_wire_put_u32(bus->mem, &buf, ask != NULL ? ask->num_missing : 0) < 0)
        goto done; /* the time limit of who asked ends it */
    missing_at = buf.len - 5;
    if (ask != NULL && (rc = ask->layer->ops->encode_result(ask, &buf)) < 0) {
        missing |= rc == -ENOMEM ? YD_MISSING_MEMORY | YD_MISSING_UNABLE : YD_MISSING_UNABLE;
        buf.len = missing_at + 5;
    }
    buf.ptr[missing_at] = (uint8_t)missing;
    (void)asker->peer->ops->reply(asker->peer, (yodel_bytes){buf.ptr, buf.len});

done:
    yd_buf_free(bus->mem, &buf);
}

/* Without ask it was done or not: its sender cannot be told. */
static void reply_far(struct yd_asker *asker, struct yd_ask *ask, unsigned missing)
{
    struct far_asker *far = (struct far_asker *)asker;

    send_reply(far->bus, far, ask, ask != NULL ? missing : YD_MISSING_UNABLE);
    yd_free(far->bus->mem, far);
}

/* ---- what comes ---- */

void yd_far_forget_origin(struct yd_bus *bus, yodel_str process)
{
    struct yd_map_node *node;

    pthread_mutex_lock(&bus->far_lock);
    if ((node = yd_map_find(&bus->origins, process)) != NULL) {
        yd_map_remove(&bus->origins, node);
        yd_free(bus->mem, yd_container_of(node, struct origin, node));
    }
    pthread_mutex_unlock(&bus->far_lock);
}

static struct origin *make_origin(struct yd_bus *bus, yodel_str process)
{
    struct origin *origin = yd_zalloc(bus->mem, sizeof *origin + process.len);

    if (origin == NULL)
        return NULL;
    memcpy(origin->name, process.ptr, process.len);
    origin->node.key = (yodel_str){origin->name, process.len};
    if (yd_map_insert(&bus->origins, &origin->node) < 0) {
        yd_free(bus->mem, origin);
        return NULL;
    }
    return origin;
}

/* 1: the next of its process, or one after a gap; 0: it came before, or too late; -ENOMEM. */
static int check_sequence(struct yd_bus *bus, const struct yd_op_origin *from)
{
    struct yd_map_node *node;
    struct origin *origin;
    int rc = 0;

    pthread_mutex_lock(&bus->far_lock);
    node = yd_map_find(&bus->origins, from->process);
    origin =
        node != NULL ? yd_container_of(node, struct origin, node) : make_origin(bus, from->process);
    if (origin == NULL) {
        rc = -ENOMEM;
    } else if (from->sequence > origin->sequence) {
        origin->sequence = from->sequence;
        rc = 1;
    }
    pthread_mutex_unlock(&bus->far_lock);
    return rc;
}

static struct far_asker *make_asker(struct yd_bus *bus, struct yd_peer *peer,
                                    const struct yd_op_origin *origin)
{
    struct far_asker *asker = yd_alloc(bus->mem, sizeof *asker + origin->process.len);

    if (asker == NULL)
        return NULL;
    *asker = (struct far_asker){{reply_far}, bus, peer, origin->token, origin->process.len};
    memcpy(asker->process, origin->process.ptr, origin->process.len);
    return asker;
}

int yd_bus_inject(struct yd_op *op, struct yd_asker *asker)
{
    struct yd_ask *ask = op->ask;
    int rc;

    if (asker == NULL || ask == NULL) {
        if (asker != NULL)
            asker->reply(asker, NULL, YD_MISSING_UNABLE);
        return yd_bus_send(op);
    }
    ask->asker = asker;
    if ((rc = yd_bus_ask(op, ask, 0)) < 0)
        asker->reply(asker, NULL, YD_MISSING_REFUSED);
    return rc;
}

int yd_bus_receive(struct yd_bus *bus, struct yd_peer *peer, yodel_bytes bytes)
{
    struct far_asker *asker = NULL;
    struct yd_op_origin origin;
    struct yd_op *op;
    int rc;

    if ((rc = yd_op_decode_origin(bytes, &origin)) < 0)
        return rc;
    if (yodel_str_eq(origin.process, yodel_str_of(bus->process)) || /* it has come round */
        (rc = check_sequence(bus, &origin)) <= 0)
        return rc;
    if (origin.token != 0 && (asker = make_asker(bus, peer, &origin)) == NULL)
        return -ENOMEM;
    if ((rc = yd_op_decode(bus, bytes, &op)) < 0) {
        if (asker != NULL) /* what is not here has no members: that is an answer */
            send_reply(bus, asker, NULL, rc == YODEL_ERR_NOT_FOUND ? 0 : YD_MISSING_UNABLE);
        yd_free(bus->mem, asker);
        return rc == YODEL_ERR_NOT_FOUND || rc == YODEL_ERR_UNSUPPORTED ? 0 : rc;
    }
    (void)yd_bus_inject(op, asker != NULL ? &asker->asker : NULL);
    return 0;
}

/* ---- groups ---- */

void yd_bus_group_begins(const struct yd_bus *bus, yodel_str layer, yodel_str group)
{
    if (atomic_load_explicit(&bus->closed, memory_order_relaxed))
        return;
    for (struct yd_peer *peer = bus->peers; peer != NULL; peer = peer->next)
        if (peer->ops->group_begins != NULL)
            peer->ops->group_begins(peer, layer, group);
}

void yd_bus_group_ends(const struct yd_bus *bus, yodel_str layer, yodel_str group)
{
    if (atomic_load_explicit(&bus->closed, memory_order_relaxed))
        return;
    for (struct yd_peer *peer = bus->peers; peer != NULL; peer = peer->next)
        if (peer->ops->group_ends != NULL)
            peer->ops->group_ends(peer, layer, group);
}
