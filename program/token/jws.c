/* SPDX-License-Identifier: MIT */
#include "token/jws.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json_read.h"
#include "token/base64url.h"

#define DECODED(chars) (YG_BASE64URL_BYTES(chars))

/* ---- form ---- */

static int cut(const char *token, size_t len, struct yg_refusal *refusal, struct yg_jws *jws)
{
    const char *dots[4];
    size_t num = 0;

    if (len == 0)
        return yg_refuse(refusal, YG_TOKEN_EMPTY, NULL);
    if (len > YG_TOKEN_MAX)
        return yg_refuse(refusal, YG_TOKEN_TOO_LARGE, NULL);
    for (size_t i = 0; i < len; i++) {
        if (token[i] != '.')
            continue;
        if (num == sizeof dots / sizeof dots[0])
            return yg_refuse(refusal, YG_TOKEN_PARTS, "there are more than five");
        dots[num++] = token + i;
    }
    if (num == 4)
        return yg_refuse(refusal, YG_TOKEN_ENCRYPTED, NULL);
    if (num != 2)
        return yg_refuse(refusal, YG_TOKEN_PARTS, "there are %zu", num + 1);
    jws->header = jws->signed_text = token;
    jws->header_len = (size_t)(dots[0] - token);
    jws->payload = dots[0] + 1;
    jws->payload_len = (size_t)(dots[1] - jws->payload);
    jws->signature = dots[1] + 1;
    jws->signature_len = len - (size_t)(jws->signature - token);
    jws->signed_len = (size_t)(dots[1] - token);
    return 0;
}

/* ---- header ---- */

/* Which refusal each fault of the JSON is. */
struct json_refusals {
    enum yg_token_code syntax, duplicate, number;
};

/* A JSON object, or a refusal; other: that of any other value. */
static int read_object(const uint8_t *text, size_t len, const struct json_refusals *refusals,
                       enum yg_token_code other, struct yg_refusal *refusal, json_t **ret)
{
    struct yg_json_where where;
    enum yg_token_code code;
    json_t *value;
    int rc = yg_json_read((const char *)text, len, YG_JWS_DEPTH, &where, &value);

    if (rc == -ENOMEM)
        return rc;
    if (rc < 0) {
        code = where.fault == YG_JSON_DUPLICATE ? refusals->duplicate
               : where.fault == YG_JSON_NUMBER  ? refusals->number
                                                : refusals->syntax;
        return yg_refuse(refusal, code, "it %s, at byte %zu", yg_json_fault_words(where.fault),
                         where.offset);
    }
    if (!json_is_object(value)) {
        json_decref(value);
        return yg_refuse(refusal, other, NULL);
    }
    *ret = value;
    return 0;
}

static int read_header(const struct yg_jws *jws, struct yg_refusal *refusal, json_t **ret)
{
    static const struct json_refusals refusals = {YG_TOKEN_HEADER_JSON, YG_TOKEN_HEADER_DUPLICATE,
                                                  YG_TOKEN_HEADER_JSON};
    uint8_t text[DECODED(YG_JWS_HEADER_MAX)];
    enum yg_base64url result;
    size_t len;

    if (jws->header_len > YG_JWS_HEADER_MAX)
        return yg_refuse(refusal, YG_TOKEN_HEADER_LARGE, NULL);
    result = yg_base64url_decode(jws->header, jws->header_len, text, &len);
    if (result != YG_BASE64URL_OK)
        return yg_refuse(refusal, YG_TOKEN_HEADER_BASE64, "it %s", yg_base64url_words(result));
    return read_object(text, len, &refusals, YG_TOKEN_HEADER_OBJECT, refusal, ret);
}

/* RFC 8725, section 3.11: a token made for something else is none of ours. */
static bool is_our_type(const char *typ)
{
    static const char application[] = "application/";

    if (strncasecmp(typ, application, sizeof application - 1) == 0)
        typ += sizeof application - 1;
    return strcasecmp(typ, "JWT") == 0 || strcasecmp(typ, "at+jwt") == 0;
}

/* What must not be there, or only as one thing. */
static int check_members(const json_t *header, struct yg_refusal *refusal)
{
    static const struct {
        const char *name;
        enum yg_token_code code;
    } unwanted[] = {{"crit", YG_TOKEN_CRIT},
                    {"b64", YG_TOKEN_B64},
                    {"enc", YG_TOKEN_ENC},
                    {"zip", YG_TOKEN_ENC}};
    const json_t *typ = json_object_get(header, "typ"), *cty = json_object_get(header, "cty");
    char quoted[YG_QUOTED_SIZE];

    for (size_t i = 0; i < sizeof unwanted / sizeof unwanted[0]; i++)
        if (json_object_get(header, unwanted[i].name) != NULL)
            return yg_refuse(refusal, unwanted[i].code, NULL);
    if (cty != NULL &&
        (!json_is_string(cty) || strcasecmp(json_string_value(cty), "application/json") != 0))
        return yg_refuse(refusal, YG_TOKEN_NESTED, NULL);
    if (typ != NULL && !json_is_string(typ))
        return yg_refuse(refusal, YG_TOKEN_TYP, "it is not a string");
    if (typ != NULL && !is_our_type(json_string_value(typ)))
        return yg_refuse(refusal, YG_TOKEN_TYP, "%s", yg_quoted(json_string_value(typ), quoted));
    return 0;
}

static int take_kid(const json_t *header, struct yg_refusal *refusal, struct yg_jws *jws)
{
    const json_t *kid = json_object_get(header, "kid");

    jws->kid[0] = '\0';
    if (kid == NULL)
        return 0;
    if (!json_is_string(kid))
        return yg_refuse(refusal, YG_TOKEN_KID_TYPE, NULL);
    if (json_string_length(kid) > YG_KID_MAX)
        return yg_refuse(refusal, YG_TOKEN_KID_LONG, NULL);
    memcpy(jws->kid, json_string_value(kid), json_string_length(kid) + 1);
    return 0;
}

static int take_algorithm(const char *name, unsigned allowed, struct yg_refusal *refusal,
                          struct yg_jws *jws)
{
    char quoted[YG_QUOTED_SIZE], list[128];
    int algorithm = yg_algorithm_find(name);

    if (strcasecmp(name, "none") == 0)
        return yg_refuse(refusal, YG_TOKEN_ALG_NONE, NULL);
    if (algorithm < 0)
        return yg_refuse(refusal, YG_TOKEN_ALG_UNKNOWN, "%s", yg_quoted(name, quoted));
    if ((allowed & YG_ALGORITHM_BIT(algorithm)) == 0) {
        yg_algorithms_list(allowed, list, sizeof list);
        return yg_refuse(refusal, YG_TOKEN_ALG_NOT_ALLOWED, "%s, allowed: %s", name, list);
    }
    jws->algorithm = (enum yg_algorithm)algorithm;
    return 0;
}

int yg_jws_open(const char *token, size_t len, unsigned allowed, struct yg_refusal *refusal,
                struct yg_jws *ret)
{
    struct yg_jws jws;
    json_t *header, *alg;
    int rc;

    if ((rc = cut(token, len, refusal, &jws)) < 0 || (rc = read_header(&jws, refusal, &header)) < 0)
        return rc;
    alg = json_object_get(header, "alg");
    if (alg == NULL)
        rc = yg_refuse(refusal, YG_TOKEN_ALG_MISSING, NULL);
    else if (!json_is_string(alg))
        rc = yg_refuse(refusal, YG_TOKEN_ALG_TYPE, NULL);
    else if ((rc = check_members(header, refusal)) == 0 &&
             (rc = take_kid(header, refusal, &jws)) == 0)
        rc = take_algorithm(json_string_value(alg), allowed, refusal, &jws);
    json_decref(header);
    if (rc == 0)
        *ret = jws;
    return rc;
}

/* ---- payload ---- */

int yg_jws_claims(const struct yg_jws *jws, struct yg_refusal *refusal, json_t **ret)
{
    static const struct json_refusals refusals = {YG_TOKEN_PAYLOAD_JSON, YG_TOKEN_PAYLOAD_DUPLICATE,
                                                  YG_TOKEN_PAYLOAD_NUMBER};
    uint8_t *text = malloc(DECODED(jws->payload_len));
    enum yg_base64url result;
    size_t len;
    int rc;

    if (text == NULL)
        return -ENOMEM;
    result = yg_base64url_decode(jws->payload, jws->payload_len, text, &len);
    if (result == YG_BASE64URL_OK)
        rc = read_object(text, len, &refusals, YG_TOKEN_PAYLOAD_OBJECT, refusal, ret);
    else
        rc = yg_refuse(refusal, YG_TOKEN_PAYLOAD_BASE64, "it %s", yg_base64url_words(result));
    free(text);
    return rc;
}
