/* SPDX-License-Identifier: MIT */
#include "sio/fetch.h"

#include <errno.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "bus/ask.h"
#include "proto/json_doc.h"
#include "proto/json_pack.h"
#include "proto/json_scan.h"
#include "sio/walk.h"

/* Lists of sockets, and of their rooms, from all loops. */

struct fetch {
    struct yd_ask ask;  /* first; its lock is for the two below */
    struct yd_buf text; /* elements of an array, or members of an object, as JSON */
    int rc;             /* the first that went wrong: no more is put */
    bool is_object;     /* rooms are names of members, so that each is there once */
    bool counts;        /* rooms and how many are in each, in turn; a room may be there again */
    yodel_sio *sio;     /* a reference */
    yodel_sio_sockets_fn *fn;
    void *user;
};

/* ---- what is gathered ---- */

/* After the first error nothing more is put. */
static void put(struct fetch *fetch, yodel_str text)
{
    if (fetch->rc == 0)
        fetch->rc = yd_buf_append_str(fetch->sio->mem, &fetch->text, text);
}

static void put_room(yodel_str room, void *arg)
{
    struct fetch *fetch = arg;

    if (fetch->text.len > 0 && fetch->text.ptr[fetch->text.len - 1] != '[')
        put(fetch, YODEL_STR(","));
    if (fetch->rc == 0)
        fetch->rc = yd_json_put_string(fetch->sio->mem, &fetch->text, room);
    if (fetch->is_object)
        put(fetch, YODEL_STR(":null"));
}

/* A socket is not told of in the room of its id. */
struct counted {
    struct fetch *fetch;
    yodel_str id;
};

static void count_room(yodel_str room, void *arg)
{
    struct counted *counted = arg;
    struct fetch *fetch = counted->fetch;

    if (yodel_str_eq(room, counted->id))
        return;
    put_room(room, fetch);
    put(fetch, YODEL_STR(",1"));
}

static void put_socket(struct fetch *fetch, yodel_sio_socket *socket)
{
    put(fetch, fetch->text.len > 0 ? YODEL_STR(",{\"id\":\"") : YODEL_STR("{\"id\":\""));
    put(fetch, (yodel_str){socket->id, YD_ID_LEN});
    put(fetch, YODEL_STR("\",\"handshake\":"));
    if (fetch->rc == 0)
        fetch->rc = yd_sio_put_handshake(socket, &fetch->text);
    put(fetch, YODEL_STR(",\"rooms\":["));
    yodel_sio_socket_each_room(socket, put_room, fetch);
    put(fetch, YODEL_STR("],\"data\":"));
    if (socket->json == NULL)
        put(fetch, YODEL_STR("{}"));
    else if (fetch->rc == 0)
        fetch->rc = yd_json_put_document(fetch->sio->mem, &fetch->text, socket->json);
    put(fetch, YODEL_STR("}"));
}

/* A socket as a whole, or not. */
static void fetch_one(yodel_sio_socket *socket, void *arg)
{
    struct fetch *fetch = arg;
    size_t len = fetch->text.len;

    if (fetch->rc < 0)
        return;
    if (fetch->counts)
        yodel_sio_socket_each_room(socket, count_room,
                                   &(struct counted){fetch, {socket->id, YD_ID_LEN}});
    else if (fetch->is_object)
        yodel_sio_socket_each_room(socket, put_room, fetch);
    else
        put_socket(fetch, socket);
    if (fetch->rc < 0)
        fetch->text.len = len;
}

void yd_sio_fetch_apply(struct yd_sio_op *op, struct yd_loop *loop)
{
    struct yd_ask *ask = op->op.ask;

    if (!yd_ask_enter(ask))
        return;
    yd_sio_walk(op, loop, false, fetch_one, ask);
    if (((struct fetch *)ask)->rc < 0)
        yd_ask_miss(ask, 1);
    yd_ask_leave(ask);
}

/* ---- the result ---- */

/* The names of an object's members. */
static json_t *keys_of(json_t *object)
{
    json_t *keys = json_array();
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value)
    {
        if (json_array_append_new(keys, json_string(key)) < 0) {
            json_decref(keys);
            return NULL;
        }
    }
    return keys;
}

static int wrap(const struct fetch *fetch, struct yd_buf *text)
{
    yodel_str inside = {(char *)fetch->text.ptr, fetch->text.len};

    if (yd_buf_append(fetch->sio->mem, text, fetch->is_object ? "{" : "[", 1) < 0 ||
        yd_buf_append_str(fetch->sio->mem, text, inside) < 0 ||
        yd_buf_append(fetch->sio->mem, text, fetch->is_object ? "}" : "]", 1) < 0)
        return -ENOMEM;
    return 0;
}

static int add_count(json_t *sums, const json_t *room, json_int_t more)
{
    const char *name = json_string_value(room);
    const size_t len = json_string_length(room);
    json_int_t sum = json_integer_value(json_object_getn(sums, name, len));

    return json_object_setn_new(sums, name, len, json_integer(sum + more));
}

/* An object with the sum of each room. */
static json_t *sums_of(const json_t *pairs)
{
    json_t *sums = json_object();

    for (size_t i = 0; sums != NULL && i + 1 < json_array_size(pairs); i += 2) {
        if (add_count(sums, json_array_get(pairs, i),
                      json_integer_value(json_array_get(pairs, i + 1))) < 0) {
            json_decref(sums);
            return NULL;
        }
    }
    return sums;
}

/* As the program is told: [{"name", "count"}]. */
static json_t *show_sums(const json_t *pairs)
{
    json_t *sums = sums_of(pairs), *shown = sums != NULL ? json_array() : NULL;

    for (void *at = json_object_iter(sums); shown != NULL && at != NULL;
         at = json_object_iter_next(sums, at)) {
        json_t *item = json_pack("{ss%sO}", "name", json_object_iter_key(at),
                                 json_object_iter_key_len(at), "count", json_object_iter_value(at));

        if (json_array_append_new(shown, item) < 0) {
            json_decref(shown);
            shown = NULL;
        }
    }
    json_decref(sums);
    return shown;
}

/* What was gathered, as it stands; NULL when out of memory. */
static json_t *read_all(const struct fetch *fetch)
{
    json_t *document = NULL;
    struct yd_buf text = {0};

    if (wrap(fetch, &text) == 0)
        (void)yd_json_read_checked((yodel_str){(char *)text.ptr, text.len}, &document);
    yd_buf_free(fetch->sio->mem, &text);
    return document;
}

/* All that was gathered, for the program; NULL when out of memory. */
static json_t *document_of(const struct fetch *fetch)
{
    json_t *document = read_all(fetch), *shown;

    if (document == NULL || (!fetch->is_object && !fetch->counts))
        return document;
    shown = fetch->counts ? show_sums(document) : keys_of(document);
    json_decref(document);
    return shown;
}

static void tell(struct yd_ask *ask, unsigned missing)
{
    struct fetch *fetch = (struct fetch *)ask;
    json_t *document = document_of(fetch);
    yodel_sio_sockets sockets = {
        .size = sizeof sockets,
        .result = fetch->rc < 0 ? fetch->rc : yd_missing_result(missing),
        .missing = yd_ask_num_missing(ask),
        .json = document,
    };

    if (document == NULL)
        sockets.result = -ENOMEM;

    fetch->fn(&sockets, fetch->user);
    json_decref(document);
}

static void free_fetch(struct yd_ask *ask)
{
    struct fetch *fetch = (struct fetch *)ask;
    yodel_sio *sio = fetch->sio;

    yd_buf_free(sio->mem, &fetch->text);
    yd_free(sio->mem, fetch);
    yodel_sio_unref(sio);
}

static const struct yd_ask_ops fetch_ops = {.sink = tell, .free = free_fetch};

/* ---- the verbs ---- */

#define DEFAULT_FETCH_MS 10000

static struct fetch *new_fetch(yodel_sio *sio, unsigned kind)
{
    struct fetch *fetch = yd_zalloc(sio->mem, sizeof *fetch);

    if (fetch == NULL)
        return NULL;
    yd_ask_init(&fetch->ask, &fetch_ops, sio->bus);
    fetch->is_object = kind == YD_SIO_OP_ROOMS;
    fetch->counts = kind == YD_SIO_OP_COUNTS;
    fetch->sio = yodel_sio_ref(sio);
    return fetch;
}

static int ask_for(enum yd_sio_kind kind, const yodel_sio_target *target, yodel_sio_sockets_fn *fn,
                   void *user)
{
    struct fetch *fetch = new_fetch(target->ns->sio, kind);
    struct yd_sio_op *op = fetch != NULL ? yd_sio_op_new(kind, sizeof *op, target) : NULL;

    if (op == NULL) {
        if (fetch != NULL)
            yd_ask_unref(&fetch->ask);
        return -ENOMEM;
    }
    fetch->fn = fn;
    fetch->user = user;
    return yd_bus_ask(&op->op, &fetch->ask,
                      target->timeout_ms != 0 ? target->timeout_ms : DEFAULT_FETCH_MS);
}

int yodel_sio_target_fetch(yodel_sio_target target, yodel_sio_sockets_fn *done, void *user)
{
    int rc = yd_sio_target_check(&target);

    if (done == NULL)
        return -EINVAL;
    return rc < 0 ? rc : ask_for(YD_SIO_OP_SOCKETS, &target, done, user);
}

static int ask_for_rooms(enum yd_sio_kind kind, yodel_sio_namespace *ns, yodel_sio_sockets_fn *done,
                         void *user)
{
    yodel_sio_target target;

    if (ns == NULL || done == NULL)
        return -EINVAL;
    target = yodel_sio_to_all(ns);
    return ask_for(kind, &target, done, user);
}

int yodel_sio_namespace_fetch_rooms(yodel_sio_namespace *ns, yodel_sio_sockets_fn *done, void *user)
{
    return ask_for_rooms(YD_SIO_OP_ROOMS, ns, done, user);
}

int yodel_sio_namespace_fetch_room_counts(yodel_sio_namespace *ns, yodel_sio_sockets_fn *done,
                                          void *user)
{
    return ask_for_rooms(YD_SIO_OP_COUNTS, ns, done, user);
}

/* ---- what other processes have gathered ---- */

int yd_sio_fetch_answer(struct yd_sio_op *op)
{
    struct fetch *fetch = new_fetch(op->ns->sio, op->op.kind);

    if (fetch == NULL)
        return -ENOMEM;
    op->op.ask = &fetch->ask;
    return 0;
}

static int put_sum(const struct yodel_allocator *mem, struct yd_buf *buf, void *at)
{
    yodel_str name = {json_object_iter_key(at), json_object_iter_key_len(at)};

    if (buf->ptr[buf->len - 1] != '[' && yd_buf_append(mem, buf, ",", 1) < 0)
        return -ENOMEM;
    if (yd_json_put_string(mem, buf, name) < 0)
        return -ENOMEM;
    return yd_buf_printf(mem, buf, ",%" JSON_INTEGER_FORMAT,
                         json_integer_value(json_object_iter_value(at)));
}

/* Each room of this process once. */
static int encode_sums(const struct fetch *fetch, struct yd_buf *buf)
{
    const struct yodel_allocator *mem = fetch->sio->mem;
    json_t *pairs = read_all(fetch), *sums = pairs != NULL ? sums_of(pairs) : NULL;
    int rc = sums != NULL ? yd_buf_append(mem, buf, "[", 1) : -ENOMEM;

    for (void *at = json_object_iter(sums); rc == 0 && at != NULL;
         at = json_object_iter_next(sums, at))
        rc = put_sum(mem, buf, at);
    json_decref(sums);
    json_decref(pairs);
    return rc == 0 ? yd_buf_append(mem, buf, "]", 1) : rc;
}

/* An array or object, to the end. */
int yd_sio_fetch_encode(struct yd_ask *ask, struct yd_buf *buf)
{
    struct fetch *fetch = (struct fetch *)ask;

    if (fetch->rc < 0)
        return fetch->rc;
    return fetch->counts ? encode_sums(fetch, buf) : wrap(fetch, buf);
}

static int append(struct fetch *fetch, yodel_str inside)
{
    size_t len = fetch->text.len;

    if (inside.len == 0)
        return 0;
    if ((len > 0 && yd_buf_append(fetch->sio->mem, &fetch->text, ",", 1) < 0) ||
        yd_buf_append_str(fetch->sio->mem, &fetch->text, inside) < 0) {
        fetch->text.len = len;
        return -ENOMEM;
    }
    return 0;
}

/* Whether these are rooms and how many are in each, in turn. */
static bool are_pairs(yodel_str elements)
{
    struct yd_json_iter iter = yd_json_elements(elements);
    yodel_str value;

    while (yd_json_next(&iter, &value)) {
        if (yd_json_type_of(value) != YD_JSON_STRING || !yd_json_next(&iter, &value) ||
            yd_json_type_of(value) != YD_JSON_NUMBER)
            return false;
    }
    return true;
}

static int put_string(const struct yodel_allocator *mem, struct yd_buf *buf, const json_t *string)
{
    return yd_json_put_string(mem, buf,
                              (yodel_str){json_string_value(string), json_string_length(string)});
}

/* The rooms of a socket as servers of other makes tell it, each with a one. */
static int put_rooms_of(const struct yodel_allocator *mem, struct yd_buf *pairs,
                        const json_t *socket)
{
    const json_t *rooms = json_object_get(socket, "rooms"), *id = json_object_get(socket, "id");

    for (size_t i = 0; i < json_array_size(rooms); i++) {
        const json_t *room = json_array_get(rooms, i);

        if (!json_is_string(room) || json_equal(room, id))
            continue;
        if ((pairs->len > 0 && yd_buf_append(mem, pairs, ",", 1) < 0) ||
            put_string(mem, pairs, room) < 0 || yd_buf_append(mem, pairs, ",1", 2) < 0)
            return -ENOMEM;
    }
    return 0;
}

static int pairs_of_sockets(const struct yodel_allocator *mem, yodel_str array,
                            struct yd_buf *pairs)
{
    json_t *sockets;
    int rc = yd_json_read_checked(array, &sockets);

    if (rc < 0)
        return rc;
    for (size_t i = 0; rc == 0 && i < json_array_size(sockets); i++)
        rc = put_rooms_of(mem, pairs, json_array_get(sockets, i));
    json_decref(sockets);
    return rc;
}

static int take_counts(struct fetch *fetch, yodel_str array)
{
    yodel_str inside = {array.ptr + 1, array.len - 2};
    struct yd_buf pairs = {0};
    int rc = 0;

    if (!are_pairs(inside)) {
        rc = pairs_of_sockets(fetch->sio->mem, array, &pairs);
        inside = (yodel_str){(char *)pairs.ptr, pairs.len};
    }
    if (rc == 0 && yd_ask_enter(&fetch->ask)) {
        rc = append(fetch, inside);
        yd_ask_leave(&fetch->ask);
    }
    yd_buf_free(fetch->sio->mem, &pairs);
    return rc;
}

int yd_sio_fetch_take(struct yd_ask *ask, yodel_bytes result)
{
    struct fetch *fetch = (struct fetch *)ask;
    yodel_str text = {(const char *)result.ptr, result.len}, value;
    int rc;

    if (!yd_utf8_is_valid(text.ptr, text.len) || !yd_json_check(text, YD_JSON_MAX_DEPTH, &value) ||
        yd_json_type_of(value) != (fetch->is_object ? YD_JSON_OBJECT : YD_JSON_ARRAY))
        return YODEL_ERR_PROTOCOL;
    if (fetch->counts)
        return take_counts(fetch, value);
    if (!yd_ask_enter(ask))
        return 0;
    rc = append(fetch, (yodel_str){value.ptr + 1, value.len - 2});
    yd_ask_leave(ask);
    return rc;
}
