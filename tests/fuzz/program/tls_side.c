/* SPDX-License-Identifier: MIT */
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/tls.h"
#include "program.h"
#include "tls_sim.h"

/*
 * TLS: what clients send is sealed, and what comes is opened, where bytes pass.  Whether a program
 * has it is told by its last byte and not drawn, so that programs of before mean what they meant.
 * Keys are those of OpenSSL, so records may differ by a byte or two from one run to the next.
 */

struct tls_line {
    SSL *ssl;
    struct yd_buf to_send, received; /* as if there were no TLS */
};

static char cert_file[] = "/tmp/yodel-cert-XXXXXX", key_file[] = "/tmp/yodel-key-XXXXXX";
static SSL_CTX *clients;

static void remove_files(void)
{
    (void)unlink(cert_file);
    (void)unlink(key_file);
    SSL_CTX_free(clients);
}

/* Once for the process. */
static void make_files(void)
{
    if (clients != NULL)
        return;
    tls_sim_make_files(cert_file, key_file);
    if ((clients = SSL_CTX_new(TLS_client_method())) == NULL || atexit(remove_files) != 0)
        abort();
}

void tls_side_set_up(struct program *p, struct yd_address *address)
{
    yodel_tls_options options = {
        .size = sizeof options, .cert_file = cert_file, .key_file = key_file};

    if (p->size == 0 || p->data[p->size - 1] % 16 != 7)
        return;
    make_files();
    if (yd_tls_new(&p->server->mem, &p->server->log, &options, &address->front.tls) < 0)
        abort();
    p->has_tls = true;
}

/* ---- lines ---- */

static void carry_out(struct line *line)
{
    BIO *bio = SSL_get_wbio(line->tls->ssl);
    char *data;
    long len = BIO_get_mem_data(bio, &data);

    if (len > 0)
        sim_send(line->peer, data, (size_t)len);
    (void)BIO_reset(bio);
}

/* What cannot be sealed any more is lost, as it would be on a broken connection. */
static void push(struct line *line)
{
    struct tls_line *tls = line->tls;

    if (!SSL_is_init_finished(tls->ssl))
        (void)SSL_do_handshake(tls->ssl);
    if (SSL_is_init_finished(tls->ssl) && tls->to_send.len > 0) {
        (void)SSL_write(tls->ssl, tls->to_send.ptr, (int)tls->to_send.len);
        tls->to_send.len = 0;
    }
    carry_out(line);
    ERR_clear_error();
}

void line_begin(struct program *p, struct line *line)
{
    struct tls_line *tls;

    if (!p->has_tls)
        return;
    if ((tls = calloc(1, sizeof *tls)) == NULL || (tls->ssl = SSL_new(clients)) == NULL)
        abort();
    SSL_set_bio(tls->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(tls->ssl);
    line->tls = tls;
    push(line);
}

void line_send(struct line *line, const void *data, size_t len)
{
    if (line->tls == NULL) {
        sim_send(line->peer, data, len);
        return;
    }
    if (yd_buf_append(&yd_mem_default, &line->tls->to_send, data, len) < 0)
        abort();
    push(line);
}

static void pull(struct line *line)
{
    struct tls_line *tls = line->tls;
    struct yd_buf *to = &tls->received;
    int len;

    if (line->peer->output.len > 0)
        BIO_write(SSL_get_rbio(tls->ssl), line->peer->output.ptr, (int)line->peer->output.len);
    sim_forget(line->peer);
    do {
        if (yd_buf_reserve(&yd_mem_default, to, 16385) < 0)
            abort();
        if ((len = SSL_read(tls->ssl, to->ptr + to->len, 16384)) > 0)
            to->len += (size_t)len;
        to->ptr[to->len] = '\0';
    } while (len > 0);
    ERR_clear_error();
    push(line);
}

struct yd_buf *line_received(struct line *line)
{
    if (line->tls == NULL) {
        (void)sim_received(line->peer); /* which ends it with a NUL */
        return &line->peer->output;
    }
    pull(line);
    return &line->tls->received;
}

void lines_free(struct program *p)
{
    for (int i = 0; i < p->num_lines; i++) {
        struct tls_line *tls = p->lines[i].tls;

        if (tls == NULL)
            continue;
        SSL_free(tls->ssl);
        yd_buf_free(&yd_mem_default, &tls->to_send);
        yd_buf_free(&yd_mem_default, &tls->received);
        free(tls);
    }
}
