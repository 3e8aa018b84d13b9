/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/cli.h"
#include "cli/connect.h"
#include "cli/connect_session.h"
#include "cli/token_io.h"

#define COMMAND YG_CONNECT_COMMAND
#define MAX_MESSAGE ((size_t)16 << 20)

static const char help[] =
    "Usage: yodel connect URL [OPTION...]\n"
    "Connects as a client: shows what comes, and sends what is written.\n"
    "\n"
    "  http://HOST, https://HOST         Socket.IO, by WebSocket\n"
    "  ws://HOST/PATH, wss://HOST/PATH   a WebSocket\n"
    "  http://HOST/.../events            server-sent events\n"
    "  --protocol P         socketio, websocket or sse, where the URL does not tell\n"
    "\n"
    "  -n NAMESPACE         of Socket.IO\n"
    "  --auth JSON          the auth of its connect packet\n"
    "  --token-file FILE    a token: as auth.token, and as Authorization: Bearer\n"
    "  --header 'N: V'      one more header of the request\n"
    "  --ca FILE            authorities of certificates; --insecure: do not look at them\n"
    "\n"
    "  --emit 'EVENT JSON...'   sends it once connected; of a WebSocket: a message\n"
    "  --ack                asks for an ack of what is emitted\n"
    "  --ack-with JSON      list that events which want an ack get; [] if not given\n"
    "  --binary             messages of a WebSocket are written as base64, and sent binary\n"
    "  --no-input           does not read the standard input\n"
    "\n"
    "  --listen EVENT       shows this event; without it, all\n"
    "  --expect EVENT       ends with 0 when it has come; several: when all have\n"
    "  --exit-after T       a duration, 5s, or a number of events\n"
    "  --timeout T          to connect; 10s if not given\n"
    "  -o text|json         a line for each thing; json where the output is no terminal\n"
    "\n"
    "Lines of input are EVENT JSON..., [\"EVENT\", ...] or {\"event\", \"args\", \"attachments\", "
    "\"ack\"};\n"
    "of a WebSocket, messages.  At their end it ends, unless --listen, --expect or --exit-after "
    "say\n"
    "when.  Status: 0; 1: the server has ended it; 65: it broke the protocol, or a line is wrong;\n"
    "69: cannot be reached; 75: what is expected has not come in time; 77: refused.\n";

/* What options have brought, beside the options. */
struct order {
    struct yg_connect_options options;
    const char *token_file;
    struct yg_text token, bearer, auth;
    bool format_given;
};

enum {
    OPT_PROTOCOL = 256,
    OPT_AUTH,
    OPT_TOKEN,
    OPT_HEADER,
    OPT_CA,
    OPT_INSECURE,
    OPT_EMIT,
    OPT_ACK,
    OPT_ACK_WITH,
    OPT_BINARY,
    OPT_NO_INPUT,
    OPT_LISTEN,
    OPT_EXPECT,
    OPT_EXIT_AFTER,
    OPT_TIMEOUT,
    OPT_HELP
};

static const struct option options[] = {{"namespace", required_argument, NULL, 'n'},
                                        {"protocol", required_argument, NULL, OPT_PROTOCOL},
                                        {"auth", required_argument, NULL, OPT_AUTH},
                                        {"token-file", required_argument, NULL, OPT_TOKEN},
                                        {"header", required_argument, NULL, OPT_HEADER},
                                        {"ca", required_argument, NULL, OPT_CA},
                                        {"insecure", no_argument, NULL, OPT_INSECURE},
                                        {"emit", required_argument, NULL, OPT_EMIT},
                                        {"ack", no_argument, NULL, OPT_ACK},
                                        {"ack-with", required_argument, NULL, OPT_ACK_WITH},
                                        {"binary", no_argument, NULL, OPT_BINARY},
                                        {"no-input", no_argument, NULL, OPT_NO_INPUT},
                                        {"listen", required_argument, NULL, OPT_LISTEN},
                                        {"expect", required_argument, NULL, OPT_EXPECT},
                                        {"exit-after", required_argument, NULL, OPT_EXIT_AFTER},
                                        {"timeout", required_argument, NULL, OPT_TIMEOUT},
                                        {"output", required_argument, NULL, 'o'},
                                        {"help", no_argument, NULL, OPT_HELP},
                                        {NULL, 0, NULL, 0}};

static int add_text(struct yg_connect_texts *texts, const char *name, const char *text)
{
    if (texts->num == YG_CONNECT_MAX)
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "%s: at most %d", name, YG_CONNECT_MAX);
    texts->items[texts->num++] = text;
    return 0;
}

static int add_header(struct order *order, const char *text)
{
    if (strchr(text, ':') == NULL || strpbrk(text, "\r\n") != NULL)
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "--header wants 'Name: value'");
    return add_text(&order->options.headers, "--header", text);
}

static int check_json(const char *name, const char *text, bool wants_list)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_DECODE_ANY, &error);
    const bool is_good = json != NULL && (wants_list ? json_is_array(json) : json_is_object(json));

    json_decref(json);
    if (is_good)
        return 0;
    return yg_token_say(YG_EXIT_USAGE, COMMAND, "%s wants %s in JSON", name,
                        wants_list ? "a list" : "an object");
}

static int take_protocol(struct order *order, const char *text)
{
    static const char *const words[] = {"socketio", "websocket", "sse"};

    for (int i = 0; i < 3; i++) {
        if (strcmp(words[i], text) == 0) {
            order->options.dial.protocol = i;
            return 0;
        }
    }
    return yg_token_say(YG_EXIT_USAGE, COMMAND, "--protocol wants socketio, websocket or sse");
}

static int take_exit_after(struct order *order, const char *text)
{
    char *end;

    if (yg_token_duration(text, &order->options.exit_ms) == 0 && order->options.exit_ms > 0 &&
        order->options.exit_ms < UINT32_MAX)
        return 0;
    order->options.exit_count = strtoull(text, &end, 10);
    if (*text >= '1' && *text <= '9' && *end == '\0')
        return 0;
    return yg_token_say(YG_EXIT_USAGE, COMMAND, "--exit-after wants a duration (5s) or a number");
}

static int take_timeout(struct order *order, const char *text)
{
    int64_t ms;

    if (yg_token_duration(text, &ms) < 0 || ms < 1 || ms > 3600000)
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "--timeout wants 1ms to 1h");
    order->options.dial.timeout_ms = (uint32_t)ms;
    return 0;
}

static int take_flag(struct order *order, int option)
{
    switch (option) {
    case OPT_INSECURE:
        order->options.dial.is_insecure = true;
        return 0;
    case OPT_ACK:
        order->options.wants_ack = true;
        return 0;
    case OPT_BINARY:
        order->options.is_binary = true;
        return 0;
    case OPT_NO_INPUT:
        order->options.no_input = true;
        return 0;
    default:
        return yg_token_usage(COMMAND);
    }
}

static int take(struct order *order, int option, const char *text)
{
    switch (option) {
    case 'n':
        order->options.ns = text;
        return 0;
    case OPT_PROTOCOL:
        return take_protocol(order, text);
    case OPT_AUTH:
        order->options.auth = text;
        return check_json("--auth", text, false);
    case OPT_TOKEN:
        order->token_file = text;
        return 0;
    case OPT_HEADER:
        return add_header(order, text);
    case OPT_CA:
        order->options.dial.ca_file = text;
        return 0;
    case OPT_EMIT:
        return add_text(&order->options.emits, "--emit", text);
    case OPT_ACK_WITH:
        order->options.ack_with = text;
        return check_json("--ack-with", text, true);
    case OPT_LISTEN:
        return add_text(&order->options.listens, "--listen", text);
    case OPT_EXPECT:
        return add_text(&order->options.expects, "--expect", text);
    case OPT_EXIT_AFTER:
        return take_exit_after(order, text);
    case OPT_TIMEOUT:
        return take_timeout(order, text);
    case 'o':
        order->format_given = true;
        if (yg_token_format(text, &order->options.as_json))
            return 0;
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "-o wants text or json");
    default:
        return take_flag(order, option);
    }
}

/* A token goes to where servers look for it. */
static int read_token(struct order *order)
{
    json_t *auth = json_loads(order->options.auth != NULL ? order->options.auth : "{}", 0, NULL);
    int rc;

    if ((rc = yg_secret_read(order->token_file, &order->token)) < 0) {
        json_decref(auth);
        return yg_token_say(YG_EXIT_FAILED, COMMAND, "%s: %s", order->token_file,
                            yg_file_strerror(rc));
    }
    (void)json_object_set_new(auth, "token", json_string(yg_text_string(&order->token)));
    yg_text_printf(&order->bearer, "Authorization: Bearer %s", yg_text_string(&order->token));
    order->auth.ptr = json_dumps(auth, JSON_COMPACT);
    json_decref(auth);
    if (order->auth.ptr == NULL || yg_text_failed(&order->bearer))
        return yg_token_say(YG_EXIT_FAILED, COMMAND, "out of memory");
    order->auth.len = strlen(order->auth.ptr);
    order->options.auth = order->auth.ptr;
    return add_header(order, order->bearer.ptr);
}

/* -1: go on; else the status to end with. */
static int read_options(struct order *order, int argc, char **argv)
{
    int option, status = 0;

    optind = 0;
    while ((option = getopt_long(argc, argv, "n:o:", options, NULL)) != -1) {
        if (option == OPT_HELP) {
            fputs(help, stdout);
            return YG_EXIT_OK;
        }
        if ((status = take(order, option, optarg)) != 0)
            return status;
    }
    if (optind + 1 != argc)
        return yg_token_say(YG_EXIT_USAGE, COMMAND,
                            optind < argc ? "one URL is enough" : "a URL is wanted");
    if (order->options.ns[0] != '/' || strpbrk(order->options.ns, ",?") != NULL)
        return yg_token_say(YG_EXIT_USAGE, COMMAND,
                            "a namespace begins with \"/\", and has "
                            "neither \",\" nor \"?\"");
    order->options.dial.url = argv[optind];
    if (!order->format_given)
        order->options.as_json = !isatty(STDOUT_FILENO);
    if (order->token_file != NULL && (status = read_token(order)) != 0)
        return status;
    order->options.dial.headers = order->options.headers.items;
    order->options.dial.num_headers = order->options.headers.num;
    return -1;
}

static int say_words(const char *url, int rc, const char *words)
{
    return yg_token_say(rc == -EINVAL         ? YG_EXIT_USAGE
                        : rc == -EHOSTUNREACH ? YG_EXIT_UNREACHABLE
                                              : YG_EXIT_FAILED,
                        COMMAND, "%s: %s", url, words);
}

static int run(int argc, char **argv)
{
    struct order order = {
        .options = {.ns = "/",
                    .ack_with = "[]",
                    .dial = {.protocol = -1, .max_message = MAX_MESSAGE, .timeout_ms = 10000}}};
    struct yg_dial dial = {0};
    const char *words;
    int status = read_options(&order, argc, argv), rc;

    if (status < 0) {
        rc = yg_dial_prepare(&order.options.dial, &words, &dial);
        status = rc < 0 ? say_words(order.options.dial.url, rc, words)
                        : yg_connect_run(&order.options, &dial);
        yg_dial_done(&dial);
    }
    yg_secret_done(&order.token);
    yg_secret_done(&order.bearer);
    yg_secret_done(&order.auth);
    return status;
}

const struct yg_command yg_command_connect = {
    .name = "connect",
    .run = run,
    .usage = "URL [OPTION...]",
    .doc = "Connects as a client of Socket.IO, WebSocket or server-sent events.",
};
