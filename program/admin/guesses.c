/* SPDX-License-Identifier: MIT */
#include "admin/guesses.h"

#include <arpa/inet.h>
#include <string.h>

void yg_guesses_init(struct yg_guesses *guesses, uint32_t most, uint32_t per_ms)
{
    memset(guesses, 0, sizeof(*guesses));
    pthread_mutex_init(&guesses->lock, NULL);
    guesses->most = most;
    guesses->per_ms = per_ms;
}

void yg_guesses_done(struct yg_guesses *guesses)
{
    pthread_mutex_destroy(&guesses->lock);
}

/* The address without its port, in a buffer of its own; "" when there is none. */
static void host_of(yodel_str peer, char ret_host[INET6_ADDRSTRLEN])
{
    const char *colon = peer.len > 0 ? memrchr(peer.ptr, ':', peer.len) : NULL;

    ret_host[0] = '\0';
    if (colon != NULL)
        peer.len = (size_t)(colon - peer.ptr);
    if (peer.len > 1 && peer.ptr[0] == '[' && peer.ptr[peer.len - 1] == ']')
        peer = (yodel_str){peer.ptr + 1, peer.len - 2};
    if (peer.len == 0 || peer.len >= INET6_ADDRSTRLEN)
        return;
    memcpy(ret_host, peer.ptr, peer.len);
    ret_host[peer.len] = '\0';
}

/* IPv4 as it stands in IPv6, so an address has one key in either family. */
static void key_of(yodel_str peer, uint8_t ret_key[16])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    char host[INET6_ADDRSTRLEN];

    memset(ret_key, 0, 16);
    host_of(peer, host);
    if (inet_pton(AF_INET, host, ret_key + 12) == 1)
        memcpy(ret_key, mapped, sizeof(mapped));
    else if (inet_pton(AF_INET6, host, ret_key) == 1 &&
             memcmp(ret_key, mapped, sizeof(mapped)) != 0)
        memset(ret_key + 8, 0, 8);
}

static struct yg_guess *find(struct yg_guesses *guesses, const uint8_t key[16])
{
    for (size_t i = 0; i < YG_GUESS_ADDRESSES; i++) {
        struct yg_guess *guess = &guesses->items[i];

        if (guess->used > 0 && memcmp(guess->key, key, sizeof(guess->key)) == 0)
            return guess;
    }
    return NULL;
}

/* One that is free, or else that began first. */
static struct yg_guess *replace(struct yg_guesses *guesses)
{
    struct yg_guess *oldest = &guesses->items[0];

    for (size_t i = 0; i < YG_GUESS_ADDRESSES; i++) {
        struct yg_guess *guess = &guesses->items[i];

        if (guess->used == 0)
            return guess;
        if (guess->since_ms < oldest->since_ms)
            oldest = guess;
    }
    return oldest;
}

bool yg_guesses_take(struct yg_guesses *guesses, yodel_str peer, uint64_t now_ms)
{
    struct yg_guess *guess;
    uint8_t key[16];
    bool is_left;

    key_of(peer, key);
    pthread_mutex_lock(&guesses->lock);
    guess = find(guesses, key);
    if (guess == NULL || now_ms - guess->since_ms >= guesses->per_ms) {
        if (guess == NULL)
            guess = replace(guesses);
        *guess = (struct yg_guess){.used = 0, .since_ms = now_ms};
        memcpy(guess->key, key, sizeof(key));
    }
    is_left = guess->used < guesses->most;
    if (is_left)
        guess->used++;
    pthread_mutex_unlock(&guesses->lock);
    return is_left;
}

void yg_guesses_return(struct yg_guesses *guesses, yodel_str peer)
{
    struct yg_guess *guess;
    uint8_t key[16];

    key_of(peer, key);
    pthread_mutex_lock(&guesses->lock);
    guess = find(guesses, key);
    if (guess != NULL)
        guess->used--;
    pthread_mutex_unlock(&guesses->lock);
}
