/* SPDX-License-Identifier: MIT */
#ifndef YG_TOKEN_REFUSAL_H
#define YG_TOKEN_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Why a token is refused.  A check is a row of steps; the first one that fails says its code, whose
 * word is stable (logs, `yodel token check -o json`, what a client is told), and a sentence, which
 * is for the log alone: it may quote the token and the configuration.
 */

/* In the order in which they are done.  Nothing of the payload is read before the signature holds.
 */
#define YG_TOKEN_STEPS(X)                                                                          \
    X(FORM, "form", "three parts, not too large")                                                  \
    X(HEADER, "header", "a JSON object that asks for nothing unknown")                             \
    X(ALGORITHM, "algorithm", "one of those configured")                                           \
    X(KEY, "key", "there is one for the algorithm and the kid")                                    \
    X(SIGNATURE, "signature", "made with that key")                                                \
    X(CLAIMS, "claims", "a JSON object")                                                           \
    X(TIME, "time", "exp, nbf and iat")                                                            \
    X(ISSUER, "issuer", "iss")                                                                     \
    X(AUDIENCE, "audience", "aud")                                                                 \
    X(USER, "user", "who it is for")                                                               \
    X(GRANTS, "grants", "the claim yodel")

enum yg_token_step {
#define X(name, word, what) YG_STEP_##name,
    YG_TOKEN_STEPS(X)
#undef X
        YG_NUM_TOKEN_STEPS
};

/* X(code, step, word, sentence) */
#define YG_TOKEN_CODES(X)                                                                          \
    X(EMPTY, FORM, "empty", "there is no token")                                                   \
    X(TOO_LARGE, FORM, "too_large", "the token is larger than 16 KiB")                             \
    X(PARTS, FORM, "parts", "the token does not have three parts with dots between")               \
    X(ENCRYPTED, FORM, "encrypted", "the token is encrypted (JWE), which is not served")           \
    X(HEADER_BASE64, HEADER, "header_base64", "the header is not base64url")                       \
    X(HEADER_LARGE, HEADER, "header_large", "the header is larger than 4 KiB")                     \
    X(HEADER_JSON, HEADER, "header_json", "the header is not JSON")                                \
    X(HEADER_DUPLICATE, HEADER, "header_duplicate", "the header has a member twice")               \
    X(HEADER_OBJECT, HEADER, "header_object", "the header is not a JSON object")                   \
    X(ALG_MISSING, HEADER, "alg_missing", "the header has no alg")                                 \
    X(ALG_TYPE, HEADER, "alg_type", "alg is not a string")                                         \
    X(KID_TYPE, HEADER, "kid_type", "kid is not a string")                                         \
    X(KID_LONG, HEADER, "kid_long", "kid is longer than 255 bytes")                                \
    X(TYP, HEADER, "typ", "typ says that it is no token for access")                               \
    X(NESTED, HEADER, "nested", "cty says that there is another token in it")                      \
    X(CRIT, HEADER, "crit", "the header has crit, and no extension is served")                     \
    X(B64, HEADER, "b64", "the header has b64, which is not served")                               \
    X(ENC, HEADER, "enc", "the header speaks of encryption (enc, zip)")                            \
    X(ALG_NONE, ALGORITHM, "alg_none", "alg is none: the token is not signed")                     \
    X(ALG_UNKNOWN, ALGORITHM, "alg_unknown", "alg is no algorithm that is served")                 \
    X(ALG_NOT_ALLOWED, ALGORITHM, "alg_not_allowed", "alg is none of the configured algorithms")   \
    X(KEYS_ABSENT, KEY, "keys_absent", "the key set has not been fetched yet")                     \
    X(KID_UNKNOWN, KEY, "kid_unknown", "no key has the name that kid says")                        \
    X(KEY_ALG, KEY, "key_alg", "the key of that kid does not serve that alg")                      \
    X(NO_KEY, KEY, "no_key", "no key serves that alg")                                             \
    X(SIGNATURE_EMPTY, SIGNATURE, "signature_empty", "the signature is empty")                     \
    X(SIGNATURE_BASE64, SIGNATURE, "signature_base64", "the signature is not base64url")           \
    X(SIGNATURE_LARGE, SIGNATURE, "signature_large", "the signature is longer than any key's")     \
    X(SIGNATURE_WRONG, SIGNATURE, "signature_wrong", "the signature is not of that key")           \
    X(PAYLOAD_BASE64, CLAIMS, "payload_base64", "the payload is not base64url")                    \
    X(PAYLOAD_JSON, CLAIMS, "payload_json", "the payload is not JSON")                             \
    X(PAYLOAD_DUPLICATE, CLAIMS, "payload_duplicate", "the payload has a member twice")            \
    X(PAYLOAD_NUMBER, CLAIMS, "payload_number", "the payload has a number that is too large")      \
    X(PAYLOAD_OBJECT, CLAIMS, "payload_object", "the payload is not a JSON object")                \
    X(EXP_MISSING, TIME, "exp_missing", "there is no exp: the token would hold for ever")          \
    X(TIME_TYPE, TIME, "time_type", "a time is not a number of seconds")                           \
    X(TIME_RANGE, TIME, "time_range", "a time is not between 1970 and the year 9999")              \
    X(EXPIRED, TIME, "expired", "the token has expired")                                           \
    X(NOT_YET, TIME, "not_yet", "the token does not hold yet")                                     \
    X(ISSUED_LATER, TIME, "issued_later", "the token says that it was issued in the future")       \
    X(ISS_MISSING, ISSUER, "iss_missing", "there is no iss")                                       \
    X(ISS_TYPE, ISSUER, "iss_type", "iss is not a string")                                         \
    X(ISS_OTHER, ISSUER, "iss_other", "iss is not the configured issuer")                          \
    X(AUD_MISSING, AUDIENCE, "aud_missing", "there is no aud")                                     \
    X(AUD_TYPE, AUDIENCE, "aud_type", "aud is neither a string nor a list of strings")             \
    X(AUD_OTHER, AUDIENCE, "aud_other", "the token is meant for others")                           \
    X(USER_MISSING, USER, "user_missing", "the claim that names the user is missing or empty")     \
    X(USER_TYPE, USER, "user_type", "the claim that names the user is not a string")               \
    X(USER_LONG, USER, "user_long", "the name of the user is longer than 255 bytes")               \
    X(USER_CHARACTERS, USER, "user_characters", "the name of the user has control characters")     \
    X(JTI_TYPE, USER, "jti_type", "jti is not a string, or longer than 255 bytes")                 \
    X(GRANTS_TYPE, GRANTS, "grants_type", "the claim yodel is not an object")                      \
    X(GRANTS_MEMBER, GRANTS, "grants_member", "the claim yodel has an unknown member")             \
    X(GRANTS_NAMESPACES, GRANTS, "grants_namespaces", "yodel.namespaces cannot be used")           \
    X(GRANTS_JOIN, GRANTS, "grants_join", "yodel.join cannot be used")                             \
    X(GRANTS_CAN, GRANTS, "grants_can", "yodel.can cannot be used")                                \
    X(GRANTS_CAN_JOIN, GRANTS, "grants_can_join", "yodel.can.join cannot be used")                 \
    X(GRANTS_CAN_EMIT, GRANTS, "grants_can_emit", "yodel.can.emit cannot be used")                 \
    X(GRANTS_INFO, GRANTS, "grants_info", "yodel.info is too large")                               \
    X(GRANTS_META, GRANTS, "grants_meta", "yodel.meta is too large")                               \
    X(GRANTS_EXPIRES, GRANTS, "grants_expires", "yodel.expires_at cannot be used")

enum yg_token_code {
    YG_TOKEN_OK,
#define X(name, step, word, sentence) YG_TOKEN_##name,
    YG_TOKEN_CODES(X)
#undef X
        YG_NUM_TOKEN_CODES
};

struct yg_refusal {
    enum yg_token_code code;
    /* The token names a key that no set has: where keys are fetched, fetch them and check again. */
    bool unknown_kid;
    char text[320]; /* a sentence; valid UTF-8 without control characters */
};

/* "expired" */
const char *yg_token_code_word(enum yg_token_code code);

enum yg_token_step yg_token_code_step(enum yg_token_code code);

/* "time", "exp, nbf and iat" */
const char *yg_token_step_word(enum yg_token_step step);
const char *yg_token_step_words(enum yg_token_step step);

/*
 * True where a client that comes back later may find the same token good, because the server is
 * what has failed: to answer a final "no" would be wrong then.
 */
bool yg_token_code_is_temporary(enum yg_token_code code);

/* Fills refusal, which may be NULL: the sentence of the code and, unless format is NULL, ": " and
 * these words.  Returns -EACCES. */
int yg_refuse(struct yg_refusal *refusal, enum yg_token_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A text of the token's, in quotation marks, without control characters and not too long. */
#define YG_QUOTED_SIZE 80
const char *yg_quoted(const char *text, char ret_quoted[YG_QUOTED_SIZE]);

#endif
