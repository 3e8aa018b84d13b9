/* SPDX-License-Identifier: MIT */
#include "redis/redis_link.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/log.h"
#include "base/mem.h"
#include "redis/core.h"

/* A connection that has lasted so long, ms, was a good one: the pauses begin anew. */
#define GOOD_MS 2000

enum step { STEP_AUTH = 1, STEP_SELECT, STEP_NAME, STEP_KILL, STEP_INFO, STEP_ROLE, STEP_PING };

const char yd_redis_link_ping[15] = "*1\r\n$4\r\nPING\r\n";

/* While replies are handed over: what is in use must outlive the link, which may be stopped. */
struct yd_redis_link_delivery {
    bool stopped;
    struct yd_resp *resp; /* to be freed after it; NULL: the link has it */
};

static void connect_now(struct yd_redis_link *link);
static void on_timer(struct yd_timer *timer);

static struct yd_loop *loop_of(const struct yd_redis_link *link)
{
    return yd_redis_its_loop(link->redis);
}

static const yodel_redis_options *options_of(const struct yd_redis_link *link)
{
    return &link->redis->config.options;
}

void yd_redis_link_init(struct yd_redis_link *link)
{
    const struct yd_redis_config *config = &link->redis->config;

    link->username = config->username;
    link->password = config->password;
    link->database = config->database;
    yd_timer_init(&link->timer, on_timer);
}

/* ---- the end of a connection ---- */

static size_t drop_data(struct yd_conn *conn, uint8_t *data, size_t len)
{
    (void)conn;
    (void)data;
    return len;
}

static void close_alone(struct yd_conn *conn)
{
    yd_conn_close(conn);
}

static void ignore_close(struct yd_conn *conn, int error)
{
    (void)conn;
    (void)error;
}

/* A connection without an owner. */
static const struct yd_conn_events alone = {
    .on_data = drop_data, .on_eof = close_alone, .on_closed = ignore_close};

static void drop_conn(struct yd_redis_link *link, bool gently)
{
    struct yd_conn *conn = link->conn;

    yd_net_connect_stop(&link->connect);
    link->conn = NULL;
    if (conn != NULL) {
        yd_conn_set_timeout(conn, 0);
        yd_conn_set_events(conn, &alone, NULL);
        if (gently)
            yd_conn_close(conn);
        else
            yd_conn_abort(conn, 0);
    }
    if (link->delivery != NULL) {
        link->delivery->stopped = true;
        link->delivery->resp = link->resp;
        link->delivery = NULL;
    } else {
        yd_resp_free(link->resp);
    }
    link->resp = NULL;
    link->awaits = 0;
}

void yd_redis_link_stop(struct yd_redis_link *link, bool gently)
{
    if (link->phase == YD_REDIS_LINK_OFF)
        return;
    link->phase = YD_REDIS_LINK_OFF;
    yd_timer_stop(&loop_of(link)->wheel, &link->timer);
    drop_conn(link, gently);
}

/* Half of it to all of it, by chance: many clients do not come back as one. */
static uint64_t pause_of(struct yd_redis_link *link)
{
    const yodel_redis_options *options = options_of(link);
    uint32_t shift = YD_MIN(link->failures, 16u);
    uint64_t most = YD_MIN((uint64_t)options->backoff_ms << shift, options->max_backoff_ms);

    return most - yd_redis_chance(link->redis, (uint32_t)(most / 2) + 1);
}

static void log_trouble(const struct yd_redis_link *link, const char *why)
{
    char address[YD_REDIS_ADDRESS_SIZE];

    if (link->redis->finishing || !yd_redis_may_log(link->redis))
        return;
    yd_log(link->redis->env.log, YODEL_LOG_WARN, "redis %s, %s: %s",
           link->address != NULL ? yd_redis_address_write(link->address, address) : "(not found)",
           link->what, why);
}

static void pause_link(struct yd_redis_link *link)
{
    struct yd_loop *loop = loop_of(link);

    link->phase = YD_REDIS_LINK_PAUSE;
    yd_timer_start(&loop->wheel, &link->timer, yd_loop_due(loop, pause_of(link)));
    link->failures++;
}

/* Its owner may stop it in any of these calls. */
static void lose(struct yd_redis_link *link)
{
    bool was_ready = link->phase == YD_REDIS_LINK_READY;

    if (was_ready && loop_of(link)->now - link->ready_at >= GOOD_MS)
        link->failures = 0;
    drop_conn(link, false);
    pause_link(link);
    if (was_ready)
        link->ops->on_lost(link);
    if (link->phase == YD_REDIS_LINK_PAUSE && link->ops->on_failed != NULL)
        link->ops->on_failed(link);
}

void yd_redis_link_fail(struct yd_redis_link *link, const char *why)
{
    if (link->phase < YD_REDIS_LINK_CONNECTING)
        return;
    log_trouble(link, why);
    lose(link);
}

void yd_redis_link_redirect(struct yd_redis_link *link)
{
    bool was_ready = link->phase == YD_REDIS_LINK_READY;

    if (link->phase == YD_REDIS_LINK_OFF)
        return;
    drop_conn(link, false);
    link->failures = 0;
    pause_link(link);
    if (was_ready)
        link->ops->on_lost(link);
    yd_redis_link_go(link);
}

/* ---- replies ---- */

static void ready(struct yd_redis_link *link)
{
    char address[YD_REDIS_ADDRESS_SIZE];

    link->phase = YD_REDIS_LINK_READY;
    link->ready_at = loop_of(link)->now;
    if (link->was_ready)
        yd_redis_count(&link->redis->reconnects, 1);
    link->was_ready = true;
    yd_log(link->redis->env.log, YODEL_LOG_DEBUG, "redis %s, %s: connected",
           yd_redis_address_write(link->address, address), link->what);
    link->ops->on_ready(link);
}

static bool starts_with(yodel_str text, const char *prefix)
{
    size_t len = strlen(prefix);

    return text.len >= len && memcmp(text.ptr, prefix, len) == 0;
}

static bool is_master(const struct yd_redis_reply *reply)
{
    return reply->type == YODEL_REDIS_ARRAY && reply->num > 0 &&
           starts_with(reply->elements[0]->text, "master");
}

/* Whether the greeting may go on after a reply. */
static bool is_welcome(const struct yd_redis_link *link, unsigned step,
                       const struct yd_redis_reply *reply)
{
    if (step == STEP_ROLE)
        return is_master(reply) ||
               (link->redis->sentinel == NULL && yd_redis_is_error(reply)); /* ROLE is forbidden */
    if (reply->type != YODEL_REDIS_ERROR || (step >= STEP_NAME && step <= STEP_INFO))
        return true;
    return step == STEP_PING && starts_with(reply->text, "NOPERM");
}

/* The value of such a word as "id=7"; "" when it is not there, or too long. */
static void read_word(yodel_str text, const char *name, char *ret, size_t size)
{
    size_t at = 0, len;

    ret[0] = '\0';
    while (at < text.len && !starts_with((yodel_str){text.ptr + at, text.len - at}, name)) {
        const char *blank = memchr(text.ptr + at, ' ', text.len - at);

        at = blank != NULL ? (size_t)(blank - text.ptr) + 1 : text.len;
    }
    if (at == text.len)
        return;
    at += strlen(name);
    for (len = 0; at + len < text.len && (unsigned char)text.ptr[at + len] > ' ';)
        len++;
    if (len < size) {
        memcpy(ret, text.ptr + at, len);
        ret[len] = '\0';
    }
}

/* Ids begin anew when Redis does; with its address one is of this connection alone.  On a Unix
 * socket, whose connections have "PATH:0" all, there is no such thing. */
static void learn_self(struct yd_redis_link *link, const struct yd_redis_reply *reply)
{
    yodel_str text = reply->type == YODEL_REDIS_STRING ? reply->text : YODEL_STR("");
    size_t len;

    read_word(text, "id=", link->id, sizeof link->id);
    read_word(text, "addr=", link->addr, sizeof link->addr);
    len = strlen(link->addr);
    if (len < 2 || strcmp(link->addr + len - 2, ":0") == 0)
        link->id[0] = '\0';
}

static void on_greeting(struct yd_redis_link *link, const struct yd_redis_reply *reply)
{
    unsigned step = link->steps[link->next_step++];
    char why[160];

    yd_redis_link_got(link);
    if (step == STEP_INFO)
        learn_self(link, reply);
    if (is_welcome(link, step, reply)) {
        if (link->next_step == link->num_steps)
            ready(link);
        return;
    }
    if (reply->type == YODEL_REDIS_ERROR)
        (void)snprintf(why, sizeof why, "%" YODEL_PRI, YODEL_ARG(reply->text));
    else
        (void)snprintf(why, sizeof why, "it is not a master");
    yd_redis_link_fail(link, why);
}

static void hand_over(struct yd_redis_link *link, const struct yd_redis_reply *reply)
{
    link->heard_at = yd_loop_due(loop_of(link), 0);
    if (link->asked_at != 0 && link->extra_ms == 0 && !link->waits_for_ever)
        atomic_store_explicit(&link->redis->lag_ms, link->heard_at - link->asked_at,
                              memory_order_relaxed);
    link->asked_at = 0;
    if (link->phase == YD_REDIS_LINK_GREETING)
        on_greeting(link, reply);
    else
        link->ops->on_reply(link, reply);
}

static void fail_input(struct yd_redis_link *link, int error)
{
    if (error == YODEL_ERR_PROTOCOL || error == YODEL_ERR_TOO_BIG)
        yd_redis_count_malformed(link->redis);
    yd_redis_link_fail(link, error == YODEL_ERR_PROTOCOL  ? "it does not speak RESP"
                             : error == YODEL_ERR_TOO_BIG ? "a reply is larger than max_reply"
                                                          : yodel_strerror(error));
}

/* Hands over what a slice of input has brought; false when the link's connection has gone. */
static bool read_slice(struct yd_redis_link *link, const uint8_t *data, size_t len)
{
    struct yd_redis_link_delivery delivery = {false, NULL};
    struct yd_resp *resp = link->resp;
    const struct yd_redis_reply *reply;
    int rc = yd_resp_feed(resp, data, len);

    link->delivery = &delivery;
    while (rc == 0 && (rc = yd_resp_next(resp, &reply)) > 0) {
        hand_over(link, reply);
        if (delivery.stopped)
            break;
        rc = 0;
    }
    if (delivery.stopped) {
        yd_resp_free(delivery.resp);
        return false;
    }
    link->delivery = NULL;
    if (rc < 0)
        fail_input(link, rc);
    return rc == 0;
}

static size_t on_data(struct yd_conn *conn, uint8_t *data, size_t len)
{
    struct yd_redis_link *link = conn->up;
    yodel_redis *redis = link->redis;

    yd_redis_hold(redis);
    for (size_t at = 0; at < len; at += YD_RESP_SLICE)
        if (!read_slice(link, data + at, YD_MIN(len - at, YD_RESP_SLICE)))
            break;
    yd_redis_release(redis);
    return len;
}

static void on_eof(struct yd_conn *conn)
{
    yd_redis_link_fail(conn->up, "it has closed the connection");
}

static void on_closed(struct yd_conn *conn, int error)
{
    struct yd_redis_link *link = conn->up;

    link->conn = NULL;
    yd_redis_link_fail(link, error < 0 ? yodel_strerror(error) : "the connection was closed");
}

static const struct yd_conn_events events = {
    .on_data = on_data, .on_eof = on_eof, .on_closed = on_closed};

/* ---- sending ---- */

void yd_redis_link_got(struct yd_redis_link *link)
{
    if (link->awaits > 0)
        link->awaits--;
}

int yd_redis_link_send(struct yd_redis_link *link, const void *data, size_t len, unsigned replies)
{
    int rc = link->conn != NULL ? yd_conn_write(link->conn, data, len, NULL, 0) : YODEL_ERR_CLOSED;

    if (rc < 0) {
        yd_redis_link_fail(link, yodel_strerror(rc));
        return rc;
    }
    if (link->awaits == 0 && replies > 0)
        link->asked_at = link->heard_at = yd_loop_due(loop_of(link), 0);
    link->awaits += replies;
    return 0;
}

/* ---- time ---- */

static uint64_t reply_limit(const struct yd_redis_link *link)
{
    if (link->phase == YD_REDIS_LINK_GREETING)
        return link->heard_at + options_of(link)->connect_ms;
    if (link->waits_for_ever)
        return YD_NEVER;
    return link->heard_at + options_of(link)->reply_ms + link->extra_ms;
}

static uint64_t quiet_limit(const struct yd_redis_link *link)
{
    return link->ops->on_quiet != NULL ? link->heard_at + options_of(link)->ping_ms : YD_NEVER;
}

/* What is sent meanwhile has its reply within ping_ms and reply_ms, or the link is lost. */
static void watch(struct yd_redis_link *link)
{
    struct yd_loop *loop = loop_of(link);
    uint64_t due = link->awaits > 0 ? reply_limit(link) : quiet_limit(link);
    uint64_t latest = yd_loop_due(loop, options_of(link)->ping_ms);

    yd_timer_start(&loop->wheel, &link->timer, YD_MIN(due, latest));
}

static void on_timer(struct yd_timer *timer)
{
    struct yd_redis_link *link = yd_container_of(timer, struct yd_redis_link, timer);
    uint64_t now = loop_of(link)->now;

    if (link->phase == YD_REDIS_LINK_PAUSE) {
        connect_now(link);
        return;
    }
    if (link->phase < YD_REDIS_LINK_GREETING)
        return;
    if (link->awaits > 0 && now >= reply_limit(link)) {
        yd_redis_link_fail(link, "no reply in time");
        return;
    }
    if (link->awaits == 0 && link->phase == YD_REDIS_LINK_READY && now >= quiet_limit(link))
        link->ops->on_quiet(link);
    if (link->phase >= YD_REDIS_LINK_GREETING)
        watch(link);
}

/* ---- the beginning ---- */

static int add_step(struct yd_redis_link *link, struct yd_buf *buf, enum step step, size_t argc,
                    const yodel_str *argv)
{
    link->steps[link->num_steps++] = (uint8_t)step;
    return yd_resp_append(yd_redis_mem(link->redis), buf, argc, argv);
}

static int add_auth(struct yd_redis_link *link, struct yd_buf *buf)
{
    yodel_str words[3] = {YODEL_STR("AUTH"), yodel_str_of(link->username),
                          yodel_str_of(link->password)};

    if (link->password == NULL)
        return 0;
    if (link->username != NULL)
        return add_step(link, buf, STEP_AUTH, 3, words);
    words[1] = words[2];
    return add_step(link, buf, STEP_AUTH, 2, words);
}

/* What the last connection has sent may still be on its way, after a network that has dropped
 * packets; coming later than what is sent now it would be out of order.  Old servers know no CLIENT
 * INFO, and a user may lack the right to either: then it is left at that. */
static int end_last(struct yd_redis_link *link, struct yd_buf *buf)
{
    int rc = 0;

    if (!link->ends_last)
        return 0;
    if (link->id[0] != '\0')
        rc = add_step(link, buf, STEP_KILL, 6,
                      (yodel_str[]){YODEL_STR("CLIENT"), YODEL_STR("KILL"), YODEL_STR("ID"),
                                    yodel_str_of(link->id), YODEL_STR("ADDR"),
                                    yodel_str_of(link->addr)});
    if (rc == 0)
        rc = add_step(link, buf, STEP_INFO, 2,
                      (yodel_str[]){YODEL_STR("CLIENT"), YODEL_STR("INFO")});
    return rc;
}

static int add_rest(struct yd_redis_link *link, struct yd_buf *buf)
{
    const char *name = link->redis->config.client_name;
    char number[16];
    int rc = 0;

    (void)snprintf(number, sizeof number, "%u", link->database);
    if (!link->is_sentinel && link->database != 0)
        rc = add_step(link, buf, STEP_SELECT, 2,
                      (yodel_str[]){YODEL_STR("SELECT"), yodel_str_of(number)});
    if (rc == 0 && name != NULL && name[0] != '\0')
        rc = add_step(link, buf, STEP_NAME, 3,
                      (yodel_str[]){YODEL_STR("CLIENT"), YODEL_STR("SETNAME"), yodel_str_of(name)});
    if (rc == 0)
        rc = end_last(link, buf);
    if (rc == 0 && link->must_be_master)
        rc = add_step(link, buf, STEP_ROLE, 1, (yodel_str[]){YODEL_STR("ROLE")});
    if (rc == 0)
        rc = add_step(link, buf, STEP_PING, 1, (yodel_str[]){YODEL_STR("PING")});
    return rc;
}

static void greet(struct yd_redis_link *link)
{
    const struct yodel_allocator *mem = yd_redis_mem(link->redis);
    struct yd_buf buf = {NULL, 0, 0};
    int rc;

    link->phase = YD_REDIS_LINK_GREETING;
    link->num_steps = link->next_step = 0;
    if ((rc = yd_resp_new(mem, options_of(link)->max_reply, &link->resp)) < 0 ||
        (rc = add_auth(link, &buf)) < 0 || (rc = add_rest(link, &buf)) < 0)
        yd_redis_link_fail(link, yodel_strerror(rc));
    else if (yd_redis_link_send(link, buf.ptr, buf.len, link->num_steps) == 0)
        watch(link);
    yd_buf_free(mem, &buf);
}

static void on_connected(struct yd_connect *connect, struct yd_conn *conn, int error,
                         const char *reason)
{
    struct yd_redis_link *link = yd_container_of(connect, struct yd_redis_link, connect);

    if (conn == NULL) {
        yd_redis_link_fail(link, reason != NULL ? reason : yodel_strerror(error));
        return;
    }
    link->conn = conn;
    yd_conn_set_events(conn, &events, link);
    greet(link);
}

static void connect_now(struct yd_redis_link *link)
{
    const struct yd_redis_config *config = &link->redis->config;
    struct yd_connect_options options = {.timeout_ms = config->options.connect_ms};
    int rc;

    link->phase = YD_REDIS_LINK_LOST;
    if (link->ops->locate != NULL && !link->ops->locate(link))
        return;
    link->phase = YD_REDIS_LINK_CONNECTING;
    options.path = link->address->path;
    options.host = link->address->host;
    options.port = (uint16_t)link->address->port;
    options.tls = link->address->path == NULL ? link->redis->tls : NULL;
    options.name = config->server_name != NULL ? config->server_name : link->address->host;
    link->connect.on_done = on_connected;
    if ((rc = yd_net_connect(loop_of(link)->net, &link->connect, &options)) < 0)
        yd_redis_link_fail(link, yodel_strerror(rc));
}

void yd_redis_link_start(struct yd_redis_link *link)
{
    if (link->phase != YD_REDIS_LINK_OFF)
        return;
    link->failures = 0;
    link->was_ready = false;
    link->phase = YD_REDIS_LINK_PAUSE;
    connect_now(link);
}

void yd_redis_link_go(struct yd_redis_link *link)
{
    if (link->phase != YD_REDIS_LINK_PAUSE && link->phase != YD_REDIS_LINK_LOST)
        return;
    yd_timer_stop(&loop_of(link)->wheel, &link->timer);
    connect_now(link);
}
