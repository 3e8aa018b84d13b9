/* SPDX-License-Identifier: MIT */
#include "config/build.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "config/config.h"
#include "config/value.h"

struct build {
    struct yg_arena *arena;
    struct yg_report *report;
    char path[256]; /* of what is being read: "listen[0].tls" */
};

static const struct yg_place default_place = {.source = YG_PLACE_DEFAULT};

static int build_map(struct build *build, const struct yg_table *table, const struct yg_node *node,
                     char *into);
static int build_value(struct build *build, const struct yg_option *option,
                       const struct yg_node *node, char *field);

/* Goes down the path; returns where it ended before, for leave(). */
static size_t enter(struct build *build, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static size_t enter(struct build *build, const char *format, ...)
{
    const size_t len = strlen(build->path);
    va_list args;

    if (len > 0 && format[0] != '[' && len + 1 < sizeof(build->path))
        strcpy(build->path + len, ".");
    va_start(args, format);
    vsnprintf(build->path + strlen(build->path), sizeof(build->path) - strlen(build->path), format,
              args);
    va_end(args);
    return len;
}

static void leave(struct build *build, size_t len)
{
    build->path[len] = '\0';
}

static const char *kind_text(const struct yg_node *node)
{
    static const char *const texts[] = {"a single value", "a list", "a map"};

    return texts[node->kind];
}

static void refuse_kind(struct build *build, const struct yg_option *option,
                        const struct yg_node *node)
{
    yg_report_error(build->report, &node->place, "%s: must be %s, not %s", build->path,
                    yg_type_text(option->type), kind_text(node));
}

/* "key:" without anything: an empty list or map. */
static bool is_nothing(const struct yg_node *node)
{
    return node->kind == YG_NODE_SCALAR && !node->quoted && *node->text == '\0';
}

/* A list of this option within its bounds; false: reported. */
static bool is_list(struct build *build, const struct yg_option *option, const struct yg_node *node)
{
    if (node->kind != YG_NODE_LIST && !is_nothing(node)) {
        refuse_kind(build, option, node);
        return false;
    }
    if (node->num > option->max) {
        yg_report_error(build->report, &node->place, "%s: more than %u items", build->path,
                        (unsigned)option->max);
        return false;
    }
    if (node->num == 0 && (option->flags & YG_NOT_EMPTY) != 0) {
        yg_report_error(build->report, &node->place, "%s: must not be empty", build->path);
        return false;
    }
    return true;
}

/* A path beside the file that names it. */
static const char *resolve(struct build *build, const struct yg_place *place, const char *path)
{
    const char *slash = strrchr(place->source, '/');

    if (place->line == 0 || slash == NULL || *path == '\0' || *path == '/' ||
        strncmp(path, "credential:", 11) == 0)
        return path;
    return yg_arena_format(build->arena, "%.*s/%s", (int)(slash - place->source), place->source,
                           path);
}

static int build_scalar(struct build *build, const struct yg_option *option,
                        const struct yg_node *node, char *field)
{
    char problem[256];
    const char *path;

    if (node->kind != YG_NODE_SCALAR) {
        refuse_kind(build, option, node);
        return 0;
    }
    if (yg_value_read(option, node->text, field, problem) < 0) {
        yg_report_error(build->report, &node->place, "%s: %s", build->path, problem);
        return 0;
    }
    if (option->type != YG_TEXT || (option->flags & YG_PATH) == 0)
        return 0;
    path = resolve(build, &node->place, node->text);
    if (path == NULL)
        return -ENOMEM;
    *(const char **)(void *)field = path;
    return 0;
}

static int build_texts(struct build *build, const struct yg_option *option,
                       const struct yg_node *node, char *field)
{
    const char **items;
    size_t num = 0;

    if (!is_list(build, option, node))
        return 0;
    items = yg_arena_take_array(build->arena, node->num, sizeof(*items));
    if (items == NULL)
        return -ENOMEM;
    for (const struct yg_node *at = node->first; at != NULL; at = at->next) {
        if (at->kind != YG_NODE_SCALAR || *at->text == '\0' || strlen(at->text) > 4096 ||
            !yg_text_is_utf8(at->text, strlen(at->text))) {
            yg_report_error(build->report, &at->place, "%s[%zu]: must be a text", build->path, num);
            return 0;
        }
        items[num] =
            (option->flags & YG_PATH) != 0 ? resolve(build, &at->place, at->text) : at->text;
        if (items[num++] == NULL)
            return -ENOMEM;
    }
    yg_value_set_items(field, items, num);
    return 0;
}

static int build_words(struct build *build, const struct yg_option *option,
                       const struct yg_node *node, char *field)
{
    uint32_t bits = 0;
    char problem[256];

    if (!is_list(build, option, node))
        return 0;
    for (const struct yg_node *at = node->first; at != NULL; at = at->next) {
        if (at->kind != YG_NODE_SCALAR) {
            yg_report_error(build->report, &at->place, "%s: must be words, not %s", build->path,
                            kind_text(at));
            return 0;
        }
        if (yg_value_read_word(option, at->text, &bits, problem) < 0) {
            yg_report_error(build->report, &at->place, "%s: %s", build->path, problem);
            return 0;
        }
    }
    *(uint32_t *)(void *)field = bits;
    return 0;
}

static int build_pairs(struct build *build, const struct yg_option *option,
                       const struct yg_node *node, char *field)
{
    struct yg_pair *items;
    size_t num = 0;

    if (node->kind != YG_NODE_MAP && !is_nothing(node)) {
        refuse_kind(build, option, node);
        return 0;
    }
    if (node->num > option->max) {
        yg_report_error(build->report, &node->place, "%s: more than %u items", build->path,
                        (unsigned)option->max);
        return 0;
    }
    items = yg_arena_take_array(build->arena, node->num, sizeof(*items));
    if (items == NULL)
        return -ENOMEM;
    for (const struct yg_node *at = node->first; at != NULL; at = at->next) {
        if (at->kind != YG_NODE_SCALAR || strlen(at->text) > 4096) {
            yg_report_error(build->report, &at->place, "%s.%.60s: must be a text", build->path,
                            at->key);
            return 0;
        }
        items[num].name = at->key;
        items[num++].value = at->text;
    }
    yg_value_set_items(field, items, num);
    return 0;
}

/* Two items that are called the same cannot be told apart. */
static void check_id(struct build *build, const struct yg_option *option,
                     const struct yg_node *list, const struct yg_node *item)
{
    const struct yg_node *id =
        option->table->id != NULL ? yg_node_get(item, option->table->id) : NULL;

    if (id == NULL || id->kind != YG_NODE_SCALAR || *id->text == '\0')
        return;
    for (const struct yg_node *at = list->first; at != item; at = at->next) {
        const struct yg_node *other = yg_node_get(at, option->table->id);

        if (other != NULL && other->kind == YG_NODE_SCALAR && strcmp(other->text, id->text) == 0) {
            yg_report_error(build->report, &id->place, "%s: \"%.60s\" is the %s of another %s",
                            build->path, id->text, option->table->id, option->table->name);
            return;
        }
    }
}

static int build_maps(struct build *build, const struct yg_option *option,
                      const struct yg_node *node, char *field)
{
    size_t num = 0;
    char *items;
    int rc = 0;

    if (!is_list(build, option, node))
        return 0;
    items = yg_arena_take_array(build->arena, node->num, option->table->size);
    if (items == NULL)
        return -ENOMEM;
    for (const struct yg_node *at = node->first; at != NULL && rc == 0; at = at->next, num++) {
        const size_t len = enter(build, "[%zu]", num);

        if (at->kind != YG_NODE_MAP)
            yg_report_error(build->report, &at->place, "%s: must be a map, not %s", build->path,
                            kind_text(at));
        check_id(build, option, node, at);
        rc = build_map(build, option->table, at->kind == YG_NODE_MAP ? at : NULL,
                       items + num * option->table->size);
        leave(build, len);
    }
    yg_value_set_items(field, items, num);
    return rc;
}

static int build_value(struct build *build, const struct yg_option *option,
                       const struct yg_node *node, char *field)
{
    switch (option->type) {
    case YG_TEXTS:
        return build_texts(build, option, node, field);
    case YG_WORDS:
        return build_words(build, option, node, field);
    case YG_PAIRS:
        return build_pairs(build, option, node, field);
    case YG_MAPS:
        return build_maps(build, option, node, field);
    case YG_MAP:
        if (node->kind == YG_NODE_MAP)
            return build_map(build, option->table, node, field);
        if (!is_nothing(node))
            refuse_kind(build, option, node);
        return 0;
    default:
        return build_scalar(build, option, node, field);
    }
}

int yg_build_fallback(struct yg_arena *arena, struct yg_report *report,
                      const struct yg_option *option, struct yg_node **ret_node)
{
    const char *text = option->fallback;

    *ret_node = NULL;
    if (text == NULL || option->type < YG_TEXTS)
        return 0;
    return yg_node_read(arena, report, text, strlen(text), &default_place, ret_node);
}

static int set_default(struct build *build, const struct yg_option *option, char *field)
{
    struct yg_node *node = NULL;
    char problem[256];
    int rc;

    if (option->type == YG_MAP)
        return build_map(build, option->table, NULL, field);
    if (option->type == YG_TEXT)
        *(const char **)(void *)field = option->fallback != NULL ? option->fallback : "";
    else if (option->type < YG_TEXTS && option->fallback != NULL)
        return yg_value_read(option, option->fallback, field, problem);
    rc = yg_build_fallback(build->arena, build->report, option, &node);
    return rc == 0 && node != NULL ? build_value(build, option, node, field) : rc;
}

/* The content of the file that "secret_file" names. */
static int build_twin(struct build *build, const struct yg_option *option,
                      const struct yg_node *node, char *field)
{
    struct yg_node content = *node;
    struct yg_text secret = {0};
    const char *path;
    int rc;

    if (node->kind != YG_NODE_SCALAR) {
        yg_report_error(build->report, &node->place, "%s: must be the path of a file", build->path);
        return 0;
    }
    if (*node->text == '\0')
        return 0;
    path = resolve(build, &node->place, node->text);
    rc = path != NULL ? yg_secret_read(path, &secret) : -ENOMEM;
    if (rc == 0) {
        content.text = yg_arena_copy(build->arena, secret.ptr, secret.len);
        rc = content.text != NULL ? build_scalar(build, option, &content, field) : -ENOMEM;
    } else if (rc != -ENOMEM) {
        yg_report_error(build->report, &node->place, "%s: %.100s: %s", build->path, node->text,
                        yg_file_strerror(rc));
        rc = 0;
    }
    yg_secret_done(&secret);
    return rc;
}

static void refuse_key(struct build *build, const struct yg_table *table,
                       const struct yg_node *node)
{
    const char *near = yg_table_nearest(table, node->key);

    if (near != NULL)
        yg_report_lax(build->report, &node->key_place,
                      "unknown key \"%.80s\" (did you mean \"%s\"?)", node->key, near);
    else
        yg_report_lax(build->report, &node->key_place, "unknown key \"%.80s\"", node->key);
}

static int build_key(struct build *build, const struct yg_table *table, const struct yg_node *map,
                     const struct yg_node *node, char *into)
{
    const struct yg_option *option = yg_table_find(table, node->key, strlen(node->key));
    const struct yg_option *twin = option == NULL ? yg_table_find_twin(table, node->key) : NULL;
    size_t len;
    int rc;

    if (option == NULL && twin == NULL) {
        refuse_key(build, table, node);
        return 0;
    }
    len = enter(build, "%s", node->key);
    if (twin != NULL && yg_node_get(map, twin->name) != NULL)
        yg_report_error(build->report, &node->key_place, "%s: \"%s\" is set, too", build->path,
                        twin->name);
    if (twin != NULL)
        rc = build_twin(build, twin, node, into + twin->offset);
    else
        rc = build_value(build, option, node, into + option->offset);
    leave(build, len);
    return rc;
}

/* Texts that must be set: an empty one was refused when it was read. */
static void check_needed(struct build *build, const struct yg_table *table,
                         const struct yg_node *map)
{
    for (size_t i = 0; i < table->num; i++) {
        const struct yg_option *option = &table->options[i];
        const struct yg_node *twin = NULL;
        char name[80];

        if ((option->flags & YG_NEEDED) == 0 || option->fallback != NULL)
            continue;
        snprintf(name, sizeof(name), "%s_file", option->name);
        twin = yg_node_get(map, name);
        if (yg_node_get(map, option->name) == NULL &&
            (twin == NULL || twin->kind != YG_NODE_SCALAR || *twin->text == '\0'))
            yg_report_error(build->report, &map->place, "%s: \"%s\" is missing", build->path,
                            option->name);
    }
}

static int build_map(struct build *build, const struct yg_table *table, const struct yg_node *node,
                     char *into)
{
    int rc = 0;

    for (size_t i = 0; i < table->num && rc == 0; i++)
        rc = set_default(build, &table->options[i], into + table->options[i].offset);
    if (rc < 0 || node == NULL)
        return rc;
    for (const struct yg_node *at = node->first; at != NULL && rc == 0; at = at->next)
        rc = build_key(build, table, node, at, into);
    check_needed(build, table, node);
    return rc;
}

int yg_build(struct yg_arena *arena, struct yg_report *report, const struct yg_table *table,
             const struct yg_node *tree, void *into)
{
    struct build build = {.arena = arena, .report = report};
    int rc = 0;

    if (tree != NULL && tree->kind != YG_NODE_MAP)
        yg_report_error(report, &tree->place, "a configuration is a map, not %s", kind_text(tree));
    else
        rc = build_map(&build, table, tree, into);
    return rc == 0 && report->failed ? -ENOMEM : rc;
}
