/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/problem.h"
#include "config/show.h"

/*
 * Parts of manual pages, as scdoc, for the build:
 *
 *     pages options    all options, of the table of options
 *     pages problems   all problems, of the table of problems
 *     pages help       what `yodel COMMAND --help` says, from standard input
 *     pages fill PAGE MARK FILE...   a page in which a line that is MARK stands for the files
 */

/* What scdoc would take for something else; `starts`: at the beginning of a line. */
static void put(const char *text, size_t len, bool starts)
{
    for (size_t i = 0; i < len; i++) {
        if (strchr("\\*_`", text[i]) != NULL || (starts && i == 0 && strchr("-.#;|[]:", text[i])))
            putchar('\\');
        putchar(text[i]);
    }
}

static void put_line(const char *text, size_t len)
{
    put(text, len, true);
    putchar('\n');
}

/* ---- options ---- */

static const char *member(const json_t *option, const char *name)
{
    return json_string_value(json_object_get(option, name));
}

/* "A word: close, drop" */
static void put_type(const json_t *option)
{
    const char *type = member(option, "type"), *words = member(option, "words");

    printf("%c", toupper((unsigned char)*type));
    put(type + 1, strlen(type + 1), false);
    while (words != NULL && *words != '\0') {
        const size_t len = strcspn(words, " ");

        printf("%s", words == member(option, "words") ? ": " : ", ");
        put(words, len, false);
        words += len + strspn(words + len, " ");
    }
}

static void put_fact(const char *name, const char *value)
{
    if (value == NULL)
        return;
    printf("; %s ", name);
    put(value, strlen(value), false);
}

/* A map, or a list of maps: its options follow. */
static bool is_section(const json_t *option)
{
    return strstr(member(option, "type"), "map") != NULL &&
           strcmp(member(option, "type"), yg_type_text(YG_PAIRS)) != 0;
}

static void put_option(const json_t *option)
{
    const char *key = member(option, "key"), *doc = member(option, "doc");

    if (is_section(option) && strchr(key, '.') == NULL) {
        printf("## %s\n\n", key);
        put_line(doc, strlen(doc));
    } else {
        printf("*");
        put(key, strlen(key), false);
        printf("*\n\t");
        put(doc, strlen(doc), true);
        puts(is_section(option) ? "" : "++");
    }
    if (!is_section(option)) {
        put_type(option);
        put_fact("from", member(option, "bounds"));
        put_fact("default", member(option, "default"));
        printf("; %s.\n", json_is_true(json_object_get(option, "live")) ? "changed by a reload"
                                                                        : "needs a restart");
    }
    putchar('\n');
}

static int put_options(void)
{
    struct yg_text text = {0};
    const char *near;
    json_t *list;

    if (yg_explain(&text, "", true, &near) != 0 || yg_text_failed(&text))
        return 1;
    list = json_loads(text.ptr, 0, NULL);
    for (size_t i = 0; i < json_array_size(list); i++)
        put_option(json_array_get(list, i));
    json_decref(list);
    yg_text_done(&text);
    return 0;
}

/* ---- problems ---- */

static int put_problems(void)
{
    for (unsigned i = 1; i < YG_NUM_PROBLEMS; i++) {
        const enum yg_problem problem = (enum yg_problem)i;
        const char *code = yg_problem_code(problem), *title = yg_problem_title(problem);

        printf("*");
        put(code, strlen(code), false);
        printf("*, %d\n\t", yg_problem_status(problem));
        put(title, strlen(title), true);
        printf(".\n\n");
    }
    return 0;
}

/* ---- help ---- */

/* Where the columns are in a line of an option: "  --name ARGUMENT   what it is for".  0: nowhere,
 * as in a sentence whose end has two blanks. */
static size_t find_gap(const char *line)
{
    const char *gap = strstr(line, "  ");

    while (gap != NULL && strchr(".:;", gap[-1]) != NULL)
        gap = strstr(gap + strspn(gap, " "), "  ");
    return gap != NULL && gap[strspn(gap, " ")] != '\0' ? (size_t)(gap - line) : 0;
}

static void put_term(const char *line, size_t len)
{
    printf("\n*");
    put(line, len, false);
    printf("*\n");
}

static void put_text(const char *line)
{
    putchar('\t');
    put_line(line, strlen(line));
}

/* One line of help; returns whether what is indented beneath it belongs to it. */
static bool put_help_line(const char *line, size_t indent, bool in_term)
{
    const size_t gap = find_gap(line);

    if (in_term && indent >= 5) {
        put_text(line);
        return true;
    }
    if (gap > 0 && (*line == '-' || islower((unsigned char)*line))) {
        put_term(line, gap);
        put_text(line + gap + strspn(line + gap, " "));
        return true;
    }
    if (indent > 0 && strncmp(line, "--", 2) == 0) {
        put_term(line, strlen(line));
        return true;
    }
    if (in_term)
        putchar('\n');
    put_line(line, strlen(line));
    return false;
}

/* The line behind "usage: ", which may go on beneath. */
static const char *usage_of(const char *line)
{
    return strncmp(line, "usage: ", 7) == 0 || strncmp(line, "Usage: ", 7) == 0 ? line + 7 : NULL;
}

static void cut_blanks(char *line)
{
    size_t len = strcspn(line, "\n");

    while (len > 0 && line[len - 1] == ' ')
        len--;
    line[len] = '\0';
}

static int put_help(void)
{
    enum { USAGE, TERM, TEXT } in = TEXT;
    char line[1000];

    while (fgets(line, sizeof(line), stdin) != NULL) {
        const char *text = line + strspn(line, " ");
        const size_t indent = (size_t)(text - line);

        cut_blanks(line);
        if (usage_of(line) != NULL || (in == USAGE && indent >= 10)) {
            text = in == USAGE ? text : usage_of(line);
            put_line(text, strlen(text));
            in = USAGE;
            continue;
        }
        if (in == USAGE || *text == '\0')
            putchar('\n');
        if (*text == '\0')
            in = TEXT;
        else
            in = put_help_line(text, indent, in == TERM) ? TERM : TEXT;
    }
    return 0;
}

/* ---- pages ---- */

static int copy(const char *path)
{
    char part[4096];
    FILE *file = fopen(path, "r");
    size_t num;

    if (file == NULL) {
        perror(path);
        return 1;
    }
    while ((num = fread(part, 1, sizeof(part), file)) > 0)
        fwrite(part, 1, num, stdout);
    fclose(file);
    return 0;
}

static int fill(const char *page, const char *mark, char **files)
{
    char line[1000];
    FILE *file = fopen(page, "r");
    int rc = 0;

    if (file == NULL) {
        perror(page);
        return 1;
    }
    while (rc == 0 && fgets(line, sizeof(line), file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strcmp(line, mark) != 0)
            puts(line);
        for (char **at = files; rc == 0 && strcmp(line, mark) == 0 && *at != NULL; at++)
            rc = copy(*at);
    }
    fclose(file);
    return rc;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "options") == 0)
        return put_options();
    if (argc == 2 && strcmp(argv[1], "problems") == 0)
        return put_problems();
    if (argc == 2 && strcmp(argv[1], "help") == 0)
        return put_help();
    if (argc > 3 && strcmp(argv[1], "fill") == 0)
        return fill(argv[2], argv[3], argv + 4);
    return 64;
}
