/* SPDX-License-Identifier: MIT */
#include "access_line.h"

static PyObject *text_of(yodel_str text)
{
    return PyUnicode_DecodeASCII(text.ptr, (Py_ssize_t)text.len, "backslashreplace");
}

static PyObject *path_of(const yodel_request *req)
{
    yodel_str path = yodel_request_path(req), query = yodel_request_query(req);

    if (query.len == 0)
        return text_of(path);
    return text_of((yodel_str){path.ptr, (size_t)(query.ptr + query.len - path.ptr)});
}

static PyObject *client_of(yodel_request *req)
{
    yodel_str peer = yodel_request_peer(req);

    if (yodel_str_eq(peer, YODEL_STR("unix")))
        peer.len = 0;
    return text_of(peer);
}

PyObject *yp_access_line(struct yp_asgi *asgi, yodel_request *req, int status)
{
    PyObject *line;

    if (asgi->access_log == NULL)
        return NULL;
    line = Py_BuildValue("(NNNsi)", client_of(req), text_of(yodel_request_method(req)),
                         path_of(req), yodel_request_http_minor(req) == 0 ? "1.0" : "1.1", status);
    if (line == NULL)
        PyErr_Clear();
    return line;
}

void yp_access_log(struct yp_asgi *asgi, PyObject *line, int rc)
{
    PyObject *type, *error, *trace, *result;

    if (line == NULL)
        return;
    if (rc == 0) {
        PyErr_Fetch(&type, &error, &trace);
        if ((result = PyObject_Call(asgi->access_log, line, NULL)) == NULL)
            PyErr_WriteUnraisable(asgi->access_log);
        Py_XDECREF(result);
        PyErr_Restore(type, error, trace);
    }
    Py_DECREF(line);
}
