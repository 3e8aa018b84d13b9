/* SPDX-License-Identifier: MIT */
#include "serve/serve.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static bool take(const char *option, void *user)
{
    bool *takes_over = user;

    *takes_over = *takes_over || strcmp(option, "--takeover") == 0;
    return strcmp(option, "--takeover") == 0;
}

static int run(int argc, char **argv)
{
    struct yg_cli_options options = {0};
    const struct yg_config *config;
    struct yg_load load;
    bool takes_over = false;
    int at, rc;

    yg_signals_hold();
    rc = yg_cli_options(&yg_command_serve, argc, argv, take, &takes_over, &options, &at);
    if (rc != 0)
        return rc;
    if (at < argc && !options.help)
        fprintf(stderr, "yodel serve: \"%s\" is too much\n", argv[at]);
    if (options.help || at < argc)
        return yg_cli_usage(&yg_command_serve, options.help);
    rc = yg_cli_load(&options, &load, &config);
    if (rc != 0)
        return rc;
    rc = yg_serve(&load, config, argv + 1, takes_over);
    yg_config_unref(config);
    return rc >= 0 ? YG_EXIT_OK : rc == -EINVAL ? YG_EXIT_CONFIG : YG_EXIT_FAILED;
}

const struct yg_command yg_command_serve = {
    .name = "serve",
    .run = run,
    .usage =
        "[-c FILE] [--set KEY=VALUE]... [--lax] [--takeover]\n"
        "  The file is that of -c, of $YODEL_CONFIG, or /etc/yodel/yodel.yaml; without one it\n"
        "  serves on loopback only.  HUP reads it again, USR1 opens the log anew, USR2 starts\n"
        "  the program anew, which takes over, TERM drains, QUIT ends at once.  --takeover takes\n"
        "  the listening sockets over from who runs, by server.handover.",
    .doc = "Serves clients."};
