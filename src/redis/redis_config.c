/* SPDX-License-Identifier: MIT */
#include "redis/redis_config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/ip.h"
#include "base/mem.h"
#include "base/options.h"

#define MOST_DATABASES 1000000u

/* ---- addresses ---- */

int yd_redis_address_set(const struct yodel_allocator *mem, struct yd_redis_address *address,
                         yodel_str host, unsigned port)
{
    char *copy = yd_strndup(mem, host.ptr, host.len);

    if (copy == NULL)
        return -ENOMEM;
    yd_redis_address_done(mem, address);
    address->host = copy;
    address->port = port;
    return 0;
}

void yd_redis_address_done(const struct yodel_allocator *mem, struct yd_redis_address *address)
{
    yd_free(mem, address->host);
    yd_free(mem, address->path);
    *address = (struct yd_redis_address){NULL, NULL, 0};
}

bool yd_redis_address_is(const struct yd_redis_address *address, yodel_str host, unsigned port)
{
    return address->host != NULL && address->port == port && strlen(address->host) == host.len &&
           memcmp(address->host, host.ptr, host.len) == 0;
}

const char *yd_redis_address_write(const struct yd_redis_address *address,
                                   char ret_text[YD_REDIS_ADDRESS_SIZE])
{
    if (address->path != NULL)
        (void)snprintf(ret_text, YD_REDIS_ADDRESS_SIZE, "%s", address->path);
    else
        (void)snprintf(ret_text, YD_REDIS_ADDRESS_SIZE, "%s:%u",
                       address->host != NULL ? address->host : "?", address->port);
    return ret_text;
}

/* ---- text ---- */

static int copy_text(const struct yodel_allocator *mem, const char *text, char **ret)
{
    if (text == NULL)
        return 0;
    yd_free(mem, *ret);
    *ret = yd_strdup(mem, text);
    return *ret != NULL ? 0 : -ENOMEM;
}

static int hex_of(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* A part of a URL, with its %XX undone; an empty one is NULL.  NUL cannot be in it. */
static int decode(const struct yodel_allocator *mem, const char *from, size_t len, char **ret)
{
    char *text = NULL;
    size_t used = 0;

    if (len > 0 && (text = yd_alloc(mem, len + 1)) == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < len; i++) {
        text[used] = from[i];
        if (from[i] == '%') {
            int upper = i + 1 < len ? hex_of(from[i + 1]) : -1;
            int lower = i + 2 < len ? hex_of(from[i + 2]) : -1;

            text[used] = upper >= 0 && lower >= 0 ? (char)(upper * 16 + lower) : '\0';
            i += 2;
        }
        if (text[used++] == '\0') {
            yd_free(mem, text);
            return -EINVAL;
        }
    }
    if (text != NULL)
        text[used] = '\0';
    yd_free(mem, *ret);
    *ret = text;
    return 0;
}

/* "host", "host:port", "[::1]:port"; an empty host is 127.0.0.1. */
static int read_host(const struct yodel_allocator *mem, const char *text, size_t len, unsigned port,
                     struct yd_redis_address *ret)
{
    const char *end = text + len, *shut = NULL, *colon;
    size_t host_len = len;
    int rc;

    if (len > 0 && text[0] == '[' && (shut = memchr(text, ']', len)) == NULL)
        return -EINVAL;
    colon = memchr(shut != NULL ? shut : text, ':', (size_t)(end - (shut != NULL ? shut : text)));
    if (colon != NULL) {
        host_len = (size_t)(colon - text);
        if (!yd_decimal_parse((yodel_str){colon + 1, (size_t)(end - colon - 1)}, 65535, &port) ||
            port == 0)
            return -EINVAL;
    }
    if (shut != NULL && shut + 1 != text + host_len)
        return -EINVAL;
    ret->port = port;
    if (shut != NULL)
        return decode(mem, text + 1, host_len - 2, &ret->host);
    if ((rc = decode(mem, text, host_len, &ret->host)) < 0 || ret->host != NULL)
        return rc;
    return copy_text(mem, "127.0.0.1", &ret->host);
}

/* ---- a URL ---- */

/* "user:password@"; a name alone is a user, as elsewhere. */
static int read_login(const struct yodel_allocator *mem, const char *text, size_t len,
                      struct yd_redis_config *config)
{
    const char *colon = memchr(text, ':', len);
    size_t user_len = colon != NULL ? (size_t)(colon - text) : len;
    int rc;

    if ((rc = decode(mem, text, user_len, &config->username)) < 0 || colon == NULL)
        return rc;
    return decode(mem, colon + 1, len - user_len - 1, &config->password);
}

static int read_database(const char *text, size_t len, struct yd_redis_config *config)
{
    if (len == 0)
        return 0;
    return yd_decimal_parse((yodel_str){text, len}, MOST_DATABASES, &config->database) ? 0
                                                                                       : -EINVAL;
}

/* "/path?db=N" */
static int read_path(const struct yodel_allocator *mem, const char *text, size_t len,
                     struct yd_redis_config *config)
{
    const char *query = memchr(text, '?', len);
    size_t path_len = query != NULL ? (size_t)(query - text) : len;
    int rc;

    if (path_len == 0 || text[0] != '/')
        return -EINVAL;
    if ((rc = decode(mem, text, path_len, &config->addresses[0].path)) < 0 || query == NULL)
        return rc;
    if (len - path_len < 5 || strncmp(query, "?db=", 4) != 0)
        return -EINVAL;
    return read_database(query + 4, len - path_len - 4, config);
}

static const char *after(const char *text, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

/* What follows the scheme. */
static int read_rest(const struct yodel_allocator *mem, const char *rest, bool is_unix,
                     struct yd_redis_config *config)
{
    const char *at = strrchr(rest, '@'), *slash;
    int rc;

    if (at != NULL) {
        if ((rc = read_login(mem, rest, (size_t)(at - rest), config)) < 0)
            return rc;
        rest = at + 1;
    }
    config->num_addresses = 1;
    if (is_unix)
        return read_path(mem, rest, strlen(rest), config);
    slash = strchr(rest, '/');
    if (slash != NULL && (rc = read_database(slash + 1, strlen(slash + 1), config)) < 0)
        return rc;
    return read_host(mem, rest, slash != NULL ? (size_t)(slash - rest) : strlen(rest), 6379,
                     &config->addresses[0]);
}

static int read_url(const struct yodel_allocator *mem, const char *url,
                    struct yd_redis_config *config)
{
    const char *rest;

    if ((rest = after(url, "unix://")) != NULL)
        return read_rest(mem, rest, true, config);
    if ((rest = after(url, "redis://")) != NULL)
        return read_rest(mem, rest, false, config);
    if ((rest = after(url, "rediss://")) == NULL)
        return -EINVAL;
    config->tls = true;
    return read_rest(mem, rest, false, config);
}

/* ---- all of it ---- */

#define DEFAULT(field, value)                                                                      \
    if (options->field == 0)                                                                       \
    options->field = (value)

static void fill_in(yodel_redis_options *options)
{
    DEFAULT(connect_ms, 5000);
    DEFAULT(reply_ms, 3000);
    DEFAULT(ping_ms, 2000);
    DEFAULT(backoff_ms, 50);
    DEFAULT(max_backoff_ms, 1000);
    DEFAULT(max_queue, (size_t)16 * 1024 * 1024);
    DEFAULT(max_publish, (size_t)4 * 1024 * 1024);
    DEFAULT(max_reply, (size_t)64 * 1024 * 1024);
}

#undef DEFAULT

static bool is_name(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

static int check(const yodel_redis_options *options)
{
    bool many = options->mode == YODEL_REDIS_SENTINEL || options->mode == YODEL_REDIS_CLUSTER;

    if (!many && options->mode != YODEL_REDIS_SINGLE)
        return -EINVAL;
    if ((options->num_nodes > 0 && (options->nodes == NULL || !many)) ||
        (many && options->num_nodes == 0 && options->url == NULL))
        return -EINVAL;
    if (options->policy != YODEL_REDIS_REFUSE && options->policy != YODEL_REDIS_DROP_OLDEST)
        return -EINVAL;
    if (options->database > MOST_DATABASES ||
        (options->client_name != NULL && !is_name(options->client_name)))
        return -EINVAL;
    return 0;
}

static int read_nodes(const struct yodel_allocator *mem, const yodel_redis_options *options,
                      struct yd_redis_config *config)
{
    unsigned port = options->mode == YODEL_REDIS_SENTINEL ? 26379 : 6379;
    int rc = 0;

    for (size_t i = 0; i < options->num_nodes && rc == 0; i++) {
        const char *node = options->nodes[i];

        if (node == NULL || node[0] == '\0')
            return -EINVAL;
        rc = read_host(mem, node, strlen(node), port, &config->addresses[config->num_addresses]);
        config->num_addresses++;
    }
    return rc;
}

static int copy_all(const struct yodel_allocator *mem, const yodel_redis_options *options,
                    struct yd_redis_config *config)
{
    const char *name = options->client_name != NULL ? options->client_name : "yodel";
    const char *master = options->master_name != NULL ? options->master_name : "mymaster";

    if (copy_text(mem, options->username, &config->username) < 0 ||
        copy_text(mem, options->password, &config->password) < 0 ||
        copy_text(mem, name, &config->client_name) < 0 ||
        copy_text(mem, master, &config->master_name) < 0 ||
        copy_text(mem, options->sentinel_username, &config->sentinel_username) < 0 ||
        copy_text(mem, options->sentinel_password, &config->sentinel_password) < 0 ||
        copy_text(mem, options->ca_file, &config->ca_file) < 0 ||
        copy_text(mem, options->cert_file, &config->cert_file) < 0 ||
        copy_text(mem, options->key_file, &config->key_file) < 0 ||
        copy_text(mem, options->server_name, &config->server_name) < 0)
        return -ENOMEM;
    return 0;
}

int yd_redis_config_read(const struct yodel_allocator *mem, const yodel_redis_options *given,
                         struct yd_redis_config *ret)
{
    yodel_redis_options options;
    int rc;

    *ret = (struct yd_redis_config){.tls = false};
    if ((rc = yd_options_read(given, &options, sizeof options)) < 0 || (rc = check(&options)) < 0)
        return rc;
    fill_in(&options);
    ret->options = options;
    ret->addresses = yd_alloc_array(mem, options.num_nodes + 1, sizeof *ret->addresses);
    if (ret->addresses == NULL)
        return -ENOMEM;
    memset(ret->addresses, 0, (options.num_nodes + 1) * sizeof *ret->addresses);
    if (options.url != NULL || options.num_nodes == 0)
        rc = read_url(mem, options.url != NULL ? options.url : "redis://", ret);
    if (rc == 0)
        rc = read_nodes(mem, &options, ret);
    if (rc == 0)
        rc = copy_all(mem, &options, ret);
    if (options.database != 0)
        ret->database = options.database;
    ret->tls = ret->tls || options.tls != 0;
    if (rc == 0 && ret->database != 0 && options.mode == YODEL_REDIS_CLUSTER)
        rc = -EINVAL; /* a cluster has one */
    return rc;
}

int yodel_redis_check_url(const char *url)
{
    struct yd_redis_config config;
    int rc;

    if (url == NULL)
        return -EINVAL;
    rc = yd_redis_config_read(&yd_mem_default, YODEL_OPTIONS(yodel_redis_options, .url = url),
                              &config);
    yd_redis_config_done(&yd_mem_default, &config);
    return rc;
}

void yd_redis_config_done(const struct yodel_allocator *mem, struct yd_redis_config *config)
{
    char **texts[] = {&config->username,    &config->password,          &config->client_name,
                      &config->master_name, &config->sentinel_username, &config->sentinel_password,
                      &config->ca_file,     &config->cert_file,         &config->key_file,
                      &config->server_name};

    for (size_t i = 0; i < config->num_addresses; i++)
        yd_redis_address_done(mem, &config->addresses[i]);
    yd_free(mem, config->addresses);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        yd_free(mem, *texts[i]);
    *config = (struct yd_redis_config){.tls = false};
}
