/* SPDX-License-Identifier: MIT */
#ifndef YG_CLI_CLIENT_OPTIONS_H
#define YG_CLI_CLIENT_OPTIONS_H

#include <getopt.h>

#include "client/dial.h"

/* What commands that connect as clients have in common: options, and how they begin. */

#define YG_CLIENT_MAX_HEADERS 32
#define YG_CLIENT_MAX_MESSAGE ((size_t)16 << 20) /* bytes */

struct yg_client_options {
    const char *command; /* who speaks */
    struct yg_dial_options dial;
    const char *ns;
    const char *auth; /* JSON; NULL: none */
    const char *headers[YG_CLIENT_MAX_HEADERS];
    size_t num_headers;
    const char *token_file;
    enum yg_client_output { YG_CLIENT_UNSAID, YG_CLIENT_TEXT, YG_CLIENT_JSON } output; /* -o */
    struct yg_text token, bearer, auth_text;                                           /* secrets */
};

enum {
    YG_CLIENT_OPT_PROTOCOL = 512,
    YG_CLIENT_OPT_TRANSPORT,
    YG_CLIENT_OPT_DEFLATE,
    YG_CLIENT_OPT_AUTH,
    YG_CLIENT_OPT_TOKEN,
    YG_CLIENT_OPT_HEADER,
    YG_CLIENT_OPT_CA,
    YG_CLIENT_OPT_INSECURE,
    YG_CLIENT_OPT_TIMEOUT,
    YG_CLIENT_OPT_HELP
};

/* The end of an array for getopt_long(). */
/* clang-format off */
#define YG_CLIENT_LONG_OPTIONS                                    \
    {"namespace", required_argument, NULL, 'n'},                  \
    {"protocol", required_argument, NULL, YG_CLIENT_OPT_PROTOCOL}, \
    {"transport", required_argument, NULL, YG_CLIENT_OPT_TRANSPORT}, \
    {"deflate", no_argument, NULL, YG_CLIENT_OPT_DEFLATE}, \
    {"auth", required_argument, NULL, YG_CLIENT_OPT_AUTH},        \
    {"token-file", required_argument, NULL, YG_CLIENT_OPT_TOKEN}, \
    {"header", required_argument, NULL, YG_CLIENT_OPT_HEADER},    \
    {"ca", required_argument, NULL, YG_CLIENT_OPT_CA},            \
    {"insecure", no_argument, NULL, YG_CLIENT_OPT_INSECURE},      \
    {"timeout", required_argument, NULL, YG_CLIENT_OPT_TIMEOUT},  \
    {"output", required_argument, NULL, 'o'},                     \
    {"help", no_argument, NULL, YG_CLIENT_OPT_HELP},              \
    {NULL, 0, NULL, 0}
/* clang-format on */

/* How they are explained. */
#define YG_CLIENT_HELP                                                                             \
    "  --transport T        of Socket.IO: websocket, if not given; polling; upgrade: polling "     \
    "until a\n"                                                                                    \
    "                       WebSocket is open, as browsers do\n"                                   \
    "  --deflate            offers permessage-deflate on WebSockets\n"                             \
    "  -n NAMESPACE         of Socket.IO\n"                                                        \
    "  --auth JSON          the auth of its connect packet\n"                                      \
    "  --token-file FILE    a token: as auth.token, and as Authorization: Bearer\n"                \
    "  --header 'N: V'      one more header of the request\n"                                      \
    "  --ca FILE            authorities of certificates; --insecure: do not look at them\n"

/* A command.  Its functions return a status to end with, and have said what was wrong. */
struct yg_client_command {
    const char *name; /* who speaks */
    const char *help;
    const struct option *options; /* its own, and YG_CLIENT_LONG_OPTIONS */
    /* Takes one of its own.  Returns also 0: go on; -1: it is none of those. */
    int (*take)(int option, const char *text, void *user);
    /* Does it, once the options are whole. */
    int (*run)(const struct yg_client_options *options, struct yg_dial *dial, void *user);
};

/* Reads the options and finds the server, and then runs it.  Returns the status to end with. */
int yg_client_command_run(const struct yg_client_command *command, int argc, char **argv,
                          void *user);

/* A document of an option.  Returns 0 or a status. */
int yg_client_check_json(const char *command, const char *name, const char *text, bool wants_list);

#endif
