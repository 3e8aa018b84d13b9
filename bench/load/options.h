/* SPDX-License-Identifier: MIT */
#ifndef LOAD_OPTIONS_H
#define LOAD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum load_mode { LOAD_ECHO, LOAD_BROADCAST, LOAD_IDLE, LOAD_CONNECT, LOAD_POLLING, LOAD_EVENTS };

struct load_options {
    const char *name; /* of the mode, as given */
    enum load_mode mode;
    bool socket_io;   /* on every connection; Engine.IO's handshake and pings included */
    uint32_t address; /* IPv4, host byte order */
    uint16_t port;
    const char *path;
    bool tls;
    pid_t pid; /* of the server; 0: do not measure it */

    unsigned connections;
    unsigned in_flight; /* echo: on each connection; broadcast: altogether */
    unsigned senders;   /* broadcast: the first so many connections send */
    unsigned opening;   /* handshakes under way at once */

    const char *send, *expect; /* templates, see struct message_options */
    size_t size;
    bool binary;

    double warmup_s, seconds;
    uint64_t count;   /* end earlier, after so many operations; 0: never */
    double timeout_s; /* without any progress: give up */
};

/* Returns 0, or -1 after having said on stderr what is wrong. */
int load_options_parse(struct load_options *options, int argc, char **argv);

#endif
