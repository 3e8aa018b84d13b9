/* SPDX-License-Identifier: MIT */
#include "proto/sio_msgpack.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "exact.h"
#include "failmem.h"
#include "proto/json_hint.h"
#include "proto/msgpack.h"

#include <cmocka.h>

static const struct yd_sio_limits limits = {YD_JSON_DEPTH, YD_SIO_MAX_ATTACHMENTS};

/* Bytes from "81 a1 'x' 00": hexadecimal, and characters in quotes. */
static size_t bytes_from(const char *text, uint8_t *out)
{
    size_t len = 0;

    while (*text) {
        if (*text == '\'') {
            for (text++; *text != '\''; text++)
                out[len++] = (uint8_t)*text;
            text++;
        } else if (*text == ' ') {
            text++;
        } else {
            unsigned byte;

            assert_int_equal(sscanf(text, "%2x", &byte), 1);
            out[len++] = (uint8_t)byte;
            text += 2;
        }
    }
    return len;
}

static const struct {
    const char *bytes, *json;
} values[] = {
    {"c0", "null"},
    {"c2", "false"},
    {"c3", "true"},
    {"07", "7"},
    {"e0", "-32"},
    {"cd 0100", "256"},
    {"cf ffffffffffffffff", "18446744073709551615"},
    {"d3 8000000000000000", "-9223372036854775808"},
    {"cb 3ff8000000000000", "1.5"},
    {"a0", "\"\""},
    {"a5'hello'", "\"hello\""},
    {"a2 c3a9", "\"\xc3\xa9\""},
    {"a3 22 5c 0a", "\"\\\"\\\\\\n\""},
    {"90", "[]"},
    {"80", "{}"},
    {"93 01 02 03", "[1,2,3]"},
    {"92 91 90 80", "[[[]],{}]"},
    {"82 a1'a' 01 a1'b' 81 a0 c0", "{\"a\":1,\"b\":{\"\":null}}"},
};

/* To JSON; or "!". */
static void to_json(const uint8_t *data, size_t len, unsigned depth, char *out)
{
    uint8_t *copy = exact_copy(data, len);
    yodel_bytes blobs[2], rest = {copy, len};
    struct yd_msgpack_blobs list = {blobs, 0, 2};
    struct yd_buf json = {0};
    int result = yd_msgpack_to_json(&yd_mem_default, &rest, depth, &json, &list);

    if (result == 0) {
        yodel_str value;

        assert_true(json.len < 515);
        assert_true(
            yd_json_check((yodel_str){(char *)json.ptr, json.len}, YD_JSON_MAX_DEPTH, &value));
        assert_int_equal(rest.len, 0);
        sprintf(out, "%.*s", (int)json.len, (char *)json.ptr);
    } else {
        assert_int_equal(result, YODEL_ERR_PROTOCOL);
        strcpy(out, "!");
    }
    yd_buf_free(&yd_mem_default, &json);
    free(copy);
}

static void assert_json(const char *bytes, const char *json)
{
    uint8_t data[256];
    char out[512];

    to_json(data, bytes_from(bytes, data), YD_JSON_DEPTH, out);
    assert_string_equal(out, json);
}

static void test_sio_msgpack_values_both_ways(void **state)
{
    for (size_t i = 0; i < YD_LEN(values); i++) {
        uint8_t data[256];
        size_t len = bytes_from(values[i].bytes, data);
        struct yd_buf buf = {0};

        assert_json(values[i].bytes, values[i].json);
        assert_int_equal(
            yd_msgpack_put_json(&yd_mem_default, &buf, yodel_str_of(values[i].json), NULL, 0), 0);
        assert_int_equal(buf.len, len);
        assert_memory_equal(buf.ptr, data, len);
        yd_buf_free(&yd_mem_default, &buf);
    }
}

static void test_sio_msgpack_to_json_only(void **state)
{
    assert_json("ca 3dcccccd", "0.10000000149011612");
    assert_json("cb 4008000000000000", "3");
    assert_json("82 05 c0 ff c0", "{\"5\":null,\"-1\":null}");
    assert_json("83 c0 01 c3 02 cb 3ff8000000000000 03", "{\"null\":1,\"true\":2,\"1.5\":3}");
    assert_json("83 c2 01 cb 7ff8000000000000 02 cb fff0000000000000 03",
                "{\"false\":1,\"NaN\":2,\"-Infinity\":3}");
    assert_json("c4 01 ff", "{\"_placeholder\":true,\"num\":0}");
    assert_json("d7 00 001eb208c2dc0001", "null");
    assert_json("d7 00 8000000000000000", "null");
}

#define JS YD_JSON_HINT_JS
#define OTHER YD_JSON_HINT_OTHER
#define BLOB(num) "{\"_placeholder\":true,\"num\":" num "}"

/* Values that JSON does not have: how they look in it, and that they come back. */
static const struct {
    const char *bytes, *json;
} lacking[] = {
    {"d4 00 00", JS "null"},
    {"93 d4 00 00 c0 81 a1'a' d4 00 00", "[" JS "null,null,{\"a\":" JS "null}]"},
    {"cb 7ff8000000000000", OTHER "null"},
    {"92 cb 7ff0000000000000 cb fff0000000000000", "[1e999,-1e999]"},
    {"d7 00 0000000000000000", JS "\"1970-01-01T00:00:00.000Z\""},
    {"d7 00 0000018cc251f3ff", JS "\"2023-12-31T23:59:59.999Z\""},
    {"d7 00 ffffffffffffffff", JS "\"1969-12-31T23:59:59.999Z\""},
    {"d7 00 000000dd9d5a0980", JS "\"2000-02-29T12:34:56.000Z\""},
    {"d7 00 001eb208c2dc0000", JS "\"+275760-09-13T00:00:00.000Z\""},
    {"d7 00 ffe14df73d240000", JS "\"-271821-04-20T00:00:00.000Z\""},
    {"d7 00 ffffc76f6921a7ff", JS "\"-000001-02-28T23:59:59.999Z\""},
    {"d7 00 ffffc77590fba000", JS "\"0000-01-01T00:00:00.000Z\""},
    {"d7 00 ffffc77590fb9fff", JS "\"-000001-12-31T23:59:59.999Z\""},
    {"d7 00 0000e677d21fdbff", JS "\"9999-12-31T23:59:59.999Z\""},
    {"d7 00 0000e677d21fdc00", JS "\"+010000-01-01T00:00:00.000Z\""},
    {"c7 0c ff 00000000 000007dba8217fff", OTHER "\"+275760-09-12T23:59:59.000Z\""},
    {"c7 0c ff 00000000 000007dba8218000", JS "[-1," BLOB("0") "]"},
    {"c7 0c ff 00000000 fffff82457de8000", OTHER "\"-271821-04-20T00:00:00.000Z\""},
    {"c7 0c ff 00000000 fffff82457de7fff", JS "[-1," BLOB("0") "]"},
    {"d6 ff 00000001", OTHER "\"1970-01-01T00:00:01.000Z\""},
    {"d6 ff ffffffff", OTHER "\"2106-02-07T06:28:15.000Z\""},
    {"d7 ff 3b5dc10000000001", OTHER "\"1970-01-01T00:00:01.249Z\""},
    {"d7 ff 3b9ac9fc00000001", OTHER "\"1970-01-01T00:00:01.249999999Z\""},
    {"d7 ff 0000000400000000", OTHER "\"1970-01-01T00:00:00.000000001Z\""},
    {"d7 ff 00000003ffffffff", OTHER "\"2514-05-30T01:53:03.000Z\""},
    {"c7 0c ff 00000000 ffffffffffffffff", OTHER "\"1969-12-31T23:59:59.000Z\""},
    {"c7 0c ff 00000007 0000000400000000", OTHER "\"2514-05-30T01:53:04.000000007Z\""},
    {"c7 0c ff 00000000 7fffffffffffffff", JS "[-1," BLOB("0") "]"},
    {"d7 ff fffffffc00000001", JS "[-1," BLOB("0") "]"},
    {"d4 ff 00", JS "[-1," BLOB("0") "]"},
    {"d4 05 07", JS "[5," BLOB("0") "]"},
    {"d5 00 0102", JS "[0," BLOB("0") "]"},
    {"d8 80 00000000 00000000 00000000 00000000", JS "[-128," BLOB("0") "]"},
    {"c7 03 7f 010203", JS "[127," BLOB("0") "]"},
    {"c7 00 00", JS BLOB("0")},
    {"c7 08 00 0102030405060708", JS BLOB("0")},
    {"92 c4 00 92 c7 01 00 05 d4 01 00",
     "[" BLOB("0") ",[" JS BLOB("1") "," JS "[1," BLOB("2") "]]]"},
};

/* Text to MessagePack, with the attachments that were found in it. */
static void assert_written(yodel_str json, const struct yd_msgpack_blobs *blobs,
                           const uint8_t *expected, size_t len)
{
    struct yd_buf buf = {0};

    assert_int_equal(yd_msgpack_put_json(&yd_mem_default, &buf, json, blobs->array, blobs->num), 0);
    assert_int_equal(buf.len, len);
    assert_memory_equal(buf.ptr, expected, len);
    yd_buf_free(&yd_mem_default, &buf);
}

static void test_sio_msgpack_keeps_what_json_lacks(void **state)
{
    for (size_t i = 0; i < YD_LEN(lacking); i++) {
        yodel_bytes array[10];
        struct yd_msgpack_blobs blobs = {array, 0, 10};
        struct yd_buf json = {0};
        uint8_t data[256];
        size_t len = bytes_from(lacking[i].bytes, data);
        yodel_bytes rest = {data, len};
        yodel_str value, text;

        assert_int_equal(yd_msgpack_to_json(&yd_mem_default, &rest, YD_JSON_DEPTH, &json, &blobs),
                         0);
        text = (yodel_str){(char *)json.ptr, json.len};
        if (!yodel_str_eq(text, yodel_str_of(lacking[i].json)))
            fail_msg("%s is %" YODEL_PRI, lacking[i].bytes, YODEL_ARG(text));
        assert_true(yd_json_check(text, YD_JSON_DEPTH, &value)); /* ordinary JSON */
        assert_written(text, &blobs, data, len);
        yd_buf_free(&yd_mem_default, &json);
    }
}

/* A hint ahead of what none of these looks like is blank. */
static void test_sio_msgpack_ignores_other_hints(void **state)
{
    static const struct {
        const char *json, *bytes;
    } cases[] = {
        {"[" JS "1," JS "true," JS "\"x\"," OTHER "{}]", "94 01 c3 a1'x' 80"},
        {JS "[5,6]", "92 05 06"},
        {JS "[5]", "91 05"},
        {JS "\"2000-13-01T00:00:00.000Z\"", "b8'2000-13-01T00:00:00.000Z'"},
        {JS "\"2000-01-01T00:00:00Z\"", "b4'2000-01-01T00:00:00Z'"},
        {JS "\"20x0-01-01T00:00:00.000Z\"", "b8'20x0-01-01T00:00:00.000Z'"},
        {"\r\t null", "c0"},
        {"\t\r\tnull", "c0"},
        {"\"2000-01-01T00:00:00.000Z\"", "b8'2000-01-01T00:00:00.000Z'"},
    };
    static const struct yd_msgpack_blobs none;

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        uint8_t data[256];

        assert_written(yodel_str_of(cases[i].json), &none, data, bytes_from(cases[i].bytes, data));
    }
}

/* [type,placeholder] must be just that. */
static void test_sio_msgpack_ext_needs_its_shape(void **state)
{
    static const uint8_t byte[] = {7};
    yodel_bytes array[] = {{byte, 1}};
    const struct yd_msgpack_blobs blobs = {array, 1, 1};
    uint8_t data[256];

    assert_written(YODEL_STR(JS "[128," BLOB("0") "]"), &blobs, data,
                   bytes_from("92 cc80 c4 01 07", data));
    assert_written(YODEL_STR(JS "[1," BLOB("0") ",2]"), &blobs, data,
                   bytes_from("93 01 c4 01 07 02", data));
    assert_written(YODEL_STR(JS "[" BLOB("0") ",1]"), &blobs, data,
                   bytes_from("92 c4 01 07 01", data));
    assert_written(YODEL_STR("[1," BLOB("0") "]"), &blobs, data,
                   bytes_from("92 01 c4 01 07", data));
}

static void test_sio_msgpack_to_json_refuses(void **state)
{
    static const char *const bad[] = {
        "",
        "c1",
        "91",
        "81 a1'a'",
        "81 90 01",
        "81 c4 00 01",
        "a1 ff",
        "a3 eda080",
        "81 a1 ff 01",
        "c7 00",
        "c7 01 05",
        "81 d4 00 00 01",
        "93 c4 00 c4 00 c4 00",
        "dd ffffffff c0",
        "df ffffffff c0",
        "dc 0002 c0",
    };

    for (size_t i = 0; i < YD_LEN(bad); i++)
        assert_json(bad[i], "!");
}

static void test_sio_msgpack_depth(void **state)
{
    uint8_t data[YD_JSON_MAX_DEPTH + 2];
    char out[2 * sizeof(data)];

    memset(data, 0x91, sizeof(data));
    data[3] = 0;
    to_json(data, 4, 3, out);
    assert_string_equal(out, "[[[0]]]");
    to_json(data, 4, 2, out);
    assert_string_equal(out, "!");
    memset(data, 0x91, sizeof(data));
    data[sizeof(data) - 1] = 0;
    to_json(data + 1, sizeof(data) - 1, 9999, out);
    assert_string_not_equal(out, "!");
    to_json(data, sizeof(data), 9999, out);
    assert_string_equal(out, "!");
}

static void assert_from_json(const char *json, const char *bytes)
{
    uint8_t data[256];
    size_t len = bytes_from(bytes, data);
    struct yd_buf buf = {0};

    assert_int_equal(yd_msgpack_put_json(&yd_mem_default, &buf, yodel_str_of(json), NULL, 0), 0);
    assert_int_equal(buf.len, len);
    assert_memory_equal(buf.ptr, data, len);
    yd_buf_free(&yd_mem_default, &buf);
}

static void test_sio_msgpack_from_json_only(void **state)
{
    assert_from_json(" [ 1 , { \"a\" : [ ] } ] ", "92 01 81 a1'a' 90");
    assert_from_json("1.0", "cb 3ff0000000000000");
    assert_from_json("-0", "00");
    assert_from_json("18446744073709551616", "cb 43f0000000000000");
    assert_from_json("1e999", "cb 7ff0000000000000");
    assert_from_json("\"\\u00e9\\ud83d\\ude00\\ud800\"", "a9 c3a9 f09f9880 efbfbd");
    assert_from_json("{\"\\n\":1}", "81 a1 0a 01");
    assert_from_json("1,[2],\"x\"", "01 91 02 a1'x'");
    assert_from_json("", "");
    assert_from_json("{\"_placeholder\":true,\"num\":0}", "82 ac'_placeholder' c3 a3'num' 00");
    assert_from_json("[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]",
                     "dc 0010 00000000 00000000 00000000 00000000");
}

static void test_sio_msgpack_replaces_placeholders(void **state)
{
    static const uint8_t one[] = {1}, two[] = {2, 2};
    static const yodel_bytes attachments[] = {{one, 1}, {two, 2}};
    yodel_str json = YODEL_STR("[{\"_placeholder\":true,\"num\":1},{\"a\":[{\"num\":0,"
                               "\"_placeholder\":true}]},{\"_placeholder\":false}]");
    uint8_t data[64];
    size_t len = bytes_from("93 c4 02 02 02 81 a1'a' 91 c4 01 01 81 ac'_placeholder' c2", data);
    struct yd_buf buf = {0};

    assert_int_equal(yd_msgpack_put_json(&yd_mem_default, &buf, json, attachments, 2), 0);
    assert_int_equal(buf.len, len);
    assert_memory_equal(buf.ptr, data, len);
    assert_int_equal(yd_msgpack_put_json(&yd_mem_default, &buf, json, attachments, 1),
                     YODEL_ERR_FORMAT);
    assert_int_equal(buf.len, len);
    yd_buf_free(&yd_mem_default, &buf);
}

/* Not JSON: refused, or written as something, but nothing worse. */
static void test_sio_msgpack_from_no_json(void **state)
{
    char deep[YD_JSON_MAX_DEPTH + 1];
    struct yd_buf buf = {0};

    memset(deep, '[', sizeof(deep));
    assert_int_equal(
        yd_msgpack_put_json(&yd_mem_default, &buf, (yodel_str){deep, sizeof(deep)}, NULL, 0),
        YODEL_ERR_FORMAT);
    assert_int_equal(yd_msgpack_put_json(&yd_mem_default, &buf, YODEL_STR("]"), NULL, 0),
                     YODEL_ERR_FORMAT);
    assert_int_equal(yd_msgpack_put_json(&yd_mem_default, &buf, YODEL_STR("x"), NULL, 0),
                     YODEL_ERR_FORMAT);
    assert_int_equal(buf.len, 0);
    assert_int_equal(
        yd_msgpack_put_json(&yd_mem_default, &buf, (yodel_str){deep, SIZE_MAX / 2}, NULL, 0),
        YODEL_ERR_TOO_BIG);
    yd_buf_free(&yd_mem_default, &buf);
}

/* A message as text: what yd_sio_encode() makes of it, its name, and the attachments. */
static void describe(const uint8_t *data, size_t len, char *out)
{
    yodel_bytes attachments[YD_SIO_MAX_ATTACHMENTS];
    uint8_t *copy = exact_copy(data, len);
    struct yd_buf json = {0};
    struct yd_sio_packet packet;
    const char *error = NULL;

    if (yd_sio_msgpack_decode(&yd_mem_default, (yodel_bytes){copy, len}, &limits, &json,
                              attachments, &packet, &error) == 0) {
        struct yd_sio_output output = {
            .type = packet.type,
            .num_attachments = packet.num_attachments,
            .has_id = packet.has_id,
            .id = packet.id,
            .nsp = packet.nsp,
            .data = packet.data,
        };

        assert_true(yd_sio_encoded_len(&output) < 400);
        out = yd_sio_encode(out, &output);
        for (uint32_t i = 0; i < packet.num_attachments; i++)
            out += sprintf(out, " +%zu", attachments[i].len);
        sprintf(out, " %.*s", (int)packet.name.len, packet.name.len ? packet.name.ptr : "");
    } else {
        assert_non_null(error);
        strcpy(out, "!");
    }
    yd_buf_free(&yd_mem_default, &json);
    free(copy);
}

#define TYPE "a4'type'"
#define DATA "a4'data'"
#define NSP "a3'nsp'"
#define ROOT "a3'nsp' a1'/'"

static const struct {
    const char *bytes, *expected;
} messages[] = {
    {"83" TYPE "00" DATA "81 a1't' 01" ROOT, "0{\"t\":1} "},
    {"83" TYPE "00" DATA "d4 00 00" ROOT, "0 "},
    {"83" TYPE "00" DATA "c0" ROOT, "0 "},
    {"82" TYPE "00" NSP "a2'/n'", "0/n, "},
    {"83" TYPE "00" DATA "81 a1't' c4 01 ff" ROOT,
     "01-{\"t\":{\"_placeholder\":true,\"num\":0}} +1 "},
    {"82" TYPE "01" ROOT, "1 "},
    {"83" TYPE "02" DATA "92 a1'm' 05" ROOT, "2[\"m\",5] m"},
    {"85" TYPE "02" DATA "91 a1'm'"
     "a7'options' 81 a8'compress' c3"
     "a2'id' 00" ROOT,
     "20[\"m\"] m"},
    {"84" NSP "a2'/n'"
     "a2'id' cf001fffffffffffff" DATA "91 a1'm'" TYPE "02",
     "2/n,9007199254740991[\"m\"] m"},
    {"84" TYPE "02" DATA "91 a1'm'"
     "a2'id' d40000" ROOT,
     "2[\"m\"] m"},
    {"84" TYPE "02" DATA "91 a1'm'" ROOT DATA "91 a1'n'", "2[\"n\"] n"},
    {"83" TYPE "02" DATA "92 a1'm' c4 02 0102" ROOT,
     "51-[\"m\",{\"_placeholder\":true,\"num\":0}] +2 m"},
    {"84" TYPE "03" DATA "91 c4 00"
     "a2'id' 05" ROOT,
     "61-5[{\"_placeholder\":true,\"num\":0}] +0 "},
    {"84" TYPE "03" DATA "90"
     "a2'id' 05" ROOT,
     "35[] "},
    {"83" TYPE "02" DATA "92 a1'm' 82 ac'_placeholder' c3 a3'num' 09" ROOT,
     "2[\"m\",{\"_placeholder\":true,\"num\":9}] m"},
    {"83" TYPE "02" DATA "91 07" ROOT, "2[7] 7"},
    /* refused */
    {"", "!"},
    {"80", "!"},
    {"90", "!"},
    {"c0", "!"},
    {"82" TYPE "00" ROOT "c0", "!"},
    {"81" ROOT, "!"},
    {"81" TYPE "00", "!"},
    {"82" TYPE "05" ROOT, "!"},
    {"82" TYPE "ff" ROOT, "!"},
    {"82" TYPE "a1'0'" ROOT, "!"},
    {"82" TYPE "cb0000000000000000" ROOT, "0 "},
    {"82" TYPE "cb3fe0000000000000" ROOT, "!"},
    {"82" TYPE "cbbff0000000000000" ROOT, "!"},
    {"82" TYPE "00" NSP "01", "!"},
    {"82" TYPE "00" NSP "a1 ff", "!"},
    {"83" TYPE "00" DATA "90" ROOT, "!"},
    {"83" TYPE "00" DATA "c4 01 ff" ROOT, "!"},
    {"83" TYPE "01" DATA "80" ROOT, "!"},
    {"83" TYPE "02" DATA "80" ROOT, "!"},
    {"83" TYPE "02" DATA "90" ROOT, "!"},
    {"83" TYPE "02" DATA "91 c0" ROOT, "!"},
    {"83" TYPE "02" DATA "91 a7'connect'" ROOT, "!"},
    {"83" TYPE "02" DATA "92 a1'm' d401"
     "00" ROOT,
     "51-[\"m\",\r\t\r[1,{\"_placeholder\":true,\"num\":0}]] +1 m"},
    {"83" TYPE "04" DATA "a1'x'" ROOT, "!"},
    {"84" TYPE "02" DATA "91 a1'm'"
     "a2'id' ff" ROOT,
     "!"},
    {"84" TYPE "02" DATA "91 a1'm'"
     "a2'id' cf0020000000000000" ROOT,
     "!"},
    {"84" TYPE "02" DATA "91 a1'm'"
     "a2'id' a1'1'" ROOT,
     "!"},
    {"83 01 02" DATA "90" ROOT, "!"},
    /* a map that looks like a placeholder, beside bytes */
    {"83" TYPE "02" DATA "93 a1'm' c4 00 82 ac'_placeholder' c3 a3'num' 09" ROOT, "!"},
    {"83" TYPE "02" DATA "dc 000c a1'm' c400c400c400c400c400c400c400c400c400c400c400" ROOT, "!"},
};

static void test_sio_msgpack_decodes(void **state)
{
    for (size_t i = 0; i < YD_LEN(messages); i++) {
        uint8_t data[256];
        char out[512];

        describe(data, bytes_from(messages[i].bytes, data), out);
        if (strcmp(out, messages[i].expected) != 0)
            fail_msg("%s is \"%s\", not \"%s\"", messages[i].bytes, out, messages[i].expected);
    }
}

static void test_sio_msgpack_cut_and_flipped(void **state)
{
    for (size_t i = 0; i < YD_LEN(messages); i++) {
        uint8_t data[256];
        size_t len = bytes_from(messages[i].bytes, data);
        char out[512];

        for (size_t n = 0; n < len; n++) {
            describe(data, n, out);
            if (messages[i].expected[0] != '!')
                assert_string_equal(out, "!");
        }
        for (size_t at = 0; at < len; at++) {
            uint8_t was = data[at];

            for (unsigned c = 0; c < 256; c++) {
                data[at] = (uint8_t)c;
                describe(data, len, out);
            }
            data[at] = was;
        }
    }
}

static const struct {
    struct yd_sio_output output;
    const char *bytes;
} outputs[] = {
    {{.type = YD_SIO_CONNECT, .data = {"{\"sid\":\"x\"}", 11}},
     "83" TYPE "00" DATA "81 a3'sid' a1'x'" ROOT},
    {{.type = YD_SIO_DISCONNECT, .nsp = {"/n", 2}}, "82" TYPE "01" NSP "a2'/n'"},
    {{.type = YD_SIO_CONNECT_ERROR, .nsp = {"/n", 2}, .data = {"{\"message\":\"x\"}", 15}},
     "83" TYPE "04" DATA "81 a7'message' a1'x'" NSP "a2'/n'"},
    {{.type = YD_SIO_EVENT, .event = {"a\"", 2}, .args = {"1,2", 3}, .offset = {"o", 1}},
     "83" TYPE "02" DATA "94 a2'a\"' 01 02 a1'o'" ROOT},
    {{.type = YD_SIO_EVENT, .args = {"\"m\"", 3}, .has_id = true, .id = 300},
     "84" TYPE "02" DATA "91 a1'm'" ROOT "a2'id' cd012c"},
    {{.type = YD_SIO_ACK, .has_id = true, .id = 1}, "84" TYPE "03" DATA "90" ROOT "a2'id' 01"},
    {{.type = YD_SIO_BINARY_EVENT,
      .num_attachments = 1,
      .data = {"[\"m\",{\"_placeholder\":true,\"num\":0}]", 35}},
     "83" TYPE "02" DATA "92 a1'm' c4 02 0102" ROOT},
    {{.type = YD_SIO_BINARY_ACK,
      .num_attachments = 1,
      .args = {"{\"_placeholder\":true,\"num\":0}", 29}},
     "83" TYPE "03" DATA "91 c4 02 0102" ROOT},
};

static void test_sio_msgpack_encodes(void **state)
{
    static const uint8_t bytes[] = {1, 2};
    static const yodel_bytes attachments[] = {{bytes, 2}};
    struct failmem fm;

    for (size_t i = 0; i < YD_LEN(outputs); i++) {
        uint8_t data[256];
        size_t len = bytes_from(outputs[i].bytes, data);

        FAILMEM_LOOP(&fm)
        {
            struct yd_buf buf = {0};
            int result = yd_sio_msgpack_put(&fm.mem, &buf, &outputs[i].output, attachments);

            if (failmem_has_failed(&fm)) {
                assert_int_equal(result, -ENOMEM);
                assert_int_equal(buf.len, 0);
            } else {
                assert_int_equal(result, 0);
                assert_int_equal(buf.len, len);
                assert_memory_equal(buf.ptr, data, len);
            }
            yd_buf_free(&fm.mem, &buf);
        }
    }
}

static void test_sio_msgpack_encode_refuses(void **state)
{
    struct yd_sio_output output = {.type = YD_SIO_EVENT,
                                   .num_attachments = 1,
                                   .event = {"m", 1},
                                   .args = {"{\"_placeholder\":true,\"num\":1}", 29}};
    static const yodel_bytes attachments[1];
    struct yd_buf buf = {0};

    assert_int_equal(yd_sio_msgpack_put(&yd_mem_default, &buf, &output, attachments),
                     YODEL_ERR_FORMAT);
    assert_int_equal(buf.len, 0);
    yd_buf_free(&yd_mem_default, &buf);
}

static void test_sio_msgpack_decode_out_of_memory(void **state)
{
    uint8_t data[256];
    size_t len = bytes_from("83" TYPE "02" DATA "98 a1'm' 82 a1'a' c0 05 01 cb3ff8000000000000 "
                            "d700 0000000000000000 00 c4 01 ff 91 d3ffffffffffffffff"
                            "d9 50 '01234567890123456789012345678901234567890123456789"
                            "012345678901234567890123456789'" ROOT,
                            data);
    struct failmem fm;

    FAILMEM_LOOP(&fm)
    {
        yodel_bytes attachments[YD_SIO_MAX_ATTACHMENTS];
        struct yd_buf json = {0};
        struct yd_sio_packet packet = {.type = 77};
        const char *error;
        int result = yd_sio_msgpack_decode(&fm.mem, (yodel_bytes){data, len}, &limits, &json,
                                           attachments, &packet, &error);

        assert_int_equal(result, failmem_has_failed(&fm) ? -ENOMEM : 0);
        assert_int_equal(packet.type, failmem_has_failed(&fm) ? 77 : YD_SIO_BINARY_EVENT);
        yd_buf_free(&fm.mem, &json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sio_msgpack_values_both_ways),
        cmocka_unit_test(test_sio_msgpack_to_json_only),
        cmocka_unit_test(test_sio_msgpack_keeps_what_json_lacks),
        cmocka_unit_test(test_sio_msgpack_ignores_other_hints),
        cmocka_unit_test(test_sio_msgpack_ext_needs_its_shape),
        cmocka_unit_test(test_sio_msgpack_to_json_refuses),
        cmocka_unit_test(test_sio_msgpack_depth),
        cmocka_unit_test(test_sio_msgpack_from_json_only),
        cmocka_unit_test(test_sio_msgpack_replaces_placeholders),
        cmocka_unit_test(test_sio_msgpack_from_no_json),
        cmocka_unit_test(test_sio_msgpack_decodes),
        cmocka_unit_test(test_sio_msgpack_cut_and_flipped),
        cmocka_unit_test(test_sio_msgpack_encodes),
        cmocka_unit_test(test_sio_msgpack_encode_refuses),
        cmocka_unit_test(test_sio_msgpack_decode_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
