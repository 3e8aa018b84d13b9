/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/crypto.h>

#include "failing.h"
#include "hook/answer.h"
#include "hook/members.h"
#include "hook/patience.h"
#include "hook/signature.h"

/* ---- signatures ---- */

static void *crypto_alloc(size_t size, const char *file, int line)
{
    return malloc(size);
}

static void *crypto_resize(void *ptr, size_t size, const char *file, int line)
{
    return realloc(ptr, size);
}

static void crypto_free(void *ptr, const char *file, int line)
{
    free(ptr);
}

/* OpenSSL's allocations fail in turn, too; it has none before this. */
__attribute__((constructor)) static void serve_crypto(void)
{
    (void)CRYPTO_set_mem_functions(crypto_alloc, crypto_resize, crypto_free);
}

static void signs(const char *first, const char *second, int expected_rc, const char *expected)
{
    const char *const secrets[] = {first, second};
    struct yg_text text = {0};

    assert_int_equal(yg_sign(secrets, 2, "msg_1", 1700000000, YODEL_STR("{\"a\":1}"), &text),
                     expected_rc);
    if (expected != NULL)
        assert_string_equal(yg_text_string(&text), expected);
    yg_text_done(&text);
}

/* The sums are those of `openssl dgst -sha256 -mac HMAC`; tests/oracle holds more of them against
 * npm's standardwebhooks. */
static void test_hook_signatures(void **state)
{
    signs("secret", "", 0, "v1,Q5nZ7DiOGwijBBqvBVAK6c0zDr2JLkXI7TaV4f+Q2vY=");
    signs("whsec_c2VjcmV0", "", 0, "v1,Q5nZ7DiOGwijBBqvBVAK6c0zDr2JLkXI7TaV4f+Q2vY=");
    signs("secret", "whsec_b2xk", 0,
          "v1,Q5nZ7DiOGwijBBqvBVAK6c0zDr2JLkXI7TaV4f+Q2vY= "
          "v1,RWnFyAk4VcKBxj/RA8fx+Fgcf5bN9a2DgkGot7smX7g=");
    signs("", "", 0, "");
    signs("whsec_c2Vj!", "", -EINVAL, NULL);
    signs("whsec_", "", -EINVAL, NULL);
}

/* One that is keyed signs again and again. */
static void test_hook_signatures_of_one_signer(void **state)
{
    const char *const secrets[] = {"secret", "", "whsec_b2xk"};
    struct yg_signer *signer;

    assert_int_equal(yg_signer_new(secrets, 3, &signer), 0);
    for (unsigned i = 0; i < 3; i++) {
        const char *body = i == 1 ? "{}" : "{\"a\":1}";
        struct yg_text one = {0}, alone = {0};

        assert_int_equal(yg_signer_sign(signer, "msg_1", 1700000000, yodel_str_of(body), &one), 0);
        assert_int_equal(yg_sign(secrets, 3, "msg_1", 1700000000, yodel_str_of(body), &alone), 0);
        assert_string_equal(one.ptr, alone.ptr);
        yg_text_done(&one);
        yg_text_done(&alone);
    }
    yg_signer_free(signer);
}

static void test_hook_signatures_out_of_memory(void **state)
{
    for (unsigned n = 1;; n++) {
        const char *const secrets[] = {"whsec_c2VjcmV0"};
        struct yg_text text = {0};
        bool again;
        int rc;

        failing_start(n);
        rc = yg_sign(secrets, 1, "msg_1", 1700000000, YODEL_STR("{}"), &text);
        again = failing_stop();
        if (rc != 0 || !again) /* OpenSSL may do without */
            assert_int_equal(rc, again ? -ENOMEM : 0);
        else
            assert_memory_equal(text.ptr, "v1,", 3);
        yg_text_done(&text);
        if (!again)
            break;
    }
}

static enum yg_signed check(const char *secret, const char *id, const char *time,
                            const char *signatures, const char *body, int64_t now_s)
{
    const char *const secrets[] = {"", secret};
    enum yg_signed found = YG_SIGNED_WELL;

    assert_int_equal(yg_sign_check(secrets, 2, yodel_str_of(id), yodel_str_of(time),
                                   yodel_str_of(signatures), yodel_str_of(body), now_s, &found),
                     0);
    return found;
}

#define RIGHT "v1,Q5nZ7DiOGwijBBqvBVAK6c0zDr2JLkXI7TaV4f+Q2vY="
#define BODY "{\"a\":1}"

static void test_hook_signatures_are_checked(void **state)
{
    const int64_t at = 1700000000;
    const char *const time = "1700000000";

    assert_int_equal(check("secret", "msg_1", time, RIGHT, BODY, at), YG_SIGNED_WELL);
    assert_int_equal(check("secret", "msg_1", time,
                           "v1a,x v1,"
                           " " RIGHT " v2,y",
                           BODY, at),
                     YG_SIGNED_WELL);
    assert_int_equal(check("secret", "msg_1", time, RIGHT, BODY, at + 300), YG_SIGNED_WELL);
    assert_int_equal(check("secret", "msg_1", time, RIGHT, BODY, at - 300), YG_SIGNED_WELL);
    assert_int_equal(check("secret", "msg_1", time, RIGHT, BODY, at + 301), YG_SIGNED_STALE);
    assert_int_equal(check("secret", "msg_1", time, RIGHT, BODY, at - 301), YG_SIGNED_STALE);
    assert_int_equal(check("other", "msg_1", time, RIGHT, BODY, at), YG_SIGNED_WRONG);
    assert_int_equal(check("", "msg_1", time, RIGHT, BODY, at), YG_SIGNED_WRONG);
    assert_int_equal(check("secret", "msg_2", time, RIGHT, BODY, at), YG_SIGNED_WRONG);
    assert_int_equal(check("secret", "msg_1", "1700000001", RIGHT, BODY, at), YG_SIGNED_WRONG);
    assert_int_equal(check("secret", "msg_1", time, RIGHT, BODY " ", at), YG_SIGNED_WRONG);
    assert_int_equal(check("secret", "msg_1", time, RIGHT "=", BODY, at), YG_SIGNED_WRONG);
    assert_int_equal(check("secret", "msg_1", time, "v1,", BODY, at), YG_SIGNED_WRONG);
    assert_int_equal(check("secret", NULL, time, RIGHT, BODY, at), YG_SIGNED_NOT);
    assert_int_equal(check("secret", "msg_1", NULL, RIGHT, BODY, at), YG_SIGNED_NOT);
    assert_int_equal(check("secret", "msg_1", time, NULL, BODY, at), YG_SIGNED_NOT);
    assert_int_equal(check("secret", "msg_1", "-1700000000", RIGHT, BODY, at), YG_SIGNED_NOT);
    assert_int_equal(check("secret", "msg_1", "9999999999999999999", RIGHT, BODY, at),
                     YG_SIGNED_NOT);
}

static void test_hook_checks_out_of_memory(void **state)
{
    for (unsigned n = 1;; n++) {
        const char *const secrets[] = {"secret"};
        enum yg_signed found = YG_SIGNED_NOT;
        bool again;
        int rc;

        failing_start(n);
        rc = yg_sign_check(secrets, 1, YODEL_STR("msg_1"), YODEL_STR("1700000000"),
                           YODEL_STR(RIGHT), YODEL_STR(BODY), 1700000000, &found);
        again = failing_stop();
        if (rc != 0 || !again)
            assert_int_equal(rc, again ? -ENOMEM : 0);
        assert_int_equal(found, rc != 0 ? YG_SIGNED_NOT : YG_SIGNED_WELL);
        if (!again)
            break;
    }
}

/* ---- members ---- */

static void reads_query(const char *query, const char *expected)
{
    struct yg_text text = {0};

    yg_query_put(&text, yodel_str_of(query));
    assert_string_equal(yg_text_string(&text), expected);
    yg_text_done(&text);
}

static void sends(const char *json, const char *expected)
{
    struct yg_text text = {0};

    yg_member_put_sent(&text, "a", yodel_str_of(json));
    assert_string_equal(yg_text_string(&text) + 5, expected);
    yg_text_done(&text);
}

static void test_hook_half_surrogates(void **state)
{
    sends("[]", "[]");
    sends("[\"\\ud83d\\uDE00\\u00e4\\\\ud800\"]", "[\"\\ud83d\\uDE00\\u00e4\\\\ud800\"]");
    sends("[\"\\ud800\"]", "[\"\\ufffd\"]");
    sends("[\"\\ud800\\n\\uDfff\"]", "[\"\\ufffd\\n\\ufffd\"]");
    sends("[\"\\ud800\\ud800\\udc00\"]", "[\"\\ufffd\\ud800\\udc00\"]");
    sends("[\"\\\\\\udc00\"]", "[\"\\\\\\ufffd\"]");
}

static void test_hook_queries(void **state)
{
    reads_query("", "{}");
    reads_query("a=1&b=x%20y+z&a=2&c&=3&&d=%4",
                "{\"a\":\"1\",\"b\":\"x y z\",\"c\":\"\",\"d\":\"%4\"}");
    reads_query("a%3Db=%C3%A4%ff&aa=1&a=1", "{\"a=b\":\"\u00e4\ufffd\",\"aa\":\"1\",\"a\":\"1\"}");
    reads_query("%00=%00", "{\"\\u0000\":\"\\u0000\"}");
}

/* ---- patience ---- */

static void test_hook_waits_grow(void **state)
{
    const struct yg_retry_config config = {.for_ms = 300000, .min_ms = 200, .max_ms = 20000};

    assert_int_equal(yg_retry_wait(&config, 1, 0, 0), 0);
    assert_int_equal(yg_retry_wait(&config, 1, UINT32_MAX, 0), 200);
    assert_int_equal(yg_retry_wait(&config, 2, UINT32_MAX, 0), 400);
    assert_int_equal(yg_retry_wait(&config, 3, 0x80000000u, 0), 400);
    assert_int_equal(yg_retry_wait(&config, 8, UINT32_MAX, 0), 20000);
    assert_int_equal(yg_retry_wait(&config, 1000000, UINT32_MAX, 0), 20000);
    assert_int_equal(yg_retry_wait(&config, 1, UINT32_MAX, 7000), 7200);
    assert_int_equal(yg_retry_wait(&config, 1, 0, UINT32_MAX), 3600000);
}

static const struct yg_circuit_config circuit_config = {
    .failures = 3, .open_ms = 1000, .max_ms = 3000};

static void fails(struct yg_circuit *circuit, enum yg_passage passage, uint64_t now_ms)
{
    yg_circuit_tell(circuit, &circuit_config, passage, false, now_ms);
}

static void test_hook_circuit_opens_and_closes(void **state)
{
    struct yg_circuit circuit = {0};

    fails(&circuit, YG_PASSAGE_FREE, 1);
    fails(&circuit, YG_PASSAGE_FREE, 2);
    yg_circuit_tell(&circuit, &circuit_config, YG_PASSAGE_FREE, true, 3); /* not in a row */
    fails(&circuit, YG_PASSAGE_FREE, 4);
    fails(&circuit, YG_PASSAGE_FREE, 5);
    assert_int_equal(yg_circuit_ask(&circuit, 5), YG_PASSAGE_FREE);
    fails(&circuit, YG_PASSAGE_FREE, 10);
    assert_true(yg_circuit_is_open(&circuit));
    assert_int_equal(yg_circuit_ask(&circuit, 1009), YG_PASSAGE_NONE);
    assert_int_equal(yg_circuit_ask(&circuit, 1010), YG_PASSAGE_PROBE);
    assert_int_equal(yg_circuit_ask(&circuit, 1010), YG_PASSAGE_NONE);
    fails(&circuit, YG_PASSAGE_FREE, 1011); /* one that went before it opened */
    yg_circuit_tell(&circuit, &circuit_config, YG_PASSAGE_FREE, true, 1012);
    assert_int_equal(yg_circuit_ask(&circuit, 1012), YG_PASSAGE_NONE);
    fails(&circuit, YG_PASSAGE_PROBE, 1020);
    assert_int_equal(yg_circuit_ask(&circuit, 3019), YG_PASSAGE_NONE);
    assert_int_equal(yg_circuit_ask(&circuit, 3020), YG_PASSAGE_PROBE);
    yg_circuit_forget(&circuit, YG_PASSAGE_PROBE);
    assert_int_equal(yg_circuit_ask(&circuit, 3021), YG_PASSAGE_PROBE);
    fails(&circuit, YG_PASSAGE_PROBE, 4000);
    assert_int_equal(yg_circuit_ask(&circuit, 6999), YG_PASSAGE_NONE); /* at most 3 s */
    assert_int_equal(yg_circuit_ask(&circuit, 7000), YG_PASSAGE_PROBE);
    yg_circuit_tell(&circuit, &circuit_config, YG_PASSAGE_PROBE, true, 7001);
    assert_false(yg_circuit_is_open(&circuit));
    assert_int_equal(yg_circuit_ask(&circuit, 7001), YG_PASSAGE_FREE);
}

/* ---- answers ---- */

static const struct yg_hook_asked asked[] = {
    {"e1", YG_HOOK_CONNECT, false, "/chat"},      {"e2", YG_HOOK_EVENT, true, "/chat"},
    {"e3", YG_HOOK_EVENT, false, "/chat"},        {"e4", YG_HOOK_REFRESH, false, "/chat"},
    {"e5", YG_HOOK_DISCONNECTED, false, "/chat"},
};

static struct yg_hook_answer *read_of(const char *text, unsigned first, size_t num)
{
    struct yg_hook_answer *answer = NULL;
    struct yg_json wrong;
    const int rc = yg_hook_answer_parse(yodel_str_of(text), asked + first, num, &wrong, &answer);

    if (rc != 0)
        fail_msg("%s: %s at %s", text, wrong.detail, wrong.pointer);
    return answer;
}

static void test_hook_answer_to_connect(void **state)
{
    struct yg_hook_answer *answer =
        read_of("{\"user\":\"u7\",\"meta\":{\"a\":1},\"info\":{\"n\":\"N\"},\"rooms\":[\"r\",\"s\"]"
                ",\"data\":[1],"
                "\"expires_at\":4000000000,\"actions\":[{\"emit\":{\"event\":\"hi\"}}]}",
                0, 1);
    const struct yg_hook_result *result = answer->results;

    assert_string_equal(result->user, "u7");
    assert_int_equal(json_integer_value(json_object_get(result->meta, "a")), 1);
    assert_int_equal(result->rooms.num, 2);
    assert_true(result->has_expires && result->expires_at == 4000000000);
    assert_int_equal(result->num_actions, 1);
    assert_true(result->actions[0]->to.sender);
    yg_hook_answer_free(answer);
    answer = read_of("{\"reject\":{\"message\":\"no\",\"data\":{\"code\":7}}}", 0, 1);
    assert_true(answer->results[0].is_rejected);
    assert_string_equal(answer->results[0].message, "no");
    yg_hook_answer_free(answer);
    answer = read_of(" \r\n", 0, 1);
    assert_false(answer->results[0].is_rejected);
    assert_null(answer->results[0].user);
    yg_hook_answer_free(answer);
    yg_hook_answer_free(NULL);
}

static void test_hook_answer_to_several(void **state)
{
    struct yg_hook_answer *answer = read_of(
        "{\"results\":[{\"id\":\"e4\",\"expired\":true},"
        "{\"id\":\"e2\",\"ack\":[1,{\"_placeholder\":true,\"num\":0}],\"attachments\":[\"AAEC\"]},"
        "{\"id\":\"e3\",\"ack\":[1]},{\"id\":\"e5\",\"actions\":[{\"leave\":{\"of\":{\"users\":["
        "\"u\"]},\"rooms\":[\"r\"]}}]}]"
        "}",
        0, 5);

    assert_true(answer->results[3].is_expired);
    assert_true(answer->results[1].has_ack);
    assert_string_equal(yg_text_string(&answer->results[1].ack->args),
                        "[1,{\"_placeholder\":true,\"num\":0}]");
    assert_int_equal(answer->results[1].ack->num_attachments, 1);
    assert_int_equal(answer->results[4].num_actions, 1);
    assert_false(answer->results[2].has_ack);
    yg_hook_answer_free(answer);
}

static void refuses(const char *text, unsigned first, size_t num, const char *pointer)
{
    struct yg_hook_answer *answer = NULL;
    struct yg_json wrong;
    const int rc = yg_hook_answer_parse(yodel_str_of(text), asked + first, num, &wrong, &answer);

    if (rc != -EINVAL || strcmp(wrong.pointer, pointer) != 0)
        fail_msg("%s: %d, %s at %s", text, rc, wrong.detail, wrong.pointer);
    assert_true(wrong.detail[0] != '\0');
}

static void test_hook_answers_that_are_wrong(void **state)
{
    refuses("<html>", 0, 1, "");
    refuses("[]", 0, 1, "");
    refuses("{\"user\":7}", 0, 1, "/user");
    refuses("{\"usr\":\"u\"}", 0, 1, "/usr");
    refuses("{\"ack\":[]}", 0, 1, "/ack");
    refuses("{\"user\":\"\"}", 0, 1, "/user");
    refuses("{\"rooms\":[\"r\",7]}", 0, 1, "/rooms/1");
    refuses("{\"expires_at\":-1}", 0, 1, "/expires_at");
    refuses("{\"reject\":true}", 0, 1, "/reject");
    refuses("{\"reject\":{\"mesage\":\"no\"}}", 0, 1, "/reject/mesage");
    refuses("{\"reject\":{},\"user\":7,\"x\":1}", 0, 1, "/x");
    refuses("{\"actions\":[{\"emit\":{\"event\":\"a\"}},{\"emt\":{}}]}", 0, 1, "/actions/1/emt");
    refuses("{\"actions\":{}}", 0, 1, "/actions");
    refuses("{\"ack\":{}}", 1, 1, "/ack");
    refuses("{\"ack\":[{\"_placeholder\":true,\"num\":0}]}", 1, 1, "/ack/0");
    refuses("{\"attachments\":[\"AAEC\"]}", 1, 1, "/attachments/0");
    refuses("{\"ack\":7}", 2, 1, "/ack");
    refuses("{\"reject\":{},\"user\":\"u\"}", 0, 1, "/user");
    refuses("{\"expired\":true,\"expires_at\":5}", 3, 1, "/expires_at");
    refuses("{\"ack\":[]}", 4, 1, "/ack");
    refuses("{\"ack\":[]}", 0, 5, "/ack");
    refuses("{\"results\":{}}", 0, 5, "/results");
    refuses("{\"results\":[{\"id\":\"e9\"}]}", 0, 5, "/results/0");
    refuses("{\"results\":[7]}", 0, 5, "/results/0");
    refuses("{\"results\":[{\"id\":\"e1\"},{\"id\":\"e1\"}]}", 0, 5, "/results/1");
    refuses("{\"results\":[{\"id\":\"e4\"},{\"id\":\"e5\",\"actions\":[{\"emit\":{}}]}]}", 0, 5,
            "/results/1/actions/0/emit/event");
}

static void test_hook_answer_is_bounded(void **state)
{
    char *text = malloc(200000);
    int len = snprintf(text, 200000, "{\"data\":\"");

    memset(text + len, 'x', 70000);
    snprintf(text + len + 70000, 100, "\"}");
    refuses(text, 0, 1, "/data");
    len = snprintf(text, 200000, "{\"actions\":[");
    for (int i = 0; i <= YG_HOOK_MAX_ACTIONS; i++)
        len += snprintf(text + len, 200, "%s{\"stats\":{}}", i > 0 ? "," : "");
    snprintf(text + len, 10, "]}");
    refuses(text, 0, 1, "/actions");
    free(text);
}

static void test_hook_answer_out_of_memory(void **state)
{
    static const char text[] =
        "{\"results\":[{\"id\":\"e1\",\"user\":\"u\",\"rooms\":[\"r\"]},"
        "{\"id\":\"e2\",\"ack\":[1,{\"_placeholder\":true,\"num\":0}],\"attachments\":[\"AAEC\"],"
        "\"actions\":[{\"emit\":{\"event\":\"e\",\"args\":[1]}},{\"join\":{\"rooms\":[\"r\"]}}]}]}";

    for (unsigned n = 1;; n++) {
        struct yg_hook_answer *answer = NULL;
        struct yg_json wrong;
        bool again;
        int rc;

        failing_start(n);
        rc = yg_hook_answer_parse(yodel_str_of(text), asked, 5, &wrong, &answer);
        again = failing_stop();
        assert_int_equal(rc, again ? -ENOMEM : 0);
        yg_hook_answer_free(answer);
        if (!again)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hook_half_surrogates),
        cmocka_unit_test(test_hook_queries),
        cmocka_unit_test(test_hook_signatures),
        cmocka_unit_test(test_hook_signatures_of_one_signer),
        cmocka_unit_test(test_hook_signatures_out_of_memory),
        cmocka_unit_test(test_hook_signatures_are_checked),
        cmocka_unit_test(test_hook_checks_out_of_memory),
        cmocka_unit_test(test_hook_waits_grow),
        cmocka_unit_test(test_hook_circuit_opens_and_closes),
        cmocka_unit_test(test_hook_answer_to_connect),
        cmocka_unit_test(test_hook_answer_to_several),
        cmocka_unit_test(test_hook_answers_that_are_wrong),
        cmocka_unit_test(test_hook_answer_is_bounded),
        cmocka_unit_test(test_hook_answer_out_of_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
