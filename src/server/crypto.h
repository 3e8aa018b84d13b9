/* SPDX-License-Identifier: MIT */
#ifndef YD_SERVER_CRYPTO_H
#define YD_SERVER_CRYPTO_H

/*
 * Has OpenSSL make all of its algorithms that a server may need.  It makes those of a kind when the
 * first of them is looked for; where memory ends in that (seen with 3.0.19), all of the kind are
 * unknown for as long as the process lives, whatever memory there is later.  So that time is when
 * servers are made.
 *
 * Returns 0 or -ENOMEM.
 */
int yd_server_begin_crypto(void);

#endif
