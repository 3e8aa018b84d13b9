/* SPDX-License-Identifier: MIT */
#ifndef YD_NET_TLS_H
#define YD_NET_TLS_H

#include <yodel/listen.h>

#include "net/certs.h"
#include "net/filter.h"

/* Certificates and settings of one listening address, for all loops; OpenSSL behind it. */
struct yd_tls;

/* Reads the files.  log gets OpenSSL's reasons.  Returns 0, -ENOMEM or YODEL_ERR_TLS. */
int yd_tls_new(const struct yodel_allocator *mem, const struct yodel_log_sink *log,
               const yodel_tls_options *options, struct yd_tls **ret_tls);
void yd_tls_free(struct yd_tls *tls);

/* Reads them again, for new connections; any thread.  Returns 0 or YODEL_ERR_TLS. */
int yd_tls_reload(struct yd_tls *tls);
/* The same in two steps.  Reads them; returns 0, -ENOMEM, YODEL_ERR_TLS. */
int yd_tls_read(struct yd_tls *tls, struct yd_certs **ret_certs);
/* Has new connections use them, unless others are used that were read later.  Takes them. */
void yd_tls_exchange(struct yd_tls *tls, struct yd_certs *certs);

/* Puts TLS under a new connection.  Returns 0 or -ENOMEM. */
int yd_tls_attach(struct yd_tls *tls, struct yd_conn *conn);

/* ---- connections that go out ---- */

struct yd_tls_client_options {
    const char *ca_file;   /* PEM; NULL: whom the system trusts */
    const char *cert_file; /* PEM, to show; NULL: none */
    const char *key_file;  /* PEM, its key */
    bool no_verify;        /* any certificate will do */
};

/* Reads the files.  Returns 0, -ENOMEM or YODEL_ERR_TLS. */
int yd_tls_new_client(const struct yodel_allocator *mem, const struct yodel_log_sink *log,
                      const struct yd_tls_client_options *options, struct yd_tls **ret_tls);

/* Begins the handshake on an open connection; on_ready of its events comes when that is done.  name
 * must be in the peer's certificate, unless no_verify is set; NULL: any.  Why it is refused is put
 * into *ret_reason, a static text, ahead of on_closed.  Returns 0 or -ENOMEM. */
int yd_tls_attach_client(struct yd_tls *tls, struct yd_conn *conn, const char *name,
                         const char **ret_reason);

#endif
