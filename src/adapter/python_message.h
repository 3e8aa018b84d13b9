/* SPDX-License-Identifier: MIT */
#ifndef YD_ADAPTER_PYTHON_MESSAGE_H
#define YD_ADAPTER_PYTHON_MESSAGE_H

#include <stdbool.h>
#include <yodel/base.h>

#include "adapter/python_pickle.h"
#include "proto/sio_packet.h"

/* What managers of python-socketio say to each other: a dict as JSON or as a pickle. */

enum yd_python_method {
    YD_PYTHON_EMIT = 1,
    YD_PYTHON_CALLBACK,
    YD_PYTHON_DISCONNECT,
    YD_PYTHON_ENTER_ROOM,
    YD_PYTHON_LEAVE_ROOM,
    YD_PYTHON_CLOSE_ROOM
};

/* Names and ids that a message has room for: longer lists are YODEL_ERR_TOO_BIG. */
#define YD_PYTHON_MAX_NAMES 1024

struct yd_python_reading {
    size_t max_len;  /* bytes of a message, and of what is made of it */
    bool takes_args; /* data of JSON that is a list is one of arguments; else it is an argument */
};

/*
 * A message that was read.  Views are of what it was read from, or of text.  Texts have no escapes;
 * those named json are raw.
 */
struct yd_python_message {
    enum yd_python_method method;
    yodel_str host_id; /* empty: nobody's */
    yodel_str nsp;     /* "/" when none is named */
    bool is_yodel;     /* a process of Yodel wrote it */

    /* EMIT */
    yodel_str event;
    yodel_str elements; /* arguments as JSON values with commas between them */
    yodel_bytes attachments[YD_SIO_MAX_ATTACHMENTS];
    size_t num_attachments;
    bool everyone; /* room is null: all of the namespace; else those in rooms */
    const yodel_str *rooms;
    size_t num_rooms;
    const yodel_str *skip;
    size_t num_skip;
    bool wants_callback;
    yodel_str callback_room_json, callback_nsp_json; /* to be given back as they are */

    /* EMIT with a callback, and CALLBACK */
    yodel_str id_json;

    /* the methods on a socket: CALLBACK, DISCONNECT, ENTER_ROOM, LEAVE_ROOM; and on a room */
    yodel_str sid, room;

    /* what it is made of */
    const struct yodel_allocator *mem;
    struct yd_pickle pickle;
    struct yd_buf json; /* of a pickle */
    struct yd_buf body; /* of an envelope */
    char *text;         /* of names */
    uint8_t *bytes;     /* of attachments */
    yodel_str *names;   /* rooms and skip */
    size_t text_len, num_names;
};

/*
 * Reads a message, which must live as long as what was read.  It is a dict, or the envelope of
 * kombu around one.  ret_message need not be initialised, and is freed on failure.
 *
 * Returns 0, -ENOMEM, YODEL_ERR_UNSUPPORTED (a pickle of more than plain data, a method that is not
 * above), YODEL_ERR_TOO_BIG (max_len, attachments, YD_PYTHON_MAX_NAMES), YODEL_ERR_PROTOCOL.
 */
int yd_python_read(const struct yodel_allocator *mem, yodel_bytes bytes,
                   const struct yd_python_reading *reading, struct yd_python_message *ret_message);
/* Once more does nothing. */
void yd_python_message_free(struct yd_python_message *message);

#endif
