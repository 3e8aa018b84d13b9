/* SPDX-License-Identifier: MIT */
#include "command/paging.h"

#include <stdlib.h>
#include <string.h>

struct entry {
    const char *key;
    json_t *item;
};

static int compare(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    return strcmp(x->key, y->key);
}

/* Those behind the cursor, in order; returns how many. */
static size_t collect(struct entry *entries, const json_t *list, const char *member,
                      const char *cursor)
{
    size_t num = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *item = json_array_get(list, i);
        const char *key = json_string_value(json_object_get(item, member));

        if (key != NULL && (cursor == NULL || strcmp(key, cursor) > 0))
            entries[num++] = (struct entry){key, item};
    }
    qsort(entries, num, sizeof(*entries), compare);
    return num;
}

static json_t *make(const struct entry *entries, size_t num, size_t limit, const char *name)
{
    json_t *items = json_array();
    const size_t shown = num < limit ? num : limit;

    for (size_t i = 0; items != NULL && i < shown; i++) {
        if (json_array_append(items, entries[i].item) != 0) {
            json_decref(items);
            return NULL;
        }
    }
    if (items == NULL)
        return NULL;
    return json_pack("{soss?}", name, items, "next",
                     num > limit && shown > 0 ? entries[shown - 1].key : NULL);
}

json_t *yg_page(const json_t *list, const char *name, const char *member, const char *cursor,
                size_t limit)
{
    struct entry *entries = calloc(json_array_size(list) + 1, sizeof(*entries));
    json_t *page;

    if (entries == NULL)
        return NULL;
    page = make(entries, collect(entries, list, member, cursor), limit, name);
    free(entries);
    return page;
}
