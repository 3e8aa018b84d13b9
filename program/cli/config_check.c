/* SPDX-License-Identifier: MIT */
#include "cli/config_check.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/account.h"
#include "config/load.h"
#include "serve/auth.h"
#include "serve/state.h"

/* As the reader of the configuration tells what is wrong with it. */
static void say(const struct yg_config *config, const char *severity, const char *key,
                const char *format, va_list args) __attribute__((format(printf, 4, 0)));

static void say(const struct yg_config *config, const char *severity, const char *key,
                const char *format, va_list args)
{
    const struct yg_place place = yg_config_place(config, key);
    struct yg_text text = {0};

    yg_place_put(&text, &place);
    fprintf(stderr, "%s: %s: %s: ", yg_text_string(&text), severity, key);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    yg_text_done(&text);
}

/* Returns 1, to be counted. */
static unsigned complain(const struct yg_config *config, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static unsigned complain(const struct yg_config *config, const char *key, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(config, "error", key, format, args);
    va_end(args);
    return 1;
}

static void warn(const struct yg_config *config, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void warn(const struct yg_config *config, const char *key, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(config, "warning", key, format, args);
    va_end(args);
}

static unsigned check_readable(const struct yg_config *config, const char *key, const char *path,
                               int mode)
{
    if (*path == '\0' || access(path, mode) == 0)
        return 0;
    return complain(config, key, "%s: %s", path, strerror(errno));
}

static unsigned check_folder(const struct yg_config *config, const char *key, const char *path)
{
    struct stat about;

    if (*path != '\0' && stat(path, &about) == 0 && !S_ISDIR(about.st_mode))
        return complain(config, key, "%s: %s", path, strerror(ENOTDIR));
    return check_readable(config, key, path, R_OK | X_OK);
}

/* The folder may be one that only the server's user may write to. */
static unsigned check_log(const struct yg_config *config, const char *file)
{
    const char *slash = strrchr(file, '/');
    struct stat about;
    char folder[PATH_MAX];

    if (*file == '\0')
        return 0;
    if (stat(file, &about) == 0)
        return S_ISDIR(about.st_mode) ? complain(config, "log.file", "%s: is a folder", file) : 0;
    if (slash == NULL || slash == file)
        return 0;
    if ((size_t)snprintf(folder, sizeof(folder), "%.*s", (int)(slash - file), file) >=
        sizeof(folder))
        return complain(config, "log.file", "%s: %s", file, strerror(ENAMETOOLONG));
    return check_readable(config, "log.file", folder, F_OK);
}

/* ---- certificates ---- */

static X509 *read_certificate(const char *path)
{
    FILE *file = fopen(path, "re");
    X509 *certificate = file != NULL ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;

    if (file != NULL)
        fclose(file);
    return certificate;
}

/* Nobody is asked for a password. */
static int no_password(char *buffer, int size, int writes, void *user)
{
    (void)buffer, (void)size, (void)writes, (void)user;
    return -1;
}

static EVP_PKEY *read_key(const char *path)
{
    FILE *file = fopen(path, "re");
    EVP_PKEY *key = file != NULL ? PEM_read_PrivateKey(file, NULL, no_password, NULL) : NULL;

    if (file != NULL)
        fclose(file);
    return key;
}

static unsigned check_pair(const struct yg_config *config, const char *name, const char *cert_path,
                           const char *key_path)
{
    X509 *certificate = read_certificate(cert_path);
    EVP_PKEY *key = read_key(key_path);
    unsigned num = 0;

    if (certificate == NULL)
        num += complain(config, name, "%s: no certificate in PEM", cert_path);
    else if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
        warn(config, name, "%s: the certificate has ended", cert_path);
    if (key == NULL)
        num += complain(config, name, "%s: no private key in PEM", key_path);
    else if (certificate != NULL && X509_check_private_key(certificate, key) != 1)
        num += complain(config, name, "%s: not the key of %s", key_path, cert_path);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return num;
}

static unsigned check_tls(const struct yg_config *config, const char *name,
                          const struct yg_tls_config *tls)
{
    unsigned num = check_readable(config, name, tls->client_ca, R_OK);

    for (size_t i = 0; i < tls->cert.num && i < tls->key.num; i++) {
        const unsigned missing = check_readable(config, name, tls->cert.items[i], R_OK) +
                                 check_readable(config, name, tls->key.items[i], R_OK);

        num +=
            missing > 0 ? missing : check_pair(config, name, tls->cert.items[i], tls->key.items[i]);
    }
    return num;
}

/* ---- users ---- */

static unsigned check_user(const struct yg_config *config, const char *key, const char *name)
{
    uint32_t uid;

    if (*name == '\0' || yg_account_user(name, &uid) == 0)
        return 0;
    return complain(config, key, "there is no user %s", name);
}

static unsigned check_group(const struct yg_config *config, const char *key, const char *name)
{
    uint32_t gid;

    if (*name == '\0' || yg_account_group(name, &gid) == 0)
        return 0;
    return complain(config, key, "there is no group %s", name);
}

/* ---- hosts ---- */

static unsigned check_host(const struct yg_config *config, const char *key, const char *host)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int rc;

    rc = getaddrinfo(host, NULL, &hints, &found);
    if (rc != 0)
        return complain(config, key, "%s: %s", host, gai_strerror(rc));
    freeaddrinfo(found);
    return 0;
}

/* That of scheme://[user@]host[:port]/...; what has none, such as a path, is good. */
static unsigned check_url(const struct yg_config *config, const char *key, const char *url)
{
    CURLU *parts = strstr(url, "://") != NULL ? curl_url() : NULL;
    char *host = NULL;
    unsigned num = 0;

    if (parts != NULL &&
        curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
        curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK && *host != '[')
        num = check_host(config, key, host);
    curl_free(host);
    curl_url_cleanup(parts);
    return num;
}

/* HOST:PORT; other forms name no host. */
static unsigned check_address(const struct yg_config *config, const char *key, const char *address)
{
    const char *colon = strrchr(address, ':');
    char host[256];

    if (colon == NULL || *address == '[' || *address == '*' || strncmp(address, "unix:", 5) == 0 ||
        strncmp(address, "fd:", 3) == 0 || strncmp(address, "systemd:", 8) == 0)
        return 0;
    snprintf(host, sizeof(host), "%.*s", (int)(colon - address), address);
    return check_host(config, key, host);
}

/* ---- all ---- */

static unsigned check_listener(const struct yg_config *config, const struct yg_listen *listen,
                               bool online)
{
    char key[128];
    unsigned num;

    snprintf(key, sizeof(key), "listen.%s.tls", listen->name);
    num = check_tls(config, key, &listen->tls);
    snprintf(key, sizeof(key), "listen.%s.owner", listen->name);
    num += check_user(config, key, listen->owner);
    snprintf(key, sizeof(key), "listen.%s.group", listen->name);
    num += check_group(config, key, listen->group);
    snprintf(key, sizeof(key), "listen.%s.address", listen->name);
    return num + (online ? check_address(config, key, listen->address) : 0);
}

static unsigned check_webhook(const struct yg_config *config, const struct yg_webhook *hook,
                              bool online)
{
    char key[128];
    unsigned num;

    snprintf(key, sizeof(key), "webhooks.%s.ca", hook->name);
    num = check_readable(config, key, hook->ca, R_OK);
    snprintf(key, sizeof(key), "webhooks.%s.url", hook->name);
    return num + (online ? check_url(config, key, hook->url) : 0);
}

static unsigned check_api(const struct yg_config *config)
{
    const struct yg_texts *users = &config->api.unix_users;
    unsigned num = 0;
    char key[64];

    for (size_t i = 0; i < users->num; i++) {
        snprintf(key, sizeof(key), "api.unix_users[%zu]", i);
        num += check_user(config, key, users->items[i]);
    }
    return num;
}

/* The keys of tokens, those of a file, too. */
static unsigned check_keys(const struct yg_config *config)
{
    struct yg_token_problem problem = {{0}};
    struct yg_token_checker *checker = NULL;
    int rc = 0;

    if ((config->auth.methods & YG_METHOD_JWT) != 0)
        rc = yg_auth_checker(config, &problem, &checker);
    yg_token_checker_free(checker);
    if (rc == 0)
        return 0;
    return complain(config, "auth.jwt", "%s", rc == -EINVAL ? problem.text : strerror(-rc));
}

unsigned yg_config_check_outside(const struct yg_config *config, bool online)
{
    const char *jwks = config->auth.jwt.jwks_url;
    unsigned num = 0;

    for (size_t i = 0; i < config->listen.num; i++)
        num += check_listener(config, &config->listen.items[i], online);
    for (size_t i = 0; i < config->webhooks.num; i++)
        num += check_webhook(config, &config->webhooks.items[i], online);
    num += check_api(config);
    num += check_log(config, config->log.file);
    num += check_folder(config, "clients.page", config->clients.page);
    num += check_keys(config);
    if (online) {
        num += check_url(config, "auth.jwt.jwks_url", jwks);
        num += check_url(config, "redis.url", config->redis.url);
    }
    return num;
}
