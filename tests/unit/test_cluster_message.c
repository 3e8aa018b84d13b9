/* SPDX-License-Identifier: MIT */
#include "adapter/cluster_message.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "exact.h"
#include "failmem.h"

static const struct yodel_allocator *mem = &yd_mem_default;

#define UID "0123456789abcdef"
#define REQUEST "fedcba9876543210"

static yodel_str str_of(const struct yd_buf *buf)
{
    return (yodel_str){(const char *)buf->ptr, buf->len};
}

#define assert_str(text, expected)                                                                 \
    do {                                                                                           \
        yodel_str given = (text);                                                                  \
        assert_int_equal(given.len, strlen(expected));                                             \
        assert_memory_equal(given.ptr, expected, given.len);                                       \
    } while (0)

static int decode(const char *text, struct yd_cluster_message *message)
{
    return yd_cluster_decode(mem, (yodel_bytes){(const uint8_t *)text, strlen(text)}, message);
}

/* ---- what node's adapters write (recorded) ---- */

static void test_cluster_message_json_broadcast(void **state)
{
    struct yd_cluster_message message;

    assert_int_equal(
        decode("{\"type\":3,\"data\":{\"packet\":{\"type\":2,\"data\":[\"hello\",1,\"x\",{\"y\":"
               "[true,null]}],\"nsp\":\"/\"},\"opts\":{\"rooms\":[\"a\",42],\"except\":[\"c\"],"
               "\"flags\":{\"volatile\":true,\"timeout\":500}}},\"uid\":\"" UID "\",\"nsp\":\"/\"}",
               &message),
        0);
    assert_int_equal(message.type, YD_CLUSTER_BROADCAST);
    assert_str(message.uid, UID);
    assert_str(message.nsp, "/");
    assert_str(message.event, "hello");
    assert_str(message.elements, "1,\"x\",{\"y\":[true,null]}");
    assert_str(message.scope.rooms, "[\"a\",42]");
    assert_str(message.scope.except, "[\"c\"]");
    assert_true(message.scope.is_volatile && !message.scope.no_compress && !message.scope.local);
    assert_int_equal(message.scope.timeout_ms, 500);
    assert_int_equal(message.request.len, 0);
    yd_cluster_message_done(&message, mem);
}

static uint8_t *from_hex(const char *hex, size_t *ret_len)
{
    size_t len = strlen(hex) / 2;
    uint8_t *bytes = malloc(len);

    for (size_t i = 0; i < len; i++) {
        unsigned byte;

        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        bytes[i] = (uint8_t)byte;
    }
    *ret_len = len;
    return bytes;
}

#define NOTEPACK                                                                                   \
    "84a47479706503a46461746183a67061636b657482a47479706502a46461746193a162c403010203a4c3a9225ca4" \
    "6f"                                                                                           \
    "70747383a5726f6f6d7392a161a162a665786365707491a163a5666c61677383a8766f6c6174696c65c3a8636f6d" \
    "70"                                                                                           \
    "72657373c2a774696d656f7574cd01f4a9726571756573744964b066656463626139383736353433323130a37569" \
    "64"                                                                                           \
    "b030313233343536373839616263646566a36e7370a52f63686174"
#define ENTRY                                                                                      \
    "g6ZwYWNrZXSCpHR5cGUCpGRhdGGToWLEAwECA6TDqSJcpG9wdHODpXJvb21zkqFhoWKmZXhjZXB0kaFjpWZsYWdzg6h2" \
    "b2xhdGlsZcOoY29tcHJlc3PCp3RpbWVvdXTNAfSpcmVxdWVzdElksGZlZGNiYTk4NzY1NDMyMTA="
#define SESSION                                                                                    \
    "hKNzaWS0YWJjZGVmZ2hpamtsbW5vcHFyc3SjcGlktEFCQ0RFRkdISUpLTE1OT1BRUlNUpXJvb21zkrRhYmNkZWZnaGlq" \
    "a2xtbm9wcXJzdKJyMaRkYXRhgaFuAQ=="

static void assert_binary(const struct yd_cluster_message *message)
{
    assert_int_equal(message->type, YD_CLUSTER_BROADCAST);
    assert_str(message->uid, UID);
    assert_str(message->nsp, "/chat");
    assert_str(message->request, REQUEST);
    assert_str(message->event, "b");
    assert_str(message->elements, "{\"_placeholder\":true,\"num\":0},\"é\\\"\\\\\"");
    assert_int_equal(message->num_attachments, 1);
    assert_int_equal(message->attachments[0].len, 3);
    assert_memory_equal(message->attachments[0].ptr, "\1\2\3", 3);
    assert_true(message->scope.is_volatile && message->scope.no_compress);
    assert_str(message->scope.rooms, "[\"a\",\"b\"]");
}

static void test_cluster_message_packed_broadcast(void **state)
{
    struct yd_cluster_message message;
    size_t len;
    uint8_t *bytes = from_hex(NOTEPACK, &len);

    assert_int_equal(yd_cluster_decode(mem, (yodel_bytes){bytes, len}, &message), 0);
    assert_binary(&message);
    yd_cluster_message_done(&message, mem);
    free(bytes);
}

static void test_cluster_message_entry_in_base64(void **state)
{
    struct yd_cluster_entry entry = {YODEL_STR(UID), YODEL_STR("/chat"), YODEL_STR("3"),
                                     YODEL_STR(ENTRY)};
    struct yd_cluster_message message;

    assert_int_equal(yd_cluster_decode_entry(mem, &entry, &message), 0);
    assert_binary(&message);
    yd_cluster_message_done(&message, mem);
}

static void test_cluster_message_entry_text_is_no_json(void **state)
{
    struct yd_cluster_entry entry = {YODEL_STR("u"), YODEL_STR("/a\\n"), YODEL_STR("6"),
                                     YODEL_STR("{\"opts\":{},\"close\":true}")};
    struct yd_cluster_message message;

    assert_int_equal(yd_cluster_decode_entry(mem, &entry, &message), 0);
    assert_str(message.nsp, "/a\\n");
    assert_true(message.close);
    assert_str(message.scope.rooms, "[]");
    yd_cluster_message_done(&message, mem);
}

static void test_cluster_message_escapes_do_not_hide_members(void **state)
{
    struct yd_cluster_message message;

    assert_int_equal(decode("{\"uid\":\"a\\\"b\\u0041\",\"nsp\":\"/\\u00e9\",\"type\":10,\"data\":{"
                            "\"requestId\":\"\\\"\\\"\",\"packet\":[\"\\\"\"]}}",
                            &message),
                     0);
    assert_str(message.uid, "a\"bA");
    assert_str(message.nsp, "/é");
    assert_str(message.request, "\"\"");
    assert_str(message.value, "[\"\\\"\"]");
    yd_cluster_message_done(&message, mem);
}

/* X01-X20: what must be nothing but ignored. */
static const char *const hostile[] = {
    "",
    "{",
    "null",
    "[]",
    "{}",
    "{\"type\":3,\"uid\":\"u\",\"nsp\":\"/\"}",
    "{\"type\":3,\"data\":null,\"uid\":\"u\",\"nsp\":\"/\"}",
    "{\"type\":\"3\",\"data\":{},\"uid\":\"u\",\"nsp\":\"/\"}",
    "{\"type\":0,\"uid\":\"u\",\"nsp\":\"/\"}",
    "{\"type\":14,\"uid\":\"u\",\"nsp\":\"/\"}",
    "{\"type\":2,\"nsp\":\"/\"}",
    "{\"type\":2,\"uid\":\"\",\"nsp\":\"/\"}",
    "{\"type\":2,\"uid\":1,\"nsp\":\"/\"}",
    "{\"type\":2,\"uid\":\"u\\u0000v\",\"nsp\":\"/\"}",
    "{\"type\":2,\"uid\":\"u\"}",
    "{\"type\":3,\"data\":{\"packet\":{\"type\":2,\"data\":[\"x\"]}},\"uid\":\"u\",\"nsp\":\"/\"}",
    "{\"type\":3,\"data\":{\"packet\":{\"type\":2,\"data\":[]},\"opts\":{}},\"uid\":\"u\","
    "\"nsp\":\"/\"}",
    "{\"type\":3,\"data\":{\"packet\":{\"type\":2,\"data\":[null]},\"opts\":{}},\"uid\":\"u\","
    "\"nsp\":\"/\"}",
    "{\"type\":3,\"data\":{\"packet\":{\"type\":1,\"data\":[\"x\"]},\"opts\":{}},\"uid\":\"u\","
    "\"nsp\":\"/\"}",
    "{\"type\":3,\"data\":{\"packet\":{\"type\":2,\"data\":[\"x\"]},\"opts\":{\"rooms\":{}}},"
    "\"uid\":\"u\",\"nsp\":\"/\"}",
    "{\"type\":3,\"data\":{\"packet\":{\"type\":2,\"data\":[\"x\"]},\"opts\":{\"rooms\":[[]]}},"
    "\"uid\":\"u\",\"nsp\":\"/\"}",
    "{\"type\":4,\"data\":{\"opts\":{}},\"uid\":\"u\",\"nsp\":\"/\"}",
    "{\"type\":4,\"data\":{\"opts\":{},\"rooms\":\"x\"},\"uid\":\"u\",\"nsp\":\"/\"}",
    "{\"type\":7,\"data\":{\"opts\":{}},\"uid\":\"u\",\"nsp\":\"/\"}",
    "{\"type\":7,\"data\":{\"opts\":{},\"requestId\":1},\"uid\":\"u\",\"nsp\":\"/\"}",
    "{\"type\":8,\"data\":{\"requestId\":\"r\"},\"uid\":\"u\",\"nsp\":\"/\"}",
    "{\"type\":8,\"data\":{\"requestId\":\"r\",\"sockets\":{}},\"uid\":\"u\",\"nsp\":\"/\"}",
    "{\"type\":9,\"data\":null,\"uid\":\"u\",\"nsp\":\"/\"}",
    "{\"type\":9,\"data\":{\"packet\":null},\"uid\":\"u\",\"nsp\":\"/\"}",
    "{\"type\":9,\"data\":{\"packet\":[]},\"uid\":\"u\",\"nsp\":\"/\"}",
    "{\"type\":10,\"data\":{\"packet\":1},\"uid\":\"u\",\"nsp\":\"/\"}",
    "{\"type\":11,\"data\":{\"requestId\":\"r\",\"clientCount\":-1},\"uid\":\"u\",\"nsp\":\"/\"}",
    "{\"type\":11,\"data\":{\"requestId\":\"r\",\"clientCount\":1e9},\"uid\":\"u\",\"nsp\":\"/\"}",
    "{\"type\":2,\"uid\":\"\xff\xfe\",\"nsp\":\"/\"}",
    "{\"type\":2,\"uid\":\"u\",\"nsp\":\"/\"}{}",
    "\xc0",
    "\xc1",
    "\x84\xa4",
    "\xdd\xff\xff\xff\xff",
    "\xdf\xff\xff\xff\xff",
    "\x91\x91\x91\x91",
};

static void test_cluster_message_refuses_hostile_bytes(void **state)
{
    struct yd_cluster_message message;

    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        char *copy = exact_copy(hostile[i], strlen(hostile[i]));
        yodel_bytes bytes = {(uint8_t *)copy, strlen(hostile[i])};
        int rc = yd_cluster_decode(mem, bytes, &message);

        if (rc != YODEL_ERR_PROTOCOL)
            fail_msg("\"%s\" gives %d", hostile[i], rc);
        free(copy);
    }
}

static void test_cluster_message_refuses_what_is_too_deep(void **state)
{
    struct yd_cluster_message message;
    uint8_t deep[100000];

    memset(deep, 0x91, sizeof deep);
    assert_int_equal(yd_cluster_decode(mem, (yodel_bytes){deep, sizeof deep}, &message),
                     YODEL_ERR_PROTOCOL);
    memset(deep, '[', sizeof deep);
    memcpy(deep, "{\"data\":", 8);
    assert_int_equal(yd_cluster_decode(mem, (yodel_bytes){deep, sizeof deep}, &message),
                     YODEL_ERR_PROTOCOL);
}

static void test_cluster_message_refuses_cut_bytes(void **state)
{
    struct yd_cluster_message message;
    size_t len;
    uint8_t *bytes = from_hex(NOTEPACK, &len);

    for (size_t i = 0; i < len; i++) {
        uint8_t *copy = exact_copy(bytes, i);

        assert_int_equal(yd_cluster_decode(mem, (yodel_bytes){copy, i}, &message),
                         YODEL_ERR_PROTOCOL);
        free(copy);
    }
    free(bytes);
}

static void test_cluster_message_refuses_hostile_entries(void **state)
{
    static const struct yd_cluster_entry entries[] = {
        {YODEL_STR("u"), YODEL_STR("/"), YODEL_STR("3"), YODEL_STR("")},
        {YODEL_STR("u"), YODEL_STR("/"), YODEL_STR("3"), YODEL_STR("{")},
        {YODEL_STR("u"), YODEL_STR("/"), YODEL_STR("3"), YODEL_STR("!!!!")},
        {YODEL_STR("u"), YODEL_STR("/"), YODEL_STR("3"), YODEL_STR("wA==")},
        {YODEL_STR("u"), YODEL_STR("/"), YODEL_STR("x"), YODEL_STR("{}")},
        {YODEL_STR("u"), YODEL_STR("/"), YODEL_STR(""), YODEL_STR("{}")},
        {YODEL_STR(""), YODEL_STR("/"), YODEL_STR("2"), YODEL_STR("{}")},
        {YODEL_STR("u"), YODEL_STR(""), YODEL_STR("2"), YODEL_STR("{}")},
        {YODEL_STR("u"), YODEL_STR("\xff"), YODEL_STR("2"), YODEL_STR("{}")},
        {YODEL_STR("u\0v"), YODEL_STR("/"), YODEL_STR("2"), YODEL_STR("{}")},
    };
    struct yd_cluster_message message;

    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++)
        assert_int_equal(yd_cluster_decode_entry(mem, &entries[i], &message), YODEL_ERR_PROTOCOL);
}

/* ---- names ---- */

static void test_cluster_message_names(void **state)
{
    struct yd_buf names = {0};

    assert_int_equal(yd_cluster_get_names(mem, YODEL_STR("[\"a\", 42,\"\\u00e9\",\"\"]"), &names),
                     0);
    assert_int_equal(names.len, 9);
    assert_memory_equal(names.ptr,
                        "a\0"
                        "42\0é\0",
                        9);
    assert_int_equal(yd_cluster_get_names(mem, YODEL_STR("[\"x\",\"y\\u0000z\"]"), &names),
                     YODEL_ERR_PROTOCOL);
    assert_int_equal(names.len, 9);
    assert_int_equal(yd_cluster_get_names(mem, YODEL_STR("[{}]"), &names), YODEL_ERR_PROTOCOL);
    yd_buf_free(mem, &names);
}

/* ---- writing ---- */

static const struct yd_cluster_scope everyone = {.rooms = YODEL_STR("[]"),
                                                 .except = YODEL_STR("[]")};

static void assert_json(enum yd_cluster_type type, struct yd_buf *data, const char *expected)
{
    struct yd_cluster_out out = {.type = type, .uid = YODEL_STR(UID), .nsp = YODEL_STR("/")};
    struct yd_buf buf = {0};
    char text[600];

    out.data = str_of(data);
    assert_int_equal(yd_cluster_put_message(mem, &buf, &out, false), 0);
    (void)snprintf(text, sizeof text, expected, UID);
    assert_str(str_of(&buf), text);
    yd_buf_free(mem, &buf);
    yd_buf_free(mem, data);
    *data = (struct yd_buf){0};
}

static void test_cluster_message_writes_what_node_does(void **state)
{
    struct yd_cluster_scope scope = {.rooms = YODEL_STR("[\"a\"]"),
                                     .except = YODEL_STR("[]"),
                                     .is_volatile = true,
                                     .no_compress = true,
                                     .timeout_ms = 100};
    yodel_str request = YODEL_STR("r");
    struct yd_buf data = {0};

    assert_int_equal(
        yd_cluster_put_broadcast(mem, &data, YODEL_STR("e\""), YODEL_STR("1,2"), &scope, request),
        0);
    assert_json(YD_CLUSTER_BROADCAST, &data,
                "{\"type\":3,\"data\":{\"packet\":{\"type\":2,\"data\":[\"e\\\"\",1,2]},\"opts\":{"
                "\"rooms\":[\"a\"],\"except\":[],\"flags\":{\"volatile\":true,\"compress\":false,"
                "\"timeout\":100}},\"requestId\":\"r\"},\"uid\":\"%s\",\"nsp\":\"/\"}");
    assert_int_equal(yd_cluster_put_rooms(mem, &data, &everyone, YODEL_STR("[\"x\"]")), 0);
    assert_json(YD_CLUSTER_JOIN, &data,
                "{\"type\":4,\"data\":{\"opts\":{\"rooms\":[],\"except\":[],\"flags\":{}},"
                "\"rooms\":[\"x\"]},\"uid\":\"%s\",\"nsp\":\"/\"}");
    assert_int_equal(yd_cluster_put_disconnect(mem, &data, &everyone, true), 0);
    assert_json(YD_CLUSTER_DISCONNECT, &data,
                "{\"type\":6,\"data\":{\"opts\":{\"rooms\":[],\"except\":[],\"flags\":{}},"
                "\"close\":true},\"uid\":\"%s\",\"nsp\":\"/\"}");
    assert_int_equal(yd_cluster_put_fetch(mem, &data, &everyone, request), 0);
    assert_json(YD_CLUSTER_FETCH, &data,
                "{\"type\":7,\"data\":{\"opts\":{\"rooms\":[],\"except\":[],\"flags\":{}},"
                "\"requestId\":\"r\"},\"uid\":\"%s\",\"nsp\":\"/\"}");
    assert_int_equal(yd_cluster_put_sockets(mem, &data, request, YODEL_STR("[]")), 0);
    assert_json(YD_CLUSTER_FETCH_RESPONSE, &data,
                "{\"type\":8,\"data\":{\"requestId\":\"r\",\"sockets\":[]},\"uid\":\"%s\","
                "\"nsp\":\"/\"}");
    assert_int_equal(
        yd_cluster_put_server_side(mem, &data, YODEL_STR("ev"), YODEL_STR(""), YODEL_STR("")), 0);
    assert_json(YD_CLUSTER_SERVER_SIDE, &data,
                "{\"type\":9,\"data\":{\"packet\":[\"ev\"]},\"uid\":\"%s\",\"nsp\":\"/\"}");
    assert_int_equal(yd_cluster_put_value(mem, &data, request, YODEL_STR("{\"a\":1}")), 0);
    assert_json(YD_CLUSTER_ACK, &data,
                "{\"type\":12,\"data\":{\"requestId\":\"r\",\"packet\":{\"a\":1}},\"uid\":\"%s\","
                "\"nsp\":\"/\"}");
    assert_int_equal(yd_cluster_put_count(mem, &data, request, 4294967295u), 0);
    assert_json(YD_CLUSTER_CLIENT_COUNT, &data,
                "{\"type\":11,\"data\":{\"requestId\":\"r\",\"clientCount\":4294967295},"
                "\"uid\":\"%s\",\"nsp\":\"/\"}");
    assert_json(YD_CLUSTER_HEARTBEAT, &data, "{\"type\":2,\"uid\":\"%s\",\"nsp\":\"/\"}");
}

/* To be asked for by us alone: those who know nothing of it answer with the first. */
static void test_cluster_message_says_all_arguments(void **state)
{
    static const char flagged[] =
        "{\"type\":3,\"data\":{\"packet\":{\"type\":2,\"data\":[\"q\"]},\"opts\":{\"rooms\":[],"
        "\"except\":[],\"flags\":{\"timeout\":9,\"allArguments\":true}},\"requestId\":\"r\"},"
        "\"uid\":\"%s\",\"nsp\":\"/\"}";
    struct yd_cluster_scope scope = everyone;
    struct yd_cluster_message message;
    struct yd_buf data = {0};
    yodel_bytes bytes;
    char text[600];

    scope.timeout_ms = 9;
    scope.all_arguments = true;
    assert_int_equal(
        yd_cluster_put_broadcast(mem, &data, YODEL_STR("q"), YODEL_STR(""), &scope, YODEL_STR("r")),
        0);
    assert_json(YD_CLUSTER_BROADCAST, &data, flagged);
    (void)snprintf(text, sizeof text, flagged, UID);
    bytes = (yodel_bytes){(const uint8_t *)text, strlen(text)};
    assert_int_equal(yd_cluster_decode(mem, bytes, &message), 0);
    assert_true(message.scope.all_arguments);
    yd_cluster_message_done(&message, mem);
    assert_int_equal(yd_cluster_put_arguments(mem, &data, YODEL_STR("r"), YODEL_STR("1,[2]")), 0);
    assert_json(YD_CLUSTER_ACK, &data,
                "{\"type\":12,\"data\":{\"requestId\":\"r\",\"packet\":[1,[2]],"
                "\"allArguments\":true},\"uid\":\"%s\",\"nsp\":\"/\"}");
}

/* What was recorded of notepack.io and of @msgpack/msgpack is what we write. */
static void test_cluster_message_writes_bytes_as_node_does(void **state)
{
    struct yd_cluster_scope scope = {.rooms = YODEL_STR("[\"a\",\"b\"]"),
                                     .except = YODEL_STR("[\"c\"]"),
                                     .is_volatile = true,
                                     .no_compress = true,
                                     .timeout_ms = 500};
    yodel_bytes attachment = {(const uint8_t *)"\1\2\3", 3};
    struct yd_cluster_out out = {.type = YD_CLUSTER_BROADCAST,
                                 .uid = YODEL_STR(UID),
                                 .nsp = YODEL_STR("/chat"),
                                 .attachments = &attachment,
                                 .num_attachments = 1};
    struct yd_buf data = {0}, buf = {0};
    size_t len;
    uint8_t *bytes = from_hex(NOTEPACK, &len);

    assert_int_equal(
        yd_cluster_put_broadcast(mem, &data, YODEL_STR("b"),
                                 YODEL_STR("{\"_placeholder\":true,\"num\":0},\"é\\\"\\\\\""),
                                 &scope, YODEL_STR(REQUEST)),
        0);
    out.data = str_of(&data);
    assert_int_equal(yd_cluster_put_message(mem, &buf, &out, false), 0);
    assert_int_equal(buf.len, len);
    assert_memory_equal(buf.ptr, bytes, len);
    buf.len = 0;
    assert_int_equal(yd_cluster_put_entry_data(mem, &buf, &out), 0);
    assert_str(str_of(&buf), ENTRY);
    free(bytes);
    yd_buf_free(mem, &data);
    yd_buf_free(mem, &buf);
}

static void test_cluster_message_ephemeral_is_packed(void **state)
{
    struct yd_cluster_out out = {
        .type = YD_CLUSTER_HEARTBEAT, .uid = YODEL_STR(UID), .nsp = YODEL_STR("/")};
    struct yd_cluster_message message;
    struct yd_buf buf = {0};

    assert_int_equal(yd_cluster_put_message(mem, &buf, &out, true), 0);
    assert_int_equal(buf.ptr[0], 0x83);
    assert_int_equal(yd_cluster_decode(mem, (yodel_bytes){buf.ptr, buf.len}, &message), 0);
    assert_int_equal(message.type, YD_CLUSTER_HEARTBEAT);
    yd_cluster_message_done(&message, mem);
    yd_buf_free(mem, &buf);
}

/* ---- sessions and streams ---- */

static void test_cluster_message_session(void **state)
{
    struct yd_cluster_session session;
    struct yd_buf buf = {0};

    assert_int_equal(yd_cluster_get_session(mem, YODEL_STR(SESSION), &session), 0);
    assert_str(session.sid, "abcdefghijklmnopqrst");
    assert_str(session.pid, "ABCDEFGHIJKLMNOPQRST");
    assert_str(session.rooms, "[\"abcdefghijklmnopqrst\",\"r1\"]");
    assert_str(session.data, "{\"n\":1}");
    assert_int_equal(yd_cluster_put_session(mem, &buf, &session), 0);
    assert_str(str_of(&buf), SESSION);
    yd_cluster_session_done(&session, mem);
    for (size_t i = 0; i < sizeof SESSION - 1; i++)
        assert_int_equal(yd_cluster_get_session(mem, (yodel_str){SESSION, i}, &session),
                         YODEL_ERR_PROTOCOL);
    yd_buf_free(mem, &buf);
}

static void test_cluster_message_stream_of_a_namespace(void **state)
{
    /* as computed by @socket.io/redis-streams-adapter 0.3.1 */
    assert_int_equal(yd_cluster_stream_index(YODEL_STR("/"), 3), 2);
    assert_int_equal(yd_cluster_stream_index(YODEL_STR("/chat"), 3), 1);
    assert_int_equal(yd_cluster_stream_index(YODEL_STR("/admin"), 3), 1);
    assert_int_equal(yd_cluster_stream_index(YODEL_STR("/zzzzzzzzzz"), 3), -1);
    assert_int_equal(yd_cluster_stream_index(YODEL_STR("/ünï"), 3), 0);
    assert_int_equal(yd_cluster_stream_index(YODEL_STR("/😀"), 3), 0);
    assert_int_equal(yd_cluster_stream_index(YODEL_STR("/a-very-long-namespace-name"), 3), 2);
}

static void test_cluster_message_stream_ids(void **state)
{
    struct yd_stream_id id, other;
    char text[YD_STREAM_ID_SIZE];

    assert_true(yd_stream_id_read(YODEL_STR("1795335349934-7"), &id));
    assert_true(id.ms == 1795335349934 && id.seq == 7);
    yd_stream_id_write(id, text);
    assert_string_equal(text, "1795335349934-7");
    assert_true(yd_stream_id_read(YODEL_STR("1795335349934-10"), &other));
    assert_true(yd_stream_id_compare(id, other) < 0 && yd_stream_id_compare(other, id) > 0);
    assert_int_equal(yd_stream_id_compare(id, id), 0);
    assert_true(yd_stream_id_read(YODEL_STR("18446744073709551615-18446744073709551615"), &id));
    yd_stream_id_write(id, text);
    assert_string_equal(text, "18446744073709551615-18446744073709551615");
    assert_false(yd_stream_id_read(YODEL_STR("18446744073709551616-0"), &id));
    assert_false(yd_stream_id_read(YODEL_STR(""), &id));
    assert_false(yd_stream_id_read(YODEL_STR("-"), &id));
    assert_false(yd_stream_id_read(YODEL_STR("1-"), &id));
    assert_false(yd_stream_id_read(YODEL_STR("1"), &id));
    assert_false(yd_stream_id_read(YODEL_STR("1-2-3"), &id));
    assert_false(yd_stream_id_read(YODEL_STR("+1-2"), &id));
}

/* ---- without memory ---- */

static void test_cluster_message_out_of_memory(void **state)
{
    struct failmem fm = {0};
    size_t len;
    uint8_t *bytes = from_hex(NOTEPACK, &len);

    FAILMEM_LOOP(&fm)
    {
        struct yd_cluster_message message;
        int rc = yd_cluster_decode(&fm.mem, (yodel_bytes){bytes, len}, &message);

        failmem_assert_whole(&fm, rc, message.num_attachments == 1, message.text.ptr == NULL);
        if (rc == 0)
            yd_cluster_message_done(&message, &fm.mem);
    }
    FAILMEM_LOOP(&fm)
    {
        struct yd_cluster_session session;
        int rc = yd_cluster_get_session(&fm.mem, YODEL_STR(SESSION), &session);

        failmem_assert_whole(&fm, rc, session.sid.len == 20, session.text.ptr == NULL);
        if (rc == 0)
            yd_cluster_session_done(&session, &fm.mem);
    }
    FAILMEM_LOOP(&fm)
    {
        struct yd_cluster_out out = {.type = YD_CLUSTER_BROADCAST, .uid = YODEL_STR("u")};
        struct yd_buf data = {0}, buf = {0};
        int rc = yd_cluster_put_broadcast(&fm.mem, &data, YODEL_STR("e"), YODEL_STR("1"), &everyone,
                                          YODEL_STR(""));

        out.data = str_of(&data);
        if (rc == 0)
            rc = yd_cluster_put_message(&fm.mem, &buf, &out, true);
        failmem_assert_whole(&fm, rc, buf.len > 0, buf.len == 0);
        yd_buf_free(&fm.mem, &data);
        yd_buf_free(&fm.mem, &buf);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cluster_message_json_broadcast),
        cmocka_unit_test(test_cluster_message_packed_broadcast),
        cmocka_unit_test(test_cluster_message_entry_in_base64),
        cmocka_unit_test(test_cluster_message_entry_text_is_no_json),
        cmocka_unit_test(test_cluster_message_escapes_do_not_hide_members),
        cmocka_unit_test(test_cluster_message_refuses_hostile_bytes),
        cmocka_unit_test(test_cluster_message_refuses_what_is_too_deep),
        cmocka_unit_test(test_cluster_message_refuses_cut_bytes),
        cmocka_unit_test(test_cluster_message_refuses_hostile_entries),
        cmocka_unit_test(test_cluster_message_names),
        cmocka_unit_test(test_cluster_message_writes_what_node_does),
        cmocka_unit_test(test_cluster_message_says_all_arguments),
        cmocka_unit_test(test_cluster_message_writes_bytes_as_node_does),
        cmocka_unit_test(test_cluster_message_ephemeral_is_packed),
        cmocka_unit_test(test_cluster_message_session),
        cmocka_unit_test(test_cluster_message_stream_of_a_namespace),
        cmocka_unit_test(test_cluster_message_stream_ids),
        cmocka_unit_test(test_cluster_message_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
