/* SPDX-License-Identifier: MIT */
#include "demo.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef YODEL_DEMO_PUBLIC
#define YODEL_DEMO_PUBLIC "demo/public"
#endif

enum { DEFAULT_PORT = 8000, DEFAULT_NOTIFY_MS = 30000 };

enum kind { TEXT, NUMBER, FLAG, TLS, LIST };

struct option {
    const char *name;
    enum kind kind;
    size_t field; /* its offset in struct demo_options */
    const char *arguments;
    const char *help;
};

#define FIELD(name) offsetof(struct demo_options, name)

static const struct option known_options[] = {
    {"--port", NUMBER, FIELD(port), "N", "port to listen on; 0: a free one, printed as PORT n"},
    {"--host", TEXT, FIELD(host), "H", "address to listen on; default: localhost"},
    {"--unix", TEXT, FIELD(unix_path), "PATH", "listen on a Unix socket too"},
    {"--listen", TEXT, FIELD(address), "ADDRESS", "listen there too, as fd:3 or systemd:NAME"},
    {"--loops", NUMBER, FIELD(loops), "N", "loop threads; default: one for each CPU"},
    {"--tls", TLS, 0, "CERT KEY", "speak TLS, with these PEM files (SIGHUP reads them again)"},
    {"--public", TEXT, FIELD(public_dir), "DIR", "directory of the page"},
    {"--client-dir", TEXT, FIELD(client_dir), "DIR", "directory of the Socket.IO client to serve"},
    {"--notify-ms", NUMBER, FIELD(notify_ms), "N", "between notifications to /chat; 0: none"},
    {"--origins", LIST, FIELD(origins), "LIST",
     "origins let in to /restricted, with commas between"},
    {"--trust", LIST, FIELD(trusted), "LIST",
     "proxies: addresses, networks, unix, with commas between"},
    {"--proxy-unix", TEXT, FIELD(proxy_path), "PATH",
     "Unix socket for the PROXY protocol; needs --trust"},
    {"--max-connections", NUMBER, FIELD(max_connections), "N", "further ones are answered 503"},
    {"--max-address-connections", NUMBER, FIELD(max_address_connections), "N",
     "of one client; 429"},
    {"--max-messages", NUMBER, FIELD(max_messages), "N", "a second of one connection; close 1008"},
    {"--header-timeout-ms", NUMBER, FIELD(header_ms), "N", "for the head of a request"},
    {"--body-timeout-ms", NUMBER, FIELD(body_ms), "N", "for its body"},
    {"--decide-timeout-ms", NUMBER, FIELD(decide_ms), "N", "for a deferred answer"},
    {"--keep-timeout-ms", NUMBER, FIELD(keep_ms), "N", "between the requests of a connection"},
    {"--ping-interval-ms", NUMBER, FIELD(ping_ms), "N", "until a quiet WebSocket is pinged"},
    {"--pong-timeout-ms", NUMBER, FIELD(pong_ms), "N", "until one that stays quiet is closed"},
    {"--send-timeout-ms", NUMBER, FIELD(send_ms), "N", "until a peer that never reads is closed"},
    {"--drain-ms", NUMBER, FIELD(drain_ms), "N", "to finish in when asked to stop"},
    {"--spread-ms", NUMBER, FIELD(spread_ms), "N", "of that, to close connections one by one"},
    {"--stop-code", NUMBER, FIELD(stop_code), "N", "of the close frames; default: 1001"},
    {"--takeover", TEXT, FIELD(takeover_path), "PATH",
     "Unix socket where restarts hand over the listening sockets"},
    {"--redis", TEXT, FIELD(redis), "URL", "share rooms with the other nodes at this Redis"},
    {"--form", TEXT, FIELD(form), "FORM",
     "of Socket.IO there: nodes, classic, sharded or streams; default: nodes"},
    {"--node", TEXT, FIELD(node), "NAME", "of this node; default: host:pid"},
    {"--carry", LIST, FIELD(carry), "LIST",
     "addresses where the nodes reach each other, the same in all; needs --secret"},
    {"--self", NUMBER, FIELD(self), "N", "which of these is this node, from 0"},
    {"--carry-address", TEXT, FIELD(carry_address), "HOST:PORT",
     "in their place: where the others reach this one; they are found by --redis"},
    {"--secret", TEXT, FIELD(secret), "TEXT", "that the nodes share, 16 to 64 bytes"},
    {"--verbose", FLAG, FIELD(verbose), "", "log to standard error what peers do wrong"},
};

static const char *const default_origins[] = {"localhost", "127.0.0.1", NULL};

static void print_help(FILE *out)
{
    fprintf(out, "usage: yodel-demo [option...]\n");
    for (size_t i = 0; i < sizeof known_options / sizeof known_options[0]; i++) {
        const struct option *option = &known_options[i];
        int width = 32 - (int)strlen(option->name);

        fprintf(out, "  %s %-*s%s\n", option->name, width > 0 ? width : 1, option->arguments,
                option->help);
    }
}

static const struct option *find_option(const char *name)
{
    for (size_t i = 0; i < sizeof known_options / sizeof known_options[0]; i++)
        if (strcmp(known_options[i].name, name) == 0)
            return &known_options[i];
    return NULL;
}

static int parse_number(const char *text, uint32_t *ret_number)
{
    char *end;
    unsigned long value;

    errno = 0;
    value = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *text == '-' || value > UINT32_MAX)
        return -1;
    *ret_number = (uint32_t)value;
    return 0;
}

static void free_list(const char *const *list)
{
    if (list == NULL || list == default_origins)
        return;
    free((void *)(uintptr_t)list[0]); /* all texts lie in one copy of the argument */
    free((void *)(uintptr_t)list);
}

static int parse_list(const char *text, const char *const **list)
{
    size_t num = 1;
    const char **made;
    char *copy;

    for (const char *c = text; *c != '\0'; c++)
        num += *c == ',';
    made = calloc(num + 1, sizeof *made);
    copy = strdup(text);
    if (made == NULL || copy == NULL) {
        free(made);
        free(copy);
        return -1;
    }
    for (size_t i = 0; i < num; i++) {
        made[i] = copy;
        copy += strcspn(copy, ",");
        *copy++ = '\0';
    }
    free_list(*list);
    *list = made;
    return 0;
}

/* Reads the value of one option.  Returns how many arguments it used, or -1. */
static int parse_option(const struct option *option, char **values, int num_values,
                        struct demo_options *options)
{
    void *field = (char *)options + option->field;
    int needed = option->kind == FLAG ? 0 : option->kind == TLS ? 2 : 1;

    if (num_values < needed)
        return -1;
    switch (option->kind) {
    case TEXT:
        *(const char **)field = values[0];
        break;
    case NUMBER:
        if (parse_number(values[0], field) < 0)
            return -1;
        break;
    case FLAG:
        *(uint32_t *)field = 1;
        break;
    case TLS:
        options->tls_cert = values[0];
        options->tls_key = values[1];
        break;
    case LIST:
        if (parse_list(values[0], field) < 0)
            return -1;
        break;
    }
    return needed;
}

int demo_options_parse(int argc, char **argv, struct demo_options *ret_options)
{
    struct demo_options options = {.port = DEFAULT_PORT,
                                   .public_dir = YODEL_DEMO_PUBLIC,
                                   .notify_ms = DEFAULT_NOTIFY_MS,
                                   .origins = default_origins};

    for (int i = 1; i < argc; i++) {
        const struct option *option = find_option(argv[i]);
        int used = -1;

        if (strcmp(argv[i], "--help") == 0) {
            print_help(stdout);
            demo_options_done(&options);
            return 1;
        }
        if (option != NULL)
            used = parse_option(option, argv + i + 1, argc - i - 1, &options);
        if (used < 0) {
            fprintf(stderr, option ? "yodel-demo: %s needs: %s\n" : "yodel-demo: unknown: %s\n",
                    argv[i], option ? option->arguments : "");
            print_help(stderr);
            demo_options_done(&options);
            return -1;
        }
        i += used;
    }
    *ret_options = options;
    return 0;
}

void demo_options_done(struct demo_options *options)
{
    free_list(options->origins);
    free_list(options->trusted);
    free_list(options->carry);
    options->origins = options->trusted = options->carry = NULL;
}
