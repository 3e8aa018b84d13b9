/* SPDX-License-Identifier: MIT */
#include "cli/client_options.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/file.h"
#include "cli/output.h"
#include "cli/token_io.h"

void yg_client_options_init(struct yg_client_options *options, const char *command,
                            size_t max_message)
{
    *options = (struct yg_client_options){
        .command = command,
        .ns = "/",
        .dial = {.protocol = -1, .max_message = max_message, .timeout_ms = 10000}};
}

int yg_client_check_json(const char *command, const char *name, const char *text, bool wants_list)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    const bool is_good = json != NULL && (wants_list ? json_is_array(json) : json_is_object(json));

    json_decref(json);
    if (is_good)
        return 0;
    return yg_token_say(YG_EXIT_USAGE, command, "%s wants %s in JSON", name,
                        wants_list ? "a list" : "an object");
}

static int take_protocol(struct yg_client_options *options, const char *text)
{
    static const char *const words[] = {"socketio", "websocket", "sse"};

    for (int i = 0; i < 3; i++) {
        if (strcmp(words[i], text) == 0) {
            options->dial.protocol = i;
            return 0;
        }
    }
    return yg_token_say(YG_EXIT_USAGE, options->command,
                        "--protocol wants socketio, websocket or sse");
}

static int add_header(struct yg_client_options *options, const char *text)
{
    if (strchr(text, ':') == NULL || strpbrk(text, "\r\n") != NULL)
        return yg_token_say(YG_EXIT_USAGE, options->command, "--header wants 'Name: value'");
    if (options->num_headers == YG_CLIENT_MAX_HEADERS)
        return yg_token_say(YG_EXIT_USAGE, options->command, "at most %d headers",
                            YG_CLIENT_MAX_HEADERS);
    options->headers[options->num_headers++] = text;
    return 0;
}

static int take_timeout(struct yg_client_options *options, const char *text)
{
    int64_t ms;

    if (yg_token_duration(text, &ms) < 0 || ms < 1 || ms > 3600000)
        return yg_token_say(YG_EXIT_USAGE, options->command, "--timeout wants 1ms to 1h");
    options->dial.timeout_ms = (uint32_t)ms;
    return 0;
}

int yg_client_options_take(struct yg_client_options *options, int option, const char *text)
{
    switch (option) {
    case 'n':
        options->ns = text;
        if (text[0] == '/' && strpbrk(text, ",?") == NULL)
            return 0;
        return yg_token_say(YG_EXIT_USAGE, options->command,
                            "a namespace begins with \"/\", and has neither \",\" nor \"?\"");
    case YG_CLIENT_OPT_PROTOCOL:
        return take_protocol(options, text);
    case YG_CLIENT_OPT_AUTH:
        options->auth = text;
        return yg_client_check_json(options->command, "--auth", text, false);
    case YG_CLIENT_OPT_TOKEN:
        options->token_file = text;
        return 0;
    case YG_CLIENT_OPT_HEADER:
        return add_header(options, text);
    case YG_CLIENT_OPT_CA:
        options->dial.ca_file = text;
        return 0;
    case YG_CLIENT_OPT_INSECURE:
        options->dial.is_insecure = true;
        return 0;
    case YG_CLIENT_OPT_TIMEOUT:
        return take_timeout(options, text);
    default:
        return yg_token_usage(options->command);
    }
}

/* A token goes to where servers look for it. */
static int read_token(struct yg_client_options *options)
{
    const int rc = yg_secret_read(options->token_file, &options->token);
    json_t *auth;

    if (rc < 0)
        return yg_token_say(YG_EXIT_FAILED, options->command, "%s: %s", options->token_file,
                            yg_file_strerror(rc));
    auth = json_loads(options->auth != NULL ? options->auth : "{}", 0, NULL);
    (void)json_object_set_new(auth, "token", json_string(yg_text_string(&options->token)));
    yg_text_printf(&options->bearer, "Authorization: Bearer %s", yg_text_string(&options->token));
    options->auth_text.ptr = json_dumps(auth, JSON_COMPACT);
    json_decref(auth);
    if (options->auth_text.ptr == NULL || yg_text_failed(&options->bearer))
        return yg_token_say(YG_EXIT_FAILED, options->command, "out of memory");
    options->auth_text.len = strlen(options->auth_text.ptr);
    options->auth = options->auth_text.ptr;
    return add_header(options, options->bearer.ptr);
}

int yg_client_options_finish(struct yg_client_options *options, int argc, char **argv)
{
    int status = 0;

    if (optind + 1 != argc)
        return yg_token_say(YG_EXIT_USAGE, options->command,
                            optind < argc ? "one URL is enough" : "a URL is wanted");
    options->dial.url = argv[optind];
    if (options->token_file != NULL)
        status = read_token(options);
    options->dial.headers = options->headers;
    options->dial.num_headers = options->num_headers;
    return status;
}

int yg_client_options_dial(const struct yg_client_options *options, struct yg_dial *ret_dial)
{
    const char *words;
    const int rc = yg_dial_prepare(&options->dial, &words, ret_dial);

    if (rc == 0)
        return 0;
    return yg_token_say(rc == -EINVAL         ? YG_EXIT_USAGE
                        : rc == -EHOSTUNREACH ? YG_EXIT_UNREACHABLE
                                              : YG_EXIT_FAILED,
                        options->command, "%s: %s", options->dial.url, words);
}

void yg_client_options_done(struct yg_client_options *options)
{
    yg_secret_done(&options->token);
    yg_secret_done(&options->bearer);
    yg_secret_done(&options->auth_text);
}
