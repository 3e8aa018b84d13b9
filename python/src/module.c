/* SPDX-License-Identifier: MIT */
#include <yodel/yodel.h>

#include "asgi.h"
#include "asgi_http.h"
#include "asgi_ws.h"
#include "awaitable.h"
#include "errors.h"
#include "exchange.h"
#include "log_line.h"
#include "sio_server.h"
#include "sio_worker.h"
#include "uv_guest.h"
#include "wsgi.h"

/*
 * The module yodel._yodel.  Its parts are set up in the order of this list; a new one is a line
 * here, its fields are in state.h.
 */
static yp_part_fn *const parts[] = {
    yp_errors_part,   yp_awaitable_part, yp_uv_guest_part,  yp_log_line_part,
    yp_exchange_part, yp_asgi_part,      yp_asgi_http_part, yp_asgi_ws_part,
    yp_sio_part,      yp_worker_part,    yp_wsgi_part,      yp_wsgi_input_part,
};

static PyObject *version(PyObject *module, PyObject *unused)
{
    (void)module;
    (void)unused;
    return PyUnicode_FromString(yodel_version());
}

static PyMethodDef methods[] = {
    {"version", version, METH_NOARGS, "version() -> str: of the C library"},
    {"same_libuv", yp_same_libuv, METH_O, "same_libuv(path) -> bool: does it use our libuv?"},
    {NULL, NULL, 0, NULL},
};

int yp_add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **ret_type, int is_public)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);

    if (type == NULL)
        return -1;
    *ret_type = (PyTypeObject *)type;
    return is_public ? PyModule_AddType(module, *ret_type) : 0;
}

static int exec_module(PyObject *module)
{
    struct yp_state *state = PyModule_GetState(module);

    if (yp_names_init(&state->names) < 0)
        return -1;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (parts[i](module, state) < 0)
            return -1;
    return 0;
}

static int traverse_module(PyObject *module, visitproc visit, void *arg)
{
    struct yp_state *state = PyModule_GetState(module);

#define X(field) Py_VISIT(state->field);
    YP_STATE_REFS(X)
#undef X
    return 0;
}

static int clear_module(PyObject *module)
{
    struct yp_state *state = PyModule_GetState(module);

    yp_names_clear(&state->names);
#define X(field) Py_CLEAR(state->field);
    YP_STATE_REFS(X)
#undef X
    return 0;
}

static void free_module(void *module)
{
    (void)clear_module(module);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, exec_module},
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "yodel._yodel",
    .m_doc = "Yodel's servers for Python programs; see the package yodel.",
    .m_size = sizeof(struct yp_state),
    .m_methods = methods,
    .m_slots = slots,
    .m_traverse = traverse_module,
    .m_clear = clear_module,
    .m_free = free_module,
};

PyMODINIT_FUNC PyInit__yodel(void);

PyMODINIT_FUNC PyInit__yodel(void)
{
    return PyModuleDef_Init(&definition);
}
