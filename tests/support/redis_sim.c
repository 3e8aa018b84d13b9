/* SPDX-License-Identifier: MIT */
#include "redis_sim.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/container.h"
#include "base/mem.h"
#include "redis_sim_parts.h"

const struct yodel_allocator *rs_mem(void)
{
    return &yd_mem_default;
}

void rs_add(struct yd_buf *buf, const void *data, size_t len)
{
    if (yd_buf_append(rs_mem(), buf, data, len) < 0)
        abort();
}

void rs_set(struct yd_buf *buf, yodel_str text)
{
    buf->len = 0;
    rs_add(buf, text.ptr, text.len);
    rs_add(buf, "", 1);
    buf->len--;
}

bool rs_is(yodel_str word, const char *text)
{
    return word.len == strlen(text) && strncasecmp(word.ptr, text, word.len) == 0;
}

bool rs_is_name(const struct yd_buf *buf, yodel_str name)
{
    return buf->len == name.len && memcmp(buf->ptr, name.ptr, name.len) == 0;
}

void rs_free_item(struct item *item)
{
    yd_buf_free(rs_mem(), &item->name);
    yd_buf_free(rs_mem(), &item->value);
    free(item);
}

void rs_free_items(struct item **items)
{
    while (*items != NULL) {
        struct item *next = (*items)->next;

        rs_free_item(*items);
        *items = next;
    }
}

struct item *rs_new_item(struct item **at, yodel_str name)
{
    struct item *item = calloc(1, sizeof *item);

    if (item == NULL)
        abort();
    rs_set(&item->name, name);
    item->next = *at;
    *at = item;
    return item;
}

/* ---- answers ---- */

void redis_sim_say(struct redis_sim *sim, struct redis_sim_conn *conn, const char *text)
{
    (void)sim;
    sim_send_text(conn->peer, text);
    sim_send_text(conn->peer, "\r\n");
}

void rs_say(struct redis_sim_conn *conn, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    redis_sim_say(NULL, conn, text);
}

void redis_sim_say_bulk(struct redis_sim *sim, struct redis_sim_conn *conn, const void *data,
                        size_t len)
{
    (void)sim;
    rs_say(conn, "$%zu", len);
    sim_send(conn->peer, data, len);
    sim_send_text(conn->peer, "\r\n");
}

void rs_bulk(struct redis_sim_conn *conn, const struct yd_buf *buf)
{
    redis_sim_say_bulk(NULL, conn, buf->ptr != NULL ? (const void *)buf->ptr : "", buf->len);
}

/* ---- subscriptions ---- */

static void confirm(struct redis_sim_conn *conn, char kind, const char *word, yodel_str name)
{
    char whole[32];

    (void)snprintf(whole, sizeof whole, "%s%s", kind == 'c' ? "" : kind == 'p' ? "p" : "s", word);
    rs_say(conn, "*3");
    redis_sim_say_bulk(NULL, conn, whole, strlen(whole));
    redis_sim_say_bulk(NULL, conn, name.ptr, name.len);
    rs_say(conn, ":%u", conn->num_subs);
}

static struct item **find_sub(struct redis_sim_conn *conn, char kind, yodel_str name)
{
    struct item **at = &conn->subs;

    while (*at != NULL && ((*at)->kind != kind || !rs_is_name(&(*at)->name, name)))
        at = &(*at)->next;
    return at;
}

static void subscribe(struct redis_sim *sim, struct redis_sim_conn *conn, char kind, yodel_str name)
{
    struct item **at = find_sub(conn, kind, name);

    if (sim->refuse[0] != '\0' && rs_is(name, sim->refuse)) {
        rs_say(conn, "-NOPERM this user has no permissions to access one of the channels");
        return;
    }
    if (*at == NULL) {
        rs_new_item(at, name)->kind = kind;
        conn->num_subs++;
    }
    confirm(conn, kind, "subscribe", name);
}

static void unsubscribe(struct redis_sim_conn *conn, char kind, yodel_str name)
{
    struct item **at = find_sub(conn, kind, name);

    if (*at != NULL) {
        struct item *item = *at;

        *at = item->next;
        rs_free_item(item);
        conn->num_subs--;
    }
    confirm(conn, kind, "unsubscribe", name);
}

static void deliver(struct redis_sim_conn *conn, const struct item *sub, yodel_str channel,
                    yodel_str payload)
{
    const char *word = sub->kind == 'c' ? "message" : sub->kind == 'p' ? "pmessage" : "smessage";

    rs_say(conn, "*%d", sub->kind == 'p' ? 4 : 3);
    redis_sim_say_bulk(NULL, conn, word, strlen(word));
    if (sub->kind == 'p')
        rs_bulk(conn, &sub->name);
    redis_sim_say_bulk(NULL, conn, channel.ptr, channel.len);
    redis_sim_say_bulk(NULL, conn, payload.ptr, payload.len);
}

static unsigned publish(struct redis_sim *sim, bool shard, yodel_str channel, yodel_str payload)
{
    char name[512];
    unsigned num = 0;

    (void)snprintf(name, sizeof name, "%.*s", (int)channel.len, channel.ptr);
    for (struct redis_sim_conn *conn = sim->conns; conn != NULL; conn = conn->next)
        for (struct item *sub = conn->subs; sub != NULL && !conn->broken; sub = sub->next) {
            bool wants = sub->kind == 'p' && !shard
                             ? fnmatch((const char *)sub->name.ptr, name, 0) == 0
                             : sub->kind == (shard ? 's' : 'c') && rs_is_name(&sub->name, channel);

            if (!wants)
                continue;
            deliver(conn, sub, channel, payload);
            num++;
        }
    return num;
}

void redis_sim_publish_bytes(struct redis_sim *sim, const char *channel, yodel_bytes payload)
{
    (void)publish(sim, false, yodel_str_of(channel),
                  (yodel_str){(const char *)payload.ptr, payload.len});
}

void redis_sim_publish(struct redis_sim *sim, const char *channel, const char *payload)
{
    (void)publish(sim, false, yodel_str_of(channel), yodel_str_of(payload));
}

unsigned redis_sim_num_subscribed(const struct redis_sim *sim, char kind, const char *name)
{
    unsigned num = 0;

    for (struct redis_sim_conn *conn = sim->conns; conn != NULL; conn = conn->next)
        num += !conn->broken && conn->peer->stream != NULL &&
               *find_sub(conn, kind, yodel_str_of(name)) != NULL;
    return num;
}

/* ---- commands ---- */

static bool run_login(struct redis_sim *sim, struct redis_sim_conn *conn, size_t argc,
                      const yodel_str *argv)
{
    if (rs_is(argv[0], "AUTH")) {
        conn->in = rs_is(argv[argc - 1], sim->password);
        redis_sim_say(sim, conn, conn->in ? "+OK" : "-WRONGPASS invalid username-password pair");
    } else if (sim->password[0] != '\0' && !conn->in) {
        redis_sim_say(sim, conn, "-NOAUTH Authentication required.");
    } else if (rs_is(argv[0], "SELECT") || rs_is(argv[0], "CLIENT")) {
        redis_sim_say(sim, conn, "+OK");
    } else if (rs_is(argv[0], "ROLE")) {
        redis_sim_say(sim, conn,
                      sim->is_replica ? "*2\r\n$5\r\nslave\r\n:0"
                                      : "*3\r\n$6\r\nmaster\r\n:0\r\n*0");
    } else if (sim->is_replica && rs_is(argv[0], "SET")) {
        redis_sim_say(sim, conn, "-READONLY You can't write against a read only replica.");
    } else if (rs_is(argv[0], "PING")) {
        redis_sim_say(sim, conn, conn->num_subs > 0 ? "*2\r\n$4\r\npong\r\n$0\r\n" : "+PONG");
    } else {
        return false;
    }
    return true;
}

static bool run_pubsub(struct redis_sim *sim, struct redis_sim_conn *conn, size_t argc,
                       const yodel_str *argv)
{
    static const char *const words[] = {"SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE"};
    static const char *const offs[] = {"UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"};

    for (unsigned kind = 0; kind < 3; kind++) {
        bool on = rs_is(argv[0], words[kind]);

        if (!on && !rs_is(argv[0], offs[kind]))
            continue;
        for (size_t i = 1; i < argc; i++) {
            if (on)
                subscribe(sim, conn, "cps"[kind], argv[i]);
            else
                unsubscribe(conn, "cps"[kind], argv[i]);
        }
        return true;
    }
    if ((rs_is(argv[0], "PUBLISH") || rs_is(argv[0], "SPUBLISH")) && argc == 3) {
        if (sim->refuse[0] != '\0' && rs_is(argv[1], sim->refuse))
            redis_sim_say(sim, conn, "-NOPERM no access to the channel");
        else
            rs_say(conn, ":%u", publish(sim, rs_is(argv[0], "SPUBLISH"), argv[1], argv[2]));
        return true;
    }
    if (!rs_is(argv[0], "PUBSUB"))
        return false;
    rs_say(conn, "*%zu", 2 * (argc - 2));
    for (size_t i = 2; i < argc; i++) {
        char name[256];

        (void)snprintf(name, sizeof name, "%.*s", (int)argv[i].len, argv[i].ptr);
        redis_sim_say_bulk(sim, conn, argv[i].ptr, argv[i].len);
        rs_say(conn, ":%u",
               redis_sim_num_subscribed(sim, rs_is(argv[1], "SHARDNUMSUB") ? 's' : 'c', name));
    }
    return true;
}

static void note(struct redis_sim *sim, size_t argc, const yodel_str *argv)
{
    sim->num_commands++;
    for (size_t i = 0; i < argc; i++) {
        rs_add(&sim->log, argv[i].ptr, argv[i].len);
        rs_add(&sim->log, i + 1 < argc ? " " : "\n", 1);
    }
}

static void run_command(struct redis_sim *sim, struct redis_sim_conn *conn, size_t argc,
                        const yodel_str *argv)
{
    note(sim, argc, argv);
    if ((sim->on_command != NULL && sim->on_command(sim, conn, argc, argv)) ||
        run_login(sim, conn, argc, argv))
        return;
    if (sim->error[0] != '\0')
        redis_sim_say(sim, conn, sim->error);
    else if (rs_is(argv[0], "XREAD")) {
        if (!rs_run_xread(sim, conn, argc, argv, true)) {
            conn->blocked.len = 0;
            rs_keep_fields(&conn->blocked, argc, argv);
        }
    } else if (rs_is(argv[0], "FLUSHALL")) {
        rs_drop_keys(sim);
        redis_sim_say(sim, conn, "+OK");
    } else if (!run_pubsub(sim, conn, argc, argv) && !rs_run_keys(sim, conn, argc, argv)) {
        redis_sim_say(sim, conn, "-ERR unknown command");
    }
}

/* One command at the beginning of data: its length, or 0 when it is not whole. */
static size_t parse(const uint8_t *data, size_t len, size_t *ret_argc, yodel_str *argv)
{
    const char *at = (const char *)data, *end = at + len;
    char *after;
    unsigned long argc;

    if (len < 4 || at[0] != '*' || memchr(at, '\n', len) == NULL)
        return 0;
    argc = strtoul(at + 1, &after, 10);
    at = after + 2;
    if (argc > MOST_WORDS)
        abort();
    for (size_t i = 0; i < argc; i++) {
        unsigned long size;

        if (at >= end || memchr(at, '\n', (size_t)(end - at)) == NULL)
            return 0;
        if (*at != '$')
            abort(); /* the client does not speak RESP */
        size = strtoul(at + 1, &after, 10);
        at = after + 2;
        if ((size_t)(end - at) < size + 2)
            return 0;
        argv[i] = (yodel_str){at, size};
        at += size + 2;
    }
    *ret_argc = argc;
    return (size_t)(at - (const char *)data);
}

static bool read_one(struct redis_sim *sim, struct redis_sim_conn *conn)
{
    struct yd_buf *in = &conn->peer->output, copy = {NULL, 0, 0};
    yodel_str argv[MOST_WORDS];
    size_t argc, used = parse(in->ptr, in->len, &argc, argv);

    if (used == 0)
        return false;
    rs_add(&copy, in->ptr, used);
    yd_buf_consume(in, used);
    (void)parse(copy.ptr, copy.len, &argc, argv);
    run_command(sim, conn, argc, argv);
    yd_buf_free(rs_mem(), &copy);
    return true;
}

static bool unblock(struct redis_sim *sim, struct redis_sim_conn *conn)
{
    yodel_str argv[MOST_WORDS];
    size_t argc;

    if (conn->blocked.len == 0 || parse(conn->blocked.ptr, conn->blocked.len, &argc, argv) == 0)
        return false;
    if (!rs_run_xread(sim, conn, argc, argv, false)) {
        if (rs_now(sim) < conn->until)
            return false;
        rs_say(conn, "*-1");
    }
    conn->blocked.len = 0;
    return true;
}

bool redis_sim_serve(struct redis_sim *sim)
{
    bool moved = false;

    for (struct redis_sim_conn *conn = sim->conns; conn != NULL && !sim->frozen;
         conn = conn->next) {
        if (conn->broken || conn->peer->stream == NULL)
            continue;
        moved = unblock(sim, conn) || moved;
        while (conn->blocked.len == 0 && !conn->broken && read_one(sim, conn))
            moved = true;
    }
    return moved;
}

void redis_sim_run(struct redis_sim *sim)
{
    do
        sim_run(sim->loop);
    while (redis_sim_serve(sim));
}

void redis_sim_advance(struct redis_sim *sim, uint64_t ms)
{
    redis_sim_run(sim);
    for (uint64_t at = 0; at < ms; at += 10) {
        sim_advance(sim->loop, YD_MIN(ms - at, 10));
        redis_sim_run(sim);
    }
}

/* ---- connections ---- */

static int on_dial(struct yd_loop *loop, struct sim_peer *peer, const struct sockaddr *addr,
                   void *arg)
{
    struct redis_sim *sim = arg;
    struct redis_sim_conn *conn;

    (void)loop;
    (void)addr;
    if (sim->down)
        return -ECONNREFUSED;
    if (sim->black_hole)
        return 1;
    if ((conn = calloc(1, sizeof *conn)) == NULL)
        abort();
    peer->chop = sim->chop;
    conn->peer = peer;
    conn->next = sim->conns;
    sim->conns = conn;
    sim->num_conns++;
    return 0;
}

void redis_sim_start(struct redis_sim *sim, struct yd_loop *loop)
{
    *sim = (struct redis_sim){.loop = loop};
    sim_on_dial(loop, on_dial, sim);
}

void redis_sim_stop(struct redis_sim *sim)
{
    while (sim->conns != NULL) {
        struct redis_sim_conn *next = sim->conns->next;

        rs_free_items(&sim->conns->subs);
        yd_buf_free(rs_mem(), &sim->conns->blocked);
        free(sim->conns);
        sim->conns = next;
    }
    rs_drop_keys(sim);
    yd_buf_free(rs_mem(), &sim->log);
}

void redis_sim_break(struct redis_sim *sim)
{
    for (struct redis_sim_conn *conn = sim->conns; conn != NULL; conn = conn->next) {
        if (!conn->broken)
            sim_break(conn->peer, -ECONNRESET);
        conn->broken = true;
        rs_free_items(&conn->subs);
        conn->num_subs = 0;
    }
}

void redis_sim_kill(struct redis_sim *sim)
{
    redis_sim_break(sim);
    rs_drop_keys(sim);
    sim->down = true;
}

void redis_sim_revive(struct redis_sim *sim)
{
    sim->down = false;
}

/* ---- what it has seen ---- */

unsigned redis_sim_num_seen(struct redis_sim *sim, const char *line)
{
    size_t len = strlen(line);
    unsigned num = 0;
    const char *at;

    rs_add(&sim->log, "", 1);
    sim->log.len--;
    at = (const char *)sim->log.ptr;
    while (*at != '\0') {
        const char *end = strchr(at, '\n');

        num += (size_t)(end - at) == len && memcmp(at, line, len) == 0;
        at = end + 1;
    }
    return num;
}

void redis_sim_forget(struct redis_sim *sim)
{
    sim->log.len = 0;
}
