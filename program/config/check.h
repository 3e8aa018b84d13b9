/* SPDX-License-Identifier: MIT */
#ifndef YG_CONFIG_CHECK_H
#define YG_CONFIG_CHECK_H

#include <stdbool.h>
#include <string.h>

#include "config/config.h"
#include "config/node.h"

/*
 * What single options cannot know: whether they fit each other.  Reports errors and warnings.
 *
 * tree   what the configuration was made of, for the places
 */
void yg_check(const struct yg_config *config, const struct yg_node *tree, struct yg_report *report);

/* The parts of yg_check(), by their file. */

struct yg_check {
    const struct yg_config *config;
    const struct yg_node *tree;
    struct yg_report *report;
};

/* The place of the deepest of these keys that is there: "auth", "jwt", NULL.  An item of a list is
 * its number in brackets: "[0]". */
struct yg_place yg_check_place(const struct yg_check *check, const char *first, ...)
    __attribute__((sentinel));

/* The place of one option of an item of a list at the top. */
struct yg_place yg_check_item(const struct yg_check *check, const char *list, size_t n,
                              const char *key);

static inline bool yg_check_begins_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

void yg_check_listeners(const struct yg_check *check);
void yg_check_paths(const struct yg_check *check);
void yg_check_auth(const struct yg_check *check);
void yg_check_webhooks(const struct yg_check *check);

#endif
