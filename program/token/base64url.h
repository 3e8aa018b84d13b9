/* SPDX-License-Identifier: MIT */
#ifndef YG_TOKEN_BASE64URL_H
#define YG_TOKEN_BASE64URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Base64url as RFC 7515, section 2, wants it: no padding, no blanks, and the bits that are left
 * over in the last character are 0, so that there is one text only for the same bytes. */

/* What is at most decoded from, and exactly written for, so many. */
#define YG_BASE64URL_BYTES(chars) ((chars) / 4 * 3 + 2)
#define YG_BASE64URL_CHARS(bytes) (((bytes)*4 + 2) / 3)

enum yg_base64url {
    YG_BASE64URL_OK,
    YG_BASE64URL_CHARACTER, /* one that is none of A-Z a-z 0-9 - _ */
    YG_BASE64URL_PADDING,   /* "=" */
    YG_BASE64URL_LENGTH,    /* no text has 4 n + 1 characters */
    YG_BASE64URL_BITS       /* bits that are left over are not 0 */
};

/* ret_bytes has room for YG_BASE64URL_BYTES(len). */
enum yg_base64url yg_base64url_decode(const char *text, size_t len, uint8_t *ret_bytes,
                                      size_t *ret_len);

/* Writes YG_BASE64URL_CHARS(len) characters, and no NUL; returns their number. */
size_t yg_base64url_encode(const uint8_t *bytes, size_t len, char *ret_text);

/* What is wrong, in words: "has padding". */
const char *yg_base64url_words(enum yg_base64url result);

#endif
