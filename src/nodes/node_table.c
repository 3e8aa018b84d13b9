/* SPDX-License-Identifier: MIT */
#include "nodes/node_table.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"

void yd_node_table_init(struct yd_node_table *table, const struct yodel_allocator *mem,
                        const uint64_t secret[2], unsigned max)
{
    *table = (struct yd_node_table){.mem = mem, .max = max};
    pthread_mutex_init(&table->lock, NULL);
    yd_map_init(&table->by_process, mem, secret);
    yd_list_init(&table->nodes);
}

static struct yd_node *node_of(struct yd_list *of_table)
{
    return yd_container_of(of_table, struct yd_node, of_table);
}

void yd_node_table_done(struct yd_node_table *table)
{
    while (!yd_list_is_empty(&table->nodes))
        yd_node_table_remove(table, node_of(table->nodes.next));
    yd_map_done(&table->by_process);
    pthread_mutex_destroy(&table->lock);
}

/* ---- on the loop that writes: it alone changes the table, so it reads without the lock ---- */

struct yd_node *yd_node_table_find(const struct yd_node_table *table, yodel_str process)
{
    struct yd_map_node *node = yd_map_find(&table->by_process, process);

    return node != NULL ? yd_container_of(node, struct yd_node, node) : NULL;
}

static struct yd_node *add(struct yd_node_table *table, yodel_str process)
{
    struct yd_node *node = NULL;

    if (table->by_process.count >= table->max || process.len >= sizeof node->info.process ||
        (node = yd_zalloc(table->mem, sizeof *node)) == NULL)
        return NULL;
    memcpy(node->info.process, process.ptr, process.len);
    node->node.key = (yodel_str){node->info.process, process.len};
    if (yd_map_insert(&table->by_process, &node->node) < 0) {
        yd_free(table->mem, node);
        return NULL;
    }
    yd_list_append(&table->nodes, &node->of_table);
    return node;
}

struct yd_node *yd_node_table_hear(struct yd_node_table *table, yodel_str process, uint64_t now)
{
    struct yd_node *node = yd_node_table_find(table, process);

    if (node == NULL) {
        pthread_mutex_lock(&table->lock);
        node = add(table, process);
        pthread_mutex_unlock(&table->lock);
    }
    if (node != NULL)
        node->heard = now;
    return node;
}

bool yd_node_table_announce(struct yd_node_table *table, struct yd_node *node,
                            const struct yd_node_info *info)
{
    bool is_new = !node->known;

    if (!is_new && memcmp(&node->info, info, sizeof *info) == 0)
        return false;
    pthread_mutex_lock(&table->lock);
    memcpy(node->info.tag, info->tag, sizeof info->tag);
    memcpy(node->info.name, info->name, sizeof info->name);
    memcpy(node->info.address, info->address, sizeof info->address);
    if (is_new) {
        node->known = true;
        table->num_known++;
    }
    pthread_mutex_unlock(&table->lock);
    return is_new;
}

struct yd_node *yd_node_table_silent(const struct yd_node_table *table, uint64_t before)
{
    for (struct yd_list *at = table->nodes.next; at != &table->nodes; at = at->next)
        if (node_of(at)->heard < before)
            return node_of(at);
    return NULL;
}

void yd_node_table_spare(struct yd_node_table *table, uint64_t now)
{
    for (struct yd_list *at = table->nodes.next; at != &table->nodes; at = at->next)
        node_of(at)->heard = now;
}

void yd_node_table_remove(struct yd_node_table *table, struct yd_node *node)
{
    pthread_mutex_lock(&table->lock);
    if (node->known)
        table->num_known--;
    yd_map_remove(&table->by_process, &node->node);
    yd_list_remove(&node->of_table);
    pthread_mutex_unlock(&table->lock);
    yd_free(table->mem, node);
}

/* ---- any thread ---- */

unsigned yd_node_table_count(struct yd_node_table *table)
{
    unsigned num;

    pthread_mutex_lock(&table->lock);
    num = table->num_known;
    pthread_mutex_unlock(&table->lock);
    return num;
}

bool yd_node_table_find_tag(struct yd_node_table *table, yodel_str tag,
                            struct yd_node_info *ret_info)
{
    bool found = false;

    if (!yd_node_tag_is_valid(tag))
        return false;
    pthread_mutex_lock(&table->lock);
    for (struct yd_list *at = table->nodes.next; at != &table->nodes && !found; at = at->next) {
        found = node_of(at)->known && memcmp(node_of(at)->info.tag, tag.ptr, tag.len) == 0;
        if (found)
            *ret_info = node_of(at)->info;
    }
    pthread_mutex_unlock(&table->lock);
    return found;
}

bool yd_node_table_get(struct yd_node_table *table, yodel_str process,
                       struct yd_node_info *ret_info)
{
    const struct yd_node *node;
    bool found;

    pthread_mutex_lock(&table->lock);
    node = yd_node_table_find(table, process);
    found = node != NULL && node->known;
    if (found)
        *ret_info = node->info;
    pthread_mutex_unlock(&table->lock);
    return found;
}

int yd_node_table_list(struct yd_node_table *table, struct yd_buf *buf)
{
    int rc;

    pthread_mutex_lock(&table->lock);
    rc = yd_buf_reserve(table->mem, buf, table->num_known * sizeof(struct yd_node_info));
    for (struct yd_list *at = table->nodes.next; rc == 0 && at != &table->nodes; at = at->next)
        if (node_of(at)->known)
            rc = yd_buf_append(table->mem, buf, &node_of(at)->info, sizeof(struct yd_node_info));
    pthread_mutex_unlock(&table->lock);
    return rc;
}
