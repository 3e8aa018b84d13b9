/* SPDX-License-Identifier: MIT */
#include "config/check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yodel/redis.h>

struct yg_place yg_check_place(const struct yg_check *check, const char *first, ...)
{
    const struct yg_node *node = check->tree;
    struct yg_place place = node->place;
    va_list args;

    va_start(args, first);
    for (const char *key = first; key != NULL && node != NULL; key = va_arg(args, const char *)) {
        node =
            key[0] == '[' ? yg_node_item(node, strtoul(key + 1, NULL, 10)) : yg_node_get(node, key);
        if (node != NULL)
            place = node->place;
    }
    va_end(args);
    return place;
}

struct yg_place yg_check_item(const struct yg_check *check, const char *list, size_t n,
                              const char *key)
{
    char number[32], twin[80];
    struct yg_place whole, place;

    snprintf(number, sizeof(number), "[%zu]", n);
    snprintf(twin, sizeof(twin), "%s_file", key);
    whole = yg_check_place(check, list, number, NULL);
    place = yg_check_place(check, list, number, key, NULL);
    if (memcmp(&whole, &place, sizeof(place)) == 0)
        place = yg_check_place(check, list, number, twin, NULL);
    return place;
}

static void check_socketio(const struct yg_check *check)
{
    const char *path = check->config->socketio.path;
    const struct yg_place place = yg_check_place(check, "socketio", "path", NULL);
    const size_t len = strlen(path);

    if (len < 2 || path[0] != '/' || path[len - 1] != '/' || strpbrk(path, " \t\r\n?#") != NULL)
        yg_report_error(check->report, &place,
                        "socketio.path: must have slashes at both ends, such as /socket.io/");
}

/* Names that the protocol or socket.io's clients have for themselves. */
static bool is_reserved(const char *event)
{
    static const char *const names[] = {"connect",       "connect_error", "disconnect",
                                        "disconnecting", "newListener",   "removeListener"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(event, names[i]) == 0)
            return true;
    }
    return false;
}

/* Events of the program's own come from nobody else. */
static void check_relays(const struct yg_check *check, size_t n)
{
    const struct yg_namespace *ns = &check->config->namespaces.items[n];
    const struct yg_place place = yg_check_item(check, "namespaces", n, "relay");

    for (size_t i = 0; i < ns->relay.num; i++) {
        if (yg_check_begins_with(ns->relay.items[i].event, "yodel:"))
            yg_report_error(check->report, &place,
                            "namespaces[%zu].relay: no event that begins with yodel: is passed on",
                            n);
        else if (is_reserved(ns->relay.items[i].event))
            yg_report_error(
                check->report, &place,
                "namespaces[%zu].relay: \"%s\" is a reserved name, which no client sends", n,
                ns->relay.items[i].event);
    }
}

static void check_namespaces(const struct yg_check *check)
{
    for (size_t i = 0; i < check->config->namespaces.num; i++) {
        const struct yg_namespace *ns = &check->config->namespaces.items[i];
        struct yg_place place = yg_check_item(check, "namespaces", i, "name");

        if (ns->name[0] != '/' || strpbrk(ns->name, ", \t\r\n?#") != NULL)
            yg_report_error(check->report, &place,
                            "namespaces[%zu].name: must begin with a slash, and have no comma, "
                            "blank, question mark or #",
                            i);
        check_relays(check, i);
        place = yg_check_item(check, "namespaces", i, "personal_room");
        if (*ns->personal_room != '\0' && strstr(ns->personal_room, "{user}") == NULL)
            yg_report_error(check->report, &place,
                            "namespaces[%zu].personal_room: must have {user} in it", i);
    }
}

static void check_origins(const struct yg_check *check, const char *section,
                          const struct yg_texts *origins)
{
    for (size_t i = 0; i < origins->num; i++) {
        const char *origin = origins->items[i], *host = strstr(origin, "://");
        char number[32];
        struct yg_place place;

        if (strcmp(origin, "same") == 0 || strcmp(origin, "*") == 0)
            continue;
        if (host != NULL && host > origin && host[3] != '\0' && strpbrk(host + 3, "/ ?#") == NULL)
            continue;
        snprintf(number, sizeof(number), "[%zu]", i);
        place = yg_check_place(check, section, "origins", number, NULL);
        yg_report_error(check->report, &place,
                        "%s.origins: \"%.100s\" is none of same, *, or a scheme and a host such as "
                        "https://example.com",
                        section, origin);
    }
}

static void check_redis(const struct yg_check *check)
{
    const char *url = check->config->redis.url;
    const struct yg_place place = yg_check_place(check, "redis", "url", NULL);

    /* It may have a password in it, so it is not shown. */
    if (*url != '\0' && yodel_redis_check_url(url) == -EINVAL)
        yg_report_error(check->report, &place,
                        "redis.url: must be redis:// or rediss://, perhaps USER:PASSWORD@, "
                        "HOST[:PORT][/DATABASE], or unix:///PATH[?db=DATABASE]");
    if (*url == '\0' && check->config->consumers.num > 0) {
        const struct yg_place consumers = yg_check_place(check, "consumers", NULL);

        yg_report_error(check->report, &consumers, "consumers: need redis.url");
    }
}

static void check_admin(const struct yg_check *check)
{
    const struct yg_admin_config *admin = &check->config->admin;
    struct yg_place place = yg_check_place(check, "admin", "namespace", NULL);
    const char *hash = admin->password_hash;

    if (admin->namespace[0] != '/' || admin->namespace[1] == '\0')
        yg_report_error(check->report, &place,
                        "admin.namespace: must begin with a slash, and be another than /");
    for (size_t i = 0; admin->enabled && i < check->config->namespaces.num; i++) {
        if (strcmp(check->config->namespaces.items[i].name, admin->namespace) == 0)
            yg_report_error(check->report, &place,
                            "admin.namespace: %.100s is one of namespaces, too", admin->namespace);
    }
    place = yg_check_place(check, "admin", "enabled", NULL);
    if (admin->enabled && (*admin->username == '\0' || *hash == '\0'))
        yg_report_error(check->report, &place,
                        "admin.enabled: needs admin.username and admin.password_hash");
    place = yg_check_place(check, "admin", "password_hash", NULL);
    if (*hash != '\0' && !yg_check_begins_with(hash, "$2a$") &&
        !yg_check_begins_with(hash, "$2b$") && !yg_check_begins_with(hash, "$2y$"))
        yg_report_error(check->report, &place,
                        "admin.password_hash: must be a hash that begins with $2a$, $2b$ or $2y$");
}

static void check_shutdown(const struct yg_check *check)
{
    const struct yg_shutdown_config *shutdown = &check->config->shutdown;
    struct yg_place place = yg_check_place(check, "shutdown", "spread", NULL);

    if (shutdown->spread_ms > shutdown->drain_ms)
        yg_report_error(check->report, &place, "shutdown.spread: longer than shutdown.drain");
    place = yg_check_place(check, "shutdown", "webhook_flush", NULL);
    if (check->config->webhooks.num > 0 && shutdown->webhook_flush_ms > shutdown->drain_ms)
        yg_report_error(check->report, &place,
                        "shutdown.webhook_flush: longer than shutdown.drain");
    place = yg_check_place(check, "shutdown", "code", NULL);
    if (shutdown->code != 1001 && shutdown->code != 1012 && shutdown->code < 3000)
        yg_report_error(check->report, &place,
                        "shutdown.code: must be 1001, 1012, or 3000 to 4999");
}

static void check_api_keys(const struct yg_check *check)
{
    const struct yg_api_keys_config *keys = &check->config->api.keys;

    for (size_t i = 0; i < keys->num; i++) {
        const char *sha256 = keys->items[i].sha256;
        char number[32];
        struct yg_place place;

        snprintf(number, sizeof(number), "[%zu]", i);
        place = yg_check_place(check, "api", "keys", number, "sha256", NULL);
        if (*sha256 != '\0' && (strlen(sha256) != 64 || strspn(sha256, "0123456789abcdef") != 64))
            yg_report_error(check->report, &place,
                            "api.keys[%zu].sha256: must be 64 hexadecimal digits, lower case", i);
    }
}

void yg_check(const struct yg_config *config, const struct yg_node *tree, struct yg_report *report)
{
    const struct yg_check check = {.config = config, .tree = tree, .report = report};

    yg_check_listeners(&check);
    check_origins(&check, "clients", &config->clients.origins);
    check_origins(&check, "admin", &config->admin.origins);
    check_socketio(&check);
    check_namespaces(&check);
    yg_check_paths(&check);
    yg_check_auth(&check);
    yg_check_webhooks(&check);
    check_api_keys(&check);
    check_redis(&check);
    check_admin(&check);
    check_shutdown(&check);
}
