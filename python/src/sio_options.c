/* SPDX-License-Identifier: MIT */
#include "sio_options.h"

#include <stdlib.h>
#include <string.h>

#include <yodel/sio_python.h>

#include "errors.h"
#include "sio_check.h"
#include "sio_emit.h"
#include "wsgi.h"

/* ---- reading ---- */

/* Options are taken from a copy of the dict, so that what is left is not known. */
struct reader {
    struct yp_sio *self;
    PyObject *left;    /* dict */
    PyObject *strings; /* list: what strings of options live in */
};

/* A new reference; NULL: not given, or an exception. */
static PyObject *take(struct reader *reader, const char *name)
{
    PyObject *value = PyDict_GetItemString(reader->left, name);

    if (value == NULL)
        return NULL;
    Py_INCREF(value);
    if (PyDict_DelItemString(reader->left, name) < 0 || PyList_Append(reader->strings, value) < 0)
        Py_CLEAR(value);
    return value;
}

static double take_number(struct reader *reader, const char *name, double otherwise)
{
    PyObject *value = take(reader, name);
    double number = otherwise;

    if (value != NULL && value != Py_None)
        number = PyFloat_AsDouble(value);
    Py_XDECREF(value);
    if (PyErr_Occurred())
        return 0;
    if (number >= 0 && number <= 1e15)
        return number;
    PyErr_Format(PyExc_ValueError, "%s is out of range", name);
    return 0;
}

static uint32_t take_ms(struct reader *reader, const char *name, double otherwise)
{
    double ms = take_number(reader, name, otherwise) * 1000;

    return ms >= 4294967295.0 ? UINT32_MAX - 1 : (uint32_t)ms;
}

static unsigned take_unsigned(struct reader *reader, const char *name, unsigned otherwise)
{
    double number = take_number(reader, name, otherwise);

    return number > 4294967295.0 ? UINT32_MAX : (unsigned)number;
}

static bool take_bool(struct reader *reader, const char *name, bool otherwise)
{
    PyObject *value = take(reader, name);
    int is = value != NULL && value != Py_None ? PyObject_IsTrue(value) : otherwise;

    Py_XDECREF(value);
    return is > 0;
}

static const char *text_of(PyObject *value)
{
    return value == NULL || value == Py_None ? NULL : yp_name_of(value);
}

/* A view as long as the reader; NULL: None, not given, or an exception. */
static const char *take_text(struct reader *reader, const char *name)
{
    PyObject *value = take(reader, name);
    const char *text = text_of(value);

    Py_XDECREF(value);
    return text;
}

/* ---- listeners ---- */

#define MOST_FDS 255
#define MOST_TRUSTED 256

struct listening {
    yodel_listen_options options;
    yodel_tls_options tls;
    int fds[MOST_FDS];
    const char *trusted[MOST_TRUSTED];
};

static int read_fds(struct listening *to, PyObject *fds)
{
    PyObject *list = PySequence_Fast(fds, "fds is a sequence of numbers");
    Py_ssize_t num = list != NULL ? PySequence_Fast_GET_SIZE(list) : 0;

    for (Py_ssize_t i = 0; i < num && i < MOST_FDS; i++)
        to->fds[i] = (int)PyLong_AsLong(PySequence_Fast_GET_ITEM(list, i));
    Py_XDECREF(list);
    if (num > 0) {
        to->options.fds = to->fds;
        to->options.num_fds = (size_t)num;
    }
    return PyErr_Occurred() ? -1 : 0;
}

static int read_trusted(struct listening *to, PyObject *trusted)
{
    Py_ssize_t num = PyList_Check(trusted) ? PyList_GET_SIZE(trusted) : -1;

    if (num < 0 || num > MOST_TRUSTED) {
        PyErr_SetString(PyExc_ValueError, "trusted is a list of at most 256 addresses");
        return -1;
    }
    for (Py_ssize_t i = 0; i < num; i++)
        if ((to->trusted[i] = yp_name_of(PyList_GET_ITEM(trusted, i))) == NULL)
            return -1;
    if (num > 0) {
        to->options.trusted = to->trusted;
        to->options.num_trusted = (size_t)num;
    }
    return 0;
}

static int read_listener(struct listening *to, PyObject *dict)
{
    PyObject *fds = PyDict_GetItemString(dict, "fds");
    PyObject *trusted = PyDict_GetItemString(dict, "trusted");
    PyObject *mode = PyDict_GetItemString(dict, "unix_mode");

    to->options.address = text_of(PyDict_GetItemString(dict, "address"));
    to->tls.cert_file = text_of(PyDict_GetItemString(dict, "tls_cert"));
    to->tls.key_file = text_of(PyDict_GetItemString(dict, "tls_key"));
    if (to->tls.cert_file != NULL)
        to->options.tls = &to->tls;
    if (mode != NULL && mode != Py_None)
        to->options.unix_mode = (unsigned)PyLong_AsUnsignedLong(mode);
    if (fds != NULL && fds != Py_None && read_fds(to, fds) < 0)
        return -1;
    if (trusted != NULL && trusted != Py_None && read_trusted(to, trusted) < 0)
        return -1;
    return PyErr_Occurred() ? -1 : 0;
}

/* Returns the port, or -1 with an exception. */
static int listen_at(struct yp_sio *self, PyObject *dict)
{
    struct listening to = {.options.size = sizeof to.options, .tls.size = sizeof to.tls};
    int rc;

    if (!PyDict_Check(dict)) {
        PyErr_SetString(PyExc_TypeError, "listen is a list of dicts");
        return -1;
    }
    if (read_listener(&to, dict) < 0)
        return -1;
    rc = yodel_server_listen(self->service.server, &to.options);
    if (rc >= 0)
        return rc;
    yp_raise(self->state, rc, to.options.address != NULL ? to.options.address : "descriptors");
    return -1;
}

static int listen_all(struct reader *reader)
{
    struct yp_sio *self = reader->self;
    PyObject *given = take(reader, "listen"), *list, *ports;
    Py_ssize_t num;
    int port;

    list = given != NULL && given != Py_None ? PySequence_Fast(given, "listen is a list of dicts")
                                             : PyList_New(0);
    Py_XDECREF(given);
    num = list != NULL ? PySequence_Fast_GET_SIZE(list) : 0;
    ports = list != NULL ? PyTuple_New(num) : NULL;
    for (Py_ssize_t i = 0; ports != NULL && i < num; i++) {
        port = listen_at(self, PySequence_Fast_GET_ITEM(list, i));
        if (port < 0)
            Py_CLEAR(ports);
        else
            PyTuple_SET_ITEM(ports, i, PyLong_FromLong(port));
    }
    Py_XDECREF(list);
    if (ports == NULL)
        return -1;
    self->num_listeners = (int)num;
    Py_XSETREF(self->ports, ports);
    return 0;
}

/* ---- the server ---- */

static int make_server(struct reader *reader)
{
    struct yp_sio *self = reader->self;
    yodel_log_sink sink = {
        .write = yp_service_log, .min_level = YODEL_LOG_INFO, .user = &self->service};
    yodel_server_options options = {
        .size = sizeof options,
        .loops = take_unsigned(reader, "loops", 1),
        .log = &sink,
        .server_name = take_text(reader, "server_name"),
        .decide_ms = UINT32_MAX, /* handlers may block */
        .max_body = (size_t)1 << 20,
    };
    int rc;

    if (PyErr_Occurred())
        return -1;
    rc = yodel_server_new(&options, &self->service.server);
    if (rc == 0)
        return 0;
    yp_raise(self->state, rc, "server");
    return -1;
}

static int make_queue(struct reader *reader)
{
    struct yp_queue_limits limits = {
        .strand_items = (size_t)take_number(reader, "max_client_items", 64),
        .strand_bytes = (size_t)take_number(reader, "max_client_bytes", 1 << 20),
        .items = (size_t)take_number(reader, "max_items", 100000),
        .bytes = (size_t)take_number(reader, "max_bytes", 64 << 20),
        .loose = (size_t)take_number(reader, "max_requests", 1000),
    };
    int rc;

    if (PyErr_Occurred())
        return -1;
    if ((rc = yp_service_init(&reader->self->service, &limits)) < 0) {
        yp_raise(reader->self->state, rc, NULL);
        return -1;
    }
    reader->self->is_ready = true;
    return 0;
}

/* ---- the service ---- */

/* One str, or a sequence of them, as a list that ends with NULL; NULL: an exception. */
static char **copy_list(PyObject *value)
{
    PyObject *list = PyUnicode_Check(value) ? PyTuple_Pack(1, value)
                                            : PySequence_Fast(value, "not a list of str");
    Py_ssize_t num = list != NULL ? PySequence_Fast_GET_SIZE(list) : 0;
    char **copy = list != NULL ? calloc((size_t)num + 1, sizeof *copy) : NULL;
    const char *text;

    for (Py_ssize_t i = 0; copy != NULL && i < num; i++)
        if ((text = yp_name_of(PySequence_Fast_GET_ITEM(list, i))) == NULL ||
            (copy[i] = strdup(text)) == NULL)
            break;
    Py_XDECREF(list);
    if (copy != NULL && (num == 0 || copy[num - 1] != NULL))
        return copy;
    if (!PyErr_Occurred())
        PyErr_NoMemory();
    yp_free_list(copy);
    return NULL;
}

void yp_free_list(char **list)
{
    for (char **one = list; one != NULL && *one != NULL; one++)
        free(*one);
    free(list);
}

/* None: the same origin; []: all, and no headers. */
static int read_origins(struct reader *reader, yodel_cors_options *cors, yodel_sio_options *options)
{
    PyObject *given = take(reader, "cors_allowed_origins"), *same;
    struct yp_sio *self = reader->self;

    cors->credentials = take_bool(reader, "cors_credentials", true);
    if (given == NULL || given == Py_None) {
        Py_XDECREF(given);
        if ((same = PyUnicode_FromString(YODEL_ORIGIN_SAME_HOST)) == NULL)
            return -1;
        self->origins = copy_list(same);
        Py_DECREF(same);
        return self->origins != NULL ? 0 : -1;
    }
    self->origins = copy_list(given);
    Py_DECREF(given);
    if (self->origins == NULL)
        return -1;
    if (self->origins[0] == NULL) {
        yp_free_list(self->origins);
        self->origins = NULL;
        return 0;
    }
    cors->origins = (const char *const *)self->origins;
    options->cors = cors;
    return 0;
}

static PyObject *attribute(PyObject *dict, const char *name)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;

    while (PyDict_Next(dict, &at, &key, &value)) {
        const char *text = PyUnicode_Check(key) ? PyUnicode_AsUTF8(key) : NULL;

        if (text != NULL && strcasecmp(text, name) == 0)
            return value != Py_None ? value : NULL;
    }
    return NULL;
}

static bool is_set(PyObject *dict, const char *name)
{
    PyObject *value = attribute(dict, name);

    return value != NULL && PyObject_IsTrue(value) > 0;
}

/* python-engineio's, where HttpOnly is off and the path "/" unless it is said. */
static int read_cookie(struct reader *reader, yodel_sio_cookie_options *cookie,
                       yodel_sio_options *options)
{
    PyObject *given = take(reader, "cookie"), *age;

    if (given == NULL || given == Py_None) {
        Py_XDECREF(given);
        return 0;
    }
    cookie->script_may_read = 1;
    if (PyUnicode_Check(given)) {
        cookie->name = yp_name_of(given);
    } else if (PyDict_Check(given)) {
        cookie->name = text_of(attribute(given, "name"));
        cookie->path = text_of(attribute(given, "path"));
        cookie->domain = text_of(attribute(given, "domain"));
        cookie->same_site = text_of(attribute(given, "SameSite"));
        cookie->secure = is_set(given, "Secure");
        cookie->script_may_read = !is_set(given, "HttpOnly");
        if ((age = attribute(given, "max-age")) != NULL ||
            (age = attribute(given, "max_age")) != NULL)
            cookie->max_age_s = PyLong_AsLongLong(age);
    } else {
        PyErr_SetString(PyExc_TypeError, "cookie is a str, a dict or None");
    }
    options->cookie = cookie;
    Py_DECREF(given); /* reader->strings has it */
    return PyErr_Occurred() ? -1 : 0;
}

static unsigned read_transports(struct reader *reader)
{
    PyObject *given = take(reader, "transports");
    unsigned bits = 0;
    char **list;

    if (given == NULL || given == Py_None) {
        Py_XDECREF(given);
        return 0;
    }
    list = copy_list(given);
    Py_DECREF(given);
    for (char **one = list; one != NULL && *one != NULL; one++) {
        if (strcmp(*one, "polling") == 0)
            bits |= YODEL_SIO_POLLING;
        else if (strcmp(*one, "websocket") == 0)
            bits |= YODEL_SIO_WEBSOCKET;
        else
            PyErr_Format(PyExc_ValueError, "no such transport: %s", *one);
    }
    yp_free_list(list);
    return bits;
}

static void read_wire(struct reader *reader, yodel_sio_options *options)
{
    const char *serializer;
    PyObject *threshold = PyDict_GetItemString(reader->left, "compression_threshold");

    options->ping_interval_ms = take_ms(reader, "ping_interval", 25);
    options->ping_timeout_ms = take_ms(reader, "ping_timeout", 20);
    options->upgrade_timeout_ms = take_ms(reader, "upgrade_timeout", 10);
    options->connect_timeout_ms = take_ms(reader, "connect_timeout", 45);
    options->max_payload = (size_t)take_number(reader, "max_http_buffer_size", 1000000);
    options->max_buffered = (size_t)take_number(reader, "max_buffered", 8 << 20);
    options->max_sessions = take_unsigned(reader, "max_sessions", 0);
    options->no_upgrades = !take_bool(reader, "allow_upgrades", true);
    options->transports = read_transports(reader);
    options->compress_min = threshold == Py_None
                                ? SIZE_MAX
                                : (size_t)take_number(reader, "compression_threshold", 1024);
    if (threshold == Py_None)
        Py_XDECREF(take(reader, "compression_threshold"));
    options->deflate =
        take_bool(reader, "deflate", false) ? YODEL_WS_DEFLATE_SHARED : YODEL_WS_DEFLATE_OFF;
    serializer = take_text(reader, "serializer");
    if (serializer != NULL && strcmp(serializer, "msgpack") == 0)
        options->parser = YODEL_SIO_MSGPACK;
    else if (serializer != NULL && strcmp(serializer, "default") != 0 &&
             strcmp(serializer, "json") != 0)
        PyErr_SetString(PyExc_ValueError, "serializer is \"default\" or \"msgpack\"");
}

static int serve_namespaces(struct reader *reader)
{
    PyObject *given = take(reader, "namespaces");
    char **names = NULL;
    int rc = 0;

    if (given != NULL && given != Py_None && (names = copy_list(given)) == NULL)
        rc = -1;
    Py_XDECREF(given);
    if (rc < 0)
        return -1;
    if (names == NULL)
        rc = yp_sio_add_namespace(reader->self, "/");
    for (char **one = names; rc == 0 && one != NULL && *one != NULL; one++)
        rc = yp_sio_add_namespace(reader->self, *one);
    yp_free_list(names);
    if (rc < 0)
        yp_raise(reader->self->state, rc, "namespaces");
    return rc < 0 ? -1 : 0;
}

static int make_service(struct reader *reader)
{
    struct yp_sio *self = reader->self;
    PyObject *path = PyDict_GetItemString(reader->left, "path");
    yodel_sio_options options = {.size = sizeof options, .hooks_user = self};
    yodel_sio_cookie_options cookie = {.size = sizeof cookie};
    yodel_cors_options cors = {.size = sizeof cors};
    bool has_service = path != Py_None;
    int rc;

    options.path = take_text(reader, "path");
    self->service.always_connect = take_bool(reader, "always_connect", false);
    read_wire(reader, &options);
    options.allow_request =
        take_bool(reader, "check_sessions", false) ? yp_check_ask : yp_check_origin;
    if (PyErr_Occurred() || read_origins(reader, &cors, &options) < 0 ||
        read_cookie(reader, &cookie, &options) < 0)
        return -1;
    if (!has_service)
        return 0;
    options.close_congested = 1; /* who misses an event would not know */
    rc = yodel_sio_new(self->service.server, &options, &self->service.sio);
    if (rc < 0) {
        yp_raise(self->state, rc, "Socket.IO");
        return -1;
    }
    return serve_namespaces(reader);
}

/* ---- the message queue ---- */

static int read_form(const char *form, yodel_sio_python_data *ret_form)
{
    static const char *const names[] = {"list", "bare", "plain", "pickle"};

    for (int i = 0; i < 4; i++)
        if (strcmp(form, names[i]) == 0) {
            *ret_form = (yodel_sio_python_data)i;
            return 0;
        }
    PyErr_Format(PyExc_ValueError, "no such queue_form: %s", form);
    return -1;
}

static int join_queue(struct reader *reader)
{
    struct yp_sio *self = reader->self;
    const char *url = take_text(reader, "message_queue"), *channel = take_text(reader, "channel");
    const char *form = take_text(reader, "queue_form");
    yodel_sio_python_options options = {.size = sizeof options,
                                        .channel = channel != NULL ? channel : "flask-socketio",
                                        .data = YODEL_SIO_PYTHON_PLAIN};
    int rc;

    if (PyErr_Occurred() || (form != NULL && read_form(form, &options.data) < 0))
        return -1;
    if (url == NULL || self->service.sio == NULL)
        return 0;
    rc = yodel_redis_new(self->service.server, YODEL_OPTIONS(yodel_redis_options, .url = url),
                         &self->redis);
    if (rc == 0)
        rc = yodel_sio_use_python(self->service.sio, self->redis, &options);
    if (rc == 0)
        return 0;
    yp_raise(self->state, rc, "message_queue");
    return -1;
}

/* ---- all of it ---- */

static int configure(struct reader *reader)
{
    PyObject *json = take(reader, "json");
    int rc = yp_codec_init(&reader->self->codec, json);

    Py_XDECREF(json);
    if (rc < 0 || make_queue(reader) < 0 || make_server(reader) < 0 || make_service(reader) < 0 ||
        join_queue(reader) < 0)
        return -1;
    if (take_bool(reader, "http", true) && (rc = yp_wsgi_route(reader->self)) < 0) {
        yp_raise(reader->self->state, rc, "http");
        return -1;
    }
    if (PyErr_Occurred() || listen_all(reader) < 0)
        return -1;
    if (PyDict_GET_SIZE(reader->left) == 0)
        return 0;
    PyErr_Format(PyExc_TypeError, "SioServer() has no such options: %S", reader->left);
    return -1;
}

int yp_sio_configure(struct yp_sio *self, PyObject *named)
{
    struct reader reader = {.self = self,
                            .left = named != NULL ? PyDict_Copy(named) : PyDict_New(),
                            .strings = PyList_New(0)};
    int rc = -1;

    if (reader.left != NULL && reader.strings != NULL)
        rc = configure(&reader);
    Py_XDECREF(reader.left);
    Py_XDECREF(reader.strings);
    return rc;
}
