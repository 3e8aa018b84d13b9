/* SPDX-License-Identifier: MIT */
#include <errno.h>

#include "base/mem.h"
#include "net/tls.h"
#include "server/server.h"

/* New certificates of all addresses: prepared, and then exchanged. */

struct fresh {
    struct yd_tls *tls;     /* of an address, as long as the server is there */
    struct yd_certs *certs; /* NULL: they could not be read, or are in use */
};

struct yodel_tls_reload {
    yodel_server *server; /* a reference */
    size_t num;
    struct fresh fresh[];
};

static size_t count_tls(const yodel_server *server)
{
    size_t num = 0;

    for (struct yd_address *address = server->addresses; address != NULL; address = address->next)
        num += address->front.tls != NULL;
    return num;
}

/* Reads on after a failure: the log tells of each. */
static int read_all(yodel_tls_reload *reload)
{
    int rc = 0;

    for (struct yd_address *address = reload->server->addresses; address != NULL;
         address = address->next) {
        struct fresh *fresh = &reload->fresh[reload->num];
        int failed;

        if (address->front.tls == NULL)
            continue;
        fresh->tls = address->front.tls;
        if ((failed = yd_tls_read(fresh->tls, &fresh->certs)) < 0 && rc == 0)
            rc = failed;
        reload->num++;
    }
    return rc;
}

int yodel_server_prepare_tls(yodel_server *server, yodel_tls_reload **ret_reload)
{
    yodel_tls_reload *reload;
    int rc;

    if (server == NULL || ret_reload == NULL)
        return -EINVAL;
    reload = yd_zalloc(&server->mem, sizeof *reload + count_tls(server) * sizeof reload->fresh[0]);
    if (reload == NULL)
        return -ENOMEM;
    reload->server = yodel_server_ref(server);
    if ((rc = read_all(reload)) < 0)
        yodel_tls_reload_free(reload);
    else
        *ret_reload = reload;
    return rc;
}

void yodel_tls_reload_exchange(yodel_tls_reload *reload)
{
    for (size_t i = 0; reload != NULL && i < reload->num; i++) {
        if (reload->fresh[i].certs != NULL)
            yd_tls_exchange(reload->fresh[i].tls, reload->fresh[i].certs);
        reload->fresh[i].certs = NULL;
    }
    yodel_tls_reload_free(reload);
}

void yodel_tls_reload_free(yodel_tls_reload *reload)
{
    yodel_server *server;

    if (reload == NULL)
        return;
    server = reload->server;
    for (size_t i = 0; i < reload->num; i++)
        yd_certs_unref(reload->fresh[i].certs);
    yd_free(&server->mem, reload);
    (void)yodel_server_unref(server);
}
