/* SPDX-License-Identifier: MIT */
#ifndef YD_SIO_ENTRY_H
#define YD_SIO_ENTRY_H

#include "sio/client.h"

/* A client asks for a namespace: which one that is, and whether it may, perhaps later. */

/* What has become of it. */
struct yd_sio_entered {
    int rc;                  /* 0, YODEL_ERR_NOT_FOUND, YODEL_ERR_TOO_BIG (max_children), -ENOMEM */
    yodel_sio_namespace *ns; /* a reference, as of yd_sio_ns_enter(), if rc is 0 */
    yodel_str message, data; /* of who refused it, with YODEL_ERR_NOT_FOUND; empty: nobody */
    struct yd_sio_early **early; /* what came meanwhile, to be taken; NULL: nothing */
};
typedef void(yd_sio_entered_fn)(struct yd_sio_client *client, yodel_str nsp, yodel_str auth,
                                const struct yd_sio_entered *entered);

/* Calls entered once: in the call, or later unless the client goes first. */
void yd_sio_enter(struct yd_sio_client *client, yodel_str nsp, yodel_str auth,
                  yd_sio_entered_fn *entered);

/* The client's entry for a namespace that is not decided yet; NULL when there is none. */
yodel_sio_entry *yd_sio_find_entry(const struct yd_sio_client *client, yodel_str nsp);
/* What came for it meanwhile. */
struct yd_sio_early **yd_sio_entry_early(yodel_sio_entry *entry);
/* Bytes that wait with all entries of a client. */
size_t yd_sio_entries_bytes(const struct yd_sio_client *client);
/* The client does not want it any more. */
void yd_sio_entry_end(yodel_sio_entry *entry);
/* Nor any of them. */
void yd_sio_entries_end(struct yd_sio_client *client);

#endif
