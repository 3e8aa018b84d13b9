/* SPDX-License-Identifier: MIT */
#include "cli/cmd_token.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/token_io.h"

static const char help[] = "yodel token sign    makes a token, for trying and for scripts\n"
                           "yodel token check   checks one, and says which check fails\n"
                           "yodel token key     makes a secret, or a pair of keys\n"
                           "\n"
                           "yodel token COMMAND --help says more.\n";

int yg_cmd_token(int argc, char **argv)
{
    static const struct {
        const char *word;
        int (*run)(int argc, char **argv);
    } commands[] = {
        {"sign", yg_token_sign_main}, {"check", yg_token_check_main}, {"key", yg_token_key_main}};

    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof commands[0]; i++)
        if (strcmp(argv[1], commands[i].word) == 0)
            return commands[i].run(argc - 1, argv + 1);
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
                     strcmp(argv[1], "help") == 0)) {
        fputs(help, stdout);
        return YG_TOKEN_EXIT_OK;
    }
    if (argc > 1)
        fprintf(stderr, "yodel token: there is no command \"%s\"\n", argv[1]);
    fputs(help, stderr);
    return YG_TOKEN_EXIT_USAGE;
}

const struct yg_command yg_command_token = {
    .name = "token",
    .run = yg_cmd_token,
    .usage = "sign | check | key",
    .doc = "Makes tokens and keys, and says why a token is refused.",
};
