/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/options.h"
#include "http/http_internal.h"

static bool is_named(const yodel_header *header, yodel_str name)
{
    return yd_str_eq_nocase(yodel_str_of(header->name), name);
}

/* What frames the message is ours to say; of Connection only "close" can be asked for. */
static bool is_header(const yodel_header *header)
{
    if (header->name == NULL || header->value == NULL)
        return false;
    if (!yd_http_is_token(yodel_str_of(header->name)) ||
        !yd_http_is_field_value(yodel_str_of(header->value)))
        return false;
    if (is_named(header, YODEL_STR("Connection")))
        return yd_str_eq_nocase(yodel_str_of(header->value), YODEL_STR("close"));
    return !is_named(header, YODEL_STR("Content-Length")) &&
           !is_named(header, YODEL_STR("Transfer-Encoding"));
}

bool yd_headers_are_valid(const yodel_header *headers, size_t num)
{
    if (num > 0 && headers == NULL)
        return false;
    for (size_t i = 0; i < num; i++)
        if (!is_header(&headers[i]))
            return false;
    return true;
}

static int check(const yodel_response *response)
{
    if (response->status != 0 && (response->status < 200 || response->status > 599))
        return -EINVAL;
    if (response->content_type != NULL &&
        !yd_http_is_field_value(yodel_str_of(response->content_type)))
        return -EINVAL;
    if (response->body.len > 0 && response->body.ptr == NULL)
        return -EINVAL;
    return yd_headers_are_valid(response->headers, response->num_headers) ? 0 : -EINVAL;
}

int yd_response_read(const yodel_response *response, yodel_response *ret_known)
{
    int rc = response != NULL ? yd_options_read(response, ret_known, sizeof *ret_known) : -EINVAL;

    return rc < 0 ? rc : check(ret_known);
}

int yd_response_check(const yodel_response *response)
{
    yodel_response known;

    return yd_response_read(response, &known);
}
