/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <openssl/asn1.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <time.h>

#include "serve/metrics_text.h"
#include "serve/state.h"

/* When certificates of listeners end, as of the last time that their files were read. */

/* Of the first certificate of a file, the server's own; 0: it cannot be read. */
static int64_t end_of_file(const char *path)
{
    FILE *file = fopen(path, "re");
    X509 *cert = file != NULL ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    struct tm end = {0};
    int64_t at = 0;

    if (cert != NULL && ASN1_TIME_to_tm(X509_get0_notAfter(cert), &end) == 1)
        at = timegm(&end);
    X509_free(cert);
    if (file != NULL)
        fclose(file);
    return at;
}

void yg_cert_times_read(struct yg_state *state)
{
    for (size_t i = 0; i < state->first->listen.num; i++) {
        const struct yg_tls_config *tls = &state->first->listen.items[i].tls;
        int64_t first = 0;

        for (size_t k = 0; k < tls->cert.num; k++) {
            const int64_t end = end_of_file(tls->cert.items[k]);

            first = first == 0 || (end != 0 && end < first) ? end : first;
        }
        atomic_store(&state->cert_ends[i], first);
    }
}

int yg_cert_times_start(struct yg_state *state)
{
    state->cert_ends = calloc(state->first->listen.num + 1, sizeof(*state->cert_ends));
    if (state->cert_ends == NULL)
        return -ENOMEM;
    yg_cert_times_read(state);
    return 0;
}

void yg_cert_times_put(struct yg_state *state, struct yg_text *text)
{
    static const char name[] = "yodel_tls_certificate_expiry_timestamp_seconds";

    yg_metric_head(text, name, "gauge", "When the first certificate of a listener ends.");
    for (size_t i = 0; i < state->first->listen.num; i++) {
        const int64_t end = atomic_load(&state->cert_ends[i]);
        struct yg_text label = {0};

        if (end == 0)
            continue;
        yg_metric_label(&label, "listener", state->first->listen.items[i].name);
        yg_metric_sample(text, name, yg_text_string(&label), (uint64_t)end);
        text->failed = text->failed || yg_text_failed(&label);
        yg_text_done(&label);
    }
}
