/* SPDX-License-Identifier: MIT */
#include "config/show.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "config/build.h"
#include "config/value.h"

struct show {
    struct yg_text *text;
    struct yg_arena arena; /* of the defaults of items */
    enum yg_show_form form;
    bool changed_only;
    bool failed;
};

static void put_table(struct show *show, const struct yg_table *table, const char *from,
                      const char *defaults, unsigned indent, const char *path);

/* ---- values on one line, the same in YAML and in JSON but for what needs no quotes in YAML ----
 */

static void put_scalar(struct show *show, const struct yg_option *option, const void *from)
{
    struct yg_text value = {0};
    const char *text;

    yg_value_put(&value, option, from, false);
    text = yg_text_string(&value);
    if (show->form != YG_SHOW_JSON || *text == '"' || option->type == YG_BOOL ||
        (option->type == YG_COUNT && strcmp(text, "auto") != 0))
        yg_text_add(show->text, text, value.len);
    else
        yg_text_put_json(show->text, text, value.len);
    show->failed |= yg_text_failed(&value);
    yg_text_done(&value);
}

static void put_texts(struct show *show, const void *from)
{
    size_t num;
    const char *const *items = yg_value_items(from, &num);

    for (size_t i = 0; i < num; i++) {
        yg_text_puts(show->text, i > 0 ? ", " : "");
        yg_text_put_json(show->text, items[i], strlen(items[i]));
    }
}

static void put_words(struct show *show, const struct yg_option *option, uint32_t bits)
{
    const unsigned num = yg_option_num_words(option);
    bool is_first = true;
    size_t len = 0;

    for (unsigned i = 0; i < num; i++) {
        const char *word = yg_option_word(option, i, &len);

        if ((bits >> i & 1) == 0)
            continue;
        yg_text_puts(show->text, is_first ? "" : ", ");
        yg_text_put_json(show->text, word, len);
        is_first = false;
    }
}

static void put_pairs(struct show *show, const struct yg_option *option, const void *from)
{
    size_t num;
    const struct yg_pair *items = yg_value_items(from, &num);

    for (size_t i = 0; i < num; i++) {
        const char *value = (option->flags & YG_SECRET) != 0 ? "****" : items[i].value;

        yg_text_puts(show->text, i > 0 ? ", " : "");
        yg_text_put_json(show->text, items[i].name, strlen(items[i].name));
        yg_text_puts(show->text, ": ");
        yg_text_put_json(show->text, value, strlen(value));
    }
}

static void put_value(struct show *show, const struct yg_option *option, const void *from)
{
    switch (option->type) {
    case YG_TEXTS:
        yg_text_putc(show->text, '[');
        put_texts(show, from);
        yg_text_putc(show->text, ']');
        break;
    case YG_WORDS:
        yg_text_putc(show->text, '[');
        put_words(show, option, *(const uint32_t *)from);
        yg_text_putc(show->text, ']');
        break;
    case YG_PAIRS:
        yg_text_putc(show->text, '{');
        put_pairs(show, option, from);
        yg_text_putc(show->text, '}');
        break;
    default:
        put_scalar(show, option, from);
    }
}

/* ---- lists of maps ---- */

/* What an item is by default; NULL when out of memory. */
static const char *default_item(struct show *show, const struct yg_table *table)
{
    struct yg_report report = {.arena = &show->arena};
    char *item = yg_arena_take(&show->arena, table->size);

    if (item == NULL || yg_build(&show->arena, &report, table, NULL, item) < 0) {
        show->failed = true;
        return NULL;
    }
    return item;
}

/* Where an item is from outside of a file: "listen.0". */
static const char *item_path(struct show *show, const char *path, size_t n)
{
    const char *name =
        yg_arena_format(&show->arena, "%s%s%zu", path, show->form == YG_SHOW_ENV ? "__" : ".", n);

    show->failed |= name == NULL;
    return name;
}

static void put_items(struct show *show, const struct yg_option *option, const char *from,
                      unsigned indent, const char *path)
{
    const struct yg_table *table = option->table;
    const char *defaults = default_item(show, table);
    size_t num;
    const char *items = yg_value_items(from, &num);

    for (size_t i = 0; i < num && defaults != NULL && !show->failed; i++) {
        const char *name = item_path(show, path, i);

        if (show->form == YG_SHOW_YAML)
            yg_text_printf(show->text, "%*s-\n", (int)indent, "");
        else if (show->form == YG_SHOW_JSON)
            yg_text_puts(show->text, i > 0 ? ", {" : "{");
        if (name != NULL)
            put_table(show, table, items + i * table->size, defaults, indent + 2, name);
        if (show->form == YG_SHOW_JSON)
            yg_text_putc(show->text, '}');
    }
}

/* ---- the three forms of a table ---- */

static bool is_nested(const struct yg_option *option)
{
    return option->type == YG_MAP || option->type == YG_MAPS;
}

static void put_nested(struct show *show, const struct yg_option *option, const char *from,
                       const char *defaults, unsigned indent, const char *path)
{
    if (option->type == YG_MAP)
        put_table(show, option->table, from, defaults, indent, path);
    else
        put_items(show, option, from, indent, path);
}

static void put_yaml(struct show *show, const struct yg_option *option, const char *from,
                     const char *defaults, unsigned indent)
{
    size_t num = 1;

    yg_text_printf(show->text, "%*s%s:", (int)indent, "", option->name);
    if (option->type == YG_MAPS)
        (void)yg_value_items(from, &num);
    if (!is_nested(option) || num == 0) {
        yg_text_putc(show->text, ' ');
        if (num == 0)
            yg_text_puts(show->text, "[]");
        else
            put_value(show, option, from);
        yg_text_putc(show->text, '\n');
        return;
    }
    yg_text_putc(show->text, '\n');
    put_nested(show, option, from, defaults, indent + 2, "");
}

static void put_json(struct show *show, const struct yg_option *option, const char *from,
                     const char *defaults, bool is_first)
{
    yg_text_printf(show->text, "%s\"%s\": ", is_first ? "" : ", ", option->name);
    if (!is_nested(option)) {
        put_value(show, option, from);
        return;
    }
    yg_text_putc(show->text, option->type == YG_MAP ? '{' : '[');
    put_nested(show, option, from, defaults, 0, "");
    yg_text_putc(show->text, option->type == YG_MAP ? '}' : ']');
}

static void put_env(struct show *show, const struct yg_option *option, const char *from,
                    const char *defaults, const char *path)
{
    const char *name =
        yg_arena_format(&show->arena, "%s%s%s", path, *path != '\0' ? "__" : "", option->name);

    if (name == NULL) {
        show->failed = true;
        return;
    }
    if (is_nested(option)) {
        put_nested(show, option, from, defaults, 0, name);
        return;
    }
    yg_text_puts(show->text, "YODEL_");
    for (const char *at = name; *at != '\0'; at++)
        yg_text_putc(show->text, (char)toupper((unsigned char)*at));
    yg_text_putc(show->text, '=');
    if (option->type >= YG_TEXTS) {
        yg_text_putc(show->text, '\'');
        put_value(show, option, from);
        yg_text_putc(show->text, '\'');
    } else {
        put_value(show, option, from);
    }
    yg_text_putc(show->text, '\n');
}

static void put_table(struct show *show, const struct yg_table *table, const char *from,
                      const char *defaults, unsigned indent, const char *path)
{
    bool is_first = true;

    for (size_t i = 0; i < table->num; i++) {
        const struct yg_option *option = &table->options[i];
        const char *at = from + option->offset, *by_default = defaults + option->offset;

        if (show->changed_only && yg_value_equal(option, at, by_default))
            continue;
        if (show->form == YG_SHOW_YAML)
            put_yaml(show, option, at, by_default, indent);
        else if (show->form == YG_SHOW_JSON)
            put_json(show, option, at, by_default, is_first);
        else
            put_env(show, option, at, by_default, path);
        is_first = false;
    }
}

int yg_show(struct yg_text *text, const struct yg_config *config, enum yg_show_form form,
            bool changed_only)
{
    struct show show = {.text = text, .form = form, .changed_only = changed_only};
    const char *defaults = default_item(&show, &yg_table_root);

    if (form == YG_SHOW_JSON)
        yg_text_putc(text, '{');
    if (defaults != NULL)
        put_table(&show, &yg_table_root, (const char *)config, defaults, 0, "");
    if (form == YG_SHOW_JSON)
        yg_text_puts(text, "}\n");
    yg_arena_wipe(&show.arena);
    return show.failed || yg_text_failed(text) ? -ENOMEM : 0;
}

void yg_show_starter(struct yg_text *text, const char *jwt_file, const char *webhook_file,
                     const char *key_sha256)
{
    yg_text_printf(
        text,
        "# The configuration of yodel.  `yodel config explain` tells all options, and\n"
        "# `yodel config check -c FILE` whether this file is right.\n"
        "listen:\n"
        "  - {name: public, address: \"localhost:8000\", serve: [clients]}\n"
        "  - {name: internal, address: \"localhost:8001\", serve: [api, metrics, health, admin]}\n"
        "\n"
        "# Pages that may connect: those of this host, or \"https://www.example.com\".\n"
        "clients:\n"
        "  origins: [same]\n"
        "\n"
        "# Clients show a token that your back end has signed with the secret in this file.\n"
        "auth:\n"
        "  methods: [jwt]\n"
        "  jwt:\n"
        "    algorithms: [HS256]\n"
        "    keys:\n"
        "      - {kid: first, secret_file: %s}\n"
        "\n"
        "namespaces:\n"
        "  - {name: /, auth: required}\n"
        "\n"
        "# Where your back end is told of clients and their events; name it in a namespace:\n"
        "# webhooks:\n"
        "#   - {name: main, url: \"http://127.0.0.1:5000/yodel\", secret_file: %s}\n"
        "\n"
        "# Who may use the API: the key itself is in the file api.key.\n"
        "api:\n"
        "  keys:\n"
        "    - {name: first, sha256: %s, scopes: [emit, rooms, read]}\n",
        jwt_file, webhook_file, key_sha256);
}
