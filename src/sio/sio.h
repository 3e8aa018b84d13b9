/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_SIO_H
#define YD_SIO_SIO_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <yodel/sio.h>

#include "base/list.h"
#include "base/map.h"
#include "channels/channel_event.h"
#include "channels/channels.h"
#include "eio/eio.h"
#include "proto/base64.h"
#include "proto/sio_msgpack.h"
#include "proto/sio_packet.h"
#include "sio/bundle.h"
#include "sio/early.h"
#include "sio/encode.h"
#include "sio/membership.h"
#include "sio/name_pattern.h"
#include "sio/namespaces.h"
#include "sio/onces.h"
#include "sio/sio_base.h"
#include "sio/sio_ids.h"
#include "sio/waits.h"

/*
 * Socket.IO on top of Engine.IO sessions.  A client is one session; a socket is a client in one
 * namespace.  Both belong to the session's loop.  Namespaces are shared by all loops: what is set
 * up is only read once they run, what changes is split by loop or behind the service's lock.
 */

struct yd_sio_client;

/* ---- the service ---- */

/* Where the parts of a service come from (src/server). */
struct yd_sio_setup {
    const struct yodel_allocator *mem;
    const struct yodel_log_sink *log;
    struct yd_http *http;
    struct yd_ws_service *ws;
    struct yd_loop **loops;
    unsigned num_loops;
    uint64_t secret[2];
    yodel_channels *channels; /* a reference, taken */
    void *owner;              /* kept alive until release_owner(owner) */
    void (*release_owner)(void *owner);
};

/* options as the caller gave them.  Returns as yodel_sio_new(); channels and owner are the caller's
 * again on failure. */
int yd_sio_new(const struct yd_sio_setup *setup, const yodel_sio_options *options,
               yodel_sio **ret_sio);

/* Closes the clients of a loop, on that loop. */
void yd_sio_stop(yodel_sio *sio, struct yd_loop *loop);

/* ---- clients ---- */

struct yd_sio_client {
    yodel_sio *sio;
    struct yd_eio_session *session;
    struct yd_list sockets;         /* of all namespaces */
    struct yd_timer timer;          /* connect_timeout */
    struct yd_mail leave;           /* ends sockets that are leaving, in a task */
    struct yd_sio_pending *pending; /* a packet whose attachments are still to come */
    unsigned num_sockets;
    bool leave_queued, has_left, closing;
};

extern const struct yd_eio_events yd_sio_eio_events;

/* The client broke the protocol: the whole connection ends. */
void yd_sio_client_fail(struct yd_sio_client *client, const char *why);
void yd_sio_client_close(struct yd_sio_client *client, enum yd_eio_reason reason);
yodel_sio_socket *yd_sio_client_socket(const struct yd_sio_client *client, yodel_str nsp);

/* connect.c */
void yd_sio_on_connect(struct yd_sio_client *client, const struct yd_sio_packet *packet);

/* ---- sockets ---- */

enum yd_sio_state { YD_SIO_CONNECTING = 0, YD_SIO_CONNECTED, YD_SIO_LEAVING, YD_SIO_AWAY };

struct yodel_sio_socket {
    struct yd_sio_client *client; /* NULL: AWAY */
    yodel_sio_namespace *ns;      /* a reference */
    struct yd_loop *loop;
    struct yd_list of_client;
    struct yd_list of_shard;
    struct yd_map_node by_id;
    struct yd_sio_membership rooms;
    uint64_t stamp; /* of the broadcast that has reached or passed it */
    json_t *json;   /* yodel_sio_socket_json() */
    char *auth_text;
    json_t *auth;
    void *data;
    yodel_free_fn *free_data;
    struct yd_sio_middleware *middleware; /* to run next, while CONNECTING */
    struct yd_sio_early *early;           /* NULL: none */
    struct yd_sio_once *onces;
    struct yd_sio_waits *waits;   /* acknowledgements it owes */
    struct yd_sio_memory *memory; /* connection state recovery; NULL: off */
    const char *reason;           /* why it is leaving */
    uint8_t state;
    bool recovered;
    bool was_connected; /* on_connection was called, so the others must be */
    bool is_noting;     /* CONNECTING, and remembers already what comes for it */
    char id[YD_ID_LEN];
};

static inline yodel_str yd_sio_id(const yodel_sio_socket *socket)
{
    return (yodel_str){socket->id, YD_ID_LEN};
}

static inline struct yd_sio_shard *yd_sio_shard_of(const yodel_sio_socket *socket)
{
    return &socket->ns->shards[socket->loop->index];
}

/* ns: a reference, taken also on failure.  NULL when out of memory. */
yodel_sio_socket *yd_sio_socket_new(struct yd_sio_client *client, yodel_sio_namespace *ns);
/* The socket of an id in ns on this loop; NULL when there is none. */
yodel_sio_socket *yd_sio_socket_find(yodel_sio_namespace *ns, struct yd_loop *loop, yodel_str id);
/* Calls the handlers of its end, if it was connected, and frees it or leaves it AWAY. */
void yd_sio_socket_end(yodel_sio_socket *socket, const char *reason, bool may_return);
/* Frees it, silently. */
void yd_sio_socket_free(yodel_sio_socket *socket);
/* Makes the document that yodel_sio_auth() gives, if it is not there.  Returns 0 or -ENOMEM. */
int yd_sio_read_auth(yodel_sio_socket *socket);
/* It ends in a task with reason. */
void yd_sio_socket_leave(yodel_sio_socket *socket, const char *reason);

/* ---- events and acknowledgements that come in ---- */

struct yodel_sio_event {
    yodel_sio_socket *socket;
    const struct yd_sio_packet *packet;
    const yodel_bytes *attachments;
    yodel_str name; /* unescaped */
    bool ack_taken;
    json_t *json;
    struct yd_buf scratch; /* name, args */
};

void yd_sio_on_event(yodel_sio_socket *socket, const struct yd_sio_packet *packet,
                     const yodel_bytes *attachments);

/* ---- what goes out ---- */

/* Sends a short packet without attachments to one client, if its transport and the parser allow a
 * copy: YODEL_ERR_STATE when not. */
int yd_sio_send_small(struct yd_sio_client *client, const struct yd_sio_output *output,
                      unsigned session_flags);

/* Sends a packet to a client at once. */
int yd_sio_client_send(struct yd_sio_client *client, const struct yd_sio_output *output);

/* ---- rooms ---- */

/* The socket that is this member of a group; NULL when it is a WebSocket's. */
yodel_sio_socket *yd_sio_socket_of_member(struct yd_member *member);
void yd_sio_leave_rooms(yodel_sio_socket *socket);

/* ---- connection state recovery ---- */

/* A packet that a socket got, or missed. */
struct yd_sio_entry {
    struct yd_sio_entry *next;
    uint64_t at; /* ms */
    size_t bytes;
    char offset[YD_SIO_OFFSET_SIZE];
    struct yd_sio_out out; /* num 0: a volatile one, of which only the offset is known */
};

struct yd_sio_memory {
    struct yd_map_node by_pid;
    yodel_sio_socket *socket;
    struct yd_sio_entry *first, **last;
    size_t bytes;
    bool trimmed;      /* the beginning is not there any more */
    bool is_returning; /* what is behind resume is sent again ahead of the answer to CONNECT */
    char resume[YD_SIO_OFFSET_SIZE]; /* "": all */
    struct yd_timer expiry;
    char pid[YD_ID_LEN];
};

/* memory.c: what a socket's client may have missed. */
int yd_sio_memory_new(yodel_sio_socket *socket);
void yd_sio_memory_free(yodel_sio_socket *socket);
/* Empty without. */
yodel_str yd_sio_memory_pid(const yodel_sio_socket *socket);
/* Notes a packet with an offset; out NULL: one that is not repeated. */
void yd_sio_memory_note(yodel_sio_socket *socket, const char *offset, const struct yd_sio_out *out);
/* Its client is lost: it waits to be recovered. */
void yd_sio_memory_wait(yodel_sio_socket *socket);
/* Forgets one that is AWAY, soon: whoever comes back finds nothing from now on. */
void yd_sio_memory_expire(yodel_sio_socket *socket);
/* Finds what is behind offset (empty: all).  False when that is not known, or more than fits. */
bool yd_sio_memory_seek(const yodel_sio_socket *socket, yodel_str offset,
                        struct yd_sio_entry **ret_entry);
/* Sends a returning client what it has missed.  Returns 0, YODEL_ERR_NOT_FOUND, as yd_eio_send().
 */
int yd_sio_memory_replay(yodel_sio_socket *socket);
void yd_sio_entries_free(yodel_sio *sio, struct yd_sio_entry *entry);

/* recovery.c: gives a new socket the state of a lost one, now or later.  True when it has taken
 * charge of the socket and goes on with it. */
bool yd_sio_recover(yodel_sio_socket *socket, yodel_str pid, yodel_str offset);

/* connect.c: it is one of those that targets mean. */
void yd_sio_enter_shard(yodel_sio_socket *socket);
/* A socket begins anew (its middleware comes), or goes on as a recovered one. */
void yd_sio_connect_afresh(yodel_sio_socket *socket);
void yd_sio_connect_recovered(yodel_sio_socket *socket);
void yd_sio_connect_done(yodel_sio_socket *socket);
void yd_sio_run_middleware(yodel_sio_socket *socket);

#endif
