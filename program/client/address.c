/* SPDX-License-Identifier: MIT */
#include "client/address.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char *copy_part(CURLU *url, CURLUPart part, unsigned flags)
{
    char *text, *copy;

    if (curl_url_get(url, part, &text, flags) != CURLUE_OK)
        return NULL;
    copy = strdup(text);
    curl_free(text);
    return copy;
}

static bool ends_with(const char *text, const char *end)
{
    const size_t len = strlen(text), num = strlen(end);

    return len >= num && strcmp(text + len - num, end) == 0;
}

static enum yg_protocol protocol_of(bool is_ws, const char *path)
{
    if (is_ws)
        return strstr(path, "/socket.io/") != NULL ? YG_PROTOCOL_SOCKETIO : YG_PROTOCOL_WEBSOCKET;
    return ends_with(path, "/events") ? YG_PROTOCOL_SSE : YG_PROTOCOL_SOCKETIO;
}

/* "[::1]:8000", "example.com" */
static char *make_authority(const struct yg_address *address)
{
    const bool is_plain = strcmp(address->port, address->is_tls ? "443" : "80") == 0;
    const bool has_colon = strchr(address->host, ':') != NULL;
    struct yg_text text = {0};

    yg_text_printf(&text, has_colon ? "[%s]" : "%s", address->host);
    if (!is_plain)
        yg_text_printf(&text, ":%s", address->port);
    if (yg_text_failed(&text))
        yg_text_done(&text);
    return text.ptr;
}

static char *make_target(const char *path, const char *query)
{
    struct yg_text text = {0};

    yg_text_puts(&text, path);
    if (query != NULL)
        yg_text_printf(&text, "?%s", query);
    if (yg_text_failed(&text))
        yg_text_done(&text);
    return text.ptr;
}

static char *make_url(const struct yg_address *address)
{
    struct yg_text text = {0};

    yg_text_printf(&text, "%s://%s%s", address->is_tls ? "https" : "http", address->authority,
                   address->target);
    if (yg_text_failed(&text))
        yg_text_done(&text);
    return text.ptr;
}

/* "[::1]" is "::1" where it is connected to. */
static void strip_brackets(char *host)
{
    const size_t len = strlen(host);

    if (len < 2 || host[0] != '[')
        return;
    memmove(host, host + 1, len - 2);
    host[len - 2] = '\0';
}

static int take_parts(CURLU *url, const char *scheme, struct yg_address *address)
{
    const bool is_ws = strcmp(scheme, "ws") == 0 || strcmp(scheme, "wss") == 0;
    char *path, *query;

    address->is_tls = strcmp(scheme, "https") == 0 || strcmp(scheme, "wss") == 0;
    address->host = copy_part(url, CURLUPART_HOST, 0);
    address->port = copy_part(url, CURLUPART_PORT, 0);
    if (address->port == NULL)
        address->port = strdup(address->is_tls ? "443" : "80");
    path = copy_part(url, CURLUPART_PATH, 0);
    query = copy_part(url, CURLUPART_QUERY, 0);
    if (address->host != NULL && address->port != NULL && path != NULL) {
        strip_brackets(address->host);
        address->protocol = protocol_of(is_ws, path);
        address->authority = make_authority(address);
        address->target = make_target(path, query);
    }
    if (address->authority != NULL && address->target != NULL)
        address->url = make_url(address);
    free(path);
    free(query);
    return address->url != NULL ? 0 : -ENOMEM;
}

static bool is_served(const char *scheme)
{
    static const char *const schemes[] = {"http", "https", "ws", "wss"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (strcmp(scheme, schemes[i]) == 0)
            return true;
    }
    return false;
}

static int read_parsed(CURLU *parsed, const char **problem, struct yg_address *address)
{
    char *scheme = copy_part(parsed, CURLUPART_SCHEME, 0);
    char *user = copy_part(parsed, CURLUPART_USER, 0);
    int rc = -EINVAL;

    *problem = "a URL of http, https, ws or wss is wanted";
    if (user != NULL)
        *problem = "a user does not belong into the URL: use --header";
    else if (scheme != NULL && is_served(scheme))
        rc = take_parts(parsed, scheme, address);
    free(scheme);
    free(user);
    return rc;
}

int yg_address_read(const char *url, const char **problem, struct yg_address *ret_address)
{
    CURLU *parsed = curl_url();
    struct yg_address address = {0};
    CURLUcode code;
    int rc = -EINVAL;

    *problem = "out of memory";
    if (parsed == NULL)
        return -ENOMEM;
    code = curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
    if (code == CURLUE_OK)
        rc = read_parsed(parsed, problem, &address);
    else
        *problem = curl_url_strerror(code);
    curl_url_cleanup(parsed);
    if (rc == 0)
        *ret_address = address;
    else
        yg_address_done(&address);
    return rc;
}

int yg_address_for_socketio(struct yg_address *address)
{
    const char *query = strchr(address->target, '?');
    const size_t len = query != NULL ? (size_t)(query - address->target) : strlen(address->target);
    struct yg_text text = {0};

    if (len <= 1)
        yg_text_puts(&text, "/socket.io/");
    else
        yg_text_add(&text, address->target, len);
    yg_text_printf(&text, "?%s%sEIO=4&transport=websocket", query != NULL ? query + 1 : "",
                   query != NULL ? "&" : "");
    if (yg_text_failed(&text)) {
        yg_text_done(&text);
        return -ENOMEM;
    }
    free(address->target);
    address->target = text.ptr;
    return 0;
}

void yg_address_done(struct yg_address *address)
{
    free(address->host);
    free(address->port);
    free(address->authority);
    free(address->target);
    free(address->url);
    *address = (struct yg_address){0};
}
