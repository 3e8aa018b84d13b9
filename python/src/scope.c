/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "scope.h"

/* Names of headers that are kept to be used again: as many as clients' usual ones, and not long. */
#define MOST_NAMES 128
#define LONGEST_NAME 40

int yp_put(PyObject *dict, PyObject *name, PyObject *value)
{
    int rc;

    if (value == NULL)
        return -1;
    rc = PyDict_SetItem(dict, name, value);
    Py_DECREF(value);
    return rc;
}

/* ---- headers ---- */

struct walk {
    struct yp_asgi *asgi;
    PyObject *list;
    int failed;
};

static PyObject *lower(yodel_str name)
{
    PyObject *bytes = PyBytes_FromStringAndSize(name.ptr, (Py_ssize_t)name.len);
    char *p;

    if (bytes == NULL)
        return NULL;
    p = PyBytes_AS_STRING(bytes);
    for (size_t i = 0; i < name.len; i++)
        if (p[i] >= 'A' && p[i] <= 'Z')
            p[i] = (char)(p[i] + ('a' - 'A'));
    return bytes;
}

/* The name, in lower case: the object that was made for it before, if it is a usual one. */
static PyObject *header_name(struct yp_asgi *asgi, yodel_str name)
{
    PyObject *bytes = lower(name), *known;

    if (bytes == NULL || name.len > LONGEST_NAME)
        return bytes;
    known = PyDict_GetItemWithError(asgi->header_names, bytes);
    if (known == NULL && PyDict_GET_SIZE(asgi->header_names) < MOST_NAMES)
        (void)PyDict_SetItem(asgi->header_names, bytes, bytes);
    PyErr_Clear();
    if (known == NULL)
        return bytes;
    Py_DECREF(bytes);
    return Py_NewRef(known);
}

static void add_header(yodel_str name, yodel_str value, void *user)
{
    struct walk *walk = user;
    PyObject *pair = NULL, *key, *bytes;

    if (walk->failed)
        return;
    key = header_name(walk->asgi, name);
    bytes = PyBytes_FromStringAndSize(value.ptr, (Py_ssize_t)value.len);
    if (key != NULL && bytes != NULL)
        pair = PyTuple_Pack(2, key, bytes);
    walk->failed = pair == NULL || PyList_Append(walk->list, pair) < 0;
    Py_XDECREF(pair);
    Py_XDECREF(key);
    Py_XDECREF(bytes);
}

static PyObject *headers_of(struct yp_asgi *asgi, yodel_request *req)
{
    struct walk walk = {.asgi = asgi, .list = PyList_New(0)};

    if (walk.list == NULL)
        return NULL;
    yodel_request_each_header(req, add_header, &walk);
    if (walk.failed)
        Py_CLEAR(walk.list);
    return walk.list;
}

/* ---- target ---- */

static PyObject *bytes_of(yodel_str text)
{
    return PyBytes_FromStringAndSize(text.ptr, (Py_ssize_t)text.len);
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* As urllib.parse.unquote(): what is no escape stays, what is not UTF-8 becomes U+FFFD. */
static PyObject *unquote(yodel_str raw)
{
    char *text, *to;
    PyObject *path;

    if (memchr(raw.ptr, '%', raw.len) == NULL)
        return PyUnicode_DecodeUTF8(raw.ptr, (Py_ssize_t)raw.len, "replace");
    if ((text = to = PyMem_Malloc(raw.len)) == NULL)
        return PyErr_NoMemory();
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.ptr[i] == '%' && raw.len - i > 2 && hex(raw.ptr[i + 1]) >= 0 &&
            hex(raw.ptr[i + 2]) >= 0) {
            *to++ = (char)(hex(raw.ptr[i + 1]) * 16 + hex(raw.ptr[i + 2]));
            i += 2;
        } else {
            *to++ = raw.ptr[i];
        }
    }
    path = PyUnicode_DecodeUTF8(text, to - text, "replace");
    PyMem_Free(text);
    return path;
}

/* ---- addresses ---- */

/* "192.0.2.1:4711", "[2001:db8::1]:4711", "192.0.2.1", "unix" */
static PyObject *client_of(yodel_request *req)
{
    yodel_str peer = yodel_request_peer(req);
    const char *colon = peer.len > 0 ? memrchr(peer.ptr, ':', peer.len) : NULL;
    size_t len = peer.len;
    long port = 0;

    if (yodel_str_eq(peer, YODEL_STR("unix")) || yodel_str_eq(peer, YODEL_STR("unknown")))
        Py_RETURN_NONE;
    if (colon != NULL && peer.ptr[peer.len - 1] != ']') {
        len = (size_t)(colon - peer.ptr);
        for (const char *p = colon + 1; p < peer.ptr + peer.len; p++)
            port = port * 10 + (*p - '0');
    }
    if (len > 1 && peer.ptr[0] == '[')
        return Py_BuildValue("(s#l)", peer.ptr + 1, (Py_ssize_t)(len - 2), port);
    return Py_BuildValue("(s#l)", peer.ptr, (Py_ssize_t)len, port);
}

/* The listener's tag is its number. */
static PyObject *server_of(struct yp_asgi *asgi, yodel_request *req)
{
    yodel_str tag = yodel_request_listener_tag(req);
    int index = 0;

    for (size_t i = 0; i < tag.len; i++)
        index = index * 10 + (tag.ptr[i] - '0');
    return Py_NewRef(index < asgi->num_addresses ? asgi->addresses[index] : Py_None);
}

/* ---- the scope ---- */

static PyObject *version_of(const struct yp_asgi *asgi, const yodel_request *req)
{
    const struct yp_names *names = &asgi->state->names;

    return Py_NewRef(yodel_request_http_minor(req) == 0 ? names->http_1_0 : names->http_1_1);
}

static int put_target(struct yp_asgi *asgi, yodel_request *req, PyObject *scope)
{
    const struct yp_names *names = &asgi->state->names;
    yodel_str path = yodel_request_path(req), query = yodel_request_query(req);

    if (yp_put(scope, names->root_path, Py_NewRef(asgi->root_path)) < 0 ||
        yp_put(scope, names->path, unquote(path)) < 0 ||
        yp_put(scope, names->raw_path, bytes_of(path)) < 0)
        return -1;
    return yp_put(scope, names->query_string, bytes_of(query));
}

static int put_peers(struct yp_asgi *asgi, yodel_request *req, PyObject *scope)
{
    const struct yp_names *names = &asgi->state->names;

    if (yp_put(scope, names->client, client_of(req)) < 0 ||
        yp_put(scope, names->server, server_of(asgi, req)) < 0)
        return -1;
    if (asgi->lifespan_state == NULL)
        return 0;
    return yp_put(scope, names->state, PyDict_Copy(asgi->lifespan_state));
}

PyObject *yp_scope_new(struct yp_asgi *asgi, yodel_request *req, PyObject *type, PyObject *scheme,
                       PyObject *extensions)
{
    const struct yp_names *names = &asgi->state->names;
    PyObject *scope = PyDict_New();

    if (scope == NULL)
        return NULL;
    if (yp_put(scope, names->type, Py_NewRef(type)) < 0 ||
        yp_put(scope, names->asgi, Py_NewRef(asgi->scope_asgi)) < 0 ||
        yp_put(scope, names->http_version, version_of(asgi, req)) < 0 ||
        yp_put(scope, names->scheme, Py_NewRef(scheme)) < 0 || put_target(asgi, req, scope) < 0 ||
        yp_put(scope, names->headers, headers_of(asgi, req)) < 0 ||
        put_peers(asgi, req, scope) < 0 ||
        yp_put(scope, names->extensions, Py_NewRef(extensions)) < 0)
        Py_CLEAR(scope);
    return scope;
}
