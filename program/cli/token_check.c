/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/token_io.h"
#include "token/jws.h"
#include "token/token.h"

#define COMMAND "token check"

static const char help[] =
    "Usage: yodel token check (--key-file FILE | --jwks-file FILE) [OPTION]... [TOKEN]\n"
    "Checks a token, of the standard input where none is given, and says which check fails.\n"
    "\n"
    "  --key-file FILE     a secret, which others may not read, or a PUBLIC KEY, CERTIFICATE "
    "(PEM)\n"
    "  --jwks-file FILE    a JWK set\n"
    "  --alg NAME          allowed; may be repeated; all that the key serves\n"
    "  --issuer NAME       what iss must be\n"
    "  --audience NAME     what aud must have\n"
    "  --user-claim NAME   the claim with the user: sub\n"
    "  --leeway DURATION   how far clocks may differ: 30s\n"
    "  --no-exp            a token without exp is good\n"
    "  --anonymous         a token without a user is good\n"
    "  --at SECONDS        as if it were then (since 1970)\n"
    "  -o json             one object\n";

struct order {
    struct yg_token_rules rules;
    const char *algorithms[YG_NUM_ALGORITHMS];
    const char *key_file, *token;
    int64_t now_ms;
    bool as_json;
};

enum {
    OPT_KEY_FILE = 256,
    OPT_JWKS_FILE,
    OPT_ALG,
    OPT_ISSUER,
    OPT_AUDIENCE,
    OPT_USER_CLAIM,
    OPT_LEEWAY,
    OPT_NO_EXP,
    OPT_ANONYMOUS,
    OPT_AT,
    OPT_HELP
};

static const struct option options[] = {
    {"key-file", required_argument, NULL, OPT_KEY_FILE},
    {"jwks-file", required_argument, NULL, OPT_JWKS_FILE},
    {"alg", required_argument, NULL, OPT_ALG},
    {"issuer", required_argument, NULL, OPT_ISSUER},
    {"audience", required_argument, NULL, OPT_AUDIENCE},
    {"user-claim", required_argument, NULL, OPT_USER_CLAIM},
    {"leeway", required_argument, NULL, OPT_LEEWAY},
    {"no-exp", no_argument, NULL, OPT_NO_EXP},
    {"anonymous", no_argument, NULL, OPT_ANONYMOUS},
    {"at", required_argument, NULL, OPT_AT},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

/* ---- options ---- */

static int add_algorithm(struct order *order, const char *name)
{
    if (yg_algorithm_find(name) < 0)
        return yg_token_say(YG_TOKEN_EXIT_USAGE, COMMAND, "--alg: \"%s\" is no algorithm", name);
    for (size_t i = 0; i < order->rules.num_algorithms; i++)
        if (strcmp(order->algorithms[i], name) == 0)
            return YG_TOKEN_EXIT_OK;
    order->algorithms[order->rules.num_algorithms++] = name;
    return YG_TOKEN_EXIT_OK;
}

static int set_time(struct order *order, const char *text)
{
    uint64_t seconds;

    if (!yg_token_count(text, YG_TIME_MAX_MS / 1000, &seconds))
        return yg_token_say(YG_TOKEN_EXIT_USAGE, COMMAND, "--at wants seconds since 1970");
    order->now_ms = (int64_t)seconds * 1000;
    return YG_TOKEN_EXIT_OK;
}

static int take_option(struct order *order, int option, const char *text)
{
    struct yg_token_rules *rules = &order->rules;

    switch (option) {
    case OPT_KEY_FILE:
        order->key_file = text;
        return YG_TOKEN_EXIT_OK;
    case OPT_JWKS_FILE:
        rules->jwks_file = text;
        return YG_TOKEN_EXIT_OK;
    case OPT_ALG:
        return add_algorithm(order, text);
    case OPT_ISSUER:
        rules->issuer = text;
        return YG_TOKEN_EXIT_OK;
    case OPT_AUDIENCE:
        rules->audience = text;
        return YG_TOKEN_EXIT_OK;
    case OPT_USER_CLAIM:
        rules->user_claim = text;
        return YG_TOKEN_EXIT_OK;
    case OPT_LEEWAY:
        if (yg_token_duration(text, &rules->leeway_ms) == 0)
            return YG_TOKEN_EXIT_OK;
        return yg_token_say(YG_TOKEN_EXIT_USAGE, COMMAND, "--leeway wants a duration: 30s");
    case OPT_NO_EXP:
        rules->require_exp = false;
        return YG_TOKEN_EXIT_OK;
    case OPT_ANONYMOUS:
        rules->anonymous = true;
        return YG_TOKEN_EXIT_OK;
    case OPT_AT:
        return set_time(order, text);
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
    if (argc - optind > 1)
        return yg_token_say(YG_TOKEN_EXIT_USAGE, COMMAND, "\"%s\" is too much", argv[optind + 1]);
    if (order->key_file == NULL && order->rules.jwks_file == NULL)
        return yg_token_say(YG_TOKEN_EXIT_USAGE, COMMAND, "--key-file or --jwks-file is missing");
    order->token = optind < argc ? argv[optind] : "-";
    return -1;
}

/* ---- the answer ---- */

static json_t *refusal_json(const struct yg_refusal *refusal)
{
    return json_pack("{s:b, s:s, s:s, s:s}", "valid", 0, "step",
                     yg_token_step_word(yg_token_code_step(refusal->code)), "code",
                     yg_token_code_word(refusal->code), "message", refusal->text);
}

static json_t *token_json(const struct yg_token *token)
{
    json_t *expires = token->expires_ms == 0 ? json_null() : json_integer(token->expires_ms / 1000);

    return json_pack("{s:b, s:s, s:s?, s:o, s:O}", "valid", 1, "alg",
                     yg_algorithm_info(token->algorithm)->name, "user", token->user, "expires_at",
                     expires, "claims", token->claims);
}

/* A line for each step; failed YG_NUM_TOKEN_STEPS: none has. */
static void print_steps(enum yg_token_step failed)
{
    for (int i = 0; i < YG_NUM_TOKEN_STEPS; i++) {
        enum yg_token_step step = (enum yg_token_step)i;

        printf("%-10s %-12s %s\n", yg_token_step_word(step),
               step < failed    ? "ok"
               : step == failed ? "FAILED"
                                : "not checked",
               yg_token_step_words(step));
    }
}

static void print_time(int64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    char text[32];

    if (ms == 0)
        puts("expires    never");
    else if (gmtime_r(&seconds, &parts) != NULL &&
             strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) > 0)
        printf("expires    %s\n", text);
}

static int print_token(const struct order *order, const struct yg_token *token)
{
    if (order->as_json)
        return yg_token_print_json(token_json(token), YG_TOKEN_EXIT_OK);
    print_steps(YG_NUM_TOKEN_STEPS);
    printf("\nuser       %s\n", token->user != NULL ? token->user : "(anonymous)");
    print_time(token->expires_ms);
    printf("claims     ");
    return yg_token_print_json(json_incref(token->claims), YG_TOKEN_EXIT_OK);
}

static int print_refusal(const struct order *order, const struct yg_refusal *refusal)
{
    if (order->as_json)
        return yg_token_print_json(refusal_json(refusal), YG_TOKEN_EXIT_DATA);
    print_steps(yg_token_code_step(refusal->code));
    printf("\nrefused    %s: %s\n", yg_token_code_word(refusal->code), refusal->text);
    return YG_TOKEN_EXIT_DATA;
}

/* ---- the check ---- */

static int check_text(const struct order *order, struct yg_token_checker *checker)
{
    struct yg_refusal refusal;
    struct yg_token token;
    char *text = NULL;
    size_t len;
    bool is_input = strcmp(order->token, "-") == 0;
    int status, rc = is_input ? yg_token_read("-", YG_TOKEN_MAX + 1, false, &text, &len) : 0;

    if (rc == -EFBIG) {
        (void)yg_refuse(&refusal, YG_TOKEN_TOO_LARGE, NULL);
        return print_refusal(order, &refusal);
    }
    if (rc < 0)
        return yg_token_say(YG_TOKEN_EXIT_FAILED, COMMAND, "the standard input: %s", strerror(-rc));
    if (!is_input)
        len = strlen(order->token);
    rc = yg_token_check(checker, is_input ? text : order->token, len, order->now_ms, &refusal,
                        &token);
    if (rc == 0) {
        status = print_token(order, &token);
        yg_token_free(&token);
    } else if (rc == -EACCES) {
        status = print_refusal(order, &refusal);
    } else {
        status = yg_token_say(YG_TOKEN_EXIT_FAILED, COMMAND, "%s", strerror(-rc));
    }
    if (is_input)
        yg_token_text_free(text, len);
    return status;
}

/* The algorithms of the key, or of all kinds, where none was named. */
static void complete_algorithms(struct order *order, unsigned served)
{
    if (order->rules.num_algorithms > 0)
        return;
    for (int i = 0; i < YG_NUM_ALGORITHMS; i++)
        if (served & YG_ALGORITHM_BIT(i))
            order->algorithms[order->rules.num_algorithms++] =
                yg_algorithm_info((enum yg_algorithm)i)->name;
}

static int check_with(struct order *order)
{
    struct yg_token_checker *checker;
    struct yg_token_problem problem;
    int rc = yg_token_checker_new(&order->rules, &problem, &checker), status;

    if (rc == -ENOMEM)
        return yg_token_say(YG_TOKEN_EXIT_FAILED, COMMAND, "out of memory");
    if (rc < 0)
        return yg_token_say(rc == -EIO ? YG_TOKEN_EXIT_FAILED : YG_TOKEN_EXIT_DATA, COMMAND, "%s",
                            problem.text);
    status = check_text(order, checker);
    yg_token_checker_free(checker);
    return status;
}

static int check(struct order *order)
{
    struct yg_token_key config = {0};
    struct yg_key *key;
    char *text;
    int status, rc;

    if (order->key_file == NULL) {
        complete_algorithms(order, YG_ALL_ALGORITHMS);
        return check_with(order);
    }
    /* Read once to see what it is, and to say what is wrong with it. */
    status = yg_token_key_file(COMMAND, order->key_file, NULL, 0, &key);
    if (status != YG_TOKEN_EXIT_OK)
        return status;
    complete_algorithms(order, key->algorithms);
    if (key->type == YG_KEY_SECRET) {
        config.secret = (const char *)key->secret;
        config.secret_len = key->secret_len;
        text = NULL;
        rc = 0;
    } else {
        rc = yg_token_read(order->key_file, YG_PEM_MAX, false, &text, &config.secret_len);
        config.pem = text;
    }
    order->rules.keys = &config;
    order->rules.num_keys = 1;
    status = rc < 0 ? yg_token_say(YG_TOKEN_EXIT_FAILED, COMMAND, "%s", yg_token_read_words(rc))
                    : check_with(order);
    if (rc == 0)
        yg_token_text_free(text, config.secret_len);
    yg_key_free(key);
    return status;
}

int yg_token_check_main(int argc, char **argv)
{
    struct order order = {
        .rules = {.leeway_ms = 30000, .require_exp = true, .may_have_private_keys = true},
        .now_ms = yg_token_now_ms()};
    int status;

    order.rules.algorithms = order.algorithms;
    if ((status = read_options(&order, argc, argv)) >= 0)
        return status;
    return check(&order);
}
