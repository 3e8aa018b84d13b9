/* SPDX-License-Identifier: MIT */
#ifndef YG_CLI_WEBHOOK_H
#define YG_CLI_WEBHOOK_H

#include <jansson.h>

#include "base/text.h"

struct yg_hook_asked;
struct yg_hook_result;

/* `yodel webhook`: both sides of a hook, for trying. */

int yg_webhook_listen_main(int argc, char **argv);
int yg_webhook_send_main(int argc, char **argv);

/*
 * Reads a file with the secret of a hook.
 *
 * ret_secret   for yg_secret_done()
 *
 * Returns 0, or the status to end with; what is wrong was said.
 */
int yg_webhook_secret(const char *command, const char *path, struct yg_text *ret_secret);

/* One line about an event of a hook: its time, kind, namespace, socket, user, and what is its own.
 * Without a line end. */
void yg_webhook_put_event(struct yg_text *text, const json_t *event);

/* Lines that say what a result makes the server do. */
void yg_webhook_put_result(struct yg_text *text, const struct yg_hook_asked *asked,
                           const struct yg_hook_result *result);

/* The kind of a word, or -1. */
int yg_webhook_kind(const char *word);

#endif
