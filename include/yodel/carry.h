/* SPDX-License-Identifier: MIT */
#ifndef YODEL_CARRY_H
#define YODEL_CARRY_H

#include <yodel/listen.h>

YODEL_C_BEGIN

/*
 * Socket.IO on several nodes after a balancer that knows nothing of sessions.
 *
 * A session is of the node that opened it; its id names that.  A poll, a POST or an upgrade that
 * comes to another node is sent on to the session's, over a connection between the two, and
 * answered from there.  So no sticky sessions are needed; plain round robin will do.
 *
 * Limits, origins, CORS and hooks of a session are those of its own node; address, scheme, listener
 * tag and certificate of its client are as the node has them that the client is connected to.
 */

typedef struct yodel_carry_options {
    size_t size;

    /* Where other nodes connect to: an address of its own, not that of clients.  Borrowed for the
     * call.  tls is of that listener; NULL: plain text, for networks that are trusted. */
    const yodel_listen_options *listen;

    /* What all nodes know, 16 to 64 bytes; copied.  Either side proves that it knows it, by
     * HMAC-SHA256 over random bytes of both, before anything else is said.  It does not encrypt.
     * NULL: that of the server's cluster (yodel_cluster_new()). */
    const char *secret;

    /* The nodes, the same list in each of them: addresses of their listeners for nodes,
     * "192.0.2.1:7000", "[2001:db8::1]:7000", "node1.internal:7000" (each address of the name is
     * tried; it is looked up on a thread, each time that a link is made) or "unix:/run/node1.sock"
     * (on the same machine).  Copied.
     *
     * NULL, and num_nodes 0: those of the server's cluster, whoever comes and goes.  Others reach
     * this node at the address of the cluster's options, which must be of one of these forms;
     * without one at that of listen, which must not be all addresses, or systemd's, then. */
    const char *const *nodes;
    size_t num_nodes; /* at most 4096 */
    size_t self;      /* which of them this one is; not used without a list */

    unsigned max_links;   /* that others have with one of our loops; above it they are refused;
                             0: 1024 */
    unsigned max_streams; /* requests and WebSockets on one link, at most 65 535; above it requests
                             are answered 503; 0: 16 384 */
    size_t max_buffered;  /* bytes that wait on one link, above which its streams wait; each stream
                             has 64 KiB under way at most, in either direction; 0: 1 MiB */
    uint32_t connect_ms;  /* to a link that has proved itself; then 503; 0: 3000 */
    uint32_t ping_ms;     /* between two looks at whether the other node is there; 0: 2000 */
    uint32_t silent_ms;   /* so long without a word, and it is not: 503; 0: 6000 */
    uint32_t idle_ms;     /* a link without requests ends; 0: 60 000 */

    /* 1: links that are made here use TLS; then listen has tls in every node. */
    int tls;
    const char
        *tls_ca_file;     /* PEM: who signs certificates of nodes; NULL: whom the system trusts */
    const char *tls_name; /* that these must have; required with tls */
    const char *tls_cert_file; /* PEM: shown to nodes that ask for one (clients, client_ca_file); */
    const char *tls_key_file;  /* its key; NULL: none */
} yodel_carry_options;

/*
 * Has requests for Socket.IO sessions of other nodes carried there, and takes those that are
 * carried here.  For all Socket.IO services of the server, whether they are made before or after
 * this; once.
 *
 * With the cluster's nodes an id has the tag of its session's node.  A tag is drawn in this call,
 * and claimed when Redis is reached.  Sessions that are opened before are known to this node, and
 * unknown to others, as if they had gone; from the claim on all nodes find them.  Should another
 * node have that tag (one in 16 million), a new one is taken: older sessions stay known here alone.
 * A node that is not known here is looked up in Redis before its sessions are said to be unknown;
 * while Redis is away only nodes that are known are reached, for keep_ms.
 *
 * server    before it runs; after yodel_cluster_new(), if that is to say who the nodes are
 * options   borrowed for the call; listen is required, and secret and nodes unless there is a
 *           cluster
 *
 * What a client sees:
 *   the session is there               its answer, as if it had come to the right node
 *   its node has gone, or there is no  400 {"code":1,"message":"Session ID unknown"}: it opens a
 *   such session; or Redis does not    new one at once, and recovery restores its sockets
 *   say where it is, in connect_ms
 *   its node does not answer           503 after silent_ms, or connect_ms
 *   the link breaks in an answer, or   its connection is closed
 *   under a WebSocket
 *
 * Returns the port of the listener (0 for a Unix socket), -EINVAL (server NULL; secret, nodes,
 * self, a limit, tls_name; no address for other nodes), YODEL_ERR_TLS (a file of tls_), -ENOMEM,
 * YODEL_ERR_OPTIONS, YODEL_ERR_STATE (it runs, this was called before, or there are neither nodes
 * nor a cluster), or a result of yodel_server_listen().
 */
YODEL_API int yodel_server_carry(yodel_server *server,
                                 const yodel_carry_options *options) YODEL_SETUP_THREAD;

/* Of all loops together, since the server was made. */
typedef struct yodel_carry_stats {
    size_t size;
    uint64_t requests_out;    /* that came here and were sent to another node, */
    uint64_t requests_in;     /* and that others have sent here; WebSockets among both */
    uint64_t requests_failed; /* of those sent: refused, or cut off, as the node was not reached */
    uint64_t links;           /* now: connections with other nodes, made by either side */
    uint64_t links_made;      /* from here; more than there are nodes: they were made again */
    uint64_t links_accepted;
    uint64_t links_refused; /* connections that did not prove themselves, or were too many */
    uint64_t links_lost;    /* broken, or silent */
    uint64_t malformed;     /* frames; the link ends */
} yodel_carry_stats;

/*
 * Fills *ret_stats, whose size the caller has set; all zero where nothing is carried.
 *
 * server   NULL gives -EINVAL
 *
 * Returns 0 or -EINVAL (size too small to hold itself).
 */
YODEL_API int yodel_server_get_carry_stats(const yodel_server *server,
                                           yodel_carry_stats *ret_stats) YODEL_ANY_THREAD;

YODEL_C_END

#endif
