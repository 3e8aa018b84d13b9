/* SPDX-License-Identifier: MIT */
#include <jansson.h>
#include <string.h>
#include <strings.h>

#include "serve/state.h"

static bool same_text(yodel_str a, yodel_str b)
{
    return a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

/* Where a page is from, and what it has asked. */
struct visit {
    yodel_str origin; /* ptr NULL: it is not said */
    yodel_str site;   /* Sec-Fetch-Site */
    yodel_str host;
};

/* The page's host and port are those that the request went to.  The scheme is not looked at: TLS
 * may end before us. */
static bool is_same_host(const struct visit *visit)
{
    const char *slashes = memmem(visit->origin.ptr, visit->origin.len, "://", 3);
    yodel_str host;

    if (slashes == NULL)
        return false;
    host.ptr = slashes + 3;
    host.len = visit->origin.len - (size_t)(host.ptr - visit->origin.ptr);
    return host.len > 0 && same_text(host, visit->host);
}

static bool allows(const struct yg_texts *allowed, const struct visit *visit)
{
    const yodel_str origin = visit->origin;

    for (size_t i = 0; i < allowed->num; i++) {
        if (strcmp(allowed->items[i], "*") == 0)
            return true;
        if (origin.ptr != NULL && (strcmp(allowed->items[i], "same") == 0
                                       ? is_same_host(visit)
                                       : same_text(origin, yodel_str_of(allowed->items[i]))))
            return true;
    }
    /* Browsers leave Origin out of some requests, but say where those come from; programs have no
     * reason to lie. */
    return origin.ptr == NULL && !yodel_str_eq(visit->site, YODEL_STR("cross-site"));
}

bool yg_origin_allows(const struct yg_texts *allowed, const yodel_request *req)
{
    const struct visit visit = {yodel_request_header(req, "origin"),
                                yodel_request_header(req, "sec-fetch-site"),
                                yodel_request_host(req)};

    return allows(allowed, &visit);
}

static yodel_str header_of(const json_t *headers, const char *name)
{
    const json_t *value = json_object_get(headers, name);

    return (yodel_str){json_string_value(value), json_string_length(value)};
}

/* By headers alone: what yodel_sio_socket_header() finds in the query a page of another origin
 * could have written there. */
bool yg_origin_allows_socket(const struct yg_texts *allowed, const yodel_sio_socket *socket)
{
    json_t *handshake = yodel_sio_socket_handshake(socket);
    const json_t *headers = json_object_get(handshake, "headers");
    struct visit visit = {header_of(headers, "origin"), header_of(headers, "sec-fetch-site"),
                          header_of(headers, "host")};
    bool is_allowed = headers != NULL && allows(allowed, &visit);

    visit.host = header_of(headers, "x-forwarded-host");
    is_allowed = is_allowed || (visit.host.ptr != NULL && allows(allowed, &visit));
    json_decref(handshake);
    return is_allowed;
}
