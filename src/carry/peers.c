/* SPDX-License-Identifier: MIT */
#include "carry/peers.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"

/* Who cannot be reached is not tried again for so long, ms. */
#define RETRY_MS 200

/* Loops of nodes that are looked for at once: anyone can ask for any. */
#define MOST_BEGUN 256
/* Of those that could not be reached so many are remembered. */
#define MOST_FAILED 256

enum peer_state {
    PEER_FINDING = 0, /* its address */
    PEER_DIALING,     /* or the link proves itself */
    PEER_UP,
    PEER_FAILED,
    PEER_ORPHAN /* given up while its address was looked for: freed by the answer */
};

struct peer {
    struct yd_map_node node;
    struct yd_carry_loop *home;
    struct yd_link_owner owner;
    struct yd_link *link;
    struct yd_carry_lookup lookup;
    struct yd_node_call call;
    struct yd_timer timer;  /* to the end of the attempt, */
    uint64_t until;         /* when that is, ms */
    struct yd_list waiting; /* yd_peer_wait */
    struct yd_list failed;  /* of the home */
    uint64_t failed_at;     /* ms */
    struct yd_eio_home there;
    char key[5];
    uint8_t state;
    uint8_t why; /* enum yd_link_why, of one that failed */
};

static struct yd_loop *loop_of(const struct peer *peer)
{
    return peer->home->links.net->loop;
}

static void put_key(char key[5], struct yd_eio_home there)
{
    yd_link_put_number((uint8_t *)key, there.node);
    key[4] = (char)there.loop;
}

/* ---- the end of an attempt ---- */

static void free_peer(struct peer *peer)
{
    yd_list_remove(&peer->failed);
    yd_free(peer->home->carry->mem, peer);
}

static void leave_map(struct peer *peer)
{
    yd_map_remove(&peer->home->peers, &peer->node);
}

static void tell(struct peer *peer, struct yd_link *link, enum yd_link_why why)
{
    struct yd_list waiting;

    yd_list_move(&peer->waiting, &waiting);
    while (!yd_list_is_empty(&waiting)) {
        struct yd_peer_wait *wait = yd_container_of(waiting.next, struct yd_peer_wait, node);

        yd_list_remove(&wait->node);
        wait->on_link(wait, link, why);
    }
}

static void forget_oldest(struct yd_carry_loop *home)
{
    struct peer *oldest = yd_container_of(home->failed.next, struct peer, failed);

    home->num_failed--;
    leave_map(oldest);
    free_peer(oldest);
}

/* It is remembered for a while, so that what comes next is refused at once. */
static void fail(struct peer *peer, enum yd_link_why why)
{
    struct yd_carry_loop *home = peer->home;

    yd_timer_stop(&loop_of(peer)->wheel, &peer->timer);
    if (peer->state < PEER_UP)
        home->num_begun--;
    peer->state = PEER_FAILED;
    peer->why = (uint8_t)why;
    peer->link = NULL;
    peer->failed_at = loop_of(peer)->now;
    yd_list_append(&home->failed, &peer->failed);
    if (++home->num_failed > MOST_FAILED)
        forget_oldest(home);
}

static void fail_all(struct peer *peer, enum yd_link_why why)
{
    struct yd_list waiting;

    yd_list_move(&peer->waiting, &waiting);
    fail(peer, why); /* it may be freed from here on */
    while (!yd_list_is_empty(&waiting)) {
        struct yd_peer_wait *wait = yd_container_of(waiting.next, struct yd_peer_wait, node);

        yd_list_remove(&wait->node);
        wait->on_link(wait, NULL, why);
    }
}

/* Nobody gets it any more; who is to answer still does. */
static void orphan(struct peer *peer, enum yd_link_why why)
{
    struct yd_list waiting;

    yd_list_move(&peer->waiting, &waiting);
    peer->home->num_begun--;
    leave_map(peer);
    peer->state = PEER_ORPHAN;
    yd_list_append(&peer->home->orphans, &peer->failed);
    while (!yd_list_is_empty(&waiting)) {
        struct yd_peer_wait *wait = yd_container_of(waiting.next, struct yd_peer_wait, node);

        yd_list_remove(&wait->node);
        wait->on_link(wait, NULL, why);
    }
}

static void on_timer(struct yd_timer *timer)
{
    struct peer *peer = yd_container_of(timer, struct peer, timer);

    if (peer->state == PEER_FINDING) { /* a store that does not answer knows of no node */
        orphan(peer, YD_LINK_UNKNOWN);
        return;
    }
    yd_net_connect_stop(&peer->call.connect);
    if (peer->link != NULL)
        yd_link_disown(peer->link);
    fail_all(peer, YD_LINK_SILENT);
}

/* ---- the link ---- */

static struct peer *of_owner(struct yd_link_owner *owner)
{
    return yd_container_of(owner, struct peer, owner);
}

static void on_up(struct yd_link_owner *owner)
{
    struct peer *peer = of_owner(owner);

    yd_timer_stop(&loop_of(peer)->wheel, &peer->timer);
    peer->home->num_begun--;
    peer->state = PEER_UP;
    tell(peer, peer->link, YD_LINK_LOST);
}

/* The next who wants one makes another. */
static void let_go(struct peer *peer)
{
    leave_map(peer);
    free_peer(peer);
}

static void on_leave(struct yd_link_owner *owner)
{
    struct peer *peer = of_owner(owner);

    yd_link_disown(peer->link);
    let_go(peer);
}

static void on_down(struct yd_link_owner *owner, enum yd_link_why why)
{
    struct peer *peer = of_owner(owner);

    if (peer->state == PEER_UP)
        let_go(peer);
    else
        fail_all(peer, why);
}

static void on_dialled(struct yd_node_call *call, struct yd_conn *conn, int rc, const char *reason)
{
    struct peer *peer = yd_container_of(call, struct peer, call);

    if (conn != NULL && (rc = yd_link_call(&peer->home->links, conn, peer->there.node,
                                           peer->there.loop, &peer->owner, &peer->link)) == 0)
        return;
    if (conn != NULL)
        yd_conn_abort(conn, 0);
    yd_link_home_log(&peer->home->links, peer->lookup.address,
                     reason != NULL ? reason : yodel_strerror(rc));
    fail_all(peer, rc == -ETIMEDOUT ? YD_LINK_SILENT : rc == -ENOMEM ? YD_LINK_BUSY : YD_LINK_LOST);
}

/* What is left of the time is for the connection, and for the proofs of the link. */
static void dial(struct peer *peer)
{
    struct yd_dialer *dialer = peer->home->carry->options.dialer;
    uint64_t now = yd_loop_due(loop_of(peer), 0);
    uint64_t left = peer->until > now ? peer->until - now : 1;

    peer->state = PEER_DIALING;
    dialer->dial(dialer, peer->home->links.net, peer->lookup.address, (uint32_t)left, &peer->call);
}

static void on_found(struct yd_carry_lookup *lookup)
{
    struct peer *peer = yd_container_of(lookup, struct peer, lookup);

    if (peer->home->ended)
        lookup->result = YODEL_ERR_CLOSED;
    if (peer->state == PEER_ORPHAN) {
        free_peer(peer);
    } else if (lookup->result < 0) {
        fail_all(peer, lookup->result == -ENOMEM || lookup->result == -EBUSY ? YD_LINK_BUSY
                                                                             : YD_LINK_UNKNOWN);
    } else {
        dial(peer);
    }
}

/* ---- who wants it ---- */

void yd_peers_init(struct yd_carry_loop *home, const uint64_t secret[2])
{
    yd_map_init(&home->peers, home->carry->mem, secret);
    yd_list_init(&home->failed);
    yd_list_init(&home->orphans);
}

static bool is_called(const struct yd_map_node *node)
{
    return yd_net_connect_goes_on(&yd_container_of(node, struct peer, node)->call.connect);
}

void yd_peers_end(struct yd_carry_loop *home)
{
    struct yd_map_node *node;
    size_t slot = 0;

    home->ended = true;
    while ((node = yd_map_next(&home->peers, &slot, is_called)) != NULL)
        yd_net_connect_stop(&yd_container_of(node, struct peer, node)->call.connect);
}

void yd_peers_done(struct yd_carry_loop *home)
{
    struct yd_map_node *node;

    while ((node = yd_map_any(&home->peers)) != NULL) {
        struct peer *peer = yd_container_of(node, struct peer, node);

        leave_map(peer);
        free_peer(peer);
    }
    while (!yd_list_is_empty(&home->orphans))
        free_peer(yd_container_of(home->orphans.next, struct peer, failed));
    yd_map_done(&home->peers);
}

static struct peer *find(struct yd_carry_loop *home, struct yd_eio_home there)
{
    char key[5];
    struct yd_map_node *node;

    put_key(key, there);
    node = yd_map_find(&home->peers, (yodel_str){key, sizeof key});
    return node != NULL ? yd_container_of(node, struct peer, node) : NULL;
}

static struct peer *add(struct yd_carry_loop *home, struct yd_eio_home there)
{
    struct peer *peer = yd_zalloc(home->carry->mem, sizeof *peer);

    if (peer == NULL)
        return NULL;
    peer->home = home;
    peer->there = there;
    put_key(peer->key, there);
    peer->node.key = (yodel_str){peer->key, sizeof peer->key};
    peer->owner = (struct yd_link_owner){on_up, on_leave, on_down};
    peer->lookup.on_done = on_found;
    peer->call.on_done = on_dialled;
    yd_timer_init(&peer->timer, on_timer);
    yd_list_init(&peer->waiting);
    yd_list_init(&peer->failed);
    if (yd_map_insert(&home->peers, &peer->node) < 0) {
        free_peer(peer);
        return NULL;
    }
    return peer;
}

/* The answer may come at once, and whoever waits must wait by then. */
static void begin(struct peer *peer)
{
    struct yd_carry_options *options = &peer->home->carry->options;
    struct yd_loop *loop = loop_of(peer);

    peer->state = PEER_FINDING;
    peer->home->num_begun++;
    peer->lookup.loop = loop;
    peer->lookup.node = peer->there.node;
    peer->until = yd_loop_due(loop, options->connect_ms);
    yd_timer_start(&loop->wheel, &peer->timer, peer->until);
    options->finder->find(options->finder, &peer->lookup);
}

static void try_again(struct peer *peer)
{
    yd_list_remove(&peer->failed);
    peer->home->num_failed--;
    begin(peer);
}

void yd_peer_want(struct yd_carry_loop *home, struct yd_eio_home there, struct yd_peer_wait *wait)
{
    struct peer *peer = find(home, there);
    bool is_new = peer == NULL;

    yd_list_init(&wait->node);
    if (is_new || peer->state == PEER_FAILED) {
        if (!is_new && loop_of(peer)->now - peer->failed_at < RETRY_MS) {
            wait->on_link(wait, NULL, (enum yd_link_why)peer->why);
            return;
        }
        if (home->num_begun >= MOST_BEGUN || (is_new && (peer = add(home, there)) == NULL)) {
            wait->on_link(wait, NULL, YD_LINK_BUSY);
            return;
        }
    }
    if (peer->state == PEER_UP && !yd_link_is_usable(peer->link)) {
        yd_link_disown(peer->link);
        peer->link = NULL;
        is_new = true;
    } else if (peer->state == PEER_UP) {
        wait->on_link(wait, peer->link, YD_LINK_LOST);
        return;
    }
    yd_list_append(&peer->waiting, &wait->node);
    if (is_new)
        begin(peer);
    else if (peer->state == PEER_FAILED)
        try_again(peer);
}

void yd_peer_give_up(struct yd_peer_wait *wait)
{
    yd_list_remove(&wait->node);
}
