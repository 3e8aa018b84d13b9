/* SPDX-License-Identifier: MIT */
#ifndef YD_GROUPS_AWAIT_H
#define YD_GROUPS_AWAIT_H

#include "groups/groups.h"

/* As yd_group_await(), of a membership that there is. */
bool yd_membership_await(struct yd_membership *membership, struct yd_loop *loop,
                         void (*done)(struct yd_member *member));
/* It ends: done is called if it is owed. */
void yd_membership_cease_waiting(struct yd_membership *membership);

#endif
