/* SPDX-License-Identifier: MIT */
#ifndef YG_TOKEN_KEY_H
#define YG_TOKEN_KEY_H

#include <openssl/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "token/algorithm.h"
#include "token/token_problem.h"

/*
 * A key of one type, for the algorithms of that type that it is bound to: a public key is never the
 * secret of an HMAC, whatever a token says.  Keys do not change once they are made, so any thread
 * may use one.
 */

#define YG_KID_MAX 255                /* bytes of a name */
#define YG_HMAC_SECRET_MAX 4096       /* bytes of an HMAC secret */
#define YG_PEM_MAX ((size_t)64 << 10) /* bytes of a PEM text */
#define YG_RSA_MIN_BITS 2048
#define YG_RSA_MAX_BITS 8192
#define YG_SIGNATURE_MAX (YG_RSA_MAX_BITS / 8)

struct yg_key {
    char *kid;           /* NULL: has no name, serves tokens that name any key */
    unsigned algorithms; /* bits; never empty */
    enum yg_key_type type;
    bool is_private; /* can sign; a secret always can */
    uint8_t *secret; /* of YG_KEY_SECRET */
    size_t secret_len;
    EVP_PKEY *pkey; /* of the other types */
};

/* What a key is for, as the configuration or a JWK says it. */
struct yg_key_use {
    const char *kid;     /* NULL or "": none */
    unsigned algorithms; /* bits; at least one must be of the key's type, the others are dropped */
};

/*
 * Results: 0; -EINVAL with the problem said; -ENOMEM.
 *
 * A secret is refused where it is shorter than the hash of one of its algorithms (RFC 7518, section
 * 3.2), and where it is a PEM text: with a public key as the secret everybody could sign.
 */
int yg_key_from_secret(const struct yg_key_use *use, const void *secret, size_t len,
                       struct yg_token_problem *problem, struct yg_key **ret);

/* A PEM text: PUBLIC KEY, CERTIFICATE (only its key counts) or, where may_be_private, PRIVATE KEY
 * without a password.  RSA of YG_RSA_MIN_BITS and more, P-256, P-384, P-521, Ed25519. */
int yg_key_from_pem(const struct yg_key_use *use, const char *pem, size_t len, bool may_be_private,
                    struct yg_token_problem *problem, struct yg_key **ret);

/* Takes a reference on pkey, success or not. */
int yg_key_from_pkey(const struct yg_key_use *use, EVP_PKEY *pkey, bool is_private,
                     struct yg_token_problem *problem, struct yg_key **ret);

/* NULL is allowed.  Overwrites a secret. */
void yg_key_free(struct yg_key *key);

/* True for a text that begins, after blanks, like PEM. */
bool yg_key_is_pem(const char *text, size_t len);

/* The signature of data: 1 is right, 0 is wrong or algorithm is none of the key's; -ENOMEM.
 * Signatures of ES* are r and s of fixed length (RFC 7518, section 3.4); HMACs are compared in a
 * time that does not tell how much of them is right. */
int yg_key_verify(const struct yg_key *key, enum yg_algorithm algorithm, const void *data,
                  size_t data_len, const uint8_t *signature, size_t signature_len);

/* 0; -EINVAL: the key cannot sign that way; -ENOMEM. */
int yg_key_sign(const struct yg_key *key, enum yg_algorithm algorithm, const void *data,
                size_t data_len, uint8_t ret_signature[YG_SIGNATURE_MAX], size_t *ret_len);

#endif
