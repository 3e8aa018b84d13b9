/* SPDX-License-Identifier: MIT */
#include "channels_redis/fernet.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failmem.h"
#include "proto/base64.h"

static struct failmem fm;

#define NOW 1700000000
#define MESSAGE "\x81\xa4type\xa1t"

/* Fernet(urlsafe_b64encode(sha256(b"secret one"))) of MESSAGE at NOW with the vector 0, 1 .. 15, by
 * Python's cryptography. */
static const char token[] =
    "gAAAAABlU_EAAAECAwQFBgcICQoLDA0OD0e5JtQ1HVCW82iRRus74zNLjNSM4BDTkw2gYRp0PDwXOCA_"
    "93R2WYR4zSr2uyinnA==";

static yodel_bytes bytes_of(const char *text)
{
    return (yodel_bytes){(const uint8_t *)text, strlen(text)};
}

static struct yd_fernet_key key_of(const char *secret)
{
    struct yd_fernet_key key;

    assert_int_equal(yd_fernet_make_key(bytes_of(secret), &key), 0);
    return key;
}

static void test_fernet_is_pythons(void **state)
{
    struct yd_fernet_key key = key_of("secret one");
    struct yd_buf buf = {0};
    uint8_t iv[YD_FERNET_IV_LEN];

    for (size_t i = 0; i < sizeof iv; i++)
        iv[i] = (uint8_t)i;
    assert_int_equal(yd_fernet_put(&fm.mem, &buf, &key, iv, NOW, bytes_of(MESSAGE)), 0);
    assert_int_equal(buf.len, strlen(token));
    assert_memory_equal(buf.ptr, token, buf.len);
    buf.len = 0;
    assert_int_equal(yd_fernet_read(&fm.mem, &buf, &key, 1, NOW, 60, bytes_of(token)), 0);
    assert_int_equal(buf.len, strlen(MESSAGE));
    assert_memory_equal(buf.ptr, MESSAGE, buf.len);
    yd_buf_free(&fm.mem, &buf);
}

/* The example of the specification: generate.json, verify.json. */
static void test_fernet_is_the_specifications(void **state)
{
    static const char secret[] = "cw/0x689RpI+jtRR7oE8h/eQsKImvJapLeSbXpwF4e4=";
    static const char example[] = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_"
                                  "5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";
    uint8_t raw[33];
    struct yd_fernet_key key;
    struct yd_buf buf = {0};
    size_t len;

    assert_true(yd_base64_decode(raw, secret, strlen(secret), &len));
    memcpy(key.sign, raw, 16);
    memcpy(key.crypt, raw + 16, 16);
    assert_int_equal(yd_fernet_read(&fm.mem, &buf, &key, 1, 499162800, 60, bytes_of(example)), 0);
    assert_int_equal(buf.len, 5);
    assert_memory_equal(buf.ptr, "hello", 5);
    yd_buf_free(&fm.mem, &buf);
}

static void test_fernet_keys_rotate(void **state)
{
    struct yd_fernet_key keys[] = {key_of("new"), key_of("secret one")}, other = key_of("third");
    struct yd_buf buf = {0};

    assert_int_equal(yd_fernet_read(&fm.mem, &buf, keys, 2, NOW, 60, bytes_of(token)), 0);
    assert_int_equal(yd_fernet_read(&fm.mem, &buf, keys, 1, NOW, 60, bytes_of(token)),
                     YODEL_ERR_PROTOCOL);
    assert_int_equal(yd_fernet_read(&fm.mem, &buf, &other, 1, NOW, 60, bytes_of(token)),
                     YODEL_ERR_PROTOCOL);
    yd_buf_free(&fm.mem, &buf);
}

static void test_fernet_age(void **state)
{
    struct yd_fernet_key key = key_of("secret one");
    struct yd_buf buf = {0};

    assert_int_equal(yd_fernet_read(&fm.mem, &buf, &key, 1, NOW + 60, 60, bytes_of(token)), 0);
    assert_int_equal(yd_fernet_read(&fm.mem, &buf, &key, 1, NOW + 61, 60, bytes_of(token)),
                     -ETIMEDOUT);
    assert_int_equal(yd_fernet_read(&fm.mem, &buf, &key, 1, NOW - 60, 60, bytes_of(token)), 0);
    assert_int_equal(yd_fernet_read(&fm.mem, &buf, &key, 1, NOW - 61, 60, bytes_of(token)),
                     YODEL_ERR_PROTOCOL);
    assert_int_equal(yd_fernet_read(&fm.mem, &buf, &key, 1, NOW * 2ull, 0, bytes_of(token)), 0);
    yd_buf_free(&fm.mem, &buf);
}

static void test_fernet_hostile(void **state)
{
    struct yd_fernet_key key = key_of("secret one");
    struct yd_buf buf = {0};
    size_t len = strlen(token);

    for (size_t i = 0; i <= len; i++) {
        char *bad = malloc(len + 1);

        memcpy(bad, token, len);
        if (i < len) {
            assert_int_equal(
                yd_fernet_read(&fm.mem, &buf, &key, 1, NOW, 60, (yodel_bytes){(uint8_t *)bad, i}),
                YODEL_ERR_PROTOCOL);
            bad[i] = bad[i] == 'A' ? 'B' : 'A';
            assert_int_equal(
                yd_fernet_read(&fm.mem, &buf, &key, 1, NOW, 60, (yodel_bytes){(uint8_t *)bad, len}),
                YODEL_ERR_PROTOCOL);
        }
        free(bad);
    }
    assert_int_equal(buf.len, 0);
    yd_buf_free(&fm.mem, &buf);
}

static void test_fernet_lengths(void **state)
{
    struct yd_fernet_key key = key_of("k");
    char message[70];

    memset(message, 'm', sizeof message);
    for (size_t len = 0; len < sizeof message; len++) {
        struct yd_buf buf = {0}, out = {0};
        yodel_bytes plain = {(uint8_t *)message, len};

        assert_int_equal(yd_fernet_put(&fm.mem, &buf, &key, NULL, NOW, plain), 0);
        assert_int_equal(
            yd_fernet_read(&fm.mem, &out, &key, 1, NOW, 60, (yodel_bytes){buf.ptr, buf.len}), 0);
        assert_int_equal(out.len, len);
        yd_buf_free(&fm.mem, &buf);
        yd_buf_free(&fm.mem, &out);
    }
}

static void test_fernet_without_memory(void **state)
{
    struct yd_fernet_key key = key_of("secret one");

    FAILMEM_LOOP(&fm)
    {
        struct yd_buf buf = {0}, out = {0};
        int rc = yd_fernet_put(&fm.mem, &buf, &key, NULL, NOW, bytes_of(MESSAGE));

        if (rc == 0)
            rc = yd_fernet_read(&fm.mem, &out, &key, 1, NOW, 60, (yodel_bytes){buf.ptr, buf.len});
        failmem_assert_whole(&fm, rc, out.len == strlen(MESSAGE), out.len == 0);
        yd_buf_free(&fm.mem, &buf);
        yd_buf_free(&fm.mem, &out);
    }
}

static int setup(void **state)
{
    failmem_init(&fm, 0);
    return 0;
}

static int teardown(void **state)
{
    failmem_assert_empty(&fm);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fernet_is_pythons),
        cmocka_unit_test(test_fernet_is_the_specifications),
        cmocka_unit_test(test_fernet_keys_rotate),
        cmocka_unit_test(test_fernet_age),
        cmocka_unit_test(test_fernet_hostile),
        cmocka_unit_test(test_fernet_lengths),
        cmocka_unit_test(test_fernet_without_memory),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
