/* SPDX-License-Identifier: MIT */
#include "http/cors.h"

#include <errno.h>

#include "base/mem.h"
#include "base/options.h"
#include "http/prefix.h"
#include "proto/ws_handshake.h"

struct yd_cors {
    struct yd_cors *next;
    char *prefix_text;
    yodel_str prefix; /* trimmed */
    char **origins;   /* ends with NULL */
    bool any_origin;  /* "*", and no cookies: the answer is the same for all */
    bool credentials;
    char *methods, *allow_headers, *expose_headers; /* NULL as in the options */
    uint32_t max_age_s;
};

/* ---- set-up ---- */

static void free_one(struct yd_cors *cors, const struct yodel_allocator *mem)
{
    for (size_t i = 0; cors->origins != NULL && cors->origins[i] != NULL; i++)
        yd_free(mem, cors->origins[i]);
    yd_free(mem, cors->origins);
    yd_free(mem, cors->prefix_text);
    yd_free(mem, cors->methods);
    yd_free(mem, cors->allow_headers);
    yd_free(mem, cors->expose_headers);
    yd_free(mem, cors);
}

void yd_cors_free(struct yd_cors *list, const struct yodel_allocator *mem)
{
    while (list != NULL) {
        struct yd_cors *next = list->next;

        free_one(list, mem);
        list = next;
    }
}

static int copy_origins(struct yd_cors *cors, const struct yodel_allocator *mem,
                        const char *const *origins)
{
    size_t num = 0;

    while (origins[num] != NULL)
        num++;
    if ((cors->origins = yd_alloc_array(mem, num + 1, sizeof *cors->origins)) == NULL)
        return -ENOMEM;
    cors->origins[0] = NULL;
    for (size_t i = 0; i < num; i++) {
        cors->origins[i + 1] = NULL;
        if ((cors->origins[i] = yd_strdup(mem, origins[i])) == NULL)
            return -ENOMEM;
        if (!cors->credentials && strcmp(origins[i], "*") == 0)
            cors->any_origin = true;
    }
    return 0;
}

/* Copies a header's value; NULL stays NULL. */
static int copy_value(const struct yodel_allocator *mem, const char *value, char **ret_copy)
{
    if (value == NULL)
        return 0;
    if (!yd_http_is_field_value(yodel_str_of(value)))
        return -EINVAL;
    *ret_copy = yd_strdup(mem, value);
    return *ret_copy != NULL ? 0 : -ENOMEM;
}

static int copy_options(struct yd_cors *cors, const struct yodel_allocator *mem,
                        const yodel_cors_options *options)
{
    int rc;

    cors->credentials = options->credentials != 0;
    cors->max_age_s = options->max_age_s;
    if ((rc = copy_origins(cors, mem, options->origins)) < 0 ||
        (rc = copy_value(mem, options->methods, &cors->methods)) < 0 ||
        (rc = copy_value(mem, options->allow_headers, &cors->allow_headers)) < 0)
        return rc;
    return copy_value(mem, options->expose_headers, &cors->expose_headers);
}

static int insert(struct yd_cors **list, struct yd_cors *cors)
{
    while (*list != NULL && (*list)->prefix.len > cors->prefix.len)
        list = &(*list)->next;
    for (struct yd_cors *other = *list; other != NULL; other = other->next)
        if (yodel_str_eq(other->prefix, cors->prefix))
            return YODEL_ERR_CONFLICT;
    cors->next = *list;
    *list = cors;
    return 0;
}

int yd_cors_add(struct yd_cors **list, const struct yodel_allocator *mem, const char *prefix,
                const yodel_cors_options *options)
{
    yodel_cors_options known;
    struct yd_cors *cors;
    int rc;

    if ((rc = yd_options_read(options, &known, sizeof known)) < 0)
        return rc;
    if (known.origins == NULL || prefix == NULL || prefix[0] != '/')
        return -EINVAL;
    if ((cors = yd_zalloc(mem, sizeof *cors)) == NULL)
        return -ENOMEM;
    rc = -ENOMEM;
    if ((cors->prefix_text = yd_strdup(mem, prefix)) == NULL)
        goto fail;
    cors->prefix = yd_prefix_trim(yodel_str_of(cors->prefix_text));
    if ((rc = copy_options(cors, mem, &known)) < 0 || (rc = insert(list, cors)) < 0)
        goto fail;
    return 0;
fail:
    free_one(cors, mem);
    return rc;
}

/* ---- answers ---- */

const struct yd_cors *yd_cors_find(const struct yd_cors *list, yodel_str path)
{
    if (list == NULL || path.len == 0 || path.ptr[0] != '/')
        return NULL;
    path.ptr++;
    path.len--;
    while (list != NULL && !yd_prefix_has(list->prefix, path))
        list = list->next;
    return list;
}

bool yd_cors_is_preflight(const struct yd_http_head *head)
{
    return yodel_str_eq(head->method, YODEL_STR("OPTIONS")) &&
           yd_http_field(head, YODEL_STR("Origin")).ptr != NULL &&
           yd_http_field(head, YODEL_STR("Access-Control-Request-Method")).ptr != NULL;
}

static bool is_allowed(const struct yd_cors *cors, const struct yd_http_head *head,
                       yodel_str origin)
{
    if (origin.ptr == NULL || yd_http_count_fields(head, YODEL_STR("Origin")) != 1)
        return false;
    for (size_t i = 0; cors->origins[i] != NULL; i++)
        if (yd_ws_origin_matches(origin, yodel_str_of(cors->origins[i])))
            return true;
    return false;
}

static void write_preflight(const struct yd_cors *cors, const struct yd_http_head *head,
                            struct yd_out *out)
{
    yodel_str asked = yd_http_field(head, YODEL_STR("Access-Control-Request-Headers"));
    yodel_str methods = YODEL_STR("GET,HEAD,PUT,PATCH,POST,DELETE");

    if (cors->methods != NULL)
        methods = yodel_str_of(cors->methods);
    yd_out_header(out, YODEL_STR("Access-Control-Allow-Methods"), methods);
    if (cors->allow_headers != NULL)
        asked = yodel_str_of(cors->allow_headers);
    if (asked.len > 0)
        yd_out_header(out, YODEL_STR("Access-Control-Allow-Headers"), asked);
    if (cors->max_age_s == 0)
        return;
    yd_out_put(out, YODEL_STR("Access-Control-Max-Age: "));
    yd_out_number(out, cors->max_age_s);
    yd_out_put(out, YODEL_STR("\r\n"));
}

/* What the answer depends on must be said to caches, also when this one is the same. */
static void write_vary(const struct yd_cors *cors, bool preflight, struct yd_out *out)
{
    if (!cors->any_origin)
        yd_out_header(out, YODEL_STR("Vary"), YODEL_STR("Origin"));
    if (preflight && cors->allow_headers == NULL)
        yd_out_header(out, YODEL_STR("Vary"), YODEL_STR("Access-Control-Request-Headers"));
}

void yd_cors_write(const struct yd_cors *cors, const struct yd_http_head *head, struct yd_out *out)
{
    yodel_str origin = yd_http_field(head, YODEL_STR("Origin"));
    bool preflight = yd_cors_is_preflight(head);

    write_vary(cors, preflight, out);
    if (!cors->any_origin && !is_allowed(cors, head, origin))
        return;
    yd_out_header(out, YODEL_STR("Access-Control-Allow-Origin"),
                  cors->any_origin ? YODEL_STR("*") : origin);
    if (cors->credentials)
        yd_out_header(out, YODEL_STR("Access-Control-Allow-Credentials"), YODEL_STR("true"));
    if (preflight)
        write_preflight(cors, head, out);
    else if (cors->expose_headers != NULL)
        yd_out_header(out, YODEL_STR("Access-Control-Expose-Headers"),
                      yodel_str_of(cors->expose_headers));
}
