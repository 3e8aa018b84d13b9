/* SPDX-License-Identifier: MIT */
#ifndef YG_CLI_TOKEN_IO_H
#define YG_CLI_TOKEN_IO_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "token/key.h"

/* What the commands about tokens share. */

enum {
    YG_TOKEN_EXIT_OK = 0,
    YG_TOKEN_EXIT_FAILED = 1,
    YG_TOKEN_EXIT_USAGE = 64,
    YG_TOKEN_EXIT_DATA = 65
};

/* The commands of `yodel token`. */
int yg_token_sign_main(int argc, char **argv);
int yg_token_check_main(int argc, char **argv);
int yg_token_key_main(int argc, char **argv);

/* Prints "yodel COMMAND: words" to the standard error; returns status. */
int yg_token_say(int status, const char *command, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Has getopt_long() begin what it says with "yodel COMMAND". */
void yg_token_name(char **argv, const char *command);

/* "Try ... --help", behind a wrong option that getopt_long() has already named. */
int yg_token_usage(const char *command);

/* The word of -o: "text" or "json".  False for another one. */
bool yg_token_format(const char *word, bool *ret_json);

/* One line of JSON on the standard output; takes over the reference.  NULL is a lack of memory.
 * Returns the status. */
int yg_token_print_json(json_t *object, int status);

/* Whether it is a decimal number, of most at most. */
bool yg_token_count(const char *text, uint64_t most, uint64_t *ret_count);

/* Whether it is "Name: value", on one line. */
bool yg_token_is_header(const char *text);

/* "90s", "10m", "1h", "30d", "500ms": at most ten years.  0, or -EINVAL. */
int yg_token_duration(const char *text, int64_t *ret_ms);

/* A file, or by "-" the standard input, of at most so many bytes, ended by a NUL that is not
 * counted; one line end at the end is cut off.  To be freed by yg_token_text_free().  Where
 * is_secret, a file that others may read or write is refused.  0, or a negative errno: -EPERM for
 * that, -EFBIG. */
int yg_token_read(const char *path, size_t most, bool is_secret, char **ret_text, size_t *ret_len);
void yg_token_text_free(char *text, size_t len);

/* What a failure of yg_token_read() means. */
const char *yg_token_read_words(int result);

/* A key file: PEM, else a secret, which nobody else may read.  algorithms 0: all that it can serve.
 * kid may be NULL.  The status; a failure has been said. */
int yg_token_key_file(const char *command, const char *path, const char *kid, unsigned algorithms,
                      struct yg_key **ret);

int64_t yg_token_now_ms(void);

#endif
