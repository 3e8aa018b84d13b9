/* SPDX-License-Identifier: MIT */
#ifndef YD_HTTP_STATIC_H
#define YD_HTTP_STATIC_H

#include <yodel/http.h>
#include <yodel/http_files.h>

/* Directories whose files are served below a path prefix. */
struct yd_mount;

/* Adds one to the list, which keeps longer prefixes first.  As yodel_server_static(). */
int yd_mount_add(struct yd_mount **list, const struct yodel_allocator *mem, const char *prefix,
                 const char *directory, const yodel_static_options *options);
void yd_mount_free(struct yd_mount *list, const struct yodel_allocator *mem);

/* Sets *ret_mount to the one that req's path is below and req->file to what is left of the path;
 * NULL when there is none, or the path can name no file.  Returns 0 or -ENOMEM. */
int yd_mount_find(struct yd_mount *list, yodel_request *req, struct yd_mount **ret_mount);

/* A handler for GET and HEAD; user is the mount of yd_mount_find(). */
void yd_mount_serve(yodel_request *req, void *user);

#endif
