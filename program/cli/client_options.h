/* SPDX-License-Identifier: MIT */
#ifndef YG_CLI_CLIENT_OPTIONS_H
#define YG_CLI_CLIENT_OPTIONS_H

#include <getopt.h>

#include "client/dial.h"

/* Options that all commands which connect as clients have. */

#define YG_CLIENT_MAX_HEADERS 32

struct yg_client_options {
    const char *command; /* who speaks */
    struct yg_dial_options dial;
    const char *ns;
    const char *auth; /* JSON; NULL: none */
    const char *headers[YG_CLIENT_MAX_HEADERS];
    size_t num_headers;
    const char *token_file;
    struct yg_text token, bearer, auth_text; /* secrets */
};

enum {
    YG_CLIENT_OPT_PROTOCOL = 512,
    YG_CLIENT_OPT_AUTH,
    YG_CLIENT_OPT_TOKEN,
    YG_CLIENT_OPT_HEADER,
    YG_CLIENT_OPT_CA,
    YG_CLIENT_OPT_INSECURE,
    YG_CLIENT_OPT_TIMEOUT
};

/* Of an array for getopt_long(), with "n:" in its short ones. */
/* clang-format off */
#define YG_CLIENT_LONG_OPTIONS                                    \
    {"namespace", required_argument, NULL, 'n'},                  \
    {"protocol", required_argument, NULL, YG_CLIENT_OPT_PROTOCOL}, \
    {"auth", required_argument, NULL, YG_CLIENT_OPT_AUTH},        \
    {"token-file", required_argument, NULL, YG_CLIENT_OPT_TOKEN}, \
    {"header", required_argument, NULL, YG_CLIENT_OPT_HEADER},    \
    {"ca", required_argument, NULL, YG_CLIENT_OPT_CA},            \
    {"insecure", no_argument, NULL, YG_CLIENT_OPT_INSECURE},      \
    {"timeout", required_argument, NULL, YG_CLIENT_OPT_TIMEOUT}
/* clang-format on */

/* How they are explained. */
#define YG_CLIENT_HELP                                                                             \
    "  -n NAMESPACE         of Socket.IO\n"                                                        \
    "  --auth JSON          the auth of its connect packet\n"                                      \
    "  --token-file FILE    a token: as auth.token, and as Authorization: Bearer\n"                \
    "  --header 'N: V'      one more header of the request\n"                                      \
    "  --ca FILE            authorities of certificates; --insecure: do not look at them\n"

/* Defaults. */
void yg_client_options_init(struct yg_client_options *options, const char *command,
                            size_t max_message);

/* Takes one.  Returns 0, or a status; also for an option that is none of these.  What is wrong was
 * said. */
int yg_client_options_take(struct yg_client_options *options, int option, const char *text);

/*
 * Completes them: the URL, which is the only word that is left, and the token.
 *
 * argc, argv   as getopt_long() has left them
 *
 * Returns 0 or a status.
 */
int yg_client_options_finish(struct yg_client_options *options, int argc, char **argv);

/* yg_dial_prepare(), of which what went wrong is said.  Returns 0 or a status. */
int yg_client_options_dial(const struct yg_client_options *options, struct yg_dial *ret_dial);

/* A document of an option.  Returns 0 or a status. */
int yg_client_check_json(const char *command, const char *name, const char *text, bool wants_list);

/* Frees them, after the dial. */
void yg_client_options_done(struct yg_client_options *options);

#endif
