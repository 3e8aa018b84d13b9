/* SPDX-License-Identifier: MIT */
#include "sio/connect.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "bus/call.h"
#include "sio/recovery.h"
#include "sio/sio_event.h"

/* Joining a namespace: CONNECT, middleware, the answer. */

/* ---- answers ---- */

static void refuse(struct yd_sio_client *client, yodel_str nsp, yodel_str message, yodel_str data)
{
    const struct yodel_allocator *mem = client->sio->mem;
    struct yd_sio_output output = {.type = YD_SIO_CONNECT_ERROR, .nsp = nsp};
    struct yd_buf json = {0};

    if (yd_sio_put_error_data(mem, &json, message, data) == 0) {
        output.data = (yodel_str){(char *)json.ptr, json.len};
        (void)yd_sio_client_send(client, &output);
    }
    yd_buf_free(mem, &json);
}

static yodel_str pid_of(const yodel_sio_socket *socket)
{
    return socket->memory != NULL ? (yodel_str){socket->memory->pid, YD_ID_LEN}
                                  : (yodel_str){NULL, 0};
}

static int send_connect(yodel_sio_socket *socket)
{
    const struct yodel_allocator *mem = socket->ns->sio->mem;
    struct yd_sio_output output = {.type = YD_SIO_CONNECT,
                                   .nsp = yodel_sio_namespace_name(socket->ns)};
    struct yd_buf json = {0};
    int rc = yd_sio_put_connect_data(mem, &json, yd_sio_id(socket), pid_of(socket));

    if (rc == 0) {
        output.data = (yodel_str){(char *)json.ptr, json.len};
        rc = yd_sio_client_send(socket->client, &output);
    }
    yd_buf_free(mem, &json);
    return rc;
}

/* ---- events that came before the answer ---- */

static void run_early(yodel_sio_socket *socket)
{
    const struct yodel_allocator *mem = socket->ns->sio->mem;
    struct yd_sio_early_packet *early;

    while (socket->phase == YD_SIO_CONNECTED &&
           (early = yd_sio_early_take(socket->early)) != NULL) {
        if (early->packet.type == YD_SIO_EVENT || early->packet.type == YD_SIO_BINARY_EVENT)
            yd_sio_on_event(socket, &early->packet, early->attachments);
        yd_free(mem, early);
    }
    yd_sio_early_free(&socket->early, mem);
}

/* ---- being connected ---- */

static void be_connected(yodel_sio_socket *socket)
{
    const struct yd_sio_config *config = socket->ns->config;
    struct yd_sio_client *client = socket->client;

    if (socket->phase == YD_SIO_LEAVING || client->closing)
        return;
    if (yd_sio_replay(socket) < 0) {
        yd_sio_client_fail(client, "what it has missed is too much");
        return;
    }
    if (send_connect(socket) < 0) {
        yd_sio_client_fail(client, "CONNECT could not be answered");
        return;
    }
    yd_timer_stop(&socket->loop->wheel, &client->timer);
    yd_sio_socket_set_phase(socket, YD_SIO_CONNECTED);
    if (config->handlers.on_connection != NULL)
        config->handlers.on_connection(socket, config->user);
    run_early(socket);
}

/* ---- middleware ---- */

struct yodel_sio_next {
    struct yd_call call; /* from other threads */
    struct yd_mail task; /* on the loop itself */
    struct yd_loop *loop;
    yodel_sio_namespace *ns; /* a reference */
    char id[YD_ID_LEN];
    bool refused;
    size_t message_len, data_len;
    char *reason; /* message, then data; NULL: out of memory */
};

static void free_next(yodel_sio_next *next)
{
    yodel_sio_namespace *ns = next->ns;
    yodel_sio *sio = ns->sio;

    yd_free(sio->mem, next->reason);
    yd_free(sio->mem, next);
    yd_sio_ns_unref(ns);
    yodel_sio_unref(sio);
}

static void run_middleware(yodel_sio_socket *socket);

static void end_middleware(yodel_sio_next *next, yodel_sio_socket *socket)
{
    struct yd_sio_client *client = socket->client;

    if (!next->refused) {
        run_middleware(socket);
        return;
    }
    refuse(client, yodel_sio_namespace_name(socket->ns),
           (yodel_str){next->reason, next->reason != NULL ? next->message_len : 0},
           (yodel_str){next->reason != NULL ? next->reason + next->message_len : NULL,
                       next->data_len});
    client->has_left = true; /* events may be under way as if it had been accepted */
    yd_sio_socket_free(socket);
}

static bool is_joining(const yodel_sio_socket *socket)
{
    return socket->phase == YD_SIO_CONNECTING || socket->phase == YD_SIO_NOTING;
}

static void run_next(struct yd_loop *loop, void *arg)
{
    yodel_sio_next *next = arg;
    yodel_sio_socket *socket = yd_sio_socket_find(next->ns, loop, (yodel_str){next->id, YD_ID_LEN});

    if (socket != NULL && is_joining(socket) && !socket->client->closing)
        end_middleware(next, socket);
    free_next(next);
}

static void run_task(struct yd_mail *task, void *loop)
{
    run_next(loop, yd_container_of(task, yodel_sio_next, task));
}

/* The loop may have used next, and the program stopped, before posting it is over. */
static void post_next(yodel_sio_next *next)
{
    yodel_sio *sio = yodel_sio_ref(next->ns->sio);

    if (yd_loop_is_current(next->loop))
        yd_loop_task(next->loop, &next->task);
    else if (yd_call_post(&next->call, next->loop) < 0)
        free_next(next);
    yodel_sio_unref(sio);
}

void yodel_sio_next_go(yodel_sio_next *next)
{
    post_next(next);
}

static int check_refusal(yodel_str message, yodel_str data)
{
    yodel_str value;

    if (!yd_utf8_is_valid(message.ptr, message.len))
        return YODEL_ERR_ENCODING;
    if (data.ptr == NULL)
        return 0;
    return yd_utf8_is_valid(data.ptr, data.len) && yd_json_check(data, YD_JSON_MAX_DEPTH, &value)
               ? 0
               : YODEL_ERR_FORMAT;
}

int yodel_sio_next_refuse(yodel_sio_next *next, const char *message, const char *data)
{
    yodel_str text = yodel_str_of(message), json = yodel_str_of(data);
    char *reason = NULL;
    int rc;

    if ((rc = check_refusal(text, json)) < 0)
        return rc;
    if (text.len + json.len > 0 &&
        (reason = yd_alloc(next->ns->sio->mem, text.len + json.len)) == NULL)
        return -ENOMEM;
    if (text.len > 0)
        memcpy(reason, text.ptr, text.len);
    if (json.len > 0)
        memcpy(reason + text.len, json.ptr, json.len);
    next->refused = true;
    next->reason = reason;
    next->message_len = text.len;
    next->data_len = json.len;
    post_next(next);
    return 0;
}

static void run_middleware(yodel_sio_socket *socket)
{
    struct yd_sio_middleware *middleware = socket->middleware;
    yodel_sio_next *next;

    if (middleware == NULL) {
        be_connected(socket);
        return;
    }
    socket->middleware = middleware->next;
    if (yd_sio_read_auth(socket) < 0 ||
        (next = yd_zalloc(socket->ns->sio->mem, sizeof *next)) == NULL) {
        yd_sio_client_fail(socket->client, "out of memory");
        return;
    }
    yd_call_init(&next->call, YD_CALL_CONTROL, run_next, next);
    next->task.run = run_task;
    next->loop = socket->loop;
    next->ns = yd_sio_ns_ref(socket->ns);
    (void)yodel_sio_ref(socket->ns->sio); /* the program may keep it as long as it likes */
    memcpy(next->id, socket->id, YD_ID_LEN);
    middleware->fn(socket, next, middleware->user);
}

static void on_recovered(yodel_sio_socket *socket, enum yd_sio_recovery outcome)
{
    const yodel_sio_options *options = &socket->ns->sio->options;

    if (outcome == YD_SIO_FAILED || (outcome == YD_SIO_FRESH && options->recovery_ms > 0 &&
                                     yd_sio_socket_remember(socket, NULL) < 0)) {
        yd_sio_client_fail(socket->client, "out of memory");
        return;
    }
    socket->recovered = outcome == YD_SIO_RESTORED;
    if (socket->recovered && !options->recovery_use_middleware)
        socket->middleware = NULL;
    run_middleware(socket);
}

/* ---- CONNECT ---- */

static bool get_text(yodel_str object, const char *name, yodel_str *ret_text)
{
    yodel_str value;

    return yd_json_get(object, yodel_str_of(name), &value) && yd_json_body(value, ret_text) &&
           !yd_json_is_escaped(*ret_text);
}

static void recover(yodel_sio_socket *socket, yodel_str auth)
{
    yodel_str pid, offset = {"", 0};

    if (socket->ns->sio->options.recovery_ms == 0 || !get_text(auth, "pid", &pid)) {
        on_recovered(socket, YD_SIO_FRESH);
        return;
    }
    (void)get_text(auth, "offset", &offset);
    yd_sio_recover(socket, pid, offset, on_recovered);
}

static int set_up(yodel_sio_socket *socket, yodel_str auth)
{
    yodel_sio *sio = socket->ns->sio;

    if (auth.len > 0 && (socket->auth_text = yd_strndup(sio->mem, auth.ptr, auth.len)) == NULL)
        return -ENOMEM;
    socket->middleware = socket->ns->config->middleware;
    return 0;
}

/* There is no namespace for it. */
static void turn_down(struct yd_sio_client *client, yodel_str nsp, int rc)
{
    yodel_str nothing = {NULL, 0};

    if (rc == -ENOMEM) {
        yd_sio_client_fail(client, "out of memory");
    } else if (rc == YODEL_ERR_TOO_BIG) {
        yd_sio_count_one(&client->sio->counters.children_refused);
        refuse(client, nsp, YODEL_STR("Too many namespaces"), nothing);
    } else {
        refuse(client, nsp, YODEL_STR("Invalid namespace"), nothing);
    }
}

void yd_sio_on_connect(struct yd_sio_client *client, const struct yd_sio_packet *packet)
{
    yodel_sio *sio = client->sio;
    yodel_sio_namespace *ns;
    yodel_sio_socket *socket;
    int rc;

    if (yd_sio_client_count(client) >= sio->options.max_namespaces) {
        yd_sio_client_fail(client, "too many namespaces");
        return;
    }
    if ((rc = yd_sio_ns_for_client(sio, packet->nsp, packet->data, &ns)) < 0) {
        turn_down(client, packet->nsp, rc);
        return;
    }
    if ((socket = yd_sio_socket_new(ns, yd_eio_loop(client->session))) == NULL) {
        yd_sio_client_fail(client, "out of memory");
        return;
    }
    socket->client = client;
    yd_list_append(&client->sockets, &socket->of_client);
    if (set_up(socket, packet->data) < 0) {
        yd_sio_socket_free(socket);
        yd_sio_client_fail(client, "out of memory");
        return;
    }
    recover(socket, packet->data);
}
