/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/token_io.h"
#include "cli/webhook.h"

static const char help[] =
    "yodel webhook listen   a back end for trying: checks, shows and answers what hooks send\n"
    "yodel webhook send     sends a hook to a back end, and says what its answer would do\n"
    "\n"
    "yodel webhook COMMAND --help says more.\n";

int yg_webhook_secret(const char *command, const char *path, struct yg_text *ret_secret)
{
    const int rc = yg_secret_read(path, ret_secret);

    if (rc == 0)
        return 0;
    yg_secret_done(ret_secret);
    return yg_token_say(YG_EXIT_FAILED, command, "%s: %s", path, yg_file_strerror(rc));
}

static int run(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    const bool asked = strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;

    if (strcmp(word, "listen") == 0)
        return yg_webhook_listen_main(argc - 1, argv + 1);
    if (strcmp(word, "send") == 0)
        return yg_webhook_send_main(argc - 1, argv + 1);
    if (!asked && *word != '\0')
        fprintf(stderr, "yodel webhook: there is no command \"%s\"\n", word);
    fputs(help, asked ? stdout : stderr);
    return asked ? YG_EXIT_OK : YG_EXIT_USAGE;
}

const struct yg_command yg_command_webhook = {
    .name = "webhook",
    .run = run,
    .usage = "listen | send",
    .doc = "Plays either side of a hook, for trying.",
};
