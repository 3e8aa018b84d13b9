/* SPDX-License-Identifier: MIT */
#include "token/token.h"

#include <errno.h>
#include <string.h>

#include "token/base64url.h"
#include "token/checker.h"
#include "token/jws.h"

/* ---- keys for a token ---- */

struct choice {
    const struct yg_key *keys[YG_TOKEN_MAX_TRIES];
    size_t num;
    bool kid_found;
};

/*
 * Keys of the set for this token.  kid "": any name, and none; else this one, or, where unnamed is
 * set, none.
 */
static void choose_of(const struct yg_keyset *set, const struct yg_jws *jws, bool unnamed,
                      struct choice *choice)
{
    for (size_t i = 0; set != NULL && i < set->num; i++) {
        const struct yg_key *key = set->keys[i];

        if (jws->kid[0] != '\0') {
            if (unnamed != (key->kid == NULL) ||
                (key->kid != NULL && strcmp(key->kid, jws->kid) != 0))
                continue;
            choice->kid_found |= !unnamed;
        }
        if ((key->algorithms & YG_ALGORITHM_BIT(jws->algorithm)) != 0 &&
            choice->num < YG_TOKEN_MAX_TRIES)
            choice->keys[choice->num++] = key;
    }
}

/* A configured key goes before a fetched one of the same name, a named one before one without. */
static int choose(const struct yg_token_checker *checker, const struct yg_keyset *fetched,
                  const struct yg_jws *jws, struct yg_refusal *refusal, struct choice *choice)
{
    const char *alg = yg_algorithm_info(jws->algorithm)->name;
    bool has_kid = jws->kid[0] != '\0';
    char quoted[YG_QUOTED_SIZE];

    *choice = (struct choice){0};
    choose_of(checker->keys, jws, false, choice);
    if (!has_kid || !choice->kid_found)
        choose_of(fetched, jws, false, choice);
    if (choice->kid_found && choice->num == 0)
        return yg_refuse(refusal, YG_TOKEN_KEY_ALG, "%s, kid %s", alg, yg_quoted(jws->kid, quoted));
    if (has_kid && !choice->kid_found) {
        choose_of(checker->keys, jws, true, choice);
        choose_of(fetched, jws, true, choice);
        if (refusal != NULL)
            refusal->unknown_kid = true;
    }
    if (choice->num > 0)
        return 0;
    if (checker->fetches && fetched == NULL)
        return yg_refuse(refusal, YG_TOKEN_KEYS_ABSENT, NULL);
    if (has_kid)
        return yg_refuse(refusal, YG_TOKEN_KID_UNKNOWN, "%s", yg_quoted(jws->kid, quoted));
    return yg_refuse(refusal, YG_TOKEN_NO_KEY, "%s", alg);
}

/* ---- signature ---- */

static int check_signature(const struct choice *choice, const struct yg_jws *jws,
                           struct yg_refusal *refusal)
{
    uint8_t signature[YG_SIGNATURE_MAX + 4];
    enum yg_base64url result;
    size_t len;

    if (jws->signature_len == 0)
        return yg_refuse(refusal, YG_TOKEN_SIGNATURE_EMPTY, NULL);
    if (YG_BASE64URL_BYTES(jws->signature_len) > sizeof signature)
        return yg_refuse(refusal, YG_TOKEN_SIGNATURE_LARGE, NULL);
    result = yg_base64url_decode(jws->signature, jws->signature_len, signature, &len);
    if (result != YG_BASE64URL_OK)
        return yg_refuse(refusal, YG_TOKEN_SIGNATURE_BASE64, "it %s", yg_base64url_words(result));
    for (size_t i = 0; i < choice->num; i++) {
        int rc = yg_key_verify(choice->keys[i], jws->algorithm, jws->signed_text, jws->signed_len,
                               signature, len);

        if (rc != 0)
            return rc < 0 ? rc : 0;
    }
    return yg_refuse(refusal, YG_TOKEN_SIGNATURE_WRONG, NULL);
}

static int check_keys(struct yg_token_checker *checker, const struct yg_jws *jws,
                      struct yg_refusal *refusal)
{
    struct yg_keyset *fetched = yg_token_checker_jwks(checker);
    struct choice choice;
    int rc = choose(checker, fetched, jws, refusal, &choice);

    if (rc == 0)
        rc = check_signature(&choice, jws, refusal);
    yg_keyset_unref(fetched);
    return rc;
}

/* ---- the whole ---- */

static int check_claims(const struct yg_token_checker *checker, int64_t now_ms,
                        struct yg_refusal *refusal, struct yg_token *token)
{
    struct yg_claims found;
    int rc = yg_claims_check(token->claims, &checker->claims, now_ms, refusal, &found);

    if (rc < 0)
        return rc;
    token->user = found.user;
    token->jti = found.jti;
    rc = yg_grants_parse(json_object_get(token->claims, "yodel"), found.user, refusal,
                         &token->grants);
    if (rc < 0)
        return rc;
    token->token_expires_ms = found.expires_ms;
    token->expires_ms =
        token->grants.has_expires ? token->grants.expires_ms : token->token_expires_ms;
    return 0;
}

int yg_token_check(struct yg_token_checker *checker, const char *text, size_t len, int64_t now_ms,
                   struct yg_refusal *refusal, struct yg_token *ret)
{
    struct yg_token token = {0};
    struct yg_jws jws;
    int rc;

    if (refusal != NULL)
        *refusal = (struct yg_refusal){0};
    if ((rc = yg_jws_open(text, len, checker->algorithms, refusal, &jws)) < 0 ||
        (rc = check_keys(checker, &jws, refusal)) < 0 ||
        (rc = yg_jws_claims(&jws, refusal, &token.claims)) < 0)
        return rc;
    token.algorithm = jws.algorithm;
    if ((rc = check_claims(checker, now_ms, refusal, &token)) < 0) {
        yg_token_free(&token);
        return rc;
    }
    *ret = token;
    return 0;
}

void yg_token_free(struct yg_token *token)
{
    yg_grants_free(&token->grants);
    json_decref(token->claims);
    *token = (struct yg_token){0};
}
