/* SPDX-License-Identifier: MIT */
#ifndef YG_BASE_BASE64_H
#define YG_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Binary in text: base64 as RFC 4648 section 4 has it, with padding, without blanks or line ends,
 * and with nothing in the bits that are left over: the same bytes have one text only. */

#define YG_BASE64_CHARS(bytes) (((bytes) + 2) / 3 * 4)
#define YG_BASE64_BYTES(chars) ((chars) / 4 * 3)

/*
 * ret_bytes   room for YG_BASE64_BYTES(len)
 *
 * Returns false for what is no such text.
 */
bool yg_base64_decode(const char *text, size_t len, uint8_t *ret_bytes, size_t *ret_len);

/* Writes YG_BASE64_CHARS(len) characters, and no NUL. */
void yg_base64_encode(const uint8_t *bytes, size_t len, char *ret_text);

/* The same as a JSON string, with its quotes; a failure sticks to the text. */
struct yg_text;
void yg_base64_put(struct yg_text *text, const uint8_t *bytes, size_t len);

#endif
