/* SPDX-License-Identifier: MIT */
#include "base/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_number(const char *name, uint32_t *ret_number)
{
    char *end;
    const unsigned long number = strtoul(name, &end, 10);

    if (strspn(name, "0123456789") == 0 || *end != '\0' || number >= UINT32_MAX)
        return false;
    *ret_number = (uint32_t)number;
    return true;
}

int yg_account_user(const char *name, uint32_t *ret_uid)
{
    const struct passwd *user;

    if (is_number(name, ret_uid))
        return 0;
    user = getpwnam(name);
    if (user == NULL)
        return -ENOENT;
    *ret_uid = user->pw_uid;
    return 0;
}

int yg_account_group(const char *name, uint32_t *ret_gid)
{
    const struct group *group;

    if (is_number(name, ret_gid))
        return 0;
    group = getgrnam(name);
    if (group == NULL)
        return -ENOENT;
    *ret_gid = group->gr_gid;
    return 0;
}
