/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sio_items.h"

/* What is copied out of a loop's callbacks: names and arguments. */

int yp_names_add(struct yp_names_kept *names, yodel_str name)
{
    size_t before = names->text.len;
    int rc = yd_buf_append_str(&yd_mem_default, &names->text, name);

    if (rc == 0)
        rc = yd_buf_append(&yd_mem_default, &names->text, "", 1);
    if (rc < 0)
        names->text.len = before;
    else
        names->num++;
    return rc;
}

const char *yp_names_next(const struct yp_names_kept *names, size_t *at)
{
    const char *name;

    if (*at >= names->text.len)
        return NULL;
    name = (const char *)names->text.ptr + *at;
    *at += strlen(name) + 1;
    return name;
}

bool yp_names_have(const struct yp_names_kept *names, const char *name)
{
    const char *one;
    size_t at = 0;

    while ((one = yp_names_next(names, &at)) != NULL)
        if (strcmp(one, name) == 0)
            return true;
    return false;
}

void yp_names_remove(struct yp_names_kept *names, const char *name)
{
    const char *one;
    size_t at = 0, len;

    while ((one = yp_names_next(names, &at)) != NULL) {
        if (strcmp(one, name) != 0)
            continue;
        len = strlen(name) + 1;
        memmove(names->text.ptr + at - len, names->text.ptr + at, names->text.len - at);
        names->text.len -= len;
        names->num--;
        return;
    }
}

void yp_names_free(struct yp_names_kept *names)
{
    yd_buf_free(&yd_mem_default, &names->text);
    names->num = 0;
}

struct yp_args *yp_args_new(yodel_str json, const yodel_bytes *attachments, size_t num)
{
    size_t size = sizeof(struct yp_args) + json.len;
    struct yp_args *args;
    char *at;

    if (num > sizeof args->attachments / sizeof args->attachments[0])
        return NULL;
    for (size_t i = 0; i < num; i++)
        size += attachments[i].len;
    if ((args = malloc(size)) == NULL)
        return NULL;
    *args = (struct yp_args){.json_len = json.len, .num_attachments = num, .size = size};
    if (json.len > 0)
        memcpy(args->json, json.ptr, json.len);
    at = args->json + json.len;
    for (size_t i = 0; i < num; i++) {
        if (attachments[i].len > 0)
            memcpy(at, attachments[i].ptr, attachments[i].len);
        args->attachments[i] = (yodel_bytes){(const uint8_t *)at, attachments[i].len};
        at += attachments[i].len;
    }
    return args;
}
