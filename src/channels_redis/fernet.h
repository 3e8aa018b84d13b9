/* SPDX-License-Identifier: MIT */
#ifndef YD_CHANNELS_REDIS_FERNET_H
#define YD_CHANNELS_REDIS_FERNET_H

#include <yodel/base.h>

#include "base/buf.h"

/*
 * Fernet tokens (github.com/fernet/spec), as channels_redis encrypts by: base64url, with padding,
 * of 0x80, the time in seconds (8 bytes), an initialisation vector (16), AES-128-CBC of the
 * padded message, and HMAC-SHA256 of all that.
 */

struct yd_fernet_key {
    uint8_t sign[16], crypt[16];
};

#define YD_FERNET_IV_LEN 16
/* How far a token's time may be ahead of ours. */
#define YD_FERNET_SKEW_S 60

/* The key that channels_redis makes of a symmetric key of any length: its SHA-256.  Returns 0 or
 * -ENOMEM. */
int yd_fernet_make_key(yodel_bytes secret, struct yd_fernet_key *ret_key);

/* Appends a token of message; iv: NULL for a random one.  Returns 0 or -ENOMEM (OpenSSL's too);
 * buf then keeps its length. */
int yd_fernet_put(const struct yodel_allocator *mem, struct yd_buf *buf,
                  const struct yd_fernet_key *key, const uint8_t *iv, uint64_t now_s,
                  yodel_bytes message);

/*
 * Appends the message of a token that was made with one of the keys.
 *
 * max_age_s   0: of any age; else a token older than that is refused, and one of the future
 *
 * Returns 0, -ENOMEM, YODEL_ERR_PROTOCOL (not a token, of none of the keys), -ETIMEDOUT (too old);
 * buf then keeps its length.
 */
int yd_fernet_read(const struct yodel_allocator *mem, struct yd_buf *buf,
                   const struct yd_fernet_key *keys, size_t num_keys, uint64_t now_s,
                   uint64_t max_age_s, yodel_bytes token);

#endif
