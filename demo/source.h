/* SPDX-License-Identifier: MIT */
#ifndef DEMO_SOURCE_H
#define DEMO_SOURCE_H

#include <stddef.h>

/* A source of this program, as it was when it was compiled. */
struct demo_text {
    const char *name; /* "demo/echo.c" */
    const char *text;
    size_t len;
};

/* All of them; ends with one without a name.  Made by cmake/embed.cmake. */
extern const struct demo_text demo_texts[];

#endif
