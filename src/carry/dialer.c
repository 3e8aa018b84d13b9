/* SPDX-License-Identifier: MIT */
#include "carry/dialer.h"

#include <errno.h>
#include <string.h>
#include <sys/un.h>

#include "base/container.h"

#define MOST_HOST 253 /* RFC 1035, section 2.3.4 */

/* An address, taken apart. */
struct place {
    const char *path; /* of a Unix socket, in the text; NULL: TCP */
    char host[MOST_HOST + 1];
    uint16_t port;
};

/* ---- addresses ---- */

static bool read_port(const char *text, uint16_t *ret_port)
{
    uint32_t port = 0;

    for (; *text >= '0' && *text <= '9' && port <= UINT16_MAX; text++)
        port = port * 10 + (uint32_t)(*text - '0');
    *ret_port = (uint16_t)port;
    return *text == '\0' && port > 0 && port <= UINT16_MAX;
}

static bool is_of_name(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '_' || c == '.';
}

/* A name; one whose last label is a number is an address of IPv4, or nothing. */
static bool is_name(const char *host)
{
    const char *last = strrchr(host, '.');
    struct yd_ip ip;

    if (host[0] == '\0' || host[0] == '.' || host[0] == '-')
        return false;
    for (const char *at = host; *at != '\0'; at++)
        if (!is_of_name(*at))
            return false;
    last = last != NULL ? last + 1 : host;
    return last[strspn(last, "0123456789")] != '\0' || yd_ip_parse(yodel_str_of(host), &ip) ||
           (*last == '\0' && last != host);
}

static bool is_ipv6(const char *host)
{
    struct yd_ip ip;

    return strchr(host, ':') != NULL && strpbrk(host, "[]") == NULL &&
           yd_ip_parse(yodel_str_of(host), &ip);
}

static bool read_tcp(const char *text, struct place *ret)
{
    const char *colon = strrchr(text, ':'), *first = text, *last = colon;
    bool in_brackets = text[0] == '[';

    if (colon == NULL || !read_port(colon + 1, &ret->port))
        return false;
    if (in_brackets) {
        first = text + 1;
        last = colon - 1;
        if (last <= first || *last != ']')
            return false;
    }
    if ((size_t)(last - first) >= sizeof ret->host)
        return false;
    memcpy(ret->host, first, (size_t)(last - first));
    ret->host[last - first] = '\0';
    return in_brackets ? is_ipv6(ret->host) : is_name(ret->host);
}

static bool read_place(const char *text, struct place *ret)
{
    static const char unix_prefix[] = "unix:";

    ret->path = NULL;
    if (strncmp(text, unix_prefix, sizeof unix_prefix - 1) != 0)
        return read_tcp(text, ret);
    ret->path = text + sizeof unix_prefix - 1;
    return ret->path[0] == '/' && strlen(ret->path) < sizeof((struct sockaddr_un *)NULL)->sun_path;
}

bool yd_dialer_takes(const char *text)
{
    struct place place;

    return text != NULL && strlen(text) < YD_CARRY_ADDRESS_SIZE && read_place(text, &place);
}

/* ---- connections ---- */

static void on_done(struct yd_connect *connect, struct yd_conn *conn, int error, const char *reason)
{
    struct yd_node_call *call = yd_container_of(connect, struct yd_node_call, connect);

    call->on_done(call, conn, error, reason);
}

static void dial(struct yd_dialer *base, struct yd_net *net, const char *address,
                 uint32_t timeout_ms, struct yd_node_call *call)
{
    const struct yd_node_dialer *dialer = yd_container_of(base, struct yd_node_dialer, base);
    struct place place;
    struct yd_connect_options options = {
        .tls = dialer->tls,
        .name = dialer->name,
        .timeout_ms = timeout_ms,
        .with_clients = true,
    };
    int rc = -EINVAL;

    call->connect.on_done = on_done;
    if (read_place(address, &place)) {
        options.path = place.path;
        options.host = place.host;
        options.port = place.port;
        rc = yd_net_connect(net, &call->connect, &options);
    }
    if (rc < 0)
        call->on_done(call, NULL, rc, NULL);
}

void yd_node_dialer_init(struct yd_node_dialer *dialer, struct yd_tls *tls, const char *name)
{
    *dialer = (struct yd_node_dialer){.base = {.dial = dial}, .tls = tls, .name = name};
}
