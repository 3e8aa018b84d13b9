/* SPDX-License-Identifier: MIT */
#ifndef YG_CLI_CLI_H
#define YG_CLI_CLI_H

#include "cli/output.h"
#include "config/load.h"

/* The command line: one file a command.  Results go to standard output, words to standard error. */

struct yg_command {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is the name; returns how the program ends */
    const char *usage;                 /* behind "yodel NAME" */
    const char *doc;                   /* one line */
};

struct yg_command_list {
    const struct yg_command *items;
    size_t num;
};

/* Those that ask a yodel that runs, over its HTTP API. */
extern const struct yg_command_list yg_commands_of_api;

extern const struct yg_command yg_command_config;
extern const struct yg_command yg_command_connect;
extern const struct yg_command yg_command_hash_password;
extern const struct yg_command yg_command_load;
extern const struct yg_command yg_command_serve;
extern const struct yg_command yg_command_token;
extern const struct yg_command yg_command_version;
extern const struct yg_command yg_command_webhook;

/*
 * At the start: where the standard input, output or error is closed, something takes its place that
 * cannot be read, or written, so that no file that is opened later does.
 */
void yg_cli_begin(void);

/*
 * At the end of a command: says when something it has printed could not be written.  Returns the
 * status to end with: that of the command, or YG_EXIT_FAILED in place of YG_EXIT_OK.
 */
int yg_cli_end(int status);

/* What most commands take. */
struct yg_cli_options {
    const char *config; /* a file; NULL: none */
    const char *sets[64];
    size_t num_sets;
    bool lax;
    bool json; /* -o json */
    bool help;
};

/*
 * Takes the options that are common: -c FILE, --set KEY=VALUE, --lax, -o text|json, -h.  Others are
 * offered to the command.
 *
 * own    of one more option, which has no value; called with each option that is not common.
 *        Returns whether it is one.  NULL: there are none
 * ret_at   the first word that is no option
 *
 * Returns 0, or YG_EXIT_USAGE when something was wrong, which it has said.
 */
int yg_cli_options(const struct yg_command *command, int argc, char **argv,
                   bool (*own)(const char *option, void *user), void *user,
                   struct yg_cli_options *options, int *ret_at);

/* Says how a command is used.  Returns YG_EXIT_USAGE; YG_EXIT_OK when it was asked for. */
int yg_cli_usage(const struct yg_command *command, bool asked);

/*
 * Reads the configuration: of -c, of $YODEL_CONFIG, of /etc/yodel/yodel.yaml when it is there, or
 * none.  What was found wrong is said.
 *
 * ret_load     what was read, for the next time; borrows options
 * ret_config   one reference
 *
 * Returns 0, YG_EXIT_CONFIG or YG_EXIT_FAILED (out of memory).
 */
int yg_cli_load(const struct yg_cli_options *options, struct yg_load *ret_load,
                const struct yg_config **ret_config);

#endif
