/* SPDX-License-Identifier: MIT */
#ifndef YD_HTTP_FILE_H
#define YD_HTTP_FILE_H

#include <stdbool.h>
#include <sys/stat.h>
#include <yodel/http_files.h>

#include "proto/http1.h"

/* A file that may be served. */
struct yd_file_source {
    int root;          /* directory */
    const char *path;  /* below it; "" is the directory itself */
    const char *index; /* of a directory */
    const char *url;   /* of the root, with a slash at its end */
    const char *cache_control;
    const yodel_header *headers; /* of answers with a file */
    size_t num_headers;          /* at most YODEL_STATIC_MAX_HEADERS */
    bool plain_only;             /* what lies compressed beside a file is not looked for */
};

/* Opens path for reading below the directory root; what leads out of it, also by a symbolic link,
 * is not found.  Never waits for a FIFO's writer.  Returns a descriptor or -errno. */
int yd_file_open(int root, const char *path);
/* The same for kernels without openat2(2): follows no symbolic link at all. */
int yd_file_open_walking(int root, const char *path);

/* What lies compressed beside a file. */
struct yd_file_coded {
    struct stat stat;
    const char *coding; /* "br", "gzip" */
    bool varies;        /* there is some, whether the client takes it or not */
};

/* Opens what the client likes best of the compressed forms of path, which plain is about and which
 * has room for 3 more characters; not what is older.  Returns a descriptor, or -errno: the file
 * itself is to be sent, and of ret_coded only varies is set. */
int yd_file_open_coded(int root, char *path, const struct yd_http_codings *codings,
                       const struct stat *plain, struct yd_file_coded *ret_coded);

/* Answers req with the file.  What source points to must stay while the server runs, but for path.
 */
void yd_file_send(yodel_request *req, const struct yd_file_source *source);

#endif
