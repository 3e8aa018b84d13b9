/* SPDX-License-Identifier: MIT */
#ifndef YG_HOOK_MEMBERS_H
#define YG_HOOK_MEMBERS_H

#include "base/json.h"

/* Members of an event's JSON object, each with a comma in front; failures stick to the text. */

/* ptr NULL: null. */
void yg_member_put(struct yg_text *text, const char *name, yodel_str value);
/* value NULL: null. */
void yg_member_put_json(struct yg_text *text, const char *name, const json_t *value);

/* Writes ,"address":"192.0.2.1","port":4711 of a client.  NULL: they are not known; nor is the port
 * where there is none. */
void yg_member_put_peer(struct yg_text *text, const char *peer);

/* The rooms that a socket was in, ahead of which the text has all else.  array NULL, or without
 * memory: none, and "rooms_lost" says so. */
void yg_member_put_rooms(struct yg_text *text, const char *array);

/* What a client has sent, valid JSON: half a pair of surrogates (\uD800), which many parsers take
 * no JSON with, becomes U+FFFD. */
void yg_member_put_sent(struct yg_text *text, const char *name, yodel_str json);

/* The fields of a query as an object of strings, decoded; the first of a name counts. */
void yg_query_put(struct yg_text *text, yodel_str query);

#endif
