/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "base/options.h"
#include "eio/compress.h"
#include "eio/cookie.h"
#include "eio/eio_route.h"
#include "eio/polling.h"
#include "eio/requests.h"
#include "eio/session.h"
#include "eio/websocket.h"

/* ---- set-up ---- */

static int make_packet(const struct yodel_allocator *mem, const char *text, struct yd_msg **ret_msg)
{
    *ret_msg =
        yd_ws_make_msg(mem, YODEL_WS_TEXT, (yodel_bytes){(const uint8_t *)text, strlen(text)});
    return *ret_msg != NULL ? 0 : -ENOMEM;
}

static int init_loop(struct yd_eio *eio, struct yd_eio_loop *home, struct yd_loop *loop)
{
    uint64_t secret[2];
    int rc;

    home->eio = eio;
    home->loop = loop;
    if (RAND_bytes((unsigned char *)secret, sizeof secret) != 1)
        return -EIO;
    yd_map_init_fixed(&home->sessions, eio->mem, secret,
                      YD_MAP_KEY(struct yd_eio_session, node, id));
    atomic_init(&home->stopping, false);
    if ((rc = make_packet(eio->mem, "2", &home->ping)) < 0 ||
        (rc = make_packet(eio->mem, "3probe", &home->probe_answer)) < 0)
        return rc;
    return 0;
}

static int copy_text(const struct yodel_allocator *mem, const char *text, char **ret_copy)
{
    if (text == NULL)
        return 0;
    *ret_copy = yd_strdup(mem, text);
    return *ret_copy != NULL ? 0 : -ENOMEM;
}

static int copy_origins(struct yd_eio *eio, const char *const *origins)
{
    size_t num = 0;

    if (origins == NULL)
        return 0;
    while (origins[num] != NULL)
        num++;
    if ((eio->origins = yd_alloc_array(eio->mem, num + 1, sizeof *eio->origins)) == NULL)
        return -ENOMEM;
    memset(eio->origins, 0, (num + 1) * sizeof *eio->origins);
    for (size_t i = 0; i < num; i++)
        if ((eio->origins[i] = yd_strdup(eio->mem, origins[i])) == NULL)
            return -ENOMEM;
    return 0;
}

static int copy_cors(struct yd_eio *eio, const yodel_cors_options *given)
{
    yodel_cors_options known;
    int rc;

    if (given == NULL)
        return 0;
    if ((rc = yd_options_read(given, &known, sizeof known)) < 0)
        return rc;
    eio->has_cors = true;
    if (known.max_age_s > 0)
        (void)snprintf(eio->cors_max_age, sizeof eio->cors_max_age, "%" PRIu32, known.max_age_s);
    if ((rc = copy_text(eio->mem, known.methods, &eio->cors_methods)) < 0 ||
        (rc = copy_text(eio->mem, known.allow_headers, &eio->cors_headers)) < 0)
        return rc;
    return yd_http_cors(eio->http, eio->path, given);
}

static int copy_options(struct yd_eio *eio)
{
    struct yd_eio_options *options = &eio->options;
    struct yd_buf pattern = {0};
    int rc;

    if ((rc = copy_text(eio->mem, options->path, &eio->path)) < 0 ||
        (rc = copy_origins(eio, options->origins)) < 0 ||
        (rc = yd_eio_cookie_init(eio, options->cookie)) < 0)
        return rc;
    rc = yd_buf_printf(eio->mem, &pattern, "%s{rest...}", eio->path);
    eio->pattern = (char *)pattern.ptr;
    if (rc < 0 || (rc = copy_cors(eio, options->cors)) < 0)
        return rc;
    options->path = eio->path;
    options->origins = NULL;
    options->cors = NULL;
    options->cookie = NULL;
    return 0;
}

/* Last of all, as routes cannot be taken back. */
static int register_routes(struct yd_eio *eio, struct yd_ws_service *ws)
{
    int rc;

    eio->gate = (struct yd_http_gate){
        .fn = yd_eio_on_request,
        .user = eio,
        .max_body = eio->options.max_payload,
        .begin = yd_eio_begin_body,
        .too_big = yd_eio_refuse_body,
        .lost = yd_eio_lose_body,
    };
    if ((rc = yd_eio_make_route(eio, ws)) < 0 ||
        (rc = yd_http_route(eio->http, eio->pattern, yd_eio_on_request, eio)) < 0 ||
        (rc = yd_http_route_upgrade(eio->http, eio->pattern, yd_eio_on_upgrade, eio)) < 0)
        return rc;
    yd_http_add_gate(eio->http, &eio->gate);
    return 0;
}

int yd_eio_new(struct yd_http *http, struct yd_ws_service *ws, struct yd_loop **loops,
               unsigned num_loops, const struct yd_eio_options *options,
               const struct yd_eio_events *events, void *user, struct yd_eio **ret_eio)
{
    struct yd_eio *eio = yd_zalloc(http->mem, sizeof *eio + num_loops * sizeof eio->loops[0]);
    int rc = 0;

    if (eio == NULL)
        return -ENOMEM;
    eio->mem = http->mem;
    eio->http = http;
    eio->options = *options;
    eio->events = events;
    eio->transports[YD_EIO_POLLING] = &yd_eio_polling;
    eio->transports[YD_EIO_WEBSOCKET] = &yd_eio_websocket;
    eio->user = user;
    atomic_init(&eio->num_sessions, 0);
    atomic_init(&eio->num_polling, 0);
    while (rc == 0 && eio->num_loops < num_loops) {
        rc = init_loop(eio, &eio->loops[eio->num_loops], loops[eio->num_loops]);
        eio->num_loops++;
    }
    if (rc == 0 && (rc = copy_options(eio)) == 0)
        rc = register_routes(eio, ws);
    if (rc < 0) {
        yd_eio_free(eio);
        return rc;
    }
    *ret_eio = eio;
    return 0;
}

void yd_eio_set_far(struct yd_eio *eio, struct yd_eio_far *const *far)
{
    eio->far = far;
}

static void free_loop(struct yd_eio_loop *home)
{
    yd_map_done(&home->sessions);
    yd_msg_unref(home->ping);
    yd_msg_unref(home->probe_answer);
    yd_eio_free_deflaters(home);
}

void yd_eio_free(struct yd_eio *eio)
{
    if (eio == NULL)
        return;
    for (unsigned i = 0; i < eio->num_loops; i++)
        free_loop(&eio->loops[i]);
    for (size_t i = 0; eio->origins != NULL && eio->origins[i] != NULL; i++)
        yd_free(eio->mem, eio->origins[i]);
    yd_free(eio->mem, eio->origins);
    yd_free(eio->mem, eio->cookie_name);
    yd_free(eio->mem, eio->cookie_rest);
    yd_free(eio->mem, eio->cors_methods);
    yd_free(eio->mem, eio->cors_headers);
    yd_free(eio->mem, eio->pattern);
    yd_free(eio->mem, eio->path);
    yd_free(eio->mem, eio);
}

/* ---- the whole service ---- */

static bool has_no_websocket(const struct yd_map_node *node)
{
    return yd_container_of((struct yd_map_node *)node, struct yd_eio_session, node)->transport !=
           YD_EIO_WEBSOCKET;
}

/* The others end with their WebSockets. */
static void end_polling(struct yd_eio_loop *home)
{
    struct yd_map_node *node;
    size_t slot;
    bool found = true;

    while (found) {
        found = false;
        for (slot = 0; (node = yd_map_next(&home->sessions, &slot, has_no_websocket)) != NULL;
             found = true)
            yd_eio_end(yd_container_of(node, struct yd_eio_session, node), YD_EIO_SHUTTING_DOWN);
    }
}

void yd_eio_shut(struct yd_eio *eio)
{
    atomic_store_explicit(&eio->closed, true, memory_order_relaxed);
}

void yd_eio_stop(struct yd_eio *eio, struct yd_loop *loop)
{
    struct yd_eio_loop *home = &eio->loops[loop->index];
    struct yd_map_node *node;

    atomic_store_explicit(&home->stopping, true, memory_order_relaxed);
    if (loop->net != NULL && yd_net_holds(loop->net)) {
        end_polling(home);
        return;
    }
    while ((node = yd_map_any(&home->sessions)) != NULL)
        yd_eio_end(yd_container_of(node, struct yd_eio_session, node), YD_EIO_SHUTTING_DOWN);
}

void yd_eio_count(const struct yd_eio *eio, size_t *ret_all, size_t *ret_polling)
{
    *ret_all = atomic_load_explicit(&eio->num_sessions, memory_order_relaxed);
    *ret_polling = atomic_load_explicit(&eio->num_polling, memory_order_relaxed);
}

void yd_eio_count_messages(const struct yd_eio *eio, uint64_t *ret_in, uint64_t *ret_out)
{
    *ret_in = *ret_out = 0;
    for (unsigned i = 0; i < eio->num_loops; i++) {
        *ret_in += atomic_load_explicit(&eio->loops[i].messages_in, memory_order_relaxed);
        *ret_out += atomic_load_explicit(&eio->loops[i].messages_out, memory_order_relaxed);
    }
}

uint64_t yd_eio_num_refused(const struct yd_eio *eio)
{
    return atomic_load_explicit(&eio->num_refused, memory_order_relaxed);
}
