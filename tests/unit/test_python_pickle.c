/* SPDX-License-Identifier: MIT */
#include "adapter/python_pickle.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "failmem.h"
#include "hex.h"

#include <cmocka.h>

/* The pickles are what CPython 3.11 writes. */

#define MAX_LEN 10000

struct result {
    char json[4000];
    char binary[100]; /* bytes, with '|' after each */
};

static void put_binary(struct result *result, const struct yd_pickle_binary *binary)
{
    result->binary[0] = '\0';
    for (size_t i = 0; i < binary->num; i++) {
        for (size_t k = 0; k < binary->data[i].len; k++)
            sprintf(result->binary + strlen(result->binary), "%02x", binary->data[i].ptr[k]);
        strcat(result->binary, "|");
    }
}

/* Reads a pickle, and writes it as JSON; all is freed. */
static int convert(const struct yodel_allocator *mem, const void *bytes, size_t len,
                   struct result *ret_result)
{
    yodel_bytes data[3];
    struct yd_pickle_binary binary = {data, 0, 3};
    struct yd_pickle pickle;
    struct yd_buf buf = {0};
    int rc = yd_pickle_read(mem, (yodel_bytes){bytes, len}, &pickle);

    if (rc < 0)
        return rc;
    rc = yd_pickle_put_json(&pickle, pickle.root, MAX_LEN, &binary, &buf);
    if (rc == 0) {
        snprintf(ret_result->json, sizeof ret_result->json, "%.*s", (int)buf.len, (char *)buf.ptr);
        put_binary(ret_result, &binary);
    }
    yd_buf_free(mem, &buf);
    yd_pickle_free(&pickle);
    return rc;
}

static int convert_hex(const struct yodel_allocator *mem, const char *hex,
                       struct result *ret_result)
{
    size_t len;
    uint8_t *bytes = hex_bytes(hex, &len);
    int rc = convert(mem, bytes, len, ret_result);

    free(bytes);
    return rc;
}

#define PLAIN_JSON                                                                                 \
    "{\"a\":[null,true,false,0,255,65535,-1,2147483647,-2147483648,1099511627776,"                 \
    "-9223372036854775808,18446744073709552000.0,1.5,\"x\"],\"t\":[1],\"u\":[1,2],\"v\":[1,2,3],"  \
    "\"w\":[1,2,3,4],\"e\":[],\"\u0434\":\"\u044f\\\"\"}"

static const char plain2[] =
    "80027d71002858010000006171015d7102284e88894b004bff4dffff4affffffff4affffff7f4a000000"
    "808a060000000000018a0800000000000000808a09000000000000000001473ff8000000000000580100"
    "00007871036558010000007471044b0185710558010000007571064b014b028671075801000000767108"
    "4b014b024b03877109580100000077710a284b014b024b034b0474710b580100000065710c2958020000"
    "00d0b4710d5803000000d18f22710e752e";
static const char plain4[] =
    "8004958d000000000000007d94288c0161945d94284e88894b004bff4dffff4affffffff4affffff7f4a"
    "000000808a060000000000018a0800000000000000808a09000000000000000001473ff8000000000000"
    "8c017894658c0174944b0185948c0175944b014b0286948c0176944b014b024b0387948c017794284b01"
    "4b024b034b0474948c016594298c02d0b4948c03d18f2294752e";

static void test_python_pickle_reads_plain_data(void **state)
{
    static const struct {
        const char *hex, *json, *binary;
    } cases[] = {
        {plain2, PLAIN_JSON, ""},
        {plain4, PLAIN_JSON, ""},
        {"80049518000000000000005d94285d94284b014b026568017d948c016b94680173652e",
         "[[1,2],[1,2],{\"k\":[1,2]}]", ""},
        /* names that are no texts: 1, 1.5, None, 2, and True at another place */
        {"8004951b000000000000007d94284b014b03473ff80000000000004b024e4b044b024b05752e",
         "{\"1\":3,\"1.5\":2,\"null\":4,\"2\":5}", ""},
        {"80047d28884b01894b02752e", "{\"true\":1,\"false\":2}", ""},
        {"80059520000000000000005d9428430200ff947d948c01629496020000000000000068699473430094652e",
         "[{\"_placeholder\":true,\"num\":0},{\"b\":{\"_placeholder\":true,\"num\":1}},"
         "{\"_placeholder\":true,\"num\":2}]",
         "00ff|6869||"},
        {"80035d710028430200ff71017d710258010000006271034302686971047343007105652e",
         "[{\"_placeholder\":true,\"num\":0},{\"b\":{\"_placeholder\":true,\"num\":1}},"
         "{\"_placeholder\":true,\"num\":2}]",
         "00ff|6869||"},
        {"80049546000000000000005d94288a090000000000000000018a090000000000000000ff8a1a00000000"
         "000000000000000000000000000000000000000000018a0dffffffffffffffffffffffffef652e",
         "[18446744073709552000.0,-18446744073709552000.0,1.6069380442589903e+60,"
         "-1.2676506002282294e+30]",
         ""},
        {"80049520000000000000005d9428477ff0000000000000477ff80000000000004780000000000000"
         "00652e",
         "[null,null,0.0]", ""},
        {"80034b2a2e", "42", ""},
        {"80044e2e", "null", ""},
        {"8004296c2e", "", NULL},                       /* LIST without a mark */
        {"800428296c2e", "[[]]", ""},                   /* LIST */
        {"8004284b014b02642e", "{\"1\":2}", ""},        /* DICT */
        {"80045d4b01612e", "[1]", ""},                  /* APPEND */
        {"80045d71ff68ff612e", NULL, NULL},             /* itself in it */
        {"80044e7205000000306a050000002e", NULL, NULL}, /* POP is for nobody */
        {"80044e72050000006a05000000862e", "[null,null]", ""},
        {"80048b01000000ff2e", "-1", ""},
        {"80048a002e", "0", ""},
        {"80048e01000000000000004142002e", NULL, NULL},
        {"80048d0100000000000000412e", "\"A\"", ""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct result result = {"", ""};
        int rc = convert_hex(&yd_mem_default, cases[i].hex, &result);

        if (cases[i].binary == NULL) {
            assert_true(rc < 0);
            continue;
        }
        assert_int_equal(rc, 0);
        assert_string_equal(result.json, cases[i].json);
        assert_string_equal(result.binary, cases[i].binary);
    }
}

/* Nothing is imported, called or built: the reading ends there. */
static void test_python_pickle_refuses_all_else(void **state)
{
    static const char *const cases[] = {
        /* uuid.UUID, datetime.date, os.system('true'), {1, 2}, frozenset, 1j; protocols 2 and 4 */
        "80027d7100580100000078710163757569640a555549440a7102298171037d71045803000000696e7471054b01"
        "7362732e",
        "80049527000000000000007d948c0178948c0475756964948c04555549449493942981947d948c03696e74944b"
        "017362732e",
        "80027d71005801000000787101636461746574696d650a646174650a7102635f636f646563730a656e636f6465"
        "0a7103580500000007c3a40101710458060000006c6174696e317105867106527107857108527109732e",
        "80049526000000000000007d948c0178948c05706f736978948c0673797374656d9493948c0474727565948594"
        "5294732e",
        "80027d7100580100000078710163706f7369780a73797374656d0a71025804000000747275657103857104"
        "527105732e",
        "80049510000000000000007d948c0178948f94284b014b0290732e",
        "8004950d000000000000007d948c017894284b019194732e",
        "80049535000000000000007d948c0178948c086275696c74696e73948c07636f6d706c65789493944700000000"
        "00000000473ff000000000000086945294732e",
        "8004950b000000000000005d9468008594613068012e", /* a tuple in itself: POP */
        "80044e42010000004151" /* a persistent id */,
        "8005972e", /* a buffer from elsewhere */
        "800463706f7369780a73797374656d0a2e",
        "800482012e", /* an extension */
        "8006"
        "4e2e", /* protocols that are not there yet, or no more */
        "8001"
        "4e2e",
        "80045501412e", /* a text of Python 2 */
        "800449310a2e", /* protocol 0 */
    };
    struct result result;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(convert_hex(&yd_mem_default, cases[i], &result), YODEL_ERR_UNSUPPORTED);
}

static void test_python_pickle_refuses_broken_ones(void **state)
{
    static const char *const cases[] = {
        "",
        "80",
        "8004",
        "80042e",
        "004e2e",
        "80044e",
        "80044e4e2e",
        "80044e2e2e",
        "8004282e",
        "80044e61",
        "80045d4e61612e",
        "80045d657d2e",
        "80047d284e752e",
        "80047d4e732e",
        "80044e284e652e",   /* APPENDS to None */
        "80045d284e4e752e", /* SETITEMS of a list */
        "80047d284e652e",   /* APPENDS to a dict */
        "80044e28864e2e",   /* TUPLE2 over a mark */
        "800468002e",
        "80046a000000002e",
        "80042871002e", /* a mark in the memo */
        "80044a0000002e",
        "8004470000002e",
        "80048c05412e",
        "80048d00000000000000802e",
        "8004588f0000002e",
        "80048c01ff2e",
        "80048c03eda0802e",
        "8004950100000000000000",
        "800495ff000000000000004e2e",
        "8004ff2e",
        "80047d5d4e732e", /* a list as a name */
        "80049506000000000000005d946800612e",
        "8004950a000000000000007d948c0164946800732e",
    };
    struct result result;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(convert_hex(&yd_mem_default, cases[i], &result), YODEL_ERR_PROTOCOL);
}

/* Cut anywhere it is an error. */
static void test_python_pickle_cut(void **state)
{
    struct result result;
    size_t len;
    uint8_t *bytes = hex_bytes(plain4, &len);

    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *part = malloc(cut + 1);

        memcpy(part, bytes, cut);
        assert_int_equal(convert(&yd_mem_default, part, cut, &result), YODEL_ERR_PROTOCOL);
        free(part);
    }
    free(bytes);
}

/* Lists in lists, each twice the one before: little to read, much to write. */
static void test_python_pickle_grows_too_much(void **state)
{
    char hex[2000] = "80045d7100";
    struct result result;

    for (unsigned i = 0; i < 60; i++)
        sprintf(hex + strlen(hex), "5d71%02x2868%02x68%02x65", i + 1, i, i);
    strcat(hex, "2e");
    /* what was below stays on the stack: one value is wanted */
    assert_int_equal(convert_hex(&yd_mem_default, hex, &result), YODEL_ERR_PROTOCOL);
    strcpy(hex, "8004");
    strcat(hex, "285d7100");
    for (unsigned i = 0; i < 60; i++)
        sprintf(hex + strlen(hex), "5d71%02x2868%02x68%02x65", i + 1, i, i);
    strcat(hex, "742e");
    assert_int_equal(convert_hex(&yd_mem_default, hex, &result), YODEL_ERR_TOO_BIG);
}

static int convert_filled(uint8_t fill, size_t len, uint8_t end)
{
    uint8_t *bytes = malloc(len);
    struct result result;
    int rc;

    memset(bytes, fill, len);
    bytes[0] = 0x80;
    bytes[1] = 4;
    bytes[2] = '(';
    bytes[len - 2] = end;
    bytes[len - 1] = '.';
    rc = convert(&yd_mem_default, bytes, len, &result);
    free(bytes);
    return rc;
}

static void test_python_pickle_limits(void **state)
{
    struct result result;

    assert_int_equal(convert_filled('N', YD_PICKLE_MAX_VALUES / 2, 't'), YODEL_ERR_TOO_BIG);
    assert_int_equal(convert_filled('N', YD_PICKLE_MAX_VALUES + 10, 't'), YODEL_ERR_TOO_BIG);
    assert_int_equal(convert_filled('(', YD_PICKLE_MAX_VALUES * 2, 't'), YODEL_ERR_TOO_BIG);
    assert_int_equal(convert_filled('N', 1000, 't'), 0);
    /* a place in the memo */
    assert_int_equal(convert_hex(&yd_mem_default, "80044e72ffffff7f2e", &result),
                     YODEL_ERR_TOO_BIG);
    /* a long integer that says 128 bytes */
    {
        char hex[400] = "80048a80";

        for (int i = 0; i < 128; i++)
            strcat(hex, "01");
        strcat(hex, "2e");
        assert_int_equal(convert_hex(&yd_mem_default, hex, &result), YODEL_ERR_TOO_BIG);
    }
    /* four bytes where three have room */
    assert_int_equal(convert_hex(&yd_mem_default, "8004284300430043004300742e", &result),
                     YODEL_ERR_TOO_BIG);
}

static void test_python_pickle_nests(void **state)
{
    for (unsigned depth = 127; depth <= 129; depth++) {
        char hex[2000] = "8004";
        struct result result;

        for (unsigned i = 0; i < depth; i++)
            strcat(hex, "5d");
        for (unsigned i = 1; i < depth; i++)
            strcat(hex, "61");
        strcat(hex, "2e");
        assert_int_equal(convert_hex(&yd_mem_default, hex, &result),
                         depth <= 128 ? 0 : YODEL_ERR_PROTOCOL);
    }
}

static void test_python_pickle_members(void **state)
{
    struct yd_pickle pickle;
    size_t len;
    uint8_t *bytes = hex_bytes("80047d288c01614b018c01624b028c01614b034b014b04752e", &len);
    uint32_t member;

    assert_int_equal(yd_pickle_read(&yd_mem_default, (yodel_bytes){bytes, len}, &pickle), 0);
    member = yd_pickle_member(&pickle, pickle.root, "a");
    assert_int_equal(yd_pickle_get(&pickle, member)->as.integer, 3); /* the last one counts */
    assert_int_equal(yd_pickle_member(&pickle, pickle.root, "c"), 0);
    assert_int_equal(yd_pickle_member(&pickle, member, "a"), 0);
    yd_pickle_free(&pickle);
    yd_pickle_free(&pickle);
    free(bytes);
}

static void test_python_pickle_out_of_memory(void **state)
{
    struct failmem fm;

    FAILMEM_LOOP(&fm)
    {
        struct result result = {"", ""};
        int rc = convert_hex(&fm.mem, plain4, &result);

        failmem_assert_whole(&fm, rc, strcmp(result.json, PLAIN_JSON) == 0, result.json[0] == '\0');
        failmem_assert_empty(&fm);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_python_pickle_reads_plain_data),
        cmocka_unit_test(test_python_pickle_refuses_all_else),
        cmocka_unit_test(test_python_pickle_refuses_broken_ones),
        cmocka_unit_test(test_python_pickle_cut),
        cmocka_unit_test(test_python_pickle_grows_too_much),
        cmocka_unit_test(test_python_pickle_limits),
        cmocka_unit_test(test_python_pickle_nests),
        cmocka_unit_test(test_python_pickle_members),
        cmocka_unit_test(test_python_pickle_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
