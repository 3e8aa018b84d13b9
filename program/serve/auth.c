/* SPDX-License-Identifier: MIT */
#include "serve/auth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "serve/state.h"
#include "token/algorithm.h"

struct yg_auth {
    atomic_uint refs;
    struct yg_token_checker *checker; /* NULL: tokens are not looked at */
    char *url;                        /* "": no set of keys is fetched */
};

struct yg_auth *yg_auth_ref(struct yg_auth *auth)
{
    atomic_fetch_add_explicit(&auth->refs, 1, memory_order_relaxed);
    return auth;
}

struct yg_auth *yg_auth_unref(struct yg_auth *auth)
{
    if (auth != NULL && atomic_fetch_sub_explicit(&auth->refs, 1, memory_order_acq_rel) == 1) {
        yg_token_checker_free(auth->checker);
        free(auth->url);
        free(auth);
    }
    return NULL;
}

const char *yg_auth_url(const struct yg_auth *auth)
{
    return auth->url;
}

int yg_auth_set_keys(struct yg_auth *auth, const char *text, size_t len,
                     struct yg_token_problem *problem)
{
    return yg_token_checker_set_jwks(auth->checker, text, len, problem);
}

void yg_auth_inherit(struct yg_auth *auth, struct yg_auth *from)
{
    if (auth != from && *auth->url != '\0' && strcmp(auth->url, from->url) == 0)
        yg_token_checker_inherit(auth->checker, from->checker);
}

/* ---- the rules of a configuration ---- */

static size_t name_algorithms(unsigned bits, const char *names[YG_NUM_ALGORITHMS])
{
    size_t num = 0;

    for (int i = 0; i < YG_NUM_ALGORITHMS; i++) {
        if ((bits & YG_ALGORITHM_BIT(i)) != 0)
            names[num++] = yg_algorithm_info((enum yg_algorithm)i)->name;
    }
    return num;
}

/* The bits of both headers are the same. */
static void fill_keys(const struct yg_jwt_keys *from, struct yg_token_key *keys)
{
    for (size_t i = 0; i < from->num; i++) {
        const struct yg_jwt_key *key = &from->items[i];
        const bool is_secret = *key->secret != '\0';

        keys[i] = (struct yg_token_key){.kid = key->kid,
                                        .algorithms = key->algorithms,
                                        .secret = is_secret ? key->secret : NULL,
                                        .secret_len = strlen(key->secret),
                                        .pem = is_secret ? NULL : key->public_key};
    }
}

int yg_auth_checker(const struct yg_config *config, struct yg_token_problem *problem,
                    struct yg_token_checker **ret_checker)
{
    const struct yg_jwt_config *jwt = &config->auth.jwt;
    struct yg_token_key *keys = calloc(jwt->keys.num + 1, sizeof(*keys));
    const char *algorithms[YG_NUM_ALGORITHMS];
    struct yg_token_rules rules;
    int rc;

    if (keys == NULL)
        return -ENOMEM;
    fill_keys(&jwt->keys, keys);
    rules = (struct yg_token_rules){.algorithms = algorithms,
                                    .num_algorithms = name_algorithms(jwt->algorithms, algorithms),
                                    .keys = keys,
                                    .num_keys = jwt->keys.num,
                                    .jwks_file = jwt->jwks_url[0] == '/' ? jwt->jwks_url : NULL,
                                    .jwks_url = jwt->jwks_url[0] == '/' ? NULL : jwt->jwks_url,
                                    .issuer = jwt->issuer,
                                    .audience = jwt->audience,
                                    .user_claim = jwt->user_claim,
                                    .leeway_ms = jwt->leeway_ms,
                                    .require_exp = jwt->require_exp,
                                    .anonymous = config->auth.anonymous};
    rc = yg_token_checker_new(&rules, problem, ret_checker);
    free(keys);
    return rc == -EIO ? -EINVAL : rc;
}

static int make_checker(struct yg_state *state, const struct yg_config *config,
                        struct yg_token_checker **ret_checker)
{
    struct yg_token_problem problem = {{0}};
    const int rc = yg_auth_checker(config, &problem, ret_checker);

    if (rc == -EINVAL)
        yg_log_option(state, config, "auth.jwt: %s", problem.text);
    return rc;
}

/* Keys that were fetched serve until others come. */
static void inherit(struct yg_state *state, struct yg_auth *auth)
{
    struct yg_auth *before;

    pthread_mutex_lock(&state->lock);
    before = state->auth != NULL ? yg_auth_ref(state->auth) : NULL;
    pthread_mutex_unlock(&state->lock);
    if (before != NULL)
        yg_auth_inherit(auth, before);
    yg_auth_unref(before);
}

int yg_auth_new(struct yg_state *state, const struct yg_config *config, struct yg_auth **ret_auth)
{
    struct yg_auth *auth = calloc(1, sizeof(*auth));
    const bool has_tokens = (config->auth.methods & YG_METHOD_JWT) != 0;
    const char *url = config->auth.jwt.jwks_url;
    int rc = 0;

    if (auth == NULL)
        return -ENOMEM;
    atomic_init(&auth->refs, 1);
    auth->url = strdup(has_tokens && url[0] != '/' ? url : "");
    if (auth->url == NULL)
        rc = -ENOMEM;
    else if (has_tokens)
        rc = make_checker(state, config, &auth->checker);
    if (rc < 0) {
        yg_auth_unref(auth);
        return rc;
    }
    inherit(state, auth);
    *ret_auth = auth;
    return 0;
}

/* ---- counts and the log ---- */

static const char *const methods[YG_NUM_AUTH_METHODS] = {"anonymous", "jwt", "webhook"};
static const char *const outcomes[] = {
    [YG_VERDICT_YES] = "accepted", [YG_VERDICT_NO] = "refused", [YG_VERDICT_LATER] = "unavailable"};

void yg_auth_count(struct yg_state *state, enum yg_auth_method method, enum yg_verdict verdict)
{
    atomic_fetch_add_explicit(&state->auth_counts[method][verdict], 1, memory_order_relaxed);
}

void yg_auth_put(struct yg_state *state, struct yg_text *text)
{
    static const char name[] = "yodel_auth_total";
    char labels[60];

    yg_metric_head(text, name, "counter", "Clients that were asked who they are.");
    for (int i = 0; i < YG_NUM_AUTH_METHODS; i++) {
        for (int j = 0; j <= YG_VERDICT_LATER; j++) {
            snprintf(labels, sizeof(labels), "method=\"%s\",outcome=\"%s\"", methods[i],
                     outcomes[j]);
            yg_metric_sample(text, name, labels,
                             atomic_load_explicit(&state->auth_counts[i][j], memory_order_relaxed));
        }
    }
}

/* One line a second of each reason. */
static void tell(struct yg_state *state, const struct yg_refusal *refusal, yodel_str peer)
{
    const struct yg_log_about about = {
        .event = "auth.refused", .address = peer, .error = yg_token_code_word(refusal->code)};

    if (yg_log_once_a_second(&state->auth_said[refusal->code]))
        yg_log_about(state, YG_LOG_INFO, &about, "auth: refused %" YODEL_PRI ": %s: %s",
                     YODEL_ARG(peer), yg_token_code_word(refusal->code), refusal->text);
}

/* ---- the need ---- */

bool yg_auth_asks(const struct yg_config *config, const char *webhook)
{
    const struct yg_webhook *hook = yg_config_webhook(config, webhook);

    return (config->auth.methods & YG_METHOD_WEBHOOK) != 0 && hook != NULL &&
           (hook->kinds & YG_KIND_CONNECT) != 0;
}

/* None need be shown then and, where tokens are no method at all, none is looked at. */
int yg_auth_need_of(const struct yg_config *config, int need, const char *webhook)
{
    if (!yg_auth_asks(config, webhook))
        return need;
    return (config->auth.methods & YG_METHOD_JWT) != 0 && need != YG_AUTH_NONE ? YG_AUTH_OPTIONAL
                                                                               : YG_AUTH_NONE;
}

enum yg_verdict yg_auth_check_user(struct yg_state *state, const struct yg_config *config, int need,
                                   bool has_user, bool was_answered, const char *where)
{
    if (has_user || need != YG_AUTH_REQUIRED || config->auth.anonymous)
        return YG_VERDICT_YES;
    if (!was_answered)
        return YG_VERDICT_LATER;
    yg_log_event(state, YG_LOG_WARN, "webhook.user_missing",
                 "webhook: %s: a connect was answered without a user, so the client is refused: "
                 "auth: optional, or auth.anonymous, lets such clients in",
                 where);
    return YG_VERDICT_NO;
}

/* ---- the check ---- */

/* The key may be one that was not fetched yet. */
static bool may_be_fetched(struct yg_state *state, const struct yg_auth *auth,
                           const struct yg_refusal *refusal)
{
    return *auth->url != '\0' && (refusal->unknown_kid || refusal->code == YG_TOKEN_KEYS_ABSENT) &&
           yg_key_source_ask(state);
}

static enum yg_verdict check(struct yg_state *state, struct yg_auth *auth, yodel_str shown,
                             bool is_last, struct yg_token *ret_token,
                             struct yg_refusal *ret_refusal)
{
    const int rc = yg_token_check(auth->checker, shown.ptr, shown.len, yg_clock_wall_ms(),
                                  ret_refusal, ret_token);

    if (rc == 0)
        return YG_VERDICT_YES;
    if (rc == -EACCES && !is_last && may_be_fetched(state, auth, ret_refusal))
        return YG_VERDICT_WAIT;
    return rc == -EACCES && !yg_token_code_is_temporary(ret_refusal->code) ? YG_VERDICT_NO
                                                                           : YG_VERDICT_LATER;
}

enum yg_verdict yg_auth_check(struct yg_state *state, struct yg_auth *auth, int need,
                              yodel_str shown, yodel_str peer, bool is_last,
                              struct yg_token *ret_token, struct yg_refusal *ret_refusal)
{
    const bool is_anonymous =
        need == YG_AUTH_NONE ||
        (need == YG_AUTH_OPTIONAL && (shown.ptr == NULL || auth->checker == NULL));
    enum yg_verdict verdict = YG_VERDICT_YES;

    *ret_token = (struct yg_token){0};
    *ret_refusal = (struct yg_refusal){0};
    if (!is_anonymous && (auth->checker == NULL || shown.ptr == NULL)) {
        yg_refuse(ret_refusal, YG_TOKEN_EMPTY, NULL);
        verdict = YG_VERDICT_NO;
    } else if (!is_anonymous) {
        verdict = check(state, auth, shown, is_last, ret_token, ret_refusal);
    }
    if (verdict == YG_VERDICT_WAIT)
        return verdict;
    yg_auth_count(state, is_anonymous ? YG_AUTH_BY_NOTHING : YG_AUTH_BY_JWT, verdict);
    if (verdict == YG_VERDICT_NO)
        tell(state, ret_refusal, peer);
    return verdict;
}
