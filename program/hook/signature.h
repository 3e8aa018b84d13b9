/* SPDX-License-Identifier: MIT */
#ifndef YG_HOOK_SIGNATURE_H
#define YG_HOOK_SIGNATURE_H

#include <stdint.h>

#include "base/text.h"

/*
 * Signatures of Standard Webhooks: HMAC-SHA256 over "ID.TIMESTAMP.BODY", in base64 behind "v1,".  A
 * back end checks them over the bytes of the body as they came, and refuses old timestamps.
 */

/* Secrets that are ready to sign with: keying takes longer than signing a short body.  Of one
 * thread at a time. */
struct yg_signer;

/*
 * secrets   strings; "whsec_" and base64 is the form that the libraries of Standard Webhooks take,
 *           anything else is used as it is; "" is left out
 *
 * Returns 0, -ENOMEM, -EINVAL (what is behind "whsec_" is no base64).
 */
int yg_signer_new(const char *const *secrets, unsigned num, struct yg_signer **ret_signer);
void yg_signer_free(struct yg_signer *signer); /* NULL does nothing */

/*
 * Adds the value of webhook-signature: one signature for each secret, a blank between them.
 *
 * id        of the request, as webhook-id has it
 * time_s    seconds since 1970, as webhook-timestamp has it
 *
 * Returns 0 or -ENOMEM.
 */
int yg_signer_sign(struct yg_signer *signer, const char *id, int64_t time_s, yodel_str body,
                   struct yg_text *text);

/* The same with secrets that are used once; -EINVAL, too. */
int yg_sign(const char *const *secrets, unsigned num, const char *id, int64_t time_s,
            yodel_str body, struct yg_text *text);

#define YG_SIGN_TOLERANCE_S 300 /* how old, or how far ahead, a timestamp may be */

/* What a check of a request has found. */
enum yg_signed {
    YG_SIGNED_WELL,
    YG_SIGNED_NOT,   /* a header is missing, or cannot be read */
    YG_SIGNED_STALE, /* too old, or of a time to come */
    YG_SIGNED_WRONG  /* no signature is of one of the secrets */
};

/*
 * The other side: checks a request that has come.
 *
 * secrets       as for yg_sign(); without any that is not "" nothing is well
 * id, time, signatures   the values of webhook-id, webhook-timestamp and webhook-signature; {NULL,
 *               0}: it has none.  Signatures of other versions than v1 are passed over
 * body          the bytes as they came
 * now_s         seconds since 1970
 * ret_signed    what was found; untouched on failure
 *
 * Returns 0, -ENOMEM, -EINVAL (a secret, as for yg_sign()).
 */
int yg_sign_check(const char *const *secrets, unsigned num, yodel_str id, yodel_str time,
                  yodel_str signatures, yodel_str body, int64_t now_s, enum yg_signed *ret_signed);

/* What is said of it, for people; static. */
const char *yg_signed_words(enum yg_signed found);

#endif
