/* SPDX-License-Identifier: MIT */
#ifndef LOAD_OPTIONS_H
#define LOAD_OPTIONS_H

#include "message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum load_mode {
    LOAD_ECHO,
    LOAD_BROADCAST,
    LOAD_IDLE,
    LOAD_CONNECT,
    LOAD_POLLING,
    LOAD_EVENTS,
    LOAD_HOLD,
    LOAD_HOLD_QUIET /* its connections send nothing when they have opened */
};

struct load_options {
    const char *name; /* of the mode, as given */
    enum load_mode mode;
    bool socket_io;   /* on every connection; Engine.IO's handshake and pings included */
    uint32_t address; /* IPv4, host byte order */
    uint16_t port;
    uint16_t via; /* of another node, for all of sio-polling but handshakes; 0: none */
    const char *path;
    bool tls;
    pid_t pid;          /* of the server; 0: do not measure it */
    uint16_t pair_port; /* of another node, which gets every second connection; 0: none */
    pid_t pair_pid;     /* whose CPU time counts, too; 0: not */

    unsigned connections;
    unsigned in_flight; /* echo: on each connection; broadcast: altogether */
    unsigned senders;   /* broadcast: the first so many connections send */
    unsigned opening;   /* handshakes under way at once */

    const char *send, *expect; /* templates, see struct message_options */
    size_t size;
    bool binary, json;
    enum deflate_mode deflate;
    unsigned window; /* bits that the server is asked to keep to; 0: not asked */

    unsigned groups; /* "{}" in path is the connection's index modulo this; 0: no such thing */
    double rate;     /* messages a second altogether, whatever is answered; 0: closed loop */

    double warmup_s, seconds;
    uint64_t count;   /* end earlier, after so many operations; 0: never */
    double timeout_s; /* without any progress: give up */
};

/* Returns 0, or -1 after having said on stderr what is wrong. */
int load_options_parse(struct load_options *options, int argc, char **argv);

#endif
