/* SPDX-License-Identifier: MIT */
#include "base/map.h"

#include <errno.h>
#include <string.h>

#include "base/mem.h"

#define MIN_SLOTS 16

struct sip {
    uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate_left(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void sip_round(struct sip *sip)
{
    sip->v0 += sip->v1;
    sip->v1 = rotate_left(sip->v1, 13) ^ sip->v0;
    sip->v0 = rotate_left(sip->v0, 32);
    sip->v2 += sip->v3;
    sip->v3 = rotate_left(sip->v3, 16) ^ sip->v2;
    sip->v0 += sip->v3;
    sip->v3 = rotate_left(sip->v3, 21) ^ sip->v0;
    sip->v2 += sip->v1;
    sip->v1 = rotate_left(sip->v1, 17) ^ sip->v2;
    sip->v2 = rotate_left(sip->v2, 32);
}

static inline void sip_word(struct sip *sip, uint64_t word)
{
    sip->v3 ^= word;
    sip_round(sip);
    sip->v0 ^= word;
}

static inline uint64_t load_le64(const uint8_t *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

uint64_t yd_siphash(const uint64_t secret[2], const void *data, size_t len)
{
    struct sip sip = {
        secret[0] ^ UINT64_C(0x736f6d6570736575),
        secret[1] ^ UINT64_C(0x646f72616e646f6d),
        secret[0] ^ UINT64_C(0x6c7967656e657261),
        secret[1] ^ UINT64_C(0x7465646279746573),
    };
    const uint8_t *bytes = data;
    uint64_t last = (uint64_t)len << 56;
    size_t i;

    for (i = 0; len - i >= 8; i += 8)
        sip_word(&sip, load_le64(bytes + i));
    for (unsigned shift = 0; i < len; i++, shift += 8)
        last |= (uint64_t)bytes[i] << shift;
    sip_word(&sip, last);
    sip.v2 ^= 0xff;
    sip_round(&sip);
    sip_round(&sip);
    sip_round(&sip);
    return sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
}

void yd_map_init(struct yd_map *map, const struct yodel_allocator *mem, const uint64_t secret[2])
{
    *map = (struct yd_map){.secret = {secret[0], secret[1]}, .mem = mem};
}

void yd_map_init_fixed(struct yd_map *map, const struct yodel_allocator *mem,
                       const uint64_t secret[2], size_t key_at, size_t key_len)
{
    yd_map_init(map, mem, secret);
    map->key_at = (uint32_t)key_at;
    map->key_len = (uint32_t)key_len;
}

void yd_map_done(struct yd_map *map)
{
    yd_free(map->mem, map->slots);
    map->slots = NULL;
    map->num_slots = map->count = 0;
}

static inline yodel_str key_of(const struct yd_map *map, const struct yd_map_node *node)
{
    if (map->key_len > 0)
        return (yodel_str){(const char *)node + map->key_at, map->key_len};
    return node->key;
}

static inline struct yd_map_node **slot_of(const struct yd_map *map, uint64_t hash)
{
    return &map->slots[hash & (map->num_slots - 1)];
}

struct yd_map_node *yd_map_find_key(const struct yd_map *map, const struct yd_key *key)
{
    struct yd_map_node *node;

    if (map->count == 0)
        return NULL;
    for (node = *slot_of(map, key->hash); node; node = node->next)
        if (node->hash == key->hash && yodel_str_eq(key_of(map, node), key->text))
            break;
    return node;
}

struct yd_map_node *yd_map_find(const struct yd_map *map, yodel_str text)
{
    struct yd_key key;

    if (map->count == 0)
        return NULL;
    key = yd_key_make(map->secret, text);
    return yd_map_find_key(map, &key);
}

/* Doubles the slots in place.  What was in slot i goes to slot i or to slot i + half. */
static int grow(struct yd_map *map)
{
    size_t half = map->num_slots, num = half ? half * 2 : MIN_SLOTS;
    struct yd_map_node **slots;

    if (num > SIZE_MAX / sizeof(*slots))
        return -ENOMEM;
    slots = yd_resize(map->mem, map->slots, num * sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    memset(slots + half, 0, (num - half) * sizeof(*slots));
    map->slots = slots;
    map->num_slots = num;
    for (size_t i = 0; i < half; i++) {
        struct yd_map_node **low = &slots[i], **high = &slots[i + half];

        for (struct yd_map_node *node = *low; node; node = node->next) {
            struct yd_map_node ***end = node->hash & half ? &high : &low;

            **end = node;
            *end = &node->next;
        }
        *low = *high = NULL;
    }
    return 0;
}

/* Folds the upper half of the slots into the lower one.  Needs no memory, so it cannot fail: if the
 * allocator refuses to make the block smaller it stays as it is. */
static void shrink(struct yd_map *map)
{
    size_t half = map->num_slots / 2;
    void *slots;

    for (size_t i = 0; i < half; i++) {
        struct yd_map_node **end = &map->slots[i];

        while (*end)
            end = &(*end)->next;
        *end = map->slots[i + half];
    }
    map->num_slots = half;
    slots = yd_resize(map->mem, map->slots, half * sizeof(*map->slots));
    if (slots)
        map->slots = slots;
}

int yd_map_reserve(struct yd_map *map)
{
    return map->num_slots > 0 ? 0 : grow(map);
}

int yd_map_insert_hashed(struct yd_map *map, struct yd_map_node *node, uint64_t hash)
{
    struct yd_map_node **slot;

    /* Without memory for more slots the chains get longer, no more. */
    if (map->count >= map->num_slots && grow(map) < 0 && map->num_slots == 0)
        return -ENOMEM;
    node->hash = hash;
    slot = slot_of(map, hash);
    node->next = *slot;
    *slot = node;
    map->count++;
    return 0;
}

int yd_map_insert(struct yd_map *map, struct yd_map_node *node)
{
    yodel_str key = key_of(map, node);

    return yd_map_insert_hashed(map, node, yd_siphash(map->secret, key.ptr, key.len));
}

void yd_map_remove(struct yd_map *map, struct yd_map_node *node)
{
    struct yd_map_node **link = slot_of(map, node->hash);

    while (*link != node)
        link = &(*link)->next;
    *link = node->next;
    node->next = NULL;
    map->count--;
    if (map->num_slots > MIN_SLOTS && map->count <= map->num_slots / 8)
        shrink(map);
}

struct yd_map_node *yd_map_next(const struct yd_map *map, size_t *slot,
                                bool (*is)(const struct yd_map_node *node))
{
    for (; *slot < map->num_slots; ++*slot)
        for (struct yd_map_node *node = map->slots[*slot]; node != NULL; node = node->next)
            if (is(node))
                return node;
    return NULL;
}

struct yd_map_node *yd_map_any(const struct yd_map *map)
{
    size_t mask = map->num_slots - 1, i;

    if (map->count == 0)
        return NULL;
    /* Always starting at slot 0 would make emptying a map quadratic: the search would cross all the
     * slots emptied before.  A start that moves with the count meets a node after a few slots. */
    for (i = map->count * (size_t)0x9e3779b1U & mask; !map->slots[i]; i = (i + 1) & mask)
        continue;
    return map->slots[i];
}
