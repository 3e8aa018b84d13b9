/* SPDX-License-Identifier: MIT */
#ifndef YG_SERVE_HOOKED_PARTS_H
#define YG_SERVE_HOOKED_PARTS_H

#include "serve/hook_records.h"
#include "serve/hooked.h"
#include "serve/question.h"

/* What hooked.c and hooked_connect.c share. */

#define YG_SOCKET_ID_SIZE 24 /* of a socket's id, which has 20 bytes, with its end */

struct yg_hooked {
    struct yg_state *state;
    yodel_loop *loop;
    yodel_sio_socket *socket; /* NULL: it has gone */
    struct yg_hook *hook;
    struct yg_lane *lane; /* NULL: it was left */
    unsigned refs;        /* of the socket, or of who asks for it, and of each event under way */
    bool is_known;        /* the back end knows of it, or may */
    struct yg_record *record; /* NULL: none */
    bool stays;               /* the record is for others, or for the end */
    int64_t connected_ms;     /* since 1970 */
    const char *user; /* while it is asked for, that of its token; when it went, the lane's */
    char connection[17];
    const char *ns;              /* the lane's */
    char sid[YG_SOCKET_ID_SIZE]; /* when it went; "" before */
    char *address;               /* NULL: unknown */
    json_t *meta;                /* that it had when it went; a reference */
    const char *transport;       /* the same */
    json_t *hello;               /* for the client when it is connected; NULL: nothing */
    struct yg_command **actions;
    size_t num_actions;
};

struct yg_hooked *yg_hooked_new(struct yg_state *state, yodel_sio_socket *socket,
                                struct yg_hook *hook);
void yg_hooked_unref(struct yg_hooked *hooked);
/* Has Redis know of it as it is now. */
void yg_hooked_record(struct yg_hooked *hooked);
/* The socket's user is known: its events are that user's from now on.  0 or -ENOMEM. */
int yg_hooked_name_user(struct yg_hooked *hooked);
/* Ties it to its socket, which has begun; its reference is the socket's from then on. */
void yg_hooked_attach(struct yg_hooked *hooked);
/* The socket is no more. */
void yg_hooked_leave(struct yg_hooked *hooked);
/* Tells the back end, if it knows of it.  rooms: a JSON array; NULL: there was no memory for it. */
void yg_hooked_goodbye(struct yg_hooked *hooked, const char *reason, const char *rooms);

#endif
