/* SPDX-License-Identifier: MIT */
#include "sio_ask.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sio_emit.h"

/* ---- a question to a loop ---- */

/* Counted: who asks may give up first. */
struct question {
    _Atomic unsigned refs;
    pthread_mutex_t lock;
    pthread_cond_t some;
    bool is_done;
    int result;
    void (*look)(yodel_sio_socket *socket, struct question *question);
    struct yp_names_kept names; /* the answer */
    size_t number;              /* or this one */
};

/* Longer than a gather of the library takes, s. */
#define PATIENCE_S 11

static struct question *question_new(void)
{
    struct question *question = calloc(1, sizeof *question);
    pthread_condattr_t attributes;

    if (question == NULL)
        return NULL;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&question->some, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&question->lock, NULL);
    atomic_init(&question->refs, 2);
    question->result = YODEL_ERR_CLOSED;
    return question;
}

static void question_unref(struct question *question)
{
    if (atomic_fetch_sub_explicit(&question->refs, 1, memory_order_acq_rel) != 1)
        return;
    pthread_cond_destroy(&question->some);
    pthread_mutex_destroy(&question->lock);
    yp_names_free(&question->names);
    free(question);
}

/* The loop's part is over, and its reference goes. */
static void end_question(void *arg)
{
    struct question *question = arg;

    pthread_mutex_lock(&question->lock);
    question->is_done = true;
    pthread_cond_signal(&question->some);
    pthread_mutex_unlock(&question->lock);
    question_unref(question);
}

static void wait_for(struct question *question)
{
    struct timespec until;
    int rc = 0;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&question->lock);
    while (!question->is_done && rc == 0)
        rc = pthread_cond_timedwait(&question->some, &question->lock, &until);
    pthread_mutex_unlock(&question->lock);
}

/* A list of str; the question's reference goes. */
static PyObject *take_names(struct question *question)
{
    PyObject *list = PyList_New(0), *name;
    const char *text;
    size_t at = 0;

    pthread_mutex_lock(&question->lock);
    while (list != NULL && question->is_done &&
           (text = yp_names_next(&question->names, &at)) != NULL) {
        name = PyUnicode_FromString(text);
        if (name == NULL || PyList_Append(list, name) < 0)
            Py_CLEAR(list);
        Py_XDECREF(name);
    }
    pthread_mutex_unlock(&question->lock);
    question_unref(question);
    return list;
}

static void look(yodel_sio_socket *socket, void *arg)
{
    struct question *question = arg;

    question->look(socket, question);
}

static PyObject *ask_socket(struct yp_record *record,
                            void (*fn)(yodel_sio_socket *socket, struct question *question))
{
    struct question *question = question_new();

    if (question == NULL)
        return PyErr_NoMemory();
    question->look = fn;
    Py_BEGIN_ALLOW_THREADS(void)
        yodel_sio_namespace_post(record->ns, record->sid, look, question, end_question);
    wait_for(question);
    Py_END_ALLOW_THREADS return take_names(question);
}

/* ---- clients that are slow ---- */

#define LOOK_EVERY ((size_t)256 << 10)
#define WAIT_ABOVE ((size_t)1 << 20)

static void look_at_output(yodel_sio_socket *socket, struct question *question)
{
    question->number = yodel_sio_socket_buffered(socket);
}

/* Bytes that wait for a client; 0 when it has gone, or nobody answers. */
static size_t output_of(struct yp_record *record)
{
    struct question *question = question_new();
    size_t number = 0;

    if (question == NULL)
        return 0;
    question->look = look_at_output;
    (void)yodel_sio_namespace_post(record->ns, record->sid, look, question, end_question);
    wait_for(question);
    pthread_mutex_lock(&question->lock);
    if (question->is_done)
        number = question->number;
    pthread_mutex_unlock(&question->lock);
    question_unref(question);
    return number;
}

void yp_sio_wait_for_room(struct yp_record *record, size_t bytes)
{
    static const struct timespec moment = {.tv_nsec = 5000000};

    record->unasked += bytes;
    if (record->unasked < LOOK_EVERY || !record->is_in)
        return;
    record->unasked = 0;
    Py_BEGIN_ALLOW_THREADS while (output_of(record) > WAIT_ABOVE) nanosleep(&moment, NULL);
    Py_END_ALLOW_THREADS
}

/* ---- what a call is about ---- */

struct subject {
    yodel_sio_namespace *ns;  /* a reference; NULL: there is none */
    struct yp_record *record; /* a reference; NULL: it is not of this process */
    const char *sid, *room;
};

static void free_subject(struct subject *subject)
{
    yp_record_unref(subject->record);
    yodel_sio_namespace_unref(subject->ns);
}

/* Returns 0, or -1 with an exception and nothing to be freed. */
static int find(struct yp_sio *self, struct subject *subject, PyObject *sid, PyObject *room,
                PyObject *ns)
{
    bool none;

    *subject = (struct subject){.ns = NULL};
    if ((sid != NULL && (subject->sid = yp_name_of(sid)) == NULL) ||
        (room != NULL && room != Py_None && (subject->room = yp_name_of(room)) == NULL))
        return -1;
    subject->ns = yp_sio_find_ns(self, ns, &none);
    if (subject->ns == NULL)
        return none ? 0 : -1;
    subject->record = yp_sio_find_record(self, subject->ns, subject->sid);
    return 0;
}

/* (sid, namespace=None) */
static int read_sid(PyObject *object, PyObject *args, PyObject *named, struct subject *subject)
{
    static char *words[] = {"sid", "namespace", NULL};
    PyObject *sid, *ns = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, named, "O|O", words, &sid, &ns))
        return -1;
    return find((struct yp_sio *)(void *)object, subject, sid, NULL, ns);
}

/* ---- rooms ---- */

static int move(struct subject *subject, bool join)
{
    const char *const rooms[] = {subject->room, NULL};
    yodel_sio_target target = yodel_sio_to_room(subject->ns, subject->sid);
    int rc;

    if (subject->record != NULL && (rc = yp_early_room(subject->record, subject->room, join)) != 0)
        return rc < 0 ? rc : 0;
    return join ? yodel_sio_target_join(target, rooms) : yodel_sio_target_leave(target, rooms);
}

static PyObject *change_room(PyObject *object, PyObject *args, PyObject *named, bool join)
{
    static char *words[] = {"sid", "room", "namespace", NULL};
    struct yp_sio *self = (struct yp_sio *)(void *)object;
    PyObject *sid, *room, *ns = NULL;
    struct subject subject;
    int rc = 0;

    if (!PyArg_ParseTupleAndKeywords(args, named, "OO|O", words, &sid, &room, &ns))
        return NULL;
    if (find(self, &subject, sid, room, ns) < 0)
        return NULL;
    if (subject.room == NULL || strlen(subject.room) > 255)
        rc = YODEL_ERR_NAME;
    else if (subject.ns != NULL)
        rc = move(&subject, join);
    free_subject(&subject);
    if (rc < 0)
        return yp_sio_raise(self, rc, "room");
    Py_RETURN_NONE;
}

PyObject *yp_sio_enter_room(PyObject *self, PyObject *args, PyObject *named)
{
    return change_room(self, args, named, true);
}

PyObject *yp_sio_leave_room(PyObject *self, PyObject *args, PyObject *named)
{
    return change_room(self, args, named, false);
}

PyObject *yp_sio_close_room(PyObject *object, PyObject *args, PyObject *named)
{
    static char *words[] = {"room", "namespace", NULL};
    struct yp_sio *self = (struct yp_sio *)(void *)object;
    PyObject *room, *ns = NULL;
    struct subject subject;
    int rc = 0;

    if (!PyArg_ParseTupleAndKeywords(args, named, "O|O:close_room", words, &room, &ns) ||
        find(self, &subject, NULL, room, ns) < 0)
        return NULL;
    if (subject.ns != NULL)
        rc = yodel_sio_target_leave(yodel_sio_to_room(subject.ns, subject.room),
                                    (const char *const[]){subject.room, NULL});
    free_subject(&subject);
    if (rc < 0)
        return yp_sio_raise(self, rc, "close_room");
    Py_RETURN_NONE;
}

static void list_rooms(yodel_str name, void *user)
{
    struct question *question = user;

    (void)yp_names_add(&question->names, name);
}

static void look_at_rooms(yodel_sio_socket *socket, struct question *question)
{
    yodel_sio_socket_each_room(socket, list_rooms, question);
}

/* Of one that is to be let in, or that has left. */
static PyObject *kept_rooms(struct yp_record *record)
{
    struct yp_service *service = record->client->service;
    struct question *question = question_new();
    const char *room;
    size_t at = 0;

    if (question == NULL)
        return PyErr_NoMemory();
    pthread_mutex_lock(&service->lock);
    if (!yp_names_have(&record->rooms, record->sid))
        (void)yp_names_add(&question->names, yodel_str_of(record->sid));
    while ((room = yp_names_next(&record->rooms, &at)) != NULL)
        (void)yp_names_add(&question->names, yodel_str_of(room));
    pthread_mutex_unlock(&service->lock);
    end_question(question);
    return take_names(question);
}

PyObject *yp_sio_rooms(PyObject *object, PyObject *args, PyObject *named)
{
    struct subject subject;
    PyObject *list;

    if (read_sid(object, args, named, &subject) < 0)
        return NULL;
    if (subject.record == NULL)
        list = PyList_New(0);
    else if (subject.record->is_in)
        list = ask_socket(subject.record, look_at_rooms);
    else
        list = kept_rooms(subject.record);
    free_subject(&subject);
    return list;
}

/* ---- clients ---- */

PyObject *yp_sio_disconnect(PyObject *object, PyObject *args, PyObject *named)
{
    static char *words[] = {"sid", "namespace", "close", NULL};
    struct yp_sio *self = (struct yp_sio *)(void *)object;
    PyObject *sid, *ns = NULL;
    struct subject subject;
    int close = 0, rc = 0;

    if (!PyArg_ParseTupleAndKeywords(args, named, "O|Op:disconnect", words, &sid, &ns, &close) ||
        find(self, &subject, sid, NULL, ns) < 0)
        return NULL;
    if (subject.ns != NULL && (subject.record == NULL || !yp_early_leave(subject.record)))
        rc = yodel_sio_target_disconnect(yodel_sio_to_room(subject.ns, subject.sid), close);
    free_subject(&subject);
    if (rc < 0)
        return yp_sio_raise(self, rc, "disconnect");
    Py_RETURN_NONE;
}

static void list_sockets(const yodel_sio_sockets *sockets, void *user)
{
    struct question *question = user;
    size_t num = sockets->json != NULL ? json_array_size(sockets->json) : 0;

    for (size_t i = 0; i < num; i++) {
        const json_t *id = json_object_get(json_array_get(sockets->json, i), "id");

        if (json_is_string(id))
            (void)yp_names_add(&question->names, yodel_str_of(json_string_value(id)));
    }
    end_question(question);
}

static PyObject *gather(struct yp_sio *self, const struct subject *subject)
{
    struct question *question = question_new();
    yodel_sio_target target = subject->room != NULL ? yodel_sio_to_room(subject->ns, subject->room)
                                                    : yodel_sio_to_all(subject->ns);
    int rc;

    if (question == NULL)
        return PyErr_NoMemory();
    Py_BEGIN_ALLOW_THREADS rc = yodel_sio_target_fetch(
        yodel_sio_target_with(target, YODEL_SIO_LOCAL), list_sockets, question);
    if (rc == 0)
        wait_for(question);
    Py_END_ALLOW_THREADS if (rc == 0) return take_names(question);
    question_unref(question);
    question_unref(question);
    return yp_sio_raise(self, rc, "participants");
}

/* (namespace=None, room=None) */
static int read_room(PyObject *object, PyObject *args, PyObject *named, struct subject *subject)
{
    static char *words[] = {"namespace", "room", NULL};
    PyObject *ns = NULL, *room = NULL;

    if (!PyArg_ParseTupleAndKeywords(args, named, "|OO", words, &ns, &room))
        return -1;
    return find((struct yp_sio *)(void *)object, subject, NULL, room, ns);
}

PyObject *yp_sio_participants(PyObject *object, PyObject *args, PyObject *named)
{
    struct subject subject;
    PyObject *list;

    if (read_room(object, args, named, &subject) < 0)
        return NULL;
    list = subject.ns != NULL ? gather((struct yp_sio *)(void *)object, &subject) : PyList_New(0);
    free_subject(&subject);
    return list;
}

PyObject *yp_sio_count(PyObject *object, PyObject *args, PyObject *named)
{
    struct subject subject;
    size_t num = 0;

    if (read_room(object, args, named, &subject) < 0)
        return NULL;
    if (subject.ns != NULL && subject.room != NULL)
        num = yodel_sio_namespace_room_count(subject.ns, subject.room);
    else if (subject.ns != NULL)
        num = yodel_sio_namespace_count(subject.ns);
    free_subject(&subject);
    return PyLong_FromSize_t(num);
}

PyObject *yp_sio_is_connected(PyObject *object, PyObject *args, PyObject *named)
{
    struct subject subject;
    bool is_in;

    if (read_sid(object, args, named, &subject) < 0)
        return NULL;
    is_in = subject.record != NULL && subject.record->is_in;
    free_subject(&subject);
    return PyBool_FromLong(is_in);
}

static void look_at_transport(yodel_sio_socket *socket, struct question *question)
{
    (void)yp_names_add(&question->names, yodel_str_of(yodel_sio_socket_transport(socket)));
}

PyObject *yp_sio_transport(PyObject *object, PyObject *args, PyObject *named)
{
    struct subject subject;
    PyObject *list = NULL, *name = NULL;

    if (read_sid(object, args, named, &subject) < 0)
        return NULL;
    if (subject.record == NULL)
        name = Py_NewRef(Py_None);
    else if (subject.record->is_in)
        list = ask_socket(subject.record, look_at_transport);
    if (list != NULL && PyList_GET_SIZE(list) > 0)
        name = Py_NewRef(PyList_GET_ITEM(list, 0));
    else if (name == NULL && !PyErr_Occurred())
        name = PyUnicode_FromString(subject.record->transport);
    Py_XDECREF(list);
    free_subject(&subject);
    return name;
}

PyObject *yp_sio_eio_sid(PyObject *object, PyObject *args, PyObject *named)
{
    struct subject subject;
    PyObject *id;

    if (read_sid(object, args, named, &subject) < 0)
        return NULL;
    id = subject.record != NULL ? PyUnicode_FromString(subject.record->client->id)
                                : Py_NewRef(Py_None);
    free_subject(&subject);
    return id;
}
