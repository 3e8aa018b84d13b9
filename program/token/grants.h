/* SPDX-License-Identifier: MIT */
#ifndef YG_TOKEN_GRANTS_H
#define YG_TOKEN_GRANTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "token/pattern.h"
#include "token/refusal.h"

/*
 * What a token lets its bearer do: the claim "yodel",
 *
 *     {"namespaces": ["/", "/chat-*"],           where it may connect; absent: everywhere
 *      "join": ["lobby"],                        rooms it is in from the start: names, no patterns
 *      "can": {"join": ["chat:*", "u:{user}"],   rooms that it may join by itself
 *              "emit": ["typing"]},              events of its that are passed on to others
 *      "info": ...,                              shown to others in presence
 *      "meta": ...,                              for the back end only
 *      "expires_at": 1700000000}                 when the connection ends, in place of exp; 0:
 * never
 *
 * all of it optional.  Without the claim nothing is granted.  An unknown member is an error: it is
 * a right that somebody meant to give, or to take.
 */

#define YG_GRANTS_MAX_NAMESPACES 32
#define YG_GRANTS_MAX_ROOMS 256
#define YG_GRANTS_MAX_PATTERNS 64
#define YG_GRANTS_MAX_INFO 4096 /* bytes of JSON */
#define YG_GRANTS_MAX_META 8192

/* The latest time that a token may name: the end of the year 9999. */
#define YG_TIME_MAX_MS (INT64_C(253402300799) * 1000)

struct yg_pattern_list {
    struct yg_pattern *items;
    size_t num;
};

struct yg_grants {
    json_t *claim; /* a reference; NULL: there was none */
    bool any_namespace;
    struct yg_pattern_list namespaces, can_join, can_emit;
    const char **rooms; /* to join at the start; views of the claim */
    size_t num_rooms;
    json_t *info, *meta; /* of the claim; NULL: none */
    bool has_expires;    /* expires_ms is in place of exp */
    int64_t expires_ms;  /* since 1970; 0: never */
};

/* claim NULL: there is none.  user NULL: nobody.  Takes a reference on claim, which
 * must not change then.  0; -EACCES with the refusal, which may be NULL, filled; -ENOMEM. */
int yg_grants_parse(json_t *claim, const char *user, struct yg_refusal *refusal,
                    struct yg_grants *ret);
void yg_grants_free(struct yg_grants *grants);

bool yg_grants_namespace(const struct yg_grants *grants, const char *name, size_t len);

/*
 * May the client join that room by itself?  Every socket is in the room of its own id, where its
 * private messages go.  So a name with the form of an id is matched only by a pattern that is that
 * name, letter for letter, and where is_socket says that a socket has this id, by none.
 */
bool yg_grants_join(const struct yg_grants *grants, const char *room, size_t len, bool is_socket);

bool yg_grants_emit(const struct yg_grants *grants, const char *event, size_t len);

/* True for 20 characters of base64url. */
bool yg_is_socket_id(const char *name, size_t len);

/* A time of a token: seconds since 1970, whole or not.  0; -EINVAL: no number; -ERANGE. */
int yg_time_of_json(const json_t *value, int64_t *ret_ms);

#endif
