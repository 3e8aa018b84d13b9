/* SPDX-License-Identifier: MIT */
#ifndef YG_TOKEN_ALGORITHM_H
#define YG_TOKEN_ALGORITHM_H

#include <stdbool.h>
#include <stddef.h>

/* The signature algorithms of RFC 7518, section 3, and EdDSA of RFC 8037.  There is no "none". */

enum yg_key_type { YG_KEY_SECRET, YG_KEY_RSA, YG_KEY_EC, YG_KEY_ED25519 };

enum yg_algorithm {
    YG_HS256,
    YG_HS384,
    YG_HS512,
    YG_RS256,
    YG_RS384,
    YG_RS512,
    YG_PS256,
    YG_PS384,
    YG_PS512,
    YG_ES256,
    YG_ES384,
    YG_ES512,
    YG_EDDSA,
    YG_NUM_ALGORITHMS
};

/* A set of algorithms: a bit each. */
#define YG_ALGORITHM_BIT(algorithm) (1u << (algorithm))
#define YG_ALL_ALGORITHMS ((1u << YG_NUM_ALGORITHMS) - 1)

struct yg_algorithm_info {
    const char *name;
    enum yg_key_type type;
    const char *digest; /* of OpenSSL; NULL: EdDSA has its own */
    size_t hash_len;    /* bytes; of EdDSA 0 */
    bool is_pss;
    const char *curve; /* of JWK; NULL: no curve */
    size_t half_len;   /* of ES*: bytes of r, and of s */
};

const struct yg_algorithm_info *yg_algorithm_info(enum yg_algorithm algorithm);

/* The algorithm of that name, letter case counts; -1: there is none. */
int yg_algorithm_find(const char *name);

/* The algorithms that keys of this type can serve; curve is of YG_KEY_EC, else NULL. */
unsigned yg_algorithms_of_type(enum yg_key_type type, const char *curve);

/* "RS256, PS256", cut where it is longer than size; "none" for the empty set. */
void yg_algorithms_list(unsigned algorithms, char *ret_text, size_t size);

/* "an RSA key" and so on. */
const char *yg_key_type_name(enum yg_key_type type);

#endif
