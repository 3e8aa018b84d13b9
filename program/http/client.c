/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <yodel/version.h>

#include "base/clock.h"
#include "base/curl.h"
#include "http/client_parts.h"

/* ---- lists of calls ---- */

static void append(struct yg_call_list *list, struct yg_http_call *call)
{
    call->list = list;
    call->next = NULL;
    call->prev = list->last;
    if (list->last != NULL)
        list->last->next = call;
    else
        list->first = call;
    list->last = call;
}

static void take_out(struct yg_http_call *call)
{
    struct yg_call_list *list = call->list;

    if (call->prev != NULL)
        call->prev->next = call->next;
    else
        list->first = call->next;
    if (call->next != NULL)
        call->next->prev = call->prev;
    else
        list->last = call->prev;
    call->list = NULL;
}

/* ---- the end of a call ---- */

static int start(struct yg_http_call *call)
{
    const int rc = yg_wire_begin(call);

    return rc == -ENOENT ? yg_transfer_begin(call) : rc;
}

/* Begins those that wait, as far as there are connections. */
static void begin_next(struct yg_http_client *client)
{
    struct yg_http_call *call;

    while (client->num_running < client->options.in_flight &&
           (call = client->waiting.first) != NULL) {
        take_out(call);
        append(&client->running, call);
        if (start(call) < 0)
            yg_http_call_fail(call, -ENOMEM);
    }
}

void yg_http_call_fail(struct yg_http_call *call, int result)
{
    call->result = result;
    (void)yodel_timer_start(&call->timer, 0);
}

void yg_http_client_break(struct yg_http_client *client)
{
    for (struct yg_http_call *call = client->running.first; call != NULL; call = call->next) {
        struct yg_transfer *transfer = call->transfer;

        if (transfer == NULL)
            continue;
        yg_transfer_end(transfer);
        yg_transfer_release(client, transfer);
        yg_http_call_fail(call, -ENOMEM);
    }
    yg_sockets_stop(client);
}

static void detach(struct yg_http_call *call)
{
    (void)yodel_timer_stop(&call->timer);
    take_out(call);
    call->client->num_active--;
}

/* transfer, reader   what the reply's content stands in, which carries nothing any more; NULL: none
 */
static void reply_to(struct yg_http_call *call, struct yg_transfer *transfer,
                     struct yg_reply_reader *reader, struct yg_http_reply *reply)
{
    struct yg_http_client *client = call->client;
    const bool was_replying = client->is_replying;

    reply->took_us = yg_clock_us() - call->begun_us;
    client->is_replying = true;
    call->fn(reply, call->user);
    client->is_replying = was_replying;
    free(call);
    yg_wire_release_reader(client, reader);
    if (client->is_freed) {
        yg_transfer_free(transfer);
        if (!was_replying)
            free(client);
        return;
    }
    if (transfer != NULL)
        yg_transfer_release(client, transfer);
    begin_next(client);
}

/* The connection is there that the call goes on with. */
static void connected(struct yg_transfer *transfer)
{
    struct yg_http_call *call = transfer->call;
    struct yg_http_client *client = call->client;
    const int rc = yg_wire_take(transfer);

    yg_transfer_end(transfer);
    yg_transfer_release(client, transfer);
    if (call->wire != NULL)
        client->num_running++;
    else
        yg_http_call_fail(call, rc == -ENOMEM ? rc : -EIO);
}

void yg_http_client_done(struct yg_transfer *transfer, CURLcode code)
{
    struct yg_http_call *call = transfer->call;
    struct yg_http_reply reply = {.error = ""};

    if (yg_transfer_again(transfer, code))
        return;
    if (code == CURLE_OK && transfer->is_to_wire) {
        connected(transfer);
        return;
    }
    detach(call);
    yg_transfer_reply(transfer, code, &reply);
    yg_transfer_end(transfer);
    reply_to(call, transfer, NULL, &reply);
}

void yg_http_client_answered(struct yg_http_call *call, struct yg_reply_reader *reader, int result,
                             const char *text)
{
    struct yg_http_reply reply = {.result = result, .error = text};

    detach(call);
    if (reader != NULL)
        yg_wire_reply(reader, &reply);
    reply_to(call, NULL, reader, &reply);
}

static const char *error_of(int result)
{
    return result == -ETIMEDOUT ? "timed out"
           : result == -ENOMEM  ? "out of memory"
                                : "the loop cannot wait for the connection";
}

static void on_time(yodel_timer *timer, void *user)
{
    struct yg_http_call *call = user;
    struct yg_transfer *transfer = call->transfer;
    struct yg_http_reply reply = {.result = call->result, .error = error_of(call->result)};

    (void)timer;
    detach(call);
    if (transfer != NULL)
        yg_transfer_end(transfer);
    if (call->wire != NULL)
        yg_wire_drop(call->wire);
    reply_to(call, transfer, NULL, &reply);
}

/* ---- a new call ---- */

/* The bytes that a header takes; 0: it is none. */
static size_t header_size(const char *header)
{
    const char *colon = strchr(header, ':'), *at;

    if (colon == NULL || colon == header)
        return 0;
    if (memchr(header, ' ', (size_t)(colon - header)) != NULL)
        return 0;
    for (at = header; *at != '\0'; at++)
        if (((unsigned char)*at < ' ' && *at != '\t') || *at == 127)
            return 0;
    return (size_t)(at - header) + 1;
}

/* For libcurl a header without a value is one that it shall leave out, and one that ends in a
 * semicolon is one without a value. */
static void copy_header(char *to, const char *header)
{
    const char *colon = strchr(header, ':');
    char *at = to + (colon - header);

    strcpy(to, header);
    if (colon[1 + strspn(colon + 1, " \t")] == '\0')
        strcpy(at, ";");
}

static bool is_url(const char *url)
{
    const size_t scheme = strncmp(url, "http://", 7) == 0    ? 7
                          : strncmp(url, "https://", 8) == 0 ? 8
                                                             : 0;
    yodel_str path, uri;

    for (const char *at = url; *at != '\0'; at++)
        if ((unsigned char)*at <= ' ' || *at == 127)
            return false;
    return scheme > 0 ? url[scheme] != '\0' && url[scheme] != '/'
                      : yg_curl_cut_unix(url, &path, &uri);
}

/* Headers of the client's own.  libcurl expects 100-continue with 1 MiB and more, if it is not told
 * otherwise. */
static const char content_type[] = "Content-Type: application/json",
                  user_agent[] = "User-Agent: yodel/" YODEL_VERSION, no_expect[] = "Expect:";
#define NO_EXPECT_SIZE 100000

struct wanted {
    size_t size;        /* bytes behind the struct; 0: wrong */
    size_t num_headers; /* without those of the client's own */
    size_t num_own;
    const char *own[3];
};

static struct wanted measure(const struct yg_http_request *request)
{
    struct wanted wanted = {0};
    bool has_type = false, has_agent = false;
    size_t size = 2 * strlen(request->url) + sizeof(YG_CURL_LOCALHOST) + 3;

    if (!is_url(request->url))
        return wanted;
    for (size_t len; request->headers != NULL && request->headers[wanted.num_headers] != NULL;
         wanted.num_headers++, size += len) {
        const char *header = request->headers[wanted.num_headers];

        if ((len = header_size(header)) == 0)
            return wanted;
        has_type |= strncasecmp(header, "Content-Type:", 13) == 0;
        has_agent |= strncasecmp(header, "User-Agent:", 11) == 0;
    }
    if (!has_type && !request->is_get)
        wanted.own[wanted.num_own++] = content_type;
    if (!has_agent)
        wanted.own[wanted.num_own++] = user_agent;
    if (request->body.len > NO_EXPECT_SIZE)
        wanted.own[wanted.num_own++] = no_expect;
    for (size_t i = 0; i < wanted.num_own; i++)
        size += strlen(wanted.own[i]) + 1;
    wanted.size = size + (wanted.num_headers + wanted.num_own) * sizeof(struct curl_slist);
    return wanted;
}

/* Returns what is behind it. */
static char *copy(const char **ret_string, char *to, const char *ptr, size_t len)
{
    *ret_string = to;
    memcpy(to, ptr, len);
    to[len] = '\0';
    return to + len + 1;
}

static char *copy_url(struct yg_http_call *call, char *at, const char *url)
{
    yodel_str path, uri;

    at = copy(&call->key, at, url, strlen(url));
    call->url = call->key;
    if (!yg_curl_cut_unix(url, &path, &uri))
        return at;
    at = copy(&call->path, at, path.ptr, path.len);
    call->url = at;
    memcpy(at, YG_CURL_LOCALHOST, sizeof(YG_CURL_LOCALHOST) - 1);
    at += sizeof(YG_CURL_LOCALHOST) - 1;
    memcpy(at, uri.ptr, uri.len + 1);
    return at + uri.len + 1;
}

static void copy_headers(struct yg_http_call *call, char *at, const struct yg_http_request *request,
                         const struct wanted *wanted)
{
    struct curl_slist *list = (struct curl_slist *)(call + 1);
    const size_t num = wanted->num_headers + wanted->num_own;

    call->headers = list;
    for (size_t i = 0; i < num; i++) {
        list[i].data = at;
        list[i].next = i + 1 < num ? &list[i + 1] : NULL;
        if (i < wanted->num_own)
            strcpy(at, wanted->own[i]);
        else
            copy_header(at, request->headers[i - wanted->num_own]);
        at += strlen(at) + 1;
    }
}

static struct yg_http_call *make_call(struct yg_http_client *client,
                                      const struct yg_http_request *request,
                                      const struct wanted *wanted)
{
    const uint32_t connect_ms = request->connect_timeout_ms;
    struct yg_http_call *call = malloc(sizeof(*call) + wanted->size);
    char *at;

    if (call == NULL)
        return NULL;
    memset(call, 0, sizeof(*call));
    call->client = client;
    call->result = -ETIMEDOUT;
    call->begun_us = yg_clock_us();
    call->connect_timeout_ms = connect_ms == 0 || connect_ms > INT32_MAX ? INT32_MAX : connect_ms;
    call->body = request->body;
    call->is_get = request->is_get;
    yodel_timer_init(&call->timer, client->loop, on_time, call);
    at = (char *)((struct curl_slist *)(call + 1) + wanted->num_headers + wanted->num_own);
    copy_headers(call, copy_url(call, at, request->url), request, wanted);
    yg_wire_look(call);
    return call;
}

static int begin(struct yg_http_call *call)
{
    struct yg_http_client *client = call->client;

    if (client->num_running >= client->options.in_flight || client->waiting.first != NULL) {
        append(&client->waiting, call);
        return 0;
    }
    append(&client->running, call);
    return start(call);
}

int yg_http_client_send(struct yg_http_client *client, const struct yg_http_request *request,
                        yg_http_reply_fn *fn, void *user, struct yg_http_call **ret_call)
{
    const struct wanted wanted = measure(request);
    struct yg_http_call *call;
    int rc;

    if (wanted.size == 0)
        return -EINVAL;
    if ((call = make_call(client, request, &wanted)) == NULL)
        return -ENOMEM;
    call->fn = fn;
    call->user = user;
    rc =
        yodel_timer_start(&call->timer, request->timeout_ms > 0 ? request->timeout_ms : UINT32_MAX);
    if (rc == 0 && (rc = begin(call)) < 0)
        take_out(call);
    if (rc < 0) {
        (void)yodel_timer_stop(&call->timer);
        free(call);
        return rc;
    }
    client->num_active++;
    if (ret_call != NULL)
        *ret_call = call;
    return 0;
}

void yg_http_call_cancel(struct yg_http_call *call)
{
    struct yg_http_client *client;
    struct yg_transfer *transfer;

    if (call == NULL || call->list == NULL)
        return;
    client = call->client;
    transfer = call->transfer;
    detach(call);
    if (transfer != NULL) {
        yg_transfer_end(transfer);
        yg_transfer_release(client, transfer);
    }
    if (call->wire != NULL)
        yg_wire_drop(call->wire);
    free(call);
    begin_next(client);
}

size_t yg_http_client_num_active(const struct yg_http_client *client)
{
    return client->num_active;
}

/* ---- clients ---- */

static void drop_calls(struct yg_call_list *list)
{
    struct yg_http_call *call;

    while ((call = list->first) != NULL) {
        struct yg_transfer *transfer = call->transfer;

        detach(call);
        if (transfer != NULL)
            yg_transfer_end(transfer);
        yg_transfer_free(transfer);
        if (call->wire != NULL)
            yg_wire_drop(call->wire);
        free(call);
    }
}

void yg_http_client_free(struct yg_http_client *client)
{
    struct yg_transfer *transfer;

    if (client == NULL)
        return;
    drop_calls(&client->waiting);
    drop_calls(&client->running);
    while ((transfer = client->idle) != NULL) {
        client->idle = transfer->next;
        yg_transfer_free(transfer);
    }
    yg_wires_stop(client);
    yg_sockets_stop(client);
    client->is_freed = true;
    if (!client->is_replying)
        free(client);
}

int yg_http_client_new(yodel_loop *loop, const struct yg_http_client_options *options,
                       struct yg_http_client **ret_client)
{
    struct yg_http_client *client;

    if (yg_curl_init() < 0 || (client = calloc(1, sizeof(*client))) == NULL)
        return -ENOMEM;
    client->loop = loop;
    client->options = *options;
    if (client->options.in_flight == 0)
        client->options.in_flight = 1;
    if (yg_sockets_start(client) < 0) {
        free(client);
        return -ENOMEM;
    }
    *ret_client = client;
    return 0;
}
