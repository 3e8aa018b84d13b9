/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hook/client_parts.h"

/*
 * The descriptors of libcurl's.  It forgets a connection between two requests and closes it when it
 * likes: so the watch of one belongs to its socket, from the opening to the closing, and a request
 * on a kept connection changes nothing in the kernel's set.
 */
struct yg_hook_socket {
    struct yg_hook_socket *next; /* of its bucket */
    struct yg_hook_client *client;
    yodel_watch watch;
    int fd;
    bool is_connection; /* opened and closed here; else libcurl's resolver has it */
    bool is_used;       /* a request waits for it */
};

static struct yg_hook_socket **bucket_of(struct yg_hook_client *client, int fd)
{
    return &client->sockets[(unsigned)fd % YG_SOCKET_BUCKETS];
}

static struct yg_hook_socket *find(struct yg_hook_client *client, int fd)
{
    struct yg_hook_socket *at = *bucket_of(client, fd);

    while (at != NULL && at->fd != fd)
        at = at->next;
    return at;
}

/* ---- what the loop tells ---- */

/* libcurl goes on; then what has ended is told, until the client is gone. */
static void drive(struct yg_hook_client *client, int fd, int mask)
{
    CURLM *multi = client->multi;
    struct CURLMsg *message;
    bool was_replying = client->is_replying;
    int num;

    client->is_replying = true; /* keeps the struct */
    (void)curl_multi_socket_action(multi, fd, mask, &num);
    while (!client->is_freed && (message = curl_multi_info_read(multi, &num)) != NULL) {
        const CURLcode code = message->data.result;
        struct yg_transfer *transfer = NULL;

        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
        yg_hook_client_done(transfer, code);
    }
    client->is_replying = was_replying;
    if (client->is_freed)
        free(client);
}

static void on_ready(yodel_watch *watch, unsigned events, void *user)
{
    struct yg_hook_socket *socket = user;
    const int mask = (events & YODEL_WATCH_READABLE ? CURL_CSELECT_IN : 0) |
                     (events & YODEL_WATCH_WRITABLE ? CURL_CSELECT_OUT : 0) |
                     (events & YODEL_WATCH_ERROR ? CURL_CSELECT_ERR : 0);

    /* A connection that is kept has ended: libcurl looks ahead of the next request. */
    if (!socket->is_used)
        (void)yodel_watch_set_events(watch, 0);
    else
        drive(socket->client, socket->fd, mask);
}

static void on_time(yodel_timer *timer, void *user)
{
    (void)timer;
    drive(user, CURL_SOCKET_TIMEOUT, 0);
}

/* ---- what libcurl asks for ---- */

static struct yg_hook_socket *add(struct yg_hook_client *client, int fd, bool is_connection)
{
    struct yg_hook_socket **bucket = bucket_of(client, fd);
    struct yg_hook_socket *socket = calloc(1, sizeof(*socket));

    if (socket == NULL)
        return NULL;
    socket->client = client;
    socket->fd = fd;
    socket->is_connection = is_connection;
    yodel_watch_init(&socket->watch, client->loop, on_ready, socket);
    socket->next = *bucket;
    *bucket = socket;
    return socket;
}

static void forget(struct yg_hook_client *client, int fd)
{
    struct yg_hook_socket **at = bucket_of(client, fd), *socket;

    while (*at != NULL && (*at)->fd != fd)
        at = &(*at)->next;
    if ((socket = *at) == NULL)
        return;
    *at = socket->next;
    (void)yodel_watch_stop(&socket->watch);
    free(socket);
}

static curl_socket_t on_open(void *user, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct yg_transfer *transfer = user;
    const int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);

    (void)purpose;
    if (fd < 0)
        return CURL_SOCKET_BAD;
    if (add(transfer->call->client, fd, true) == NULL) {
        transfer->failure = -ENOMEM;
        close(fd);
        return CURL_SOCKET_BAD;
    }
    return fd;
}

static int on_close(void *user, curl_socket_t fd)
{
    forget(user, fd);
    return close(fd);
}

static int listen_to(struct yg_hook_socket *socket, unsigned events)
{
    if (yodel_watch_is_running(&socket->watch))
        return yodel_watch_set_events(&socket->watch, events);
    return yodel_watch_start(&socket->watch, socket->fd, events);
}

/* Of a connection nothing is changed when no request uses it any more: the next one will. */
static void unuse(struct yg_hook_client *client, struct yg_hook_socket *socket)
{
    if (socket == NULL)
        return;
    if (socket->is_connection)
        socket->is_used = false;
    else
        forget(client, socket->fd);
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *user, void *socket_user)
{
    const unsigned events = (what & CURL_POLL_IN ? YODEL_WATCH_READABLE : 0U) |
                            (what & CURL_POLL_OUT ? YODEL_WATCH_WRITABLE : 0U);
    struct yg_hook_client *client = user;
    struct yg_hook_socket *socket = find(client, fd);
    struct yg_transfer *transfer = NULL;
    int rc;

    (void)socket_user;
    if (what == CURL_POLL_REMOVE) {
        unuse(client, socket);
        return 0;
    }
    if (socket == NULL)
        socket = add(client, fd, false);
    if (socket != NULL)
        socket->is_used = true;
    rc = socket != NULL ? listen_to(socket, events) : -ENOMEM;
    if (rc < 0) {
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer);
        yg_hook_call_fail(transfer->call, rc == -ENOMEM ? rc : -EIO);
    }
    return 0; /* an error would end all transfers for good */
}

static int on_timer(CURLM *multi, long ms, void *user)
{
    struct yg_hook_client *client = user;

    (void)multi;
    if (ms < 0)
        (void)yodel_timer_stop(&client->timer);
    else
        (void)yodel_timer_start(&client->timer, ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX - 1);
    return 0;
}

bool yg_sockets_set_up(struct yg_hook_client *client, struct yg_transfer *transfer)
{
    CURL *easy = transfer->easy;

    return curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, client) == CURLE_OK;
}

int yg_sockets_start(struct yg_hook_client *client)
{
    const long num = client->options.in_flight;
    CURLM *multi = client->multi;

    yodel_timer_init(&client->timer, client->loop, on_time, client);
    return curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket) == CURLM_OK &&
                   curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client) == CURLM_OK &&
                   curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer) == CURLM_OK &&
                   curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client) == CURLM_OK &&
                   curl_multi_setopt(multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) == CURLM_OK &&
                   curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, num) == CURLM_OK &&
                   curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, num) == CURLM_OK
               ? 0
               : -ENOMEM;
}

void yg_sockets_stop(struct yg_hook_client *client)
{
    (void)yodel_timer_stop(&client->timer);
    for (size_t i = 0; i < YG_SOCKET_BUCKETS; i++)
        while (client->sockets[i] != NULL)
            forget(client, client->sockets[i]->fd);
}
