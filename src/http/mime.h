/* SPDX-License-Identifier: MIT */
#ifndef YD_HTTP_MIME_H
#define YD_HTTP_MIME_H

/* The media type of a file by its name's extension, ASCII case ignored; never NULL. */
const char *yd_mime_type(const char *path);

#endif
