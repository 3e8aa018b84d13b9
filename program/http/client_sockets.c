/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/client_parts.h"

/*
 * The descriptors of libcurl's.  It forgets a connection between two requests: but the watch of one
 * that has given an answer stays until the connection is closed, and a request on a kept connection
 * changes nothing in the kernel's set.
 *
 * One that has not is closed by libcurl 7.88 without a word, when another address was faster or the
 * request is given up: it is told later that nobody waits for the descriptor any more, or, if it
 * got the same number for another socket in the same call, nothing at all.
 */
#define INPUT_SIZE 4096
#define MOST_READS 64 /* of what comes too late */

struct yg_http_socket {
    struct yg_http_socket *next; /* of its bucket */
    struct yg_http_client *client;
    yodel_watch watch;
    int fd;
    unsigned events;
    struct yg_transfer *transfer; /* that waits for it; NULL: none */
    bool is_kept;                 /* it has given an answer: on_close() comes */
};

static struct yg_http_socket **bucket_of(struct yg_http_client *client, int fd)
{
    return &client->sockets[(unsigned)fd % YG_SOCKET_BUCKETS];
}

static struct yg_http_socket *find(struct yg_http_client *client, int fd)
{
    struct yg_http_socket *at = *bucket_of(client, fd);

    while (at != NULL && at->fd != fd)
        at = at->next;
    return at;
}

/* ---- what the loop tells ---- */

/* libcurl goes on; then what has ended is told, until the client is gone. */
static void drive(struct yg_http_client *client, int fd, int mask)
{
    struct CURLMsg *message;
    bool was_replying = client->is_replying;
    int num;

    client->is_replying = true; /* keeps the struct */
    if (curl_multi_socket_action(client->multi, fd, mask, &num) != CURLM_OK)
        yg_http_client_break(client);
    while (client->multi != NULL && (message = curl_multi_info_read(client->multi, &num)) != NULL) {
        const CURLcode code = message->data.result;
        struct yg_transfer *transfer = NULL;

        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        yg_http_client_done(transfer, code);
    }
    client->is_replying = was_replying;
    if (client->is_freed)
        free(client);
}

/* A connection that is kept has ended, or something has come that nobody has asked for.
 * libcurl 7.88 takes that for the answer to the next request: so it is taken away, and the
 * connection ended, as libcurl sees then ahead of that. */
static void end_kept(struct yg_http_socket *socket)
{
    char input[INPUT_SIZE];
    ssize_t len = recv(socket->fd, input, sizeof(input), MSG_DONTWAIT);

    /* What the loop tells of may have been read a moment ago, with the end of an answer. */
    if (len < 0 && errno == EAGAIN && yodel_watch_is_running(&socket->watch))
        return;
    (void)yodel_watch_set_events(&socket->watch, 0);
    (void)shutdown(socket->fd, SHUT_RDWR);
    for (unsigned i = 0; i < MOST_READS && len > 0; i++)
        len = recv(socket->fd, input, sizeof(input), MSG_DONTWAIT);
}

static void on_ready(yodel_watch *watch, unsigned events, void *user)
{
    struct yg_http_socket *socket = user;
    const int mask = (events & YODEL_WATCH_READABLE ? CURL_CSELECT_IN : 0) |
                     (events & YODEL_WATCH_WRITABLE ? CURL_CSELECT_OUT : 0) |
                     (events & YODEL_WATCH_ERROR ? CURL_CSELECT_ERR : 0);

    (void)watch;
    if (socket->transfer == NULL)
        end_kept(socket);
    else
        drive(socket->client, socket->fd, mask);
}

static void on_time(yodel_timer *timer, void *user)
{
    (void)timer;
    drive(user, CURL_SOCKET_TIMEOUT, 0);
}

/* ---- what libcurl asks for ---- */

static struct yg_http_socket *add(struct yg_http_client *client, int fd)
{
    struct yg_http_socket **bucket = bucket_of(client, fd);
    struct yg_http_socket *socket = calloc(1, sizeof(*socket));

    if (socket == NULL)
        return NULL;
    socket->client = client;
    socket->fd = fd;
    yodel_watch_init(&socket->watch, client->loop, on_ready, socket);
    socket->next = *bucket;
    *bucket = socket;
    return socket;
}

static void forget(struct yg_http_client *client, int fd)
{
    struct yg_http_socket **at = bucket_of(client, fd), *socket;

    while (*at != NULL && (*at)->fd != fd)
        at = &(*at)->next;
    if ((socket = *at) == NULL)
        return;
    *at = socket->next;
    (void)yodel_watch_stop(&socket->watch);
    free(socket);
}

static int listen_to(struct yg_http_socket *socket, unsigned events)
{
    socket->events = events;
    if (yodel_watch_is_running(&socket->watch))
        return yodel_watch_set_events(&socket->watch, events);
    return yodel_watch_start(&socket->watch, socket->fd, events);
}

/* One of this number was closed without a word: libcurl believes that it is the same. */
static int listen_anew(struct yg_http_socket *socket)
{
    (void)yodel_watch_stop(&socket->watch);
    socket->is_kept = false;
    return listen_to(socket, socket->events);
}

static void fail(struct yg_transfer *transfer, int rc)
{
    yg_http_call_fail(transfer->call, rc == -ENOMEM ? rc : -EIO);
}

static curl_socket_t on_open(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    const int type = address->socktype | SOCK_CLOEXEC;
    const int fd = socket(address->family, type, address->protocol);
    struct yg_transfer *transfer = user;
    struct yg_http_socket *same;
    int rc;

    (void)purpose;
    if (fd < 0)
        return CURL_SOCKET_BAD;
    same = find(transfer->call->client, fd);
    if (same != NULL && (rc = listen_anew(same)) < 0)
        fail(transfer, rc);
    return fd;
}

static int on_close(void *user, curl_socket_t fd)
{
    forget(user, fd);
    return close(fd);
}

static void unuse(struct yg_http_client *client, int fd)
{
    struct yg_http_socket *socket = find(client, fd);

    if (socket != NULL && socket->is_kept)
        socket->transfer = NULL;
    else
        forget(client, fd);
}

static int use(struct yg_http_client *client, struct yg_transfer *transfer, int fd, unsigned events)
{
    struct yg_http_socket *socket = find(client, fd);

    if (socket == NULL && (socket = add(client, fd)) == NULL)
        return -ENOMEM;
    socket->transfer = transfer;
    transfer->fd = fd;
    return listen_to(socket, events);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user)
{
    const unsigned events = (what & CURL_POLL_IN ? YODEL_WATCH_READABLE : 0U) |
                            (what & CURL_POLL_OUT ? YODEL_WATCH_WRITABLE : 0U);
    struct yg_transfer *transfer = NULL;
    int rc;

    (void)socket_user;
    if (what == CURL_POLL_REMOVE) {
        unuse(user, fd);
        return 0;
    }
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer);
    if ((rc = use(user, transfer, fd, events)) < 0)
        fail(transfer, rc);
    return 0; /* an error would end all transfers for good */
}

void yg_sockets_answered(struct yg_transfer *transfer)
{
    struct yg_http_socket *socket = NULL;

    if (transfer->fd >= 0)
        socket = find(transfer->call->client, transfer->fd);
    if (socket != NULL && socket->transfer == transfer)
        socket->is_kept = true;
}

static int on_timer(CURLM *multi, long ms, void *user)
{
    struct yg_http_client *client = user;

    (void)multi;
    if (ms < 0)
        (void)yodel_timer_stop(&client->timer);
    else
        (void)yodel_timer_start(&client->timer, ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX - 1);
    return 0;
}

bool yg_sockets_set_up(struct yg_http_client *client, struct yg_transfer *transfer)
{
    CURL *easy = transfer->easy;

    return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, client) == CURLE_OK;
}

static bool set_up_multi(struct yg_http_client *client)
{
    const long num = client->options.in_flight;
    CURLM *multi = client->multi;

    return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, num) == CURLM_OK &&
           curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, num) == CURLM_OK;
}

int yg_sockets_start(struct yg_http_client *client)
{
    if (client->multi != NULL)
        return 0;
    yodel_timer_init(&client->timer, client->loop, on_time, client);
    client->multi = curl_multi_init();
    if (client->multi != NULL && set_up_multi(client))
        return 0;
    yg_sockets_stop(client);
    return -ENOMEM;
}

void yg_sockets_stop(struct yg_http_client *client)
{
    curl_multi_cleanup(client->multi);
    client->multi = NULL;
    (void)yodel_timer_stop(&client->timer);
    for (size_t i = 0; i < YG_SOCKET_BUCKETS; i++)
        while (client->sockets[i] != NULL)
            forget(client, client->sockets[i]->fd);
}
