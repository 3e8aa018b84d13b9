/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <arpa/inet.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: load MODE --port N [OPTION]...\n"
    "modes:\n"
    "  echo        every connection keeps --in-flight messages under way\n"
    "  broadcast   --in-flight messages altogether; each must reach every connection\n"
    "  idle        opens the connections, lets them rest and reads the server's memory\n"
    "  connect     connects, shakes hands and closes again, --connections at a time\n"
    "  sse-broadcast  a WebSocket on /publish sends; each message must reach every EventSource\n"
    "  sio-echo, sio-broadcast, sio-idle, sio-connect\n"
    "              the same with Socket.IO on each connection, in its namespace \"/\"\n"
    "  hold, hold-broadcast, sio-hold, sio-hold-broadcast\n"
    "              hold connections and do what lines on stdin say, see mode_hold.c\n"
    "  sio-polling Socket.IO over long polling: a GET always waits, POSTs bring the messages\n"
    "options:\n"
    "  --host A.B.C.D      127.0.0.1       --path PATH         /echo, /socket.io/?EIO=4&...\n"
    "  --via PORT          sio-polling: another node, for all but handshakes\n"
    "  --pid N             the server, whose CPU time and memory are read\n"
    "  --pair-port N       of a second node, which gets every second connection\n"
    "  --pair-pid N        whose CPU time counts, too\n"
    "  --tls               wss; the certificate is not checked\n"
    "  --connections N     100             --opening N         64 handshakes at once\n"
    "  --in-flight N       1               --senders N         1\n"
    "  --groups N          connection I asks for --path with I modulo N in place of {}; "
    "broadcast:\n"
    "                      each group for itself, its first member sends\n"
    "  --rate N            echo, broadcast: so many messages a second altogether, answered or "
    "not;\n"
    "                      latency is from when a message was due\n"
    "  --size BYTES        20              --binary\n"
    "  --send TEXT         {}              --expect TEXT       {}  ({}: SIZE letters)\n"
    "    sio-:             42[\"message\",\"{}\"] for both\n"
    "  --json              messages are JSON texts of SIZE bytes, each another one\n"
    "  --deflate shared|context  permessage-deflate; every reply must be deflated\n"
    "  --window BITS       of the server's deflate at most, 9..15 (15)\n"
    "  --warmup SECONDS    1               --seconds SECONDS   3\n"
    "  --count N           end after N operations, if that is earlier\n"
    "  --timeout SECONDS   20 without any progress is a failure\n";

enum option_key {
    KEY_HOST = 256,
    KEY_PORT,
    KEY_VIA,
    KEY_PATH,
    KEY_TLS,
    KEY_PID,
    KEY_PAIR_PORT,
    KEY_PAIR_PID,
    KEY_CONNECTIONS,
    KEY_OPENING,
    KEY_IN_FLIGHT,
    KEY_SENDERS,
    KEY_GROUPS,
    KEY_RATE,
    KEY_SIZE,
    KEY_BINARY,
    KEY_JSON,
    KEY_DEFLATE,
    KEY_WINDOW,
    KEY_SEND,
    KEY_EXPECT,
    KEY_WARMUP,
    KEY_SECONDS,
    KEY_COUNT,
    KEY_TIMEOUT
};

static const struct option long_options[] = {
    {"host", required_argument, NULL, KEY_HOST},
    {"port", required_argument, NULL, KEY_PORT},
    {"via", required_argument, NULL, KEY_VIA},
    {"path", required_argument, NULL, KEY_PATH},
    {"tls", no_argument, NULL, KEY_TLS},
    {"pid", required_argument, NULL, KEY_PID},
    {"pair-port", required_argument, NULL, KEY_PAIR_PORT},
    {"pair-pid", required_argument, NULL, KEY_PAIR_PID},
    {"connections", required_argument, NULL, KEY_CONNECTIONS},
    {"opening", required_argument, NULL, KEY_OPENING},
    {"in-flight", required_argument, NULL, KEY_IN_FLIGHT},
    {"senders", required_argument, NULL, KEY_SENDERS},
    {"groups", required_argument, NULL, KEY_GROUPS},
    {"rate", required_argument, NULL, KEY_RATE},
    {"size", required_argument, NULL, KEY_SIZE},
    {"binary", no_argument, NULL, KEY_BINARY},
    {"json", no_argument, NULL, KEY_JSON},
    {"deflate", required_argument, NULL, KEY_DEFLATE},
    {"window", required_argument, NULL, KEY_WINDOW},
    {"send", required_argument, NULL, KEY_SEND},
    {"expect", required_argument, NULL, KEY_EXPECT},
    {"warmup", required_argument, NULL, KEY_WARMUP},
    {"seconds", required_argument, NULL, KEY_SECONDS},
    {"count", required_argument, NULL, KEY_COUNT},
    {"timeout", required_argument, NULL, KEY_TIMEOUT},
    {NULL, 0, NULL, 0},
};

#define SIO_PATH "/socket.io/?EIO=4&transport="
#define SIO_MESSAGE "42[\"message\",\"{}\"]"

/* What the mode decides before the options do. */
static const struct mode {
    const char *name, *path, *message;
    enum load_mode mode;
    bool socket_io;
} modes[] = {
    {"echo", "/echo", "{}", LOAD_ECHO, false},
    {"broadcast", "/echo", "{}", LOAD_BROADCAST, false},
    {"idle", "/echo", "{}", LOAD_IDLE, false},
    {"connect", "/echo", "{}", LOAD_CONNECT, false},
    {"sse-broadcast", "/events", "{}", LOAD_EVENTS, false},
    {"hold", "/echo", "{}", LOAD_HOLD, false},
    {"hold-broadcast", "/broadcast", "{}", LOAD_HOLD_QUIET, false},
    {"sio-hold", SIO_PATH "websocket", SIO_MESSAGE, LOAD_HOLD, true},
    {"sio-hold-broadcast", SIO_PATH "websocket", SIO_MESSAGE, LOAD_HOLD_QUIET, true},
    {"sio-echo", SIO_PATH "websocket", SIO_MESSAGE, LOAD_ECHO, true},
    {"sio-broadcast", SIO_PATH "websocket", SIO_MESSAGE, LOAD_BROADCAST, true},
    {"sio-idle", SIO_PATH "websocket", SIO_MESSAGE, LOAD_IDLE, true},
    {"sio-connect", SIO_PATH "websocket", SIO_MESSAGE, LOAD_CONNECT, true},
    {"sio-polling", SIO_PATH "polling", SIO_MESSAGE, LOAD_POLLING, true},
};

static const struct mode *find_mode(const char *name)
{
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++)
        if (strcmp(name, modes[i].name) == 0)
            return &modes[i];
    return NULL;
}

static bool parse_count(const char *text, uint64_t least, uint64_t most, uint64_t *ret_value)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);

    if (end == text || *end != '\0' || value < least || value > most)
        return false;
    *ret_value = value;
    return true;
}

static bool parse_range(const char *text, unsigned least, unsigned most, unsigned *ret_value)
{
    uint64_t value;

    if (!parse_count(text, least, most, &value))
        return false;
    *ret_value = (unsigned)value;
    return true;
}

static bool parse_unsigned(const char *text, unsigned least, unsigned *ret_value)
{
    return parse_range(text, least, 10000000, ret_value);
}

static bool parse_number(const char *text, double most, double *ret_value)
{
    char *end;
    double value = strtod(text, &end);

    if (end == text || *end != '\0' || !(value >= 0 && value <= most))
        return false;
    *ret_value = value;
    return true;
}

static bool parse_seconds(const char *text, double *ret_value)
{
    return parse_number(text, 3600, ret_value);
}

static bool parse_host(const char *text, uint32_t *ret_address)
{
    struct in_addr address;

    if (inet_pton(AF_INET, text, &address) != 1)
        return false;
    *ret_address = ntohl(address.s_addr);
    return true;
}

static bool parse_port(const char *text, uint16_t *ret_port)
{
    uint64_t value = 0;
    bool ok = parse_count(text, 1, 65535, &value);

    *ret_port = (uint16_t)value;
    return ok;
}

static bool parse_pid(const char *text, pid_t *ret_pid)
{
    uint64_t value = 0;
    bool ok = parse_count(text, 1, 1u << 30, &value);

    *ret_pid = (pid_t)value;
    return ok;
}

static bool parse_target(struct load_options *options, int key, const char *text)
{
    switch (key) {
    case KEY_HOST:
        return parse_host(text, &options->address);
    case KEY_VIA:
        return parse_port(text, &options->via);
    case KEY_PORT:
        return parse_port(text, &options->port);
    case KEY_PID:
        return parse_pid(text, &options->pid);
    case KEY_PAIR_PORT:
        return parse_port(text, &options->pair_port);
    case KEY_PAIR_PID:
        return parse_pid(text, &options->pair_pid);
    case KEY_TLS:
        options->tls = true;
        return true;
    case KEY_PATH:
        options->path = text;
        return text[0] == '/';
    default:
        return false;
    }
}

static bool parse_deflate(const char *text, enum deflate_mode *ret_mode)
{
    *ret_mode = strcmp(text, "context") == 0 ? DEFLATE_CONTEXT : DEFLATE_SHARED;
    return strcmp(text, "context") == 0 || strcmp(text, "shared") == 0;
}

static bool parse_message(struct load_options *options, int key, const char *text)
{
    uint64_t value = 0;
    bool ok;

    switch (key) {
    case KEY_SIZE:
        ok = parse_count(text, 0, 1u << 24, &value);
        options->size = (size_t)value;
        return ok;
    case KEY_BINARY:
        options->binary = true;
        return true;
    case KEY_JSON:
        options->json = true;
        return true;
    case KEY_DEFLATE:
        return parse_deflate(text, &options->deflate);
    case KEY_WINDOW:
        return parse_range(text, 9, 15, &options->window);
    case KEY_SEND:
        options->send = text;
        return true;
    case KEY_EXPECT:
        options->expect = text;
        return true;
    default:
        return parse_target(options, key, text);
    }
}

static bool parse_option(struct load_options *options, int key, const char *text)
{
    switch (key) {
    case KEY_CONNECTIONS:
        return parse_unsigned(text, 1, &options->connections);
    case KEY_OPENING:
        return parse_unsigned(text, 1, &options->opening);
    case KEY_IN_FLIGHT:
        return parse_unsigned(text, 1, &options->in_flight);
    case KEY_SENDERS:
        return parse_unsigned(text, 1, &options->senders);
    case KEY_GROUPS:
        return parse_unsigned(text, 1, &options->groups);
    case KEY_RATE:
        return parse_number(text, 1e9, &options->rate);
    case KEY_WARMUP:
        return parse_seconds(text, &options->warmup_s);
    case KEY_SECONDS:
        return parse_seconds(text, &options->seconds);
    case KEY_COUNT:
        return parse_count(text, 0, UINT64_MAX, &options->count);
    case KEY_TIMEOUT:
        return parse_seconds(text, &options->timeout_s);
    default:
        return parse_message(options, key, text);
    }
}

static int check(const struct load_options *options)
{
    if (options->port == 0)
        fputs("load: --port is missing\n", stderr);
    else if (options->groups > options->connections)
        fputs("load: more --groups than --connections\n", stderr);
    else if (options->groups > 1 && options->senders != 1)
        fputs("load: the groups have one sender each\n", stderr);
    else if (options->rate > 0 && options->mode != LOAD_ECHO && options->mode != LOAD_BROADCAST)
        fputs("load: --rate is for echo and broadcast\n", stderr);
    else if (options->rate > 0 && options->senders != 1)
        fputs("load: --rate has one sender\n", stderr);
    else if (options->senders > options->connections)
        fputs("load: more --senders than --connections\n", stderr);
    else if (options->mode == LOAD_POLLING && options->in_flight != 1)
        fputs("load: sio-polling has one message in flight\n", stderr);
    else if (options->mode == LOAD_EVENTS && (options->in_flight != 1 || options->tls))
        fputs("load: sse-broadcast has one message in flight and no TLS\n", stderr);
    else if (options->mode == LOAD_POLLING && options->tls)
        fputs("load: sio-polling knows no TLS\n", stderr);
    else if (options->mode == LOAD_IDLE && options->pid == 0)
        fputs("load: idle needs --pid\n", stderr);
    else if ((options->json || options->deflate != DEFLATE_OFF) && options->socket_io)
        fputs("load: --json and --deflate are for WebSockets without Socket.IO\n", stderr);
    else if (options->json && (options->senders != 1 || options->size < MESSAGE_JSON_MIN))
        fputs("load: --json has one sender and no messages shorter than 32 bytes\n", stderr);
    else
        return 0;
    return -1;
}

int load_options_parse(struct load_options *options, int argc, char **argv)
{
    const struct mode *mode = argc < 2 ? NULL : find_mode(argv[1]);
    int key, index = 0;

    if (mode == NULL) {
        fputs(usage, stderr);
        return -1;
    }
    *options = (struct load_options){
        .name = mode->name,
        .mode = mode->mode,
        .socket_io = mode->socket_io,
        .address = INADDR_LOOPBACK,
        .path = mode->path,
        .connections = 100,
        .in_flight = 1,
        .senders = 1,
        .opening = 64,
        .send = mode->message,
        .expect = mode->message,
        .size = 20,
        .warmup_s = 1,
        .seconds = 3,
        .timeout_s = 20,
    };
    while ((key = getopt_long(argc - 1, argv + 1, "", long_options, &index)) != -1) {
        if (key == '?')
            return -1;
        if (!parse_option(options, key, optarg)) {
            fprintf(stderr, "load: bad value for --%s\n", long_options[index].name);
            return -1;
        }
    }
    return check(options);
}
