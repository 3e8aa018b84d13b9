/* SPDX-License-Identifier: MIT */
#include "net/limits.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/container.h"
#include "base/map.h"
#include "base/mem.h"
#include "net/window.h"

/* A power of two. */
#define NUM_STRIPES 64

struct stripe {
    pthread_mutex_t lock;
    struct yd_map clients;
};

struct yd_limits {
    const struct yodel_allocator *mem;
    struct yd_limits_options options;
    uint64_t secret[2];
    struct stripe stripes[NUM_STRIPES];
};

struct yd_limited {
    struct yd_map_node node;
    struct stripe *stripe;
    unsigned connections, handshakes; /* under the stripe's lock */
    yd_window window;                 /* of messages */
    uint8_t key[YD_IP_KEY_SIZE];
};

bool yd_limits_are_set(const struct yd_limits_options *options)
{
    return options->connections > 0 || options->handshakes > 0 || options->messages > 0 ||
           options->conn_messages > 0;
}

struct yd_limits *yd_limits_new(const struct yodel_allocator *mem,
                                const struct yd_limits_options *options)
{
    struct yd_limits *limits = yd_zalloc(mem, sizeof *limits);

    if (limits == NULL)
        return NULL;
    limits->mem = mem;
    limits->options = *options;
    if (limits->options.period_ms == 0)
        limits->options.period_ms = 1000;
    memcpy(limits->secret, options->secret, sizeof limits->secret);
    for (size_t i = 0; i < NUM_STRIPES; i++) {
        pthread_mutex_init(&limits->stripes[i].lock, NULL);
        yd_map_init(&limits->stripes[i].clients, mem, limits->secret);
    }
    return limits;
}

void yd_limits_free(struct yd_limits *limits)
{
    if (limits == NULL)
        return;
    for (size_t i = 0; i < NUM_STRIPES; i++) {
        yd_map_done(&limits->stripes[i].clients);
        pthread_mutex_destroy(&limits->stripes[i].lock);
    }
    yd_free(limits->mem, limits);
}

const struct yd_limits_options *yd_limits_options(const struct yd_limits *limits)
{
    return &limits->options;
}

/* ---- under the lock of the stripe ---- */

static struct yd_limited *add(struct yd_limits *limits, struct stripe *stripe,
                              const struct yd_key *key)
{
    struct yd_limited *client = yd_zalloc(limits->mem, sizeof *client);

    if (client == NULL)
        return NULL;
    memcpy(client->key, key->text.ptr, key->text.len);
    client->node.key = (yodel_str){(const char *)client->key, key->text.len};
    client->stripe = stripe;
    if (yd_map_insert_hashed(&stripe->clients, &client->node, key->hash) < 0) {
        yd_free(limits->mem, client);
        return NULL;
    }
    return client;
}

static int refusal_of(const struct yd_limits *limits, const struct yd_limited *client,
                      bool handshake)
{
    unsigned connections = client != NULL ? client->connections : 0;
    unsigned handshakes = client != NULL ? client->handshakes : 0;

    if (limits->options.connections > 0 && connections >= limits->options.connections)
        return YD_REFUSED_CONNECTION;
    if (handshake && limits->options.handshakes > 0 && handshakes >= limits->options.handshakes)
        return YD_REFUSED_HANDSHAKE;
    return YD_NOT_REFUSED;
}

static int enter(struct yd_limits *limits, struct stripe *stripe, const struct yd_key *key,
                 bool handshake, struct yd_limited **ret_client)
{
    struct yd_map_node *node = yd_map_find_key(&stripe->clients, key);
    struct yd_limited *client =
        node != NULL ? yd_container_of(node, struct yd_limited, node) : NULL;
    int refusal = refusal_of(limits, client, handshake);

    if (refusal != YD_NOT_REFUSED)
        return refusal;
    if (client == NULL && (client = add(limits, stripe, key)) == NULL)
        return -ENOMEM;
    client->connections++;
    client->handshakes += handshake;
    *ret_client = client;
    return 0;
}

/* ---- for others ---- */

int yd_limits_enter(struct yd_limits *limits, const struct yd_ip *ip, bool handshake,
                    struct yd_limited **ret_client)
{
    uint8_t bytes[YD_IP_KEY_SIZE];
    size_t len = yd_ip_key(ip, bytes);
    struct yd_key key = yd_key_make(limits->secret, (yodel_str){(const char *)bytes, len});
    struct stripe *stripe = &limits->stripes[(key.hash >> 32) % NUM_STRIPES];
    int rc;

    if (len == 0) {
        *ret_client = NULL;
        return 0;
    }
    pthread_mutex_lock(&stripe->lock);
    rc = enter(limits, stripe, &key, handshake, ret_client);
    pthread_mutex_unlock(&stripe->lock);
    return rc;
}

void yd_limits_arrived(struct yd_limits *limits, struct yd_limited *client)
{
    (void)limits;
    pthread_mutex_lock(&client->stripe->lock);
    client->handshakes--;
    pthread_mutex_unlock(&client->stripe->lock);
}

void yd_limits_leave(struct yd_limits *limits, struct yd_limited *client, bool handshake)
{
    struct stripe *stripe = client->stripe;
    bool was_last;

    pthread_mutex_lock(&stripe->lock);
    client->handshakes -= handshake;
    was_last = --client->connections == 0;
    if (was_last)
        yd_map_remove(&stripe->clients, &client->node);
    pthread_mutex_unlock(&stripe->lock);
    if (was_last)
        yd_free(limits->mem, client);
}

bool yd_limits_is(const struct yd_limited *client, const struct yd_ip *ip)
{
    uint8_t key[YD_IP_KEY_SIZE];
    size_t len = yd_ip_key(ip, key);

    return client->node.key.len == len && memcmp(client->key, key, len) == 0;
}

bool yd_limits_message(struct yd_limits *limits, struct yd_limited *client, uint64_t now)
{
    const struct yd_limits_options *options = &limits->options;

    return options->messages == 0 ||
           yd_window_count(&client->window, now, options->period_ms, options->messages);
}
