/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "config/check.h"

/* Paths of the server: that each is one, and that no two are the same request's. */

#define MAX_PATHS 210 /* 100 of WebSockets, 100 of events, and the program's own */
#define MAX_PARAMETERS 32

struct path {
    char name[40]; /* of its option */
    struct yg_place place;
    const char *text;
    bool has_below; /* it has all paths below it, too */
};

struct paths {
    const struct yg_check *check;
    size_t num;
    struct path items[MAX_PATHS];
};

/* ---- one path ---- */

static bool is_plain(const char *path)
{
    const size_t len = strlen(path);

    return len > 1 && path[0] == '/' && path[len - 1] != '/' &&
           strpbrk(path, " \t\r\n?#{}") == NULL;
}

/* A parameter: {name}, {name:int} or {name...}.  Returns its length, 0 when it is none. */
static size_t parameter(const char *text)
{
    const size_t name = strspn(text + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789_");
    static const char *const ends[] = {"}", ":int}", "...}"};

    for (size_t i = 0; name > 0 && i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (strncmp(text + 1 + name, ends[i], strlen(ends[i])) == 0)
            return 1 + name + strlen(ends[i]);
    }
    return 0;
}

/* The next segment, which begins with a slash; false at the end. */
static bool next(const char **at, const char **ret_segment, size_t *ret_len)
{
    if (**at != '/')
        return false;
    *ret_segment = *at + 1;
    *ret_len = strcspn(*ret_segment, "/");
    *at = *ret_segment + *ret_len;
    return true;
}

static bool is_same_name(const char *a, const char *b)
{
    const size_t len = strcspn(a + 1, ":.}");

    return len == strcspn(b + 1, ":.}") && memcmp(a + 1, b + 1, len) == 0;
}

/* What is wrong with a pattern, or NULL. */
static const char *wrong_pattern(const char *path)
{
    const char *names[MAX_PARAMETERS];
    const char *at = path, *segment;
    size_t len, num = 0;

    if (path[0] != '/')
        return "must begin with a slash";
    if (strpbrk(path, " \t\r\n?#") != NULL)
        return "has a blank, a ? or a #";
    while (next(&at, &segment, &len)) {
        if (memchr(segment, '{', len) == NULL && memchr(segment, '}', len) == NULL)
            continue;
        if (segment[0] != '{' || parameter(segment) != len || num == MAX_PARAMETERS)
            return "has braces that are no segment such as {room}";
        if (segment[len - 2] == '.' && *at != '\0')
            return "has a {name...} that is not its end";
        for (size_t i = 0; i < num; i++) {
            if (is_same_name(names[i], segment))
                return "has two segments of the same name";
        }
        names[num++] = segment;
    }
    return NULL;
}

/* ---- all of them ---- */

/* Whether the router has one place for both: it tells {a} from {a:int}, but not from {b}. */
static bool is_same_segment(const char *a, size_t a_len, const char *b, size_t b_len)
{
    if (a_len > 0 && b_len > 0 && a[0] == '{' && b[0] == '{') {
        const char *a_end = a + strcspn(a, ":.}"), *b_end = b + strcspn(b, ":.}");

        return *a_end == *b_end;
    }
    return a_len == b_len && memcmp(a, b, a_len) == 0;
}

/* Whether one has all requests of the other: outer is it or, where it has what is below, above it.
 */
static bool covers(const struct path *outer, const struct path *inner)
{
    const char *a = outer->text, *b = inner->text, *a_segment, *b_segment;
    size_t a_len, b_len;

    for (;;) {
        const bool a_more = next(&a, &a_segment, &a_len), b_more = next(&b, &b_segment, &b_len);

        if (!a_more || (outer->has_below && a_len == 0 && *a == '\0'))
            return !b_more || outer->has_below;
        if (!b_more || !is_same_segment(a_segment, a_len, b_segment, b_len))
            return false;
    }
}

static void add(struct paths *paths, struct yg_place place, const char *name, const char *text,
                bool has_below)
{
    struct path *path = &paths->items[paths->num];

    if (paths->num == MAX_PATHS)
        return;
    *path = (struct path){.place = place, .text = text, .has_below = has_below};
    snprintf(path->name, sizeof(path->name), "%s", name);
    for (size_t i = 0; i < paths->num; i++) {
        const struct path *other = &paths->items[i];

        if (!covers(other, path) && !covers(path, other))
            continue;
        yg_report_error(paths->check->report, &place, "%s: \"%.100s\" is of %s, too", name, text,
                        other->name);
        return;
    }
    paths->num++;
}

static void add_plain(struct paths *paths, const char *section, const char *text)
{
    const struct yg_place place = yg_check_place(paths->check, section, "path", NULL);
    char name[40];

    snprintf(name, sizeof(name), "%s.path", section);
    if (is_plain(text))
        add(paths, place, name, text, strcmp(section, "health") == 0);
    else
        yg_report_error(paths->check->report, &place, "%s.path: must be a path, such as /%s",
                        section, section);
}

static void add_pattern(struct paths *paths, const char *list, size_t n, const char *text)
{
    const struct yg_place place = yg_check_item(paths->check, list, n, "path");
    const char *wrong = wrong_pattern(text);
    char name[40];

    snprintf(name, sizeof(name), "%s[%zu].path", list, n);
    if (wrong == NULL)
        add(paths, place, name, text, false);
    else
        yg_report_error(paths->check->report, &place, "%s: %s", name, wrong);
}

void yg_check_paths(const struct yg_check *check)
{
    const struct yg_config *config = check->config;
    struct paths paths = {.check = check};

    add(&paths, yg_check_place(check, "api", NULL), "the API", "/api/v1", true);
    add(&paths, yg_check_place(check, "socketio", "path", NULL), "socketio.path",
        config->socketio.path, true);
    add_plain(&paths, "metrics", config->metrics.path);
    add_plain(&paths, "health", config->health.path);
    for (size_t i = 0; i < config->websockets.num; i++)
        add_pattern(&paths, "websockets", i, config->websockets.items[i].path);
    for (size_t i = 0; i < config->events.num; i++)
        add_pattern(&paths, "events", i, config->events.items[i].path);
}
