/* SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "config/authority.h"
#include "config/check.h"

#define MAX_UNIX (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)

/* HOST:PORT, [ADDRESS]:PORT, *:PORT. */
static bool is_network(const char *address, unsigned *ret_port)
{
    const char *colon = strrchr(address, ':');

    if (colon == NULL || !yg_is_port(colon + 1, strlen(colon + 1), ret_port))
        return false;
    return (colon == address + 1 && address[0] == '*') ||
           yg_is_host(address, (size_t)(colon - address));
}

static bool is_address(const char *address)
{
    unsigned number;

    if (strncmp(address, "unix:", 5) == 0)
        return address[5] != '\0';
    if (strncmp(address, "fd:", 3) == 0)
        return yg_is_port(address + 3, strlen(address + 3), &number);
    if (strcmp(address, "systemd") == 0)
        return true;
    if (strncmp(address, "systemd:", 8) == 0)
        return address[8] != '\0';
    return is_network(address, &number);
}

/* Whether one address, of a port, has the other in it. */
static bool has_within(const char *outer, const char *inner)
{
    return outer[0] == '*' || (yg_check_begins_with(outer, "[::]:") && inner[0] == '[') ||
           (yg_check_begins_with(outer, "0.0.0.0:") && inner[0] >= '0' && inner[0] <= '9');
}

/* Whether the second could not be had beside the first. */
static bool is_taken(const char *first, const char *second)
{
    unsigned port, other;

    if (!is_network(first, &port) || !is_network(second, &other))
        return strcmp(first, second) == 0;
    return port == other && port != 0 &&
           (strcmp(first, second) == 0 || has_within(first, second) || has_within(second, first));
}

static void check_address(const struct yg_check *check, size_t n)
{
    const struct yg_listen *listen = &check->config->listen.items[n];
    const struct yg_place place = yg_check_item(check, "listen", n, "address");

    if (*listen->address == '\0')
        return;
    if (!is_address(listen->address))
        yg_report_error(check->report, &place,
                        "listen[%zu].address: \"%.100s\" is no address: write HOST:PORT, "
                        "[ADDRESS]:PORT, *:PORT, unix:PATH, fd:N or systemd:NAME",
                        n, listen->address);
    if (strncmp(listen->address, "unix:", 5) == 0 && strlen(listen->address + 5) > MAX_UNIX)
        yg_report_error(check->report, &place,
                        "listen[%zu].address: the path of a Unix socket has at most %zu bytes, and "
                        "this one %zu",
                        n, MAX_UNIX, strlen(listen->address + 5));
    for (size_t i = 0; i < n; i++) {
        if (is_taken(check->config->listen.items[i].address, listen->address)) {
            yg_report_error(check->report, &place,
                            "listen[%zu].address: listener \"%.60s\" has this address, too", n,
                            check->config->listen.items[i].name);
            return;
        }
    }
}

static void check_proxies(const struct yg_check *check, size_t n)
{
    const struct yg_texts *proxies = &check->config->listen.items[n].trusted_proxies;
    const struct yg_place place = yg_check_item(check, "listen", n, "trusted_proxies");

    for (size_t i = 0; i < proxies->num; i++) {
        if (strcmp(proxies->items[i], "unix") != 0 && !yg_is_range(proxies->items[i]))
            yg_report_error(check->report, &place,
                            "listen[%zu].trusted_proxies: \"%.60s\" is no address, no range such "
                            "as 10.0.0.0/8, and not unix",
                            n, proxies->items[i]);
    }
}

static void check_tls(const struct yg_check *check, size_t n)
{
    const struct yg_tls_config *tls = &check->config->listen.items[n].tls;
    const struct yg_place place = yg_check_item(check, "listen", n, "tls");

    if (tls->cert.num != tls->key.num)
        yg_report_error(check->report, &place,
                        "listen[%zu].tls: cert and key must have as many files as each other", n);
    if (tls->cert.num == 0 && *tls->client_ca != '\0')
        yg_report_error(check->report, &place, "listen[%zu].tls: client_ca needs cert and key", n);
}

static void check_listener(const struct yg_check *check, size_t n)
{
    const struct yg_listen *listen = &check->config->listen.items[n];
    const int is_unix = strncmp(listen->address, "unix:", 5) == 0;
    struct yg_place place;

    check_address(check, n);
    check_proxies(check, n);
    check_tls(check, n);
    place = yg_check_item(check, "listen", n, listen->mode != 0 ? "mode" : "group");
    if (!is_unix && (listen->mode != 0 || *listen->group != '\0' || *listen->owner != '\0'))
        yg_report_error(check->report, &place,
                        "listen[%zu]: mode, owner and group are for Unix sockets", n);
    place = yg_check_item(check, "listen", n, "proxy_protocol");
    if (listen->proxy_protocol && listen->trusted_proxies.num == 0)
        yg_report_error(check->report, &place, "listen[%zu].proxy_protocol: needs trusted_proxies",
                        n);
    place = yg_check_item(check, "listen", n, "serve");
    if ((listen->serve & YG_SERVE_CLIENTS) != 0 &&
        (listen->serve & (YG_SERVE_API | YG_SERVE_METRICS | YG_SERVE_ADMIN)) != 0)
        yg_report_warning(check->report, &place,
                          "listen[%zu].serve: clients can reach what is not meant for them", n);
}

void yg_check_listeners(const struct yg_check *check)
{
    uint32_t served = 0;

    for (size_t i = 0; i < check->config->listen.num; i++) {
        check_listener(check, i);
        served |= check->config->listen.items[i].serve;
    }
    if (check->config->listen.num > 0 && (served & YG_SERVE_CLIENTS) == 0) {
        const struct yg_place place = yg_check_place(check, "listen", NULL);

        yg_report_warning(check->report, &place, "listen: no listener serves clients");
    }
}
