/* SPDX-License-Identifier: MIT */
#include "serve/door.h"

#include <errno.h>
#include <stdio.h>
#include <yodel/decision.h>

int yg_door_open(const struct yg_door *door)
{
    return door->decision != NULL ? yodel_decision_accept(door->decision, NULL) : 0;
}

int yg_door_refuse(const struct yg_door *door, const char *message, const char *data)
{
    return door->decision != NULL ? yodel_decision_refuse(door->decision, message, data)
                                  : yodel_sio_socket_refuse(door->socket, message, data);
}

int yg_door_refuse_code(const struct yg_door *door, const char *message, const char *code)
{
    char data[100];

    snprintf(data, sizeof(data), "{\"code\":\"%.60s\"}", code);
    return yg_door_refuse(door, message, data);
}

int yg_door_send_away(const struct yg_door *door)
{
    yodel_sio_socket_disconnect(door->socket, YODEL_SIO_COME_BACK);
    return -ECANCELED;
}

yodel_decision *yg_door_wait(const struct yg_door *door)
{
    return door->decision != NULL ? yodel_decision_ref(door->decision)
                                  : yodel_sio_socket_defer(door->socket);
}
