/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "config/load.h"
#include "config/value.h"

struct compare {
    yg_config_changed_fn *changed;
    void *user;
};

static void compare_tables(const struct compare *compare, const struct yg_table *table,
                           const char *path, const char *before, const char *after);

/* "webhooks" and "main", or "listen" and "0" where nothing tells them apart. */
static void join(char into[256], const char *path, const char *name)
{
    snprintf(into, 256, "%s%s%s", path, *path != '\0' ? "." : "", name);
}

static const char *id_of(const struct yg_table *table, const char *item)
{
    const struct yg_option *id =
        table->id != NULL ? yg_table_find(table, table->id, strlen(table->id)) : NULL;

    return id != NULL && id->type == YG_TEXT
               ? *(const char *const *)(const void *)(item + id->offset)
               : "";
}

/* The item of a list with an id; NULL when there is none. */
static const char *find(const struct yg_table *table, const void *field, const char *id)
{
    size_t num;
    const char *items = yg_value_items(field, &num);

    for (size_t i = 0; i < num; i++) {
        if (strcmp(id_of(table, items + i * table->size), id) == 0)
            return items + i * table->size;
    }
    return NULL;
}

/* Items of one list that the other has not, or has differently; only when by_both is set are those
 * that both have looked at. */
static void compare_items(const struct compare *compare, const struct yg_option *option,
                          const char *path, const void *list, const void *other, bool by_both)
{
    size_t num;
    const char *items = yg_value_items(list, &num);

    for (size_t i = 0; i < num; i++) {
        const char *item = items + i * option->table->size;
        const char *id = id_of(option->table, item), *same = find(option->table, other, id);
        char name[256];

        join(name, path, id);
        if (same == NULL)
            compare->changed(name, option, compare->user);
        else if (by_both)
            compare_tables(compare, option->table, name, item, same);
    }
}

/* Whether the same things stand in another order, which matters to some lists. */
static bool is_moved(const struct yg_option *option, const void *before, const void *after)
{
    size_t num, other, moved = 0;
    const char *left = yg_value_items(before, &num), *right = yg_value_items(after, &other);

    for (size_t i = 0; num == other && i < num; i++) {
        const char *id = id_of(option->table, left + i * option->table->size);

        if (find(option->table, after, id) == NULL)
            return false;
        moved += strcmp(id, id_of(option->table, right + i * option->table->size)) != 0 ? 1 : 0;
    }
    return moved > 0;
}

static void compare_lists(const struct compare *compare, const struct yg_option *option,
                          const char *path, const void *before, const void *after)
{
    if (option->table->id == NULL) {
        compare->changed(path, option, compare->user);
        return;
    }
    if (is_moved(option, before, after)) {
        compare->changed(path, option, compare->user);
        return;
    }
    compare_items(compare, option, path, before, after, true);
    compare_items(compare, option, path, after, before, false);
}

static void compare_tables(const struct compare *compare, const struct yg_table *table,
                           const char *path, const char *before, const char *after)
{
    for (size_t i = 0; i < table->num; i++) {
        const struct yg_option *option = &table->options[i];
        const char *left = before + option->offset, *right = after + option->offset;
        char name[256];

        if (yg_value_equal(option, left, right))
            continue;
        join(name, path, option->name);
        if (option->type == YG_MAP)
            compare_tables(compare, option->table, name, left, right);
        else if (option->type == YG_MAPS)
            compare_lists(compare, option, name, left, right);
        else
            compare->changed(name, option, compare->user);
    }
}

void yg_config_compare(const struct yg_config *before, const struct yg_config *after,
                       yg_config_changed_fn *changed, void *user)
{
    const struct compare compare = {changed, user};

    compare_tables(&compare, &yg_table_root, "", (const char *)before, (const char *)after);
}
