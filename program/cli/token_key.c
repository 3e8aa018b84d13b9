/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/token_io.h"
#include "token/sign.h"

#define COMMAND "token key"

static const char help[] =
    "Usage: yodel token key [--alg NAME] [--out FILE] [-o json]\n"
    "Makes a secret (HS256, HS384, HS512) or a pair of keys (ES256, ES384, ES512, EdDSA).\n"
    "\n"
    "  --alg NAME   HS256 is the default\n"
    "  --out FILE   the secret or private key, which only its owner may read; the public one goes\n"
    "               to FILE.pub.  Neither may be there.  Without it they are printed\n"
    "  -o json      what was made, as an object\n";

static int write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t num = write(fd, text, len);

        if (num < 0 && errno != EINTR)
            return -errno;
        if (num > 0) {
            text += num;
            len -= (size_t)num;
        }
    }
    return 0;
}

/* A new file, whole or not at all. */
static int make_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode), rc;

    if (fd < 0)
        return -errno;
    rc = fchmod(fd, mode) < 0 ? -errno : write_all(fd, text, strlen(text));
    if (rc == 0 && text[0] != '-') /* PEM has its own */
        rc = write_all(fd, "\n", 1);
    if (close(fd) < 0 && rc == 0)
        rc = -errno;
    if (rc < 0)
        unlink(path);
    return rc;
}

static int write_files(const char *path, const struct yg_key_texts *texts)
{
    char *public_path = NULL;
    int rc;

    if (asprintf(&public_path, "%s.pub", path) < 0)
        return yg_token_say(YG_TOKEN_EXIT_FAILED, COMMAND, "out of memory");
    rc = make_file(path, texts->secret_part, 0600);
    if (rc < 0) {
        (void)yg_token_say(0, COMMAND, "%s: %s", path, strerror(-rc));
    } else if (texts->public_part != NULL &&
               (rc = make_file(public_path, texts->public_part, 0644)) < 0) {
        (void)yg_token_say(0, COMMAND, "%s: %s", public_path, strerror(-rc));
        unlink(path);
    }
    free(public_path);
    return rc < 0 ? YG_TOKEN_EXIT_FAILED : YG_TOKEN_EXIT_OK;
}

static int print_texts(enum yg_algorithm algorithm, const struct yg_key_texts *texts, bool as_json)
{
    if (as_json)
        return yg_token_print_json(json_pack("{s:s, s:s, s:s*}", "alg",
                                             yg_algorithm_info(algorithm)->name, "key",
                                             texts->secret_part, "public_key", texts->public_part),
                                   YG_TOKEN_EXIT_OK);
    printf("%s%s%s", texts->secret_part, texts->public_part != NULL ? "" : "\n",
           texts->public_part != NULL ? texts->public_part : "");
    return YG_TOKEN_EXIT_OK;
}

static int make_key(int algorithm, const char *path, bool as_json)
{
    struct yg_key_texts texts;
    const char *name = yg_algorithm_info((enum yg_algorithm)algorithm)->name;
    int rc = yg_key_generate((enum yg_algorithm)algorithm, &texts), status;

    if (rc == -EINVAL)
        return yg_token_say(YG_TOKEN_EXIT_USAGE, COMMAND,
                            "%s: RSA keys are made by `openssl genrsa 3072`; ES256 and EdDSA are "
                            "shorter and faster",
                            name);
    if (rc < 0)
        return yg_token_say(YG_TOKEN_EXIT_FAILED, COMMAND, "%s", strerror(-rc));
    if (path == NULL)
        status = print_texts((enum yg_algorithm)algorithm, &texts, as_json);
    else if ((status = write_files(path, &texts)) == YG_TOKEN_EXIT_OK && as_json)
        status = yg_token_print_json(json_pack("{s:s, s:s}", "alg", name, "file", path), status);
    yg_key_texts_free(&texts);
    return status;
}

int yg_token_key_main(int argc, char **argv)
{
    static const struct option options[] = {{"alg", required_argument, NULL, 'a'},
                                            {"out", required_argument, NULL, 'f'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *path = NULL;
    int option, algorithm = YG_HS256;
    bool as_json = false;

    yg_token_name(argv, COMMAND);
    optind = 0;
    while ((option = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return YG_TOKEN_EXIT_OK;
        }
        if (option == 'a' && (algorithm = yg_algorithm_find(optarg)) < 0)
            return yg_token_say(YG_TOKEN_EXIT_USAGE, COMMAND, "--alg: \"%s\" is no algorithm",
                                optarg);
        if (option == 'f')
            path = optarg;
        if (option == 'o' && !yg_token_format(optarg, &as_json))
            return yg_token_say(YG_TOKEN_EXIT_USAGE, COMMAND, "-o wants text or json");
        if (option == '?')
            return yg_token_usage(COMMAND);
    }
    if (optind < argc)
        return yg_token_say(YG_TOKEN_EXIT_USAGE, COMMAND, "\"%s\" is too much", argv[optind]);
    return make_key(algorithm, path, as_json);
}
