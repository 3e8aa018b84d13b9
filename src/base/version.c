/* SPDX-License-Identifier: MIT */
#include <yodel/base.h>
#include <yodel/version.h>

const char *yodel_version(void)
{
    return YODEL_VERSION;
}

unsigned yodel_version_number(void)
{
    return YODEL_VERSION_NUMBER;
}
