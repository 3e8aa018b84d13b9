/* SPDX-License-Identifier: MIT */
#ifndef YG_TOKEN_PASSWORD_H
#define YG_TOKEN_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

#include "token/token_problem.h"

/* Passwords kept as bcrypt (crypt(5): $2b$; $2a$ and $2y$ of other programs are taken too). Hashing
 * takes 50 to 300 ms on purpose: never on a loop. */

#define YG_PASSWORD_MAX 72 /* bytes: bcrypt looks at no more, so more is refused */
#define YG_PASSWORD_HASH_SIZE 61
#define YG_PASSWORD_COST 12
#define YG_PASSWORD_MIN_COST 4
#define YG_PASSWORD_MAX_COST 16 /* four seconds; a hash that wants more is refused */

/* 0; -EINVAL with the problem said: empty, longer than YG_PASSWORD_MAX, a NUL in it, a wrong cost;
 * -ENOMEM; -EIO. */
int yg_password_hash(const char *password, size_t len, unsigned cost,
                     struct yg_token_problem *problem, char ret_hash[YG_PASSWORD_HASH_SIZE]);

/* The form of a hash: "$2b$12$" and 53 characters.  0; -EINVAL with the problem said. */
int yg_password_check_form(const char *hash, struct yg_token_problem *problem);

/* True where it is the password.  False too where the hash has not the form of one, and where there
 * is no memory. */
bool yg_password_matches(const char *password, size_t len, const char *hash);

#endif
