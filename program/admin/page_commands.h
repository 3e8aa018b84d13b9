/* SPDX-License-Identifier: MIT */
#ifndef YG_ADMIN_PAGE_COMMANDS_H
#define YG_ADMIN_PAGE_COMMANDS_H

#include "admin/admin_state.h"

/*
 * What pages may do: join, leave, _disconnect, emit.  Each names whom it means; what node's server
 * takes for everybody, no name at all, is denied.  Handlers of the namespace, unless it is
 * read-only.  0, or what the library says.
 */
int yg_page_commands_set_up(struct yg_admin *admin);

#endif
