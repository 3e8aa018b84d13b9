/* SPDX-License-Identifier: MIT */
#include "serve/serve.h"

#include <errno.h>

#include "cli/cli.h"

static int run(int argc, char **argv)
{
    struct yg_cli_options options = {0};
    const struct yg_config *config;
    struct yg_load load;
    int at, rc;

    rc = yg_cli_options(&yg_command_serve, argc, argv, NULL, NULL, &options, &at);
    if (rc != 0)
        return rc;
    if (options.help || at < argc)
        return yg_cli_usage(&yg_command_serve, options.help);
    rc = yg_cli_load(&options, &load, &config);
    if (rc != 0)
        return rc;
    rc = yg_serve(&load, config);
    yg_config_unref(config);
    return rc >= 0 ? YG_EXIT_OK : rc == -EINVAL ? YG_EXIT_CONFIG : YG_EXIT_FAILED;
}

const struct yg_command yg_command_serve = {
    .name = "serve",
    .run = run,
    .usage =
        "[-c FILE] [--set KEY=VALUE]... [--lax]\n"
        "  The file is that of -c, of $YODEL_CONFIG, or /etc/yodel/yodel.yaml; without one it\n"
        "  serves on loopback only.  HUP reads it again, USR1 opens the log anew, TERM drains,\n"
        "  QUIT ends at once.",
    .doc = "Serves clients."};
