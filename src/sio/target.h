/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_TARGET_H
#define YD_SIO_TARGET_H

#include <stdbool.h>
#include <yodel/sio.h>

/* Targets as values. */

/* What a term of a target is. */
enum yd_sio_term {
    YD_SIO_TO_SOCKET = 1, /* terms[i].ptr: yodel_sio_socket * */
    YD_SIO_TO_ROOM,       /* const char * */
    YD_SIO_TO_ROOMS,      /* const char *const *, ends with NULL */
    YD_SIO_BUT_ROOMS,     /* the same */
    YD_SIO_BUT_ID,        /* terms[i].id and the two after it: YD_ID_LEN bytes of a socket's id */
    YD_SIO_BUT_MORE       /* one of those two */
};

/* Returns 0, -EINVAL, YODEL_ERR_TOO_BIG: such a target is not used, nor is its namespace. */
int yd_sio_target_check(const yodel_sio_target *target);

/* The socket that the target means, if it means no one else but perhaps less than it; NULL: it is
 * not of that kind. */
yodel_sio_socket *yd_sio_target_socket(const yodel_sio_target *target);

/* Whether all that it means are sockets named one by one, so of this loop. */
bool yd_sio_target_is_here(const yodel_sio_target *target);

/* The id that begins with a term of YD_SIO_BUT_ID; borrowed from target. */
yodel_str yd_sio_target_id(const yodel_sio_target *target, unsigned term);

#endif
