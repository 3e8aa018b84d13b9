/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_read.h"
#include "base/text.h"
#include "cli/token_io.h"
#include "token/grants.h"
#include "token/jws.h"
#include "token/sign.h"

#define COMMAND "token sign"

static const char help[] =
    "Usage: yodel token sign --key-file FILE [OPTION]...\n"
    "Prints a token.\n"
    "\n"
    "  --key-file FILE      a secret, or a private key (PEM); others may not read it\n"
    "  --alg NAME           HS256 to EdDSA; the first that the key serves\n"
    "  --kid NAME           the name of the key, for the header\n"
    "  --user NAME          who it is for (sub)\n"
    "  --ttl DURATION       how long it holds: 90s, 10m, 1h (which is the default); none: no exp\n"
    "  --issuer NAME        iss\n"
    "  --audience NAME      aud\n"
    "  --namespace PATTERN  where it may connect; may be repeated\n"
    "  --join ROOM          a room it is in from the start; may be repeated\n"
    "  --can join=PATTERN   rooms that it may join; may be repeated\n"
    "  --can emit=PATTERN   events that are passed on; may be repeated\n"
    "  --info JSON          what others see of it in presence\n"
    "  --meta JSON          what the back end sees of it\n"
    "  --claim NAME=JSON    another claim; may be repeated\n"
    "  -o json              {\"token\", \"expires_at\", \"claims\"}\n";

struct order {
    const char *key_file, *alg, *kid;
    int64_t ttl_ms; /* -1: no exp */
    bool as_json;
    json_t *claims, *yodel;
};

enum {
    OPT_KEY_FILE = 256,
    OPT_ALG,
    OPT_KID,
    OPT_USER,
    OPT_TTL,
    OPT_ISSUER,
    OPT_AUDIENCE,
    OPT_NAMESPACE,
    OPT_JOIN,
    OPT_CAN,
    OPT_INFO,
    OPT_META,
    OPT_CLAIM,
    OPT_HELP
};

static const struct option options[] = {
    {"key-file", required_argument, NULL, OPT_KEY_FILE},
    {"alg", required_argument, NULL, OPT_ALG},
    {"kid", required_argument, NULL, OPT_KID},
    {"user", required_argument, NULL, OPT_USER},
    {"ttl", required_argument, NULL, OPT_TTL},
    {"issuer", required_argument, NULL, OPT_ISSUER},
    {"audience", required_argument, NULL, OPT_AUDIENCE},
    {"namespace", required_argument, NULL, OPT_NAMESPACE},
    {"join", required_argument, NULL, OPT_JOIN},
    {"can", required_argument, NULL, OPT_CAN},
    {"info", required_argument, NULL, OPT_INFO},
    {"meta", required_argument, NULL, OPT_META},
    {"claim", required_argument, NULL, OPT_CLAIM},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

/* ---- values ---- */

/* json_string() makes nothing of what is not UTF-8. */
static int set_text(json_t *object, const char *name, const char *text)
{
    json_t *value = text != NULL ? json_string(text) : NULL;

    if (text == NULL)
        return YG_TOKEN_EXIT_OK;
    if (value == NULL || json_object_set_new(object, name, value) < 0)
        return yg_token_say(YG_TOKEN_EXIT_DATA, COMMAND, "%s is not UTF-8", name);
    return YG_TOKEN_EXIT_OK;
}

static int append_text(json_t *object, const char *name, const char *text)
{
    json_t *list = json_object_get(object, name);

    if (list == NULL &&
        ((list = json_array()) == NULL || json_object_set_new(object, name, list) < 0))
        return yg_token_say(YG_TOKEN_EXIT_FAILED, COMMAND, "out of memory");
    if (json_array_append_new(list, json_string(text)) < 0)
        return yg_token_say(YG_TOKEN_EXIT_DATA, COMMAND, "%s is not UTF-8", name);
    return YG_TOKEN_EXIT_OK;
}

static int set_json(json_t *object, const char *name, const char *text)
{
    struct yg_json_where where;
    json_t *value;
    int rc = yg_json_read(text, strlen(text), YG_JWS_DEPTH, &where, &value);

    if (rc == -EINVAL)
        return yg_token_say(YG_TOKEN_EXIT_DATA, COMMAND, "%s %s, at byte %zu", name,
                            yg_json_fault_words(where.fault), where.offset);
    if (rc < 0 || json_object_set_new(object, name, value) < 0)
        return yg_token_say(YG_TOKEN_EXIT_DATA, COMMAND, "%s is not UTF-8", name);
    return YG_TOKEN_EXIT_OK;
}

/* join=PATTERN or emit=PATTERN */
static int add_right(struct order *order, const char *text)
{
    json_t *can = json_object_get(order->yodel, "can");

    if (strncmp(text, "join=", 5) != 0 && strncmp(text, "emit=", 5) != 0)
        return yg_token_say(YG_TOKEN_EXIT_USAGE, COMMAND,
                            "--can wants join=PATTERN or emit=PATTERN, not \"%s\"", text);
    if (can == NULL &&
        ((can = json_object()) == NULL || json_object_set_new(order->yodel, "can", can) < 0))
        return yg_token_say(YG_TOKEN_EXIT_FAILED, COMMAND, "out of memory");
    return append_text(can, text[0] == 'j' ? "join" : "emit", text + 5);
}

static int add_claim(struct order *order, const char *text)
{
    const char *equal = strchr(text, '=');
    char name[256];

    if (equal == NULL || equal == text || (size_t)(equal - text) >= sizeof name)
        return yg_token_say(YG_TOKEN_EXIT_USAGE, COMMAND, "--claim wants NAME=JSON, not \"%s\"",
                            text);
    memcpy(name, text, (size_t)(equal - text));
    name[equal - text] = '\0';
    return set_json(order->claims, name, equal + 1);
}

static int set_ttl(struct order *order, const char *text)
{
    if (strcmp(text, "none") == 0)
        order->ttl_ms = -1;
    else if (yg_token_duration(text, &order->ttl_ms) < 0)
        return yg_token_say(YG_TOKEN_EXIT_USAGE, COMMAND,
                            "--ttl wants a duration with its unit (10m, 1h) or none, not \"%s\"",
                            text);
    return YG_TOKEN_EXIT_OK;
}

/* ---- options ---- */

static int take_option(struct order *order, int option, const char *text)
{
    switch (option) {
    case OPT_KEY_FILE:
        order->key_file = text;
        return YG_TOKEN_EXIT_OK;
    case OPT_ALG:
        order->alg = text;
        return YG_TOKEN_EXIT_OK;
    case OPT_KID:
        order->kid = text;
        return yg_text_is_utf8(text, strlen(text))
                   ? YG_TOKEN_EXIT_OK
                   : yg_token_say(YG_TOKEN_EXIT_DATA, COMMAND, "kid is not UTF-8");
    case OPT_USER:
        if (text[0] == '\0')
            return yg_token_say(YG_TOKEN_EXIT_DATA, COMMAND,
                                "--user is empty, and no server takes such a token");
        return set_text(order->claims, "sub", text);
    case OPT_TTL:
        return set_ttl(order, text);
    case OPT_ISSUER:
        return set_text(order->claims, "iss", text);
    case OPT_AUDIENCE:
        return set_text(order->claims, "aud", text);
    case OPT_NAMESPACE:
        return append_text(order->yodel, "namespaces", text);
    case OPT_JOIN:
        return append_text(order->yodel, "join", text);
    case OPT_CAN:
        return add_right(order, text);
    case OPT_INFO:
        return set_json(order->yodel, "info", text);
    case OPT_META:
        return set_json(order->yodel, "meta", text);
    case OPT_CLAIM:
        return add_claim(order, text);
    case 'o':
        if (yg_token_format(text, &order->as_json))
            return YG_TOKEN_EXIT_OK;
        return yg_token_say(YG_TOKEN_EXIT_USAGE, COMMAND, "-o wants text or json");
    default:
        return yg_token_usage(COMMAND);
    }
}

/* -1: go on; else the status to end with. */
static int read_options(struct order *order, int argc, char **argv)
{
    int option, status;

    yg_token_name(argv, COMMAND);
    optind = 0;
    while ((option = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
        if (option == OPT_HELP || option == 'h') {
            fputs(help, stdout);
            return YG_TOKEN_EXIT_OK;
        }
        if ((status = take_option(order, option, optarg)) != YG_TOKEN_EXIT_OK)
            return status;
    }
    if (optind < argc)
        return yg_token_say(YG_TOKEN_EXIT_USAGE, COMMAND, "\"%s\" is too much", argv[optind]);
    if (order->key_file == NULL)
        return yg_token_say(YG_TOKEN_EXIT_USAGE, COMMAND, "--key-file is missing");
    return -1;
}

/* ---- the token ---- */

static int complete_claims(struct order *order, int64_t now_s)
{
    const char *user = json_string_value(json_object_get(order->claims, "sub"));
    struct yg_refusal refusal;
    struct yg_grants grants;
    int rc;

    if ((rc = yg_grants_parse(order->yodel, user, &refusal, &grants)) == -EACCES)
        return yg_token_say(YG_TOKEN_EXIT_DATA, COMMAND, "%s", refusal.text);
    if (rc == 0)
        yg_grants_free(&grants);
    if (rc < 0 || (json_object_get(order->claims, "iat") == NULL &&
                   json_object_set_new(order->claims, "iat", json_integer(now_s)) < 0))
        return yg_token_say(YG_TOKEN_EXIT_FAILED, COMMAND, "out of memory");
    if ((order->ttl_ms >= 0 && json_object_get(order->claims, "exp") == NULL &&
         json_object_set_new(order->claims, "exp",
                             json_integer(now_s + (order->ttl_ms + 999) / 1000)) < 0) ||
        (json_object_size(order->yodel) > 0 &&
         json_object_set(order->claims, "yodel", order->yodel) < 0))
        return yg_token_say(YG_TOKEN_EXIT_FAILED, COMMAND, "out of memory");
    return YG_TOKEN_EXIT_OK;
}

static int print_token(const struct order *order, const char *token)
{
    json_t *exp = json_object_get(order->claims, "exp");

    if (order->as_json)
        return yg_token_print_json(json_pack("{s:s, s:O?, s:O}", "token", token, "expires_at", exp,
                                             "claims", order->claims),
                                   YG_TOKEN_EXIT_OK);
    puts(token);
    return YG_TOKEN_EXIT_OK;
}

static int sign(struct order *order)
{
    int own = order->alg != NULL ? yg_algorithm_find(order->alg) : -1, rc, status;
    struct yg_key *key;
    char *token;

    if (order->alg != NULL && own < 0)
        return yg_token_say(YG_TOKEN_EXIT_USAGE, COMMAND, "--alg: \"%s\" is no algorithm",
                            order->alg);
    if ((status = complete_claims(order, yg_token_now_ms() / 1000)) != YG_TOKEN_EXIT_OK)
        return status;
    status = yg_token_key_file(COMMAND, order->key_file, order->kid,
                               own < 0 ? 0 : YG_ALGORITHM_BIT(own), &key);
    if (status != YG_TOKEN_EXIT_OK)
        return status;
    rc = yg_token_sign(key, yg_key_algorithm(key), order->kid, order->claims, &token);
    yg_key_free(key);
    if (rc == -EINVAL)
        return yg_token_say(YG_TOKEN_EXIT_DATA, COMMAND, "%s: a public key cannot sign",
                            order->key_file);
    if (rc == -E2BIG)
        return yg_token_say(YG_TOKEN_EXIT_DATA, COMMAND, "the token is larger than 16 KiB");
    if (rc < 0)
        return yg_token_say(YG_TOKEN_EXIT_FAILED, COMMAND, "%s", strerror(-rc));
    status = print_token(order, token);
    free(token);
    return status;
}

int yg_token_sign_main(int argc, char **argv)
{
    struct order order = {.ttl_ms = 3600000, .claims = json_object(), .yodel = json_object()};
    int status;

    if (order.claims == NULL || order.yodel == NULL)
        status = yg_token_say(YG_TOKEN_EXIT_FAILED, COMMAND, "out of memory");
    else if ((status = read_options(&order, argc, argv)) < 0)
        status = sign(&order);
    json_decref(order.claims);
    json_decref(order.yodel);
    return status;
}
