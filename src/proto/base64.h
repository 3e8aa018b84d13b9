/* SPDX-License-Identifier: MIT */
#ifndef YD_PROTO_BASE64_H
#define YD_PROTO_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Base64 with the standard alphabet and padding (RFC 4648 section 4), and ids made of random bytes.
 */

/* The greatest length that yd_base64_len() takes. */
#define YD_BASE64_MAX (SIZE_MAX / 4 * 3 - 2)

/* Length of the text that len bytes make. */
static inline size_t yd_base64_len(size_t len)
{
    return (len / 3 + (len % 3 != 0)) * 4;
}

/* Writes yd_base64_len(len) characters, without a NUL; returns their end. */
char *yd_base64_encode(char *out, const void *data, size_t len);

/*
 * Decodes text[0..len) to out, which may be text itself, else has room for len / 4 * 3 bytes.
 *
 * Returns true with the number of bytes in *ret_len; false for what no encoder writes: another
 * character (blanks too), a length that is no multiple of four, misplaced padding, bits set after
 * the last byte.  out is then spoilt.
 */
bool yd_base64_decode(uint8_t *out, const void *text, size_t len, size_t *ret_len);

#define YD_ID_LEN 20   /* characters of an id */
#define YD_ID_BYTES 15 /* bytes that it stands for */

/* Writes the id of 15 random bytes, of A-Z a-z 0-9 _ -, without a NUL: what Engine.IO and Socket.IO
 * servers use as session, socket and recovery id.  The first bit is taken as 0, so that an id
 * begins with a letter and a command never takes it for an option. */
void yd_id_encode(char out[YD_ID_LEN], const uint8_t random[YD_ID_BYTES]);

#endif
