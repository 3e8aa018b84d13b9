/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "token/checker.h"
#include "token/jwks.h"

static bool is_set(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* ---- checks ---- */

static int read_algorithms(const struct yg_token_rules *rules, struct yg_token_problem *problem,
                           unsigned *ret)
{
    unsigned found = 0;

    for (size_t i = 0; i < rules->num_algorithms; i++) {
        const char *name = rules->algorithms[i];
        int algorithm = yg_algorithm_find(name);
        char quoted[YG_QUOTED_SIZE];

        if (strcasecmp(name, "none") == 0)
            return yg_token_problem_set(problem, -EINVAL,
                                        "algorithms: \"none\" would let everybody in");
        if (algorithm < 0)
            return yg_token_problem_set(problem, -EINVAL, "algorithms: %s is none of the served",
                                        yg_quoted(name, quoted));
        found |= YG_ALGORITHM_BIT(algorithm);
    }
    if (found == 0)
        return yg_token_problem_set(problem, -EINVAL, "algorithms: there is none");
    *ret = found;
    return 0;
}

/* Without TLS the keys come from whoever is on the way, so only from this host. */
static bool is_safe_url(const char *url)
{
    static const char *const safe[] = {"https://", "http://127.0.0.1", "http://[::1]",
                                       "http://localhost"};

    for (size_t i = 0; i < sizeof safe / sizeof safe[0]; i++) {
        size_t len = strlen(safe[i]);

        if (strncasecmp(url, safe[i], len) == 0 && (i == 0 || strchr(":/", url[len]) != NULL))
            return i > 0 || url[len] != '\0';
    }
    return false;
}

static int check_rules(const struct yg_token_rules *rules, struct yg_token_problem *problem)
{
    if (rules->num_keys > YG_TOKEN_MAX_KEYS)
        return yg_token_problem_set(problem, -EINVAL, "keys: there are more than %d",
                                    YG_TOKEN_MAX_KEYS);
    if (rules->num_keys == 0 && !is_set(rules->jwks_file) && !is_set(rules->jwks_url))
        return yg_token_problem_set(problem, -EINVAL,
                                    "there is no key: give keys, jwks_file or jwks_url");
    if (is_set(rules->jwks_url) && !is_safe_url(rules->jwks_url))
        return yg_token_problem_set(problem, -EINVAL,
                                    "jwks_url: only https, or http to this host, is served");
    if (is_set(rules->jwks_url) && !is_set(rules->audience))
        return yg_token_problem_set(problem, -EINVAL,
                                    "jwks_url without audience: tokens that the issuer makes for "
                                    "others would be good here, too");
    if (rules->leeway_ms < 0 || rules->leeway_ms > YG_TOKEN_MAX_LEEWAY_MS)
        return yg_token_problem_set(problem, -EINVAL, "leeway: more than an hour, or less than 0");
    return 0;
}

/* ---- keys ---- */

static int make_key(const struct yg_token_rules *rules, const struct yg_token_key *key,
                    unsigned algorithms, struct yg_token_problem *problem, struct yg_key **ret)
{
    struct yg_key_use use = {.kid = key->kid, .algorithms = algorithms};
    char quoted[YG_QUOTED_SIZE];

    if (is_set(key->alg)) {
        int own = yg_algorithm_find(key->alg);

        if (own < 0 || (algorithms & YG_ALGORITHM_BIT(own)) == 0)
            return yg_token_problem_set(problem, -EINVAL, "alg %s is none of algorithms",
                                        yg_quoted(key->alg, quoted));
        use.algorithms = YG_ALGORITHM_BIT(own);
    }
    if (key->algorithms != 0) {
        if ((key->algorithms & ~algorithms) != 0)
            return yg_token_problem_set(problem, -EINVAL,
                                        "it has an algorithm that is none of algorithms");
        use.algorithms = key->algorithms;
    }
    if ((key->secret != NULL) == (key->pem != NULL))
        return yg_token_problem_set(problem, -EINVAL, "it takes a secret or a PEM text, %s",
                                    key->pem != NULL ? "not both" : "and has neither");
    if (key->secret != NULL)
        return yg_key_from_secret(&use, key->secret, key->secret_len, problem, ret);
    return yg_key_from_pem(&use, key->pem, strlen(key->pem), rules->may_have_private_keys, problem,
                           ret);
}

static bool has_kid(const struct yg_keyset *set, const char *kid)
{
    for (size_t i = 0; i < set->num; i++)
        if (set->keys[i]->kid != NULL && strcmp(set->keys[i]->kid, kid) == 0)
            return true;
    return false;
}

static int add_keys(struct yg_token_checker *checker, const struct yg_token_rules *rules,
                    struct yg_token_problem *problem)
{
    char quoted[YG_QUOTED_SIZE];

    for (size_t i = 0; i < rules->num_keys; i++) {
        const char *kid = is_set(rules->keys[i].kid) ? rules->keys[i].kid : "";
        struct yg_key *key;
        int rc;

        if (kid[0] != '\0' && has_kid(checker->keys, kid))
            return yg_token_problem_set(problem, -EINVAL, "keys: the kid %s is there twice",
                                        yg_quoted(kid, quoted));
        rc = make_key(rules, &rules->keys[i], checker->algorithms, problem, &key);
        if (rc == -EINVAL)
            yg_token_problem_prefix(problem, "key %zu (kid %s)", i + 1, yg_quoted(kid, quoted));
        if (rc < 0 || (rc = yg_keyset_add(checker->keys, key)) < 0)
            return rc;
    }
    return 0;
}

/* ---- a file of keys ---- */

/* The text is freed by the caller.  A byte more than may be is read, so that it is seen. */
static int read_file(const char *path, size_t most, char **ret_text, size_t *ret_len)
{
    FILE *file = fopen(path, "rbe");
    char *text;
    size_t len;
    int rc = 0;

    if (file == NULL)
        return -errno;
    if ((text = malloc(most + 1)) == NULL) {
        fclose(file);
        return -ENOMEM;
    }
    errno = 0;
    len = fread(text, 1, most + 1, file);
    if (ferror(file))
        rc = errno > 0 ? -errno : -EIO;
    fclose(file);
    if (rc < 0) {
        free(text);
        return rc;
    }
    *ret_text = text;
    *ret_len = len;
    return 0;
}

static int add_file(struct yg_token_checker *checker, const char *path,
                    struct yg_token_problem *problem)
{
    struct yg_keyset *set = NULL;
    char *text, quoted[YG_QUOTED_SIZE];
    size_t len;
    int rc = read_file(path, YG_JWKS_MAX_BYTES, &text, &len);

    if (rc == -ENOMEM)
        return rc;
    if (rc < 0)
        return yg_token_problem_set(problem, -EIO, "jwks_file %s: %s", yg_quoted(path, quoted),
                                    strerror(-rc));
    rc = yg_jwks_parse(text, len, checker->algorithms, true, problem, &set);
    OPENSSL_cleanse(text, len);
    free(text);
    if (rc == -EINVAL)
        yg_token_problem_prefix(problem, "jwks_file %s", yg_quoted(path, quoted));
    /* The keys move over; what does not fit is too much. */
    for (size_t i = 0; rc == 0 && i < set->num; i++) {
        rc = yg_keyset_add(checker->keys, set->keys[i]);
        set->keys[i] = NULL;
    }
    yg_keyset_unref(set);
    if (rc == -ENOSPC)
        return yg_token_problem_set(problem, -EINVAL, "jwks_file %s: more than %d keys in all",
                                    yg_quoted(path, quoted), YG_KEYSET_MAX);
    return rc;
}

/* ---- the checker ---- */

static int copy(const char *text, char **ret)
{
    size_t size;

    if (!is_set(text))
        return 0;
    size = strlen(text) + 1;
    if ((*ret = malloc(size)) == NULL)
        return -ENOMEM;
    memcpy(*ret, text, size);
    return 0;
}

static int fill(struct yg_token_checker *checker, const struct yg_token_rules *rules,
                struct yg_token_problem *problem)
{
    int rc;

    if ((checker->keys = yg_keyset_new()) == NULL || copy(rules->issuer, &checker->issuer) < 0 ||
        copy(rules->audience, &checker->audience) < 0 ||
        copy(is_set(rules->user_claim) ? rules->user_claim : "sub", &checker->user_claim) < 0)
        return -ENOMEM;
    checker->claims = (struct yg_claims_rules){.issuer = checker->issuer,
                                               .audience = checker->audience,
                                               .user_claim = checker->user_claim,
                                               .leeway_ms = rules->leeway_ms,
                                               .require_exp = rules->require_exp,
                                               .anonymous = rules->anonymous};
    if ((rc = add_keys(checker, rules, problem)) < 0 || !is_set(rules->jwks_file))
        return rc;
    return add_file(checker, rules->jwks_file, problem);
}

int yg_token_checker_new(const struct yg_token_rules *rules, struct yg_token_problem *problem,
                         struct yg_token_checker **ret)
{
    struct yg_token_checker *checker;
    unsigned algorithms;
    int rc;

    if ((rc = read_algorithms(rules, problem, &algorithms)) < 0 ||
        (rc = check_rules(rules, problem)) < 0)
        return rc;
    if ((checker = calloc(1, sizeof *checker)) == NULL)
        return -ENOMEM;
    checker->algorithms = algorithms;
    checker->fetches = is_set(rules->jwks_url);
    pthread_mutex_init(&checker->lock, NULL);
    if ((rc = fill(checker, rules, problem)) < 0) {
        yg_token_checker_free(checker);
        return rc;
    }
    *ret = checker;
    return 0;
}

void yg_token_checker_free(struct yg_token_checker *checker)
{
    if (checker == NULL)
        return;
    yg_keyset_unref(checker->keys);
    yg_keyset_unref(checker->fetched);
    pthread_mutex_destroy(&checker->lock);
    free(checker->issuer);
    free(checker->audience);
    free(checker->user_claim);
    free(checker);
}

/* Takes over the reference. */
static void exchange(struct yg_token_checker *checker, struct yg_keyset *set)
{
    struct yg_keyset *old;

    pthread_mutex_lock(&checker->lock);
    old = checker->fetched;
    checker->fetched = set;
    pthread_mutex_unlock(&checker->lock);
    yg_keyset_unref(old);
}

int yg_token_checker_set_jwks(struct yg_token_checker *checker, const char *text, size_t len,
                              struct yg_token_problem *problem)
{
    struct yg_keyset *set;
    int rc = yg_jwks_parse(text, len, checker->algorithms, false, problem, &set);

    if (rc == 0)
        exchange(checker, set);
    return rc;
}

struct yg_keyset *yg_token_checker_jwks(struct yg_token_checker *checker)
{
    struct yg_keyset *set;

    pthread_mutex_lock(&checker->lock);
    set = yg_keyset_ref(checker->fetched);
    pthread_mutex_unlock(&checker->lock);
    return set;
}

void yg_token_checker_inherit(struct yg_token_checker *checker, struct yg_token_checker *old)
{
    struct yg_keyset *set = yg_token_checker_jwks(old);

    if (set != NULL)
        exchange(checker, set);
}
