/* SPDX-License-Identifier: MIT */
#ifndef YD_BASE_CONTAINER_H
#define YD_BASE_CONTAINER_H

#include <stddef.h>

/* The struct that embeds ptr as its field. */
#define yd_container_of(ptr, type, field) ((type *)((char *)(ptr)-offsetof(type, field)))

#define YD_LEN(array) (sizeof(array) / sizeof((array)[0]))

#define YD_MIN(a, b) ((a) < (b) ? (a) : (b))
#define YD_MAX(a, b) ((a) > (b) ? (a) : (b))

#endif
