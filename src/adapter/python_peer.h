/* SPDX-License-Identifier: MIT */
#ifndef YD_ADAPTER_PYTHON_PEER_H
#define YD_ADAPTER_PYTHON_PEER_H

#include <stdatomic.h>

#include "adapter/python_write.h"
#include "sio/remote.h"

/*
 * The far peer that speaks with managers of python-socketio, whatever carries the messages.
 *
 * Their protocol has emits, rooms of one socket, and callbacks of one; no counting, no fetching,
 * and no rooms that are left out.  Processes of Yodel hear each other's messages, too, and take
 * them where no other peer carries the service's operations.
 */

struct yd_python_peer;

/* Publishes a message, in order; copies it.  Any thread, with locks held.  Returns 0, or why it
 * could not. */
typedef int(yd_python_publish_fn)(struct yd_python_peer *peer, yodel_bytes message);

/* Read by any thread. */
struct yd_python_counters {
    atomic_uint_least64_t published, /* messages */
        failed,                      /* of what was to be published */
        unable,                      /* operations that the protocol or the form cannot say */
        received,                    /* messages */
        malformed,                   /* of them: dropped, for what they are or for their size */
        lost,                        /* out of memory, or loops are congested */
        refused,                     /* pickles with more than plain data, unknown methods */
        callbacks_refused;           /* more than max_callbacks */
};

struct yd_python_options {
    enum yd_python_form form;
    size_t max_message;
    uint32_t callback_ms;
    unsigned max_callbacks; /* that clients here owe to other processes */
};

struct yd_python_peer {
    struct yd_peer peer;
    yodel_sio *sio; /* borrowed */
    struct yd_python_options options;
    yd_python_publish_fn *publish;
    atomic_uint num_callbacks;
    struct yd_python_counters counters;
};

/* Adds it to the bus of sio.  Before the loops run.  Returns 0 or YODEL_ERR_TOO_BIG. */
int yd_python_peer_init(struct yd_python_peer *peer, yodel_sio *sio,
                        const struct yd_python_options *options, yd_python_publish_fn *publish);

/* A message has come.  One thread at a time, no lock held.  Returns 0, or a negative result: it was
 * dropped, and counted. */
int yd_python_peer_receive(struct yd_python_peer *peer, yodel_bytes message);

#endif
