/* SPDX-License-Identifier: MIT */
#ifndef YD_NET_CERTS_H
#define YD_NET_CERTS_H

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <yodel/listen.h>

/* The certificates of one listening address, as they were read at one time. */

/* What was asked for; copies. */
struct yd_cert_files {
    char *cert_file, *key_file;
};

struct yd_tls_settings {
    struct yd_cert_files *certs; /* the default first */
    size_t num_certs;
    char *ciphers, *ciphersuites, *client_ca_file; /* NULL: not said */
    yodel_tls_version min_version;
    yodel_tls_clients clients;
};

/* Copies options.  Returns 0, -ENOMEM or -EINVAL; what is copied must be freed in any case. */
int yd_tls_settings_copy(const struct yodel_allocator *mem, const yodel_tls_options *options,
                         struct yd_tls_settings *ret);
void yd_tls_settings_done(const struct yodel_allocator *mem, struct yd_tls_settings *settings);

/* Counted: by those who hand them out and by each connection. */
struct yd_certs {
    atomic_uint refs;
    const struct yodel_allocator *mem;
    uint64_t reading; /* of its address: which one these are of; 0: the first */
    size_t num;
    SSL_CTX *ctxs[]; /* the default first */
};

/* As SSL_CTX_set_tlsext_servername_callback() has it. */
typedef int(yd_name_fn)(SSL *ssl, int *alert, void *arg);

/* Reads all files; on_name is asked for the context of a name.  log gets the reasons, with the
 * file.  Returns 0, -ENOMEM or YODEL_ERR_TLS. */
int yd_certs_load(const struct yodel_allocator *mem, const struct yodel_log_sink *log,
                  const struct yd_tls_settings *settings, yd_name_fn *on_name,
                  struct yd_certs **ret_certs);
/* Logs that something, such as a file, could not be used, with OpenSSL's reason.  Returns
 * YODEL_ERR_TLS. */
int yd_certs_fail(const struct yodel_log_sink *log, const char *what);
struct yd_certs *yd_certs_ref(struct yd_certs *certs);
/* NULL is a no-op. */
void yd_certs_unref(struct yd_certs *certs);

/*
 * The context for the name that a client asks for (RFC 6066 3), any case, with or without a final
 * dot.  A certificate with that very name goes before one with a wildcard, which stands for one
 * label; an address, no name or an unknown one gets the default.
 */
SSL_CTX *yd_certs_find(const struct yd_certs *certs, const char *name);

#endif
