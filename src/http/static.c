/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* O_PATH */
#endif
#include "http/static.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/options.h"
#include "http/file.h"
#include "http/http_internal.h"
#include "http/prefix.h"
#include "proto/url.h"

struct yd_mount {
    struct yd_mount *next;
    int root;
    char *url;        /* the prefix between slashes: "/static/", "/" */
    yodel_str prefix; /* trimmed; of url */
    char *index, *cache_control;
    yodel_header headers[YODEL_STATIC_MAX_HEADERS]; /* names and values are ours */
    size_t num_headers;
    bool dot_files, plain_only;
};

static void free_one(struct yd_mount *mount, const struct yodel_allocator *mem)
{
    if (mount->root >= 0)
        (void)close(mount->root);
    yd_free(mem, mount->url);
    yd_free(mem, mount->index);
    yd_free(mem, mount->cache_control);
    for (size_t i = 0; i < mount->num_headers; i++) {
        yd_free(mem, (void *)(uintptr_t)mount->headers[i].name);
        yd_free(mem, (void *)(uintptr_t)mount->headers[i].value);
    }
    yd_free(mem, mount);
}

void yd_mount_free(struct yd_mount *list, const struct yodel_allocator *mem)
{
    while (list != NULL) {
        struct yd_mount *next = list->next;

        free_one(list, mem);
        list = next;
    }
}

static char *url_of(const struct yodel_allocator *mem, yodel_str prefix)
{
    char *url = prefix.len < SIZE_MAX - 3 ? yd_alloc(mem, prefix.len + 3) : NULL;
    size_t len = 1;

    if (url == NULL)
        return NULL;
    url[0] = '/';
    if (prefix.len > 0) {
        memcpy(url + 1, prefix.ptr, prefix.len);
        len = prefix.len + 2;
        url[len - 1] = '/';
    }
    url[len] = '\0';
    return url;
}

static int copy_headers(struct yd_mount *mount, const struct yodel_allocator *mem,
                        const yodel_static_options *options)
{
    if (options->num_headers > YODEL_STATIC_MAX_HEADERS ||
        !yd_headers_are_valid(options->headers, options->num_headers))
        return -EINVAL;
    while (mount->num_headers < options->num_headers) {
        const yodel_header *from = &options->headers[mount->num_headers];
        yodel_header *to = &mount->headers[mount->num_headers++];

        to->name = yd_strdup(mem, from->name);
        to->value = yd_strdup(mem, from->value);
        if (to->name == NULL || to->value == NULL)
            return -ENOMEM;
    }
    return 0;
}

static int set_up(struct yd_mount *mount, const struct yodel_allocator *mem, const char *prefix,
                  const char *directory, const yodel_static_options *options)
{
    const char *index = options->index != NULL ? options->index : "index.html";
    const char *control = options->cache_control != NULL ? options->cache_control : "no-cache";
    int rc;

    if (prefix == NULL || prefix[0] != '/' || directory == NULL ||
        !yd_http_is_field_value(yodel_str_of(control)) ||
        !yd_http_is_field_value(yodel_str_of(prefix)) || strchr(index, '/') != NULL)
        return -EINVAL;
    mount->dot_files = options->dot_files != 0;
    mount->plain_only = options->plain_only != 0;
    mount->url = url_of(mem, yd_prefix_trim(yodel_str_of(prefix)));
    mount->index = yd_strdup(mem, index);
    mount->cache_control = yd_strdup(mem, control);
    if (mount->url == NULL || mount->index == NULL || mount->cache_control == NULL)
        return -ENOMEM;
    if ((rc = copy_headers(mount, mem, options)) < 0)
        return rc;
    mount->prefix = yd_prefix_trim(yodel_str_of(mount->url));
    mount->root = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return mount->root >= 0 ? 0 : -errno;
}

static int insert(struct yd_mount **list, struct yd_mount *mount)
{
    while (*list != NULL && (*list)->prefix.len > mount->prefix.len)
        list = &(*list)->next;
    for (struct yd_mount *other = *list; other != NULL; other = other->next)
        if (yodel_str_eq(other->prefix, mount->prefix))
            return YODEL_ERR_CONFLICT;
    mount->next = *list;
    *list = mount;
    return 0;
}

int yd_mount_add(struct yd_mount **list, const struct yodel_allocator *mem, const char *prefix,
                 const char *directory, const yodel_static_options *options)
{
    yodel_static_options known;
    struct yd_mount *mount;
    int rc;

    if ((rc = yd_options_read(options, &known, sizeof known)) < 0)
        return rc;
    if ((mount = yd_zalloc(mem, sizeof *mount)) == NULL)
        return -ENOMEM;
    mount->root = -1;
    if ((rc = set_up(mount, mem, prefix, directory, &known)) < 0 || (rc = insert(list, mount)) < 0)
        free_one(mount, mem);
    return rc;
}

/* ".git", ".env", ".htpasswd": what is in a directory by no one's will. */
static bool is_hidden(const char *path)
{
    while (path[0] != '\0') {
        yodel_str name = {path, strcspn(path, "/")};

        if (path[0] == '.' && !yodel_str_eq(name, YODEL_STR(".well-known")))
            return true;
        path += name.len;
        path += path[0] == '/';
    }
    return false;
}

int yd_mount_find(struct yd_mount *list, yodel_request *req, struct yd_mount **ret_mount)
{
    yodel_str path = req->head.path;
    ptrdiff_t len;
    char *file;

    *ret_mount = NULL;
    if (list == NULL)
        return 0;
    if ((file = yd_arena_alloc(&req->arena, path.len + 1)) == NULL)
        return -ENOMEM;
    if ((len = yd_url_file_path(path, file)) < 0)
        return 0;
    while (list != NULL && !yd_prefix_has(list->prefix, (yodel_str){file, (size_t)len}))
        list = list->next;
    if (list == NULL)
        return 0;
    file += list->prefix.len;
    file += file[0] == '/';
    if (!list->dot_files && is_hidden(file))
        return 0;
    req->file = file;
    *ret_mount = list;
    return 0;
}

void yd_mount_serve(yodel_request *req, void *user)
{
    const struct yd_mount *mount = user;
    const struct yd_file_source source = {.root = mount->root,
                                          .path = req->file,
                                          .index = mount->index,
                                          .url = mount->url,
                                          .cache_control = mount->cache_control,
                                          .headers = mount->headers,
                                          .num_headers = mount->num_headers,
                                          .plain_only = mount->plain_only};

    yd_file_send(req, &source);
}
