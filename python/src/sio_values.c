/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "sio_values.h"

#define MOST_ATTACHMENTS 10 /* newer clients refuse more */

/* ---- the module of the program ---- */

/* json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, ...).encode, JSONDecoder().decode */
static int use_standard(struct yp_codec *codec, PyObject *json)
{
    PyObject *encoder_type = PyObject_GetAttrString(json, "JSONEncoder");
    PyObject *decoder = PyObject_CallMethod(json, "JSONDecoder", NULL), *encoder = NULL;
    PyObject *none = PyTuple_New(0);
    PyObject *named = Py_BuildValue("{s:(ss),s:O,s:O,s:O}", "separators", ",", ":", "ensure_ascii",
                                    Py_False, "allow_nan", Py_False, "check_circular", Py_False);

    if (encoder_type != NULL && none != NULL && named != NULL)
        encoder = PyObject_Call(encoder_type, none, named);
    if (encoder != NULL && decoder != NULL) {
        codec->dumps = PyObject_GetAttrString(encoder, "encode");
        codec->loads = PyObject_GetAttrString(decoder, "decode");
    }
    Py_XDECREF(encoder_type);
    Py_XDECREF(decoder);
    Py_XDECREF(encoder);
    Py_XDECREF(none);
    Py_XDECREF(named);
    return codec->dumps != NULL && codec->loads != NULL ? 0 : -1;
}

int yp_codec_init(struct yp_codec *codec, PyObject *module)
{
    PyObject *json = PyImport_ImportModule("json");
    int rc = -1;

    if (json == NULL)
        return -1;
    if (module == NULL || module == Py_None || module == json) {
        rc = use_standard(codec, json);
    } else {
        codec->dumps = PyObject_GetAttrString(module, "dumps");
        codec->loads = PyObject_GetAttrString(module, "loads");
        codec->named = Py_BuildValue("{s:(ss)}", "separators", ",", ":");
        rc = codec->dumps != NULL && codec->loads != NULL && codec->named != NULL ? 0 : -1;
    }
    Py_DECREF(json);
    return rc;
}

void yp_codec_clear(struct yp_codec *codec)
{
    Py_CLEAR(codec->dumps);
    Py_CLEAR(codec->loads);
    Py_CLEAR(codec->named);
}

/* ---- to JSON ---- */

static PyObject *dump(const struct yp_codec *codec, PyObject *value)
{
    PyObject *text;

    if (codec->named == NULL)
        text = PyObject_CallOneArg(codec->dumps, value);
    else
        text = PyObject_VectorcallDict(codec->dumps, &value, 1, codec->named);
    if (text != NULL && PyBytes_Check(text))
        Py_SETREF(text,
                  PyUnicode_DecodeUTF8(PyBytes_AS_STRING(text), PyBytes_GET_SIZE(text), NULL));
    if (text != NULL && !PyUnicode_Check(text)) {
        PyErr_SetString(PyExc_TypeError, "dumps() of the json module gave no text");
        Py_CLEAR(text);
    }
    return text;
}

/* Halves of surrogate pairs are put together; those that stand alone become U+FFFD. */
static PyObject *mend(PyObject *text)
{
    PyObject *bytes, *mended = NULL;
    int order = -1; /* little endian, without a mark */

    PyErr_Clear();
    bytes = PyUnicode_AsEncodedString(text, "utf-16-le", "surrogatepass");
    if (bytes != NULL)
        mended = PyUnicode_DecodeUTF16(PyBytes_AS_STRING(bytes), PyBytes_GET_SIZE(bytes), "replace",
                                       &order);
    Py_XDECREF(bytes);
    Py_DECREF(text);
    return mended;
}

PyObject *yp_value_to_json(const struct yp_codec *codec, PyObject *value)
{
    PyObject *text = dump(codec, value);

    if (text == NULL || PyUnicode_AsUTF8(text) != NULL ||
        !PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
        return text;
    return mend(text);
}

/* ---- bytes ---- */

struct parts {
    Py_buffer buffers[MOST_ATTACHMENTS];
    yodel_bytes views[MOST_ATTACHMENTS];
    size_t num;
};

static void release(struct parts *parts)
{
    for (size_t i = 0; i < parts->num; i++)
        PyBuffer_Release(&parts->buffers[i]);
}

static int has_bytes(PyObject *value);

static int list_has_bytes(PyObject *list)
{
    int rc = 0;

    for (Py_ssize_t i = 0; rc == 0 && i < PySequence_Fast_GET_SIZE(list); i++)
        rc = has_bytes(PySequence_Fast_GET_ITEM(list, i));
    return rc;
}

static int dict_has_bytes(PyObject *dict)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    int rc = 0;

    while (rc == 0 && PyDict_Next(dict, &at, &key, &value))
        rc = has_bytes(value);
    return rc;
}

/* 1, 0, or -1 with an exception. */
static int has_bytes(PyObject *value)
{
    int rc;

    if (PyUnicode_Check(value) || PyLong_Check(value) || value == Py_None || PyFloat_Check(value))
        return 0;
    if (!PyList_Check(value) && !PyTuple_Check(value) && !PyDict_Check(value))
        return PyObject_CheckBuffer(value);
    if (Py_EnterRecursiveCall(" in the data of an event"))
        return -1;
    rc = PyDict_Check(value) ? dict_has_bytes(value) : list_has_bytes(value);
    Py_LeaveRecursiveCall();
    return rc;
}

static PyObject *take_out(PyObject *value, struct parts *parts);

static PyObject *take_one(PyObject *value, struct parts *parts)
{
    Py_buffer *buffer = &parts->buffers[parts->num];

    if (parts->num == MOST_ATTACHMENTS) {
        PyErr_SetString(PyExc_ValueError, "more than 10 binary values in one event");
        return NULL;
    }
    if (PyObject_GetBuffer(value, buffer, PyBUF_SIMPLE) < 0)
        return NULL;
    parts->views[parts->num] = (yodel_bytes){buffer->buf, (size_t)buffer->len};
    return Py_BuildValue("{s:O,s:n}", "_placeholder", Py_True, "num", (Py_ssize_t)parts->num++);
}

static PyObject *take_out_of_list(PyObject *list, struct parts *parts)
{
    Py_ssize_t num = PySequence_Fast_GET_SIZE(list);
    PyObject *copy = PyList_New(num), *value;

    for (Py_ssize_t i = 0; copy != NULL && i < num; i++) {
        if ((value = take_out(PySequence_Fast_GET_ITEM(list, i), parts)) == NULL)
            Py_CLEAR(copy);
        else
            PyList_SET_ITEM(copy, i, value);
    }
    return copy;
}

static PyObject *take_out_of_dict(PyObject *dict, struct parts *parts)
{
    PyObject *copy = PyDict_New(), *key, *value, *taken;
    Py_ssize_t at = 0;

    while (copy != NULL && PyDict_Next(dict, &at, &key, &value)) {
        taken = take_out(value, parts);
        if (taken == NULL || PyDict_SetItem(copy, key, taken) < 0)
            Py_CLEAR(copy);
        Py_XDECREF(taken);
    }
    return copy;
}

/* A copy that has placeholders where bytes were. */
static PyObject *take_out(PyObject *value, struct parts *parts)
{
    PyObject *copy;

    if (PyUnicode_Check(value))
        return Py_NewRef(value);
    if (PyObject_CheckBuffer(value))
        return take_one(value, parts);
    if (!PyList_Check(value) && !PyTuple_Check(value) && !PyDict_Check(value))
        return Py_NewRef(value);
    if (Py_EnterRecursiveCall(" in the data of an event"))
        return NULL;
    copy = PyDict_Check(value) ? take_out_of_dict(value, parts) : take_out_of_list(value, parts);
    Py_LeaveRecursiveCall();
    return copy;
}

static struct yp_args *encode(const struct yp_codec *codec, PyObject *values, struct parts *parts)
{
    PyObject *text = yp_value_to_json(codec, values);
    struct yp_args *args;
    Py_ssize_t len;
    const char *json;

    if (text == NULL || (json = PyUnicode_AsUTF8AndSize(text, &len)) == NULL) {
        Py_XDECREF(text);
        return NULL;
    }
    args = yp_args_new((yodel_str){json, (size_t)len}, parts->views, parts->num);
    Py_DECREF(text);
    if (args == NULL)
        PyErr_NoMemory();
    return args;
}

struct yp_args *yp_args_of(const struct yp_codec *codec, PyObject *values)
{
    struct parts parts = {.num = 0};
    struct yp_args *args = NULL;
    int binary = has_bytes(values);
    PyObject *copy = binary > 0 ? take_out(values, &parts) : binary == 0 ? Py_NewRef(values) : NULL;

    if (copy != NULL)
        args = encode(codec, copy, &parts);
    Py_XDECREF(copy);
    release(&parts);
    return args;
}

/* ---- from JSON ---- */

/* Which attachment a value stands for; -1: none. */
static Py_ssize_t placeholder(PyObject *value, const struct yp_args *args)
{
    PyObject *num;
    Py_ssize_t i;

    if (!PyDict_Check(value) || PyDict_GetItemString(value, "_placeholder") != Py_True ||
        (num = PyDict_GetItemString(value, "num")) == NULL || !PyLong_Check(num))
        return -1;
    i = PyLong_AsSsize_t(num);
    if (i < 0 || (size_t)i >= args->num_attachments) {
        PyErr_Clear();
        return -1;
    }
    return i;
}

static PyObject *put_back(PyObject *value, const struct yp_args *args);

static int put_back_into_list(PyObject *list, const struct yp_args *args)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); i++) {
        PyObject *old = PyList_GET_ITEM(list, i), *value = put_back(old, args);

        if (value == NULL)
            return -1;
        PyList_SET_ITEM(list, i, value);
        Py_DECREF(old);
    }
    return 0;
}

static int put_back_into_dict(PyObject *dict, const struct yp_args *args)
{
    PyObject *key, *old;
    Py_ssize_t at = 0;
    int rc = 0;

    while (rc == 0 && PyDict_Next(dict, &at, &key, &old)) {
        PyObject *value = put_back(old, args);

        rc = value != NULL && (value == old || PyDict_SetItem(dict, key, value) == 0) ? 0 : -1;
        Py_XDECREF(value);
    }
    return rc;
}

/* The value, its own parts changed, or bytes; NULL with an exception. */
static PyObject *put_back(PyObject *value, const struct yp_args *args)
{
    Py_ssize_t num = placeholder(value, args);
    int rc = 0;

    if (num >= 0)
        return PyBytes_FromStringAndSize((const char *)args->attachments[num].ptr,
                                         (Py_ssize_t)args->attachments[num].len);
    if (Py_EnterRecursiveCall(" in the data of an event"))
        return NULL;
    if (PyList_Check(value))
        rc = put_back_into_list(value, args);
    else if (PyDict_Check(value))
        rc = put_back_into_dict(value, args);
    Py_LeaveRecursiveCall();
    return rc == 0 ? Py_NewRef(value) : NULL;
}

PyObject *yp_args_to_tuple(const struct yp_codec *codec, const struct yp_args *args)
{
    PyObject *text = PyUnicode_DecodeUTF8(args->json, (Py_ssize_t)args->json_len, "replace");
    PyObject *list = NULL, *tuple = NULL;

    if (text != NULL && args->json_len > 0)
        list = PyObject_CallOneArg(codec->loads, text);
    else if (text != NULL)
        list = PyList_New(0);
    Py_XDECREF(text);
    if (list != NULL && !PyList_Check(list))
        PyErr_SetString(PyExc_TypeError, "loads() of the json module gave no list");
    else if (list != NULL && (args->num_attachments == 0 || put_back_into_list(list, args) == 0))
        tuple = PyList_AsTuple(list);
    Py_XDECREF(list);
    return tuple;
}

/* ---- from a document ---- */

static PyObject *object_to_dict(const json_t *json)
{
    PyObject *dict = PyDict_New(), *value;
    json_t *object = (json_t *)json; /* it is only walked through */
    void *at;

    for (at = json_object_iter(object); dict != NULL && at != NULL;
         at = json_object_iter_next(object, at)) {
        value = yp_json_to_object(json_object_iter_value(at));
        if (value == NULL || PyDict_SetItemString(dict, json_object_iter_key(at), value) < 0)
            Py_CLEAR(dict);
        Py_XDECREF(value);
    }
    return dict;
}

static PyObject *array_to_list(const json_t *json)
{
    size_t num = json_array_size(json);
    PyObject *list = PyList_New((Py_ssize_t)num), *value;

    for (size_t i = 0; list != NULL && i < num; i++) {
        if ((value = yp_json_to_object(json_array_get(json, i))) == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, (Py_ssize_t)i, value);
    }
    return list;
}

PyObject *yp_json_to_object(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return object_to_dict(json);
    case JSON_ARRAY:
        return array_to_list(json);
    case JSON_STRING:
        return PyUnicode_DecodeUTF8(json_string_value(json), (Py_ssize_t)json_string_length(json),
                                    "replace");
    case JSON_INTEGER:
        return PyLong_FromLongLong(json_integer_value(json));
    case JSON_REAL:
        return PyFloat_FromDouble(json_real_value(json));
    case JSON_NULL:
        Py_RETURN_NONE;
    default:
        return PyBool_FromLong(json_is_true(json));
    }
}
