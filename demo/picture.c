/* SPDX-License-Identifier: MIT */
/* Binary: small pictures, which everybody in the namespace "/pictures" sees. */
#include "demo.h"

#include <string.h>

enum { MAX_PICTURE = 64 * 1024, MAX_NAME = 128 };

/* card: picture */
static int is_png(yodel_bytes data)
{
    static const uint8_t signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

    return data.len > sizeof signature && memcmp(data.ptr, signature, sizeof signature) == 0;
}

/* socket.emit("picture", name, bytes, (answer) => ...): a string, and bytes as they are. */
static void on_picture(yodel_sio_socket *socket, yodel_sio_event *event, void *user)
{
    yodel_sio_namespace *ns = yodel_sio_socket_namespace(socket);
    const char *code = NULL;
    yodel_bytes picture;
    const char *name;
    size_t len;

    (void)user;
    if (yodel_sio_event_unpack(event, "s%y", &name, &len, &picture) < 0 || !is_png(picture))
        code = "need_picture";
    else if (picture.len > MAX_PICTURE || len > MAX_NAME)
        code = "too_big";
    else if (yodel_sio_emit(yodel_sio_to_all(ns), "picture", "s%y", name, len, picture) < 0)
        code = "failed";
    if (code != NULL)
        (void)yodel_sio_event_answer(event, "{s:s}", "code", code);
    else
        (void)yodel_sio_event_answer(event, "{s:I}", "bytes", (json_int_t)picture.len);
}
/* card end */

int demo_add_picture(struct demo *demo)
{
    yodel_sio_namespace *ns;
    int rc = yodel_sio_of(demo->sio, "/pictures", &ns);

    return rc < 0 ? rc : yodel_sio_namespace_on(ns, "picture", on_picture, NULL);
}
