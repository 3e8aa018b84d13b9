/* SPDX-License-Identifier: MIT */
#include "proto/sio_packet.h"

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

#include <cmocka.h>

static const struct yd_sio_limits limits = {YD_JSON_DEPTH, YD_SIO_MAX_ATTACHMENTS};

/* A packet as text: type, namespace, then those of a attachments, p placeholders, # id, = data, n
 * name (~ when escaped, % when a number), args that it has; or '!'. */
static void describe(yodel_str text, char *out, size_t room)
{
    struct yd_sio_packet packet;
    const char *error = NULL;
    size_t len;

    if (yd_sio_decode(text, &limits, &packet, &error) != 0) {
        assert_non_null(error);
        strcpy(out, "!");
        return;
    }
    len = (size_t)snprintf(out, room, "%u %" YODEL_PRI, packet.type, YODEL_ARG(packet.nsp));
    if (packet.num_attachments > 0)
        len += (size_t)snprintf(out + len, room - len, " a%u p%u", packet.num_attachments,
                                packet.num_placeholders);
    if (packet.has_id)
        len += (size_t)snprintf(out + len, room - len, " #%" PRIu64, packet.id);
    if (packet.data.ptr)
        len += (size_t)snprintf(out + len, room - len, " =%" YODEL_PRI, YODEL_ARG(packet.data));
    if (packet.name.ptr)
        len += (size_t)snprintf(out + len, room - len, " n%s%" YODEL_PRI,
                                packet.name_is_escaped ? "~" : (packet.name_is_number ? "%" : ""),
                                YODEL_ARG(packet.name));
    if (packet.args.len > 0)
        snprintf(out + len, room - len, " (%" YODEL_PRI ")", YODEL_ARG(packet.args));
}

static void check(const char *text, const char *expected)
{
    size_t len = strlen(text);
    char *copy = exact_copy(text, len), out[512];

    describe((yodel_str){copy, len}, out, sizeof(out));
    if (strcmp(out, expected) != 0)
        fail_msg("%s is \"%s\", not \"%s\"", text, out, expected);
    free(copy);
}

static const struct {
    const char *text, *expected;
} good[] = {
    {"0", "0 /"},
    {"0{}", "0 / ={}"},
    {"0{\"token\":\"x\"}", "0 / ={\"token\":\"x\"}"},
    {"0/custom,", "0 /custom"},
    {"0/custom", "0 /custom"},
    {"0/,", "0 /"},
    {"0/custom,{\"a\":1}", "0 /custom ={\"a\":1}"},
    {"0/custom?a=b,{}", "0 /custom?a=b ={}"},
    {"01{}", "0 / #1 ={}"},
    {"1", "1 /"},
    {"1/admin,", "1 /admin"},
    {"15", "1 / #5"},
    {"2[\"m\"]", "2 / =[\"m\"] nm"},
    {"2[\"m\",1,{\"a\":[2]}]", "2 / =[\"m\",1,{\"a\":[2]}] nm (1,{\"a\":[2]})"},
    {"2 [ \"m\" , 1 , 2 ] ", "2 / =[ \"m\" , 1 , 2 ] nm (1 , 2)"},
    {"2[\"m\" ]", "2 / =[\"m\" ] nm"},
    {"2[\"\"]", "2 / =[\"\"] n"},
    {"2[12,\"x\"]", "2 / =[12,\"x\"] n%12 (\"x\")"},
    {"2[-1.5e3]", "2 / =[-1.5e3] n%-1.5e3"},
    {"2[\"a\\n\"]", "2 / =[\"a\\n\"] n~a\\n"},
    {"20[\"m\"]", "2 / #0 =[\"m\"] nm"},
    {"2007[\"m\"]", "2 / #7 =[\"m\"] nm"},
    {"2/n,12[\"m\"]", "2 /n #12 =[\"m\"] nm"},
    {"29007199254740991[\"m\"]", "2 / #9007199254740991 =[\"m\"] nm"},
    {"2", "2 /"},
    {"2/n", "2 /n"},
    {"27", "2 / #7"},
    {"2[\"error\"]", "2 / =[\"error\"] nerror"},
    {"2[\"connection\"]", "2 / =[\"connection\"] nconnection"},
    {"2[\"connec\"]", "2 / =[\"connec\"] nconnec"},
    {"2[\"Connect\"]", "2 / =[\"Connect\"] nConnect"},
    {"2[\"m\",{\"_placeholder\":true,\"num\":9}]",
     "2 / =[\"m\",{\"_placeholder\":true,\"num\":9}] nm ({\"_placeholder\":true,\"num\":9})"},
    {"2[\"m\",{\"__proto__\":{}}]", "2 / =[\"m\",{\"__proto__\":{}}] nm ({\"__proto__\":{}})"},
    {"31[]", "3 / #1 =[]"},
    {"31[ ]", "3 / #1 =[ ]"},
    {"31[1,\"x\"]", "3 / #1 =[1,\"x\"] (1,\"x\")"},
    {"31[\"connect\"]", "3 / #1 =[\"connect\"] (\"connect\")"},
    {"31", "3 / #1"},
    {"3[1]", "3 / =[1] (1)"},
    {"3/n,2[]", "3 /n #2 =[]"},
    {"51-[\"m\",{\"_placeholder\":true,\"num\":0}]",
     "5 / a1 p1 =[\"m\",{\"_placeholder\":true,\"num\":0}] nm ({\"_placeholder\":true,\"num\":0})"},
    {"51-[\"m\"]", "5 / a1 p0 =[\"m\"] nm"},
    {"51-", "5 / a1 p0"},
    {"501-[\"m\"]", "5 / a1 p0 =[\"m\"] nm"},
    {"510-/n,3[\"m\"]", "5 /n a10 p0 #3 =[\"m\"] nm"},
    {"61-4[{\"num\":0 , \"_placeholder\" : true}]",
     "6 / a1 p1 #4 =[{\"num\":0 , \"_placeholder\" : true}] ({\"num\":0 , \"_placeholder\" : "
     "true})"},
};

static const char *const bad[] = {
    "",
    "7",
    "9",
    "a",
    " 2[\"m\"]",
    "-1",
    "/n,2",
    /* attachments */
    "5[\"m\"]",
    "5-[\"m\"]",
    "50-[\"m\"]",
    "500-[\"m\"]",
    "511-[\"m\"]",
    "5-1-[\"m\"]",
    "51",
    "51[\"m\"]",
    "51.0-[\"m\"]",
    "51e0-[\"m\"]",
    "5 1-[\"m\"]",
    "5+1-[\"m\"]",
    "6-[]",
    "60-[]",
    "599999999999999999999-[\"m\"]",
    /* ids */
    "29007199254740992[\"m\"]",
    "299999999999999999999999999[\"m\"]",
    "21e3[\"m\"]",
    "21.5[\"m\"]",
    "2-1[\"m\"]",
    /* data */
    "0[]",
    "0\"x\"",
    "0null",
    "0{",
    "0{}x",
    "1{}",
    "1null",
    "1/n,[]",
    "2{}",
    "2null",
    "2\"m\"",
    "2[]",
    "2[ ]",
    "2[null]",
    "2[true]",
    "2[{}]",
    "2[[\"m\"]]",
    "2[\"m\"",
    "2[\"m\",]",
    "2[\"m\"]]",
    "2[\"m\"]x",
    "2[\"m\",\"\n\"]",
    "2[\"m\",01]",
    "2[\"m\",NaN]",
    "2 ",
    "2/n, ",
    "2x",
    "2[\"connect\"]",
    "2[\"connect_error\"]",
    "2[\"disconnect\"]",
    "2[\"disconnecting\"]",
    "2[\"newListener\"]",
    "2[\"removeListener\"]",
    "2[\"conn\\u0065ct\"]",
    "2[\"\\u0063onnect\"]",
    "51-[\"connect\"]",
    "3{}",
    "31{}",
    "31null",
    "31\"x\"",
    "61-1{}",
    "4",
    "4{\"message\":\"x\"}",
    "4/n,{\"message\":\"x\"}",
    "4\"x\"",
    /* placeholders */
    "51-[\"m\",{\"_placeholder\":true,\"num\":1}]",
    "51-[\"m\",{\"_placeholder\":true,\"num\":-1}]",
    "51-[\"m\",{\"_placeholder\":true,\"num\":0.5}]",
    "51-[\"m\",{\"_placeholder\":true,\"num\":\"0\"}]",
    "51-[\"m\",{\"_placeholder\":true,\"num\":\"splice\"}]",
    "51-[\"m\",{\"_placeholder\":true,\"num\":null}]",
    "51-[\"m\",{\"_placeholder\":true,\"num\":[0]}]",
    "51-[\"m\",{\"_placeholder\":true}]",
    "51-[\"m\",{\"_placeholder\":true,\"num\":0,\"num\":1}]",
    "51-[\"m\",[[{\"a\":{\"_placeholder\":true,\"num\":7}}]]]",
    "51-[\"m\",{\"_placeholder\":true,\"num\":0,\"x\":{\"_placeholder\":true,\"num\":0}}]",
    "51-[\"m\",{\"\\u005fplaceholder\":true,\"num\":1}]",
    "51-[\"m\",{\"_placeholder\":true,\"num\":99999999999999999999}]",
};

static void test_sio_packet_decodes(void **state)
{
    for (size_t i = 0; i < YD_LEN(good); i++)
        check(good[i].text, good[i].expected);
}

static void test_sio_packet_refuses(void **state)
{
    for (size_t i = 0; i < YD_LEN(bad); i++)
        check(bad[i], "!");
}

static void test_sio_packet_leaves_the_result_alone_on_failure(void **state)
{
    struct yd_sio_packet packet = {.type = 77, .id = 78};
    const char *error;

    assert_int_equal(yd_sio_decode(YODEL_STR("2[\"connect\"]"), &limits, &packet, &error),
                     YODEL_ERR_PROTOCOL);
    assert_int_equal(packet.type, 77);
    assert_int_equal(packet.id, 78);
}

/* Cut at any length, or with any byte changed, a packet is read or refused, inside its memory. */
static void test_sio_packet_cut_and_flipped(void **state)
{
    char out[512];

    for (size_t i = 0; i < YD_LEN(good); i++) {
        size_t len = strlen(good[i].text);

        for (size_t n = 0; n < len; n++) {
            char *copy = exact_copy(good[i].text, n);

            describe((yodel_str){copy, n}, out, sizeof(out));
            free(copy);
        }
        for (size_t at = 0; at < len; at++) {
            char *copy = exact_copy(good[i].text, len);

            for (unsigned c = 0; c < 256; c++) {
                copy[at] = (char)c;
                describe((yodel_str){copy, len}, out, sizeof(out));
            }
            free(copy);
        }
    }
}

static void test_sio_packet_limits(void **state)
{
    struct yd_sio_limits few = {2, 2};
    struct yd_sio_packet packet;
    const char *error;

    assert_int_equal(yd_sio_decode(YODEL_STR("52-[\"m\",[1]]"), &few, &packet, &error), 0);
    assert_int_equal(yd_sio_decode(YODEL_STR("53-[\"m\"]"), &few, &packet, &error),
                     YODEL_ERR_PROTOCOL);
    assert_int_equal(yd_sio_decode(YODEL_STR("2[\"m\",[[1]]]"), &few, &packet, &error),
                     YODEL_ERR_PROTOCOL);
    few.max_attachments = UINT32_MAX;
    assert_int_equal(yd_sio_decode(YODEL_STR("54294967295-"), &few, &packet, &error), 0);
    assert_int_equal(packet.num_attachments, UINT32_MAX);
    few.max_attachments = 0;
    assert_int_equal(yd_sio_decode(YODEL_STR("51-[\"m\"]"), &few, &packet, &error),
                     YODEL_ERR_PROTOCOL);
    assert_int_equal(yd_sio_decode((yodel_str){NULL, 0}, &few, &packet, &error),
                     YODEL_ERR_PROTOCOL);
}

/* A megabyte of digits, or of anything, takes no longer than it must. */
static void test_sio_packet_long_attacks(void **state)
{
    static const char fills[] = "0123456789-/,[{\" ";
    char *text = malloc(1000000), out[64];

    assert_non_null(text);
    for (size_t i = 0; i < sizeof(fills) - 1; i++) {
        for (char type = '0'; type <= '6'; type++) {
            struct yd_sio_packet packet;
            const char *error;

            memset(text, fills[i], 1000000);
            text[0] = type;
            yd_sio_decode((yodel_str){text, 1000000}, &limits, &packet, &error);
        }
    }
    memset(text, '0', 1000000);
    text[0] = '2';
    memcpy(text + 1000000 - 6, "5[\"m\"]", 6);
    describe((yodel_str){text, 1000000}, out, sizeof(out));
    assert_string_equal(out, "2 / #5 =[\"m\"] nm");
    free(text);
}

static void assert_placeholder(struct yd_sio_placeholders *iter, const char *text, uint32_t num)
{
    struct yd_sio_placeholder found;

    assert_int_equal(yd_sio_placeholders_next(iter, &found), 1);
    assert_int_equal(found.num, num);
    assert_int_equal(found.text.len, strlen(text));
    assert_memory_equal(found.text.ptr, text, found.text.len);
}

static void test_sio_packet_finds_placeholders(void **state)
{
    static const char json[] =
        "{\"_placeholder\":true,\"num\":2},[{ \"num\" : 0 ,\"x\":[{}],\n\"_placeholder\": true }],"
        "{\"a\":{\"_placeholder\":true,\"num\":1}},{\"_placeholder\":false,\"num\":9},"
        "{\"_placeholder\":\"true\"},{\"_placeholder\":true,\"_placeholder\":1,\"num\":9},"
        "{\"_placeholder\":true,\"num\":9,\"num\":2},[\"_placeholder\",true,\"num\",9],"
        "{\"b\":{\"num\":9},\"_placeholder\":[true]},\"{\\\"_placeholder\\\":true}\","
        "{\"_pl\\u0061ceholder\":true,\"n\\u0075m\":-0}";
    struct yd_sio_placeholders iter;
    struct yd_sio_placeholder found;

    yd_sio_placeholders_init(&iter, yodel_str_of(json), 3);
    assert_placeholder(&iter, "{\"_placeholder\":true,\"num\":2}", 2);
    assert_placeholder(&iter, "{ \"num\" : 0 ,\"x\":[{}],\n\"_placeholder\": true }", 0);
    assert_placeholder(&iter, "{\"_placeholder\":true,\"num\":1}", 1);
    assert_placeholder(&iter, "{\"_placeholder\":true,\"num\":9,\"num\":2}", 2);
    assert_placeholder(&iter, "{\"_pl\\u0061ceholder\":true,\"n\\u0075m\":-0}", 0);
    assert_int_equal(yd_sio_placeholders_next(&iter, &found), 0);
    assert_int_equal(yd_sio_placeholders_count(yodel_str_of(json), 3), 5);
    assert_int_equal(yd_sio_placeholders_count(yodel_str_of(json), 2), YODEL_ERR_PROTOCOL);
    assert_int_equal(yd_sio_placeholders_count((yodel_str){NULL, 0}, 2), 0);
}

/* Text that was never checked stays harmless. */
static void test_sio_packet_placeholders_of_no_json(void **state)
{
    char deep[YD_JSON_MAX_DEPTH + 1];

    memset(deep, '{', sizeof(deep));
    assert_int_equal(yd_sio_placeholders_count((yodel_str){deep, sizeof(deep)}, 1),
                     YODEL_ERR_PROTOCOL);
    assert_int_equal(yd_sio_placeholders_count(YODEL_STR("]"), 1), YODEL_ERR_PROTOCOL);
    assert_int_equal(yd_sio_placeholders_count(YODEL_STR("\"_placeholder\":true}"), 1),
                     YODEL_ERR_PROTOCOL);
    assert_int_equal(yd_sio_placeholders_count(YODEL_STR("{\"_placeholder\":"), 1), 0);
}

static const struct {
    struct yd_sio_output output;
    const char *text;
} outputs[] = {
    {{.type = YD_SIO_CONNECT}, "0"},
    {{.type = YD_SIO_CONNECT, .nsp = {"/", 1}, .data = {"{\"sid\":\"x\"}", 11}},
     "0{\"sid\":\"x\"}"},
    {{.type = YD_SIO_CONNECT, .nsp = {"/n", 2}, .data = {"{}", 2}}, "0/n,{}"},
    {{.type = YD_SIO_DISCONNECT}, "1"},
    {{.type = YD_SIO_DISCONNECT, .nsp = {"/n", 2}}, "1/n,"},
    {{.type = YD_SIO_CONNECT_ERROR, .nsp = {"/n", 2}, .data = {"{}", 2}}, "4/n,{}"},
    {{.type = YD_SIO_EVENT, .event = {"m", 1}}, "2[\"m\"]"},
    {{.type = YD_SIO_EVENT, .event = {"", 0}}, "2[\"\"]"},
    {{.type = YD_SIO_EVENT, .event = {"a\n\"", 3}, .args = {"1,[2]", 5}}, "2[\"a\\n\\\"\",1,[2]]"},
    {{.type = YD_SIO_EVENT, .event = {"m", 1}, .offset = {"Q82Ksyp", 7}}, "2[\"m\",\"Q82Ksyp\"]"},
    {{.type = YD_SIO_EVENT, .event = {"m", 1}, .args = {"1", 1}, .offset = {"o", 1}},
     "2[\"m\",1,\"o\"]"},
    {{.type = YD_SIO_EVENT, .args = {"\"m\",1", 5}, .offset = {"o", 1}}, "2[\"m\",1,\"o\"]"},
    {{.type = YD_SIO_EVENT, .data = {"[\"m\"]", 5}, .event = {"not used", 8}}, "2[\"m\"]"},
    {{.type = YD_SIO_EVENT, .has_id = true, .id = 0, .nsp = {"/n", 2}, .event = {"m", 1}},
     "2/n,0[\"m\"]"},
    {{.type = YD_SIO_EVENT, .has_id = true, .id = YD_SIO_MAX_ID, .event = {"m", 1}},
     "29007199254740991[\"m\"]"},
    {{.type = YD_SIO_EVENT, .num_attachments = 1, .nsp = {"/n", 2}, .event = {"m", 1}},
     "51-/n,[\"m\"]"},
    {{.type = YD_SIO_BINARY_EVENT, .event = {"m", 1}}, "2[\"m\"]"},
    {{.type = YD_SIO_BINARY_EVENT, .num_attachments = 10, .event = {"m", 1}}, "510-[\"m\"]"},
    {{.type = YD_SIO_ACK, .has_id = true, .id = 12}, "312[]"},
    {{.type = YD_SIO_ACK, .has_id = true, .id = 12, .args = {"1,2", 3}}, "312[1,2]"},
    {{.type = YD_SIO_ACK, .has_id = true, .num_attachments = 2, .args = {"1", 1}}, "62-0[1]"},
};

static void test_sio_packet_encodes(void **state)
{
    for (size_t i = 0; i < YD_LEN(outputs); i++) {
        size_t len = yd_sio_encoded_len(&outputs[i].output);
        char *out = exact_copy(outputs[i].text, len);

        assert_int_equal(len, strlen(outputs[i].text));
        memset(out, 'x', len);
        assert_ptr_equal(yd_sio_encode(out, &outputs[i].output), out + len);
        assert_memory_equal(out, outputs[i].text, len);
        free(out);
    }
}

static void test_sio_packet_encodes_what_it_decoded(void **state)
{
    for (size_t i = 0; i < YD_LEN(good); i++) {
        struct yd_sio_output output = {0};
        char text[512], before[512], after[512];
        struct yd_sio_packet packet;
        const char *error;

        assert_int_equal(yd_sio_decode(yodel_str_of(good[i].text), &limits, &packet, &error), 0);
        if (!packet.data.ptr && packet.type > YD_SIO_DISCONNECT)
            continue;
        output.type = packet.type;
        output.num_attachments = packet.num_attachments;
        output.has_id = packet.has_id;
        output.id = packet.id;
        output.nsp = packet.nsp;
        output.data = packet.data;
        describe(yodel_str_of(good[i].text), before, sizeof(before));
        describe((yodel_str){text, (size_t)(yd_sio_encode(text, &output) - text)}, after,
                 sizeof(after));
        assert_string_equal(before, after);
    }
}

static void test_sio_packet_put(void **state)
{
    struct failmem fm;

    FAILMEM_LOOP(&fm)
    {
        struct yd_sio_output output = {.type = YD_SIO_CONNECT_ERROR, .nsp = {"/n", 2}};
        struct yd_buf data = {0}, buf = {0};
        int result = yd_sio_put_error_data(&fm.mem, &data, YODEL_STR("no \"entry\""),
                                           YODEL_STR("{\"code\":1}"));

        if (result == 0) {
            output.data = (yodel_str){(char *)data.ptr, data.len};
            result = yd_sio_put(&fm.mem, &buf, &output);
        }
        assert_int_equal(result, failmem_has_failed(&fm) ? -ENOMEM : 0);
        if (result == 0) {
            static const char text[] =
                "4/n,{\"message\":\"no \\\"entry\\\"\",\"data\":{\"code\":1}}";

            assert_int_equal(buf.len, strlen(text));
            assert_memory_equal(buf.ptr, text, buf.len);
        }
        yd_buf_free(&fm.mem, &data);
        yd_buf_free(&fm.mem, &buf);
    }
}

static void test_sio_packet_answers(void **state)
{
    static const char text[] = "{\"message\":\"x\"}{\"sid\":\"s\"}{\"sid\":\"s\",\"pid\":\"p\"}";
    struct yd_buf buf = {0};

    assert_int_equal(
        yd_sio_put_error_data(&yd_mem_default, &buf, YODEL_STR("x"), (yodel_str){NULL, 0}), 0);
    assert_int_equal(
        yd_sio_put_connect_data(&yd_mem_default, &buf, YODEL_STR("s"), (yodel_str){NULL, 0}), 0);
    assert_int_equal(yd_sio_put_connect_data(&yd_mem_default, &buf, YODEL_STR("s"), YODEL_STR("p")),
                     0);
    assert_int_equal(buf.len, strlen(text));
    assert_memory_equal(buf.ptr, text, buf.len);
    yd_buf_free(&yd_mem_default, &buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sio_packet_decodes),
        cmocka_unit_test(test_sio_packet_refuses),
        cmocka_unit_test(test_sio_packet_leaves_the_result_alone_on_failure),
        cmocka_unit_test(test_sio_packet_cut_and_flipped),
        cmocka_unit_test(test_sio_packet_limits),
        cmocka_unit_test(test_sio_packet_long_attacks),
        cmocka_unit_test(test_sio_packet_finds_placeholders),
        cmocka_unit_test(test_sio_packet_placeholders_of_no_json),
        cmocka_unit_test(test_sio_packet_encodes),
        cmocka_unit_test(test_sio_packet_encodes_what_it_decoded),
        cmocka_unit_test(test_sio_packet_put),
        cmocka_unit_test(test_sio_packet_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
