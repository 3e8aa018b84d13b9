/* SPDX-License-Identifier: MIT */
#include "sio/connect.h"

#include <errno.h>
#include <string.h>

#include "base/container.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "bus/call.h"
#include "sio/entry.h"
#include "sio/later.h"
#include "sio/ns_config.h"
#include "sio/restore.h"
#include "sio/sio_event.h"
#include "sio/sio_watch.h"

/* Joining a namespace: CONNECT, middleware, the answer. */

/* ---- answers ---- */

static const yodel_str nothing = {NULL, 0};

/* Returns 0 or -ENOMEM; to a client that has gone nothing is sent. */
static int refuse(struct yd_sio_client *client, yodel_str nsp, yodel_str message, yodel_str data)
{
    const struct yodel_allocator *mem = client->sio->mem;
    struct yd_sio_output output = {.type = YD_SIO_CONNECT_ERROR, .nsp = nsp};
    struct yd_buf json = {0};
    int rc = yd_sio_put_error_data(mem, &json, message, data);

    if (rc == 0) {
        output.data = (yodel_str){(char *)json.ptr, json.len};
        rc = yd_sio_client_send(client, &output);
    }
    yd_buf_free(mem, &json);
    return rc == -ENOMEM ? rc : 0;
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

/* ---- being connected ---- */

/* The handlers are those of now, and middleware is over. */
static void tell_connected(yodel_sio_socket *socket)
{
    struct yd_sio_config *config = yd_sio_config_begin(socket->ns, socket->loop);

    yd_sio_config_end(socket->aside->config, socket->loop);
    socket->aside->config = NULL;
    if (config->handlers.on_connection != NULL)
        config->handlers.on_connection(socket, config->user);
    yd_sio_config_end(config, socket->loop);
}

static void be_connected(yodel_sio_socket *socket)
{
    struct yd_sio_client *client = socket->client;

    if (socket->phase == YD_SIO_LEAVING || client->closing)
        return;
    if (yd_sio_socket_enter_own_room(socket) < 0) {
        yd_sio_client_fail(client, "its room could not be joined");
        return;
    }
    if (yd_sio_replay(socket) < 0) {
        yd_sio_client_fail(client, "what it has missed is too much");
        return;
    }
    if (send_connect(socket) < 0) {
        yd_sio_client_fail(client, "CONNECT could not be answered");
        return;
    }
    yd_sio_client_has_arrived(client);
    yd_sio_socket_set_phase(socket, YD_SIO_CONNECTED);
    yd_sio_watch_connect(socket);
    tell_connected(socket);
    yd_sio_run_early(socket);
    yd_sio_aside_tidy(socket);
}

/* ---- middleware ---- */

static bool is_joining(const yodel_sio_socket *socket)
{
    return (socket->phase == YD_SIO_CONNECTING || socket->phase == YD_SIO_NOTING) &&
           !socket->client->closing;
}

/* Its client was told. */
static void drop_refused(yodel_sio_socket *socket)
{
    socket->client->has_left = true; /* events may be under way as if it had been accepted */
    yd_sio_client_end_pause(socket);
    yd_sio_socket_free(socket);
}

static void turn_away(yodel_sio_socket *socket, yodel_str message, yodel_str data)
{
    if (refuse(socket->client, yodel_sio_namespace_name(socket->ns), message, data) < 0)
        yd_sio_client_fail(socket->client, "out of memory");
    else
        drop_refused(socket);
}

/* After a middleware has returned rc.  True: the next one is to run. */
static bool settle(yodel_sio_socket *socket, int rc)
{
    if (!is_joining(socket))
        return false; /* it is about to end */
    if (socket->is_refused) {
        drop_refused(socket);
        return false;
    }
    if (rc == YODEL_DEFER ? socket->aside->decision != NULL
                          : yd_decision_take(&socket->aside->decision) < 0)
        return false; /* a decision comes */
    if (rc != 0)
        turn_away(socket, YODEL_STR("Refused"), nothing);
    return rc == 0;
}

static void run_middleware(yodel_sio_socket *socket)
{
    struct yd_sio_middleware *middleware;
    int rc;

    while ((middleware = socket->aside->middleware) != NULL) {
        socket->aside->middleware = middleware->next;
        if (yd_sio_read_auth(socket) < 0) {
            yd_sio_client_fail(socket->client, "out of memory");
            return;
        }
        socket->in_middleware = true;
        rc = middleware->fn(socket, middleware->user);
        socket->in_middleware = false;
        if (!settle(socket, rc))
            return;
    }
    be_connected(socket);
}

/* ---- decided later ---- */

static int apply(yodel_decision *d, const struct yd_verdict *verdict)
{
    yodel_sio_socket *socket = yd_decision_subject(d);

    yd_decision_settle(&socket->aside->decision);
    if (!is_joining(socket))
        return 0;
    if (verdict->verb == YD_ACCEPT)
        run_middleware(socket);
    else
        turn_away(socket, yodel_str_of(verdict->message), yodel_str_of(verdict->data));
    return 0;
}

static void drop(yodel_decision *d)
{
    yodel_sio_socket *socket = yd_decision_subject(d);

    yd_decision_settle(&socket->aside->decision);
    if (is_joining(socket))
        turn_away(socket, YODEL_STR("Refused"), nothing);
}

static void be_late(void *subject)
{
    yodel_sio_socket *socket = subject;

    yd_decision_end(&socket->aside->decision);
    if (is_joining(socket))
        turn_away(socket, YODEL_STR("Not decided in time"), nothing);
}

/* A client's handlers are not called inside a verb. */
static const struct yd_decision_ops connect_ops = {
    .verbs = YD_ACCEPT | YD_REFUSE,
    .later = true,
    .check = yd_sio_check_verdict,
    .apply = apply,
    .drop = drop,
    .detached = yd_sio_later_detached,
};

yodel_decision *yodel_sio_socket_defer(yodel_sio_socket *socket)
{
    if (socket == NULL)
        return NULL;
    if (!is_joining(socket) || socket->is_refused)
        return NULL;
    if (socket->aside->decision != NULL)
        return yd_decision_again(socket->aside->decision);
    if (!socket->in_middleware)
        return NULL;
    return socket->aside->decision = yd_sio_later_new(socket->loop, &connect_ops, socket,
                                                      socket->ns->sio->decide_ms, be_late);
}

int yodel_sio_socket_refuse(yodel_sio_socket *socket, const char *message, const char *data)
{
    int rc;

    if (socket == NULL)
        return -EINVAL;
    if (!is_joining(socket))
        return socket->phase == YD_SIO_CONNECTED ? YODEL_ERR_STATE : YODEL_ERR_CLOSED;
    if (socket->aside->decision != NULL)
        return yodel_decision_refuse(socket->aside->decision, message, data);
    if (!socket->in_middleware || socket->is_refused)
        return YODEL_ERR_STATE;
    if ((rc = yd_decision_check_refusal(message, data)) < 0 ||
        (rc = refuse(socket->client, yodel_sio_namespace_name(socket->ns), yodel_str_of(message),
                     yodel_str_of(data))) < 0)
        return rc;
    socket->is_refused = true;
    return 0;
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
        socket->aside->middleware = NULL;
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
    if (socket->ns->sio->order != NULL)
        yd_sio_restore_start(socket, pid, offset, on_recovered);
    else
        yd_sio_recover(socket, pid, offset, on_recovered);
}

static int set_up(yodel_sio_socket *socket, yodel_str auth)
{
    yodel_sio *sio = socket->ns->sio;

    if (auth.len > 0 && (socket->auth_text = yd_strndup(sio->mem, auth.ptr, auth.len)) == NULL)
        return -ENOMEM;
    socket->aside->config = yd_sio_config_begin(socket->ns, socket->loop);
    socket->aside->middleware = socket->aside->config->middleware;
    return 0;
}

/* There is no namespace for it. */
static void turn_down(struct yd_sio_client *client, yodel_str nsp,
                      const struct yd_sio_entered *entered)
{
    if (entered->rc == -ENOMEM) {
        yd_sio_client_fail(client, "out of memory");
    } else if (entered->rc == YODEL_ERR_TOO_BIG) {
        yd_sio_count_one(&client->sio->counters.children_refused);
        (void)refuse(client, nsp, YODEL_STR("Too many namespaces"), nothing);
    } else if (entered->message.ptr != NULL) {
        (void)refuse(client, nsp, entered->message, entered->data);
    } else {
        (void)refuse(client, nsp, YODEL_STR("Invalid namespace"), nothing);
    }
}

static void on_entered(struct yd_sio_client *client, yodel_str nsp, yodel_str auth,
                       const struct yd_sio_entered *entered)
{
    yodel_sio_socket *socket;

    if (entered->rc < 0) {
        client->has_left = client->has_left || entered->early != NULL;
        turn_down(client, nsp, entered);
        return;
    }
    if ((socket = yd_sio_socket_new(entered->ns, yd_eio_loop(client->session))) == NULL) {
        yd_sio_client_fail(client, "out of memory");
        return;
    }
    socket->client = client;
    yd_list_append(&client->sockets, &socket->of_client);
    if (set_up(socket, auth) < 0) {
        yd_sio_socket_free(socket);
        yd_sio_client_fail(client, "out of memory");
        return;
    }
    if (entered->early != NULL) {
        socket->aside->early = *entered->early;
        *entered->early = NULL;
    }
    recover(socket, auth);
}

void yd_sio_on_connect(struct yd_sio_client *client, const struct yd_sio_packet *packet)
{
    if (yd_sio_client_count(client) < client->sio->options.max_namespaces) {
        yd_sio_enter(client, packet->nsp, packet->data, on_entered);
        return;
    }
    yd_sio_count_one(&client->sio->counters.namespaces_refused);
    yd_sio_client_fail(client, "too many namespaces");
}
