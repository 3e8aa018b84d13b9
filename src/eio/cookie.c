/* SPDX-License-Identifier: MIT */
#include "eio/cookie.h"

#include <errno.h>

#include "base/mem.h"
#include "base/options.h"

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* What follows name=value, in the order of the reference. */
static int write_rest(const struct yodel_allocator *mem, const yodel_sio_cookie_options *options,
                      struct yd_buf *out)
{
    const char *path = options->path != NULL ? options->path : "/";
    const char *same_site = options->same_site != NULL ? options->same_site : "Lax";
    int rc = 0;

    if (options->max_age_s != 0)
        rc = yd_buf_printf(mem, out, "; Max-Age=%lld", (long long)options->max_age_s);
    if (rc == 0 && is_set(options->domain))
        rc = yd_buf_printf(mem, out, "; Domain=%s", options->domain);
    if (rc == 0 && is_set(path))
        rc = yd_buf_printf(mem, out, "; Path=%s", path);
    if (rc == 0 && !options->script_may_read)
        rc = yd_buf_printf(mem, out, "; HttpOnly");
    if (rc == 0 && options->secure)
        rc = yd_buf_printf(mem, out, "; Secure");
    if (rc == 0 && is_set(same_site))
        rc = yd_buf_printf(mem, out, "; SameSite=%s", same_site);
    return rc == 0 ? yd_buf_append(mem, out, "", 1) : rc;
}

int yd_eio_cookie_init(struct yd_eio *eio, const yodel_sio_cookie_options *given)
{
    yodel_sio_cookie_options options;
    struct yd_buf rest = {0};
    int rc;

    if (given == NULL)
        return 0;
    if ((rc = yd_options_read(given, &options, sizeof options)) < 0)
        return rc;
    if (options.name == NULL)
        options.name = "io";
    if ((eio->cookie_name = yd_strdup(eio->mem, options.name)) == NULL)
        return -ENOMEM;
    if ((rc = write_rest(eio->mem, &options, &rest)) < 0) {
        yd_buf_free(eio->mem, &rest);
        return rc;
    }
    eio->cookie_rest = (char *)rest.ptr;
    if (!yd_http_is_token(yodel_str_of(eio->cookie_name)) ||
        !yd_http_is_field_value(yodel_str_of(eio->cookie_rest + (rest.len > 2 ? 2 : 0))))
        return -EINVAL;
    return 0;
}
