/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/api_verbs.h"
#include "cli/output.h"

/*
 * `yodel batch --stream FILE`: each line goes out as it comes, and each result is written as it
 * comes, so that another program can hold the pipe open.  A line is looked at before it is sent;
 * one that is wrong is the last.
 */

#define MAX_LINE ((size_t)1 << 20) /* as of the server */
#define PART 65536

struct stream {
    const struct yg_api_words *words;
    struct yg_api_client client;
    int fd;
    int socket;         /* of the connection; -1: there is none */
    struct yg_text in;  /* read, and not whole lines yet */
    struct yg_text out; /* lines to be sent, from `sent` on */
    size_t sent;
    size_t line;         /* how many were looked at */
    size_t commands;     /* of these, to be sent */
    bool is_over;        /* no more lines come */
    bool is_waiting;     /* for a line: the transfer is paused */
    struct yg_text back; /* of the answer: not a whole line yet, or what is no stream */
    size_t results;
    bool has_failed;
    int status; /* what is wrong on this side; 0: nothing */
};

/* ---- lines ---- */

static void end(struct stream *stream, int status)
{
    stream->is_over = true;
    if (stream->status == 0)
        stream->status = status;
}

static int no_memory(const struct stream *stream)
{
    return yg_api_say(&stream->words->where, YG_EXIT_FAILED, "out of memory");
}

static void take_line(struct stream *stream, const char *ptr, size_t len)
{
    char error[160];
    json_t *json = NULL;
    int rc;

    stream->line++;
    if (strspn(ptr, " \t\r\n") >= len)
        return;
    rc = yg_json_parse(ptr, len, error, &json);
    if (rc == -EINVAL)
        rc = yg_api_say(&stream->words->where, YG_EXIT_DATA, "line %zu: %s", stream->line, error);
    else if (rc < 0)
        rc = no_memory(stream);
    else
        rc = yg_api_check_command(stream->words, json, "line", stream->line);
    json_decref(json);
    if (rc != 0) {
        end(stream, rc);
        return;
    }
    stream->commands++;
    yg_text_add(&stream->out, ptr, len);
    yg_text_putc(&stream->out, '\n');
}

/* What of in is whole lines goes to out; at the end the rest is one. */
static void take_lines(struct stream *stream, bool is_end)
{
    struct yg_text *in = &stream->in;
    size_t at = 0;

    while (at < in->len && !stream->is_over) {
        const char *stop = memchr(in->ptr + at, '\n', in->len - at);
        const size_t len = stop != NULL ? (size_t)(stop - in->ptr) - at : in->len - at;

        if (stop == NULL && !is_end)
            break;
        take_line(stream, in->ptr + at, len);
        at += len + (stop != NULL);
    }
    if (at > 0) {
        memmove(in->ptr, in->ptr + at, in->len - at);
        in->len -= at;
        in->ptr[in->len] = '\0';
    }
    if (in->len > MAX_LINE)
        end(stream, yg_api_say(&stream->words->where, YG_EXIT_DATA, "line %zu is too long",
                               stream->line + 1));
}

static bool is_ready(const struct stream *stream)
{
    struct pollfd at = {.fd = stream->fd, .events = POLLIN};

    return poll(&at, 1, 0) > 0;
}

/* Reads what is there; returns whether something was. */
static bool read_some(struct stream *stream)
{
    static char part[PART];
    ssize_t num;

    if (stream->is_over || !is_ready(stream))
        return false;
    num = read(stream->fd, part, sizeof(part));
    if (num < 0 && errno == EINTR)
        return true;
    if (num > 0)
        yg_text_add(&stream->in, part, (size_t)num);
    if (num < 0)
        end(stream,
            yg_api_say(&stream->words->where, YG_EXIT_DATA, "the input: %s", strerror(errno)));
    else if (yg_text_failed(&stream->in))
        end(stream, no_memory(stream));
    else
        take_lines(stream, num == 0);
    if (num == 0)
        end(stream, 0);
    if (yg_text_failed(&stream->out))
        end(stream, no_memory(stream));
    return true;
}

static size_t give(char *into, size_t size, size_t num, void *user)
{
    struct stream *stream = user;
    size_t len;

    if (stream->sent == stream->out.len) {
        yg_text_reset(&stream->out);
        stream->sent = 0;
    }
    while (stream->out.len == 0 && read_some(stream))
        ;
    len = stream->out.len - stream->sent;
    if (len == 0 && stream->is_over)
        return 0;
    stream->is_waiting = len == 0;
    if (len == 0)
        return CURL_READFUNC_PAUSE;
    len = len < size * num ? len : size * num;
    memcpy(into, stream->out.ptr + stream->sent, len);
    stream->sent += len;
    return len;
}

/* ---- results ---- */

static bool show(struct stream *stream, const char *ptr, size_t len)
{
    struct yg_text text = {0};
    char error[160];
    json_t *json = NULL;

    if (yg_json_parse(ptr, len, error, &json) < 0)
        return false;
    stream->results++;
    stream->has_failed = stream->has_failed || json_object_get(json, "error") != NULL;
    if (stream->words->where.as_json) {
        yg_text_add(&text, ptr, len);
        yg_text_putc(&text, '\n');
    } else {
        yg_api_put_result(&text, json, stream->results);
    }
    json_decref(json);
    return yg_cli_print(&text) == YG_EXIT_OK;
}

static size_t take(char *ptr, size_t size, size_t num, void *user)
{
    struct stream *stream = user;
    struct yg_text *back = &stream->back;
    const char *stop;
    size_t at = 0;
    long status = 0;

    yg_text_add(back, ptr, size * num);
    curl_easy_getinfo(stream->client.curl, CURLINFO_RESPONSE_CODE, &status);
    if (yg_text_failed(back) || back->len > 16 * MAX_LINE)
        return 0;
    while (status == 200 && (stop = memchr(back->ptr + at, '\n', back->len - at)) != NULL) {
        if (!show(stream, back->ptr + at, (size_t)(stop - back->ptr) - at))
            return 0;
        at = (size_t)(stop - back->ptr) + 1;
    }
    memmove(back->ptr, back->ptr + at, back->len - at);
    back->len -= at;
    return size * num;
}

/* ---- the transfer ---- */

static int note_socket(void *user, curl_socket_t fd, curlsocktype purpose)
{
    struct stream *stream = user;

    (void)purpose;
    stream->socket = fd;
    return CURL_SOCKOPT_OK;
}

/* libcurl does not look for the end of a connection while it has nothing to send. */
static bool has_ended(const struct stream *stream)
{
    struct pollfd at = {.fd = stream->socket, .events = POLLRDHUP};

    return poll(&at, 1, 0) > 0 && (at.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* Waits for the peer or, when there is nothing to send, for a line. */
static CURLcode run(struct stream *stream, CURLM *multi)
{
    CURLMsg *message;
    int running = 1, num;

    while (curl_multi_perform(multi, &running) == CURLM_OK && running > 0) {
        struct curl_waitfd at = {.fd = stream->fd, .events = CURL_WAIT_POLLIN};

        if (curl_multi_poll(multi, &at, stream->is_waiting ? 1 : 0, 1000, NULL) != CURLM_OK)
            return CURLE_OUT_OF_MEMORY;
        if (!stream->is_waiting)
            continue;
        if (!stream->is_over && has_ended(stream))
            end(stream, yg_api_say(&stream->words->where, YG_EXIT_UNREACHABLE,
                                   "%s: the connection has ended", stream->client.url));
        if (stream->is_over || is_ready(stream))
            curl_easy_pause(stream->client.curl, CURLPAUSE_CONT);
    }
    message = curl_multi_info_read(multi, &num);
    return message != NULL ? message->data.result : CURLE_OUT_OF_MEMORY;
}

static CURLcode transfer(struct stream *stream)
{
    CURL *curl = stream->client.curl;
    CURLM *multi = curl_multi_init();
    CURLcode code = CURLE_OUT_OF_MEMORY;

    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, -1L);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, give);
    curl_easy_setopt(curl, CURLOPT_READDATA, stream);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, stream);
    curl_easy_setopt(curl, CURLOPT_SOCKOPTFUNCTION, note_socket);
    curl_easy_setopt(curl, CURLOPT_SOCKOPTDATA, stream);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 0L);
    if (multi != NULL && curl_multi_add_handle(multi, curl) == CURLM_OK) {
        code = run(stream, multi);
        curl_multi_remove_handle(multi, curl);
    }
    curl_multi_cleanup(multi);
    return code;
}

/* What was answered in place of results. */
static int check(struct stream *stream)
{
    struct yg_api_answer answer = {.body = stream->back};
    char error[160];
    int rc;

    curl_easy_getinfo(stream->client.curl, CURLINFO_RESPONSE_CODE, &answer.status);
    if (answer.status == 200)
        return 0;
    if (answer.body.len > 0)
        (void)yg_json_parse(answer.body.ptr, answer.body.len, error, &answer.json);
    rc = yg_api_check(&stream->client, &answer);
    json_decref(answer.json);
    return rc;
}

static int run_stream(struct stream *stream)
{
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/x-ndjson");
    CURLcode code;
    int rc;

    if (list != NULL)
        list = yg_api_prepare(&stream->client, "stream", list);
    if (list == NULL)
        return no_memory(stream);
    code = transfer(stream);
    curl_easy_setopt(stream->client.curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(list);
    if (code != CURLE_OK && stream->status != 0)
        return stream->status;
    rc = code == CURLE_OK ? check(stream) : yg_api_transfer_failed(&stream->client, code);
    if (rc == 0)
        rc = stream->status;
    if (rc != 0)
        return rc;
    if (!stream->is_over || stream->results < stream->commands)
        return yg_api_say(&stream->words->where, YG_EXIT_UNREACHABLE,
                          "the server has ended the stream; %zu commands have no result",
                          stream->commands - stream->results);
    return stream->has_failed ? YG_EXIT_FAILED : YG_EXIT_OK;
}

int yg_api_stream(struct yg_api_words *words)
{
    const char *path = words->arguments[0];
    struct stream stream = {.words = words, .fd = STDIN_FILENO, .socket = -1};
    int rc;

    if (words->stops_on_error || words->is_parallel)
        return yg_api_say(&words->where, YG_EXIT_USAGE,
                          "--stop-on-error and --parallel are not for --stream");
    if (strcmp(path, "-") != 0 && (stream.fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
        return yg_api_say(&words->where, YG_EXIT_DATA, "%s: %s", path, strerror(errno));
    rc = yg_api_open(&words->where, &stream.client);
    if (rc == 0)
        rc = run_stream(&stream);
    yg_api_close(&stream.client);
    yg_text_done(&stream.in);
    yg_text_done(&stream.out);
    yg_text_done(&stream.back);
    if (stream.fd != STDIN_FILENO)
        close(stream.fd);
    return rc;
}
