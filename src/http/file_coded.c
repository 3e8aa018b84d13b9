/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/file.h"

/* Files that lie compressed beside others: "app.js.br", "app.js.gz". */

static bool is_older(const struct stat *a, const struct stat *b)
{
    if (a->st_mtim.tv_sec != b->st_mtim.tv_sec)
        return a->st_mtim.tv_sec < b->st_mtim.tv_sec;
    return a->st_mtim.tv_nsec < b->st_mtim.tv_nsec;
}

/* What was opened is what is looked at, so no name can be exchanged between the two. */
static int open_beside(int root, char *path, const char *suffix, const struct stat *plain,
                       struct stat *ret_stat)
{
    size_t len = strlen(path);
    int fd;

    strcpy(path + len, suffix);
    fd = yd_file_open(root, path);
    path[len] = '\0';
    if (fd < 0)
        return fd;
    if (fstat(fd, ret_stat) == 0 && S_ISREG(ret_stat->st_mode) && ret_stat->st_size > 0 &&
        !is_older(ret_stat, plain))
        return fd;
    (void)close(fd);
    return -ENOENT;
}

int yd_file_open_coded(int root, char *path, const struct yd_http_codings *codings,
                       const struct stat *plain, struct yd_file_coded *ret_coded)
{
    const struct {
        const char *name, *suffix;
        int weight;
    } br = {"br", ".br", yd_http_weight(codings, YD_HTTP_BR)},
      gzip = {"gzip", ".gz", yd_http_weight(codings, YD_HTTP_GZIP)},
      order[2] = {br.weight >= gzip.weight ? br : gzip, br.weight >= gzip.weight ? gzip : br};

    int identity = yd_http_weight(codings, YD_HTTP_IDENTITY);

    ret_coded->varies = false;
    for (int i = 0; i < 2; i++) {
        int fd = open_beside(root, path, order[i].suffix, plain, &ret_coded->stat);

        if (fd < 0)
            continue;
        ret_coded->varies = true;
        ret_coded->coding = order[i].name;
        if (order[i].weight > 0 && order[i].weight >= identity)
            return fd;
        (void)close(fd);
    }
    return -ENOENT;
}
