/* SPDX-License-Identifier: MIT */
#include "adapter/python_message.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "exact.h"
#include "failmem.h"
#include "hex.h"

#include <cmocka.h>

#define ENVELOPE                                                                                   \
    "{\"body\": \"gASVMwAAAAAAAAB9lCiMBm1ldGhvZJSMCmRpc2Nvbm5lY3SUjANzaWSUjAJzMZSMC"               \
    "W5hbWVzcGFjZZROdS4=\", \"content-encoding\": \"binary\", \"content-type\": \"a"               \
    "pplication/data\", \"headers\": {}, \"properties\": {\"delivery_mode\": 2, \"d"               \
    "elivery_info\": {\"exchange\": \"socketio\", \"routing_key\": \"\"}, \"priorit"               \
    "y\": 0, \"body_encoding\": \"base64\", \"delivery_tag\": \"0\"}}"

static const struct yd_python_reading of_lists = {100000, true};
static const struct yd_python_reading of_bare = {100000, false};

static void put_names(char *out, const char *name, const yodel_str *names, size_t num)
{
    sprintf(out + strlen(out), " %s", name);
    for (size_t i = 0; i < num; i++)
        sprintf(out + strlen(out), "%c%" YODEL_PRI, i == 0 ? '=' : '+', YODEL_ARG(names[i]));
}

/* What was read, on one line. */
static void describe(const struct yd_python_message *message, char *out)
{
    static const char *const methods[] = {"?",          "emit",       "callback",  "disconnect",
                                          "enter_room", "leave_room", "close_room"};

    out += sprintf(out, "%s %" YODEL_PRI, methods[message->method], YODEL_ARG(message->nsp));
    if (message->method == YD_PYTHON_EMIT) {
        out += sprintf(out, " %" YODEL_PRI "(%" YODEL_PRI ")", YODEL_ARG(message->event),
                       YODEL_ARG(message->elements));
        if (message->everyone)
            out += sprintf(out, " all");
        else
            put_names(out, "to", message->rooms, message->num_rooms);
        if (message->num_skip > 0)
            put_names(out, "skip", message->skip, message->num_skip);
    } else if (message->method == YD_PYTHON_CALLBACK) {
        out += sprintf(out, " (%" YODEL_PRI ")", YODEL_ARG(message->elements));
    }
    out += strlen(out);
    for (size_t i = 0; i < message->num_attachments; i++) {
        out += sprintf(out, " ");
        for (size_t k = 0; k < message->attachments[i].len; k++)
            out += sprintf(out, "%02x", message->attachments[i].ptr[k]);
    }
    if (message->sid.len + message->room.len > 0)
        out += sprintf(out, " %" YODEL_PRI "@%" YODEL_PRI, YODEL_ARG(message->sid),
                       YODEL_ARG(message->room));
    if (message->wants_callback)
        out += sprintf(out, " answer %" YODEL_PRI ",", YODEL_ARG(message->callback_room_json));
    if (message->id_json.len > 0)
        out += sprintf(out, " id %" YODEL_PRI, YODEL_ARG(message->id_json));
    if (message->host_id.len > 0)
        out += sprintf(out, " by %" YODEL_PRI, YODEL_ARG(message->host_id));
    if (message->is_yodel)
        sprintf(out, " yodel");
}

static int read_bytes(const struct yodel_allocator *mem, const void *bytes, size_t len,
                      const struct yd_python_reading *reading, char *out)
{
    void *copy = exact_copy(bytes, len);
    struct yd_python_message message;
    int rc = yd_python_read(mem, (yodel_bytes){copy, len}, reading, &message);

    if (rc == 0)
        describe(&message, out);
    yd_python_message_free(&message);
    free(copy);
    return rc;
}

static void check(const char *json, const struct yd_python_reading *reading, const char *expected)
{
    char out[4000] = "";

    assert_int_equal(read_bytes(&yd_mem_default, json, strlen(json), reading, out), 0);
    assert_string_equal(out, expected);
}

static void check_error(const char *json, int expected)
{
    char out[4000] = "";

    assert_int_equal(read_bytes(&yd_mem_default, json, strlen(json), &of_lists, out), expected);
}

/* What each version writes for emit("ev", {"a": 1}) and its like. */
static void test_python_message_emit(void **state)
{
    check("{\"method\": \"emit\", \"event\": \"ev\", \"data\": [{\"a\": 1}], \"binary\": false, "
          "\"namespace\": \"/chat\", \"room\": null, \"skip_sid\": null, \"callback\": null, "
          "\"host_id\": \"0f\"}",
          &of_lists, "emit /chat ev({\"a\": 1}) all by 0f");
    check("{\"method\": \"emit\", \"event\": \"ev\", \"data\": {\"a\": 1}, \"binary\": false, "
          "\"namespace\": \"/\", \"room\": \"r1\", \"skip_sid\": \"s1\", \"callback\": null, "
          "\"host_id\": \"0f\"}",
          &of_lists, "emit / ev({\"a\": 1}) to=r1 skip=s1 by 0f");
    check("{\"method\":\"emit\",\"event\":\"ev\",\"data\":[1,[2],\"x\"],\"room\":[\"a\",\"b\"],"
          "\"skip_sid\":[\"s1\",\"s2\"]}",
          &of_lists, "emit / ev(1,[2],\"x\") to=a+b skip=s1+s2");
    check("{\"method\":\"emit\",\"event\":\"ev\",\"data\":[1,[2],\"x\"]}", &of_bare,
          "emit / ev([1,[2],\"x\"]) all");
    check("{\"method\":\"emit\",\"event\":\"ev\",\"data\":[]}", &of_lists, "emit / ev() all");
    check("{\"method\":\"emit\",\"event\":\"ev\",\"data\":null}", &of_bare, "emit / ev() all");
    check("{\"method\":\"emit\",\"event\":\"ev\",\"data\":\"\\u0434\"}", &of_bare,
          "emit / ev(\"\\u0434\") all");
    check("{\"method\":\"emit\",\"event\":\"\\u0434\\n\",\"data\":1,\"room\":\"\\u0434\"}",
          &of_bare, "emit / \u0434\n(1) to=\u0434");
    /* rooms that are numbers in Python; nobody's room */
    check("{\"method\":\"emit\",\"event\":\"ev\",\"data\":1,\"room\":42}", &of_bare,
          "emit / ev(1) to=42");
    check("{\"method\":\"emit\",\"event\":\"ev\",\"data\":1,\"room\":[]}", &of_bare,
          "emit / ev(1) to");
    check("{\"method\":\"emit\",\"event\":\"ev\",\"data\":1,\"yodel\":true}", &of_bare,
          "emit / ev(1) all yodel");
}

static void test_python_message_binary(void **state)
{
    check("{\"method\":\"emit\",\"event\":\"bin\",\"data\":[[{\"_placeholder\":true,\"num\":0}],"
          "\"AAH/\"],\"binary\":true}",
          &of_lists, "emit / bin({\"_placeholder\":true,\"num\":0}) all 0001ff");
    check("{\"method\":\"emit\",\"event\":\"bin\",\"data\":[{\"_placeholder\":true,\"num\":0},"
          "\"AAH/\",\"\"],\"binary\":true}",
          &of_bare, "emit / bin({\"_placeholder\":true,\"num\":0}) all 0001ff ");
    check("{\"method\":\"emit\",\"event\":\"bin\",\"data\":[[{\"_placeholder\":true,\"num\":0}],"
          "\"AAH\\/\"],\"binary\":true}",
          &of_bare, "emit / bin([{\"_placeholder\":true,\"num\":0}]) all 0001ff");
    check_error("{\"method\":\"emit\",\"event\":\"b\",\"data\":{},\"binary\":true}",
                YODEL_ERR_PROTOCOL);
    check_error("{\"method\":\"emit\",\"event\":\"b\",\"data\":[],\"binary\":true}",
                YODEL_ERR_PROTOCOL);
    check_error("{\"method\":\"emit\",\"event\":\"b\",\"data\":[[1],1],\"binary\":true}",
                YODEL_ERR_PROTOCOL);
    check_error("{\"method\":\"emit\",\"event\":\"b\",\"data\":[[1],\"A\"],\"binary\":true}",
                YODEL_ERR_PROTOCOL);
    check_error("{\"method\":\"emit\",\"event\":\"b\",\"data\":[[1],\"\",\"\",\"\",\"\",\"\",\"\","
                "\"\",\"\",\"\",\"\",\"\"],\"binary\":true}",
                YODEL_ERR_TOO_BIG);
}

static void test_python_message_callbacks(void **state)
{
    check("{\"method\":\"emit\",\"event\":\"ev\",\"data\":[1],\"room\":\"s1\","
          "\"callback\":[\"s1\",\"/\",5],\"host_id\":\"0f\"}",
          &of_lists, "emit / ev(1) to=s1 answer \"s1\", id 5 by 0f");
    /* nobody to answer; another length, which Python passes over */
    check("{\"method\":\"emit\",\"event\":\"ev\",\"data\":[1],\"room\":\"s1\","
          "\"callback\":[\"s1\",\"/\",5]}",
          &of_lists, "emit / ev(1) to=s1");
    check("{\"method\":\"emit\",\"event\":\"ev\",\"data\":[1],\"callback\":[1],\"host_id\":\"0\"}",
          &of_lists, "emit / ev(1) all by 0");
    check_error("{\"method\":\"emit\",\"event\":\"ev\",\"data\":[1],\"host_id\":\"0\","
                "\"callback\":[\"s1\",\"/\",[]]}",
                YODEL_ERR_PROTOCOL);
    check("{\"method\": \"callback\", \"host_id\": \"0f\", \"sid\": \"r1\", \"namespace\": \"/\", "
          "\"id\": 5, \"args\": [\"reply\", 7]}",
          &of_lists, "callback / (\"reply\", 7) id 5 by 0f");
    check("{\"method\":\"callback\",\"host_id\":\"0f\",\"id\":5,\"args\":[]}", &of_bare,
          "callback / () id 5 by 0f");
    check_error("{\"method\":\"callback\",\"id\":5,\"args\":[]}", YODEL_ERR_PROTOCOL);
    check_error("{\"method\":\"callback\",\"host_id\":\"0f\",\"args\":[]}", YODEL_ERR_PROTOCOL);
    check_error("{\"method\":\"callback\",\"host_id\":\"0f\",\"id\":5}", YODEL_ERR_PROTOCOL);
    check_error("{\"method\":\"callback\",\"host_id\":\"0f\",\"id\":5,\"args\":{}}",
                YODEL_ERR_PROTOCOL);
}

static void test_python_message_methods(void **state)
{
    check("{\"method\":\"disconnect\",\"sid\":\"s1\",\"namespace\":\"/chat\",\"host_id\":\"0f\"}",
          &of_lists, "disconnect /chat s1@ by 0f");
    check("{\"method\":\"disconnect\",\"sid\":\"s1\"}", &of_lists, "disconnect / s1@");
    check("{\"method\":\"enter_room\",\"sid\":\"s1\",\"room\":\"r\",\"namespace\":\"/\"}",
          &of_lists, "enter_room / s1@r");
    check("{\"method\":\"leave_room\",\"sid\":\"s1\",\"room\":\"r\",\"namespace\":\"/\"}",
          &of_lists, "leave_room / s1@r");
    check("{\"method\":\"close_room\",\"room\":\"r\",\"namespace\":null}", &of_lists,
          "close_room / @r");
    check_error("{\"method\":\"disconnect\"}", YODEL_ERR_PROTOCOL);
    check_error("{\"method\":\"disconnect\",\"sid\":null}", YODEL_ERR_PROTOCOL);
    check_error("{\"method\":\"enter_room\",\"sid\":\"s1\"}", YODEL_ERR_PROTOCOL);
    check_error("{\"method\":\"close_room\",\"room\":{}}", YODEL_ERR_PROTOCOL);
}

/* R6: wrong types, foreign documents, what is cut. */
static void test_python_message_foreign(void **state)
{
    static const char *const cases[] = {
        "",
        "x",
        "null",
        "[]",
        "42",
        "\"emit\"",
        "{}",
        "{\"method\":1}",
        "{\"method\":null}",
        "{\"method\":\"emit\"}",
        "{\"method\":\"emit\",\"event\":null,\"data\":1}",
        "{\"method\":\"emit\",\"event\":{},\"data\":1}",
        "{\"method\":\"emit\",\"event\":\"e\"}",
        "{\"method\":\"emit\",\"event\":\"e\",\"data\":1,\"namespace\":{}}",
        "{\"method\":\"emit\",\"event\":\"e\",\"data\":1,\"namespace\":[]}",
        "{\"method\":\"emit\",\"event\":\"e\",\"data\":1,\"room\":{}}",
        "{\"method\":\"emit\",\"event\":\"e\",\"data\":1,\"room\":true}",
        "{\"method\":\"emit\",\"event\":\"e\",\"data\":1,\"room\":[null]}",
        "{\"method\":\"emit\",\"event\":\"e\",\"data\":1,\"room\":[[\"a\"]]}",
        "{\"method\":\"emit\",\"event\":\"e\",\"data\":1,\"skip_sid\":[1,{}]}",
        "{\"method\":\"emit\",\"event\":\"e\",\"data\":1,\"host_id\":[]}",
        "{\"method\":\"emit\",\"event\":\"a\\u0000b\",\"data\":1}",
        "{\"method\":\"emit\",\"event\":\"e\",\"data\":NaN}",
        "{\"method\":\"emit\",\"event\":\"e\",\"data\":1} ,",
        "{\"method\":\"emit\",\"event\":\"e\xff\",\"data\":1}",
        "{\"body\":\"\"}",
        "{\"body\":{}}",
        "{\"body\":\"{}\"}",
        "{\"body\":\"!!!!\",\"properties\":{\"body_encoding\":\"base64\"}}",
        "{\"body\":\"{\\\"body\\\":\\\"{}\\\"}\"}",
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_error(cases[i], YODEL_ERR_PROTOCOL);
    check_error("{\"method\":\"shutdown\"}", YODEL_ERR_UNSUPPORTED);
    check_error("{\"method\":\"\"}", YODEL_ERR_UNSUPPORTED);
}

static void test_python_message_cut(void **state)
{
    static const char json[] = "{\"method\":\"emit\",\"event\":\"e\",\"data\":[[{\"_placeholder\":"
                               "true,\"num\":0}],\"AAH/\"],\"binary\":true,\"room\":[\"a\"]}";
    char out[4000];

    for (size_t cut = 0; cut < sizeof json - 1; cut++)
        assert_int_equal(read_bytes(&yd_mem_default, json, cut, &of_lists, out),
                         YODEL_ERR_PROTOCOL);
}

static void test_python_message_limits(void **state)
{
    struct yd_python_reading reading = {30, true};
    static const char json[] = "{\"method\":\"disconnect\",\"sid\":\"0123456\"}";
    char many[6000] = "{\"method\":\"emit\",\"event\":\"e\",\"data\":1,\"room\":[1", out[10];

    assert_int_equal(read_bytes(&yd_mem_default, json, strlen(json), &reading, out),
                     YODEL_ERR_TOO_BIG);
    for (int i = 0; i < YD_PYTHON_MAX_NAMES; i++)
        strcat(many, ",1");
    strcat(many, "]}");
    check_error(many, YODEL_ERR_TOO_BIG);
}

/* {"method": "emit", "event": "ev", "data": (1, [2], b"\0\xff"), "namespace": "/", "room": "r1",
 * "skip_sid": None, "callback": ("r1", "/", 5), "host_id": "0f"}, protocol 4. */
static const char tuple[] =
    "80049581000000000000007d94288c066d6574686f64948c04656d6974948c056576656e74948c02"
    "6576948c0464617461944b015d944b0261430200ff9487948c096e616d657370616365948c012f94"
    "8c04726f6f6d948c027231948c08736b69705f736964944e8c0863616c6c6261636b94680c680a4b"
    "0587948c07686f73745f6964948c02306694752e";

static int read_hex(const struct yodel_allocator *mem, const char *hex, char *out)
{
    size_t len;
    uint8_t *bytes = hex_bytes(hex, &len);
    int rc = read_bytes(mem, bytes, len, &of_bare, out);

    free(bytes);
    return rc;
}

static void test_python_message_pickles(void **state)
{
    static const char *const cases[][2] = {
        {tuple, "emit / ev(1,[2],{\"_placeholder\":true,\"num\":0}) to=r1 00ff answer \"r1\", id 5 "
                "by 0f"},
        {"80049572000000000000007d94288c066d6574686f64948c04656d6974948c056576656e74948c02"
         "6576948c0464617461945d94284b014b02658c096e616d657370616365948c052f63686174948c04"
         "726f6f6d944e8c08736b69705f736964945d94288c027331948c02733294658c0863616c6c626163"
         "6b944e752e",
         "emit /chat ev([1,2]) all skip=s1+s2"},
        {"8004952a000000000000007d94288c066d6574686f64948c04656d6974948c056576656e74948c02"
         "6576948c0464617461944e752e",
         "emit / ev() all"},
        {"8004955d000000000000007d94288c066d6574686f64948c0863616c6c6261636b948c07686f7374"
         "5f6964948c023066948c03736964948c027231948c096e616d657370616365948c012f948c026964"
         "944b058c0461726773948c057265706c79944b078694752e",
         "callback / (\"reply\",7) id 5 by 0f"},
        {"80049533000000000000007d94288c066d6574686f64948c0a646973636f6e6e656374948c037369"
         "64948c027331948c096e616d657370616365944e752e",
         "disconnect / s1@"},
        {"80049534000000000000007d94288c066d6574686f64948c0a636c6f73655f726f6f6d948c04726f"
         "6f6d944b2a8c096e616d657370616365948c012f94752e",
         "close_room / @42"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[4000] = "";

        assert_int_equal(read_hex(&yd_mem_default, cases[i][0], out), 0);
        assert_string_equal(out, cases[i][1]);
    }
}

static void test_python_message_foreign_pickles(void **state)
{
    char out[4000];

    assert_int_equal(
        read_hex(&yd_mem_default,
                 "80049547000000000000007d94288c066d6574686f64948c04656d6974948c056576656e74948c02"
                 "6576948c0464617461948c05706f736978948c0673797374656d9493948c04747275659485945294"
                 "752e",
                 out),
        YODEL_ERR_UNSUPPORTED);
    assert_int_equal(
        read_hex(&yd_mem_default,
                 "80049518000000000000007d948c066d6574686f64948c0873687574646f776e94732e", out),
        YODEL_ERR_UNSUPPORTED);
    assert_int_equal(read_hex(&yd_mem_default, "8004950b000000000000005d948c04656d697494612e", out),
                     YODEL_ERR_PROTOCOL);
    assert_int_equal(
        read_hex(&yd_mem_default,
                 "80049526000000000000007d94288c066d6574686f64948c0a636c6f73655f726f6f6d948c04726f"
                 "6f6d9443017294752e",
                 out),
        YODEL_ERR_PROTOCOL);
    assert_int_equal(
        read_hex(&yd_mem_default,
                 "80049521000000000000007d94288c066d6574686f64948c04656d6974948c056576656e74948c01"
                 "6594752e",
                 out),
        YODEL_ERR_PROTOCOL);
    assert_int_equal(
        read_hex(&yd_mem_default,
                 "80049558000000000000007d94288c066d6574686f64948c04656d6974948c056576656e74948c01"
                 "65948c0464617461945d942843010094430101944301029443010394430104944301059443010694"
                 "43010794430108944301099443010a9465752e",
                 out),
        YODEL_ERR_TOO_BIG);
}

/* What KombuManager publishes on Redis: a pickle or JSON in an envelope. */
static void test_python_message_envelopes(void **state)
{
    check(ENVELOPE, &of_bare, "disconnect / s1@");
    check("{\"body\": \"{\\\"method\\\": \\\"close_room\\\", \\\"room\\\": \\\"r\\\"}\", "
          "\"content-encoding\": \"utf-8\", \"properties\": {}}",
          &of_bare, "close_room / @r");
}

static void fail_at_each(const char *hex, const char *json)
{
    char whole[4000] = "";
    struct failmem fm;

    assert_int_equal(hex != NULL
                         ? read_hex(&yd_mem_default, hex, whole)
                         : read_bytes(&yd_mem_default, json, strlen(json), &of_lists, whole),
                     0);
    FAILMEM_LOOP(&fm)
    {
        char out[4000] = "";
        int rc = hex != NULL ? read_hex(&fm.mem, hex, out)
                             : read_bytes(&fm.mem, json, strlen(json), &of_lists, out);

        failmem_assert_whole(&fm, rc, strcmp(out, whole) == 0, out[0] == '\0');
        failmem_assert_empty(&fm);
    }
}

static void test_python_message_out_of_memory(void **state)
{
    fail_at_each(tuple, NULL);
    fail_at_each(NULL, "{\"method\":\"emit\",\"event\":\"b\",\"data\":[[{\"_placeholder\":true,"
                       "\"num\":0}],\"AAH/\"],\"binary\":true,\"room\":[\"a\",\"b\"]}");
    fail_at_each(NULL, ENVELOPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_python_message_emit),
        cmocka_unit_test(test_python_message_binary),
        cmocka_unit_test(test_python_message_callbacks),
        cmocka_unit_test(test_python_message_methods),
        cmocka_unit_test(test_python_message_foreign),
        cmocka_unit_test(test_python_message_cut),
        cmocka_unit_test(test_python_message_limits),
        cmocka_unit_test(test_python_message_pickles),
        cmocka_unit_test(test_python_message_foreign_pickles),
        cmocka_unit_test(test_python_message_envelopes),
        cmocka_unit_test(test_python_message_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
