/* SPDX-License-Identifier: MIT */
#include "sio_gate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/container.h"

/* What loops hear of clients: it becomes items. */

void yp_make_secret(uint64_t secret[2])
{
    if (getrandom(secret, 2 * sizeof *secret, 0) < 0)
        secret[0] = (uint64_t)clock(); /* no kernel of these days fails */
}

/* ---- clients that are not read from ---- */

static void resume(yodel_loop *loop, void *arg)
{
    struct yp_client *client = arg;

    (void)loop;
    for (struct yd_list *node = client->sockets.next; node != &client->sockets; node = node->next)
        (void)yodel_sio_socket_resume(yd_container_of(node, struct yp_record, of_client)->socket);
}

static void give_back(void *arg)
{
    yp_strand_unref(arg);
}

/* A loop with too much mail takes more soon, or ends. */
void yp_client_wake(struct yp_strand *strand)
{
    struct yp_client *client = (struct yp_client *)(void *)strand;
    static const struct timespec moment = {.tv_nsec = 1000000};

    for (int i = 0; i < 1000; i++) {
        if (yodel_loop_post(client->loop, resume, yp_strand_ref(strand), give_back) !=
            YODEL_ERR_CONGESTED)
            return;
        nanosleep(&moment, NULL);
    }
}

static int hand_over(struct yp_record *record, struct yp_work *work)
{
    struct yp_service *service = record->client->service;

    work->record = yp_record_ref(record);
    return yp_queue_push(&service->queue, &record->client->strand, &work->item, false);
}

/* ---- CONNECT ---- */

static struct yp_connect *connect_new(yodel_sio_socket *socket)
{
    struct yp_connect *connect = calloc(1, sizeof *connect);
    yodel_str peer = yodel_sio_socket_peer(socket);

    if (connect == NULL)
        return NULL;
    connect->work.kind = YP_CONNECT;
    connect->work.item.bytes = sizeof *connect + 1000;
    (void)snprintf(connect->peer, sizeof connect->peer, "%" YODEL_PRI, YODEL_ARG(peer));
    if ((connect->handshake = yodel_sio_socket_handshake(socket)) != NULL)
        return connect;
    free(connect);
    return NULL;
}

/* Returns 0 or an error: nobody will decide. */
static int ask_program(struct yp_record *record, yodel_sio_socket *socket)
{
    struct yp_connect *connect = connect_new(socket);
    int rc = connect != NULL ? hand_over(record, &connect->work) : -ENOMEM;

    if (rc >= 0)
        return 0;
    atomic_fetch_add(&record->client->service->counts.connects_refused, 1);
    pthread_mutex_lock(&record->client->service->lock);
    record->phase = YP_REFUSED;
    pthread_mutex_unlock(&record->client->service->lock);
    if (connect != NULL)
        yp_work_free(&connect->work);
    return rc;
}

/* The socket has ended, in whatever phase; its record goes on as long as there are items. */
static void on_ended(void *data)
{
    struct yp_record *record = data;
    struct yp_service *service = record->client->service;

    pthread_mutex_lock(&service->lock);
    yd_list_remove(&record->of_client);
    record->is_in = false;
    if (record->phase == YP_ACCEPTED)
        yp_record_tell_left(record, "transport close");
    else if (record->phase < YP_ACCEPTED)
        record->has_gone = true;
    pthread_mutex_unlock(&service->lock);
    yp_record_unref(record);
}

static int on_enter(yodel_sio_socket *socket, void *user)
{
    struct yp_service *service = user;
    struct yp_record *record = yp_record_new(service, socket);

    if (record == NULL)
        return -ENOMEM;
    record->socket = socket;
    yd_list_append(&record->client->sockets, &record->of_client);
    yodel_sio_socket_set_data(socket, record, on_ended);
    if (service->always_connect)
        return 0;
    if ((record->decision = yodel_sio_socket_defer(socket)) == NULL)
        return -ENOMEM;
    if (ask_program(record, socket) == 0)
        return YODEL_DEFER;
    return yodel_sio_socket_refuse(socket, "Server is busy", NULL);
}

static int on_let_in(yodel_sio_socket *socket, void *user)
{
    struct yp_record *record = yodel_sio_socket_data(socket);

    (void)user;
    return yp_early_join_rooms(record, socket);
}

static void on_connection(yodel_sio_socket *socket, void *user)
{
    struct yp_record *record = yodel_sio_socket_data(socket);
    struct yp_service *service = user;
    struct yp_early *early;
    bool must_leave;

    pthread_mutex_lock(&service->lock);
    if (record->phase == YP_ACCEPTED)
        record->phase = YP_JOINED;
    early = yp_early_take(record);
    must_leave = record->must_leave;
    pthread_mutex_unlock(&service->lock);
    yp_early_send(early, socket);
    if (must_leave || (service->always_connect && ask_program(record, socket) < 0))
        yodel_sio_socket_disconnect(socket, 0);
}

/* ---- the end ---- */

static void keep_room(yodel_str name, void *user)
{
    (void)yp_names_add(user, name);
}

static void on_disconnecting(yodel_sio_socket *socket, const char *reason, void *user)
{
    struct yp_record *record = yodel_sio_socket_data(socket);
    struct yp_names_kept rooms = {.num = 0}, old;
    struct yp_service *service = user;

    (void)reason;
    yodel_sio_socket_each_room(socket, keep_room, &rooms);
    pthread_mutex_lock(&service->lock);
    old = record->rooms;
    record->rooms = rooms;
    record->is_in = false;
    pthread_mutex_unlock(&service->lock);
    yp_names_free(&old);
}

/* The words of python-socketio. */
static const char *python_reason(const char *reason)
{
    static const char *const words[][2] = {
        {"client namespace disconnect", "client disconnect"},
        {"server namespace disconnect", "server disconnect"},
        {"forced server close", "server disconnect"},
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i][0], reason) == 0)
            return words[i][1];
    return reason;
}

static void on_disconnect(yodel_sio_socket *socket, const char *reason, void *user)
{
    struct yp_record *record = yodel_sio_socket_data(socket);
    struct yp_service *service = user;

    pthread_mutex_lock(&service->lock);
    (void)snprintf(record->reason, sizeof record->reason, "%s", python_reason(reason));
    if (record->phase == YP_JOINED)
        yp_record_tell_left(record, reason);
    pthread_mutex_unlock(&service->lock);
}

/* ---- events ---- */

static struct yp_event *event_new(yodel_sio_event *event)
{
    yodel_bytes attachments[10];
    size_t num = yodel_sio_event_num_attachments(event);
    yodel_str name = yodel_sio_event_name(event);
    struct yp_event *copy = malloc(sizeof *copy + name.len);

    if (copy == NULL || num > sizeof attachments / sizeof attachments[0]) {
        free(copy);
        return NULL;
    }
    for (size_t i = 0; i < num; i++)
        attachments[i] = yodel_sio_event_attachment(event, i);
    *copy = (struct yp_event){.work = {.kind = YP_EVENT}, .name_len = name.len};
    if (name.len > 0)
        memcpy(copy->name, name.ptr, name.len);
    copy->args = yp_args_new(yodel_sio_event_args(event), attachments, num);
    if (copy->args == NULL) {
        free(copy);
        return NULL;
    }
    copy->work.item.bytes = sizeof *copy + name.len + copy->args->size;
    copy->ack = yodel_sio_event_ack(event);
    return copy;
}

static void on_event(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    struct yp_record *record = yodel_sio_socket_data(socket);
    struct yp_event *copy = event_new(event);
    struct yp_service *service = user;
    int rc = copy != NULL ? hand_over(record, &copy->work) : -ENOMEM;

    if (rc == YP_PUSHED_PAUSE)
        (void)yodel_sio_socket_pause(socket);
    if (rc >= 0)
        return;
    if (copy != NULL)
        yp_work_free(&copy->work);
    else
        atomic_fetch_add(&service->counts.lost, 1);
    yodel_sio_socket_disconnect(socket, 1);
}

int yp_service_serve(struct yp_service *service, yodel_sio_namespace *ns)
{
    int rc = yodel_sio_namespace_use(ns, on_enter, service);

    if (rc == 0)
        rc = yodel_sio_namespace_use(ns, on_let_in, service);
    if (rc == 0)
        rc = yodel_sio_namespace_handle(
            ns,
            YODEL_OPTIONS(yodel_sio_handlers, .on_connection = on_connection,
                          .on_disconnecting = on_disconnecting, .on_disconnect = on_disconnect,
                          .on_any = on_event),
            service);
    return rc;
}

/* ---- decisions, on workers ---- */

bool yp_connect_begin(struct yp_connect *connect, unsigned long thread)
{
    struct yp_record *record = connect->work.record;
    struct yp_service *service = record->client->service;
    bool begins;

    pthread_mutex_lock(&service->lock);
    begins = record->phase == YP_WAITING && !record->has_gone;
    if (begins) {
        record->phase = YP_DECIDING;
        record->decider = thread;
        yd_list_append(&service->deciding, &record->of_deciding);
        atomic_fetch_add(&service->num_deciding, 1);
    } else if (record->phase == YP_WAITING) {
        record->phase = YP_REFUSED;
    }
    pthread_mutex_unlock(&service->lock);
    return begins;
}

/* Under the lock. */
static void end_deciding(struct yp_record *record, enum yp_phase phase)
{
    if (!yd_list_is_empty(&record->of_deciding)) {
        yd_list_remove(&record->of_deciding);
        atomic_fetch_sub(&record->client->service->num_deciding, 1);
    }
    record->phase = phase;
    if (phase == YP_ACCEPTED && record->has_gone)
        yp_record_tell_left(record, "transport close");
    else if (phase == YP_ACCEPTED && record->is_in) /* always_connect */
        record->phase = YP_JOINED;
}

static void decided(struct yp_record *record)
{
    record->decision = yodel_decision_unref(record->decision);
}

int yp_connect_accept(struct yp_connect *connect)
{
    struct yp_record *record = connect->work.record;
    struct yp_service *service = record->client->service;

    pthread_mutex_lock(&service->lock);
    end_deciding(record, YP_ACCEPTED);
    pthread_mutex_unlock(&service->lock);
    if (record->decision != NULL) /* one that is over has told, or will tell, its end */
        (void)yodel_decision_accept(record->decision, NULL);
    decided(record);
    return 0;
}

static void leave(struct yp_record *record)
{
    (void)yodel_sio_target_disconnect(yodel_sio_to_room(record->ns, record->sid), 0);
}

int yp_connect_refuse(struct yp_connect *connect, const char *message, const char *data_json)
{
    struct yp_record *record = connect->work.record;
    struct yp_service *service = record->client->service;
    int rc = 0;

    if (record->decision != NULL)
        rc = yodel_decision_refuse(record->decision, message != NULL ? message : "Refused",
                                   data_json);
    else
        leave(record);
    if (rc == -ENOMEM || rc == YODEL_ERR_ENCODING || rc == YODEL_ERR_FORMAT)
        return rc;
    pthread_mutex_lock(&service->lock);
    end_deciding(record, YP_REFUSED);
    pthread_mutex_unlock(&service->lock);
    decided(record);
    return 0;
}

/* ---- the log ---- */

void yp_service_log(yodel_log_level level, yodel_str text, void *user)
{
    struct yp_service *service = user;
    struct yp_line *line = NULL;

    if (atomic_fetch_add(&service->num_lines, 1) < YP_LINES_MAX)
        line = malloc(sizeof *line + text.len + 1);
    if (line != NULL) {
        *line = (struct yp_line){.work = {.item.bytes = sizeof *line + text.len, .kind = YP_LOG},
                                 .level = level};
        memcpy(line->text, text.ptr, text.len);
        line->text[text.len] = '\0';
        if (yp_queue_push_loose(&service->queue, &line->work.item, true) == 0)
            return;
        free(line);
    }
    atomic_fetch_sub(&service->num_lines, 1);
    atomic_fetch_add(&service->counts.lines_dropped, 1);
}
