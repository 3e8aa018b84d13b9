/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "proto/forwarded.h"

#include <cmocka.h>

/* What trusted proxies say: 10.0.0.0/8 and Unix peers are trusted. */

static struct yd_trust *trust;
static struct yd_http_field fields[80];
static struct yd_http_head head;
static struct yd_forwarded got;

static int setup_all(void **state)
{
    (void)state;
    trust = calloc(1, sizeof *trust + 2 * sizeof trust->ranges[0]);
    trust->num = 2;
    (void)yd_ip_range_parse(YODEL_STR("10.0.0.0/8"), &trust->ranges[0]);
    (void)yd_ip_range_parse(YODEL_STR("unix"), &trust->ranges[1]);
    return 0;
}

static int teardown_all(void **state)
{
    (void)state;
    free(trust);
    return 0;
}

static void begin(void)
{
    head = (struct yd_http_head){.fields = fields};
}

static void add(const char *name, const char *value)
{
    fields[head.num_fields++] = (struct yd_http_field){yodel_str_of(name), yodel_str_of(value)};
}

static void read_from(const char *peer, unsigned which)
{
    struct yd_ip ip = {.kind = YD_IP_UNIX};

    assert_true(strcmp(peer, "unix") == 0 || yd_ip_parse(yodel_str_of(peer), &ip));
    yd_forwarded_read(&head, which, &ip, trust, &got);
}

static void assert_client(const char *wanted)
{
    char text[YD_IP_TEXT_SIZE];

    yd_ip_write(&got.client, text);
    assert_string_equal(text, wanted);
}

#define X (YD_FORWARDED_FOR | YD_FORWARDED_PROTO | YD_FORWARDED_HOST)

/* ---- X-Forwarded-* ---- */

static void x_for(const char *peer, const char *list, const char *wanted)
{
    begin();
    add("Host", "h");
    add("x-forwarded-for", list);
    read_from(peer, X);
    assert_client(wanted);
}

static void test_forwarded_for_is_read_from_the_right(void **state)
{
    x_for("10.0.0.1:5", "192.0.2.1", "192.0.2.1");
    x_for("10.0.0.1:5", "6.6.6.6, 192.0.2.1", "192.0.2.1");
    x_for("10.0.0.1:5", "6.6.6.6, 192.0.2.1,10.0.0.2 ,\t10.0.0.3", "192.0.2.1");
    x_for("10.0.0.1:5", "10.0.0.2, 10.0.0.3", "10.0.0.2"); /* a client inside */
    x_for("unix", "192.0.2.1:99", "192.0.2.1:99");
    x_for("unix", "[2001:db8::1]:99", "[2001:db8::1]:99");
    x_for("unix", "2001:db8::1", "[2001:db8::1]");
    x_for("unix", "::ffff:10.0.0.1", "10.0.0.1");
}

static void test_forwarded_for_of_others_is_not_believed(void **state)
{
    x_for("192.0.2.7:5", "10.0.0.1", "192.0.2.7:5");
    assert_false(got.has_client);
    begin();
    add("X-Forwarded-Proto", "https");
    add("X-Forwarded-Host", "evil");
    add("Forwarded", "for=1.2.3.4;proto=https;host=evil");
    read_from("192.0.2.7:5", X);
    assert_int_equal(got.is_tls, -1);
    assert_null(got.host.ptr);
    read_from("192.0.2.7:5", YD_FORWARDED_RFC);
    assert_client("192.0.2.7:5");
}

/* Someone whose address nobody tells is nobody: never the proxy, which may be let in to more. */
static void test_forwarded_for_without_an_address_is_unknown(void **state)
{
    static const char *const cases[] = {
        "",       "unknown",   "_x",          "192.0.2.1,",         "192.0.2.1, ", ",",
        "\"a, b", "1.2.3.4 5", "192.0.2.1;x", "192.0.2.1, unknown", "\xff",        "fe80::1%eth0"};

    for (size_t i = 0; i < YD_LEN(cases); i++) {
        x_for("10.0.0.1:5", cases[i], "unknown");
        assert_true(got.has_client);
    }
    x_for("10.0.0.1:5", "rubbish, 10.0.0.9", "unknown");
    x_for("10.0.0.1:5", "rubbish, 192.0.2.1", "192.0.2.1");
}

/* L13 */
static void test_forwarded_without_fields_is_the_peer(void **state)
{
    begin();
    read_from("unix", X);
    assert_client("unix");
    assert_false(got.has_client);
    assert_int_equal(got.is_tls, -1);
    read_from("unix", YD_FORWARDED_RFC);
    assert_client("unix");
    assert_false(got.has_client);
}

static void test_forwarded_for_of_several_fields(void **state)
{
    begin();
    add("X-Forwarded-For", "6.6.6.6");
    add("Other", "x");
    add("X-Forwarded-For", "192.0.2.1, 10.0.0.2");
    add("X-FORWARDED-FOR", "10.0.0.3");
    read_from("10.0.0.1", X);
    assert_client("192.0.2.1");
}

static void test_forwarded_for_of_many_hops_ends(void **state)
{
    begin();
    add("X-Forwarded-For", "192.0.2.1");
    for (int i = 0; i < 40; i++)
        add("X-Forwarded-For", "10.1.1.1");
    read_from("10.0.0.1", X);
    assert_client("10.1.1.1");
    begin();
    add("Forwarded", "for=192.0.2.1");
    for (int i = 0; i < 40; i++)
        add("Forwarded", "for=10.1.1.1");
    read_from("10.0.0.1", YD_FORWARDED_RFC);
    assert_client("10.1.1.1");
}

static void x_proto(const char *list, const char *proto, int wanted)
{
    begin();
    if (list != NULL)
        add("X-Forwarded-For", list);
    add("X-Forwarded-Proto", proto);
    read_from("10.0.0.1", X);
    assert_int_equal(got.is_tls, wanted);
}

static void test_forwarded_proto(void **state)
{
    x_proto(NULL, "https", 1);
    x_proto(NULL, "HTTPS", 1);
    x_proto(NULL, "wss", 1);
    x_proto(NULL, "http", 0);
    x_proto(NULL, "gopher", -1);
    x_proto(NULL, "", -1);
    x_proto(NULL, "https,http", 0);                   /* the last one's word */
    x_proto("192.0.2.1, 10.0.0.2", "https, http", 1); /* each has said something */
    x_proto("6.6.6.6, 192.0.2.1", "https, http", 0);  /* the client has said the first */
    x_proto("192.0.2.1, 10.0.0.2", "https", 1);       /* one for all */
    x_proto("192.0.2.1", "https, http", 0);
}

static void test_forwarded_host(void **state)
{
    begin();
    add("X-Forwarded-Host", "evil.example, chat.example:8443");
    read_from("10.0.0.1", X);
    assert_true(yodel_str_eq(got.host, YODEL_STR("chat.example:8443")));
    read_from("10.0.0.1", YD_FORWARDED_FOR | YD_FORWARDED_PROTO);
    assert_null(got.host.ptr);
    begin();
    add("X-Forwarded-Host", "a b");
    read_from("10.0.0.1", X);
    assert_null(got.host.ptr);
}

static void test_forwarded_reads_what_it_is_told_to(void **state)
{
    begin();
    add("X-Forwarded-For", "192.0.2.1");
    add("Forwarded", "for=192.0.2.2");
    read_from("10.0.0.1", X);
    assert_client("192.0.2.1");
    read_from("10.0.0.1", YD_FORWARDED_RFC);
    assert_client("192.0.2.2");
    read_from("10.0.0.1", YD_FORWARDED_PROTO);
    assert_client("10.0.0.1");
    assert_false(got.has_client);
}

/* ---- Forwarded ---- */

static void rfc(const char *list, const char *wanted)
{
    begin();
    add("Forwarded", list);
    read_from("10.0.0.1:5", YD_FORWARDED_RFC);
    assert_client(wanted);
}

/* RFC 7239 4, and 6 */
static void test_forwarded_rfc(void **state)
{
    rfc("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60");
    assert_int_equal(got.is_tls, 0);
    rfc("For=\"[2001:db8:cafe::17]:4711\"", "[2001:db8:cafe::17]:4711");
    rfc("for=192.0.2.43, for=10.0.0.7", "192.0.2.43");
    rfc("for=6.6.6.6, for=192.0.2.43, for=\"10.0.0.7:80\"", "192.0.2.43");
    rfc("for=192.0.2.43;;host=a.example;", "192.0.2.43");
    assert_true(yodel_str_eq(got.host, YODEL_STR("a.example")));
    rfc("for=192.0.2.43:80", "192.0.2.43:80"); /* unquoted, as some send it */
    rfc("for=192.0.2.1;proto=https;host=\"h:1\", for=10.0.0.2;proto=http;host=inner", "192.0.2.1");
    assert_int_equal(got.is_tls, 1);
    assert_true(yodel_str_eq(got.host, YODEL_STR("h:1")));
}

static void test_forwarded_rfc_that_is_unknown(void **state)
{
    static const char *const cases[] = {
        "for=unknown", "for=_gazonk", "for=\"_SEVKISEK\"", "by=1.2.3.4", "",
        /* not to be read: nobody knows whose words they are */
        "for", "for=", "for=\"1.2.3.4", "for=\"1.2.3.4\\\"\"", "=1.2.3.4", "for =1.2.3.4",
        "for= 1.2.3.4", "for=1.2.3.4 proto=http", "for=\"x, for=192.0.2.1",
        "for=\"x, for=192.0.2.1;by=\"", "\"for\"=1.2.3.4", "for=1.2.3.4;\"", "for=@"};

    for (size_t i = 0; i < YD_LEN(cases); i++)
        rfc(cases[i], "unknown");
}

/* What a client has begun to quote does not swallow what the proxy has added in a field of its own,
 * and the whole is not believed. */
static void test_forwarded_rfc_with_an_open_quote(void **state)
{
    begin();
    add("Forwarded", "for=\"10.0.0.5");
    add("Forwarded", "for=192.0.2.1");
    read_from("10.0.0.1", YD_FORWARDED_RFC);
    assert_client("unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forwarded_for_is_read_from_the_right),
        cmocka_unit_test(test_forwarded_for_of_others_is_not_believed),
        cmocka_unit_test(test_forwarded_for_without_an_address_is_unknown),
        cmocka_unit_test(test_forwarded_without_fields_is_the_peer),
        cmocka_unit_test(test_forwarded_for_of_several_fields),
        cmocka_unit_test(test_forwarded_for_of_many_hops_ends),
        cmocka_unit_test(test_forwarded_proto),
        cmocka_unit_test(test_forwarded_host),
        cmocka_unit_test(test_forwarded_reads_what_it_is_told_to),
        cmocka_unit_test(test_forwarded_rfc),
        cmocka_unit_test(test_forwarded_rfc_that_is_unknown),
        cmocka_unit_test(test_forwarded_rfc_with_an_open_quote),
    };

    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
