/* SPDX-License-Identifier: MIT */
#ifndef YD_NET_TLS_H
#define YD_NET_TLS_H

#include <yodel/listen.h>

#include "net/filter.h"

/* Certificates and settings of one listening address, for all loops; OpenSSL behind it. */
struct yd_tls;

/* Reads the files.  log gets OpenSSL's reasons.  Returns 0, -ENOMEM or YODEL_ERR_TLS. */
int yd_tls_new(const struct yodel_allocator *mem, const struct yodel_log_sink *log,
               const yodel_tls_options *options, struct yd_tls **ret_tls);
void yd_tls_free(struct yd_tls *tls);

/* Reads them again, for new connections; any thread.  Returns 0 or YODEL_ERR_TLS. */
int yd_tls_reload(struct yd_tls *tls);

/* Puts TLS under a new connection.  Returns 0 or -ENOMEM. */
int yd_tls_attach(struct yd_tls *tls, struct yd_conn *conn);

#endif
