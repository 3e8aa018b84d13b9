/* SPDX-License-Identifier: MIT */
#include "command/target.h"

#include <errno.h>

#include "command/reach.h"
#include "state/socket_state.h"

int yg_target_user_room(struct yg_run *run, const char *user, const char **ret_room)
{
    const char *pattern = yg_spaces_room(&run->service->spaces, run->command->ns);
    char name[512];
    size_t len;

    if (pattern[0] == '\0')
        return -ENOTSUP;
    len = yg_personal_room(pattern, user, name, sizeof(name));
    if (len == 0 || len > YG_COMMAND_MAX_NAME)
        return -EINVAL;
    *ret_room = yg_arena_copy(&run->command->arena, name, len);
    return *ret_room != NULL ? 0 : -ENOMEM;
}

static void add_names(const char **rooms, size_t *num, const struct yg_names *names)
{
    for (size_t i = 0; i < names->num; i++)
        rooms[(*num)++] = names->items[i];
}

/* All as rooms, with a NULL behind them: a socket is a room too.  sid: one more, NULL: none.
 * ret_rooms NULL: there are none. */
static int rooms_of(struct yg_run *run, const struct yg_reach *reach, const char *sid,
                    const char ***ret_rooms)
{
    const size_t max =
        reach->rooms.num + reach->sockets.num + reach->users.num + (sid != NULL ? 1 : 0);
    const char **rooms;
    size_t num = 0;

    *ret_rooms = NULL;
    if (max == 0)
        return 0;
    rooms = yg_arena_take_array(&run->command->arena, max + 1, sizeof(*rooms));
    if (rooms == NULL)
        return -ENOMEM;
    add_names(rooms, &num, &reach->rooms);
    add_names(rooms, &num, &reach->sockets);
    for (size_t i = 0; i < reach->users.num; i++) {
        const int rc = yg_target_user_room(run, reach->users.items[i], &rooms[num++]);

        if (rc < 0)
            return rc;
    }
    if (sid != NULL)
        rooms[num] = sid;
    *ret_rooms = rooms;
    return 0;
}

static unsigned flags_of(const struct yg_command *command)
{
    return (command->is_volatile ? YODEL_SIO_VOLATILE : 0) |
           (command->is_local ? YODEL_SIO_LOCAL : 0);
}

int yg_target_make(struct yg_run *run, yodel_sio_target *ret_target)
{
    const struct yg_command *command = run->command;
    const char **rooms, **except;
    yodel_sio_target target;
    int rc = rooms_of(run, &command->to, NULL, &rooms);

    if (rc == 0)
        rc = rooms_of(run, &command->except, command->to.others ? run->sender_id : NULL, &except);
    if (rc < 0)
        return rc;
    target = rooms != NULL ? yodel_sio_to_rooms(run->ns, rooms) : yodel_sio_to_all(run->ns);
    if (except != NULL)
        target = yodel_sio_target_except(target, except);
    *ret_target = yodel_sio_target_with(target, flags_of(command));
    return 0;
}
