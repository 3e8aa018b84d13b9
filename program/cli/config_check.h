/* SPDX-License-Identifier: MIT */
#ifndef YG_CLI_CONFIG_CHECK_H
#define YG_CLI_CONFIG_CHECK_H

#include "config/config.h"

/*
 * Looks at what a configuration names outside of itself: files, certificates and their keys, users
 * and groups, and with online the hosts of its addresses, whose names are resolved; and at what
 * this version cannot do.  What is wrong is said on standard error, "PLACE: error: KEY: WORDS".
 *
 * Returns how much is wrong.
 */
unsigned yg_config_check_outside(const struct yg_config *config, bool online);

#endif
