/* SPDX-License-Identifier: MIT */
#include "client/dial.h"

#include <curl/curl.h>
#include <errno.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#define BUFFER_SIZE 65536

static int find_addresses(struct yg_dial *dial, const char **ret_words)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    const struct addrinfo any = {.ai_socktype = SOCK_STREAM};
    int rc = getaddrinfo(dial->address.host, dial->address.port, &hints, &dial->addresses);

    /* A machine with nothing but its loopback has no address that AI_ADDRCONFIG counts. */
    if (rc != 0)
        rc = getaddrinfo(dial->address.host, dial->address.port, &any, &dial->addresses);
    if (rc == 0)
        return 0;
    dial->addresses = NULL;
    *ret_words = gai_strerror(rc);
    return rc == EAI_MEMORY ? -ENOMEM : -EHOSTUNREACH;
}

/* Adds one; what has no number is left out. */
static void put_address(struct yg_text *text, const struct addrinfo *at, bool is_first)
{
    char host[NI_MAXHOST];

    if (getnameinfo(at->ai_addr, at->ai_addrlen, host, sizeof(host), NULL, 0, NI_NUMERICHOST) == 0)
        yg_text_printf(text, strchr(host, ':') != NULL ? "%s[%s]" : "%s%s", is_first ? "" : ",",
                       host);
}

/* libcurl would look the name up for each client, each time on a thread. */
static int name_addresses(struct yg_dial *dial)
{
    const char *host = dial->address.host;
    struct yg_text text = {0};

    if (strchr(host, ':') != NULL)
        return 0;
    yg_text_printf(&text, "%s:%s:", host, dial->address.port);
    for (const struct addrinfo *at = dial->addresses; at != NULL; at = at->ai_next)
        put_address(&text, at, at == dial->addresses);
    if (!yg_text_failed(&text))
        dial->names = curl_slist_append(NULL, text.ptr);
    yg_text_done(&text);
    return dial->names != NULL ? 0 : -ENOMEM;
}

static int set_up(const struct yg_dial_options *options, const char **ret_words,
                  struct yg_dial *dial)
{
    int rc;

    if (dial->address.protocol == YG_PROTOCOL_SOCKETIO &&
        yg_address_for_socketio(&dial->address) < 0)
        return -ENOMEM;
    if (dial->address.protocol != YG_PROTOCOL_SSE && (rc = find_addresses(dial, ret_words)) < 0)
        return rc;
    if (dial->address.protocol == YG_PROTOCOL_SOCKETIO &&
        options->transport != YG_TRANSPORT_WEBSOCKET && (rc = name_addresses(dial)) < 0)
        return rc;
    if (dial->address.is_tls && (dial->tls = yg_link_tls(options->ca_file)) == NULL) {
        *ret_words = "the authorities for TLS cannot be read";
        return -ENOKEY;
    }
    dial->buffer = malloc(BUFFER_SIZE);
    return dial->buffer != NULL ? 0 : -ENOMEM;
}

int yg_dial_prepare(const struct yg_dial_options *options, const char **ret_words,
                    struct yg_dial *ret_dial)
{
    int rc;

    *ret_dial = (struct yg_dial){0};
    *ret_words = "out of memory";
    rc = yg_address_read(options->url, ret_words, &ret_dial->address);
    if (rc < 0)
        return rc;
    if (options->protocol >= 0)
        ret_dial->address.protocol = (enum yg_protocol)options->protocol;
    rc = set_up(options, ret_words, ret_dial);
    if (rc < 0)
        return rc;
    ret_dial->eio = (struct yg_eio_options){.transport = options->transport,
                                            .addresses = ret_dial->names,
                                            .ws = {
                                                .link = {.addresses = ret_dial->addresses,
                                                         .tls = ret_dial->tls,
                                                         .host = ret_dial->address.host,
                                                         .is_insecure = options->is_insecure,
                                                         .buffer = ret_dial->buffer,
                                                         .buffer_size = BUFFER_SIZE},
                                                .authority = ret_dial->address.authority,
                                                .target = ret_dial->address.target,
                                                .headers = options->headers,
                                                .num_headers = options->num_headers,
                                                .max_message = options->max_message,
                                                .offers_deflate = options->offers_deflate,
                                                .timeout_ms = options->timeout_ms,
                                            }};
    return 0;
}

void yg_dial_done(struct yg_dial *dial)
{
    if (dial->addresses != NULL)
        freeaddrinfo(dial->addresses);
    SSL_CTX_free(dial->tls);
    curl_slist_free_all(dial->names);
    free(dial->buffer);
    yg_address_done(&dial->address);
    *dial = (struct yg_dial){0};
}
