/* SPDX-License-Identifier: MIT */
#include "token/claims.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "token/grants.h"

/* ---- exp, nbf, iat (RFC 7519, section 4.1.4 to 4.1.6) ---- */

/* 1: it is there, 0: it is not, -EACCES. */
static int take_time(const json_t *claims, const char *name, struct yg_refusal *refusal,
                     int64_t *ret_ms)
{
    const json_t *value = json_object_get(claims, name);
    int rc;

    if (value == NULL)
        return 0;
    rc = yg_time_of_json(value, ret_ms);
    if (rc == -EINVAL)
        return yg_refuse(refusal, YG_TOKEN_TIME_TYPE, "%s", name);
    if (rc < 0)
        return yg_refuse(refusal, YG_TOKEN_TIME_RANGE, "%s", name);
    return 1;
}

static int check_exp(const json_t *claims, const struct yg_claims_rules *rules, int64_t now_ms,
                     struct yg_refusal *refusal, struct yg_claims *ret)
{
    int rc = take_time(claims, "exp", refusal, &ret->expires_ms);

    if (rc == 0 && rules->require_exp)
        return yg_refuse(refusal, YG_TOKEN_EXP_MISSING, NULL);
    if (rc == 1 && now_ms - rules->leeway_ms >= ret->expires_ms)
        return yg_refuse(refusal, YG_TOKEN_EXPIRED, "%" PRId64 " s ago",
                         (now_ms - ret->expires_ms) / 1000);
    return rc < 0 ? rc : 0;
}

static int check_begin(const json_t *claims, const char *name, enum yg_token_code code,
                       const struct yg_claims_rules *rules, int64_t now_ms,
                       struct yg_refusal *refusal)
{
    int64_t begin_ms;
    int rc = take_time(claims, name, refusal, &begin_ms);

    if (rc == 1 && now_ms + rules->leeway_ms < begin_ms)
        return yg_refuse(refusal, code, "%s is %" PRId64 " s ahead", name,
                         (begin_ms - now_ms + 999) / 1000);
    return rc < 0 ? rc : 0;
}

/* ---- iss, aud ---- */

static int check_issuer(const json_t *claims, const char *issuer, struct yg_refusal *refusal)
{
    const json_t *iss = json_object_get(claims, "iss");
    char quoted[YG_QUOTED_SIZE], wanted[YG_QUOTED_SIZE];

    if (iss != NULL && !json_is_string(iss))
        return yg_refuse(refusal, YG_TOKEN_ISS_TYPE, NULL);
    if (issuer == NULL)
        return 0;
    if (iss == NULL)
        return yg_refuse(refusal, YG_TOKEN_ISS_MISSING, "wanted: %s", yg_quoted(issuer, wanted));
    if (strcmp(json_string_value(iss), issuer) != 0)
        return yg_refuse(refusal, YG_TOKEN_ISS_OTHER, "%s, wanted: %s",
                         yg_quoted(json_string_value(iss), quoted), yg_quoted(issuer, wanted));
    return 0;
}

/* 1: the audience is among them, 0: it is not, -EINVAL: one is no string. */
static int look_for(const json_t *list, const char *audience)
{
    int found = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *one = json_string_value(json_array_get(list, i));

        if (one == NULL)
            return -EINVAL;
        found |= audience != NULL && strcmp(one, audience) == 0;
    }
    return found;
}

static int check_audience(const json_t *claims, const char *audience, struct yg_refusal *refusal)
{
    const json_t *aud = json_object_get(claims, "aud");
    char wanted[YG_QUOTED_SIZE];
    int found;

    if (aud == NULL && audience != NULL)
        return yg_refuse(refusal, YG_TOKEN_AUD_MISSING, "wanted: %s", yg_quoted(audience, wanted));
    if (aud == NULL)
        return 0;
    if (json_is_string(aud))
        found = audience != NULL && strcmp(json_string_value(aud), audience) == 0;
    else
        found = json_is_array(aud) ? look_for(aud, audience) : -EINVAL;
    if (found < 0)
        return yg_refuse(refusal, YG_TOKEN_AUD_TYPE, NULL);
    if (!found && audience != NULL)
        return yg_refuse(refusal, YG_TOKEN_AUD_OTHER, "wanted: %s", yg_quoted(audience, wanted));
    return 0;
}

/* ---- sub, jti ---- */

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            return true;
    return false;
}

static int check_user(const json_t *claims, const struct yg_claims_rules *rules,
                      struct yg_refusal *refusal, struct yg_claims *ret)
{
    const json_t *user = json_object_get(claims, rules->user_claim);
    char name[YG_QUOTED_SIZE];

    yg_quoted(rules->user_claim, name);
    if (user != NULL && !json_is_string(user))
        return yg_refuse(refusal, YG_TOKEN_USER_TYPE, "%s", name);
    if (json_string_length(user) == 0)
        return rules->anonymous ? 0 : yg_refuse(refusal, YG_TOKEN_USER_MISSING, "%s", name);
    if (json_string_length(user) > YG_USER_MAX)
        return yg_refuse(refusal, YG_TOKEN_USER_LONG, "%s", name);
    if (has_control(json_string_value(user)))
        return yg_refuse(refusal, YG_TOKEN_USER_CHARACTERS, "%s", name);
    ret->user = json_string_value(user);
    return 0;
}

static int check_jti(const json_t *claims, struct yg_refusal *refusal, struct yg_claims *ret)
{
    const json_t *jti = json_object_get(claims, "jti");

    if (jti != NULL && (!json_is_string(jti) || json_string_length(jti) > YG_NAME_MAX))
        return yg_refuse(refusal, YG_TOKEN_JTI_TYPE, NULL);
    ret->jti = json_string_value(jti);
    return 0;
}

int yg_claims_check(const json_t *claims, const struct yg_claims_rules *rules, int64_t now_ms,
                    struct yg_refusal *refusal, struct yg_claims *ret)
{
    struct yg_claims found = {0};
    int rc = check_exp(claims, rules, now_ms, refusal, &found);

    if (rc == 0)
        rc = check_begin(claims, "nbf", YG_TOKEN_NOT_YET, rules, now_ms, refusal);
    if (rc == 0)
        rc = check_begin(claims, "iat", YG_TOKEN_ISSUED_LATER, rules, now_ms, refusal);
    if (rc == 0)
        rc = check_issuer(claims, rules->issuer, refusal);
    if (rc == 0)
        rc = check_audience(claims, rules->audience, refusal);
    if (rc == 0)
        rc = check_user(claims, rules, refusal, &found);
    if (rc == 0)
        rc = check_jti(claims, refusal, &found);
    if (rc == 0)
        *ret = found;
    return rc;
}
