/* SPDX-License-Identifier: MIT */
#ifndef YD_NET_IDS_H
#define YD_NET_IDS_H

#include <stdbool.h>
#include <stdint.h>
#include <yodel/base.h>

/*
 * Names for the objects of one loop that hold from any thread and are never given again: loop
 * (8 bits), generation (32), slot (24).  0 names nothing.
 */
struct yd_ids_page;

struct yd_ids {
    const struct yodel_allocator *mem;
    struct yd_ids_page **pages; /* NULL where one has gone */
    uint32_t num_pages;
    uint32_t with_room;  /* the first page that has free slots */
    uint32_t generation; /* of new pages' slots */
    unsigned loop;
};

void yd_ids_init(struct yd_ids *ids, const struct yodel_allocator *mem, unsigned loop);
void yd_ids_done(struct yd_ids *ids);

/* A slot for object, whose address is even.  Returns 0 or -ENOMEM. */
int yd_ids_take(struct yd_ids *ids, void *object, uint32_t *ret_slot);
/* The slot's id names nothing from now on. */
void yd_ids_free(struct yd_ids *ids, uint32_t slot);

uint64_t yd_ids_id(const struct yd_ids *ids, uint32_t slot);
/* The object of an id of this loop; NULL when the id names nothing. */
void *yd_ids_find(const struct yd_ids *ids, uint64_t id);

/* Walks over all objects: the first at *slot or after it, past which *slot is set; NULL at the
 * end.  Objects may come and go meanwhile. */
void *yd_ids_next(const struct yd_ids *ids, uint32_t *slot);

/* The index of the loop in an id. */
static inline unsigned yd_id_loop(uint64_t id)
{
    return (unsigned)(id >> 56);
}

#endif
