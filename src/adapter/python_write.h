/* SPDX-License-Identifier: MIT */
#ifndef YD_ADAPTER_PYTHON_WRITE_H
#define YD_ADAPTER_PYTHON_WRITE_H

#include "adapter/python_message.h"

/* Messages for managers of python-socketio, in the form that those of a version read. */

enum yd_python_form {
    YD_PYTHON_LIST = 0, /* 5.15.1 and later: JSON, data is a list of arguments */
    YD_PYTHON_BARE,     /* 5.14.2 to 5.15.0: JSON, data is the argument */
    YD_PYTHON_PLAIN,    /* every version: JSON, data is one argument that is no list; not binary */
    YD_PYTHON_PICKLE    /* before 5.14: a pickle of plain data, protocol 4 */
};

struct yd_python_words {
    yodel_str elements; /* JSON values with commas between them, checked */
    const yodel_bytes *attachments;
    size_t num_attachments;
};

struct yd_python_emit {
    yodel_str event;
    struct yd_python_words words;
    bool everyone;
    const yodel_str *rooms;
    size_t num_rooms;
    const yodel_str *skip;
    size_t num_skip;
    uint64_t callback; /* its id, of the first room; 0: none */
};

/* A callback that is given back: what the emit said. */
struct yd_python_answer {
    yodel_str sid_json, nsp_json, id_json;
    yodel_str host_id;
    struct yd_python_words words;
};

struct yd_python_writer {
    const struct yodel_allocator *mem;
    enum yd_python_form form;
    yodel_str host_id; /* of this process */
    yodel_str nsp;
};

/* All append a message to buf, and return 0, -ENOMEM, or YODEL_ERR_UNSUPPORTED: the form cannot say
 * it, or a text is not UTF-8; buf may have grown. */
int yd_python_put_emit(const struct yd_python_writer *writer, const struct yd_python_emit *emit,
                       struct yd_buf *buf);
int yd_python_put_answer(const struct yd_python_writer *writer,
                         const struct yd_python_answer *answer, struct yd_buf *buf);
/* The methods on a socket and on a room; without the one that the method does not have. */
int yd_python_put_method(const struct yd_python_writer *writer, enum yd_python_method method,
                         yodel_str sid, yodel_str room, struct yd_buf *buf);

#endif
