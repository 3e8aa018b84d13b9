/* SPDX-License-Identifier: MIT */
#include "sio/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/container.h"
#include "base/mem.h"
#include "proto/http1.h"

/* The client's files, as npm's socket.io has them in client-dist: read once, compressed once. */

static const char *const names[] = {
    "socket.io.js",
    "socket.io.js.map",
    "socket.io.min.js",
    "socket.io.min.js.map",
    "socket.io.esm.min.js",
    "socket.io.esm.min.js.map",
    "socket.io.msgpack.min.js",
    "socket.io.msgpack.min.js.map",
};

/* Larger files are not the client's, bytes. */
#define MAX_FILE (8 * 1024 * 1024)

struct file {
    struct yd_buf plain, gzip;
};

struct yd_sio_bundle {
    const struct yodel_allocator *mem;
    char etag[32]; /* "\"4.8.4\"" */
    struct file files[YD_LEN(names)];
};

/* ---- reading ---- */

static int read_all(const struct yodel_allocator *mem, int fd, struct yd_buf *buf)
{
    ssize_t len = 1;

    while (len > 0) {
        if (buf->len > MAX_FILE || yd_buf_reserve(mem, buf, 65536) < 0)
            return buf->len > MAX_FILE ? -EFBIG : -ENOMEM;
        len = read(fd, buf->ptr + buf->len, 65536);
        if (len < 0)
            return -errno;
        buf->len += (size_t)len;
    }
    return 0;
}

static int read_file(const struct yodel_allocator *mem, const char *directory, const char *name,
                     struct yd_buf *buf)
{
    char path[4096];
    int fd, rc;

    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path)
        return -ENAMETOOLONG;
    if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
        return errno == ENOENT ? 0 : -errno;
    rc = read_all(mem, fd, buf);
    (void)close(fd);
    return rc;
}

static int compress_file(const struct yodel_allocator *mem, struct file *file)
{
    z_stream stream = {.next_in = file->plain.ptr, .avail_in = (uInt)file->plain.len};
    int rc;

    if (deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        return -ENOMEM;
    rc = yd_buf_reserve(mem, &file->gzip, deflateBound(&stream, stream.avail_in));
    if (rc == 0) {
        stream.next_out = file->gzip.ptr;
        stream.avail_out = (uInt)file->gzip.cap;
        rc = deflate(&stream, Z_FINISH) == Z_STREAM_END ? 0 : -EIO;
        file->gzip.len = stream.total_out;
    }
    (void)deflateEnd(&stream);
    return rc;
}

/* "Socket.IO v4.8.4" stands at the beginning of each script. */
static void find_version(struct yd_sio_bundle *bundle, const struct yd_buf *script)
{
    static const char mark[] = "Socket.IO v";
    size_t head = YD_MIN(script->len, (size_t)200);
    const char *at = head > 0 ? memmem(script->ptr, head, mark, sizeof mark - 1) : NULL;
    int len = 0;

    if (at == NULL || bundle->etag[0] != '\0')
        return;
    at += sizeof mark - 1;
    while (len < 20 && at + len < (char *)script->ptr + head && strchr("0123456789.", at[len]))
        len++;
    (void)snprintf(bundle->etag, sizeof bundle->etag, "\"%.*s\"", len, at);
}

int yd_sio_bundle_new(const struct yodel_allocator *mem, const char *directory,
                      struct yd_sio_bundle **ret_bundle)
{
    struct yd_sio_bundle *bundle = yd_zalloc(mem, sizeof *bundle);
    size_t found = 0;
    int rc = 0;

    if (bundle == NULL)
        return -ENOMEM;
    bundle->mem = mem;
    for (size_t i = 0; rc == 0 && i < YD_LEN(names); i++) {
        struct file *file = &bundle->files[i];

        if ((rc = read_file(mem, directory, names[i], &file->plain)) < 0 || file->plain.len == 0)
            continue;
        found++;
        find_version(bundle, &file->plain);
        rc = compress_file(mem, file);
    }
    if (rc == 0 && found == 0)
        rc = -ENOENT;
    if (rc < 0) {
        yd_sio_bundle_free(bundle);
        return rc;
    }
    *ret_bundle = bundle;
    return 0;
}

void yd_sio_bundle_free(struct yd_sio_bundle *bundle)
{
    if (bundle == NULL)
        return;
    for (size_t i = 0; i < YD_LEN(names); i++) {
        yd_buf_free(bundle->mem, &bundle->files[i].plain);
        yd_buf_free(bundle->mem, &bundle->files[i].gzip);
    }
    yd_free(bundle->mem, bundle);
}

/* ---- serving ---- */

static const struct file *find_file(const struct yd_sio_bundle *bundle, yodel_str name,
                                    bool *ret_is_map)
{
    for (size_t i = 0; i < YD_LEN(names); i++)
        if (yodel_str_eq(name, yodel_str_of(names[i])) && bundle->files[i].plain.len > 0) {
            *ret_is_map = strstr(names[i], ".map") != NULL;
            return &bundle->files[i];
        }
    return NULL;
}

/* Weak or not, as the tag is the same for both encodings. */
static bool has_it(const struct yd_sio_bundle *bundle, yodel_request *req)
{
    yodel_str tag = yodel_request_header(req, "If-None-Match");

    if (tag.len > 2 && memcmp(tag.ptr, "W/", 2) == 0)
        tag = (yodel_str){tag.ptr + 2, tag.len - 2};
    return bundle->etag[0] != '\0' && yodel_str_eq(tag, yodel_str_of(bundle->etag));
}

static bool takes_gzip(yodel_request *req)
{
    yodel_str rest = yodel_request_header(req, "Accept-Encoding"), coding;

    while (yd_http_list_next(&rest, &coding)) {
        const char *end = memchr(coding.ptr, ';', coding.len);
        yodel_str name = {coding.ptr, end != NULL ? (size_t)(end - coding.ptr) : coding.len};
        bool refused = end != NULL &&
                       memmem(end, (size_t)(coding.ptr + coding.len - end), "q=0", 3) != NULL &&
                       coding.ptr[coding.len - 1] == '0';

        if (yd_str_eq_nocase(name, YODEL_STR("gzip")) && !refused)
            return true;
    }
    return false;
}

bool yd_sio_bundle_serve(struct yd_sio_bundle *bundle, yodel_request *req, yodel_str rest)
{
    bool is_map = false, gzip = takes_gzip(req);
    const struct file *file = find_file(bundle, rest, &is_map);
    yodel_header headers[] = {{"Cache-Control", "public, max-age=0"},
                              {"ETag", bundle->etag},
                              {"Vary", "Accept-Encoding"},
                              {"Content-Encoding", "gzip"}};
    yodel_response response = {.size = sizeof response, .headers = headers};

    if (file == NULL)
        return false;
    if (has_it(bundle, req)) {
        response.status = 304;
        response.headers = headers + 1;
        response.num_headers = 1;
    } else {
        response.content_type =
            is_map ? "application/json; charset=utf-8" : "application/javascript; charset=utf-8";
        response.body = gzip ? (yodel_bytes){file->gzip.ptr, file->gzip.len}
                             : (yodel_bytes){file->plain.ptr, file->plain.len};
        response.num_headers = gzip ? 4 : 3;
    }
    (void)yodel_request_respond(req, &response);
    return true;
}
