/* SPDX-License-Identifier: MIT */
#ifndef YD_BASE_LIST_H
#define YD_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* A node of a circular doubly linked list; the list's head is one too. */
struct yd_list {
    struct yd_list *next, *prev;
};

static inline void yd_list_init(struct yd_list *node)
{
    node->next = node->prev = node;
}

/* Of a head: without nodes.  Of a node: on no list. */
static inline bool yd_list_is_empty(const struct yd_list *head)
{
    return head->next == head;
}

static inline void yd_list_append(struct yd_list *head, struct yd_list *node)
{
    node->prev = head->prev;
    node->next = head;
    head->prev->next = node;
    head->prev = node;
}

/* Takes node off its list, if it is on one. */
static inline void yd_list_remove(struct yd_list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    yd_list_init(node);
}

/* Moves all nodes of from to the (uninitialised or empty) head to. */
static inline void yd_list_move(struct yd_list *from, struct yd_list *to)
{
    yd_list_init(to);
    if (yd_list_is_empty(from))
        return;
    to->next = from->next;
    to->prev = from->prev;
    to->next->prev = to;
    to->prev->next = to;
    yd_list_init(from);
}

/* ---- rings: lists whose head is a pointer to the first node, NULL without nodes ---- */

static inline void yd_ring_append(struct yd_list **first, struct yd_list *node)
{
    yd_list_init(node);
    if (*first == NULL)
        *first = node;
    else
        yd_list_append(*first, node);
}

/* Takes node, which is in the ring, out of it. */
static inline void yd_ring_remove(struct yd_list **first, struct yd_list *node)
{
    if (*first == node)
        *first = yd_list_is_empty(node) ? NULL : node->next;
    yd_list_remove(node);
}

#endif
