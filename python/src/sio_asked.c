/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sio_asked.h"

struct yp_asked {
    struct yp_work work; /* first; of emit(callback=) */
    _Atomic unsigned refs;
    struct yp_sio *server; /* a reference with a callback, else borrowed by who waits */
    PyObject *callback;    /* NULL: call() waits */
    struct yp_asked *orphan;
    pthread_mutex_t lock;
    pthread_cond_t some;
    bool is_done, is_of_one;
    int result;
    struct yp_args *answers; /* NULL: none */
    uint32_t timeout_ms;
    struct yp_args *args; /* what is emitted */
    char event[];
};

static struct yp_asked *asked_new(const char *event, struct yp_args *args)
{
    size_t len = strlen(event) + 1;
    struct yp_asked *asked = calloc(1, sizeof *asked + len);
    pthread_condattr_t attributes;

    if (asked == NULL) {
        free(args);
        PyErr_NoMemory();
        return NULL;
    }
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&asked->some, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&asked->lock, NULL);
    atomic_init(&asked->refs, 1);
    asked->work.kind = YP_ACK;
    asked->args = args;
    asked->result = YODEL_ERR_CLOSED;
    memcpy(asked->event, event, len);
    return asked;
}

/* Without the GIL where there is no callback. */
static void asked_unref(struct yp_asked *asked)
{
    if (atomic_fetch_sub_explicit(&asked->refs, 1, memory_order_acq_rel) != 1)
        return;
    pthread_cond_destroy(&asked->some);
    pthread_mutex_destroy(&asked->lock);
    yp_record_unref(asked->work.record);
    free(asked->answers);
    free(asked->args);
    free(asked);
}

/* ---- on loops ---- */

/* Nobody takes items any more: freed with the server, for that needs the GIL. */
static void make_orphan(struct yp_asked *asked)
{
    struct yp_sio *server = asked->server;

    pthread_mutex_lock(&server->life_lock);
    asked->orphan = server->orphans;
    server->orphans = asked;
    pthread_mutex_unlock(&server->life_lock);
}

static void hand_over(struct yp_asked *asked)
{
    struct yp_queue *queue = &asked->server->service.queue;
    struct yp_record *record = asked->work.record;
    int rc;

    asked->work.item.bytes = sizeof *asked + (asked->answers != NULL ? asked->answers->size : 0);
    if (record != NULL)
        rc = yp_queue_push(queue, &record->client->strand, &asked->work.item, true);
    else
        rc = yp_queue_push_loose(queue, &asked->work.item, true);
    if (rc < 0)
        make_orphan(asked);
}

/* It is known what the clients say; the loop's reference goes with it. */
static void be_done(struct yp_asked *asked)
{
    if (asked->callback != NULL) {
        hand_over(asked);
        return;
    }
    pthread_mutex_lock(&asked->lock);
    asked->is_done = true;
    pthread_cond_signal(&asked->some);
    pthread_mutex_unlock(&asked->lock);
    asked_unref(asked);
}

static void on_answers(const yodel_sio_answers *answers, void *user)
{
    struct yp_asked *asked = user;
    bool has_any = answers->result == 0 || !asked->is_of_one;

    asked->result = answers->result;
    if (has_any && answers->json.len > 0)
        asked->answers = yp_args_new(answers->json, answers->attachments, answers->num_attachments);
    be_done(asked);
}

/* The socket of the one client that is asked. */
static void ask_socket(yodel_sio_socket *socket, void *arg)
{
    struct yp_asked *asked = *(struct yp_asked **)arg;
    yodel_sio_args args = yp_args_view(asked->args);
    yodel_sio_target target = yodel_sio_target_timeout(yodel_sio_to(socket), asked->timeout_ms);

    if (yodel_sio_emit_ack(target, asked->event, &args, on_answers, asked) == 0)
        *(struct yp_asked **)arg = NULL; /* which has the reference now */
}

/* It was not asked: there is no such socket any more, or it could not be. */
static void end_question(void *arg)
{
    struct yp_asked **place = arg;

    if (*place != NULL)
        be_done(*place);
    free(place);
}

/* Takes the loop's reference, always. */
static int ask_one(struct yp_record *record, struct yp_asked *asked)
{
    struct yp_asked **place = malloc(sizeof *place);

    if (place == NULL) {
        be_done(asked);
        return 0;
    }
    *place = asked;
    /* A failure is told by end_question() alone. */
    (void)yodel_sio_namespace_post(record->ns, record->sid, ask_socket, place, end_question);
    return 0;
}

static int ask(struct yp_asked *asked, yodel_sio_target target, struct yp_record *record)
{
    yodel_sio_args args = yp_args_view(asked->args);

    asked->is_of_one = record != NULL;
    if (record != NULL)
        return ask_one(record, asked);
    target = yodel_sio_target_with(target, YODEL_SIO_ALL_ARGUMENTS);
    return yodel_sio_emit_ack(yodel_sio_target_timeout(target, asked->timeout_ms), asked->event,
                              &args, on_answers, asked);
}

/* ---- callbacks ---- */

PyObject *yp_sio_emit_with_callback(struct yp_sio *self, yodel_sio_target target,
                                    struct yp_record *record, const char *event,
                                    struct yp_args *args, PyObject *callback)
{
    struct yp_asked *asked = asked_new(event, args);
    int rc;

    if (asked == NULL)
        return NULL;
    asked->server = (struct yp_sio *)(void *)Py_NewRef((PyObject *)self);
    asked->callback = Py_NewRef(callback);
    asked->timeout_ms = record != NULL ? UINT32_MAX : 60000;
    if (record != NULL)
        asked->work.record = yp_record_ref(record);
    rc = ask(asked, target, record);
    if (rc == 0)
        Py_RETURN_NONE;
    yp_asked_free(asked);
    return yp_sio_raise(self, rc, "emit");
}

/* [args of the one client], or [args of each]; those of many come as lists. */
static PyObject *answer_list(struct yp_sio *self, struct yp_asked *asked)
{
    PyObject *tuple, *list, *one;
    Py_ssize_t num;

    if (asked->answers == NULL)
        return PyList_New(0);
    if ((tuple = yp_args_to_tuple(&self->codec, asked->answers)) == NULL)
        return NULL;
    if (asked->is_of_one)
        return Py_BuildValue("[N]", tuple);
    num = PyTuple_GET_SIZE(tuple);
    list = PyList_New(num);
    for (Py_ssize_t i = 0; list != NULL && i < num; i++) {
        if ((one = PySequence_Tuple(PyTuple_GET_ITEM(tuple, i))) == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, i, one);
    }
    Py_DECREF(tuple);
    return list;
}

PyObject *yp_asked_tuple(struct yp_sio *self, struct yp_asked *asked)
{
    struct yp_record *record = asked->work.record;
    PyObject *answers = answer_list(self, asked);

    if (answers == NULL)
        return NULL;
    if (record == NULL)
        return Py_BuildValue("(iOOON)", YP_ACK, Py_None, Py_None, asked->callback, answers);
    return Py_BuildValue("(isNON)", YP_ACK, record->sid,
                         PyUnicode_DecodeUTF8(yp_record_ns(record).ptr,
                                              (Py_ssize_t)yp_record_ns(record).len, "replace"),
                         asked->callback, answers);
}

void yp_asked_free(struct yp_asked *asked)
{
    struct yp_sio *server = asked->server;

    Py_CLEAR(asked->callback);
    asked_unref(asked);
    Py_XDECREF((PyObject *)server);
}

void yp_asked_free_orphans(struct yp_sio *self)
{
    struct yp_asked *orphans;

    pthread_mutex_lock(&self->life_lock);
    orphans = self->orphans;
    self->orphans = NULL;
    pthread_mutex_unlock(&self->life_lock);
    while (orphans != NULL) {
        struct yp_asked *next = orphans->orphan;

        yp_asked_free(orphans);
        orphans = next;
    }
}

/* ---- call() ---- */

static void wait_for(struct yp_asked *asked, uint32_t timeout_ms)
{
    struct timespec until;
    int rc = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&asked->lock);
    while (!asked->is_done && rc == 0)
        rc = pthread_cond_timedwait(&asked->some, &asked->lock, &until);
    pthread_mutex_unlock(&asked->lock);
}

/* Under no lock: answers are written ahead of is_done. */
static PyObject *take_answer(struct yp_sio *self, struct yp_asked *asked)
{
    bool is_done;

    pthread_mutex_lock(&asked->lock);
    is_done = asked->is_done;
    pthread_mutex_unlock(&asked->lock);
    if (!is_done || asked->answers == NULL) {
        PyErr_SetString(PyExc_TimeoutError, "the client has not answered");
        return NULL;
    }
    return yp_args_to_tuple(&self->codec, asked->answers);
}

PyObject *yp_sio_call(struct yp_sio *self, yodel_sio_target target, struct yp_record *record,
                      const char *event, struct yp_args *args, uint32_t timeout_ms)
{
    struct yp_asked *asked = asked_new(event, args);
    PyObject *answer;
    int rc;

    if (asked == NULL)
        return NULL;
    asked->server = self;
    asked->timeout_ms = timeout_ms;
    atomic_fetch_add(&asked->refs, 1); /* the loop's */
    rc = ask(asked, target, record);
    if (rc < 0) {
        asked_unref(asked);
        asked_unref(asked);
        return yp_sio_raise(self, rc, "call");
    }
    Py_BEGIN_ALLOW_THREADS wait_for(asked, timeout_ms);
    Py_END_ALLOW_THREADS answer = take_answer(self, asked);
    asked_unref(asked);
    return answer;
}
