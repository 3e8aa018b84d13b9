/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/client_options.h"
#include "cli/crowd.h"
#include "cli/token_io.h"

#define COMMAND YG_CROWD_COMMAND

static const char help[] =
    "Usage: yodel load URL [OPTION...]\n"
    "Many clients that connect, and send messages at a fixed rate: how long it takes until they "
    "are\n"
    "connected, and until each message is acked, comes back, and reaches the others.\n"
    "\n"
    "  http://HOST, https://HOST         Socket.IO\n"
    "  ws://HOST/PATH, wss://HOST/PATH   WebSockets\n"
    "  --protocol P         socketio or websocket, where the URL does not tell\n"
    "\n"
    "  --clients N          10 if not given\n"
    "  --ramp RATE          how fast they connect; 500/s if not given\n"
    "  --rate RATE          messages of all together; 1/s for each client if not given; 0/s: none\n"
    "  --size SIZE          of a message, 64 if not given\n"
    "  --rooms N            so many rooms, load-0 and on, of which each client is in one\n"
    "  --duration T         how long messages are sent; 10s if not given\n"
    "  --reconnect RATE     clients that go and come back\n"
    "\n"
    "  --message 'EVENT JSON...'   what is sent; of a WebSocket, its text.  %m stands for the\n"
    "                       message, %r for the room, %c for the number of the client, %% for %.\n"
    "                       message \"%m\" if not given, and %m of a WebSocket.  %r may stand in\n"
    "                       the URL, too\n"
    "  --join 'EVENT JSON...'      how a client joins its room, with an ack; yodel:join \"%r\" if\n"
    "                       --rooms is given; none: it need not\n"
    "  --await LIST         what must come of each message: ack, echo, broadcast, none; ack for\n"
    "                       Socket.IO, echo for WebSockets if not given\n"
    "  --max-p99 T          ends with 1 when the p99 of acks, echoes or broadcasts is above that\n"
    "  --max-errors N       ends with 1 when there are more; 1%: of connections and messages\n"
    "\n" YG_CLIENT_HELP
    "  --timeout T          to connect, and for the last answers; 10s if not given\n"
    "  -o text|json\n"
    "\n"
    "Times count from when something was due, so a server that stands still is seen in all that "
    "was\n"
    "due meanwhile.  Status: 0; 1: a limit was passed; of the first failure when nobody could\n"
    "connect: 69, 75, 77.\n";

struct order {
    struct yg_crowd_options load;
    bool rate_given, awaits_given, join_given;
};

enum {
    OPT_CLIENTS = 256,
    OPT_RAMP,
    OPT_RATE,
    OPT_SIZE,
    OPT_ROOMS,
    OPT_DURATION,
    OPT_RECONNECT,
    OPT_MESSAGE,
    OPT_JOIN,
    OPT_AWAIT,
    OPT_MAX_P99,
    OPT_MAX_ERRORS
};

static const struct option options[] = {{"clients", required_argument, NULL, OPT_CLIENTS},
                                        {"ramp", required_argument, NULL, OPT_RAMP},
                                        {"rate", required_argument, NULL, OPT_RATE},
                                        {"size", required_argument, NULL, OPT_SIZE},
                                        {"rooms", required_argument, NULL, OPT_ROOMS},
                                        {"duration", required_argument, NULL, OPT_DURATION},
                                        {"reconnect", required_argument, NULL, OPT_RECONNECT},
                                        {"message", required_argument, NULL, OPT_MESSAGE},
                                        {"join", required_argument, NULL, OPT_JOIN},
                                        {"await", required_argument, NULL, OPT_AWAIT},
                                        {"max-p99", required_argument, NULL, OPT_MAX_P99},
                                        {"max-errors", required_argument, NULL, OPT_MAX_ERRORS},
                                        YG_CLIENT_LONG_OPTIONS};

static int take_number(const char *name, const char *text, unsigned max, unsigned *into)
{
    uint64_t number;

    if (*text == '0' || !yg_token_count(text, max, &number))
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "%s wants 1 to %u", name, max);
    *into = (unsigned)number;
    return 0;
}

/* A number at the beginning, "1" or "0.5": no sign, blank, exponent or hexadecimal digit.  Where it
 * ends; text itself: there is none. */
static const char *take_decimal(const char *text, double *ret_number)
{
    const size_t whole = strspn(text, "0123456789");
    const size_t part = text[whole] == '.' ? strspn(text + whole + 1, "0123456789") : 0;

    if (whole == 0 || whole + part > 18 || (text[whole] == '.' && part == 0))
        return text;
    *ret_number = strtod(text, NULL);
    return text + whole + (part > 0 ? part + 1 : 0);
}

/* "100/s", "30/m" */
static int take_rate(const char *name, const char *text, bool may_be_zero, double *into)
{
    double rate = -1;
    const char *end = take_decimal(text, &rate);

    if (strcmp(end, "/m") == 0)
        rate /= 60;
    else if (strcmp(end, "/s") != 0)
        rate = -1;
    if (rate < 0 || rate > 1e7 || (rate == 0 && !may_be_zero))
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "%s wants a rate, 100/s or 30/m", name);
    *into = rate;
    return 0;
}

static int take_size(const char *text, size_t *into)
{
    static const struct {
        const char *unit;
        unsigned long bytes;
    } units[] = {{"", 1}, {"B", 1}, {"KiB", 1024}, {"MiB", 1048576}};
    char *end;
    const unsigned long number = strtoul(text, &end, 10);

    for (int i = 0; i < 4 && *text >= '0' && *text <= '9' && number < 1UL << 30; i++) {
        if (strcmp(end, units[i].unit) == 0 &&
            number * units[i].bytes <= YG_CLIENT_MAX_MESSAGE / 2) {
            *into = number * units[i].bytes;
            return 0;
        }
    }
    return yg_token_say(YG_EXIT_USAGE, COMMAND, "--size wants 0 to 8MiB");
}

static int take_duration(const char *name, const char *text, uint64_t *into)
{
    int64_t ms;

    if (yg_token_duration(text, &ms) < 0 || ms < 1 || ms > INT64_C(30) * 86400000)
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "%s wants a duration, 200ms or 10s", name);
    *into = (uint64_t)ms * 1000;
    return 0;
}

static int take_max_errors(struct order *order, const char *text)
{
    double number = -1;
    const char *end = take_decimal(text, &number);

    if (number < 0 || (*end != '\0' && strcmp(end, "%") != 0))
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "--max-errors wants a number, or 1%%");
    order->load.max_is_part = *end == '%';
    order->load.max_errors = *end == '%' ? number / 100 : number;
    return 0;
}

static int take_awaits(struct order *order, const char *text)
{
    static const struct {
        const char *word;
        unsigned bit;
    } words[] = {{"ack", YG_CROWD_ACK},
                 {"echo", YG_CROWD_ECHO},
                 {"broadcast", YG_CROWD_BROADCAST},
                 {"none", 0}};

    order->awaits_given = true;
    order->load.awaits = 0;
    while (*text != '\0') {
        const size_t len = strcspn(text, ",");
        int i = 0;

        while (i < 4 && (strlen(words[i].word) != len || strncmp(text, words[i].word, len) != 0))
            i++;
        if (i == 4)
            return yg_token_say(YG_EXIT_USAGE, COMMAND,
                                "--await wants ack, echo, broadcast or none");
        if (words[i].bit == 0 && (order->load.awaits != 0 || text[len] == ','))
            return yg_token_say(YG_EXIT_USAGE, COMMAND, "--await: none stands alone");
        order->load.awaits |= words[i].bit;
        text += text[len] == ',' ? len + 1 : len;
    }
    return 0;
}

static int take(int option, const char *text, void *user)
{
    struct order *order = user;
    struct yg_crowd_options *load = &order->load;

    switch (option) {
    case OPT_MESSAGE:
        load->message = text;
        return 0;
    case OPT_JOIN:
        order->join_given = true;
        load->join = strcmp(text, "none") != 0 ? text : NULL;
        return 0;
    case OPT_CLIENTS:
        return take_number("--clients", text, YG_CROWD_MAX_CLIENTS, &load->clients);
    case OPT_RAMP:
        return take_rate("--ramp", text, false, &load->ramp);
    case OPT_RATE:
        order->rate_given = true;
        return take_rate("--rate", text, true, &load->rate);
    case OPT_SIZE:
        return take_size(text, &load->size);
    case OPT_ROOMS:
        return take_number("--rooms", text, YG_CROWD_MAX_ROOMS, &load->rooms);
    case OPT_DURATION:
        return take_duration("--duration", text, &load->duration_us);
    case OPT_RECONNECT:
        return take_rate("--reconnect", text, true, &load->reconnect);
    case OPT_AWAIT:
        return take_awaits(order, text);
    case OPT_MAX_P99:
        return take_duration("--max-p99", text, &load->max_p99_us);
    case OPT_MAX_ERRORS:
        return take_max_errors(order, text);
    default:
        return -1;
    }
}

/* What follows from other options. */
static int complete(struct order *order, const struct yg_client_options *client,
                    const struct yg_dial *dial)
{
    struct yg_crowd_options *load = &order->load;
    const bool is_sio = dial->address.protocol == YG_PROTOCOL_SOCKETIO;

    if (dial->address.protocol == YG_PROTOCOL_SSE)
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "readers of events send nothing");
    load->dial = client->dial;
    load->ns = client->ns;
    load->auth = client->auth;
    load->as_json = client->output == YG_CLIENT_JSON;
    if (!order->rate_given)
        load->rate = load->clients;
    if (!order->awaits_given)
        load->awaits = is_sio ? YG_CROWD_ACK : YG_CROWD_ECHO;
    if (!is_sio && (load->awaits & YG_CROWD_ACK) != 0)
        return yg_token_say(YG_EXIT_USAGE, COMMAND, "WebSockets have no acks");
    if (!order->join_given && load->rooms > 0)
        load->join = "yodel:join \"%r\"";
    return 0;
}

static int run_clients(const struct yg_client_options *client, struct yg_dial *dial, void *user)
{
    struct order *order = user;
    const int status = complete(order, client, dial);

    return status != 0 ? status : yg_crowd_run(&order->load, dial);
}

static int run(int argc, char **argv)
{
    const struct yg_client_command command = {
        .name = COMMAND, .help = help, .options = options, .take = take, .run = run_clients};
    struct order order = {
        .load = {
            .clients = 10, .ramp = 500, .size = 64, .duration_us = 10000000, .max_errors = -1}};

    return yg_client_command_run(&command, argc, argv, &order);
}

const struct yg_command yg_command_load = {
    .name = "load",
    .run = run,
    .usage = "URL [OPTION...]",
    .doc = "Tries a server with many clients, and measures.",
};
