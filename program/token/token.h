/* SPDX-License-Identifier: MIT */
#ifndef YG_TOKEN_TOKEN_H
#define YG_TOKEN_TOKEN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "token/grants.h"
#include "token/keyset.h"
#include "token/refusal.h"
#include "token/token_problem.h"

/*
 * Checks of JSON Web Tokens (RFC 7519), by the rules of the configuration: the algorithm is one of
 * a list, the key one that is bound to it, and nothing that the token itself says chooses more than
 * among these.
 */

struct yg_token_key {
    const char *kid; /* Optional.  With it the key serves tokens that name it, or none. */
    const char *alg; /* Optional: the only algorithm; without it all configured ones of its type. */
    unsigned algorithms; /* in place of alg: bits of token/algorithm.h; 0: not told */
    /* One of the two. */
    const char *secret; /* bytes of an HMAC secret */
    size_t secret_len;
    const char *pem; /* a PUBLIC KEY or a CERTIFICATE, ended by NUL */
};

/* Read by yg_token_checker_new(), which keeps nothing of it. */
struct yg_token_rules {
    const char *const *algorithms; /* Required: at least one of "HS256" ... "EdDSA" */
    size_t num_algorithms;
    const struct yg_token_key *keys; /* keys, or jwks_file, or jwks_url, or several of them */
    size_t num_keys;
    const char *jwks_file;  /* read at once */
    const char *jwks_url;   /* https, or http to this host; fetched by the caller: */
                            /* yg_token_checker_set_jwks() */
    const char *issuer;     /* NULL or "": any */
    const char *audience;   /* the same; compulsory with jwks_url */
    const char *user_claim; /* NULL or "": "sub" */
    int64_t leeway_ms;      /* for clocks that differ: 0 to YG_TOKEN_MAX_LEEWAY_MS */
    bool require_exp;
    bool anonymous;             /* a token without a user is good, too */
    bool may_have_private_keys; /* PEM of private keys is taken: for the command line */
};

#define YG_TOKEN_MAX_LEEWAY_MS ((int64_t)3600 * 1000)
#define YG_TOKEN_MAX_KEYS 32
#define YG_TOKEN_MAX_TRIES 8 /* keys held against one signature, where the token names none */

/* Any thread may check; yg_token_checker_set_jwks() may be called meanwhile. */
struct yg_token_checker;

/*
 * 0; -EINVAL with the problem said: no algorithm or an unknown one, no key, a key that serves none
 * of the algorithms, a short secret or RSA key, a public key as a secret, the same kid twice,
 * jwks_url without audience or not https, a wrong leeway; -EIO: jwks_file cannot be read, said too;
 * -ENOMEM.
 */
int yg_token_checker_new(const struct yg_token_rules *rules, struct yg_token_problem *problem,
                         struct yg_token_checker **ret);
void yg_token_checker_free(struct yg_token_checker *checker); /* NULL is allowed */

/*
 * The set that was fetched from jwks_url: exchanges the one before, whole.  A text that cannot be
 * used leaves the old keys in service.  Secrets in it are left out.  0; -EINVAL with the problem
 * said; -ENOMEM.
 */
int yg_token_checker_set_jwks(struct yg_token_checker *checker, const char *text, size_t len,
                              struct yg_token_problem *problem);

/* For a new configuration with the same address: the set that the old checker has fetched serves
 * until the next one comes, though without algorithms that are not configured any more. */
void yg_token_checker_inherit(struct yg_token_checker *checker, struct yg_token_checker *old);

/* The fetched set, with a reference; NULL: none yet. */
struct yg_keyset *yg_token_checker_jwks(struct yg_token_checker *checker);

/* A token that is good. */
struct yg_token {
    json_t *claims;   /* a reference */
    const char *user; /* of claims; NULL: anonymous */
    const char *jti;  /* of claims, for the log; NULL: none */
    enum yg_algorithm algorithm;
    int64_t token_expires_ms; /* its exp, since 1970; 0: none */
    int64_t
        expires_ms; /* when the connection ends: exp, or yodel.expires_at in its place; 0: never */
    struct yg_grants grants;
};

/*
 * now_ms: since 1970.  0; -EACCES with the refusal, which may be NULL, filled; -ENOMEM, which says
 * nothing about the token.
 */
int yg_token_check(struct yg_token_checker *checker, const char *text, size_t len, int64_t now_ms,
                   struct yg_refusal *refusal, struct yg_token *ret);
void yg_token_free(struct yg_token *token);

#endif
