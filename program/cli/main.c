/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "cli/cli.h"

static const struct yg_command *const commands[] = {
    &yg_command_serve,   &yg_command_config, &yg_command_token,   &yg_command_hash_password,
    &yg_command_connect, &yg_command_load,   &yg_command_webhook, &yg_command_version};
#define NUM_OWN (sizeof(commands) / sizeof(commands[0]))

/* NULL past the last one. */
static const struct yg_command *command_at(size_t n)
{
    if (n < NUM_OWN)
        return commands[n];
    n -= NUM_OWN;
    return n < yg_commands_of_api.num ? &yg_commands_of_api.items[n] : NULL;
}

static int usage(FILE *to, int status)
{
    fputs("usage: yodel COMMAND ...\n\n", to);
    for (size_t i = 0; command_at(i) != NULL; i++)
        fprintf(to, "  %-14s %s\n", command_at(i)->name, command_at(i)->doc);
    fputs("\n`yodel COMMAND --help` tells more.\n", to);
    return status;
}

int main(int argc, char **argv)
{
    struct yg_nearest nearest;

    yg_cli_begin();
    if (argc < 2)
        return usage(stderr, YG_EXIT_USAGE);
    if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "help") == 0)
        return yg_cli_end(usage(stdout, YG_EXIT_OK));
    if (strcmp(argv[1], "--version") == 0)
        argv[1] += 2;
    yg_nearest_init(&nearest, argv[1]);
    for (size_t i = 0; command_at(i) != NULL; i++) {
        if (strcmp(command_at(i)->name, argv[1]) == 0)
            return yg_cli_end(command_at(i)->run(argc - 1, argv + 1));
        yg_nearest_show(&nearest, command_at(i)->name);
    }
    fprintf(stderr, "yodel: there is no command \"%s\"", argv[1]);
    if (nearest.best != NULL)
        fprintf(stderr, " (did you mean \"%s\"?)", nearest.best);
    fputs("\n", stderr);
    return usage(stderr, YG_EXIT_USAGE);
}
