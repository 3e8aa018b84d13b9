/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <strings.h>

#include "serve/state.h"

static bool same_text(yodel_str a, yodel_str b)
{
    return a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

/* The page's host and port are those that the request went to.  The scheme is not looked at: TLS
 * may end before us. */
static bool is_same_host(const yodel_request *req, yodel_str origin)
{
    const char *slashes = memmem(origin.ptr, origin.len, "://", 3);
    yodel_str host;

    if (slashes == NULL)
        return false;
    host.ptr = slashes + 3;
    host.len = origin.len - (size_t)(host.ptr - origin.ptr);
    return host.len > 0 && same_text(host, yodel_request_host(req));
}

bool yg_origin_allows(const struct yg_config *config, const yodel_request *req)
{
    const yodel_str origin = yodel_request_header(req, "origin");
    const yodel_str site = yodel_request_header(req, "sec-fetch-site");
    const struct yg_texts *allowed = &config->clients.origins;

    for (size_t i = 0; i < allowed->num; i++) {
        if (strcmp(allowed->items[i], "*") == 0)
            return true;
        if (origin.ptr != NULL && (strcmp(allowed->items[i], "same") == 0
                                       ? is_same_host(req, origin)
                                       : same_text(origin, yodel_str_of(allowed->items[i]))))
            return true;
    }
    /* Browsers leave Origin out of some requests, but say where those come from; programs have no
     * reason to lie. */
    return origin.ptr == NULL && !yodel_str_eq(site, YODEL_STR("cross-site"));
}
