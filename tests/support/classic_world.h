/* SPDX-License-Identifier: MIT */
#ifndef YD_TESTS_CLASSIC_WORLD_H
#define YD_TESTS_CLASSIC_WORLD_H

#include "adapter/classic.h"
#include "failmem.h"
#include "redis_sim.h"
#include "sio_sim.h"

/*
 * A service with the classic adapter on two simulated loops, with the real client of Redis and the
 * small Redis; a test is all other servers.  Loop i has the client i.
 */

#define LOOPS 2
#define OTHER YODEL_STR("other1") /* uid of another server */

/* Channels. */
#define ALL "socket.io#/#"
#define REQUESTS "socket.io-request#/#"
#define ANSWERS "socket.io-response#/#"

/* Parts of its requests. */
#define HEAD(type) "{\"type\":" type ",\"uid\":\"other1\",\"requestId\":\"q1\""
#define NO_ID(type) "{\"type\":" type ",\"uid\":\"other1\""
#define EVERYONE ",\"opts\":{\"rooms\":[],\"except\":[]}"

#define ROOMS(...) ((const char *const[]){__VA_ARGS__, NULL})

struct published {
    char channel[256];
    struct yd_buf bytes;
};

struct world {
    struct sio_sim sim; /* first */
    struct failmem fm;
    struct redis_sim redis_sim;
    yodel_redis *redis;
    struct yd_part *part;
    yodel_sio *sio;
    struct sio_client clients[LOOPS];
    struct published list[64]; /* that the adapter has published */
    unsigned num, taken;
    int num_servers;          /* what NUMSUB says; below 0: the truth */
    char request[64];         /* the last id of a request that was published */
    char text[8000];          /* world_published() */
    unsigned events, answers; /* that have come */
    int result;
    unsigned missing;
    char json[4000]; /* of what was gathered */
    yodel_sio_server_ack *ack;
};

extern struct world world;

/* options may be NULL.  False: an allocation has failed, and world_stop() is all that may follow.
 */
bool world_start(const yodel_sio_redis_options *options, size_t fail_at);
void world_stop(void);
void world_run(void);
void world_advance(uint64_t ms);
/* As world_start(), and must not fail; with clients. */
void world_begin(void);

/* The next that the adapter has published on that channel, as JSON: its uid is "@", what follows it
 * in ids of requests "#".  NULL: nothing was. */
const char *world_published(const char *channel);
void world_expect_published(const char *channel, const char *json);
void world_expect_nothing_published(void);

/* From another server. */
void world_say(const char *channel, const char *payload);
void world_say_bytes(const char *channel, yodel_bytes payload);
/* A broadcast of another server's; rooms, except: NULL-terminated; NULL: none. */
void world_broadcast(const char *channel, const char *nsp, const char *event,
                     const char *const *rooms, const char *const *except);
/* JSON as MessagePack. */
void world_say_packed(const char *channel, const char *json);
/* The same, with the request's id for %s. */
void world_answer(const char *channel, const char *format, bool packed);

void world_expect_all(const char *packet);
void world_expect_nothing(void);
void world_join(unsigned client, const char *room);
unsigned world_malformed(void);
yodel_sio_target world_all(void);

/* For what gathers: they note result, missing, json. */
void world_on_sockets(const yodel_sio_sockets *sockets, void *user);
void world_on_answers(const yodel_sio_answers *answers, void *user);

#endif
