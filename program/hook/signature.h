/* SPDX-License-Identifier: MIT */
#ifndef YG_HOOK_SIGNATURE_H
#define YG_HOOK_SIGNATURE_H

#include <stdint.h>

#include "base/text.h"

/*
 * Signatures of Standard Webhooks: HMAC-SHA256 over "ID.TIMESTAMP.BODY", in base64 behind "v1,".  A
 * back end checks them over the bytes of the body as they came, and refuses old timestamps.
 */

/*
 * Writes the value of webhook-signature: one signature for each secret, a blank between them.
 *
 * secrets   strings; "whsec_" and base64 is the form that the libraries of Standard Webhooks take,
 *           anything else is used as it is; "" is left out
 * id        of the request, as webhook-id has it
 * time_s    seconds since 1970, as webhook-timestamp has it
 *
 * Returns 0, -ENOMEM, -EINVAL (what is behind "whsec_" is no base64).
 */
int yg_sign(const char *const *secrets, unsigned num, const char *id, int64_t time_s,
            yodel_str body, struct yg_text *ret_text);

#endif
