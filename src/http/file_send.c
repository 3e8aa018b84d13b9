/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/container.h"
#include "base/mem.h"
#include "http/conditional.h"
#include "http/date.h"
#include "http/file.h"
#include "http/http_internal.h"
#include "http/mime.h"
#include "http/out.h"

/* What is read and queued at a time: a slow client costs no more than this. */
#define STEP (256 * 1024)

/*
 * A file on its way to a client.  It is opened on a thread of a pool, and read one step at a time;
 * between two steps the output empties.  A request that is lost meanwhile leaves the job to end by
 * itself.
 */
struct job {
    yodel_request *req; /* NULL: lost */
    const struct yodel_allocator *mem;
    struct yd_loop *loop;
    struct yd_file_source source;
    bool working;                   /* a thread of the pool has it, or a read */
    bool is_dir;                    /* what is asked for must be a directory */
    bool redirects;                 /* it is one, but was asked for as a file */
    int fd;                         /* -1: not open */
    int error;                      /* -errno */
    struct stat stat;               /* of fd */
    const char *coding;             /* of what fd is; NULL: none */
    bool varies;                    /* another client would get another coding */
    struct yd_http_codings codings; /* that the client takes */
    struct yd_msg *step;            /* being read */
    struct yd_file_read read;       /* of that */
    uint64_t offset, left;
    char path[]; /* with room for the index and a suffix after it */
};

static void free_job(struct job *job)
{
    if (job->fd >= 0)
        (void)close(job->fd);
    yd_msg_unref(job->step);
    yd_free(job->mem, job);
}

/* Lets go of the request, for an answer of another kind. */
static yodel_request *end_job(struct job *job)
{
    yodel_request *req = job->req;

    req->held = false;
    free_job(job);
    return req;
}

/* ---- on a thread of the pool ---- */

static int open_one(struct job *job, const char *path)
{
    if ((job->fd = yd_file_open(job->source.root, path)) < 0)
        return job->fd;
    return fstat(job->fd, &job->stat) == 0 ? 0 : -errno;
}

static int open_index(struct job *job)
{
    size_t len = strlen(job->path);

    (void)close(job->fd);
    if (len > 0)
        job->path[len++] = '/';
    strcpy(job->path + len, job->source.index);
    return open_one(job, job->path);
}

static int open_file(struct job *job)
{
    int rc = open_one(job, job->path);

    if (rc == 0 && S_ISDIR(job->stat.st_mode)) {
        if (!job->is_dir) {
            job->redirects = true;
            return 0;
        }
        rc = open_index(job);
    } else if (rc == 0 && job->is_dir) {
        rc = -ENOTDIR;
    }
    if (rc == 0 && !S_ISREG(job->stat.st_mode))
        rc = -ENOENT;
    return rc;
}

static void look_beside(struct job *job)
{
    struct yd_file_coded coded;
    int fd = yd_file_open_coded(job->source.root, job->path, &job->codings, &job->stat, &coded);

    job->varies = coded.varies;
    if (fd < 0)
        return;
    (void)close(job->fd);
    job->fd = fd;
    job->stat = coded.stat;
    job->coding = coded.coding;
}

static void do_open(void *arg)
{
    struct job *job = arg;

    job->error = open_file(job);
    if (job->error == 0 && !job->redirects && !job->source.plain_only)
        look_beside(job);
}

/* ---- on the loop ---- */

static void on_opened(void *arg);
static void on_read(struct yd_file_read *read, ssize_t result);

/* False when the job has ended with its request lost meanwhile. */
static bool take_back(struct job *job)
{
    bool is_wanted = job->req != NULL;

    job->working = false;
    if (!is_wanted)
        free_job(job);
    return is_wanted;
}

static int open_away(struct job *job)
{
    int rc = yd_loop_work(job->loop, do_open, on_opened, job);

    job->working = rc == 0;
    return rc;
}

static int read_step(struct job *job)
{
    int rc;

    job->step = yd_msg_new(job->mem, 0, (size_t)YD_MIN(job->left, (uint64_t)STEP));
    if (job->step == NULL)
        return -ENOMEM;
    job->read = (struct yd_file_read){.fd = job->fd,
                                      .buf = yd_msg_payload(job->step),
                                      .len = job->step->len,
                                      .offset = job->offset,
                                      .done = on_read};
    rc = yd_loop_read_file(job->loop, &job->read);
    job->working = rc == 0;
    return rc;
}

/* The length of the answer was said, so it can only be cut off. */
static void cut_off(struct job *job)
{
    yd_conn_abort(yd_request_conn(job->req), 0);
}

static void on_read(struct yd_file_read *read, ssize_t result)
{
    struct job *job = yd_container_of(read, struct job, read);
    struct yd_conn *conn;

    if (!take_back(job))
        return;
    conn = yd_request_conn(job->req);
    /* It cannot be read any more, or has become shorter. */
    if (result != (ssize_t)job->step->len || yd_conn_write_payload(conn, job->step) < 0) {
        cut_off(job);
        return;
    }
    job->offset += job->step->len;
    job->left -= job->step->len;
    job->step = yd_msg_unref(job->step);
    if (job->left == 0)
        yd_request_end(end_job(job));
    else
        yd_conn_want_drain(conn);
}

static void on_drained(yodel_request *req, void *user)
{
    struct job *job = user;

    (void)req;
    if (!job->working && job->left > 0 && read_step(job) < 0)
        cut_off(job);
}

static void on_gone(yodel_request *req, void *user)
{
    struct job *job = user;

    (void)req;
    job->req = NULL;
    if (!job->working)
        free_job(job);
}

/* ---- answers ---- */

static int status_of(int error)
{
    switch (error) {
    case -EMFILE:
    case -ENFILE:
    case -ENOMEM:
        return 503;
    case -EIO:
        return 500;
    case -EACCES:
    case -EPERM:
        return 403;
    default:
        return 404;
    }
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~/", c) != NULL);
}

static void put_escaped(struct yd_out *out, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";

    for (; *text != '\0'; text++) {
        const char escape[3] = {'%', hex[(uint8_t)*text >> 4], hex[(uint8_t)*text & 15]};

        yd_out_put(out, is_unreserved(*text) ? (yodel_str){text, 1} : (yodel_str){escape, 3});
    }
}

/* Made of the path as it was understood: what the client sent could lead to another host. */
static void redirect(struct job *job)
{
    yodel_str query = yd_request_head(job->req)->query;
    yodel_header header = {"Location", NULL};
    yodel_request *req;
    struct yd_out out;
    int rc = -ENOMEM;

    yd_out_init(&out, job->mem);
    put_escaped(&out, job->source.url);
    put_escaped(&out, job->path);
    if (job->path[0] != '\0')
        yd_out_put(&out, YODEL_STR("/"));
    if (query.ptr != NULL) {
        yd_out_put(&out, YODEL_STR("?"));
        yd_out_put(&out, query);
    }
    yd_out_put(&out, (yodel_str){"", 1});
    header.value = out.ptr;
    req = end_job(job);
    if (!out.failed)
        rc = yd_request_fail(req, 301, NULL, &header, 1);
    if (rc < 0)
        yd_request_refuse(req, 503, NULL);
    yd_out_done(&out);
}

static void describe(const struct stat *stat, struct yd_file_meta *ret_meta)
{
    ret_meta->size = (uint64_t)stat->st_size;
    ret_meta->modified = stat->st_mtim.tv_sec;
    (void)snprintf(ret_meta->etag, sizeof ret_meta->etag, "\"%llx-%llx.%lx-%llx\"",
                   (unsigned long long)stat->st_size, (unsigned long long)stat->st_mtim.tv_sec,
                   (unsigned long)stat->st_mtim.tv_nsec, (unsigned long long)stat->st_ino);
}

/* The header lines of a file's answers; those that a 304 has come first, Content-Range last. */
#define MAX_HEADERS (8 + YODEL_STATIC_MAX_HEADERS)
struct file_headers {
    yodel_header list[MAX_HEADERS];
    size_t num_304, num; /* without Content-Range */
    char modified[YD_HTTP_DATE_LEN + 1];
    char range[80];
};

static void put(struct file_headers *headers, const char *name, const char *value)
{
    headers->list[headers->num++] = (yodel_header){name, value};
}

static void set_headers(struct file_headers *headers, const struct job *job,
                        const struct yd_file_meta *meta)
{
    yd_http_date_write(meta->modified, headers->modified);
    headers->num = 0;
    put(headers, "ETag", meta->etag);
    put(headers, "Last-Modified", headers->modified);
    put(headers, "Cache-Control", job->source.cache_control);
    if (job->varies)
        put(headers, "Vary", "Accept-Encoding");
    headers->num_304 = headers->num;
    put(headers, "Accept-Ranges", "bytes");
    put(headers, "X-Content-Type-Options", "nosniff");
    if (job->coding != NULL)
        put(headers, "Content-Encoding", job->coding);
    for (size_t i = 0; i < job->source.num_headers; i++)
        put(headers, job->source.headers[i].name, job->source.headers[i].value);
    headers->list[headers->num] = (yodel_header){"Content-Range", headers->range};
}

/* Ends the job unless there is content to follow. */
static void answer(struct job *job, struct yd_answer *answer, uint64_t first)
{
    bool is_head = yodel_str_eq(yd_request_head(job->req)->method, YODEL_STR("HEAD"));
    int rc = yd_request_answer(job->req, answer);

    if (rc < 0) {
        yd_request_refuse(end_job(job), 503, NULL);
    } else if (is_head || answer->length == 0) {
        yd_request_end(end_job(job));
    } else {
        job->offset = first;
        job->left = answer->length;
        if (read_step(job) < 0)
            cut_off(job);
    }
}

static void answer_file(struct job *job)
{
    struct file_headers headers;
    struct yd_file_meta meta;
    uint64_t first, len;
    int status;

    describe(&job->stat, &meta);
    set_headers(&headers, job, &meta);
    status = yd_file_decide(yd_request_head(job->req), &meta, time(NULL), &first, &len);
    if (status == 206)
        (void)snprintf(headers.range, sizeof headers.range, "bytes %llu-%llu/%llu",
                       (unsigned long long)first, (unsigned long long)(first + len - 1),
                       (unsigned long long)meta.size);
    else
        (void)snprintf(headers.range, sizeof headers.range, "bytes */%llu",
                       (unsigned long long)meta.size);
    if (status == 200 || status == 206) {
        struct yd_answer ok = {.status = status,
                               .content_type = yd_mime_type(job->path),
                               .length = len,
                               .headers = headers.list,
                               .num_headers = headers.num + (status == 206)};

        answer(job, &ok, first);
    } else if (status == 304) {
        struct yd_answer unchanged = {
            .status = status, .headers = headers.list, .num_headers = headers.num_304};

        answer(job, &unchanged, 0);
    } else {
        yodel_request *req = end_job(job);

        if (yd_request_fail(req, status, NULL, &headers.list[headers.num], status == 416) < 0)
            yd_request_refuse(req, 503, NULL);
    }
}

static void on_opened(void *arg)
{
    struct job *job = arg;
    int error;

    if (!take_back(job))
        return;
    error = job->error;
    if (error < 0)
        yd_request_refuse(end_job(job), status_of(error), NULL);
    else if (job->redirects)
        redirect(job);
    else
        answer_file(job);
}

static struct job *new_job(yodel_request *req, const struct yd_file_source *source)
{
    const struct yodel_allocator *mem = yd_request_http(req)->mem;
    yodel_str url = yd_request_head(req)->path;
    size_t len = strlen(source->path);
    struct job *job = yd_zalloc(mem, sizeof *job + len + strlen(source->index) + sizeof "/.br");

    if (job == NULL)
        return NULL;
    job->req = req;
    job->mem = mem;
    job->loop = yd_conn_loop(yd_request_conn(req));
    job->source = *source;
    job->is_dir = url.ptr[url.len - 1] == '/';
    job->fd = -1;
    yd_http_accepted_codings(yd_request_head(req), &job->codings);
    memcpy(job->path, source->path, len);
    return job;
}

void yd_file_send(yodel_request *req, const struct yd_file_source *source)
{
    static const struct yd_hold hold = {.gone = on_gone, .drained = on_drained, .half_open = true};
    struct job *job = new_job(req, source);

    if (job == NULL || open_away(job) < 0) {
        if (job != NULL)
            free_job(job);
        (void)yd_request_fail(req, 503, NULL, NULL, 0);
        return;
    }
    (void)yd_request_hold(req, &hold, job, 0);
}
