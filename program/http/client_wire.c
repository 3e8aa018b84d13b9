/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "http/client_parts.h"

/*
 * Connections without TLS, which libcurl has made and given away: a request is one call of the
 * kernel's, and so is its answer.  An idle one is watched, so its end is noticed when it comes.
 */

#define MAX_IDLE_MS 118000 /* as libcurl has it: middleboxes forget connections */
#define INPUT_SIZE 16384
#define MOST_READS 8 /* in a turn */

/* ---- which calls may have one ---- */

/* A host as it stands in a URL, without a user, and perhaps a port. */
static bool is_host(const char *ptr, size_t len)
{
    static const char names[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.",
                      digits[] = "0123456789";
    size_t at = 0;

    if (len > 0 && *ptr == '[') {
        at = 1 + strspn(ptr + 1, "0123456789abcdefABCDEF:.");
        if (ptr[at++] != ']')
            return false;
    } else {
        at = strspn(ptr, names);
    }
    if (at > 0 && at < len && ptr[at] == ':' && strspn(ptr + at + 1, digits) > 0)
        at += 1 + strspn(ptr + at + 1, digits);
    return at > 0 && at == len;
}

/* A path, and perhaps a query, that libcurl would leave as it is. */
static bool is_target(const char *target)
{
    for (const char *at = target; *at != '\0'; at++)
        if ((unsigned char)*at >= 0x80 || *at == '#')
            return false;
    return strstr(target, "/.") == NULL && strcasestr(target, "%2e") == NULL;
}

/* A header that says how the request is sent; one without a value has a semicolon. */
static bool is_about_sending(const char *header)
{
    static const char *const names[] = {
        "Host:",    "Connection:", "Content-Length:", "Upgrade:", "Transfer-Encoding:", "TE:",
        "Trailer:", "Accept:",     "Keep-Alive:",     "Expect:",  "Accept-Encoding:",   NULL};

    for (size_t i = 0; names[i] != NULL; i++) {
        const size_t len = strlen(names[i]) - 1;

        if ((*header | 32) == (*names[i] | 32) && strncasecmp(header, names[i], len) == 0 &&
            (header[len] == ':' || header[len] == ';'))
            return strcmp(header, "Expect:") != 0;
    }
    return false;
}

void yg_wire_look(struct yg_http_call *call)
{
    const char *host = call->url + 7;

    if (strncmp(call->url, "http://", 7) != 0)
        return;
    call->host = (yodel_str){host, strcspn(host, "/?#")};
    call->target = host + call->host.len;
    if (!is_host(host, call->host.len) || !is_target(call->target))
        return;
    for (const struct curl_slist *at = call->headers; at != NULL; at = at->next)
        if (is_about_sending(at->data))
            return;
    call->is_plain = true;
}

/* Where a call goes to: a Unix socket's path begins with a slash, a host does not. */
static yodel_str key_of(const struct yg_http_call *call)
{
    return call->path != NULL ? yodel_str_of(call->path) : call->host;
}

/* ---- readers ---- */

static struct yg_reply_reader *take_reader(struct yg_http_client *client)
{
    struct yg_reply_reader *reader = client->reader;

    if (reader == NULL && (reader = calloc(1, sizeof(*reader))) == NULL)
        return NULL;
    client->reader = NULL;
    yg_reply_reader_reset(reader, client->options.max_body);
    return reader;
}

static void free_reader(struct yg_reply_reader *reader)
{
    if (reader != NULL)
        yg_reply_reader_done(reader);
    free(reader);
}

void yg_wire_release_reader(struct yg_http_client *client, struct yg_reply_reader *reader)
{
    if (reader != NULL && client->reader == NULL && !client->is_freed)
        client->reader = reader;
    else
        free_reader(reader);
}

/* ---- their life ---- */

static void close_wire(struct yg_wire *wire)
{
    (void)yodel_watch_stop(&wire->watch);
    close(wire->fd);
    yg_text_done(&wire->head);
    free(wire);
}

static void leave_idle(struct yg_wire *wire)
{
    struct yg_wire **at = &wire->client->wires;

    while (*at != wire)
        at = &(*at)->next;
    *at = wire->next;
    wire->client->num_wires--;
}

static void end_idle(struct yg_wire *wire)
{
    leave_idle(wire);
    close_wire(wire);
}

/* Takes the call off; the answer so far is the caller's. */
static struct yg_reply_reader *detach(struct yg_wire *wire)
{
    struct yg_reply_reader *reader = wire->reader;

    wire->client->num_running--;
    wire->call->wire = NULL;
    wire->call = NULL;
    wire->reader = NULL;
    return reader;
}

static void keep(struct yg_wire *wire)
{
    struct yg_http_client *client = wire->client;

    wire->is_used = true;
    wire->idle_ms = yodel_loop_now(client->loop);
    wire->next = client->wires;
    client->wires = wire;
    client->num_wires++;
}

void yg_wire_drop(struct yg_wire *wire)
{
    struct yg_http_client *client = wire->client;

    yg_wire_release_reader(client, detach(wire));
    close_wire(wire);
}

void yg_wire_make_room(struct yg_http_client *client)
{
    while (client->wires != NULL &&
           client->num_wires + client->num_running >= client->options.in_flight) {
        struct yg_wire *oldest = client->wires;

        while (oldest->next != NULL)
            oldest = oldest->next;
        end_idle(oldest);
    }
}

void yg_wires_stop(struct yg_http_client *client)
{
    while (client->wires != NULL)
        end_idle(client->wires);
    free_reader(client->reader);
    client->reader = NULL;
    yg_text_done(&client->out);
}

/* ---- answers ---- */

void yg_wire_reply(const struct yg_reply_reader *reader, struct yg_http_reply *reply)
{
    if (reply->result == 0)
        reply->body = (yodel_str){reader->body.ptr, reader->body.len};
    else if (reply->result != -E2BIG || reader->reading == YG_READING_HEAD)
        return;
    reply->reader = reader;
    reply->status = reader->status;
    yg_transfer_read_headers(reply);
}

/* is_whole: nothing of the request is left, and nothing else has come. */
static void complete(struct yg_wire *wire, bool is_whole)
{
    struct yg_http_call *call = wire->call;
    struct yg_reply_reader *reader = detach(wire);

    if (is_whole && !wire->has_failed && reader->is_kept && yodel_watch_is_running(&wire->watch))
        keep(wire);
    else
        close_wire(wire);
    yg_http_client_answered(call, reader, 0, "");
}

static void fail(struct yg_wire *wire, int result, const char *text)
{
    struct yg_http_call *call = wire->call;
    struct yg_reply_reader *reader = detach(wire);

    close_wire(wire);
    yg_http_client_answered(call, reader, result, text);
}

/* The connection has ended ahead of the answer.  A server may close one that was kept just when a
 * request comes: that is sent anew, on another. */
static void broken(struct yg_wire *wire, const char *text)
{
    struct yg_http_call *call = wire->call;

    if (!wire->is_used || wire->reader != NULL) {
        fail(wire, -EIO, text);
        return;
    }
    yg_wire_drop(wire);
    if (yg_transfer_begin(call) < 0)
        yg_http_call_fail(call, -ENOMEM);
}

static void fail_by(struct yg_wire *wire, int rc)
{
    fail(wire, rc == -EBADMSG ? -EIO : rc,
         rc == -E2BIG    ? "the answer is too large"
         : rc == -ENOMEM ? "out of memory"
                         : "the answer is no HTTP");
}

/* The answer is there.  One that says that all is well may be ahead of the end of the request.
 * Returns whether the call is over. */
static bool answered(struct yg_wire *wire, bool has_more)
{
    if (wire->is_sending && wire->reader->status < 400 && !has_more)
        return false;
    complete(wire, !wire->is_sending && !has_more);
    return true;
}

static void ended(struct yg_wire *wire)
{
    if (wire->reader != NULL && yg_reply_reader_end(wire->reader))
        complete(wire, false);
    else
        broken(wire, "the connection has ended ahead of the answer");
}

static void ended_by(struct yg_wire *wire, int error)
{
    if (wire->reader != NULL && wire->reader->reading == YG_READING_DONE)
        complete(wire, false);
    else
        broken(wire, strerror(error));
}

static int take_input(struct yg_wire *wire, const char *ptr, size_t len, size_t *ret_used)
{
    if (wire->reader == NULL && (wire->reader = take_reader(wire->client)) == NULL)
        return -ENOMEM;
    return yg_reply_reader_take(wire->reader, ptr, len, ret_used);
}

/* Returns whether there may be more to read, and the wire.  A connection that has failed is not
 * told of again: it is read until it says why. */
static bool receive_once(struct yg_wire *wire)
{
    char input[INPUT_SIZE];
    const ssize_t len = recv(wire->fd, input, sizeof(input), MSG_DONTWAIT);
    const bool is_watched = yodel_watch_is_running(&wire->watch);
    size_t used = 0;
    int rc;

    if (len < 0 && (errno == EAGAIN || errno == EINTR) && is_watched)
        return false;
    if (len <= 0) {
        if (len == 0)
            ended(wire);
        else
            ended_by(wire, errno);
        return false;
    }
    if ((rc = take_input(wire, input, (size_t)len, &used)) < 0) {
        fail_by(wire, rc);
        return false;
    }
    if (wire->reader->reading == YG_READING_DONE && answered(wire, used < (size_t)len))
        return false;
    return len == (ssize_t)sizeof(input) || !is_watched;
}

/* ---- requests ---- */

static void write_line(struct yg_text *text, const char *header)
{
    const size_t len = strlen(header);

    /* As libcurl is told of one without a value. */
    if (strchr(header, ':') == NULL && len > 0) {
        yg_text_add(text, header, len - 1);
        yg_text_puts(text, ":\r\n");
        return;
    }
    yg_text_add(text, header, len);
    yg_text_puts(text, "\r\n");
}

static void write_head(const struct yg_http_call *call, struct yg_text *text)
{
    yg_text_reset(text);
    yg_text_puts(text, call->is_get ? "GET " : "POST ");
    if (*call->target != '/')
        yg_text_putc(text, '/');
    yg_text_puts(text, call->target);
    yg_text_puts(text, " HTTP/1.1\r\nHost: ");
    yg_text_add(text, call->host.ptr, call->host.len);
    yg_text_puts(text, "\r\nAccept: */*\r\n");
    for (const struct curl_slist *at = call->headers; at != NULL; at = at->next)
        if (strcmp(at->data, "Expect:") != 0)
            write_line(text, at->data);
    if (!call->is_get) {
        yg_text_puts(text, "Content-Length: ");
        yg_text_put_number(text, (int64_t)call->body.len);
        yg_text_puts(text, "\r\n");
    }
    yg_text_puts(text, "\r\n");
}

/* What is left of the request.  Returns the number of parts. */
static size_t parts_of(const struct yg_wire *wire, const char *head, struct iovec parts[2])
{
    const yodel_str body = wire->call->is_get ? (yodel_str){NULL, 0} : wire->call->body;
    const size_t in_body = wire->sent > wire->head_len ? wire->sent - wire->head_len : 0;
    size_t num = 0;

    if (wire->sent < wire->head_len)
        parts[num++] = (struct iovec){(char *)head + wire->sent, wire->head_len - wire->sent};
    if (in_body < body.len)
        parts[num++] = (struct iovec){(char *)body.ptr + in_body, body.len - in_body};
    return num;
}

/*
 * Sends what goes without waiting.
 *
 * Returns 0 or -errno; has_failed: the other side is gone, and what it has said is still to be
 * read.
 */
static int send_some(struct yg_wire *wire, const char *head)
{
    struct iovec parts[2];
    struct msghdr message = {.msg_iov = parts};

    while ((message.msg_iovlen = parts_of(wire, head, parts)) > 0) {
        const ssize_t len = sendmsg(wire->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0 && errno == EAGAIN)
            return 0;
        if (len < 0) {
            wire->has_failed = errno == EPIPE || errno == ECONNRESET;
            wire->is_sending = !wire->has_failed;
            return -errno;
        }
        wire->sent += (size_t)len;
    }
    wire->is_sending = false;
    return 0;
}

static int listen_to(struct yg_wire *wire)
{
    const unsigned events = YODEL_WATCH_READABLE | (wire->is_sending ? YODEL_WATCH_WRITABLE : 0U);

    if (yodel_watch_is_running(&wire->watch))
        return yodel_watch_set_events(&wire->watch, events);
    return yodel_watch_start(&wire->watch, wire->fd, events);
}

static void go_on_sending(struct yg_wire *wire)
{
    const int rc = send_some(wire, wire->head.ptr);

    if (rc < 0 && !wire->has_failed) {
        broken(wire, strerror(-rc));
        return;
    }
    if (wire->is_sending)
        return;
    (void)listen_to(wire);
    if (wire->reader != NULL && wire->reader->reading == YG_READING_DONE)
        complete(wire, true);
}

/* Whether nothing has come on an idle one: the loop may not have told of it yet, and it would be
 * taken for the answer to the next request; or what it tells of was read a moment ago. */
static bool is_quiet(const struct yg_wire *wire)
{
    char input;

    return recv(wire->fd, &input, 1, MSG_DONTWAIT | MSG_PEEK) < 0 && errno == EAGAIN;
}

static void on_ready(yodel_watch *watch, unsigned events, void *user)
{
    struct yg_wire *wire = user;

    if (wire->call == NULL) { /* its end, or what nobody has asked for */
        if (!is_quiet(wire) || !yodel_watch_is_running(watch))
            end_idle(wire);
        return;
    }
    if ((events & YODEL_WATCH_WRITABLE) != 0 && wire->is_sending &&
        (events & (YODEL_WATCH_READABLE | YODEL_WATCH_ERROR)) == 0) {
        go_on_sending(wire);
        return;
    }
    for (unsigned i = 1; receive_once(wire); i++)
        if (i >= MOST_READS && yodel_watch_is_running(&wire->watch))
            return;
}

/* Begins a call on a wire, which has none.  Returns 0; -errno: then the wire is to be closed. */
static int begin(struct yg_wire *wire, struct yg_http_call *call)
{
    struct yg_http_client *client = wire->client;
    struct yg_text *out = &client->out;
    int rc;

    write_head(call, out);
    if (yg_text_failed(out))
        return -ENOMEM;
    wire->call = call;
    wire->sent = 0;
    wire->head_len = out->len;
    wire->is_sending = true;
    rc = send_some(wire, out->ptr);
    if (wire->has_failed)
        rc = 0; /* its watch tells */
    if (rc == 0 && wire->is_sending) {
        yg_text_reset(&wire->head);
        yg_text_add(&wire->head, out->ptr, out->len);
        rc = yg_text_failed(&wire->head) ? -ENOMEM : 0;
    }
    if (rc == 0)
        rc = listen_to(wire);
    if (rc == 0)
        call->wire = wire;
    return rc;
}

/* An idle one that leads there. */
static struct yg_wire *find(struct yg_http_client *client, yodel_str key)
{
    const uint64_t now = yodel_loop_now(client->loop);
    struct yg_wire *next;

    for (struct yg_wire *wire = client->wires; wire != NULL; wire = next) {
        next = wire->next;
        if (strncmp(wire->key, key.ptr, key.len) != 0 || wire->key[key.len] != '\0')
            continue;
        if (now - wire->idle_ms < MAX_IDLE_MS && is_quiet(wire))
            return wire;
        end_idle(wire);
    }
    return NULL;
}

int yg_wire_begin(struct yg_http_call *call)
{
    struct yg_http_client *client = call->client;
    struct yg_wire *wire = call->is_plain ? find(client, key_of(call)) : NULL;
    int rc;

    if (wire == NULL)
        return -ENOENT;
    leave_idle(wire);
    if ((rc = begin(wire, call)) == 0) {
        client->num_running++;
        return 0;
    }
    close_wire(wire);
    return rc == -ENOMEM ? rc : -ENOENT; /* another is tried */
}

static struct yg_wire *make(const struct yg_http_call *call, int fd)
{
    const yodel_str key = key_of(call);
    struct yg_wire *wire = calloc(1, sizeof(*wire) + key.len + 1);

    if (wire == NULL)
        return NULL;
    wire->client = call->client;
    wire->fd = fd;
    memcpy(wire->key, key.ptr, key.len);
    yodel_watch_init(&wire->watch, call->client->loop, on_ready, wire);
    return wire;
}

/* libcurl closes its own: a copy of the descriptor is the same connection. */
int yg_wire_take(struct yg_transfer *transfer)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    struct yg_wire *wire;
    int copy, rc;

    if (curl_easy_getinfo(transfer->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK ||
        fd == CURL_SOCKET_BAD)
        return -EIO;
    if ((copy = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0)
        return -errno;
    if ((wire = make(transfer->call, copy)) == NULL) {
        close(copy);
        return -ENOMEM;
    }
    if ((rc = begin(wire, transfer->call)) < 0)
        close_wire(wire);
    return rc;
}
