/* SPDX-License-Identifier: MIT */
#include "token_maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "token/base64url.h"
#include "token/key.h"

char *token_signed_as(const char *header, const char *payload, const char *signature)
{
    size_t header_len = strlen(header), payload_len = strlen(payload), len;
    char *token = malloc(YG_BASE64URL_CHARS(header_len) + YG_BASE64URL_CHARS(payload_len) +
                         strlen(signature) + 3);

    assert_non_null(token);
    len = yg_base64url_encode((const uint8_t *)header, header_len, token);
    token[len++] = '.';
    len += yg_base64url_encode((const uint8_t *)payload, payload_len, token + len);
    token[len++] = '.';
    strcpy(token + len, signature);
    return token;
}

char *token_of(const char *header, const char *payload)
{
    struct yg_key_use use = {.algorithms = YG_ALL_ALGORITHMS};
    char text[YG_BASE64URL_CHARS(32) + 1], *unsigned_token = token_signed_as(header, payload, "");
    uint8_t signature[YG_SIGNATURE_MAX];
    struct yg_key *key;
    size_t len;
    char *token;

    use.algorithms = YG_ALGORITHM_BIT(YG_HS256);
    assert_int_equal(yg_key_from_secret(&use, SECRET, strlen(SECRET), NULL, &key), 0);
    assert_int_equal(
        yg_key_sign(key, YG_HS256, unsigned_token, strlen(unsigned_token) - 1, signature, &len), 0);
    text[yg_base64url_encode(signature, len, text)] = '\0';
    token = token_signed_as(header, payload, text);
    free(unsigned_token);
    yg_key_free(key);
    return token;
}

struct yg_token_rules token_rules(void)
{
    static const char *const algorithms[] = {"HS256"};
    static const struct yg_token_key keys[] = {{.secret = SECRET, .secret_len = sizeof SECRET - 1}};

    return (struct yg_token_rules){.algorithms = algorithms,
                                   .num_algorithms = 1,
                                   .keys = keys,
                                   .num_keys = 1,
                                   .leeway_ms = 30000,
                                   .require_exp = true};
}

struct yg_token_checker *token_checker(const struct yg_token_rules *rules)
{
    struct yg_token_problem problem = {""};
    struct yg_token_checker *checker = NULL;
    int rc = yg_token_checker_new(rules, &problem, &checker);

    if (rc < 0)
        fail_msg("no checker: %d, %s", rc, problem.text);
    return checker;
}
