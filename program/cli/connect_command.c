/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    "\n" YG_CLIENT_HELP "\n"
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
    bool format_given;
};

enum {
    OPT_EMIT = 256,
    OPT_ACK,
    OPT_ACK_WITH,
    OPT_BINARY,
    OPT_NO_INPUT,
    OPT_LISTEN,
    OPT_EXPECT,
    OPT_EXIT_AFTER,
    OPT_HELP
};

static const struct option options[] = {YG_CLIENT_LONG_OPTIONS,
                                        {"emit", required_argument, NULL, OPT_EMIT},
                                        {"ack", no_argument, NULL, OPT_ACK},
                                        {"ack-with", required_argument, NULL, OPT_ACK_WITH},
                                        {"binary", no_argument, NULL, OPT_BINARY},
                                        {"no-input", no_argument, NULL, OPT_NO_INPUT},
                                        {"listen", required_argument, NULL, OPT_LISTEN},
                                        {"expect", required_argument, NULL, OPT_EXPECT},
                                        {"exit-after", required_argument, NULL, OPT_EXIT_AFTER},
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

static int take_flag(struct order *order, int option)
{
    switch (option) {
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
        return yg_client_options_take(&order->options.client, option, optarg);
    }
}

static int take(struct order *order, int option, const char *text)
{
    switch (option) {
    case OPT_EMIT:
        return add_text(&order->options.emits, "--emit", text);
    case OPT_ACK_WITH:
        order->options.ack_with = text;
        return yg_client_check_json(COMMAND, "--ack-with", text, true);
    case OPT_LISTEN:
        return add_text(&order->options.listens, "--listen", text);
    case OPT_EXPECT:
        return add_text(&order->options.expects, "--expect", text);
    case OPT_EXIT_AFTER:
        return take_exit_after(order, text);
    case 'o':
        order->format_given = true;
        if (yg_token_format(text, &order->options.as_json))
            return 0;
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "-o wants text or json");
    default:
        return take_flag(order, option);
    }
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
    if (!order->format_given)
        order->options.as_json = !isatty(STDOUT_FILENO);
    status = yg_client_options_finish(&order->options.client, argc, argv);
    return status != 0 ? status : -1;
}

static int run(int argc, char **argv)
{
    struct order order = {.options = {.ack_with = "[]"}};
    struct yg_dial dial = {0};
    int status;

    yg_client_options_init(&order.options.client, COMMAND, MAX_MESSAGE);
    status = read_options(&order, argc, argv);
    if (status < 0) {
        status = yg_client_options_dial(&order.options.client, &dial);
        if (status == 0)
            status = yg_connect_run(&order.options, &dial);
        yg_dial_done(&dial);
    }
    yg_client_options_done(&order.options.client);
    return status;
}

const struct yg_command yg_command_connect = {
    .name = "connect",
    .run = run,
    .usage = "URL [OPTION...]",
    .doc = "Connects as a client of Socket.IO, WebSocket or server-sent events.",
};
