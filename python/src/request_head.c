/* SPDX-License-Identifier: MIT */
#include "request_head.h"

#include <stdlib.h>
#include <string.h>

struct measure {
    size_t num, bytes;
};

static void measure_field(yodel_str name, yodel_str value, void *user)
{
    struct measure *measure = user;

    measure->num++;
    measure->bytes += name.len + value.len;
}

struct copy {
    struct yp_head *head;
    char *at;
};

static yodel_str keep(struct copy *copy, yodel_str text)
{
    yodel_str kept = {copy->at, text.len};

    if (text.len > 0)
        memcpy(copy->at, text.ptr, text.len);
    copy->at += text.len;
    return kept;
}

static void copy_field(yodel_str name, yodel_str value, void *user)
{
    struct copy *copy = user;
    struct yp_field *field = &copy->head->fields[copy->head->num_fields++];

    field->name = keep(copy, name);
    field->value = keep(copy, value);
}

struct yp_head *yp_head_new(yodel_request *req)
{
    struct yp_line_of_request line = {
        .method = yodel_request_method(req),
        .path = yodel_request_path(req),
        .query = yodel_request_query(req),
        .host = yodel_request_host(req),
        .peer = yodel_request_peer(req),
        .secure = yodel_request_is_tls(req),
    };
    struct measure measure = {.bytes = line.method.len + line.path.len + line.query.len +
                                       line.host.len + line.peer.len};
    struct copy copy;
    size_t size;

    yodel_request_each_header(req, measure_field, &measure);
    size = sizeof(struct yp_head) + measure.num * sizeof(struct yp_field) + measure.bytes;
    if ((copy.head = malloc(size)) == NULL)
        return NULL;
    copy.at = (char *)&copy.head->fields[measure.num];
    copy.head->size = size;
    copy.head->num_fields = 0;
    copy.head->line = (struct yp_line_of_request){
        .method = keep(&copy, line.method),
        .path = keep(&copy, line.path),
        .query = keep(&copy, line.query),
        .host = keep(&copy, line.host),
        .peer = keep(&copy, line.peer),
        .secure = line.secure,
    };
    yodel_request_each_header(req, copy_field, &copy);
    return copy.head;
}

PyObject *yp_head_to_environ(struct yp_sio *server, const struct yp_head *head, PyObject *input)
{
    PyObject *env = yp_environ_new(server, &head->line, input);

    for (size_t i = 0; env != NULL && i < head->num_fields; i++)
        if (yp_environ_add(env, head->fields[i].name, head->fields[i].value) < 0)
            Py_CLEAR(env);
    return env;
}
