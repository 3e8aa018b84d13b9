/* SPDX-License-Identifier: MIT */
#include "token/algorithm.h"

#include <stdio.h>
#include <string.h>

static const struct yg_algorithm_info table[YG_NUM_ALGORITHMS] = {
    [YG_HS256] = {"HS256", YG_KEY_SECRET, "SHA256", 32, false, NULL, 0},
    [YG_HS384] = {"HS384", YG_KEY_SECRET, "SHA384", 48, false, NULL, 0},
    [YG_HS512] = {"HS512", YG_KEY_SECRET, "SHA512", 64, false, NULL, 0},
    [YG_RS256] = {"RS256", YG_KEY_RSA, "SHA256", 32, false, NULL, 0},
    [YG_RS384] = {"RS384", YG_KEY_RSA, "SHA384", 48, false, NULL, 0},
    [YG_RS512] = {"RS512", YG_KEY_RSA, "SHA512", 64, false, NULL, 0},
    [YG_PS256] = {"PS256", YG_KEY_RSA, "SHA256", 32, true, NULL, 0},
    [YG_PS384] = {"PS384", YG_KEY_RSA, "SHA384", 48, true, NULL, 0},
    [YG_PS512] = {"PS512", YG_KEY_RSA, "SHA512", 64, true, NULL, 0},
    [YG_ES256] = {"ES256", YG_KEY_EC, "SHA256", 32, false, "P-256", 32},
    [YG_ES384] = {"ES384", YG_KEY_EC, "SHA384", 48, false, "P-384", 48},
    [YG_ES512] = {"ES512", YG_KEY_EC, "SHA512", 64, false, "P-521", 66},
    [YG_EDDSA] = {"EdDSA", YG_KEY_ED25519, NULL, 0, false, "Ed25519", 0},
};

const struct yg_algorithm_info *yg_algorithm_info(enum yg_algorithm algorithm)
{
    return &table[algorithm];
}

int yg_algorithm_find(const char *name)
{
    for (int i = 0; i < YG_NUM_ALGORITHMS; i++)
        if (strcmp(table[i].name, name) == 0)
            return i;
    return -1;
}

unsigned yg_algorithms_of_type(enum yg_key_type type, const char *curve)
{
    unsigned found = 0;

    for (int i = 0; i < YG_NUM_ALGORITHMS; i++)
        if (table[i].type == type &&
            (type != YG_KEY_EC || (curve != NULL && strcmp(curve, table[i].curve) == 0)))
            found |= YG_ALGORITHM_BIT(i);
    return found;
}

void yg_algorithms_list(unsigned algorithms, char *ret_text, size_t size)
{
    size_t used = 0;

    snprintf(ret_text, size, "none");
    for (int i = 0; i < YG_NUM_ALGORITHMS && used < size; i++)
        if (algorithms & YG_ALGORITHM_BIT(i))
            used += (size_t)snprintf(ret_text + used, size - used, "%s%s", used > 0 ? ", " : "",
                                     table[i].name);
}

const char *yg_key_type_name(enum yg_key_type type)
{
    static const char *const names[] = {[YG_KEY_SECRET] = "a secret",
                                        [YG_KEY_RSA] = "an RSA key",
                                        [YG_KEY_EC] = "an EC key",
                                        [YG_KEY_ED25519] = "an Ed25519 key"};

    return names[type];
}
