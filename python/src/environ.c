/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "environ.h"

PyObject *yp_environ_base(void)
{
    return Py_BuildValue("{s:s,s:(ii),s:O,s:O,s:O,s:s,s:O}", "SCRIPT_NAME", "", "wsgi.version", 1,
                         0, "wsgi.multithread", Py_True, "wsgi.multiprocess", Py_False,
                         "wsgi.run_once", Py_False, "SERVER_PROTOCOL", "HTTP/1.1",
                         "wsgi.input_terminated", Py_True);
}

static PyObject *latin(yodel_str text)
{
    return PyUnicode_DecodeLatin1(text.ptr != NULL ? text.ptr : "", (Py_ssize_t)text.len, NULL);
}

static int put(PyObject *dict, const char *name, PyObject *value)
{
    int rc = value != NULL ? PyDict_SetItemString(dict, name, value) : -1;

    Py_XDECREF(value);
    return rc;
}

/* ---- the path ---- */

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static PyObject *decoded(yodel_str path)
{
    char *room = PyMem_Malloc(path.len + 1);
    PyObject *text;
    size_t len = 0;

    if (room == NULL)
        return PyErr_NoMemory();
    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] == '%' && i + 2 < path.len && hex(path.ptr[i + 1]) >= 0 &&
            hex(path.ptr[i + 2]) >= 0) {
            room[len++] = (char)(hex(path.ptr[i + 1]) << 4 | hex(path.ptr[i + 2]));
            i += 2;
        } else {
            room[len++] = path.ptr[i];
        }
    }
    text = latin((yodel_str){room, len});
    PyMem_Free(room);
    return text;
}

/* ---- addresses ---- */

/* "[::1]:80" and "a:80" are taken apart; without a port *ret_port is empty. */
static void split(yodel_str address, yodel_str *ret_host, yodel_str *ret_port)
{
    const char *colon = NULL;
    size_t i = address.len;

    while (i > 0 && address.ptr[i - 1] != ':' && address.ptr[i - 1] != ']')
        i--;
    if (i > 0 && address.ptr[i - 1] == ':')
        colon = address.ptr + i - 1;
    *ret_host = address;
    *ret_port = (yodel_str){"", 0};
    if (colon != NULL) {
        ret_host->len = (size_t)(colon - address.ptr);
        *ret_port = (yodel_str){colon + 1, address.len - ret_host->len - 1};
    }
    if (ret_host->len >= 2 && ret_host->ptr[0] == '[' && ret_host->ptr[ret_host->len - 1] == ']') {
        ret_host->ptr++;
        ret_host->len -= 2;
    }
}

static int put_peer(PyObject *env, yodel_str peer)
{
    yodel_str host, port;

    split(peer, &host, &port);
    if (put(env, "REMOTE_ADDR", latin(host)) < 0)
        return -1;
    return port.len > 0 ? put(env, "REMOTE_PORT", latin(port)) : 0;
}

static int put_server(struct yp_sio *server, PyObject *env, yodel_str asked, bool secure)
{
    yodel_str host, port;

    split(asked, &host, &port);
    if (port.len == 0)
        port = secure ? YODEL_STR("443") : YODEL_STR("80");
    if (asked.len == 0) { /* HTTP/1.0 need not say */
        host = YODEL_STR("localhost");
        if (PyTuple_GET_SIZE(server->ports) > 0 &&
            put(env, "SERVER_PORT", PyObject_Str(PyTuple_GET_ITEM(server->ports, 0))) < 0)
            return -1;
        return put(env, "SERVER_NAME", latin(host));
    }
    if (put(env, "SERVER_NAME", latin(host)) < 0)
        return -1;
    return put(env, "SERVER_PORT", latin(port));
}

/* ---- the whole ---- */

static PyObject *raw_uri(const struct yp_line_of_request *line)
{
    PyObject *path = latin(line->path), *query, *whole;

    if (path == NULL || line->query.len == 0)
        return path;
    query = latin(line->query);
    whole = query != NULL ? PyUnicode_FromFormat("%U?%U", path, query) : NULL;
    Py_DECREF(path);
    Py_XDECREF(query);
    return whole;
}

PyObject *yp_environ_new(struct yp_sio *server, const struct yp_line_of_request *line,
                         PyObject *input)
{
    PyObject *env = PyDict_Copy(server->environ_base), *errors = PySys_GetObject("stderr");

    if (env == NULL)
        return NULL;
    if (put(env, "REQUEST_METHOD", latin(line->method)) == 0 &&
        put(env, "PATH_INFO", decoded(line->path)) == 0 &&
        put(env, "QUERY_STRING", latin(line->query)) == 0 &&
        put(env, "RAW_URI", raw_uri(line)) == 0 && put_peer(env, line->peer) == 0 &&
        put_server(server, env, line->host, line->secure) == 0 &&
        put(env, "wsgi.url_scheme", PyUnicode_FromString(line->secure ? "https" : "http")) == 0 &&
        PyDict_SetItemString(env, "wsgi.input", input) == 0 &&
        PyDict_SetItemString(env, "wsgi.errors", errors != NULL ? errors : Py_None) == 0)
        return env;
    Py_DECREF(env);
    return NULL;
}

/* HTTP_ACCEPT_LANGUAGE; a name with '_' could pass for another, and is left out. */
static PyObject *key_of(yodel_str name)
{
    char key[256] = "HTTP_";
    size_t at = 5;

    if (name.len + at > sizeof key || memchr(name.ptr, '_', name.len) != NULL)
        return NULL;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];

        key[at++] = (char)(c == '-' ? '_' : c >= 'a' && c <= 'z' ? c - 0x20 : c);
    }
    if ((at == 17 && memcmp(key + 5, "CONTENT_TYPE", 12) == 0) ||
        (at == 19 && memcmp(key + 5, "CONTENT_LENGTH", 14) == 0))
        return PyUnicode_DecodeLatin1(key + 5, (Py_ssize_t)at - 5, NULL);
    return PyUnicode_DecodeLatin1(key, (Py_ssize_t)at, NULL);
}

int yp_environ_add(PyObject *env, yodel_str name, yodel_str value)
{
    PyObject *key = key_of(name), *text, *before;
    bool is_cookie = name.len == 6 && (name.ptr[0] | 0x20) == 'c' && (name.ptr[3] | 0x20) == 'k';
    int rc = -1;

    if (key == NULL)
        return PyErr_Occurred() ? -1 : 0;
    text = latin(value);
    before = PyDict_GetItemWithError(env, key);
    if (text != NULL && before != NULL)
        Py_SETREF(text, PyUnicode_FromFormat(is_cookie ? "%U; %U" : "%U,%U", before, text));
    if (text != NULL && !PyErr_Occurred())
        rc = PyDict_SetItem(env, key, text);
    Py_DECREF(key);
    Py_XDECREF(text);
    return rc;
}

/* ---- of a handshake ---- */

static yodel_str text_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_string(value))
        return (yodel_str){"", 0};
    return (yodel_str){json_string_value(value), json_string_length(value)};
}

static int add_headers(PyObject *env, const json_t *headers)
{
    json_t *object = (json_t *)headers; /* it is only walked through */
    int rc = 0;

    for (void *at = json_object_iter(object); rc == 0 && at != NULL;
         at = json_object_iter_next(object, at)) {
        const json_t *value = json_object_iter_value(at);

        if (json_is_string(value))
            rc = yp_environ_add(env, yodel_str_of(json_object_iter_key(at)),
                                (yodel_str){json_string_value(value), json_string_length(value)});
    }
    return rc;
}

static PyObject *empty_input(void)
{
    PyObject *io = PyImport_ImportModule("io"), *input = NULL;

    if (io != NULL)
        input = PyObject_CallMethod(io, "BytesIO", NULL);
    Py_XDECREF(io);
    return input;
}

PyObject *yp_environ_of_handshake(struct yp_sio *server, const json_t *handshake, const char *peer)
{
    yodel_str url = text_of(handshake, "url");
    const char *mark = url.len > 0 ? memchr(url.ptr, '?', url.len) : NULL;
    const json_t *headers = json_object_get(handshake, "headers");
    struct yp_line_of_request line = {
        .method = YODEL_STR("GET"),
        .path = url,
        .host = text_of(headers, "host"),
        .peer = yodel_str_of(peer),
        .secure = json_is_true(json_object_get(handshake, "secure")),
    };
    PyObject *input = empty_input(), *env = NULL;

    if (mark != NULL) {
        line.path.len = (size_t)(mark - url.ptr);
        line.query = (yodel_str){mark + 1, url.len - line.path.len - 1};
    }
    if (input != NULL)
        env = yp_environ_new(server, &line, input);
    Py_XDECREF(input);
    if (env != NULL && add_headers(env, headers) < 0)
        Py_CLEAR(env);
    return env;
}
