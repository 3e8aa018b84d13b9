/* SPDX-License-Identifier: MIT */
#ifndef YD_NET_TLS_CLIENT_H
#define YD_NET_TLS_CLIENT_H

#include "net/certs.h"
#include "net/tls.h"

/* Settings of the client's side of TLS. */

/* Reads the files into a context.  log gets OpenSSL's reasons.  Returns 0, -ENOMEM or
 * YODEL_ERR_TLS. */
int yd_tls_client_load(const struct yodel_allocator *mem, const struct yodel_log_sink *log,
                       const struct yd_tls_client_options *options, struct yd_certs **ret_certs);

/* The name or address that the peer's certificate must have; NULL: none is asked for.  Returns 0 or
 * -ENOMEM. */
int yd_tls_client_expect(SSL *ssl, const char *name);

/* Why its certificate was refused: static; NULL: it was not. */
const char *yd_tls_client_error(const SSL *ssl);

#endif
