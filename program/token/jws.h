/* SPDX-License-Identifier: MIT */
#ifndef YG_TOKEN_JWS_H
#define YG_TOKEN_JWS_H

#include <jansson.h>
#include <stddef.h>

#include "token/algorithm.h"
#include "token/key.h"
#include "token/refusal.h"

/* The compact form of a signed token (RFC 7515, section 7.1): header.payload.signature. */

#define YG_TOKEN_MAX ((size_t)16 << 10) /* characters */
#define YG_JWS_HEADER_MAX ((size_t)4 << 10)
#define YG_JWS_DEPTH 32 /* lists and objects in one another, in tokens and sets of keys */

struct yg_jws {
    const char *signed_text; /* header and payload; views of the token */
    size_t signed_len;
    const char *header, *payload, *signature; /* in base64url */
    size_t header_len, payload_len, signature_len;
    enum yg_algorithm algorithm;
    char kid[YG_KID_MAX + 1]; /* "": none */
};

/*
 * Cuts a token and reads its header: the steps form, header, algorithm.  allowed are the algorithms
 * that may be, as bits.  Members of the header that carry or point to a key (jwk, jku, x5c, x5u)
 * are not looked at: a key comes from the configuration only.  0; -EACCES; -ENOMEM.
 */
int yg_jws_open(const char *token, size_t len, unsigned allowed, struct yg_refusal *refusal,
                struct yg_jws *ret);

/* The payload, to be read after the signature holds: the step claims. */
int yg_jws_claims(const struct yg_jws *jws, struct yg_refusal *refusal, json_t **ret);

#endif
