/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cmd_token.h"
#include "cli/token_io.h"
#include "token/password.h"

#define COMMAND "hash-password"
#define MOST 1024 /* bytes that are read, so that a long one can be told as such */

static const char help[] =
    "Usage: yodel hash-password [--cost N] [-o json] < FILE\n"
    "Prints the bcrypt hash ($2b$) of a password of at most 72 bytes, for "
    "admin.password_hash_file.\n"
    "It is read from the standard input; a terminal is asked, twice, without echo.\n"
    "\n"
    "  --cost N   4 to 16; 12 is the default, and each more doubles the time\n";

/* One line of the terminal, without echo.  The length, or -1. */
static ssize_t ask(const char *prompt, char *ret_text)
{
    struct termios old, quiet;
    ssize_t num;

    if (tcgetattr(STDIN_FILENO, &old) < 0)
        return -1;
    quiet = old;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
    fputs(prompt, stderr);
    num = read(STDIN_FILENO, ret_text, MOST);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
    fputc('\n', stderr);
    return num > 0 && ret_text[num - 1] == '\n' ? num - 1 : num;
}

/* The status; a failure has been said. */
static int ask_twice(char *ret_text, size_t *ret_len)
{
    char again[MOST];
    ssize_t len = ask("Password: ", ret_text), more = len >= 0 ? ask("Once more: ", again) : -1;
    int status = YG_TOKEN_EXIT_OK;

    if (len < 0 || more < 0)
        status = yg_token_say(YG_TOKEN_EXIT_FAILED, COMMAND, "the terminal cannot be read");
    else if (len != more || CRYPTO_memcmp(ret_text, again, (size_t)len) != 0)
        status = yg_token_say(YG_TOKEN_EXIT_DATA, COMMAND, "the two are not the same");
    else
        *ret_len = (size_t)len;
    OPENSSL_cleanse(again, sizeof again);
    return status;
}

static int read_input(char *ret_text, size_t *ret_len)
{
    char *text;
    size_t len;
    int rc;

    if (isatty(STDIN_FILENO))
        return ask_twice(ret_text, ret_len);
    if ((rc = yg_token_read("-", MOST, false, &text, &len)) < 0)
        return yg_token_say(rc == -EFBIG ? YG_TOKEN_EXIT_DATA : YG_TOKEN_EXIT_FAILED, COMMAND,
                            "the standard input: %s", strerror(-rc));
    memcpy(ret_text, text, len);
    *ret_len = len;
    yg_token_text_free(text, len);
    return YG_TOKEN_EXIT_OK;
}

static int hash_input(unsigned cost, bool as_json)
{
    char text[MOST], hash[YG_PASSWORD_HASH_SIZE];
    struct yg_token_problem problem;
    size_t len = 0;
    int rc, status = read_input(text, &len);

    if (status == YG_TOKEN_EXIT_OK) {
        rc = yg_password_hash(text, len, cost, &problem, hash);
        if (rc == -EINVAL)
            status = yg_token_say(YG_TOKEN_EXIT_DATA, COMMAND, "%s", problem.text);
        else if (rc < 0)
            status = yg_token_say(YG_TOKEN_EXIT_FAILED, COMMAND, "%s", strerror(-rc));
    }
    OPENSSL_cleanse(text, sizeof text);
    if (status != YG_TOKEN_EXIT_OK)
        return status;
    if (as_json)
        return yg_token_print_json(json_pack("{s:s}", "hash", hash), status);
    puts(hash);
    return status;
}

/* 0: it is none. */
static unsigned cost_of(const char *text)
{
    uint64_t cost;

    return yg_token_count(text, YG_PASSWORD_MAX_COST, &cost) && cost >= YG_PASSWORD_MIN_COST
               ? (unsigned)cost
               : 0;
}

int yg_cmd_hash_password(int argc, char **argv)
{
    static const struct option options[] = {{"cost", required_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    unsigned cost = YG_PASSWORD_COST;
    bool as_json = false;
    int option;

    yg_token_name(argv, COMMAND);
    optind = 0;
    while ((option = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return YG_TOKEN_EXIT_OK;
        }
        if (option == 'c' && (cost = cost_of(optarg)) == 0)
            return yg_token_say(YG_TOKEN_EXIT_USAGE, COMMAND, "--cost wants %d to %d",
                                YG_PASSWORD_MIN_COST, YG_PASSWORD_MAX_COST);
        if (option == 'o' && !yg_token_format(optarg, &as_json))
            return yg_token_say(YG_TOKEN_EXIT_USAGE, COMMAND, "-o wants text or json");
        if (option == '?')
            return yg_token_usage(COMMAND);
    }
    if (optind < argc)
        return yg_token_say(YG_TOKEN_EXIT_USAGE, COMMAND,
                            "a password is not given as an argument, where everybody sees it");
    return hash_input(cost, as_json);
}

const struct yg_command yg_command_hash_password = {
    .name = "hash-password",
    .run = yg_cmd_hash_password,
    .usage = "[--cost N] [-o json] < FILE",
    .doc = "Makes the hash of a password, for the configuration.",
};
