/* SPDX-License-Identifier: MIT */
#include "sio/membership.h"

#include <string.h>

#include "base/utf8.h"

bool yd_sio_group_name(yodel_str nsp, const char *room, struct yd_sio_group_name *ret_name)
{
    size_t len = room != NULL ? strlen(room) : 0;

    if (room == NULL || len > YODEL_GROUP_NAME_MAX || nsp.len > YD_SIO_NAME_MAX ||
        !yd_utf8_is_valid(room, len))
        return false;
    memcpy(ret_name->text, nsp.ptr, nsp.len);
    ret_name->text[nsp.len] = '#';
    memcpy(ret_name->text + nsp.len + 1, room, len);
    ret_name->len = nsp.len + 1 + len;
    return true;
}

static struct yd_key key_of(const struct yd_sio_rooms *rooms, const struct yd_sio_group_name *name)
{
    return yd_bus_key(rooms->bus, (yodel_str){name->text, name->len});
}

int yd_sio_membership_join(struct yd_sio_membership *membership, const struct yd_sio_rooms *rooms,
                           const char *room, unsigned max)
{
    struct yd_sio_group_name name;
    struct yd_key key;
    int rc;

    if (!yd_sio_group_name(rooms->nsp, room, &name))
        return YODEL_ERR_NAME;
    if (membership->num >= max)
        return YODEL_ERR_TOO_BIG;
    key = key_of(rooms, &name);
    rc = yd_group_join_for(rooms->groups, rooms->loop, &key, &membership->member, rooms->tally);
    if (rc < 0)
        return rc;
    membership->num += (unsigned)rc; /* 0: it was in it */
    return 0;
}

/* A walk over the rooms; next is what it has not come to yet. */
struct yd_sio_cursor {
    struct yd_sio_cursor *outer;
    const struct yd_sio_membership *of;
    const struct yd_membership *next;
};

/* Walks do not come to a room that is left. */
static void move_cursors(const struct yd_sio_membership *membership,
                         const struct yd_sio_rooms *rooms, yodel_str group)
{
    for (struct yd_sio_cursor *cursor = *rooms->cursors; cursor; cursor = cursor->outer)
        if (cursor->of == membership && cursor->next != NULL &&
            yodel_str_eq(yd_membership_name(cursor->next), group))
            cursor->next = yd_membership_newer(cursor->next);
}

void yd_sio_membership_leave(struct yd_sio_membership *membership, const struct yd_sio_rooms *rooms,
                             const char *room)
{
    struct yd_sio_group_name name;
    struct yd_key key;

    if (!yd_sio_group_name(rooms->nsp, room, &name))
        return;
    key = key_of(rooms, &name);
    move_cursors(membership, rooms, key.text);
    if (yd_group_leave(rooms->groups, rooms->loop, &key, &membership->member))
        membership->num--;
}

void yd_sio_membership_leave_all(struct yd_sio_membership *membership,
                                 const struct yd_sio_rooms *rooms)
{
    for (struct yd_sio_cursor *cursor = *rooms->cursors; cursor; cursor = cursor->outer)
        if (cursor->of == membership)
            cursor->next = NULL;
    yd_member_leave_all(rooms->loop, &membership->member);
    membership->num = 0;
}

void yd_sio_membership_each(struct yd_sio_membership *membership, const struct yd_sio_rooms *rooms,
                            void (*each)(yodel_str room, void *user), void *user)
{
    struct yd_sio_cursor cursor = {*rooms->cursors, membership,
                                   yd_member_oldest(&membership->member)};
    size_t prefix = rooms->nsp.len + 1;

    *rooms->cursors = &cursor;
    while (cursor.next != NULL) {
        yodel_str name = yd_membership_name(cursor.next);
        size_t len = name.len - prefix;
        char room[YODEL_GROUP_NAME_MAX + 1]; /* the group may go inside the call */

        memcpy(room, name.ptr + prefix, len);
        room[len] = '\0';
        cursor.next = yd_membership_newer(cursor.next);
        each((yodel_str){room, len}, user);
    }
    *rooms->cursors = cursor.outer;
}
