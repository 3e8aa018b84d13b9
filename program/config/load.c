/* SPDX-License-Identifier: MIT */
#include "config/load.h"

#include <errno.h>
#include <glob.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "config/build.h"
#include "config/check.h"
#include "config/layer.h"
#include "config/place.h"

#define MAX_INCLUDES 100

/* The struct that others see is the beginning of what is counted and freed. */
struct loaded {
    struct yg_config config;
    atomic_uint refs;
    struct yg_arena arena;
    const struct yg_node *tree; /* what it was made of, for the places */
};

struct loading {
    struct loaded *loaded;
    struct yg_report *report;
    struct yg_node *tree;
};

static struct loaded *loaded_of(const struct yg_config *config)
{
    return (struct loaded *)(void *)config;
}

const struct yg_config *yg_config_ref(const struct yg_config *config)
{
    atomic_fetch_add_explicit(&loaded_of(config)->refs, 1, memory_order_relaxed);
    return config;
}

const struct yg_config *yg_config_unref(const struct yg_config *config)
{
    if (config != NULL &&
        atomic_fetch_sub_explicit(&loaded_of(config)->refs, 1, memory_order_acq_rel) == 1) {
        yg_arena_wipe(&loaded_of(config)->arena);
        free(loaded_of(config));
    }
    return NULL;
}

const struct yg_webhook *yg_config_webhook(const struct yg_config *config, const char *name)
{
    for (size_t i = 0; i < config->webhooks.num; i++) {
        if (strcmp(config->webhooks.items[i].name, name) == 0)
            return &config->webhooks.items[i];
    }
    return NULL;
}

struct yg_place yg_config_place(const struct yg_config *config, const char *path)
{
    const struct yg_node *node = yg_node_find(loaded_of(config)->tree, path);

    return node != NULL ? node->place : (struct yg_place){.source = YG_PLACE_DEFAULT};
}

/* ---- files ---- */

static int read_text(struct loading *loading, const char *text, size_t len,
                     const struct yg_place *from, struct yg_node **ret_tree)
{
    int rc = yg_node_read(&loading->loaded->arena, loading->report, text, len, from, ret_tree);

    if (rc < 0 || (*ret_tree)->kind == YG_NODE_MAP)
        return rc;
    if ((*ret_tree)->kind == YG_NODE_SCALAR && (*ret_tree)->text[0] == '\0') {
        (*ret_tree)->kind = YG_NODE_MAP; /* only "---", say */
        return 0;
    }
    yg_report_error(loading->report, &(*ret_tree)->place, "a configuration is a map of options");
    return -EINVAL;
}

/* read: yg_file_read(), or yg_file_read_ordinary(). */
static int read_file(struct loading *loading, const char *path,
                     int (*read)(const char *path, size_t max, struct yg_text *into),
                     struct yg_node **ret_tree)
{
    struct yg_place from = {.source = path, .line = 1, .column = 1};
    struct yg_text text = {0};
    int rc = read(path, YG_FILE_MAX, &text);

    if (rc == 0) {
        from.source = yg_arena_dup(&loading->loaded->arena, path);
        rc = from.source != NULL
                 ? read_text(loading, yg_text_string(&text), text.len, &from, ret_tree)
                 : -ENOMEM;
    } else if (rc != -ENOMEM) {
        from.line = 0;
        yg_report_error(loading->report, &from, "cannot be read: %s", yg_file_strerror(rc));
        rc = -EINVAL;
    }
    yg_secret_done(&text);
    return rc;
}

static int include_file(struct loading *loading, const char *path)
{
    struct yg_node *tree, *nested;
    int rc = read_file(loading, path, yg_file_read_ordinary, &tree);

    if (rc < 0)
        return rc;
    nested = yg_node_get(tree, "include");
    if (nested != NULL)
        yg_report_error(loading->report, &nested->key_place,
                        "include: a file that is included cannot include others");
    yg_node_remove(tree, "include");
    yg_layer_merge(&yg_table_root, loading->tree, tree);
    return 0;
}

/* The files of a pattern, in the order of their names. */
static int include_pattern(struct loading *loading, const struct yg_node *node, const char *pattern)
{
    glob_t found;
    int rc = glob(pattern, GLOB_ERR, NULL, &found);

    if (rc == GLOB_NOSPACE)
        return -ENOMEM;
    if (rc == GLOB_NOMATCH && strpbrk(node->text, "*?[") != NULL)
        return 0;
    if (rc != 0) {
        yg_report_error(loading->report, &node->place, "include: %.200s: %s", node->text,
                        rc == GLOB_NOMATCH ? "there is no such file" : "cannot be read");
        return 0;
    }
    if (found.gl_pathc > MAX_INCLUDES)
        yg_report_error(loading->report, &node->place, "include: more than %d files", MAX_INCLUDES);
    for (size_t i = 0; i < found.gl_pathc && i < MAX_INCLUDES && rc != -ENOMEM; i++)
        rc = include_file(loading, found.gl_pathv[i]);
    globfree(&found);
    return rc == -ENOMEM ? rc : 0;
}

static int include(struct loading *loading, const char *path)
{
    const struct yg_node *list = yg_node_get(loading->tree, "include");
    const char *slash = strrchr(path, '/');
    int rc = 0;

    if (list == NULL || list->kind != YG_NODE_LIST)
        return 0;
    if (list->num > MAX_INCLUDES) {
        yg_report_error(loading->report, &list->place, "include: more than %d files", MAX_INCLUDES);
        return 0;
    }
    for (const struct yg_node *at = list->first; at != NULL && rc == 0; at = at->next) {
        const char *pattern = at->text;

        if (at->kind != YG_NODE_SCALAR || *pattern == '\0')
            continue;
        if (*pattern != '/' && slash != NULL)
            pattern = yg_arena_format(&loading->loaded->arena, "%.*s/%s", (int)(slash - path), path,
                                      pattern);
        rc = pattern != NULL ? include_pattern(loading, at, pattern) : -ENOMEM;
    }
    return rc;
}

/* ---- layers ---- */

static int begin(struct loading *loading, const struct yg_load *load)
{
    static const char open_to_all[] = "namespaces: [{name: /, auth: none}]";
    const struct yg_place from = {.source = YG_PLACE_DEFAULT};
    int rc;

    if (load->path == NULL)
        return read_text(loading, open_to_all, sizeof(open_to_all) - 1, &from, &loading->tree);
    rc = read_file(loading, load->path, yg_file_read, &loading->tree);
    return rc == 0 ? include(loading, load->path) : rc;
}

/* Lists with a default are there for those who set a part of them from outside. */
static int add_lists(struct loading *loading)
{
    int rc = 0;

    for (size_t i = 0; i < yg_table_root.num && rc == 0; i++) {
        const struct yg_option *option = &yg_table_root.options[i];
        struct yg_node *node = NULL;

        if (option->type != YG_MAPS || yg_node_get(loading->tree, option->name) != NULL)
            continue;
        rc = yg_build_fallback(&loading->loaded->arena, loading->report, option, &node);
        if (rc < 0 || node == NULL)
            continue;
        node->key = option->name;
        node->key_place = node->place;
        yg_node_append(loading->tree, node);
    }
    return rc;
}

static int add_layers(struct loading *loading, const struct yg_load *load)
{
    const struct yg_layer layer = {
        .arena = &loading->loaded->arena, .report = loading->report, .root = loading->tree};
    int rc = add_lists(loading);

    if (rc == 0)
        rc = yg_layer_env(&layer, load->env);
    for (size_t i = 0; i < load->num_sets && rc == 0; i++)
        rc = yg_layer_set(&layer, load->sets[i]);
    return rc;
}

static int finish(struct loading *loading)
{
    struct yg_report *report = loading->report;
    int rc;

    loading->loaded->tree = loading->tree;
    rc = yg_build(&loading->loaded->arena, report, &yg_table_root, loading->tree,
                  &loading->loaded->config);
    /* What is not read right need not fit anything. */
    if (rc == 0 && report->num_errors == 0)
        yg_check(&loading->loaded->config, loading->tree, report);
    if (rc == 0 && report->failed)
        return -ENOMEM;
    return rc == 0 && report->num_errors > 0 ? -EINVAL : rc;
}

static struct loaded *new_loaded(void)
{
    struct loaded *loaded = calloc(1, sizeof(*loaded));

    if (loaded != NULL)
        atomic_init(&loaded->refs, 1);
    return loaded;
}

/* An error that could not be noted is want of memory. */
static int end(struct loading *loading, int rc, const struct yg_config **ret_config)
{
    if (rc == 0) {
        *ret_config = &loading->loaded->config;
        return 0;
    }
    yg_config_unref(&loading->loaded->config);
    return loading->report->failed ? -ENOMEM : rc;
}

int yg_config_load(const struct yg_load *load, struct yg_report *report,
                   const struct yg_config **ret_config)
{
    struct loading loading = {.loaded = new_loaded(), .report = report};
    int rc;

    report->lax = load->lax;
    if (loading.loaded == NULL)
        return -ENOMEM;
    rc = begin(&loading, load);
    if (rc == 0)
        rc = add_layers(&loading, load);
    if (rc == 0)
        rc = finish(&loading);
    return end(&loading, rc, ret_config);
}

int yg_config_read(const char *text, size_t len, const char *source, bool lax,
                   struct yg_report *report, const struct yg_config **ret_config)
{
    struct loading loading = {.loaded = new_loaded(), .report = report};
    struct yg_place from = {.line = 1, .column = 1};
    int rc;

    report->lax = lax;
    if (loading.loaded == NULL)
        return -ENOMEM;
    from.source = yg_arena_dup(&loading.loaded->arena, source);
    rc = from.source != NULL ? read_text(&loading, text, len, &from, &loading.tree) : -ENOMEM;
    if (rc == 0)
        rc = add_lists(&loading);
    if (rc == 0)
        rc = finish(&loading);
    return end(&loading, rc, ret_config);
}
