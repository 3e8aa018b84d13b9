/* SPDX-License-Identifier: MIT */
#include "net/ids.h"

#include <errno.h>
#include <stddef.h>

#include "base/container.h"
#include "base/mem.h"

#define PAGE_SLOTS 256
#define MAX_SLOTS (1u << 24)
#define NOTHING UINT32_MAX

/* Pages with free slots are linked by their numbers.  One that has no object any more goes, but for
 * the last of them: what was many connections leaves nothing behind. */
struct yd_ids_page {
    uint32_t next, prev; /* with free slots; NOTHING: none */
    uint32_t num_used;
    uint32_t free_slot; /* if num_used < PAGE_SLOTS */
    /* Of each slot.  While it is free the number of the next free one stands for the object, as an
     * odd address, which is none. */
    void *objects[PAGE_SLOTS];
    uint32_t generations[PAGE_SLOTS]; /* of the present or next object; not 0 */
};

static void *mark_free(uint32_t next)
{
    return (void *)((uintptr_t)next << 1 | 1);
}

static bool is_free(const void *object)
{
    return ((uintptr_t)object & 1) != 0;
}

static struct yd_ids_page *page_of(const struct yd_ids *ids, uint32_t slot)
{
    return ids->pages[slot / PAGE_SLOTS];
}

void yd_ids_init(struct yd_ids *ids, const struct yodel_allocator *mem, unsigned loop)
{
    *ids = (struct yd_ids){.mem = mem, .with_room = NOTHING, .generation = 1, .loop = loop};
}

void yd_ids_done(struct yd_ids *ids)
{
    for (uint32_t i = 0; i < ids->num_pages; i++)
        yd_free(ids->mem, ids->pages[i]);
    yd_free(ids->mem, ids->pages);
    ids->pages = NULL;
    ids->num_pages = 0;
}

/* ---- pages ---- */

static void link_page(struct yd_ids *ids, uint32_t i)
{
    ids->pages[i]->prev = NOTHING;
    ids->pages[i]->next = ids->with_room;
    if (ids->with_room != NOTHING)
        ids->pages[ids->with_room]->prev = i;
    ids->with_room = i;
}

static void unlink_page(struct yd_ids *ids, uint32_t i)
{
    const struct yd_ids_page *page = ids->pages[i];

    if (page->prev != NOTHING)
        ids->pages[page->prev]->next = page->next;
    else
        ids->with_room = page->next;
    if (page->next != NOTHING)
        ids->pages[page->next]->prev = page->prev;
}

/* The number of a page that is not there, below or at num_pages. */
static uint32_t missing_page(const struct yd_ids *ids)
{
    uint32_t i = 0;

    while (i < ids->num_pages && ids->pages[i] != NULL)
        i++;
    return i;
}

static int add_page(struct yd_ids *ids)
{
    uint32_t i = missing_page(ids);
    struct yd_ids_page **pages, *page;

    if (i >= MAX_SLOTS / PAGE_SLOTS || (page = yd_alloc(ids->mem, sizeof *page)) == NULL)
        return -ENOMEM;
    if (i == ids->num_pages) {
        if ((pages = yd_resize(ids->mem, ids->pages, (i + 1) * sizeof *pages)) == NULL) {
            yd_free(ids->mem, page);
            return -ENOMEM;
        }
        ids->pages = pages;
        ids->num_pages++;
    }
    ids->pages[i] = page;
    page->num_used = page->free_slot = 0;
    for (uint32_t slot = 0; slot < PAGE_SLOTS; slot++) {
        page->objects[slot] = mark_free(slot + 1);
        page->generations[slot] = ids->generation;
    }
    link_page(ids, i);
    return 0;
}

/* What comes in its place goes on with generations that none of its slots has had. */
static void drop_page(struct yd_ids *ids, uint32_t i)
{
    struct yd_ids_page *page = ids->pages[i];

    for (uint32_t slot = 0; slot < PAGE_SLOTS; slot++)
        ids->generation = YD_MAX(ids->generation, page->generations[slot]);
    unlink_page(ids, i);
    yd_free(ids->mem, page);
    ids->pages[i] = NULL;
    while (ids->num_pages > 0 && ids->pages[ids->num_pages - 1] == NULL)
        ids->num_pages--;
}

/* ---- slots ---- */

int yd_ids_take(struct yd_ids *ids, void *object, uint32_t *ret_slot)
{
    struct yd_ids_page *page;
    uint32_t i, slot;
    int rc;

    if (ids->with_room == NOTHING && (rc = add_page(ids)) < 0)
        return rc;
    i = ids->with_room;
    page = ids->pages[i];
    slot = page->free_slot;
    page->free_slot = (uint32_t)((uintptr_t)page->objects[slot] >> 1);
    page->objects[slot] = object;
    if (++page->num_used == PAGE_SLOTS)
        unlink_page(ids, i);
    *ret_slot = i * PAGE_SLOTS + slot;
    return 0;
}

void yd_ids_free(struct yd_ids *ids, uint32_t i)
{
    struct yd_ids_page *page = page_of(ids, i);
    uint32_t slot = i % PAGE_SLOTS;

    if (++page->generations[slot] == 0)
        page->generations[slot] = 1;
    page->objects[slot] = mark_free(page->free_slot);
    page->free_slot = slot;
    if (page->num_used-- == PAGE_SLOTS)
        link_page(ids, i / PAGE_SLOTS);
    if (page->num_used == 0 && (page->next != NOTHING || page->prev != NOTHING))
        drop_page(ids, i / PAGE_SLOTS);
}

uint64_t yd_ids_id(const struct yd_ids *ids, uint32_t slot)
{
    uint64_t generation = page_of(ids, slot)->generations[slot % PAGE_SLOTS];

    return (uint64_t)ids->loop << 56 | generation << 24 | slot;
}

void *yd_ids_find(const struct yd_ids *ids, uint64_t id)
{
    uint32_t i = (uint32_t)(id & (MAX_SLOTS - 1)), slot = i % PAGE_SLOTS;
    const struct yd_ids_page *page;

    if (yd_id_loop(id) != ids->loop || i / PAGE_SLOTS >= ids->num_pages)
        return NULL;
    page = page_of(ids, i);
    if (page == NULL || page->generations[slot] != (uint32_t)(id >> 24))
        return NULL;
    return is_free(page->objects[slot]) ? NULL : page->objects[slot];
}

void *yd_ids_next(const struct yd_ids *ids, uint32_t *slot)
{
    while (*slot / PAGE_SLOTS < ids->num_pages) {
        const struct yd_ids_page *page = page_of(ids, *slot);
        void *object;

        if (page == NULL) {
            *slot += PAGE_SLOTS - *slot % PAGE_SLOTS;
            continue;
        }
        object = page->objects[(*slot)++ % PAGE_SLOTS];
        if (!is_free(object))
            return object;
    }
    return NULL;
}
