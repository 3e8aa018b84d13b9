/* SPDX-License-Identifier: MIT */
#include "carry/node_finder.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "carry/dialer.h"

/* ---- tags ---- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void write_tag(uint32_t node, char ret_tag[YD_NODE_TAG_SIZE])
{
    for (unsigned i = 0; i < YD_NODE_TAG_SIZE - 1; i++)
        ret_tag[i] = digits[node >> (18 - 6 * i) & 63];
    ret_tag[YD_NODE_TAG_SIZE - 1] = '\0';
}

static uint32_t read_tag(const char *tag)
{
    uint32_t node = 0;

    if (!yd_node_tag_is_valid(yodel_str_of(tag)))
        return YD_EIO_NO_NODE;
    for (; *tag != '\0'; tag++)
        node = node << 6 | (uint32_t)(strchr(digits, *tag) - digits);
    return node;
}

static void on_tag(struct yd_nodes_watcher *watcher, const char *tag)
{
    yd_carry_set_node(yd_container_of(watcher, struct yd_node_finder, watcher)->carry,
                      read_tag(tag));
}

/* ---- looking up ---- */

/* A question to the store. */
struct asked {
    struct yd_node_lookup lookup;
    const struct yodel_allocator *mem;
    struct yd_carry_lookup *of;
};

/* Whatever others have written there. */
static void set_result(struct yd_carry_lookup *lookup, const struct yd_node_info *info)
{
    lookup->result = YODEL_ERR_NOT_FOUND;
    if (info == NULL || !yd_dialer_takes(info->address))
        return;
    lookup->result = 0;
    (void)strcpy(lookup->address, info->address);
}

/* On the loop of who asks; one that has ended is not to connect any more. */
static void run_answer(struct yd_mail *mail, void *receiver)
{
    struct yd_carry_lookup *lookup = yd_container_of(mail, struct yd_carry_lookup, mail);

    (void)receiver;
    if (yd_loop_is_closed(lookup->loop))
        lookup->result = YODEL_ERR_CLOSED;
    yd_carry_found(lookup);
}

/* Where the loop has ended nobody waits any more. */
static void on_looked_up(struct yd_node_lookup *node_lookup, const struct yd_node_info *info)
{
    struct asked *asked = yd_container_of(node_lookup, struct asked, lookup);
    struct yd_carry_lookup *lookup = asked->of;

    set_result(lookup, info);
    yd_free(asked->mem, asked);
    lookup->mail.run = run_answer;
    (void)yd_loop_post(lookup->loop, &lookup->mail);
}

static int look_up(struct yd_node_finder *finder, yodel_str tag, struct yd_carry_lookup *lookup)
{
    const struct yodel_allocator *mem = finder->carry->mem;
    struct asked *asked = yd_zalloc(mem, sizeof *asked);
    int rc;

    if (asked == NULL)
        return -ENOMEM;
    asked->lookup.done = on_looked_up;
    asked->mem = mem;
    asked->of = lookup;
    if ((rc = yd_nodes_look_up(finder->nodes, tag, &asked->lookup)) < 0)
        yd_free(mem, asked);
    return rc;
}

static void find(struct yd_finder *base, struct yd_carry_lookup *lookup)
{
    struct yd_node_finder *finder = yd_container_of(base, struct yd_node_finder, base);
    struct yd_node_info info;
    char tag[YD_NODE_TAG_SIZE];
    int rc;

    write_tag(lookup->node, tag);
    if (yd_nodes_find_tag(finder->nodes, yodel_str_of(tag), &info)) {
        set_result(lookup, &info);
    } else {
        rc = look_up(finder, yodel_str_of(tag), lookup);
        if (rc == 0)
            return; /* the lookup is the store's, whose loop may have answered by now */
        lookup->result = rc;
    }
    yd_carry_found(lookup);
}

/* ---- life ---- */

void yd_node_finder_init(struct yd_node_finder *finder, struct yd_nodes *nodes)
{
    *finder =
        (struct yd_node_finder){.base = {find}, .nodes = nodes, .watcher = {.on_tag = on_tag}};
}

void yd_node_finder_begin(struct yd_node_finder *finder, struct yd_carry *carry)
{
    finder->carry = carry;
    yd_carry_set_node(carry, read_tag(yd_nodes_first_tag(finder->nodes)));
    yd_nodes_watch(finder->nodes, &finder->watcher);
}

void yd_node_finder_done(struct yd_node_finder *finder)
{
    if (finder->carry != NULL)
        yd_nodes_unwatch(finder->nodes, &finder->watcher);
    finder->carry = NULL;
}
