/* SPDX-License-Identifier: MIT */
#include "token/password.h"

#include <crypt.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#define SALT_BYTES 16

static int check_password(const char *password, size_t len, struct yg_token_problem *problem)
{
    if (len == 0)
        return yg_token_problem_set(problem, -EINVAL, "the password is empty");
    if (len > YG_PASSWORD_MAX)
        return yg_token_problem_set(problem, -EINVAL,
                                    "the password has %zu bytes, and bcrypt looks at the first %d "
                                    "only: choose a shorter one",
                                    len, YG_PASSWORD_MAX);
    if (memchr(password, '\0', len) != NULL)
        return yg_token_problem_set(problem, -EINVAL,
                                    "the password has a NUL, where bcrypt would end it");
    return 0;
}

/* What crypt_r() makes of a password and a setting of $2b$. */
static int crypt_password(const char *password, size_t len, const char *setting,
                          char ret_hash[YG_PASSWORD_HASH_SIZE])
{
    struct crypt_data *data = calloc(1, sizeof *data);
    char text[YG_PASSWORD_MAX + 1];
    const char *hash;
    int rc = -EIO;

    if (data == NULL)
        return -ENOMEM;
    memcpy(text, password, len);
    text[len] = '\0';
    hash = crypt_r(text, setting, data);
    if (hash != NULL && strlen(hash) == YG_PASSWORD_HASH_SIZE - 1) {
        memcpy(ret_hash, hash, YG_PASSWORD_HASH_SIZE);
        rc = 0;
    }
    OPENSSL_cleanse(text, sizeof text);
    OPENSSL_cleanse(data, sizeof *data);
    free(data);
    return rc;
}

int yg_password_hash(const char *password, size_t len, unsigned cost,
                     struct yg_token_problem *problem, char ret_hash[YG_PASSWORD_HASH_SIZE])
{
    char salt[SALT_BYTES], setting[CRYPT_GENSALT_OUTPUT_SIZE];
    int rc = check_password(password, len, problem);

    if (rc < 0)
        return rc;
    if (cost < YG_PASSWORD_MIN_COST || cost > YG_PASSWORD_MAX_COST)
        return yg_token_problem_set(problem, -EINVAL, "the cost is none of %d to %d",
                                    YG_PASSWORD_MIN_COST, YG_PASSWORD_MAX_COST);
    if (RAND_bytes((unsigned char *)salt, sizeof salt) != 1 ||
        crypt_gensalt_rn("$2b$", cost, salt, sizeof salt, setting, sizeof setting) == NULL)
        return -EIO;
    return crypt_password(password, len, setting, ret_hash);
}

int yg_password_check_form(const char *hash, struct yg_token_problem *problem)
{
    static const char alphabet[] =
        "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    unsigned cost;

    if (strncmp(hash, "$2a$", 4) != 0 && strncmp(hash, "$2b$", 4) != 0 &&
        strncmp(hash, "$2y$", 4) != 0)
        return yg_token_problem_set(problem, -EINVAL,
                                    "the hash is not bcrypt: it does not begin with $2b$, $2a$ or "
                                    "$2y$ (yodel hash-password makes one)");
    if (strlen(hash) != YG_PASSWORD_HASH_SIZE - 1 || strspn(hash + 4, "0123456789") != 2 ||
        hash[6] != '$' || strspn(hash + 7, alphabet) != YG_PASSWORD_HASH_SIZE - 8)
        return yg_token_problem_set(problem, -EINVAL,
                                    "the hash is damaged: $2b$, two digits, $ and 53 characters "
                                    "are wanted");
    cost = (unsigned)(hash[4] - '0') * 10 + (unsigned)(hash[5] - '0');
    if (cost < YG_PASSWORD_MIN_COST || cost > YG_PASSWORD_MAX_COST)
        return yg_token_problem_set(problem, -EINVAL, "the cost of the hash is none of %d to %d",
                                    YG_PASSWORD_MIN_COST, YG_PASSWORD_MAX_COST);
    return 0;
}

bool yg_password_matches(const char *password, size_t len, const char *hash)
{
    char made[YG_PASSWORD_HASH_SIZE];

    return check_password(password, len, NULL) == 0 && yg_password_check_form(hash, NULL) == 0 &&
           crypt_password(password, len, hash, made) == 0 &&
           CRYPTO_memcmp(made, hash, sizeof made - 1) == 0;
}
