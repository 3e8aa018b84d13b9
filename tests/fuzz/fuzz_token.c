/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "token/base64url.h"
#include "token/jwks.h"
#include "token/sign.h"
#include "token/token.h"

/*
 * The first byte says what the rest is: 0 a token, 1 the payload of a token that is signed here, so
 * that what lies behind the signature is reached; 2 its header; 3 a JWK set; 4 a pattern, a line
 * end and a name, held against the simplest matcher; 5 base64url.
 */

#define SECRET "a secret of tests, 32 bytes long."
#define NOW_MS (INT64_C(1700000000) * 1000)
#define MOST 8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds)
{
    if (!holds)
        abort();
}

static struct yg_token_checker *new_checker(void)
{
    static const char *const algorithms[] = {"HS256", "EdDSA", "RS256"};
    static const struct yg_token_key keys[] = {
        {.kid = "h", .secret = SECRET, .secret_len = sizeof SECRET - 1}};
    static const char set[] = "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"e\",\"x\":"
                              "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";
    const struct yg_token_rules rules = {.algorithms = algorithms,
                                         .num_algorithms = 3,
                                         .keys = keys,
                                         .num_keys = 1,
                                         .jwks_url = "https://id.example",
                                         .audience = "me",
                                         .leeway_ms = 30000,
                                         .require_exp = true};
    struct yg_token_checker *checker;

    require(yg_token_checker_new(&rules, NULL, &checker) == 0);
    require(yg_token_checker_set_jwks(checker, set, sizeof set - 1, NULL) == 0);
    return checker;
}

static void look_at(const struct yg_token *token)
{
    char room[] = "Qg1RnqGzZBPzAAAB_-9x";

    require(token->user != NULL && strlen(token->user) <= 255);
    require(token->token_expires_ms > 0 && token->token_expires_ms <= YG_TIME_MAX_MS);
    require(token->token_expires_ms + 30000 > NOW_MS);
    require(!yg_grants_join(&token->grants, room, sizeof room - 1, true));
    (void)yg_grants_join(&token->grants, room, sizeof room - 1, false);
    (void)yg_grants_emit(&token->grants, "event", 5);
    (void)yg_grants_namespace(&token->grants, "/", 1);
    require(token->grants.num_rooms <= YG_GRANTS_MAX_ROOMS);
    for (size_t i = 0; i < token->grants.num_rooms; i++)
        require(token->grants.rooms[i][0] != '\0' && strlen(token->grants.rooms[i]) <= YG_NAME_MAX);
}

static void check(const char *text, size_t len)
{
    struct yg_token_checker *checker = new_checker();
    struct yg_refusal refusal;
    struct yg_token token;
    int rc = yg_token_check(checker, text, len, NOW_MS, &refusal, &token);

    require(rc == 0 || rc == -EACCES);
    require((rc == 0) == (refusal.code == YG_TOKEN_OK));
    if (rc == 0) {
        look_at(&token);
        yg_token_free(&token);
    } else {
        require(strlen(refusal.text) > 0 && strpbrk(refusal.text, "\r\n\t") == NULL);
    }
    yg_token_checker_free(checker);
}

static void sign_and_check(const uint8_t *header, size_t header_len, const uint8_t *payload,
                           size_t payload_len)
{
    struct yg_key_use use = {.algorithms = YG_ALGORITHM_BIT(YG_HS256)};
    char *text = malloc(YG_BASE64URL_CHARS(header_len) + YG_BASE64URL_CHARS(payload_len) + 64);
    uint8_t signature[YG_SIGNATURE_MAX];
    struct yg_key *key;
    size_t len, signature_len;

    require(text != NULL);
    require(yg_key_from_secret(&use, SECRET, sizeof SECRET - 1, NULL, &key) == 0);
    len = yg_base64url_encode(header, header_len, text);
    text[len++] = '.';
    len += yg_base64url_encode(payload, payload_len, text + len);
    require(yg_key_sign(key, YG_HS256, text, len, signature, &signature_len) == 0);
    text[len++] = '.';
    len += yg_base64url_encode(signature, signature_len, text + len);
    check(text, len);
    yg_key_free(key);
    free(text);
}

static void read_set(const char *text, size_t len)
{
    struct yg_token_problem problem = {""};
    struct yg_keyset *set;
    int rc = yg_jwks_parse(text, len, YG_ALL_ALGORITHMS, true, &problem, &set);

    require(rc == 0 || (rc == -EINVAL && problem.text[0] != '\0'));
    if (rc < 0)
        return;
    require(set->num > 0 && set->num <= YG_KEYSET_MAX);
    for (size_t i = 0; i < set->num; i++) {
        const struct yg_key *key = set->keys[i];

        require(key->algorithms != 0 && (key->type == YG_KEY_SECRET) == (key->pkey == NULL));
        require(yg_key_verify(key, yg_key_algorithm(key), "data", 4, (const uint8_t *)"signature",
                              9) == 0);
    }
    yg_keyset_unref(set);
}

static int is_match(const char *pattern, const char *name)
{
    const char *star = NULL, *back = NULL;

    while (*name != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            back = name;
        } else if (*pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) {
            pattern = star + 1;
            name = ++back;
        } else {
            return 0;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

static void match(char *text)
{
    char *name = strchr(text, '\n');
    struct yg_pattern pattern;

    if (name == NULL)
        return;
    *name++ = '\0';
    if (yg_pattern_make(text, "*:", NULL, &pattern) < 0)
        return;
    if (strstr(text, "{user}") == NULL && name[0] != '\0' && strlen(name) <= YG_NAME_MAX)
        require(yg_pattern_matches(&pattern, name, strlen(name)) == is_match(text, name));
    else
        (void)yg_pattern_matches(&pattern, name, strlen(name));
    yg_pattern_free(&pattern);
}

/* What can be read is what would be written. */
static void decode(const char *text, size_t len)
{
    uint8_t bytes[YG_BASE64URL_BYTES(MOST)];
    char again[YG_BASE64URL_CHARS(sizeof bytes)];
    size_t num;

    if (yg_base64url_decode(text, len, bytes, &num) != YG_BASE64URL_OK)
        return;
    require(yg_base64url_encode(bytes, num, again) == len && memcmp(again, text, len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t header[] = "{\"alg\":\"HS256\"}";
    static const uint8_t payload[] = "{\"sub\":\"ann\",\"aud\":\"me\",\"exp\":1700003600}";
    char *text;

    if (size < 1 || size > MOST || (text = malloc(size)) == NULL)
        return 0;
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    switch (data[0] & 7) {
    case 0:
        check(text, size - 1);
        break;
    case 1:
        sign_and_check(header, sizeof header - 1, data + 1, size - 1);
        break;
    case 2:
        sign_and_check(data + 1, size - 1, payload, sizeof payload - 1);
        break;
    case 3:
        read_set(text, size - 1);
        break;
    case 4:
        match(text);
        break;
    case 5:
        decode(text, size - 1);
        break;
    }
    free(text);
    return 0;
}
