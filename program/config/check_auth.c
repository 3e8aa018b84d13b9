/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "config/check.h"

#define MIN_HMAC 32 /* bytes of a secret: those of the shortest hash (RFC 7518 section 3.2) */

static struct yg_place key_place(const struct yg_check *check, size_t n, const char *option)
{
    char number[32];

    snprintf(number, sizeof(number), "[%zu]", n);
    return yg_check_place(check, "auth", "jwt", "keys", number, option, NULL);
}

/* A key is bound to its kind: who knows a public key could sign with it as if it were a secret. */
static void check_key(const struct yg_check *check, size_t n)
{
    const struct yg_jwt_config *jwt = &check->config->auth.jwt;
    const struct yg_jwt_key *key = &jwt->keys.items[n];
    const bool is_secret = *key->secret != '\0', is_public = *key->public_key != '\0';
    const uint32_t fit = is_secret ? YG_ALG_ALL_HS : ~(uint32_t)YG_ALG_ALL_HS;
    const uint32_t used = key->algorithms != 0 ? key->algorithms : jwt->algorithms & fit;
    struct yg_place place = key_place(check, n, NULL);

    if (is_secret == is_public) {
        yg_report_error(check->report, &place,
                        "auth.jwt.keys[%zu]: must have either secret or public_key", n);
        return;
    }
    place = key_place(check, n, "algorithms");
    if ((used & ~fit) != 0)
        yg_report_error(check->report, &place, "auth.jwt.keys[%zu]: %s cannot be used with %s", n,
                        is_secret ? "a secret" : "a public key",
                        is_secret ? "other algorithms than HS256, HS384 and HS512"
                                  : "HS256, HS384 and HS512");
    else if (used == 0)
        yg_report_error(check->report, &place,
                        "auth.jwt.keys[%zu]: none of auth.jwt.algorithms fits this key: for %s", n,
                        is_secret ? "a secret HS256, HS384 or HS512 does"
                                  : "a public key RS256, PS256, ES256 or their kin, or EdDSA does, "
                                    "by its kind");
    else if ((used & ~jwt->algorithms) != 0)
        yg_report_error(check->report, &place,
                        "auth.jwt.keys[%zu]: an algorithm that is not in auth.jwt.algorithms", n);
    place = key_place(check, n, "secret");
    if (is_secret && strlen(key->secret) < MIN_HMAC)
        yg_report_error(check->report, &place,
                        "auth.jwt.keys[%zu].secret: must have %d bytes at least", n, MIN_HMAC);
    place = key_place(check, n, "public_key");
    if (is_public && strncmp(key->public_key, "-----BEGIN ", 11) != 0)
        yg_report_error(check->report, &place, "auth.jwt.keys[%zu].public_key: is not PEM", n);
}

static int is_source(const char *source)
{
    return strcmp(source, "auth.token") == 0 || strcmp(source, "authorization") == 0 ||
           (strncmp(source, "cookie:", 7) == 0 && source[7] != '\0') ||
           (strncmp(source, "query:", 6) == 0 && source[6] != '\0');
}

static void check_sources(const struct yg_check *check)
{
    const struct yg_texts *sources = &check->config->auth.jwt.sources;

    for (size_t i = 0; i < sources->num; i++) {
        char number[32];
        struct yg_place place;

        snprintf(number, sizeof(number), "[%zu]", i);
        place = yg_check_place(check, "auth", "jwt", "sources", number, NULL);
        if (!is_source(sources->items[i]))
            yg_report_error(check->report, &place,
                            "auth.jwt.sources: \"%.60s\" is none of auth.token, authorization, "
                            "cookie:NAME, query:NAME",
                            sources->items[i]);
    }
}

/* Nobody is on the way to this host. */
static int is_local(const char *url)
{
    static const char *const local[] = {"http://127.0.0.1", "http://[::1]", "http://localhost"};

    for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
        const size_t len = strlen(local[i]);

        if (strncmp(url, local[i], len) == 0 && (url[len] == ':' || url[len] == '/'))
            return 1;
    }
    return 0;
}

static void check_jwks(const struct yg_check *check)
{
    const struct yg_jwt_config *jwt = &check->config->auth.jwt;
    const struct yg_place place = yg_check_place(check, "auth", "jwt", "jwks_url", NULL);

    if (*jwt->jwks_url == '\0')
        return;
    if (*jwt->audience == '\0')
        yg_report_error(check->report, &place,
                        "auth.jwt.jwks_url: needs auth.jwt.audience, or tokens that were made for "
                        "others would be taken");
    if (strncmp(jwt->jwks_url, "https://", 8) != 0 && jwt->jwks_url[0] != '/' &&
        !is_local(jwt->jwks_url))
        yg_report_error(check->report, &place,
                        "auth.jwt.jwks_url: must begin with https://, or be the path of a file, or "
                        "http:// to this host");
    if ((jwt->algorithms & ~(uint32_t)YG_ALG_ALL_HS) == 0)
        yg_report_error(check->report, &place,
                        "auth.jwt.jwks_url: auth.jwt.algorithms has none for public keys");
}

static void check_jwt(const struct yg_check *check)
{
    const struct yg_jwt_config *jwt = &check->config->auth.jwt;
    const bool is_used = (check->config->auth.methods & YG_METHOD_JWT) != 0;
    const bool has_keys = jwt->keys.num > 0 || *jwt->jwks_url != '\0';
    struct yg_place place = yg_check_place(check, "auth", "methods", NULL);

    if (is_used && !has_keys)
        yg_report_error(check->report, &place,
                        "auth.methods: jwt needs auth.jwt.keys or auth.jwt.jwks_url");
    place = yg_check_place(check, "auth", "jwt", NULL);
    if (!is_used && has_keys)
        yg_report_warning(check->report, &place,
                          "auth.jwt: has keys, and auth.methods does not have jwt");
    for (size_t i = 0; i < jwt->keys.num; i++)
        check_key(check, i);
    check_jwks(check);
    check_sources(check);
}

/* Who is asked for a client that must show who it is. */
static void check_need(const struct yg_check *check, const char *list, size_t n, int need,
                       const char *webhook)
{
    const uint32_t methods = check->config->auth.methods;
    const struct yg_webhook *hook = yg_config_webhook(check->config, webhook);
    struct yg_place place = yg_check_item(check, list, n, "auth");

    if (need == YG_AUTH_NONE)
        return;
    if (need == YG_AUTH_REQUIRED && methods == 0)
        yg_report_error(check->report, &place,
                        "%s[%zu].auth: required, and auth.methods is empty: set a method, or "
                        "auth: none to let everybody in",
                        list, n);
    if (methods == YG_METHOD_WEBHOOK && *webhook == '\0')
        yg_report_error(check->report, &place,
                        "%s[%zu].auth: the only method is webhook, and this has none", list, n);
    else if (methods == YG_METHOD_WEBHOOK && hook != NULL && (hook->kinds & YG_KIND_CONNECT) == 0)
        yg_report_error(check->report, &place,
                        "%s[%zu].auth: the only method is webhook, and \"%.60s\" is not told of "
                        "connect",
                        list, n, webhook);
}

/* Which rooms one reads is for a token or a webhook to say. */
static void check_events(const struct yg_check *check, size_t n)
{
    const struct yg_events *events = &check->config->events.items[n];
    const bool has_token =
        events->auth != YG_AUTH_NONE && (check->config->auth.methods & YG_METHOD_JWT) != 0;
    const struct yg_place place = yg_check_item(check, "events", n, "auth");

    check_need(check, "events", n, events->auth, events->webhook);
    if (!has_token && *events->webhook == '\0' && events->auth != YG_AUTH_REQUIRED)
        yg_report_error(check->report, &place,
                        "events[%zu].auth: without a token or a webhook nobody has a room to read",
                        n);
}

void yg_check_auth(const struct yg_check *check)
{
    const struct yg_config *config = check->config;

    check_jwt(check);
    for (size_t i = 0; i < config->namespaces.num; i++)
        check_need(check, "namespaces", i, config->namespaces.items[i].auth,
                   config->namespaces.items[i].webhook);
    for (size_t i = 0; i < config->websockets.num; i++)
        check_need(check, "websockets", i, config->websockets.items[i].auth,
                   config->websockets.items[i].webhook);
    for (size_t i = 0; i < config->events.num; i++)
        check_events(check, i);
}
