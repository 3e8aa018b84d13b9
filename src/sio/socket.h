/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_SOCKET_H
#define YD_SIO_SOCKET_H

#include "decision/decision.h"
#include "sio/early.h"
#include "sio/membership.h"
#include "sio/memory.h"
#include "sio/own_handlers.h"
#include "sio/sio_base.h"
#include "sio/waits.h"

/* A socket: a client in one namespace.  It owns the parts; on its loop. */

struct yd_sio_client;

/* What a socket is just now; ARCHITECTURE.md has the diagram.  Others call it by its id, so what
 * is answered late finds a socket of another phase, or none. */
enum yd_sio_phase {
    YD_SIO_CONNECTING = 0, /* its state is looked for, its middleware runs; targets pass it by */
    YD_SIO_NOTING,         /* the same, but it has a lost one's state and notes what comes for it */
    YD_SIO_CONNECTED,      /* its client was told, and on_connection called */
    YD_SIO_LEAVING,        /* it ends in a task */
    YD_SIO_AWAY            /* its client is lost; it notes what comes for it, and waits */
};

/* What a socket has on its way in, and then few have. */
struct yd_sio_aside {
    struct yd_sio_config *config;         /* that middleware is of; NULL: none */
    struct yd_sio_middleware *middleware; /* to run next, while it is not CONNECTED */
    struct yd_sio_early *early;           /* NULL: none */
    yodel_decision *decision;   /* on its middleware, or on the event that is held; NULL: none */
    struct yd_sio_held *held;   /* an event whose middleware decides later; NULL: none */
    struct yd_list *asked;      /* a ring: acknowledgements that the program holds */
    struct yd_list *stays;      /* a ring: in rooms, as handlers are told; in their order */
    struct yd_sio_own own;      /* its handlers */
    struct yd_sio_waits *waits; /* NULL: it owes nothing */
    json_t *auth;               /* what auth_text says; NULL: not asked for */
    unsigned num_asked;
};

/* Kept small: there is one for every idle client. */
struct yodel_sio_socket {
    struct yd_sio_client *client; /* NULL: AWAY */
    yodel_sio_namespace *ns;      /* a reference */
    struct yd_loop *loop;
    struct yd_sio_aside *aside; /* NULL: all zero; see yd_sio_aside_of() */
    struct yd_list of_client;   /* or of the loop's AWAY ones */
    struct yd_list of_shard;
    struct yd_sio_membership rooms;
    struct yd_map_bare by_id; /* if has_id; key: id */
    char id[YD_ID_LEN];
    uint8_t phase : 3; /* enum yd_sio_phase */
    bool recovered : 1;
    bool in_middleware : 1; /* that of the connection runs */
    bool is_refused : 1;    /* by it */
    bool in_own_room : 1;   /* the room of its id */
    bool has_id : 1;
    bool is_paused : 1; /* its client is not read from */
    bool is_shown : 1;  /* to who watches its loop: from CONNECTED on, until it ends */
    uint64_t stamp;     /* of the broadcast that has reached or passed it */
    json_t *json;       /* yodel_sio_socket_json() */
    char *auth_text;
    void *data;
    yodel_free_fn *free_data;
    struct yd_sio_memory *memory; /* connection state recovery; NULL: off */
    const char *reason; /* why it is LEAVING; NULL: it was not CONNECTED, no handler is called */
    struct yd_list of_parent[]; /* one, of its namespace's parent, if that has one */
};

/* What it has aside, to be read. */
static inline const struct yd_sio_aside *yd_sio_aside(const yodel_sio_socket *socket)
{
    static const struct yd_sio_aside nothing = {.num_asked = 0};

    return socket->aside != NULL ? socket->aside : &nothing;
}

/* The same to be changed: it is made if it is not there.  NULL when out of memory. */
struct yd_sio_aside *yd_sio_aside_of(yodel_sio_socket *socket);
/* Gives it back if there is nothing in it. */
void yd_sio_aside_tidy(yodel_sio_socket *socket);

static inline yodel_str yd_sio_id(const yodel_sio_socket *socket)
{
    return (yodel_str){socket->id, YD_ID_LEN};
}

static inline struct yd_sio_shard *yd_sio_shard_of(const yodel_sio_socket *socket)
{
    return &socket->ns->shards[socket->loop->index];
}

/* It has no client that is told at once, but notes what comes for it. */
static inline bool yd_sio_is_absent(const yodel_sio_socket *socket)
{
    return socket->phase == YD_SIO_AWAY || socket->phase == YD_SIO_NOTING;
}

/* A socket that is CONNECTING, with an id; on no client's list.  ns: a reference, taken also on
 * failure.  NULL when out of memory. */
yodel_sio_socket *yd_sio_socket_new(yodel_sio_namespace *ns, struct yd_loop *loop);
/* Frees what the program has tied to it; the program's function may use the socket. */
void yd_sio_socket_free_data(yodel_sio_socket *socket);
/* Frees it, silently, in whatever phase. */
void yd_sio_socket_free(yodel_sio_socket *socket);

/* The socket of an id in ns on this loop; NULL when there is none. */
yodel_sio_socket *yd_sio_socket_find(yodel_sio_namespace *ns, struct yd_loop *loop, yodel_str id);
/* The socket that is this member of the service's rooms. */
/* Whether a member of a room is a socket, and which. */
bool yd_sio_is_socket(const struct yd_member *member);
yodel_sio_socket *yd_sio_socket_of_member(struct yd_member *member);

/* The one function that changes a socket's phase. */
void yd_sio_socket_set_phase(yodel_sio_socket *socket, enum yd_sio_phase phase);

/* Gives it another id, which no socket of this loop has.  Returns 0 or -ENOMEM: it has none then,
 * and must go. */
int yd_sio_socket_set_id(yodel_sio_socket *socket, const char id[YD_ID_LEN]);

/* It begins to remember, under pid (NULL: a new one).  Returns 0, -ENOMEM, -EIO. */
int yd_sio_socket_remember(yodel_sio_socket *socket, const char *pid);
void yd_sio_socket_forget(yodel_sio_socket *socket);
/* Takes from it what it has of a state that cannot be had: it is CONNECTING again, with id. Returns
 * as yd_sio_socket_set_id(). */
int yd_sio_socket_reset(yodel_sio_socket *socket, const char id[YD_ID_LEN]);
/* Notes a packet, if it remembers; out NULL: a volatile one. */
void yd_sio_socket_note(yodel_sio_socket *socket, const char *offset, const struct yd_sio_out *out);

/* Where its rooms are. */
struct yd_sio_rooms yd_sio_rooms_of(const yodel_sio_socket *socket);
/* Joins and leaves a room, its own too, in whatever phase; see yd_sio_membership_join(), and
 * YODEL_ERR_CONGESTED. */
int yd_sio_socket_join(yodel_sio_socket *socket, const char *room);
void yd_sio_socket_leave(yodel_sio_socket *socket, const char *room);
void yd_sio_socket_leave_rooms(yodel_sio_socket *socket);
/* Has it be in its own room, if it is, for handlers too.  Returns 0, -ENOMEM, YODEL_ERR_CONGESTED.
 */
int yd_sio_socket_enter_own_room(yodel_sio_socket *socket);

/* Makes the document that yodel_sio_socket_auth() gives, if it is not there.  Returns 0 or -ENOMEM.
 */
int yd_sio_read_auth(yodel_sio_socket *socket);
/* sio_handshake.c: appends what yodel_sio_socket_handshake() gives, as JSON text.  Returns 0 or
 * -ENOMEM, buf then keeps its length. */
int yd_sio_put_handshake(const yodel_sio_socket *socket, struct yd_buf *buf);

/* An acknowledgement that the program holds; begins its owner. */
struct yd_sio_asked {
    yodel_decision decision;
    struct yd_list of_socket;
    yodel_sio_socket *socket; /* while it is on the list */
};

/* An event of which the program's middleware decides later. */
struct yd_sio_held {
    struct yd_sio_early_packet *packet;
    struct yd_sio_config *config;   /* that next is of */
    struct yd_sio_middleware *next; /* to run when it passes */
    struct yd_loop *loop;
    bool ack_taken;
};
/* Takes NULL, and leaves it. */
void yd_sio_held_free(struct yd_sio_held **held, const struct yodel_allocator *mem);

/* What the program was to decide or to answer is over, and what has waited for that is dropped.
 * Calls what the program wants to be told by. */
void yd_sio_socket_end_decisions(yodel_sio_socket *socket);

/* It owes id to asker: see yd_sio_waits_add(). */
int yd_sio_socket_owe(yodel_sio_socket *socket, uint64_t id, struct yd_sio_asker *asker,
                      uint32_t timeout_ms);
/* What it owes will not come. */
void yd_sio_socket_owe_nothing(yodel_sio_socket *socket);

#endif
