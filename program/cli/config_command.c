/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/config_check.h"
#include "config/show.h"

struct config_options {
    bool changed, env, online;
};

static bool take(const char *option, void *user)
{
    struct config_options *options = user;

    if (strcmp(option, "--changed") == 0)
        return options->changed = true;
    if (strcmp(option, "--env") == 0)
        return options->env = true;
    if (strcmp(option, "--online") == 0)
        return options->online = true;
    return false;
}

/* ---- check, show, explain ---- */

static int check(const struct yg_cli_options *options, bool online)
{
    const struct yg_config *config;
    struct yg_text text = {0};
    struct yg_load load;
    int rc = yg_cli_load(options, &load, &config);

    if (rc == YG_EXIT_CONFIG && options->json)
        puts("{\"ok\": false}");
    if (rc != 0)
        return rc;
    rc = yg_config_check_outside(config, online) > 0 ? YG_EXIT_CONFIG : 0;
    yg_config_unref(config);
    if (options->json)
        yg_text_puts(&text, rc == 0 ? "{\"ok\": true}\n" : "{\"ok\": false}\n");
    else if (rc == 0)
        yg_text_printf(&text, "%s: ok\n", load.path != NULL ? load.path : "defaults");
    return yg_cli_print(&text) == YG_EXIT_OK ? rc : YG_EXIT_FAILED;
}

static int show(const struct yg_cli_options *options, const struct config_options *own)
{
    const struct yg_config *config;
    struct yg_text text = {0};
    struct yg_load load;
    int rc = yg_cli_load(options, &load, &config);

    if (rc != 0)
        return rc;
    (void)yg_show(&text, config,
                  own->env        ? YG_SHOW_ENV
                  : options->json ? YG_SHOW_JSON
                                  : YG_SHOW_YAML,
                  own->changed);
    yg_config_unref(config);
    return yg_cli_print(&text);
}

static int explain(const char *key, bool as_json)
{
    struct yg_text text = {0};
    const char *near;

    if (yg_explain(&text, key, as_json, &near) == 0)
        return yg_cli_print(&text);
    yg_text_done(&text);
    fprintf(stderr, "yodel: there is no option \"%s\"", key);
    if (near != NULL)
        fprintf(stderr, " (did you mean \"%s\"?)", near);
    fputs("\n", stderr);
    return YG_EXIT_USAGE;
}

/* ---- init ---- */

static void put_hex(char *out, const unsigned char *bytes, size_t num)
{
    for (size_t i = 0; i < num; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* 32 random bytes as hexadecimal. */
static int make_secret(char out[65])
{
    unsigned char bytes[32];

    if (RAND_bytes(bytes, sizeof(bytes)) != 1)
        return -EIO;
    put_hex(out, bytes, sizeof(bytes));
    explicit_bzero(bytes, sizeof(bytes));
    return 0;
}

static int create(const char *folder, const char *name, const char *text)
{
    char path[4096];
    int rc;

    if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    rc = yg_file_create(path, text, strlen(text));
    if (rc < 0)
        fprintf(stderr, "yodel: %s: %s\n", path, yg_file_strerror(rc));
    else
        printf("%s\n", path);
    return rc;
}

/* All files or none: what was made before a failure goes again. */
static int init(const char *folder)
{
    static const char *const names[] = {"jwt.secret", "webhook.secret", "api.key", "yodel.yaml"};
    char secrets[3][65], sha256[65], path[4096];
    unsigned char digest[32];
    struct yg_text text = {0};
    unsigned made = 0;
    int rc = 0;

    for (int i = 0; i < 3 && rc == 0; i++)
        rc = make_secret(secrets[i]);
    if (rc == 0 && EVP_Digest(secrets[2], 64, digest, NULL, EVP_sha256(), NULL) != 1)
        rc = -EIO;
    if (rc < 0) {
        fprintf(stderr, "yodel: %s\n", yg_file_strerror(rc));
        return YG_EXIT_FAILED;
    }
    put_hex(sha256, digest, sizeof(digest));
    yg_show_starter(&text, names[0], names[1], sha256);
    rc = yg_text_failed(&text) ? -ENOMEM : 0;
    if (mkdir(folder, 0750) != 0 && errno != EEXIST) {
        fprintf(stderr, "yodel: %s: %s\n", folder, strerror(errno));
        rc = -EIO;
    }
    for (; made < 4 && rc == 0; made += rc == 0 ? 1 : 0)
        rc = create(folder, names[made], made < 3 ? secrets[made] : yg_text_string(&text));
    while (rc < 0 && made-- > 0) {
        if (snprintf(path, sizeof(path), "%s/%s", folder, names[made]) < (int)sizeof(path))
            (void)unlink(path);
    }
    yg_text_done(&text);
    explicit_bzero(secrets, sizeof(secrets));
    return rc == 0 ? YG_EXIT_OK : YG_EXIT_FAILED;
}

/* What is wrong with the words. */
static void say_wrong(const char *word, const char *more)
{
    static const char *const words[] = {"check", "show", "explain", "init"};
    size_t i = 0;

    while (i < 4 && strcmp(words[i], word) != 0)
        i++;
    if (i < 4 && more != NULL)
        fprintf(stderr, "yodel config %s: \"%s\" is too much\n", word, more);
    else if (i == 4 && *word != '\0')
        fprintf(stderr, "yodel config: there is no command \"%s\"\n", word);
}

static int run(int argc, char **argv)
{
    struct yg_cli_options options = {0};
    struct config_options own = {0};
    const char *word = argc > 1 && argv[1][0] != '-' ? argv[1] : "";
    const int skipped = *word != '\0' ? 1 : 0;
    int at, rc;

    rc = yg_cli_options(&yg_command_config, argc - skipped, argv + skipped, take, &own, &options,
                        &at);
    if (rc != 0)
        return rc;
    at += skipped;
    if ((own.online && strcmp(word, "check") != 0) ||
        ((own.changed || own.env) && strcmp(word, "show") != 0)) {
        fprintf(stderr, "yodel config: %s\n",
                own.online ? "--online is of check" : "--changed and --env are of show");
        return yg_cli_usage(&yg_command_config, false);
    }
    if (strcmp(word, "check") == 0 && at == argc && !options.help)
        return check(&options, own.online);
    if (strcmp(word, "show") == 0 && at == argc && !options.help)
        return show(&options, &own);
    if (strcmp(word, "explain") == 0 && argc - at <= 1 && !options.help)
        return explain(at < argc ? argv[at] : "", options.json);
    if (strcmp(word, "init") == 0 && argc - at <= 1 && !options.help)
        return init(at < argc ? argv[at] : ".");
    if (!options.help)
        say_wrong(word, at < argc ? argv[argc - 1] : NULL);
    return yg_cli_usage(&yg_command_config, options.help);
}

const struct yg_command yg_command_config = {
    .name = "config",
    .run = run,
    .usage =
        "check|show|explain|init [OPTION...]\n"
        "  check [-c FILE] [--online]   says what is wrong, with file, line and column; --online:\n"
        "                               names of hosts are resolved, too\n"
        "  show [--changed] [--env]     what holds; secrets are masked\n"
        "  explain [KEY]                what an option means; explain -o json for all\n"
        "  init [FOLDER]                makes yodel.yaml and fresh secrets in a folder\n"
        "options: -c FILE, --set KEY=VALUE, --lax, -o json",
    .doc = "Checks, shows and explains the configuration."};
