/* SPDX-License-Identifier: MIT */
/* libwebsockets: echo on every path.  Usage: libwebsockets PORT */
#include <libwebsockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECEIVE_SIZE (64u * 1024)

/* A message under way: whole when `last` was received, then written. */
struct queued {
    struct queued *next;
    size_t len;
    uint8_t bytes[]; /* LWS_PRE bytes of room, then len of the message */
};

struct session {
    struct queued *first, *last;
};

static int queue(struct lws *wsi, struct session *session, const void *data, size_t len)
{
    struct queued *message = malloc(sizeof *message + LWS_PRE + len);

    if (message == NULL)
        return -1;
    message->next = NULL;
    message->len = len;
    memcpy(message->bytes + LWS_PRE, data, len);
    if (session->first == NULL)
        session->first = message;
    else
        session->last->next = message;
    session->last = message;
    lws_callback_on_writable(wsi);
    return 0;
}

static void drop_first(struct session *session)
{
    struct queued *message = session->first;

    session->first = message->next;
    free(message);
}

static int write_first(struct lws *wsi, struct session *session)
{
    struct queued *message = session->first;
    int written;

    if (message == NULL)
        return 0;
    written = lws_write(wsi, message->bytes + LWS_PRE, message->len, LWS_WRITE_TEXT);
    drop_first(session);
    if (session->first != NULL)
        lws_callback_on_writable(wsi);
    return written < 0 ? -1 : 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t len)
{
    struct session *session = user;

    switch (reason) {
    case LWS_CALLBACK_RECEIVE:
        /* The load generator's messages fit the receive buffer, so they come whole. */
        return lws_is_final_fragment(wsi) ? queue(wsi, session, in, len) : -1;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return write_first(wsi, session);
    case LWS_CALLBACK_CLOSED:
        while (session->first != NULL)
            drop_first(session);
        return 0;
    default:
        return 0;
    }
}

static const struct lws_protocols protocols[] = {
    {.name = "echo",
     .callback = on_event,
     .per_session_data_size = sizeof(struct session),
     .rx_buffer_size = RECEIVE_SIZE},
    {.name = NULL},
};

int main(int argc, char **argv)
{
    struct lws_context_creation_info info = {
        .port = argc > 1 ? atoi(argv[1]) : 0,
        .iface = "lo",
        .protocols = protocols,
        .options = LWS_SERVER_OPTION_DISABLE_IPV6,
        .pt_serv_buf_size = RECEIVE_SIZE,
    };
    struct lws_context *context;

    lws_set_log_level(LLL_ERR, NULL);
    context = lws_create_context(&info);
    if (context == NULL)
        return EXIT_FAILURE;
    printf("PORT %d\n", lws_get_vhost_listen_port(lws_get_vhost_by_name(context, "default")));
    fflush(stdout);
    while (lws_service(context, 0) >= 0)
        continue;
    lws_context_destroy(context);
    return EXIT_SUCCESS;
}
