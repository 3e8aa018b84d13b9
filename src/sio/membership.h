/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_MEMBERSHIP_H
#define YD_SIO_MEMBERSHIP_H

#include <yodel/channels.h>

#include "groups/groups.h"

/* The rooms of one socket, which are groups named as "/chat#room"; on the socket's loop. */

/* Bytes of a namespace's name. */
#define YD_SIO_NAME_MAX 255

/* Where the rooms are. */
struct yd_sio_rooms {
    struct yd_groups *groups;
    const struct yd_bus *bus;
    struct yd_loop *loop;
    yodel_str nsp;                  /* the namespace's name, at most YD_SIO_NAME_MAX bytes */
    struct yd_sio_cursor **cursors; /* of the loop: walks over rooms, the innermost first */
    struct yd_group_tally *tally;   /* of the namespace's rooms */
};

struct yd_sio_membership {
    struct yd_member member;
    unsigned num; /* rooms */
};

/* The name of a room's group, in a place of its own. */
struct yd_sio_group_name {
    size_t len;
    char text[YD_SIO_NAME_MAX + 1 + YODEL_GROUP_NAME_MAX];
};

/* False when no room can have that name: it is too long or no UTF-8. */
bool yd_sio_group_name(yodel_str nsp, const char *room, struct yd_sio_group_name *ret_name);

/* max: rooms.  Joining twice is once.  Returns 0, -ENOMEM, YODEL_ERR_NAME, YODEL_ERR_TOO_BIG. */
int yd_sio_membership_join(struct yd_sio_membership *membership, const struct yd_sio_rooms *rooms,
                           const char *room, unsigned max);
void yd_sio_membership_leave(struct yd_sio_membership *membership, const struct yd_sio_rooms *rooms,
                             const char *room);
void yd_sio_membership_leave_all(struct yd_sio_membership *membership,
                                 const struct yd_sio_rooms *rooms);

/* Calls each(room, user) for its rooms in the order they were joined; each may join and leave
 * them. */
void yd_sio_membership_each(struct yd_sio_membership *membership, const struct yd_sio_rooms *rooms,
                            void (*each)(yodel_str room, void *user), void *user);

#endif
