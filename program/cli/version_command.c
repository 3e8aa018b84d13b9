/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <yodel/base.h>
#include <yodel/version.h>

#include "cli/cli.h"

static int run(int argc, char **argv)
{
    struct yg_cli_options options = {0};
    struct yg_text text = {0};
    int at, rc = yg_cli_options(&yg_command_version, argc, argv, NULL, NULL, &options, &at);

    if (rc != 0)
        return rc;
    if (at < argc && !options.help)
        fprintf(stderr, "yodel version: \"%s\" is too much\n", argv[at]);
    if (options.help || at < argc)
        return yg_cli_usage(&yg_command_version, options.help);
    yg_text_printf(&text,
                   options.json ? "{\"program\": \"%s\", \"library\": \"%s\"}\n"
                                : "yodel %s (library %s)\n",
                   YODEL_VERSION, yodel_version());
    return yg_cli_print(&text);
}

const struct yg_command yg_command_version = {
    .name = "version", .run = run, .usage = "[-o json]", .doc = "Tells the version."};
