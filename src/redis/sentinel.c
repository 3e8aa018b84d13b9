/* SPDX-License-Identifier: MIT */
#include "redis/sentinel.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/ip.h"
#include "base/log.h"
#include "base/mem.h"
#include "redis/core.h"

/* A sentinel that was asked answers the next question by a new connection: what subscribes takes no
 * other commands. */
struct yd_sentinel {
    struct yd_redis_link link;
    yd_sentinel_fn *found;
    size_t at;       /* of the configuration's addresses */
    bool is_known;   /* the answer of this connection has come */
    bool subscribed; /* and it tells of changes */
};

static struct yd_sentinel *sentinel_of(struct yd_redis_link *link)
{
    return yd_container_of(link, struct yd_sentinel, link);
}

static bool equals(yodel_str a, const char *b)
{
    size_t len = strlen(b);

    return a.len == len && memcmp(a.ptr, b, len) == 0;
}

static bool read_port(yodel_str text, unsigned *ret)
{
    return yd_decimal_parse(text, 65535, ret) && *ret > 0;
}

static void next_one(struct yd_sentinel *sentinel)
{
    const struct yd_redis_config *config = &sentinel->link.redis->config;

    sentinel->at = (sentinel->at + 1) % config->num_addresses;
    sentinel->link.address = &config->addresses[sentinel->at];
}

/* ---- what it says ---- */

static void on_answer(struct yd_sentinel *sentinel, const struct yd_redis_reply *reply)
{
    unsigned port;

    sentinel->is_known = true;
    if (reply->type != YODEL_REDIS_ARRAY || reply->num < 2 || reply->elements[0]->text.len == 0 ||
        !read_port(reply->elements[1]->text, &port)) {
        yd_redis_link_fail(&sentinel->link, reply->type == YODEL_REDIS_ERROR
                                                ? "it refuses to tell the master"
                                                : "it does not know the master");
        return;
    }
    sentinel->found(sentinel->link.redis, reply->elements[0]->text, port);
}

/* The words of "name old-host old-port new-host new-port". */
static bool split(yodel_str text, yodel_str ret_words[5])
{
    unsigned num = 0;
    const char *at = text.ptr, *end = text.ptr + text.len;

    while (num < 5) {
        const char *blank = memchr(at, ' ', (size_t)(end - at));
        const char *stop = blank != NULL ? blank : end;

        ret_words[num++] = (yodel_str){at, (size_t)(stop - at)};
        if (blank == NULL)
            break;
        at = blank + 1;
    }
    return num == 5;
}

static void on_change(struct yd_sentinel *sentinel, yodel_str text)
{
    yodel_redis *redis = sentinel->link.redis;
    yodel_str words[5];
    unsigned port;

    if (!split(text, words) || !read_port(words[4], &port)) {
        yd_redis_count_malformed(redis);
        return;
    }
    if (equals(words[0], redis->config.master_name))
        sentinel->found(redis, words[3], port);
}

static void on_reply(struct yd_redis_link *link, const struct yd_redis_reply *reply)
{
    struct yd_sentinel *sentinel = sentinel_of(link);

    if (!sentinel->is_known) {
        yd_redis_link_got(link);
        on_answer(sentinel, reply);
        return;
    }
    if (reply->type == YODEL_REDIS_ARRAY && reply->num == 3 &&
        equals(reply->elements[0]->text, "message")) {
        on_change(sentinel, reply->elements[2]->text);
        return;
    }
    sentinel->subscribed = true;
    yd_redis_link_got(link); /* of SUBSCRIBE, of PING, or an error: then failures alone tell */
}

/* ---- the connection ---- */

static void on_ready(struct yd_redis_link *link)
{
    yodel_redis *redis = link->redis;
    const yodel_str question[] = {YODEL_STR("SENTINEL"), YODEL_STR("get-master-addr-by-name"),
                                  yodel_str_of(redis->config.master_name)};
    const yodel_str follow[] = {YODEL_STR("SUBSCRIBE"), YODEL_STR("+switch-master")};
    struct yd_buf buf = {NULL, 0, 0};

    sentinel_of(link)->is_known = sentinel_of(link)->subscribed = false;
    if (yd_resp_append(redis->env.mem, &buf, 3, question) < 0 ||
        yd_resp_append(redis->env.mem, &buf, 2, follow) < 0)
        yd_redis_link_fail(link, "out of memory");
    else
        (void)yd_redis_link_send(link, buf.ptr, buf.len, 2);
    yd_buf_free(redis->env.mem, &buf);
}

static void on_lost(struct yd_redis_link *link)
{
    (void)link;
}

static void on_failed(struct yd_redis_link *link)
{
    next_one(sentinel_of(link));
}

static void on_quiet(struct yd_redis_link *link)
{
    (void)yd_redis_link_send(link, yd_redis_link_ping, sizeof yd_redis_link_ping - 1, 1);
}

static const struct yd_redis_link_ops link_ops = {
    .on_ready = on_ready,
    .on_reply = on_reply,
    .on_lost = on_lost,
    .on_quiet = on_quiet,
    .on_failed = on_failed,
};

int yd_sentinel_new(yodel_redis *redis, struct yd_sentinel **ret_sentinel)
{
    struct yd_sentinel *sentinel = yd_zalloc(redis->env.mem, sizeof *sentinel);

    if (sentinel == NULL)
        return -ENOMEM;
    sentinel->link.redis = redis;
    sentinel->link.ops = &link_ops;
    sentinel->link.what = "sentinel";
    sentinel->link.is_sentinel = true;
    yd_redis_link_init(&sentinel->link);
    sentinel->link.username = redis->config.sentinel_username;
    sentinel->link.password = redis->config.sentinel_password;
    sentinel->link.address = &redis->config.addresses[0];
    *ret_sentinel = sentinel;
    return 0;
}

void yd_sentinel_free(struct yd_sentinel *sentinel)
{
    if (sentinel != NULL)
        yd_free(sentinel->link.redis->env.mem, sentinel);
}

void yd_sentinel_stop(struct yd_sentinel *sentinel)
{
    if (sentinel != NULL)
        yd_redis_link_stop(&sentinel->link, false);
}

void yd_sentinel_ask(struct yd_sentinel *sentinel, yd_sentinel_fn *found)
{
    if (sentinel == NULL)
        return;
    sentinel->found = found;
    if (sentinel->link.phase == YD_REDIS_LINK_OFF) {
        yd_redis_link_start(&sentinel->link);
    } else if (yd_redis_link_is_ready(&sentinel->link) && sentinel->is_known) {
        next_one(sentinel);
        yd_redis_link_redirect(&sentinel->link);
    }
}
