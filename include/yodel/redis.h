/* SPDX-License-Identifier: MIT */
#ifndef YODEL_REDIS_H
#define YODEL_REDIS_H

#include <yodel/server.h>

YODEL_C_BEGIN

/*
 * A client of Redis, by which servers on several machines work together.  Its connections live on
 * the first loop of a server: it connects when that server runs, comes back by itself whenever a
 * connection is lost, and ends with the server, after what waits has been sent.
 *
 * Reference-counted.  Redis 6 or newer; the tests run with Redis 7.
 */
typedef struct yodel_redis yodel_redis;

/* How url and nodes are to be understood. */
typedef enum yodel_redis_mode {
    YODEL_REDIS_SINGLE = 0, /* one server */
    YODEL_REDIS_SENTINEL,   /* nodes are sentinels, which know the master of master_name */
    YODEL_REDIS_CLUSTER     /* nodes are some of a Redis Cluster's */
} yodel_redis_mode;

/* What becomes of a message or a command when max_queue bytes wait. */
typedef enum yodel_redis_policy {
    YODEL_REDIS_REFUSE = 0, /* the call that would exceed it fails: YODEL_ERR_CONGESTED */
    YODEL_REDIS_DROP_OLDEST /* what waits longest is dropped, and counted */
} yodel_redis_policy;

/* All of it is copied. */
typedef struct yodel_redis_options {
    size_t size;

    /* "redis://user:password@host:6379/0", "rediss://..." (TLS), "unix://user:password@/path?db=0";
     * any part but the scheme may be left out, and what is not a letter, digit or one of "-._~" is
     * written as %XX.  NULL: redis://127.0.0.1:6379, or as nodes say. */
    const char *url;

    /* In place of those in url; NULL: as there. */
    const char *username;
    const char *password;
    unsigned database;       /* 0: as in url */
    const char *client_name; /* for CLIENT LIST: no blanks; NULL: "yodel" */

    yodel_redis_mode mode;
    const char *const *nodes; /* "host:port"; with SENTINEL or CLUSTER, beside url's */
    size_t num_nodes;
    const char *master_name;       /* with SENTINEL; NULL: "mymaster" */
    const char *sentinel_username; /* of the sentinels' own; NULL: none */
    const char *sentinel_password;

    /* TLS: with rediss://, and for every node when tls is not 0. */
    int tls;
    const char *ca_file;     /* PEM: who may have signed; NULL: whom the system trusts */
    const char *cert_file;   /* PEM: a certificate to show; NULL: none */
    const char *key_file;    /* PEM: its key */
    const char *server_name; /* that the certificate must have; NULL: that of url or node */
    int no_verify;           /* not 0: any certificate will do.  Do not use it over networks. */

    uint32_t connect_ms;     /* to connect and log in; 0: 5000 */
    uint32_t reply_ms;       /* for the next reply, after which the connection is lost; 0: 3000 */
    uint32_t ping_ms;        /* a quiet connection is tried by PING after so long; 0: 2000 */
    uint32_t backoff_ms;     /* ahead of the second attempt to connect, doubled for each that
                                fails; the real time is half of it to all of it, by chance; 0: 50 */
    uint32_t max_backoff_ms; /* at most; 0: 1000 */

    size_t
        max_queue; /* bytes of messages and commands that wait, or have no reply yet; 0: 16 MiB */
    yodel_redis_policy policy;
    size_t max_publish; /* bytes of one message; 0: 4 MiB.  Redis disconnects every subscriber whom
                           it cannot send 32 MiB to (client-output-buffer-limit pubsub) */
    size_t max_reply;   /* bytes of one reply, after which the connection is lost; 0: 64 MiB */
} yodel_redis_options;

/*
 * Whether a client could be made of a URL, to check a configuration ahead of a start.  Nothing is
 * looked up and nothing connected.
 *
 * url   as of yodel_redis_options
 *
 * Returns 0, -ENOMEM, or -EINVAL: NULL, or a scheme, port, database or percent code that is none.
 */
YODEL_API int yodel_redis_check_url(const char *url) YODEL_ANY_THREAD;

/*
 * Makes a client for a server.  Nothing is connected before the server runs.  When that stops, what
 * waits still goes out and is answered, as far as a connection is there within two seconds.
 *
 * server      must live until the last reference to the client is given back
 * options     NULL: all defaults
 * ret_redis   one reference
 *
 * Returns 0, -ENOMEM, YODEL_ERR_OPTIONS, -EINVAL (url, a node, a mode without nodes, a name with a
 * blank), YODEL_ERR_TLS (a file cannot be read), YODEL_ERR_STATE (the server runs), or
 * YODEL_ERR_UNSUPPORTED (built without Redis).
 */
YODEL_API YODEL_CHECK_RESULT int yodel_redis_new(yodel_server *server,
                                                 const yodel_redis_options *options,
                                                 yodel_redis **ret_redis) YODEL_SETUP_THREAD;

/*
 * One more reference.
 *
 * redis   not NULL
 *
 * Returns redis.
 */
YODEL_API yodel_redis *yodel_redis_ref(yodel_redis *redis) YODEL_ANY_THREAD;

/*
 * Gives a reference back.  With the last one the connections are closed; what waits is dropped.
 *
 * redis   NULL does nothing
 *
 * Returns NULL, always: redis = yodel_redis_unref(redis).
 */
YODEL_API yodel_redis *yodel_redis_unref(yodel_redis *redis) YODEL_ANY_THREAD;

/* How it stands with Redis. */
typedef enum yodel_redis_condition {
    YODEL_REDIS_DOWN = 0, /* not connected: what is published waits */
    YODEL_REDIS_DEGRADED, /* connected, but a connection or a subscription is missing */
    YODEL_REDIS_UP        /* all is there that is wanted */
} yodel_redis_condition;

/*
 * How it stands, at this moment.  For a check of health.
 *
 * redis   a reference
 *
 * Returns the state; DOWN before the server runs and after its end.
 */
YODEL_API yodel_redis_condition yodel_redis_state(const yodel_redis *redis) YODEL_ANY_THREAD;

/*
 * The state has changed.  It may publish, and send commands; the state may have changed again by
 * the time that another thread hears of it.
 *
 * redis   the client
 * state   the new one
 * user    that of the registration
 */
typedef void(yodel_redis_state_fn)(yodel_redis *redis, yodel_redis_condition state, void *user);

/*
 * Has a function called on the server's first loop whenever the state changes.  One function at a
 * time: another takes its place.
 *
 * redis   a reference
 * fn      NULL: none any more
 *
 * Returns 0, or YODEL_ERR_STATE when the server runs.
 */
YODEL_API int yodel_redis_set_state_handler(yodel_redis *redis, yodel_redis_state_fn *fn,
                                            void *user) YODEL_SETUP_THREAD;

/*
 * Redis has refused something: a command of the program's or of the library's own, a message, a
 * subscription.  It has no memory left, say, or its ACL forbids it.
 *
 * redis     the client; may be used in any way, and given back
 * command   its name, as it was sent
 * error     what Redis says, such as "OOM command not allowed when used memory > 'maxmemory'."
 * user      that of the registration
 */
typedef void(yodel_redis_refused_fn)(yodel_redis *redis, yodel_str command, yodel_str error,
                                     void *user);

/*
 * Has a function called on the server's first loop for each refusal, in place of the lines of the
 * log that tell of some.  For a program that would else not hear of what it has not asked for.  One
 * function at a time: another takes its place.
 *
 * redis   a reference
 * fn      NULL: none any more
 *
 * Returns 0, or YODEL_ERR_STATE when the server runs.
 */
YODEL_API int yodel_redis_set_refused_handler(yodel_redis *redis, yodel_redis_refused_fn *fn,
                                              void *user) YODEL_SETUP_THREAD;

/* Since the client was made; lag_ms and waiting are of now. */
typedef struct yodel_redis_stats {
    size_t size;
    uint64_t published;     /* messages and commands that Redis has accepted */
    uint64_t received;      /* messages of channels */
    uint64_t dropped;       /* that were to go out: at max_queue, refused by Redis, or lost with a
                               connection before they had a reply, and then Redis may have them */
    uint64_t malformed;     /* that came in and are not what they should be */
    uint64_t reconnects;    /* connections that came back */
    uint64_t lag_ms;        /* how long the last PING or command had to wait for its reply */
    uint64_t waiting;       /* bytes that are to go out, or have no reply yet */
    uint64_t subscriptions; /* that Redis has confirmed */
    uint64_t refused;       /* messages, commands and subscriptions that got an error */
} yodel_redis_stats;

/*
 * Counters, for monitoring.
 *
 * redis       a reference
 * ret_stats   the caller sets its size: YODEL_OPTIONS()
 *
 * Returns 0, or -EINVAL (size).
 */
YODEL_API int yodel_redis_get_stats(const yodel_redis *redis,
                                    yodel_redis_stats *ret_stats) YODEL_ANY_THREAD;

/*
 * Publishes a message: PUBLISH.  It is copied.  While there is no connection it waits; one that was
 * sent is never sent again, so with a connection may be lost what had no reply yet.
 *
 * redis     a reference
 * channel   not empty
 * payload   any bytes, at most max_publish
 *
 * Returns 0, or an error and it is not published: -ENOMEM, -EINVAL (channel), YODEL_ERR_TOO_BIG,
 * YODEL_ERR_CONGESTED (max_queue), YODEL_ERR_CLOSED (the server has stopped).
 */
YODEL_API int yodel_redis_publish(yodel_redis *redis, const char *channel,
                                  yodel_bytes payload) YODEL_ANY_THREAD;

/* A reply of Redis, or a part of one.  Valid for the call that brings it. */
typedef struct yodel_redis_reply yodel_redis_reply;

typedef enum yodel_redis_type {
    YODEL_REDIS_NIL = 0,
    YODEL_REDIS_STRING,
    YODEL_REDIS_STATUS,
    YODEL_REDIS_ERROR,
    YODEL_REDIS_INTEGER,
    YODEL_REDIS_ARRAY
} yodel_redis_type;

/*
 * What a reply is.
 *
 * reply   NULL: NIL
 */
YODEL_API yodel_redis_type yodel_redis_reply_type(const yodel_redis_reply *reply) YODEL_ANY_THREAD;

/*
 * The text of a STRING, a STATUS or an ERROR ("WRONGTYPE Operation against ..."); empty for others.
 *
 * reply   may be NULL
 */
YODEL_API yodel_str yodel_redis_reply_text(const yodel_redis_reply *reply) YODEL_ANY_THREAD;

/*
 * The number of an INTEGER, 0 for others.
 *
 * reply   may be NULL
 */
YODEL_API int64_t yodel_redis_reply_integer(const yodel_redis_reply *reply) YODEL_ANY_THREAD;

/*
 * How many elements an ARRAY has, 0 for others.
 *
 * reply   may be NULL
 */
YODEL_API size_t yodel_redis_reply_count(const yodel_redis_reply *reply) YODEL_ANY_THREAD;

/*
 * An element of an ARRAY.
 *
 * reply   may be NULL
 * index   from 0
 *
 * Returns it, or NULL where there is none.
 */
YODEL_API const yodel_redis_reply *yodel_redis_reply_at(const yodel_redis_reply *reply,
                                                        size_t index) YODEL_ANY_THREAD;

/*
 * The reply to a command has come, on the server's first loop; exactly once for each command that
 * was taken.
 *
 * reply   borrowed for the call; an ERROR is a reply, too.  NULL: it was lost, and may have been
 *         carried out or not
 * user    as given with the command
 */
typedef void(yodel_redis_reply_fn)(const yodel_redis_reply *reply, void *user);

/*
 * Sends a command, of the program's own use of this Redis.  Not for those that change the
 * connection (AUTH, SELECT, MULTI, CLIENT REPLY) or subscribe.  One that blocks (XREAD BLOCK) holds
 * up what is sent after it: it is for a client of its own, and for less time than reply_ms.  In a
 * cluster it goes to the node of its first key, which is taken to be argv[1].
 *
 * EVAL with a script that was sent before goes out as EVALSHA, in its order, where Redis has the
 * script: SCRIPT LOAD is sent ahead of the second EVAL on a connection.  After SCRIPT FLUSH those
 * that are under way are lost, as with their connection.
 *
 * redis       a reference
 * argc        how many words, the name of the command included
 * argv        the words; copied
 * fn          gets the reply; NULL: nobody does
 * user        taken with free_user: freed after fn, also when the call fails
 * free_user   may be NULL
 *
 * Returns 0, or an error and fn is not called: -ENOMEM, -EINVAL (argc is 0), YODEL_ERR_TOO_BIG
 * (more than max_publish in all), YODEL_ERR_CONGESTED, YODEL_ERR_CLOSED.
 */
YODEL_API int yodel_redis_command(yodel_redis *redis, size_t argc, const yodel_str *argv,
                                  yodel_redis_reply_fn *fn, void *user,
                                  yodel_free_fn *free_user) YODEL_ANY_THREAD;

YODEL_C_END

#endif
