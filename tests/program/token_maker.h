/* SPDX-License-Identifier: MIT */
#ifndef YG_TESTS_TOKEN_MAKER_H
#define YG_TESTS_TOKEN_MAKER_H

#include <stddef.h>
#include <stdint.h>

#include "token/token.h"

/* Tokens and checkers of tests; a failure ends the test. */

#define NOW_S INT64_C(1700000000)
#define NOW_MS (NOW_S * 1000)
#define SECRET "a secret of tests, 32 bytes long." /* 33 */
#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"

/* Of these texts, whatever they are, signed by HS256 with SECRET; to be freed. */
char *token_of(const char *header, const char *payload);

/* header, "." and payload in base64url, "." and what is said; to be freed. */
char *token_signed_as(const char *header, const char *payload, const char *signature);

/* Rules with HS256 and SECRET; the arrays live on. */
struct yg_token_rules token_rules(void);

struct yg_token_checker *token_checker(const struct yg_token_rules *rules);

#endif
