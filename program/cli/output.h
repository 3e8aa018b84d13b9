/* SPDX-License-Identifier: MIT */
#ifndef YG_CLI_OUTPUT_H
#define YG_CLI_OUTPUT_H

#include <stdbool.h>

#include "base/text.h"

/* What all commands have in common, also those that read commands of the API. */

/* How the program ends. */
enum {
    YG_EXIT_OK = 0,
    YG_EXIT_FAILED = 1,
    YG_EXIT_USAGE = 64,
    YG_EXIT_DATA = 65,        /* bad data, or a bad token */
    YG_EXIT_UNREACHABLE = 69, /* nobody answers */
    YG_EXIT_TIMEOUT = 75,
    YG_EXIT_REFUSED = 77,
    YG_EXIT_CONFIG = 78
};

/*
 * Writes a text to standard output, and frees it.  Returns YG_EXIT_OK or YG_EXIT_FAILED; that it
 * could not be written yg_cli_end() says.
 */
int yg_cli_print(struct yg_text *text);

/* Whether all that was printed so far could be written. */
bool yg_cli_flush(void);

#endif
