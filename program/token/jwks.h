/* SPDX-License-Identifier: MIT */
#ifndef YG_TOKEN_JWKS_H
#define YG_TOKEN_JWKS_H

#include <jansson.h>
#include <stdbool.h>

#include "token/keyset.h"

/*
 * JWK sets (RFC 7517; kinds of RFC 7518, section 6 and RFC 8037): oct, RSA, EC on P-256, P-384 and
 * P-521, OKP with Ed25519.  A key whose use is not "sig", whose key_ops have no "verify", or whose
 * alg is none of those asked for is left out, as is every kind that is not known; how many were is
 * in the set.  Private parts are not looked at.
 */

#define YG_JWKS_MAX_BYTES ((size_t)256 << 10)

/*
 * algorithms: those that keys may serve, as bits.  may_have_secrets: whether kind oct is taken; of
 * a set that is fetched it is not, for who publishes a secret has none.  0, with one key at least;
 * -EINVAL with the problem said: too large, no JSON, no "keys", no key that can be used; -ENOMEM.
 */
int yg_jwks_parse(const char *text, size_t len, unsigned algorithms, bool may_have_secrets,
                  struct yg_token_problem *problem, struct yg_keyset **ret);

/* One key.  0; 1: not for us, and left out; -EINVAL; -ENOMEM. */
int yg_jwk_read(const json_t *jwk, unsigned algorithms, struct yg_token_problem *problem,
                struct yg_key **ret);

#endif
