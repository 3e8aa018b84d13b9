/* SPDX-License-Identifier: MIT */
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/connect.h"
#include "cli/connect_session.h"
#include "cli/token_io.h"

#define COMMAND YG_CONNECT_COMMAND

static const char help[] =
    "Usage: yodel connect URL [OPTION...]\n"
    "Connects as a client: shows what comes, and sends what is written.\n"
    "\n"
    "  http://HOST, https://HOST         Socket.IO\n"
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

enum {
    OPT_EMIT = 256,
    OPT_ACK,
    OPT_ACK_WITH,
    OPT_BINARY,
    OPT_NO_INPUT,
    OPT_LISTEN,
    OPT_EXPECT,
    OPT_EXIT_AFTER
};

static const struct option options[] = {{"emit", required_argument, NULL, OPT_EMIT},
                                        {"ack", no_argument, NULL, OPT_ACK},
                                        {"ack-with", required_argument, NULL, OPT_ACK_WITH},
                                        {"binary", no_argument, NULL, OPT_BINARY},
                                        {"no-input", no_argument, NULL, OPT_NO_INPUT},
                                        {"listen", required_argument, NULL, OPT_LISTEN},
                                        {"expect", required_argument, NULL, OPT_EXPECT},
                                        {"exit-after", required_argument, NULL, OPT_EXIT_AFTER},
                                        YG_CLIENT_LONG_OPTIONS};

static int add_text(struct yg_connect_texts *texts, const char *name, const char *text)
{
    if (texts->num == YG_CONNECT_MAX)
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "%s: at most %d", name, YG_CONNECT_MAX);
    texts->items[texts->num++] = text;
    return 0;
}

static int take_exit_after(struct yg_connect_options *order, const char *text)
{
    if (yg_token_duration(text, &order->exit_ms) == 0 && order->exit_ms > 0 &&
        order->exit_ms < UINT32_MAX)
        return 0;
    if (*text != '0' && yg_token_count(text, UINT64_MAX, &order->exit_count))
        return 0;
    return yg_token_say(YG_EXIT_USAGE, COMMAND, "--exit-after wants a duration (5s) or a number");
}

static int take(int option, const char *text, void *user)
{
    struct yg_connect_options *order = user;

    switch (option) {
    case OPT_EMIT:
        return add_text(&order->emits, "--emit", text);
    case OPT_ACK:
        order->wants_ack = true;
        return 0;
    case OPT_ACK_WITH:
        order->ack_with = text;
        return yg_client_check_json(COMMAND, "--ack-with", text, true);
    case OPT_BINARY:
        order->is_binary = true;
        return 0;
    case OPT_NO_INPUT:
        order->no_input = true;
        return 0;
    case OPT_LISTEN:
        return add_text(&order->listens, "--listen", text);
    case OPT_EXPECT:
        return add_text(&order->expects, "--expect", text);
    case OPT_EXIT_AFTER:
        return take_exit_after(order, text);
    default:
        return -1;
    }
}

static int run_client(const struct yg_client_options *client, struct yg_dial *dial, void *user)
{
    struct yg_connect_options *order = user;

    if (dial->address.protocol == YG_PROTOCOL_SSE && order->emits.num > 0)
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "--emit: an event stream takes nothing");
    order->client = client;
    order->as_json = client->output == YG_CLIENT_UNSAID ? !isatty(STDOUT_FILENO)
                                                        : client->output == YG_CLIENT_JSON;
    return yg_connect_run(order, dial);
}

static int run(int argc, char **argv)
{
    const struct yg_client_command command = {
        .name = COMMAND, .help = help, .options = options, .take = take, .run = run_client};
    struct yg_connect_options order = {.ack_with = "[]"};

    return yg_client_command_run(&command, argc, argv, &order);
}

const struct yg_command yg_command_connect = {
    .name = "connect",
    .run = run,
    .usage = "URL [OPTION...]",
    .doc = "Connects as a client of Socket.IO, WebSocket or server-sent events.",
};
