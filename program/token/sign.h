/* SPDX-License-Identifier: MIT */
#ifndef YG_TOKEN_SIGN_H
#define YG_TOKEN_SIGN_H

#include <jansson.h>

#include "token/key.h"

/* Making tokens and keys: for the command line and for tests. */

/* The token, to be freed.  kid NULL or "": none in the header.  0; -EINVAL: the key does not serve
 * the algorithm or cannot sign; -E2BIG: longer than a check takes; -ENOMEM. */
int yg_token_sign(const struct yg_key *key, enum yg_algorithm algorithm, const char *kid,
                  const json_t *claims, char **ret_text);

/* The first algorithm of the key's. */
enum yg_algorithm yg_key_algorithm(const struct yg_key *key);

/* Texts to be freed by yg_key_texts_free(). */
struct yg_key_texts {
    char *secret_part; /* of HS*: base64url without end of line, whose characters are the secret, so
                          that every library takes it as it is; else a PRIVATE KEY */
    char *public_part; /* a PUBLIC KEY; NULL: HS* has none */
};

/* Random keys: as many bytes as the hash has, P-256 to P-521, Ed25519.  0; -EINVAL: none for RS*
 * and PS*; -EIO: there is no randomness; -ENOMEM. */
int yg_key_generate(enum yg_algorithm algorithm, struct yg_key_texts *ret);
void yg_key_texts_free(struct yg_key_texts *texts);

#endif
