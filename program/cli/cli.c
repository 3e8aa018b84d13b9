/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_FILE "/etc/yodel/yodel.yaml"

extern char **environ;

/* The value of an option that needs one: of "--set=VALUE" or the next word. */
static const char *value_of(const char *name, int argc, char **argv, int *at)
{
    const size_t len = strlen(name);
    const char *word = argv[*at];

    if (strncmp(word, name, len) != 0)
        return NULL;
    if (word[len] == '=' && name[1] == '-')
        return word + len + 1;
    if (word[len] != '\0')
        return NULL;
    if (*at + 1 == argc)
        return "";
    return argv[++*at];
}

/* Returns 1 when the word, and perhaps the next, was a common option; 0; or -1. */
static int take(struct yg_cli_options *options, int argc, char **argv, int *at)
{
    const char *value;

    if (strcmp(argv[*at], "-h") == 0 || strcmp(argv[*at], "--help") == 0)
        return options->help = true, 1;
    if (strcmp(argv[*at], "--lax") == 0)
        return options->lax = true, 1;
    if ((value = value_of("-c", argc, argv, at)) != NULL ||
        (value = value_of("--config", argc, argv, at)) != NULL) {
        options->config = value;
        return *value != '\0' ? 1 : -1;
    }
    if ((value = value_of("--set", argc, argv, at)) != NULL) {
        if (options->num_sets == sizeof(options->sets) / sizeof(options->sets[0]))
            return -1;
        options->sets[options->num_sets++] = value;
        return *value != '\0' ? 1 : -1;
    }
    if ((value = value_of("-o", argc, argv, at)) != NULL ||
        (value = value_of("--output", argc, argv, at)) != NULL) {
        options->json = strcmp(value, "json") == 0;
        return options->json || strcmp(value, "text") == 0 ? 1 : -1;
    }
    return 0;
}

int yg_cli_options(const struct yg_command *command, int argc, char **argv,
                   bool (*own)(const char *option, void *user), void *user,
                   struct yg_cli_options *options, int *ret_at)
{
    int at = 1;

    for (; at < argc && argv[at][0] == '-' && argv[at][1] != '\0'; at++) {
        const int word = at;
        int rc;

        if (strcmp(argv[at], "--") == 0) {
            at++;
            break;
        }
        rc = take(options, argc, argv, &at);
        if (rc < 0 || (rc == 0 && (own == NULL || !own(argv[word], user)))) {
            fprintf(stderr,
                    rc < 0 ? "yodel %s: \"%s\" without its value, or with a wrong one\n"
                           : "yodel %s: wrong option \"%s\"\n",
                    command->name, argv[word]);
            return yg_cli_usage(command, false);
        }
    }
    *ret_at = at;
    return 0;
}

int yg_cli_usage(const struct yg_command *command, bool asked)
{
    fprintf(asked ? stdout : stderr, "usage: yodel %s %s\n\n%s\n", command->name, command->usage,
            command->doc);
    return asked ? YG_EXIT_OK : YG_EXIT_USAGE;
}

static void say(const struct yg_report *report, bool as_json)
{
    struct yg_text text = {0};

    if (as_json) {
        yg_report_put_json(&text, report);
        yg_text_putc(&text, '\n');
    } else {
        yg_report_put(&text, report);
    }
    fputs(yg_text_string(&text), stderr);
    yg_text_done(&text);
}

int yg_cli_load(const struct yg_cli_options *options, struct yg_load *ret_load,
                const struct yg_config **ret_config)
{
    struct yg_load load = {.path = options->config,
                           .env = environ,
                           .sets = options->sets,
                           .num_sets = options->num_sets,
                           .lax = options->lax};
    struct yg_arena arena = {0};
    struct yg_report report = {.arena = &arena};
    int rc;

    if (load.path == NULL && (load.path = getenv("YODEL_CONFIG")) != NULL && *load.path == '\0')
        load.path = NULL; /* as if it were not set */
    if (load.path == NULL && access(DEFAULT_FILE, F_OK) == 0)
        load.path = DEFAULT_FILE;
    rc = yg_config_load(&load, &report, ret_config);
    if (rc == -ENOMEM)
        fputs("yodel: out of memory\n", stderr);
    else if (report.num_errors + report.num_warnings > 0)
        say(&report, options->json);
    yg_arena_clear(&arena);
    *ret_load = load;
    return rc == 0 ? 0 : rc == -ENOMEM ? YG_EXIT_FAILED : YG_EXIT_CONFIG;
}

/* Why the standard output could not be written at first; of later attempts stdio does not tell. */
static int output_error;

bool yg_cli_flush(void)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    if (output_error == 0)
        output_error = errno;
    return false;
}

int yg_cli_print(struct yg_text *text)
{
    const bool failed = yg_text_failed(text);

    if (failed)
        fputs("yodel: out of memory\n", stderr);
    else if (fwrite(yg_text_string(text), 1, text->len, stdout) != text->len)
        output_error = errno;
    yg_text_done(text);
    return !failed && yg_cli_flush() ? YG_EXIT_OK : YG_EXIT_FAILED;
}

/* What takes the place of the input is a folder: as /dev/stdin it can be opened anew, and /dev/null
 * would then be an empty file. */
void yg_cli_begin(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        const bool is_input = fd == STDIN_FILENO;

        if (fcntl(fd, F_GETFD) < 0 &&
            open(is_input ? "/" : "/dev/null", is_input ? O_PATH | O_DIRECTORY : O_RDONLY) < 0)
            return;
    }
}

int yg_cli_end(int status)
{
    if (yg_cli_flush())
        return status;
    fprintf(stderr, "yodel: standard output cannot be written%s%s\n", output_error != 0 ? ": " : "",
            output_error != 0 ? strerror(output_error) : "");
    return status != YG_EXIT_OK ? status : YG_EXIT_FAILED;
}
