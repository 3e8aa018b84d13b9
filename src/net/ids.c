/* SPDX-License-Identifier: MIT */
#include "net/ids.h"

#include <errno.h>
#include <stddef.h>

#include "base/mem.h"

#define PAGE_SLOTS 256
#define MAX_SLOTS (1u << 24)
#define NO_SLOT UINT32_MAX

struct yd_slot {
    void *object;        /* NULL: free */
    uint32_t generation; /* of the present or next object; not 0 */
    uint32_t next_free;
};

static struct yd_slot *slot_at(const struct yd_ids *ids, uint32_t i)
{
    return &ids->pages[i / PAGE_SLOTS][i % PAGE_SLOTS];
}

void yd_ids_init(struct yd_ids *ids, const struct yodel_allocator *mem, unsigned loop)
{
    *ids = (struct yd_ids){.mem = mem, .free_slot = NO_SLOT, .loop = loop};
}

void yd_ids_done(struct yd_ids *ids)
{
    for (uint32_t i = 0; i < ids->num_pages; i++)
        yd_free(ids->mem, ids->pages[i]);
    if (ids->pages != NULL)
        yd_free(ids->mem, ids->pages);
    ids->pages = NULL;
    ids->num_pages = 0;
}

static int add_page(struct yd_ids *ids)
{
    uint32_t first = ids->num_pages * PAGE_SLOTS;
    struct yd_slot **pages, *page;

    if (first >= MAX_SLOTS)
        return -ENOMEM;
    pages = yd_resize(ids->mem, ids->pages, (ids->num_pages + 1) * sizeof *pages);
    if (pages == NULL)
        return -ENOMEM;
    ids->pages = pages;
    if ((page = yd_alloc_array(ids->mem, PAGE_SLOTS, sizeof *page)) == NULL)
        return -ENOMEM;
    pages[ids->num_pages++] = page;
    for (uint32_t i = 0; i < PAGE_SLOTS; i++)
        page[i] = (struct yd_slot){NULL, 1, i + 1 < PAGE_SLOTS ? first + i + 1 : ids->free_slot};
    ids->free_slot = first;
    return 0;
}

int yd_ids_take(struct yd_ids *ids, void *object, uint32_t *ret_slot)
{
    struct yd_slot *slot;
    int rc;

    if (ids->free_slot == NO_SLOT && (rc = add_page(ids)) < 0)
        return rc;
    *ret_slot = ids->free_slot;
    slot = slot_at(ids, ids->free_slot);
    ids->free_slot = slot->next_free;
    slot->object = object;
    return 0;
}

void yd_ids_free(struct yd_ids *ids, uint32_t i)
{
    struct yd_slot *slot = slot_at(ids, i);

    slot->object = NULL;
    if (++slot->generation == 0)
        slot->generation = 1;
    slot->next_free = ids->free_slot;
    ids->free_slot = i;
}

uint64_t yd_ids_id(const struct yd_ids *ids, uint32_t slot)
{
    return (uint64_t)ids->loop << 56 | (uint64_t)slot_at(ids, slot)->generation << 24 | slot;
}

void *yd_ids_find(const struct yd_ids *ids, uint64_t id)
{
    uint32_t i = (uint32_t)(id & (MAX_SLOTS - 1));
    const struct yd_slot *slot;

    if (yd_id_loop(id) != ids->loop || i >= ids->num_pages * PAGE_SLOTS)
        return NULL;
    slot = slot_at(ids, i);
    return slot->generation == (uint32_t)(id >> 24) ? slot->object : NULL;
}

void *yd_ids_next(const struct yd_ids *ids, uint32_t *slot)
{
    while (*slot < ids->num_pages * PAGE_SLOTS) {
        void *object = slot_at(ids, (*slot)++)->object;

        if (object != NULL)
            return object;
    }
    return NULL;
}
