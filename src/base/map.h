/* SPDX-License-Identifier: MIT */
#ifndef YD_BASE_MAP_H
#define YD_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yodel/base.h>

/* A chained hash map of nodes embedded in their owners, keyed by bytes that the owner keeps.  Keys
 * come from peers, so the hash is keyed (SipHash-1-3) with a secret of the map's maker. */
struct yd_map_node {
    struct yd_map_node *next;
    uint64_t hash;
    yodel_str key; /* borrowed from the owner */
};

/*
 * A node without its key, for what there is one of for every client: its map knows that the keys
 * are all of one length and stand at one distance behind their nodes (yd_map_init_fixed()).
 * yd_map_bare() gives it to the functions below; what they give is found by yd_container_of() all
 * the same.
 */
struct yd_map_bare {
    struct yd_map_node *next;
    uint64_t hash;
};

static inline struct yd_map_node *yd_map_bare(struct yd_map_bare *bare)
{
    return (struct yd_map_node *)(void *)bare;
}

struct yd_map {
    struct yd_map_node **slots;
    size_t num_slots; /* a power of two, or 0 */
    size_t count;
    uint64_t secret[2];
    const struct yodel_allocator *mem;
    uint32_t key_at, key_len; /* of bare nodes: from the node's begin, bytes; 0: the node knows */
};

uint64_t yd_siphash(const uint64_t secret[2], const void *data, size_t len);

/* A key with its hash, for several look-ups in maps of one secret. */
struct yd_key {
    uint64_t hash;
    yodel_str text; /* borrowed */
};

static inline struct yd_key yd_key_make(const uint64_t secret[2], yodel_str text)
{
    return (struct yd_key){yd_siphash(secret, text.ptr, text.len), text};
}

/* Owns nothing until the first insert. */
void yd_map_init(struct yd_map *map, const struct yodel_allocator *mem, const uint64_t secret[2]);
/* The same for bare nodes: key_len bytes at key_at, from the begin of the node, are its key. */
void yd_map_init_fixed(struct yd_map *map, const struct yodel_allocator *mem,
                       const uint64_t secret[2], size_t key_at, size_t key_len);
/* Those two, for owners with the fields node and key. */
#define YD_MAP_KEY(type, node, key)                                                                \
    offsetof(type, key) - offsetof(type, node), sizeof(((type *)NULL)->key)
/* Frees the slots, not the nodes. */
void yd_map_done(struct yd_map *map);

/* NULL when absent. */
struct yd_map_node *yd_map_find(const struct yd_map *map, yodel_str key);
/* The same for a key that was made with the map's secret. */
struct yd_map_node *yd_map_find_key(const struct yd_map *map, const struct yd_key *key);

/* Has slots made: inserts cannot fail any more.  Returns 0 or -ENOMEM. */
int yd_map_reserve(struct yd_map *map);

/* Inserts node under its key, which must be absent.  Returns 0 or -ENOMEM. */
int yd_map_insert(struct yd_map *map, struct yd_map_node *node);
/* The same for a hash that was made with the map's secret, of its key. */
int yd_map_insert_hashed(struct yd_map *map, struct yd_map_node *node, uint64_t hash);

/* node must be in map.  Never shrinks below 16 slots; shrinks when an eighth full. */
void yd_map_remove(struct yd_map *map, struct yd_map_node *node);

/* The next node from slot *slot on that is() takes, or NULL; *slot (0 at first) is then where it
 * was. Nodes may be removed meanwhile: then those that are left may be found by another walk only.
 */
struct yd_map_node *yd_map_next(const struct yd_map *map, size_t *slot,
                                bool (*is)(const struct yd_map_node *node));

/* Any node, or NULL: for emptying a map. */
struct yd_map_node *yd_map_any(const struct yd_map *map);

#endif
