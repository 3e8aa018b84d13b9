/* SPDX-License-Identifier: MIT */
#ifndef YD_HTTP_FILE_H
#define YD_HTTP_FILE_H

#include <yodel/http.h>

/* A file that may be served. */
struct yd_file_source {
    int root;          /* directory */
    const char *path;  /* below it; "" is the directory itself */
    const char *index; /* of a directory */
    const char *url;   /* of the root, with a slash at its end */
    const char *cache_control;
};

/* Opens path for reading below the directory root; what leads out of it, also by a symbolic link,
 * is not found.  Never waits for a FIFO's writer.  Returns a descriptor or -errno. */
int yd_file_open(int root, const char *path);
/* The same for kernels without openat2(2): follows no symbolic link at all. */
int yd_file_open_walking(int root, const char *path);

/* Answers req with the file.  What source points to must stay while the server runs, but for path.
 */
void yd_file_send(yodel_request *req, const struct yd_file_source *source);

#endif
