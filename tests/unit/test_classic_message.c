/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "adapter/classic_message.h"
#include "adapter/room_names.h"
#include "base/mem.h"
#include "failmem.h"

/* Messages of node's redis-adapter: what it writes is read, and whatever else comes is refused. */

#define BYTES(literal) ((yodel_bytes){(const uint8_t *)(literal), sizeof(literal) - 1})

typedef int(read_fn)(const struct yodel_allocator *mem, yodel_bytes payload,
                     struct yd_classic_message *ret_message);

static struct yd_classic_message message;

static void expect(yodel_str value, const char *text)
{
    assert_int_equal(value.len, strlen(text));
    if (value.len > 0)
        assert_memory_equal(value.ptr, text, value.len);
}

static void read_it(read_fn *read, yodel_bytes payload)
{
    assert_int_equal(read(&yd_mem_default, payload, &message), 0);
}

static void done(void)
{
    yd_classic_message_done(&message, &yd_mem_default);
}

/* io.emit('hello',1,'x',{y:[true,null]}), as it was seen on the wire. */
static const char hello[] = "\x93\xa6"
                            "b56Y8F\x83\xa4type\x02\xa4"
                            "data\x94\xa5hello\x01\xa1x\x81\xa1y\x92\xc3\xc0\xa3nsp\xa1/"
                            "\x83\xa5rooms\x90\xa6"
                            "except\x90\xa5"
                            "flags\x80";

static void test_classic_message_broadcast(void **state)
{
    read_it(yd_classic_read_broadcast, BYTES(hello));
    expect(message.uid, "b56Y8F");
    expect(message.nsp, "/");
    expect(message.event, "hello");
    expect(message.elements, "1,\"x\",{\"y\":[true,null]}");
    expect(message.rooms, "[]");
    assert_int_equal(message.flags, 0);
    done();
    assert_true(yd_classic_is_from(BYTES(hello), YODEL_STR("b56Y8F")));
    assert_false(yd_classic_is_from(BYTES(hello), YODEL_STR("b56Y8G")));
    assert_false(yd_classic_is_from(BYTES("\xc0"), YODEL_STR("b56Y8F")));
}

/* A room that is a number, binary, flags, no namespace. */
static void test_classic_message_broadcast_of_other_values(void **state)
{
    static const char payload[] = "\x93\xa1u\x82\xa4type\x02\xa4"
                                  "data\x92\x2a\xc4\x02\x00\xff\x83\xa5rooms\x92\x2a\xa3"
                                  "a#b\xa6"
                                  "except\x91\xa0\xa5"
                                  "flags\x83\xa8volatile\xc3\xa8"
                                  "compress\xc2\xa7timeout\xcd\x03\xe8";
    struct yd_names names;

    read_it(yd_classic_read_broadcast, BYTES(payload));
    expect(message.nsp, "/");
    expect(message.event, "42");
    expect(message.elements, "{\"_placeholder\":true,\"num\":0}");
    assert_int_equal(message.num_attachments, 1);
    assert_memory_equal(message.attachments[0].ptr, "\x00\xff", 2);
    assert_int_equal(message.flags, YODEL_SIO_VOLATILE | YODEL_SIO_NO_COMPRESS);
    assert_int_equal(message.timeout_ms, 1000);
    assert_int_equal(yd_names_read(&yd_mem_default, message.rooms, &names), 0);
    assert_int_equal(names.num, 2);
    expect(names.list[0], "42");
    expect(names.list[1], "a#b");
    yd_names_done(&names, &yd_mem_default);
    assert_int_equal(yd_names_read(&yd_mem_default, message.except, &names), 0);
    assert_int_equal(names.num, 1);
    expect(names.list[0], "");
    yd_names_done(&names, &yd_mem_default);
    done();
}

static void test_classic_message_requests(void **state)
{
    read_it(yd_classic_read_request,
            BYTES("{\"uid\":\"U\",\"requestId\":\"R\",\"type\":5,\"opts\":{\"rooms\":[\"a\"],"
                  "\"except\":[]}}"));
    assert_int_equal(message.type, YD_CLASSIC_FETCH);
    expect(message.request, "R");
    expect(message.rooms, "[\"a\"]");
    done();
    read_it(yd_classic_read_request,
            BYTES("{\"type\":2,\"opts\":{\"rooms\":[1],\"except\":[]},\"rooms\":[\"x\",\"y\"]}"));
    assert_int_equal(message.type, YD_CLASSIC_JOIN);
    assert_true(message.has_opts);
    expect(message.names, "[\"x\",\"y\"]");
    done();
    read_it(yd_classic_read_request, BYTES("{\"type\":4,\"sid\":\"s\",\"close\":true}"));
    assert_false(message.has_opts);
    assert_true(message.close);
    expect(message.sid, "\"s\"");
    done();
    read_it(yd_classic_read_request,
            BYTES("{\"uid\":\"emitter\",\"type\":6,\"data\":[\"e\\u0041\",1]}"));
    assert_int_equal(message.type, YD_CLASSIC_SERVER_SIDE);
    expect(message.event, "eA");
    expect(message.elements, "1");
    assert_int_equal(message.request.len, 0);
    done();
    read_it(yd_classic_read_request,
            BYTES("{\"uid\":\"U\",\"requestId\":\"R\",\"type\":7,\"packet\":{\"type\":2,\"data\":"
                  "[\"e\"],\"nsp\":\"/n\"},\"opts\":{\"rooms\":[],\"except\":[],\"flags\":"
                  "{\"timeout\":99}}}"));
    assert_int_equal(message.type, YD_CLASSIC_BROADCAST);
    expect(message.nsp, "/n");
    expect(message.elements, "");
    assert_int_equal(message.timeout_ms, 99);
    done();
}

static void test_classic_message_answers(void **state)
{
    read_it(yd_classic_read_answer, BYTES("{\"requestId\":\"R\",\"sockets\":[{\"id\":\"1\"}]}"));
    assert_int_equal(message.type, YD_CLASSIC_PLAIN);
    expect(message.list, "[{\"id\":\"1\"}]");
    done();
    read_it(yd_classic_read_answer, BYTES("{\"requestId\":\"R\",\"rooms\":[\"a\"]}"));
    expect(message.list, "[\"a\"]");
    done();
    read_it(yd_classic_read_answer, BYTES("{\"type\":8,\"requestId\":\"R\",\"clientCount\":3}"));
    assert_int_equal(message.count, 3);
    done();
    read_it(yd_classic_read_answer, BYTES("{\"type\":6,\"requestId\":\"R\",\"data\":[1]}"));
    expect(message.value, "[1]");
    done();
    read_it(yd_classic_read_answer, BYTES("\x83\xa4type\x09\xa9requestId\xa1R\xa6packet\xc4\x01x"));
    assert_int_equal(message.type, YD_CLASSIC_ACK);
    assert_int_equal(message.num_attachments, 1);
    done();
    read_it(yd_classic_read_answer, BYTES("\x82\xa4type\x09\xa9requestId\xa1R"));
    expect(message.value, "null");
    done();
}

static void refuse(read_fn *read, yodel_bytes payload)
{
    assert_int_equal(read(&yd_mem_default, payload, &message), YODEL_ERR_PROTOCOL);
    done();
}

static void refuse_by_all(yodel_bytes payload)
{
    refuse(yd_classic_read_broadcast, payload);
    refuse(yd_classic_read_request, payload);
    refuse(yd_classic_read_answer, payload);
}

/* What kills node's adapter, and its like. */
static void test_classic_message_hostile(void **state)
{
    char *deep = malloc(100001);

    refuse_by_all(BYTES(""));
    refuse_by_all(BYTES("\xc0"));
    refuse_by_all(BYTES("\xc1"));
    refuse_by_all(BYTES("\x93"));
    refuse_by_all(BYTES("\xdd\xff\xff\xff\xff"));
    refuse_by_all(BYTES("\xdf\xff\xff\xff\xff"));
    refuse_by_all(BYTES("\xdb\xff\xff\xff\xff"));
    refuse_by_all(BYTES("{"));
    refuse_by_all(BYTES("{\"type\":\"\xff\"}"));
    refuse_by_all(BYTES("hello"));
    refuse(yd_classic_read_broadcast, BYTES("\x90"));
    refuse(yd_classic_read_broadcast, BYTES("\x93\xc0\xc0\xc0"));
    refuse(yd_classic_read_broadcast, BYTES("\x92\xa1u\x82\xa4type\x02\xa4"
                                            "data\x91\xa1"
                                            "e")); /* no opts */
    refuse(yd_classic_read_broadcast, BYTES("\x93\xa1u\x82\xa4type\x02\xa4"
                                            "data\x91\xa1"
                                            "e\xc0"));
    refuse(yd_classic_read_broadcast, BYTES("\x93\xa1u\x82\xa4type\x02\xa4"
                                            "data\xc0\x80"));
    refuse(yd_classic_read_broadcast, BYTES("\x93\xa1u\x82\xa4type\x02\xa4"
                                            "data\x90\x80"));
    refuse(yd_classic_read_broadcast, BYTES("\x93\xa1u\x82\xa4type\x02\xa4"
                                            "data\x91\x80\x80"));
    refuse(yd_classic_read_broadcast, BYTES("\x93\xa1u\x82\xa4type\x03\xa4"
                                            "data\x91\xa1"
                                            "e\x80"));
    refuse(yd_classic_read_broadcast, BYTES("\x93\xa1u\x82\xa4type\x02\xa4"
                                            "data\x91\xa1"
                                            "e\x81\xa5rooms\xa1x"));
    refuse(yd_classic_read_request, BYTES("{\"type\":5,\"requestId\":\"R\"}"));
    refuse(yd_classic_read_request, BYTES("{\"type\":5,\"opts\":{\"rooms\":[],\"except\":[]}}"));
    refuse(yd_classic_read_request, BYTES("{\"type\":6,\"data\":null}"));
    refuse(yd_classic_read_request, BYTES("{\"type\":6}"));
    refuse(yd_classic_read_request, BYTES("{\"type\":6,\"data\":[]}"));
    refuse(yd_classic_read_request, BYTES("{\"type\":7,\"requestId\":\"R\",\"packet\":null,"
                                          "\"opts\":{\"rooms\":[],\"except\":[]}}"));
    refuse(yd_classic_read_request, BYTES("{\"type\":2,\"opts\":null}"));
    refuse(yd_classic_read_request, BYTES("{\"type\":2,\"opts\":7,\"rooms\":[]}"));
    refuse(yd_classic_read_request, BYTES("{\"type\":10}"));
    refuse(yd_classic_read_request, BYTES("{\"type\":-1}"));
    refuse(yd_classic_read_request, BYTES("{\"type\":\"5\",\"requestId\":{}}"));
    refuse(yd_classic_read_request, BYTES("{\"type\":1,\"requestId\":{}}"));
    refuse(yd_classic_read_answer, BYTES("{\"type\":8,\"requestId\":\"R\"}"));
    refuse(yd_classic_read_answer, BYTES("{\"type\":8,\"requestId\":\"R\",\"clientCount\":-1}"));
    refuse(yd_classic_read_answer, BYTES("{\"requestId\":\"R\",\"sockets\":{}}"));
    refuse(yd_classic_read_answer, BYTES("{\"requestId\":1}"));
    memset(deep, '\x91', 100000);
    deep[100000] = '\xc0';
    refuse_by_all((yodel_bytes){(uint8_t *)deep, 100001});
    memset(deep, '[', 100000);
    deep[0] = '{';
    refuse_by_all((yodel_bytes){(uint8_t *)deep, 100001});
    free(deep);
}

/* Cut anywhere it is no message. */
static void test_classic_message_cut_short(void **state)
{
    static const char request[] =
        "{\"uid\":\"U\",\"requestId\":\"R\",\"type\":5,\"opts\":{\"rooms\":[\"a\"],\"except\":[]}}";

    for (size_t len = 0; len < sizeof hello - 1; len++) {
        uint8_t *copy = malloc(len + 1);

        memcpy(copy, hello, len);
        refuse(yd_classic_read_broadcast, (yodel_bytes){copy, len});
        free(copy);
    }
    for (size_t len = 0; len < sizeof request - 1; len++) {
        uint8_t *copy = malloc(len + 1);

        memcpy(copy, request, len);
        refuse(yd_classic_read_request, (yodel_bytes){copy, len});
        free(copy);
    }
}

static void test_classic_message_out_of_memory(void **state)
{
    struct failmem fm;

    for (size_t n = 1;; n++) {
        bool failed;
        int rc;

        failmem_init(&fm, n);
        rc = yd_classic_read_broadcast(&fm.mem, BYTES(hello), &message);
        failed = failmem_has_failed(&fm);
        assert_int_equal(rc, failed ? -ENOMEM : 0);
        yd_classic_message_done(&message, &fm.mem);
        failmem_assert_empty(&fm);
        if (!failed)
            break;
    }
}

static void test_classic_message_names_are_names(void **state)
{
    char text[] = "[\"a\\u00e9\\\"\",-1.5,\"\"]", wrong[] = "[null]", none[] = "{}";
    struct yd_names names;

    assert_int_equal(yd_names_read(&yd_mem_default, yodel_str_of(text), &names), 0);
    expect(names.list[0], "a\xc3\xa9\"");
    expect(names.list[1], "-1.5");
    expect(names.list[2], "");
    yd_names_done(&names, &yd_mem_default);
    assert_int_equal(yd_names_read(&yd_mem_default, yodel_str_of(wrong), &names),
                     YODEL_ERR_PROTOCOL);
    assert_int_equal(yd_names_read(&yd_mem_default, yodel_str_of(none), &names),
                     YODEL_ERR_PROTOCOL);
    assert_int_equal(yd_names_read(&yd_mem_default, (yodel_str){NULL, 0}, &names), 0);
    assert_int_equal(names.num, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classic_message_broadcast),
        cmocka_unit_test(test_classic_message_broadcast_of_other_values),
        cmocka_unit_test(test_classic_message_requests),
        cmocka_unit_test(test_classic_message_answers),
        cmocka_unit_test(test_classic_message_hostile),
        cmocka_unit_test(test_classic_message_cut_short),
        cmocka_unit_test(test_classic_message_out_of_memory),
        cmocka_unit_test(test_classic_message_names_are_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
