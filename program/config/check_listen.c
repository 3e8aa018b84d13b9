/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "config/check.h"

static int is_number(const char *text, unsigned long max)
{
    unsigned long number = 0;
    const size_t len = strspn(text, "0123456789");

    if (len == 0 || len > 5 || text[len] != '\0')
        return 0;
    for (; *text != '\0'; text++)
        number = number * 10 + (unsigned long)(*text - '0');
    return number <= max;
}

static int is_address(const char *address)
{
    const char *colon = strrchr(address, ':');

    if (strncmp(address, "unix:", 5) == 0)
        return address[5] != '\0' && strlen(address + 5) < 108;
    if (strncmp(address, "fd:", 3) == 0)
        return is_number(address + 3, 65535);
    if (strcmp(address, "systemd") == 0)
        return 1;
    if (strncmp(address, "systemd:", 8) == 0)
        return address[8] != '\0';
    if (colon == NULL || colon == address || !is_number(colon + 1, 65535))
        return 0;
    if (address[0] == '[')
        return colon[-1] == ']';
    return memchr(address, ':', (size_t)(colon - address)) == NULL;
}

static int has_port_zero(const char *address)
{
    const size_t len = strlen(address);

    return len > 2 && strcmp(address + len - 2, ":0") == 0;
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
    for (size_t i = 0; i < n; i++) {
        if (strcmp(check->config->listen.items[i].address, listen->address) == 0 &&
            !has_port_zero(listen->address)) {
            yg_report_error(check->report, &place,
                            "listen[%zu].address: listener \"%.60s\" has this address, too", n,
                            check->config->listen.items[i].name);
            return;
        }
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
