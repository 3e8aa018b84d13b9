/* SPDX-License-Identifier: MIT */
#ifndef YG_ADMIN_LOGIN_H
#define YG_ADMIN_LOGIN_H

#include "admin/admin_state.h"

/*
 * The middleware of the namespace: {"username", "password"} or {"sessionId"}, with the texts that
 * the page knows.  Passwords are checked one at a time, on a thread that may block, an unknown
 * user's like others.  user is the admin.
 */
int yg_login(yodel_sio_socket *socket, void *user);

#endif
