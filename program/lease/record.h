/* SPDX-License-Identifier: MIT */
#ifndef YG_LEASE_RECORD_H
#define YG_LEASE_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"

/*
 * What others must know of a socket to say that it has gone, if its node cannot.  As a text:
 *
 *     SEQ {"webhook": "main", "namespace": "/", "since": MS, "lane": N, "connecting": true,
 *          "socket": {...}}
 *
 * Without a lane, when there is none; connecting, as long as its `connected` is to be stored.
 */
#define YG_RECORD_ID 48 /* bytes of an id, with its end */

struct yg_lease_record {
    const char *id; /* of the event that will say so */
    const char *webhook;
    const char *ns;
    int64_t since_ms; /* 1970 */
    uint32_t seq;     /* no event of the socket has had a higher number */
    bool has_lane;    /* its notices are not where its id says, but in */
    unsigned lane;    /* this one of YG_NOTICE_LANES */
    bool is_connecting;
    yodel_str socket;  /* its JSON object */
    json_t *document;  /* of one that was read; NULL: none */
    struct yg_text of; /* the same: where socket is */
};

/* The id of its `connected`. */
void yg_record_connected_id(const char *id, char ret_id[YG_RECORD_ID]);

/* Writes all but id and seq, so that others may be put in front; a failure sticks to the text. */
void yg_record_put(const struct yg_lease_record *record, struct yg_text *text);

/*
 * Reads a text.
 *
 * id           borrowed
 * ret_record   for yg_record_done()
 *
 * Returns 0, -ENOMEM, -EINVAL.
 */
int yg_record_read(const char *id, yodel_str text, struct yg_lease_record *ret_record);
void yg_record_done(struct yg_lease_record *record);

#endif
