/* SPDX-License-Identifier: MIT */
#ifndef YD_TESTS_HEX_H
#define YD_TESTS_HEX_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The bytes of hex digits, in memory of exactly their length; to be freed. */
static inline uint8_t *hex_bytes(const char *hex, size_t *ret_len)
{
    size_t len = strlen(hex) / 2;
    uint8_t *bytes = malloc(len > 0 ? len : 1);

    if (bytes == NULL)
        abort();
    for (size_t i = 0; i < len; i++) {
        unsigned byte = 0;

        if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
            abort();
        bytes[i] = (uint8_t)byte;
    }
    *ret_len = len;
    return bytes;
}

#endif
