/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/container.h"
#include "redis_sim_parts.h"

/* ---- keys ---- */

static void free_key(struct redis_sim_key *key)
{
    rs_free_items(&key->items);
    yd_buf_free(rs_mem(), &key->name);
    yd_buf_free(rs_mem(), &key->value);
    free(key);
}

uint64_t rs_now(const struct redis_sim *sim)
{
    return yd_loop_due(sim->loop, 0);
}

static struct redis_sim_key **find_key(struct redis_sim *sim, yodel_str name)
{
    struct redis_sim_key **at = &sim->keys;

    while (*at != NULL) {
        struct redis_sim_key *key = *at;

        if (key->until != 0 && key->until <= rs_now(sim)) {
            *at = key->next;
            free_key(key);
        } else if (rs_is_name(&key->name, name)) {
            break;
        } else {
            at = &key->next;
        }
    }
    return at;
}

static struct redis_sim_key *make_key(struct redis_sim *sim, yodel_str name, char type)
{
    struct redis_sim_key **at = find_key(sim, name);

    if (*at == NULL) {
        if ((*at = calloc(1, sizeof **at)) == NULL)
            abort();
        rs_set(&(*at)->name, name);
        (*at)->type = type;
    }
    return *at;
}

static bool drop_key(struct redis_sim *sim, yodel_str name)
{
    struct redis_sim_key **at = find_key(sim, name), *key = *at;

    if (key == NULL)
        return false;
    *at = key->next;
    free_key(key);
    return true;
}

void rs_drop_keys(struct redis_sim *sim)
{
    while (sim->keys != NULL) {
        struct redis_sim_key *next = sim->keys->next;

        free_key(sim->keys);
        sim->keys = next;
    }
}

yodel_str redis_sim_get(struct redis_sim *sim, const char *name)
{
    struct redis_sim_key *key = *find_key(sim, yodel_str_of(name));

    if (key == NULL)
        return (yodel_str){NULL, 0};
    return (yodel_str){(const char *)key->value.ptr, key->value.len};
}

static double number_of(yodel_str word)
{
    char text[64];

    (void)snprintf(text, sizeof text, "%.*s", (int)word.len, word.ptr);
    if (strcasecmp(text, "-inf") == 0)
        return -1e300;
    if (strcasecmp(text, "+inf") == 0 || strcasecmp(text, "inf") == 0)
        return 1e300;
    return strtod(text[0] == '(' ? text + 1 : text, NULL);
}

static void run_set(struct redis_sim *sim, struct redis_sim_conn *conn, size_t argc,
                    const yodel_str *argv)
{
    bool exists = *find_key(sim, argv[1]) != NULL;
    struct redis_sim_key *key;
    uint64_t ms = 0;

    for (size_t i = 3; i < argc; i++) {
        if ((rs_is(argv[i], "NX") && exists) || (rs_is(argv[i], "XX") && !exists)) {
            rs_say(conn, "$-1");
            return;
        }
        if (rs_is(argv[i], "PX") && i + 1 < argc)
            ms = (uint64_t)number_of(argv[i + 1]);
        if (rs_is(argv[i], "EX") && i + 1 < argc)
            ms = 1000 * (uint64_t)number_of(argv[i + 1]);
    }
    key = make_key(sim, argv[1], 's');
    rs_set(&key->value, argv[2]);
    key->until = ms > 0 ? rs_now(sim) + ms : 0;
    rs_say(conn, "+OK");
}

static void run_strings(struct redis_sim *sim, struct redis_sim_conn *conn, size_t argc,
                        const yodel_str *argv)
{
    struct redis_sim_key *key = *find_key(sim, argv[1]);
    unsigned num = 0;
    char text[32];

    if (rs_is(argv[0], "GET") && key == NULL) {
        rs_say(conn, "$-1");
    } else if (rs_is(argv[0], "GET")) {
        rs_bulk(conn, &key->value);
    } else if (rs_is(argv[0], "DEL")) {
        for (size_t i = 1; i < argc; i++)
            num += drop_key(sim, argv[i]);
        rs_say(conn, ":%u", num);
    } else if (rs_is(argv[0], "EXISTS")) {
        rs_say(conn, ":%d", key != NULL);
    } else if (rs_is(argv[0], "PEXPIRE")) {
        if (key != NULL)
            key->until = rs_now(sim) + (uint64_t)number_of(argv[2]);
        rs_say(conn, ":%d", key != NULL);
    } else {
        key = make_key(sim, argv[1], 's');
        (void)snprintf(text, sizeof text, "%.0f",
                       number_of((yodel_str){(char *)key->value.ptr, key->value.len}) + 1);
        rs_set(&key->value, yodel_str_of(text));
        rs_say(conn, ":%s", text);
    }
}

/* ---- streams ---- */

static void id_parts(yodel_str id, unsigned long ret[2])
{
    char text[64];

    (void)snprintf(text, sizeof text, "%.*s", (int)id.len, id.ptr);
    ret[0] = ret[1] = 0;
    if (strcmp(text, "+") == 0)
        ret[0] = ret[1] = (unsigned long)-1;
    else if (strcmp(text, "-") != 0)
        (void)sscanf(text, "%lu-%lu", &ret[0], &ret[1]);
}

static int compare_ids(yodel_str a, yodel_str b)
{
    unsigned long x[2], y[2];

    id_parts(a, x);
    id_parts(b, y);
    if (x[0] != y[0])
        return x[0] < y[0] ? -1 : 1;
    return x[1] == y[1] ? 0 : x[1] < y[1] ? -1 : 1;
}

static yodel_str name_str(const struct item *item)
{
    return (yodel_str){(const char *)item->name.ptr, item->name.len};
}

static bool may_follow(const struct item *item, yodel_str after, yodel_str from, yodel_str to)
{
    return (after.ptr == NULL || compare_ids(name_str(item), after) > 0) &&
           (from.ptr == NULL || compare_ids(name_str(item), from) >= 0) &&
           (to.ptr == NULL || compare_ids(name_str(item), to) <= 0);
}

static unsigned say_entries(struct redis_sim_conn *conn, const struct redis_sim_key *key,
                            yodel_str after, yodel_str from, yodel_str to, bool only_count)
{
    unsigned num = 0;

    for (const struct item *item = key != NULL ? key->items : NULL; item != NULL;
         item = item->next) {
        if (!may_follow(item, after, from, to))
            continue;
        num++;
        if (only_count)
            continue;
        rs_say(conn, "*2");
        rs_bulk(conn, &item->name);
        sim_send(conn->peer, item->value.ptr, item->value.len);
    }
    return num;
}

/* The fields are kept as the reply has them. */
void rs_keep_fields(struct yd_buf *value, size_t argc, const yodel_str *argv)
{
    char head[32];

    rs_add(value, head, (size_t)snprintf(head, sizeof head, "*%zu\r\n", argc));
    for (size_t i = 0; i < argc; i++) {
        rs_add(value, head, (size_t)snprintf(head, sizeof head, "$%zu\r\n", argv[i].len));
        rs_add(value, argv[i].ptr, argv[i].len);
        rs_add(value, "\r\n", 2);
    }
}

static void run_xadd(struct redis_sim *sim, struct redis_sim_conn *conn, size_t argc,
                     const yodel_str *argv)
{
    struct redis_sim_key *key = make_key(sim, argv[1], 'x');
    struct item **at = &key->items, *item;
    size_t i = 2, most = 0, num = 1;
    char id[64];

    if (rs_is(argv[i], "MAXLEN")) {
        i += 1 + (rs_is(argv[i + 1], "~") || rs_is(argv[i + 1], "="));
        most = (size_t)number_of(argv[i++]);
    }
    (void)snprintf(id, sizeof id, "%u-0", ++sim->stream_time + 1000);
    while (*at != NULL) {
        at = &(*at)->next;
        num++;
    }
    item = rs_new_item(at, rs_is(argv[i], "*") ? yodel_str_of(id) : argv[i]);
    rs_keep_fields(&item->value, argc - i - 1, argv + i + 1);
    while (most > 0 && num-- > most) {
        struct item *first = key->items;

        key->items = first->next;
        rs_free_item(first);
    }
    rs_bulk(conn, &item->name);
}

/* "XREAD [COUNT n] [BLOCK ms] STREAMS key... id..."; "$" is what comes after it. */
bool rs_run_xread(struct redis_sim *sim, struct redis_sim_conn *conn, size_t argc,
                  const yodel_str *argv, bool may_block)
{
    size_t at = 1, keys, found = 0;
    uint64_t block = 0;

    while (at < argc && !rs_is(argv[at], "STREAMS")) {
        if (rs_is(argv[at], "BLOCK"))
            block = (uint64_t)number_of(argv[at + 1]);
        at++;
    }
    at++;
    keys = argc > at ? (argc - at) / 2 : 0;
    for (size_t i = 0; i < keys; i++)
        found += say_entries(conn, *find_key(sim, argv[at + i]), argv[at + keys + i],
                             (yodel_str){NULL, 0}, (yodel_str){NULL, 0}, true) > 0;
    if (found == 0) {
        if (may_block)
            conn->until = rs_now(sim) + block;
        return false;
    }
    rs_say(conn, "*%zu", found);
    for (size_t i = 0; i < keys; i++) {
        struct redis_sim_key *key = *find_key(sim, argv[at + i]);
        const yodel_str none = {NULL, 0}, after = argv[at + keys + i];
        unsigned num = say_entries(conn, key, after, none, none, true);

        if (num == 0)
            continue;
        rs_say(conn, "*2");
        rs_bulk(conn, &key->name);
        rs_say(conn, "*%u", num);
        (void)say_entries(conn, key, after, none, none, false);
    }
    return true;
}

static void run_xrange(struct redis_sim *sim, struct redis_sim_conn *conn, const yodel_str *argv)
{
    const struct redis_sim_key *key = *find_key(sim, argv[1]);
    const yodel_str none = {NULL, 0};
    bool open = argv[2].len > 0 && argv[2].ptr[0] == '(';
    yodel_str from = open ? none : argv[2];
    yodel_str after = open ? (yodel_str){argv[2].ptr + 1, argv[2].len - 1} : none;

    rs_say(conn, "*%u", say_entries(conn, key, after, from, argv[3], true));
    (void)say_entries(conn, key, after, from, argv[3], false);
}

/* ---- sorted sets ---- */

static struct item **find_item(struct redis_sim_key *key, yodel_str name)
{
    struct item **at = &key->items;

    while (*at != NULL && !rs_is_name(&(*at)->name, name))
        at = &(*at)->next;
    return at;
}

static void run_zadd(struct redis_sim *sim, struct redis_sim_conn *conn, const yodel_str *argv)
{
    struct redis_sim_key *key = make_key(sim, argv[1], 'z');
    struct item **at = find_item(key, argv[3]), *item = *at;
    double score = number_of(argv[2]);
    bool fresh = item == NULL;

    if (item != NULL) {
        *at = item->next;
        rs_free_item(item);
    }
    for (at = &key->items; *at != NULL && (*at)->score <= score;)
        at = &(*at)->next;
    rs_new_item(at, argv[3])->score = score;
    rs_say(conn, ":%d", fresh);
}

static void run_zsets(struct redis_sim *sim, struct redis_sim_conn *conn, const yodel_str *argv)
{
    struct redis_sim_key *key = make_key(sim, argv[1], 'z');
    bool all = rs_is(argv[0], "ZCARD") || rs_is(argv[0], "ZRANGE");
    double from = all ? -1e300 : number_of(argv[2]), to = all ? 1e300 : number_of(argv[3]);
    struct item **at = &key->items;
    unsigned num = 0;

    for (const struct item *item = key->items; item != NULL; item = item->next)
        num += item->score >= from && item->score <= to;
    rs_say(conn, rs_is(argv[0], "ZCARD") || rs_is(argv[0], "ZREMRANGEBYSCORE") ? ":%u" : "*%u",
           num);
    while (*at != NULL && !rs_is(argv[0], "ZCARD")) {
        struct item *item = *at;
        bool meant = item->score >= from && item->score <= to;

        if (meant && rs_is(argv[0], "ZREMRANGEBYSCORE")) {
            *at = item->next;
            rs_free_item(item);
            continue;
        }
        if (meant)
            rs_bulk(conn, &item->name);
        at = &item->next;
    }
}

static void run_zrem(struct redis_sim *sim, struct redis_sim_conn *conn, const yodel_str *argv)
{
    struct item **at = find_item(make_key(sim, argv[1], 'z'), argv[2]), *item = *at;

    if (item != NULL) {
        *at = item->next;
        rs_free_item(item);
    }
    rs_say(conn, ":%d", item != NULL);
}

static bool is_one_of(yodel_str word, const char *const *words)
{
    for (; *words != NULL; words++)
        if (rs_is(word, *words))
            return true;
    return false;
}

bool rs_run_keys(struct redis_sim *sim, struct redis_sim_conn *conn, size_t argc,
                 const yodel_str *argv)
{
    static const char *const strings[] = {"GET", "DEL", "EXISTS", "PEXPIRE", "INCR", NULL};
    static const char *const zsets[] = {"ZCARD", "ZRANGE", "ZRANGEBYSCORE", "ZREMRANGEBYSCORE",
                                        NULL};

    if (argc >= 3 && rs_is(argv[0], "SET"))
        run_set(sim, conn, argc, argv);
    else if (argc >= 2 && is_one_of(argv[0], strings))
        run_strings(sim, conn, argc, argv);
    else if (argc >= 5 && rs_is(argv[0], "XADD"))
        run_xadd(sim, conn, argc, argv);
    else if (argc >= 4 && rs_is(argv[0], "XRANGE"))
        run_xrange(sim, conn, argv);
    else if (argc >= 4 && rs_is(argv[0], "ZADD"))
        run_zadd(sim, conn, argv);
    else if (argc >= 3 && rs_is(argv[0], "ZREM"))
        run_zrem(sim, conn, argv);
    else if (argc >= 2 && is_one_of(argv[0], zsets))
        run_zsets(sim, conn, argv);
    else
        return false;
    return true;
}
