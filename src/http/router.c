/* SPDX-License-Identifier: MIT */
#include "http/router.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "http/path_pattern.h"
#include "http/regex.h"
#include "proto/http1.h"
#include "proto/url.h"

/* One handler of one method. */
struct route {
    struct route *next;
    yodel_str method; /* empty: every one */
    bool upgrade;
    yodel_http_fn *fn;
    void *user;
    struct yd_body_rule body;
    size_t num_names; /* of a path of segments, in their order */
    yodel_str *names;
    char *text; /* the pattern; method and names point into it */
};

/* The handlers of one path pattern. */
struct endpoint {
    struct route *routes;
};

/* A segment of the tree. */
struct node {
    struct node *next;     /* among its parent's literals */
    yodel_str literal;     /* owned */
    struct node *literals; /* children: one for each text */
    struct node *digits, *any;
    struct endpoint end;  /* patterns that end here */
    struct endpoint rest; /* patterns whose last segment takes all that follows */
};

struct pattern_route {
    struct pattern_route *next;
    struct yd_regex *regex;
    struct endpoint end; /* one route */
    yodel_str text;
};

struct yd_router {
    const struct yodel_allocator *mem;
    const struct yodel_log_sink *log;
    struct node root;
    struct pattern_route *patterns, **patterns_end;
    bool told_of_interpreter;
};

/* ---- building ---- */

struct yd_router *yd_router_new(const struct yodel_allocator *mem, const struct yodel_log_sink *log)
{
    struct yd_router *router = yd_zalloc(mem, sizeof *router);

    if (router == NULL)
        return NULL;
    router->mem = mem;
    router->log = log;
    router->patterns_end = &router->patterns;
    return router;
}

static void free_route(const struct yodel_allocator *mem, struct route *route)
{
    yd_free(mem, route->names);
    yd_free(mem, route->text);
    yd_free(mem, route);
}

static void free_endpoint(const struct yodel_allocator *mem, struct endpoint *endpoint)
{
    while (endpoint->routes != NULL) {
        struct route *next = endpoint->routes->next;

        free_route(mem, endpoint->routes);
        endpoint->routes = next;
    }
}

static void free_node(const struct yodel_allocator *mem, struct node *node);

/* What a node owns; as deep as the longest pattern. */
static void clear_node(const struct yodel_allocator *mem, struct node *node)
{
    free_endpoint(mem, &node->end);
    free_endpoint(mem, &node->rest);
    while (node->literals != NULL) {
        struct node *next = node->literals->next;

        free_node(mem, node->literals);
        node->literals = next;
    }
    free_node(mem, node->digits);
    free_node(mem, node->any);
}

static void free_node(const struct yodel_allocator *mem, struct node *node)
{
    if (node == NULL)
        return;
    clear_node(mem, node);
    yd_free(mem, (char *)node->literal.ptr);
    yd_free(mem, node);
}

static void free_pattern(const struct yodel_allocator *mem, struct pattern_route *pattern)
{
    free_endpoint(mem, &pattern->end);
    yd_regex_free(pattern->regex);
    yd_free(mem, (char *)pattern->text.ptr);
    yd_free(mem, pattern);
}

void yd_router_free(struct yd_router *router)
{
    if (router == NULL)
        return;
    clear_node(router->mem, &router->root);
    while (router->patterns != NULL) {
        struct pattern_route *next = router->patterns->next;

        free_pattern(router->mem, router->patterns);
        router->patterns = next;
    }
    yd_free(router->mem, router);
}

static struct node *find_literal(const struct node *node, yodel_str text)
{
    for (struct node *child = node->literals; child != NULL; child = child->next)
        if (yodel_str_eq(child->literal, text))
            return child;
    return NULL;
}

static struct node *add_literal(const struct yodel_allocator *mem, struct node *node,
                                yodel_str text)
{
    struct node *child = find_literal(node, text);

    if (child != NULL)
        return child;
    if ((child = yd_zalloc(mem, sizeof *child)) == NULL)
        return NULL;
    child->literal.len = text.len;
    if ((child->literal.ptr = yd_strndup(mem, text.ptr, text.len)) == NULL) {
        yd_free(mem, child);
        return NULL;
    }
    child->next = node->literals;
    node->literals = child;
    return child;
}

static struct node *add_param(const struct yodel_allocator *mem, struct node **child)
{
    if (*child == NULL)
        *child = yd_zalloc(mem, sizeof **child);
    return *child;
}

/* The endpoint of a pattern of segments; NULL when out of memory.  A branch without handlers that
 * a failure leaves behind does no harm. */
static struct endpoint *add_segments(struct yd_router *router, const struct yd_pattern *pattern)
{
    struct node *node = &router->root;

    for (size_t i = 0; i < pattern->num_segments && node != NULL; i++) {
        const struct yd_pattern_segment *segment = &pattern->segments[i];

        switch (segment->kind) {
        case YD_SEGMENT_LITERAL:
            node = add_literal(router->mem, node, segment->text);
            break;
        case YD_SEGMENT_INT:
            node = add_param(router->mem, &node->digits);
            break;
        case YD_SEGMENT_ANY:
            node = add_param(router->mem, &node->any);
            break;
        case YD_SEGMENT_REST:
            return &node->rest;
        }
    }
    return node != NULL ? &node->end : NULL;
}

static void tell_of_interpreter(struct yd_router *router)
{
    if (router->told_of_interpreter)
        return;
    router->told_of_interpreter = true;
    yd_log(router->log, YODEL_LOG_INFO,
           "patterns of routes are interpreted, not compiled: memory that is written and run is "
           "forbidden here");
}

static int new_pattern(struct yd_router *router, yodel_str text, struct pattern_route **ret_pattern)
{
    struct pattern_route *pattern = yd_zalloc(router->mem, sizeof *pattern);
    int rc = -ENOMEM;

    if (pattern == NULL)
        return rc;
    pattern->text = (yodel_str){yd_strndup(router->mem, text.ptr, text.len), text.len};
    if (pattern->text.ptr != NULL)
        rc = yd_regex_new(router->mem, router->log, text, &pattern->regex);
    if (rc >= 0 && yd_regex_is_interpreted(pattern->regex))
        tell_of_interpreter(router);
    if (rc < 0)
        free_pattern(router->mem, pattern);
    else
        *ret_pattern = pattern;
    return rc;
}

/* One entry a pattern, whatever its method, so that the order stays that of the first. */
static int add_pattern(struct yd_router *router, yodel_str text, struct endpoint **ret_endpoint)
{
    struct pattern_route *pattern;
    int rc;

    for (pattern = router->patterns; pattern != NULL; pattern = pattern->next)
        if (yodel_str_eq(pattern->text, text))
            break;
    if (pattern == NULL) {
        if ((rc = new_pattern(router, text, &pattern)) < 0)
            return rc;
        *router->patterns_end = pattern;
        router->patterns_end = &pattern->next;
    }
    *ret_endpoint = &pattern->end;
    return 0;
}

static int set_names(const struct yodel_allocator *mem, struct route *route,
                     const struct yd_pattern *pattern)
{
    if (pattern->num_segments == 0)
        return 0;
    route->names = yd_alloc_array(mem, pattern->num_segments, sizeof *route->names);
    if (route->names == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < pattern->num_segments; i++)
        if (pattern->segments[i].kind != YD_SEGMENT_LITERAL)
            route->names[route->num_names++] = pattern->segments[i].text;
    return 0;
}

static bool has_route(const struct endpoint *endpoint, yodel_str method, bool upgrade)
{
    for (const struct route *route = endpoint->routes; route != NULL; route = route->next)
        if (route->upgrade == upgrade && yodel_str_eq(route->method, method))
            return true;
    return false;
}

static int place(struct yd_router *router, struct route *route, const struct yd_pattern *pattern)
{
    struct endpoint *endpoint = NULL;
    int rc = 0;

    if (pattern->is_regex)
        rc = add_pattern(router, pattern->path, &endpoint);
    else if ((endpoint = add_segments(router, pattern)) == NULL)
        rc = -ENOMEM;
    if (rc < 0)
        return rc;
    if (has_route(endpoint, route->method, route->upgrade)) {
        yd_log(router->log, YODEL_LOG_ERROR, "pattern \"%s\": already registered", route->text);
        return YODEL_ERR_CONFLICT;
    }
    route->next = endpoint->routes;
    endpoint->routes = route;
    return 0;
}

static int parse(struct yd_router *router, const struct route *route, struct yd_pattern *pattern)
{
    const char *error;
    size_t offset = 0;
    int rc = yd_pattern_parse(yodel_str_of(route->text), pattern, &error, &offset);

    if (rc == 0 && route->upgrade && pattern->method.len > 0) {
        error = "the pattern of a WebSocket has no method";
        rc = YODEL_ERR_PATTERN;
    }
    if (rc < 0)
        yd_log(router->log, YODEL_LOG_ERROR, "pattern \"%s\": %s, at %zu", route->text, error,
               offset);
    return rc;
}

int yd_router_add(struct yd_router *router, const char *pattern, bool upgrade, yodel_http_fn *fn,
                  void *user)
{
    static const struct yd_body_rule usual = {.max = 0};

    return yd_router_add_with(router, pattern, upgrade, &usual, fn, user);
}

int yd_router_add_with(struct yd_router *router, const char *pattern, bool upgrade,
                       const struct yd_body_rule *body, yodel_http_fn *fn, void *user)
{
    struct route *route;
    struct yd_pattern parsed;
    int rc = -ENOMEM;

    if (pattern == NULL)
        return YODEL_ERR_PATTERN;
    if ((route = yd_zalloc(router->mem, sizeof *route)) == NULL)
        return rc;
    route->upgrade = upgrade;
    route->fn = fn;
    route->user = user;
    route->body = *body;
    if ((route->text = yd_strdup(router->mem, pattern)) == NULL)
        goto fail;
    if ((rc = parse(router, route, &parsed)) < 0)
        goto fail;
    route->method = parsed.method;
    if ((rc = set_names(router->mem, route, &parsed)) < 0)
        goto fail;
    if ((rc = place(router, route, &parsed)) == 0)
        return 0;
fail:
    free_route(router->mem, route);
    return rc;
}

/* ---- walking ---- */

struct segment {
    yodel_str text; /* decoded */
    size_t at;      /* where it begins in the raw path */
};

struct walk;

/* Looks at an endpoint that matches the path; other than 0 ends the walk with that result. */
typedef int(visit_fn)(struct walk *walk, const struct endpoint *endpoint);

struct walk {
    struct yd_arena *arena;
    yodel_str path;
    visit_fn *visit;
    void *user;
    struct segment segments[YD_PATTERN_SEGMENTS];
    size_t num_segments; /* all of them, or YD_PATTERN_SEGMENTS with more to follow */
    bool has_more;
    const struct yd_regex *regex; /* whose endpoint is visited; NULL: values are captures */
    yodel_str captures[YD_PATTERN_SEGMENTS];
    size_t num_captures;
    yodel_str *values;
};

/* A view of text or, when it has escapes, a decoded copy. */
static int decode(struct yd_arena *arena, yodel_str text, yodel_str *ret_text)
{
    ptrdiff_t len;
    char *copy;

    *ret_text = text;
    if (text.len == 0 || memchr(text.ptr, '%', text.len) == NULL)
        return 0;
    if ((copy = yd_arena_alloc(arena, text.len)) == NULL)
        return -ENOMEM;
    if ((len = yd_url_decode(text, copy, 0)) < 0)
        return (int)len;
    *ret_text = (yodel_str){copy, (size_t)len};
    return 0;
}

/* Cuts the path ahead of decoding, so that an encoded slash is none. */
static int cut_path(struct walk *walk)
{
    const char *begin = walk->path.ptr, *end = begin + walk->path.len;
    const char *p = begin;

    while (p < end) {
        struct segment *segment = &walk->segments[walk->num_segments];
        const char *from = p + 1;
        int rc;

        if (walk->num_segments == YD_PATTERN_SEGMENTS) {
            walk->has_more = true;
            return 0;
        }
        if ((p = memchr(from, '/', (size_t)(end - from))) == NULL)
            p = end;
        segment->at = (size_t)(from - begin);
        rc = decode(walk->arena, (yodel_str){from, (size_t)(p - from)}, &segment->text);
        if (rc < 0)
            return rc;
        walk->num_segments++;
    }
    return 0;
}

static bool is_int(yodel_str text)
{
    int64_t value = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, text.ptr[i] - '0', &value))
            return false;
    }
    return text.len > 0;
}

static bool is_dots(yodel_str text)
{
    return yodel_str_eq(text, YODEL_STR(".")) || yodel_str_eq(text, YODEL_STR(".."));
}

static bool is_param(yodel_str text)
{
    return text.len > 0 && !is_dots(text) && yd_utf8_is_valid(text.ptr, text.len);
}

/* What follows segment i can be a value: UTF-8 without dot segments. */
static bool is_rest(yodel_str text)
{
    const char *p = text.ptr, *end = p + text.len;

    while (p < end) {
        const char *slash = memchr(p, '/', (size_t)(end - p));
        const char *to = slash != NULL ? slash : end;

        if (is_dots((yodel_str){p, (size_t)(to - p)}))
            return false;
        p = to + 1;
    }
    return yd_utf8_is_valid(text.ptr, text.len);
}

static int visit_rest(struct walk *walk, const struct node *node, size_t i)
{
    size_t at = walk->segments[i].at;
    yodel_str raw = {walk->path.ptr + at, walk->path.len - at}, rest;
    int rc;

    if ((rc = decode(walk->arena, raw, &rest)) < 0)
        return rc;
    if (!is_rest(rest))
        return 0;
    walk->captures[walk->num_captures++] = rest;
    rc = walk->visit(walk, &node->rest);
    walk->num_captures--;
    return rc;
}

/* Segments from i on against node's children.  Each node is reached by one way only, so this takes
 * no longer than the tree is large. */
static int walk_node(struct walk *walk, const struct node *node, size_t i)
{
    yodel_str text;
    const struct node *child;
    int rc;

    if (i == walk->num_segments)
        return walk->has_more ? 0 : walk->visit(walk, &node->end);
    text = walk->segments[i].text;
    if ((child = find_literal(node, text)) != NULL && (rc = walk_node(walk, child, i + 1)) != 0)
        return rc;
    walk->captures[walk->num_captures++] = text;
    rc = 0;
    if (node->digits != NULL && is_int(text))
        rc = walk_node(walk, node->digits, i + 1);
    if (rc == 0 && node->any != NULL && is_param(text))
        rc = walk_node(walk, node->any, i + 1);
    walk->num_captures--;
    if (rc == 0 && node->rest.routes != NULL)
        rc = visit_rest(walk, node, i);
    return rc;
}

static int try_pattern(struct walk *walk, const struct pattern_route *pattern, yodel_str path)
{
    size_t num = yd_regex_num_names(pattern->regex);
    int rc;

    walk->values = yd_arena_alloc(walk->arena, num * sizeof *walk->values);
    if (walk->values == NULL)
        return -ENOMEM;
    if ((rc = yd_regex_match(pattern->regex, path, walk->values)) <= 0)
        return rc;
    walk->regex = pattern->regex;
    return walk->visit(walk, &pattern->end);
}

static int walk_patterns(struct walk *walk, const struct yd_router *router)
{
    yodel_str path;
    int rc;

    if (router->patterns == NULL)
        return 0;
    if ((rc = decode(walk->arena, walk->path, &path)) < 0)
        return rc;
    if (!yd_utf8_is_valid(path.ptr, path.len))
        return 0;
    for (const struct pattern_route *p = router->patterns; p != NULL; p = p->next)
        if ((rc = try_pattern(walk, p, path)) != 0)
            return rc;
    return 0;
}

static int walk_router(const struct yd_router *router, struct yd_arena *arena, yodel_str path,
                       visit_fn *visit, void *user)
{
    struct walk walk;
    int rc;

    walk.arena = arena;
    walk.path = path;
    walk.visit = visit;
    walk.user = user;
    walk.num_segments = 0;
    walk.has_more = false;
    walk.regex = NULL;
    walk.num_captures = 0;
    if (path.len == 0 || path.ptr[0] != '/')
        return 0;
    if ((rc = cut_path(&walk)) == 0 && (rc = walk_node(&walk, &router->root, 0)) == 0)
        rc = walk_patterns(&walk, router);
    return rc;
}

/* ---- finding ---- */

struct finding {
    yodel_str method; /* without bytes at all: an upgrade */
    struct yd_match *ret_match;
};

static const struct route *route_of(const struct endpoint *endpoint, yodel_str method)
{
    const struct route *any = NULL, *get = NULL;
    bool upgrade = method.ptr == NULL, is_head = yodel_str_eq(method, YODEL_STR("HEAD"));

    for (const struct route *route = endpoint->routes; route != NULL; route = route->next) {
        if (route->upgrade != upgrade)
            continue;
        if (route->method.len == 0)
            any = route;
        else if (yodel_str_eq(route->method, method))
            return route;
        else if (is_head && yodel_str_eq(route->method, YODEL_STR("GET")))
            get = route;
    }
    return get != NULL ? get : any;
}

static int set_params(const struct walk *walk, const struct route *route, struct yd_match *match)
{
    size_t num = walk->regex != NULL ? yd_regex_num_names(walk->regex) : walk->num_captures;
    const yodel_str *values = walk->regex != NULL ? walk->values : walk->captures;
    struct yd_param *params;

    match->params = NULL;
    match->num_params = num;
    if (num == 0)
        return 0;
    if ((params = yd_arena_alloc(walk->arena, num * sizeof *params)) == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < num; i++) {
        params[i].name = walk->regex != NULL ? yd_regex_name(walk->regex, i) : route->names[i];
        params[i].value = values[i];
    }
    match->params = params;
    return 0;
}

static int visit_to_find(struct walk *walk, const struct endpoint *endpoint)
{
    struct finding *finding = walk->user;
    const struct route *route = route_of(endpoint, finding->method);
    int rc;

    if (route == NULL)
        return 0;
    if ((rc = set_params(walk, route, finding->ret_match)) < 0)
        return rc;
    finding->ret_match->fn = route->fn;
    finding->ret_match->user = route->user;
    finding->ret_match->body = route->body;
    return 1;
}

int yd_router_find(const struct yd_router *router, struct yd_arena *arena, yodel_str method,
                   yodel_str path, struct yd_match *ret_match)
{
    struct yd_match match;
    struct finding finding = {method, &match};
    int rc = walk_router(router, arena, path, visit_to_find, &finding);

    if (rc == 1)
        *ret_match = match;
    return rc;
}

/* ---- methods ---- */

struct listing {
    const struct yodel_allocator *mem;
    struct yd_buf *allow;
};

static bool lists(const struct yd_buf *allow, yodel_str method)
{
    yodel_str list = {(const char *)allow->ptr, allow->len}, element;

    while (yd_http_list_next(&list, &element))
        if (yodel_str_eq(element, method))
            return true;
    return false;
}

static int list_method(const struct listing *listing, yodel_str method)
{
    struct yd_buf *allow = listing->allow;

    if (lists(allow, method))
        return 0;
    return yd_buf_printf(listing->mem, allow, "%s%" YODEL_PRI, allow->len > 0 ? ", " : "",
                         YODEL_ARG(method));
}

static int list_all(const struct listing *listing)
{
    static const yodel_str usual[] = {{"GET", 3},   {"HEAD", 4},   {"POST", 4},   {"PUT", 3},
                                      {"PATCH", 5}, {"DELETE", 6}, {"OPTIONS", 7}};
    int rc = 0;

    for (size_t i = 0; i < YD_LEN(usual) && rc == 0; i++)
        rc = list_method(listing, usual[i]);
    return rc;
}

static int visit_to_list(struct walk *walk, const struct endpoint *endpoint)
{
    const struct listing *listing = walk->user;
    int rc = 0;

    for (const struct route *route = endpoint->routes; route != NULL && rc == 0;
         route = route->next) {
        if (route->upgrade)
            continue;
        rc = route->method.len > 0 ? list_method(listing, route->method) : list_all(listing);
        if (rc == 0 && yodel_str_eq(route->method, YODEL_STR("GET")))
            rc = list_method(listing, YODEL_STR("HEAD"));
    }
    return rc;
}

int yd_router_allow(const struct yd_router *router, struct yd_arena *arena, yodel_str path,
                    struct yd_buf *allow)
{
    struct listing listing = {router->mem, allow};

    return walk_router(router, arena, path, visit_to_list, &listing);
}
