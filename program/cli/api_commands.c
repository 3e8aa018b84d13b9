/* SPDX-License-Identifier: MIT */
#include "cli/api_names.h"
#include "cli/cli.h"

static const struct yg_command commands[] = {
#define COMMAND(name, verb, arguments, least, most, doc, more) {name, yg_api_run, arguments, doc},
    YG_API_WORD_MAP(COMMAND)
#undef COMMAND
};

const struct yg_command_list yg_commands_of_api = {commands,
                                                   sizeof(commands) / sizeof(commands[0])};
