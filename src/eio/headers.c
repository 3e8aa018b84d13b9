/* SPDX-License-Identifier: MIT */
#include "eio/headers.h"

#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "ws/ws.h"

void yd_eio_headers_init(struct yd_eio_headers *headers, const struct yodel_allocator *mem)
{
    headers->mem = mem;
    headers->num = 0;
}

void yd_eio_headers_done(struct yd_eio_headers *headers)
{
    for (size_t i = 0; i < headers->num; i++)
        yd_free(headers->mem, headers->copies[i]);
}

void yd_eio_headers_put(struct yd_eio_headers *headers, const char *name, const char *value)
{
    if (headers->num == YD_EIO_MAX_HEADERS)
        return;
    headers->copies[headers->num] = NULL;
    headers->list[headers->num++] = (yodel_header){name, value};
}

static void put_copy(struct yd_eio_headers *headers, const char *name, const char *value)
{
    size_t name_size = strlen(name) + 1, value_size = strlen(value) + 1;
    char *copy;

    if (headers->num == YD_EIO_MAX_HEADERS ||
        (copy = yd_alloc(headers->mem, name_size + value_size)) == NULL)
        return;
    memcpy(copy, name, name_size);
    memcpy(copy + name_size, value, value_size);
    headers->copies[headers->num] = copy;
    headers->list[headers->num++] = (yodel_header){copy, copy + name_size};
}

/* What frames the answer, and the handshake of WebSockets, are not the hooks' to say. */
static bool is_reserved(yodel_str name)
{
    return yd_ws_is_reserved(name) || yd_str_eq_nocase(name, YODEL_STR("Content-Encoding"));
}

static void add(const char *name, const char *value, void *arg)
{
    if (name == NULL || value == NULL || !yd_http_is_token(yodel_str_of(name)) ||
        !yd_http_is_field_value(yodel_str_of(value)) || is_reserved(yodel_str_of(name)))
        return;
    put_copy(arg, name, value);
}

void yd_eio_headers_ask(struct yd_eio_headers *headers, struct yd_eio *eio,
                        const yodel_request *req, bool first)
{
    const struct yd_eio_options *options = &eio->options;

    if (first && options->initial_headers != NULL)
        options->initial_headers(req, add, headers, options->hooks_user);
    if (options->headers != NULL)
        options->headers(req, add, headers, options->hooks_user);
}

void yd_eio_headers_put_cookie(struct yd_eio_headers *headers, const struct yd_eio *eio,
                               yodel_str id)
{
    struct yd_buf value = {0};

    if (eio->cookie_name == NULL)
        return;
    if (yd_buf_printf(headers->mem, &value, "%s=%" YODEL_PRI "%s", eio->cookie_name, YODEL_ARG(id),
                      eio->cookie_rest) == 0)
        put_copy(headers, "Set-Cookie", (const char *)value.ptr);
    yd_buf_free(headers->mem, &value);
}
