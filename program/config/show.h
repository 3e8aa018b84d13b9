/* SPDX-License-Identifier: MIT */
#ifndef YG_CONFIG_SHOW_H
#define YG_CONFIG_SHOW_H

#include "config/config.h"
#include "config/report.h"
#include "config/table.h"

/* Configurations, and the table of options, as text.  Secrets are masked: "****". */

enum yg_show_form {
    YG_SHOW_YAML, /* a file that would say the same, but for the secrets */
    YG_SHOW_JSON,
    YG_SHOW_ENV /* NAME=value lines */
};

/*
 * Writes a configuration.
 *
 * changed_only   leaves out what is as by default
 *
 * Returns 0 or -ENOMEM.
 */
int yg_show(struct yg_text *text, const struct yg_config *config, enum yg_show_form form,
            bool changed_only);

/*
 * Explains an option, "limits.queue", a section, "limits", or everything, "".
 *
 * as_json    an object, or a list of objects
 * ret_near   what was meant, when it is not known; NULL: nothing is near.  Static
 *
 * Returns 0, or -ENOENT: there is no such key.
 */
int yg_explain(struct yg_text *text, const char *key, bool as_json, const char **ret_near);

/* Writes the file that `yodel config init` makes; secrets are in the two files that are named,
 * beside it.  key_sha256 is in hexadecimal. */
void yg_show_starter(struct yg_text *text, const char *jwt_file, const char *webhook_file,
                     const char *key_sha256);

#endif
