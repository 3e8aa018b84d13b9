/* SPDX-License-Identifier: MIT */
#ifndef YG_CONFIG_LOAD_H
#define YG_CONFIG_LOAD_H

#include "config/config.h"
#include "config/report.h"
#include "config/table.h"

/*
 * Reads a configuration: defaults, the file, the files that it includes, the environment, what was
 * set by words; each takes the place of those before it.
 */

struct yg_load {
    const char *path;        /* NULL: no file; "/" is then open to all, on loopback */
    char *const *env;        /* environ; NULL: nothing of it */
    const char *const *sets; /* "key=value"; see config/layer.h */
    size_t num_sets;
    bool lax; /* unknown and repeated keys are warnings */
};

/*
 * Reads and checks it.  Blocks.
 *
 * load         borrowed for the call
 * report       all zero but for its arena, which is the caller's and outlives it
 * ret_config   one reference, to yg_config_unref(); untouched on failure
 *
 * Returns 0; -EINVAL when errors were reported; -ENOMEM.  There may be warnings in any case.
 */
int yg_config_load(const struct yg_load *load, struct yg_report *report,
                   const struct yg_config **ret_config);

/*
 * The same from a text in memory, without includes, environment and words.
 *
 * source   what places are told by
 */
int yg_config_read(const char *text, size_t len, const char *source, bool lax,
                   struct yg_report *report, const struct yg_config **ret_config);

/*
 * Where an option got its value.
 *
 * config   of the two above
 * path     "listen.public.address", "events[0].path"; it may have been set by `..._file`
 *
 * Returns the place of its value; of the nearest map or list around it that was set; or one whose
 * source is YG_PLACE_DEFAULT.  The source is the configuration's.
 */
struct yg_place yg_config_place(const struct yg_config *config, const char *path);

/* An option whose value differs between two configurations.  path is "limits.queue" or
 * "webhooks.main.timeout"; borrowed for the call. */
typedef void(yg_config_changed_fn)(const char *path, const struct yg_option *option, void *user);

/* Tells every option that differs; lists of things with names thing by thing, a thing that came or
 * went as a whole. */
void yg_config_compare(const struct yg_config *before, const struct yg_config *after,
                       yg_config_changed_fn *changed, void *user);

#endif
