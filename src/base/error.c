/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* strerrorname_np() */
#endif
#include <string.h>
#include <yodel/base.h>

#define MAX_ERRNO 4095

/* glibc before 2.32 and musl have no names for errnos; musl's strerror() gives static text. */
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 32)
#define ERRNO_TEXT(number) strerrordesc_np(number)
#define ERRNO_NAME(number) strerrorname_np(number)
#else
#define ERRNO_TEXT(number) strerror(number)
#define ERRNO_NAME(number) "errno"
#endif

const char *yodel_strerror(int result)
{
    const char *text = NULL;

    if (result >= 0)
        return "success";
    switch (result) {
#define X(name, value, message)                                                                    \
    case YODEL_ERR_##name:                                                                         \
        return message;
        YODEL_ERROR_MAP(X)
#undef X
    default:
        break;
    }
    if (result >= -MAX_ERRNO)
        text = ERRNO_TEXT(-result);
    return text ? text : "unknown error";
}

const char *yodel_error_name(int result)
{
    const char *name = NULL;

    if (result >= 0)
        return "YODEL_OK";
    switch (result) {
#define X(id, value, message)                                                                      \
    case YODEL_ERR_##id:                                                                           \
        return "YODEL_ERR_" #id;
        YODEL_ERROR_MAP(X)
#undef X
    default:
        break;
    }
    if (result >= -MAX_ERRNO)
        name = ERRNO_NAME(-result);
    return name ? name : "unknown";
}
