/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <strings.h>

#include "base/curl.h"
#include "config/authority.h"
#include "config/check.h"

#define PREFIX "whsec_" /* base64 follows */
#define MIN_SECRET 24   /* bytes, by Standard Webhooks */

static const char token_chars[] = "!#$%&'*+-.^_`|~0123456789"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* Headers that the program sets itself. */
static const char *const own_headers[] = {
    "webhook-id", "webhook-timestamp", "webhook-signature", "content-type", "content-length",
    "host",       "transfer-encoding", "connection"};

static void check_named(const struct yg_check *check, const char *list, size_t n,
                        const char *webhook)
{
    const struct yg_place place = yg_check_item(check, list, n, "webhook");

    if (*webhook != '\0' && yg_config_webhook(check->config, webhook) == NULL)
        yg_report_error(check->report, &place, "%s[%zu].webhook: there is no webhook \"%.60s\"",
                        list, n, webhook);
}

/* {kind} and {namespace}, and no other braces. */
static bool has_only_places(const char *path)
{
    static const char *const places[] = {"{kind}", "{namespace}"};

    while ((path = strpbrk(path, "{}")) != NULL) {
        size_t i = 0;

        while (i < 2 && strncmp(path, places[i], strlen(places[i])) != 0)
            i++;
        if (i == 2)
            return false;
        path += strlen(places[i]);
    }
    return true;
}

/* What is wrong with a URL, or NULL. */
static const char *wrong_url(const char *url)
{
    const size_t scheme = strncmp(url, "http://", 7) == 0    ? 7
                          : strncmp(url, "https://", 8) == 0 ? 8
                                                             : 0;
    const size_t len = strcspn(url + scheme, "/?");
    const char *at_sign = memrchr(url + scheme, '@', len);
    const char *host = at_sign != NULL ? at_sign + 1 : url + scheme;
    unsigned port;
    yodel_str path, uri;

    for (const char *at = url; *at != '\0'; at++) {
        if (*at <= ' ' || *at == 0x7f || *at == '#')
            return "has a blank, a # or a character that is not ASCII";
    }
    if (scheme == 0)
        return !yg_curl_cut_unix(url, &path, &uri)
                   ? "must be http://HOST/, https://HOST/ or unix:PATH:/"
               : !has_only_places(uri.ptr) ? "has braces that are none of {kind} and {namespace}"
                                           : NULL;
    if (!yg_is_authority(host, (size_t)(url + scheme + len - host), &port))
        return "has no host, or no port, that can be";
    return has_only_places(url + scheme + len) ? NULL
                                               : "has braces that are none of {kind} and "
                                                 "{namespace}";
}

static void check_header(const struct yg_check *check, size_t n, const struct yg_pair *header)
{
    const struct yg_place place = yg_check_item(check, "webhooks", n, "headers");

    if (*header->name == '\0' || header->name[strspn(header->name, token_chars)] != '\0')
        yg_report_error(check->report, &place,
                        "webhooks[%zu].headers: \"%.60s\" is not the name of a header", n,
                        header->name);
    for (const char *at = header->value; *at != '\0'; at++) {
        if ((unsigned char)*at < 0x20 && *at != '\t') {
            yg_report_error(check->report, &place,
                            "webhooks[%zu].headers: the value of \"%.60s\" has a control "
                            "character",
                            n, header->name);
            break;
        }
    }
    for (size_t i = 0; i < sizeof(own_headers) / sizeof(own_headers[0]); i++) {
        if (strcasecmp(header->name, own_headers[i]) == 0)
            yg_report_error(check->report, &place,
                            "webhooks[%zu].headers: \"%s\" is set by the program", n,
                            own_headers[i]);
    }
}

/* The bytes of the key that a secret is or has in base64; -1: what is behind the prefix is none. */
static int key_len(const char *secret)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const size_t prefix = sizeof(PREFIX) - 1;
    size_t len, padding;

    if (strncmp(secret, PREFIX, prefix) != 0)
        return (int)strlen(secret);
    len = strspn(secret + prefix, alphabet);
    padding = strspn(secret + prefix + len, "=");
    if (secret[prefix + len + padding] != '\0' || padding > 2 || (len + padding) % 4 != 0)
        return -1;
    return (int)(len * 3 / 4);
}

static void check_secret(const struct yg_check *check, size_t n, const char *name,
                         const char *secret)
{
    const struct yg_place place = yg_check_item(check, "webhooks", n, name);
    const int len = key_len(secret);

    if (*secret == '\0')
        return;
    if (len < 0)
        yg_report_error(check->report, &place,
                        "webhooks[%zu].%s: what is behind " PREFIX " is not base64", n, name);
    else if (len < MIN_SECRET)
        yg_report_error(check->report, &place, "webhooks[%zu].%s: must have %d bytes at least", n,
                        name, MIN_SECRET);
}

static void check_secrets(const struct yg_check *check, size_t n)
{
    const struct yg_webhook *hook = &check->config->webhooks.items[n];
    const struct yg_place place = yg_check_item(check, "webhooks", n, "old_secret");

    check_secret(check, n, "secret", hook->secret);
    check_secret(check, n, "old_secret", hook->old_secret);
    if (*hook->old_secret != '\0' && *hook->secret == '\0')
        yg_report_error(check->report, &place, "webhooks[%zu].old_secret: needs secret", n);
}

static void check_times(const struct yg_check *check, size_t n)
{
    const struct yg_webhook *hook = &check->config->webhooks.items[n];
    struct yg_place place = yg_check_item(check, "webhooks", n, "connect_timeout");

    if (hook->connect_timeout_ms > hook->timeout_ms)
        yg_report_error(check->report, &place, "webhooks[%zu].connect_timeout: longer than timeout",
                        n);
    place = yg_check_item(check, "webhooks", n, "timeout");
    if ((hook->kinds & YG_KIND_CONNECT) != 0 &&
        hook->timeout_ms > check->config->socketio.connect_timeout_ms)
        yg_report_warning(
            check->report, &place,
            "webhooks[%zu].timeout: longer than socketio.connect_timeout, after which "
            "a client is closed that no namespace has let in",
            n);
    place = yg_check_item(check, "webhooks", n, "retry");
    if (hook->retry.min_ms > hook->retry.max_ms)
        yg_report_error(check->report, &place, "webhooks[%zu].retry: min is longer than max", n);
    place = yg_check_item(check, "webhooks", n, "circuit");
    if (hook->circuit.open_ms > hook->circuit.max_ms)
        yg_report_error(check->report, &place, "webhooks[%zu].circuit: open is longer than max", n);
}

static void check_webhook(const struct yg_check *check, size_t n)
{
    const struct yg_webhook *hook = &check->config->webhooks.items[n];
    struct yg_place place = yg_check_item(check, "webhooks", n, "url");
    const char *wrong = *hook->url != '\0' ? wrong_url(hook->url) : NULL;

    if (wrong != NULL)
        yg_report_error(check->report, &place, "webhooks[%zu].url: %s", n, wrong);
    place = yg_check_item(check, "webhooks", n, "queue");
    if (hook->queue.durable == YG_DURABLE_REDIS && *check->config->redis.url == '\0')
        yg_report_error(check->report, &place, "webhooks[%zu].queue: redis needs redis.url", n);
    for (size_t i = 0; i < hook->headers.num; i++)
        check_header(check, n, &hook->headers.items[i]);
    check_secrets(check, n);
    check_times(check, n);
}

static int is_named(const struct yg_config *config, const char *name)
{
    for (size_t i = 0; i < config->namespaces.num; i++) {
        if (strcmp(config->namespaces.items[i].webhook, name) == 0)
            return 1;
    }
    for (size_t i = 0; i < config->websockets.num; i++) {
        if (strcmp(config->websockets.items[i].webhook, name) == 0)
            return 1;
    }
    for (size_t i = 0; i < config->events.num; i++) {
        if (strcmp(config->events.items[i].webhook, name) == 0)
            return 1;
    }
    return 0;
}

void yg_check_webhooks(const struct yg_check *check)
{
    const struct yg_config *config = check->config;

    for (size_t i = 0; i < config->webhooks.num; i++) {
        const struct yg_place place = yg_check_item(check, "webhooks", i, "name");

        check_webhook(check, i);
        if (*config->webhooks.items[i].name != '\0' &&
            !is_named(config, config->webhooks.items[i].name))
            yg_report_warning(
                check->report, &place,
                "webhooks[%zu]: no namespace, no WebSocket and no event stream names it", i);
    }
    for (size_t i = 0; i < config->namespaces.num; i++)
        check_named(check, "namespaces", i, config->namespaces.items[i].webhook);
    for (size_t i = 0; i < config->websockets.num; i++)
        check_named(check, "websockets", i, config->websockets.items[i].webhook);
    for (size_t i = 0; i < config->events.num; i++)
        check_named(check, "events", i, config->events.items[i].webhook);
}
