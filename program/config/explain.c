/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/show.h"
#include "config/value.h"

/* The end of "a.b" of which a table has the first part. */
struct found {
    const struct yg_option *option;
    const struct yg_table *table;
};

/* The length of a name without the brackets behind it, as in listen[] and listen[0]. */
static size_t name_len(const char *word, size_t len)
{
    const char *bracket = memchr(word, '[', len);

    if (bracket == NULL || word[len - 1] != ']' ||
        strspn(bracket + 1, "0123456789") != (size_t)(word + len - bracket) - 2)
        return len;
    return (size_t)(bracket - word);
}

/* Numbers, and names of things, between options are passed over: listen.0.address,
 * webhooks.main.url. */
static int find(const char *key, struct found *found, const char **ret_near)
{
    char word[80];

    *found = (struct found){NULL, &yg_table_root};
    while (*key != '\0') {
        const size_t len = strcspn(key, ".");
        const struct yg_option *option =
            found->table != NULL ? yg_table_find(found->table, key, name_len(key, len)) : NULL;

        if (option == NULL && found->option != NULL && found->option->type == YG_MAPS &&
            key[len] == '.' &&
            (option = yg_table_find(found->table, key + len + 1, strcspn(key + len + 1, "."))) !=
                NULL) {
            key += len + 1;
            continue;
        }
        if (option == NULL) {
            snprintf(word, sizeof(word), "%.*s", (int)(len < 79 ? len : 79), key);
            if (found->table != NULL && yg_table_find_twin(found->table, word) != NULL)
                option = yg_table_find_twin(found->table, word);
            else
                *ret_near = found->table != NULL ? yg_table_nearest(found->table, word) : NULL;
        }
        if (option == NULL)
            return -ENOENT;
        found->option = option;
        found->table = option->table;
        key += len;
        key += *key == '.' ? 1 : 0;
    }
    return 0;
}

static bool has_bounds(const struct yg_option *option)
{
    return option->type == YG_COUNT || option->type == YG_SIZE || option->type == YG_DURATION;
}

/* A bound as one would write it, by an option without "auto". */
static void put_bound(struct yg_text *text, const struct yg_option *option, uint64_t bound)
{
    struct yg_option plain = *option;
    const uint32_t number = (uint32_t)bound;
    const size_t size = (size_t)bound;

    plain.flags = 0;
    yg_value_put(text, &plain, option->type == YG_SIZE ? (const void *)&size : &number, true);
}

static void put_bounds(struct yg_text *text, const struct yg_option *option)
{
    put_bound(text, option, option->min);
    yg_text_puts(text, " to ");
    put_bound(text, option, option->max);
}

static void explain_option(struct yg_text *text, const char *path, const struct yg_option *option)
{
    yg_text_printf(text, "%s\n    %s\n    type     %s\n", path, option->doc,
                   yg_type_text(option->type));
    if (option->words != NULL)
        yg_text_printf(text, "    words    %s\n", option->words);
    if (has_bounds(option)) {
        yg_text_puts(text, "    bounds   ");
        put_bounds(text, option);
        if ((option->flags & YG_HAS_AUTO) != 0)
            yg_text_puts(text, ", or auto");
        yg_text_putc(text, '\n');
    }
    if (option->type != YG_MAP)
        yg_text_printf(text, "    default  %s\n",
                       option->fallback != NULL           ? option->fallback
                       : (option->flags & YG_NEEDED) != 0 ? "none: it must be set"
                       : option->type == YG_TEXT          ? "\"\""
                       : option->type < YG_TEXTS          ? "not set"
                                                          : "empty");
    if (option->type == YG_TEXT)
        yg_text_printf(text, "    twin     %s_file: the file that has it\n", option->name);
    if (option->type != YG_MAP)
        yg_text_printf(text, "    change   %s\n",
                       (option->flags & YG_LIVE) != 0 ? "by a reload (SIGHUP)" : "needs a restart");
}

static void put_member(struct yg_text *text, const char *name, const char *value)
{
    yg_text_printf(text, "%s\"%s\": ", strcmp(name, "key") == 0 ? "" : ", ", name);
    yg_text_put_json(text, value, strlen(value));
}

static void explain_option_json(struct yg_text *text, const char *path,
                                const struct yg_option *option)
{
    struct yg_text bounds = {0};

    yg_text_putc(text, '{');
    put_member(text, "key", path);
    put_member(text, "doc", option->doc);
    put_member(text, "type", yg_type_text(option->type));
    if (option->words != NULL)
        put_member(text, "words", option->words);
    if (has_bounds(option)) {
        put_bounds(&bounds, option);
        put_member(text, "bounds", yg_text_string(&bounds));
        yg_text_done(&bounds);
    }
    if (option->fallback != NULL)
        put_member(text, "default", option->fallback);
    yg_text_printf(text, ", \"secret\": %s, \"live\": %s}",
                   (option->flags & YG_SECRET) != 0 ? "true" : "false",
                   (option->flags & YG_LIVE) != 0 ? "true" : "false");
}

/* Every option of a table and of those below it; of a list the path says "[]". */
static void explain_table(struct yg_text *text, const char *path, const struct yg_table *table,
                          bool as_json, bool *is_first)
{
    for (size_t i = 0; i < table->num; i++) {
        const struct yg_option *option = &table->options[i];
        char name[256];

        snprintf(name, sizeof(name), "%s%s%s%s", path, *path != '\0' ? "." : "", option->name,
                 option->type == YG_MAPS ? "[]" : "");
        if (as_json) {
            yg_text_puts(text, *is_first ? "" : ",\n");
            explain_option_json(text, name, option);
        } else if (option->table != NULL) {
            yg_text_printf(text, "%-40s %s\n", name, option->doc);
        } else {
            yg_text_printf(text, "  %-38s %s\n", name, option->doc);
        }
        *is_first = false;
        if (option->table != NULL)
            explain_table(text, name, option->table, as_json, is_first);
    }
}

int yg_explain(struct yg_text *text, const char *key, bool as_json, const char **ret_near)
{
    bool is_first = true;
    struct found found;
    int rc;

    *ret_near = NULL;
    rc = find(key, &found, ret_near);
    if (rc < 0)
        return rc;
    if (found.table == NULL && as_json)
        explain_option_json(text, key, found.option);
    else if (found.table == NULL)
        explain_option(text, key, found.option);
    if (found.table == NULL) {
        yg_text_puts(text, as_json ? "\n" : "");
        return 0;
    }
    if (as_json)
        yg_text_puts(text, "[");
    else if (found.option != NULL)
        explain_option(text, key, found.option);
    explain_table(text, key, found.table, as_json, &is_first);
    yg_text_puts(text, as_json ? "]\n" : "");
    return 0;
}
