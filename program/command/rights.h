/* SPDX-License-Identifier: MIT */
#ifndef YG_COMMAND_RIGHTS_H
#define YG_COMMAND_RIGHTS_H

#include "base/scope.h"
#include "command/command.h"

/*
 * What a caller may do.  Scopes are bits (base/scope.h):
 *
 *     emit    emit
 *     rooms   join, leave
 *     read    sockets, socket, rooms, presence, history, nodes, stats
 *     admin   disconnect, update, forget, config
 *     process no command, but what api/control.h has
 *
 * None of them includes another.
 */
/*
 * Patterns are those of yodel_pattern_fits().
 *
 * rooms   hold for every name that a command reaches sockets by, and that it joins or leaves: rooms
 *         and groups, a socket's id, which is a room, and "user:NAME" for a user.  {"all"} and
 * reads of more than one room need "*"
 */
struct yg_rights {
    unsigned scopes;
    struct yg_names namespaces; /* patterns */
    struct yg_names rooms;      /* patterns */
};

/* The bit of a scope's word; 0: there is none. */
unsigned yg_scope_find(const char *word);

/*
 * Whether a caller may give a command.
 *
 * rights   NULL: all
 * wrong    a reader for the complaint, SCOPE
 */
bool yg_command_is_allowed(const struct yg_command *command, const struct yg_rights *rights,
                           struct yg_json *wrong);

#endif
