/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/account.h"
#include "serve/state.h"

/* Probes and tools are served there when clients have taken all places. */
#define RESERVED 32

/* The certificates of a listener after the first. */
static int further_certs(const struct yg_tls_config *tls, yodel_tls_cert **ret_certs)
{
    yodel_tls_cert *certs = calloc(tls->cert.num, sizeof(*certs));

    if (certs == NULL)
        return -ENOMEM;
    for (size_t i = 1; i < tls->cert.num; i++)
        certs[i - 1] = (yodel_tls_cert){tls->cert.items[i], tls->key.items[i]};
    *ret_certs = certs;
    return 0;
}

unsigned yg_listen_reserved(const struct yg_listen *listen)
{
    return (listen->serve & YG_SERVE_CLIENTS) == 0 ? RESERVED : 0;
}

static int listen_with(struct yg_state *state, const struct yg_listen *listen,
                       const yodel_tls_options *tls)
{
    return yodel_server_listen(
        state->server,
        YODEL_OPTIONS(
            yodel_listen_options, .address = listen->address, .tls = tls, .unix_mode = listen->mode,
            .unix_owner = *listen->owner != '\0' ? listen->owner : NULL,
            .unix_group = *listen->group != '\0' ? listen->group : NULL, .tag = listen->name,
            .trusted = listen->trusted_proxies.items, .num_trusted = listen->trusted_proxies.num,
            .proxy_protocol = listen->proxy_protocol, .reserved = yg_listen_reserved(listen)));
}

static int listen_tls(struct yg_state *state, const struct yg_listen *listen)
{
    const struct yg_tls_config *config = &listen->tls;
    const bool asks = *config->client_ca != '\0';
    yodel_tls_cert *certs = NULL;
    yodel_tls_options tls;
    int rc = further_certs(config, &certs);

    if (rc < 0)
        return rc;
    tls = (yodel_tls_options){.size = sizeof(tls),
                              .cert_file = config->cert.items[0],
                              .key_file = config->key.items[0],
                              .certs = certs,
                              .num_certs = config->cert.num - 1,
                              .min_version =
                                  config->min == YG_TLS_1_3 ? YODEL_TLS_1_3 : YODEL_TLS_1_2,
                              .client_ca_file = asks ? config->client_ca : NULL,
                              .clients = asks ? YODEL_TLS_CLIENTS_REQUIRED : YODEL_TLS_CLIENTS_ANY};
    rc = listen_with(state, listen, &tls);
    free(certs);
    return rc;
}

/* What is wrong in the words of the configuration. */
static void tell_failure(struct yg_state *state, const struct yg_listen *listen, int rc)
{
    const char *what = rc == YODEL_ERR_TLS ? "tls" : "address";
    uint32_t id;

    if (*listen->owner != '\0' && yg_account_user(listen->owner, &id) < 0)
        yg_log_option(state, state->first, "listen.%s.owner: there is no user %s", listen->name,
                      listen->owner);
    else if (*listen->group != '\0' && yg_account_group(listen->group, &id) < 0)
        yg_log_option(state, state->first, "listen.%s.group: there is no group %s", listen->name,
                      listen->group);
    else
        yg_log_option(state, state->first, "listen.%s.%s: %s: %s", listen->name, what,
                      listen->address, yodel_strerror(rc));
}

int yg_listen_all(struct yg_state *state)
{
    for (size_t i = 0; i < state->first->listen.num; i++) {
        const struct yg_listen *listen = &state->first->listen.items[i];
        const int rc =
            listen->tls.cert.num > 0 ? listen_tls(state, listen) : listen_with(state, listen, NULL);

        if (rc < 0) {
            tell_failure(state, listen, rc);
            return rc;
        }
        printf("listening on %s %s %d\n", listen->name, listen->address, rc);
    }
    if (fflush(stdout) != 0) /* a server does not need one */
        clearerr(stdout);
    return 0;
}
