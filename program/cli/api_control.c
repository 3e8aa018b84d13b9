/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "cli/api_verbs.h"
#include "cli/columns.h"
#include "cli/output.h"

/* `yodel reload`, `reopen` and `stop`: what signals do, and how it ended. */

#define STOP_MS 60000 /* that the end is waited for */
#define LOOK_MS 50

static int ask(struct yg_api_client *client, const char *method, const char *path,
               struct yg_api_answer *answer)
{
    const bool posts = strcmp(method, "POST") == 0;

    return yg_api_ask(
        client,
        &(struct yg_api_request){
            .method = method, .path = path, .type = posts ? "application/json" : NULL, .body = ""},
        answer);
}

/* Asks, and looks at the answer. */
static int call(struct yg_api_client *client, const char *method, const char *path,
                struct yg_api_answer *answer)
{
    const int rc = ask(client, method, path, answer);

    return rc != 0 ? rc : yg_api_check(client, answer);
}

/* ---- reload ---- */

static void put_keys(struct yg_text *text, const json_t *keys, const char *what)
{
    for (size_t i = 0; i < json_array_size(keys); i++) {
        yg_text_printf(text, "%-14s", what);
        yg_columns_put_value(text, json_array_get(keys, i));
        yg_text_putc(text, '\n');
    }
}

static int show_reload(const struct yg_api_words *words, const json_t *answer)
{
    const json_t *warnings = json_object_get(answer, "warnings");
    struct yg_text text = {0};

    for (size_t i = 0; i < json_array_size(warnings); i++)
        yg_api_say(&words->where, 0, "warning: %s", json_string_value(json_array_get(warnings, i)));
    if (words->where.as_json)
        return yg_api_print_json(words, answer);
    put_keys(&text, json_object_get(answer, "changed"), "changed");
    put_keys(&text, json_object_get(answer, "needs_restart"), "needs restart");
    if (text.len == 0)
        yg_text_puts(&text, "nothing has changed\n");
    return yg_cli_print(&text);
}

static int reload(struct yg_api_client *client, const struct yg_api_words *words)
{
    struct yg_api_answer answer;
    const json_t *problems;
    int rc = call(client, "POST", "reload", &answer);

    problems = json_object_get(answer.json, "problems");
    for (size_t i = 0; !words->where.as_json && i < json_array_size(problems); i++)
        yg_api_say(&words->where, 0, "%s", json_string_value(json_array_get(problems, i)));
    if (rc == 0)
        rc = show_reload(words, answer.json);
    yg_api_answer_done(&answer);
    return rc;
}

/* ---- reopen ---- */

static int reopen(struct yg_api_client *client, const struct yg_api_words *words)
{
    struct yg_api_answer answer;
    int rc = call(client, "POST", "reopen", &answer);

    if (rc == 0 && json_is_null(json_object_get(answer.json, "file")))
        yg_api_say(&words->where, 0, "there is no log.file");
    if (rc == 0 && words->where.as_json)
        rc = yg_api_print_json(words, answer.json);
    yg_api_answer_done(&answer);
    return rc;
}

/* ---- stop ---- */

/* A process of this machine: its number, and when it started. */
struct process {
    long long pid;
    unsigned long long started;
};

/* As in /proc/PID/stat: the state is the third field, the start the 22nd.  Returns false for one
 * that has ended, be it that nobody has waited for it yet. */
static bool is_there(const struct process *process)
{
    char path[40], line[1000], *at;
    FILE *file;
    bool has_line;

    snprintf(path, sizeof(path), "/proc/%lld/stat", process->pid);
    file = fopen(path, "re");
    has_line = file != NULL && fgets(line, sizeof(line), file) != NULL;
    if (file != NULL)
        fclose(file);
    if (!has_line || (at = strrchr(line, ')')) == NULL || at[1] == '\0' || at[2] == 'Z' ||
        at[2] == 'X')
        return false;
    for (int field = 2; field < 22 && at != NULL; field++)
        at = strchr(at + 1, ' ');
    return at != NULL && strtoull(at, NULL, 10) == process->started;
}

/* Which process it is; pid 0: none that can be seen from here, so it is another machine's, or in a
 * container. */
static int find_process(struct yg_api_client *client, struct process *process)
{
    struct yg_api_answer answer;
    const int rc = call(client, "GET", "process", &answer);

    process->pid = json_integer_value(json_object_get(answer.json, "pid"));
    process->started =
        (unsigned long long)json_integer_value(json_object_get(answer.json, "started"));
    yg_api_answer_done(&answer);
    if (rc == 0 && (client->unix_path == NULL || !is_there(process)))
        process->pid = 0;
    return rc;
}

/* Returns whether it has gone in time. */
static bool await(const struct process *process, uint32_t max_ms)
{
    const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000};
    const uint64_t end_ms = yg_clock_ms() + max_ms;

    while (is_there(process)) {
        if (yg_clock_ms() >= end_ms)
            return false;
        nanosleep(&pause, NULL);
    }
    return true;
}

static int show_stop(const struct yg_api_words *words, const struct process *process)
{
    if (!words->where.as_json)
        return 0;
    printf("{\"pid\":%lld,\"gone\":%s}\n", process->pid,
           process->pid != 0 && !words->no_wait ? "true" : "false");
    return yg_cli_flush() ? 0 : YG_EXIT_FAILED;
}

/* One that ends at once may take its answer along: if it can be seen, that is looked at instead. */
static int ask_to_stop(struct yg_api_client *client, bool at_once, bool can_be_seen)
{
    const struct yg_api_where *where = client->where;
    struct yg_api_where quiet = *where;
    struct yg_api_answer answer;
    int rc;

    quiet.is_quiet = at_once && can_be_seen;
    client->where = &quiet;
    rc = call(client, "POST", at_once ? "stop?now" : "stop", &answer);
    client->where = where;
    yg_api_answer_done(&answer);
    return quiet.is_quiet && rc == YG_EXIT_UNREACHABLE ? 0 : rc;
}

static int stop(struct yg_api_client *client, const struct yg_api_words *words)
{
    const uint32_t max_ms = words->ack_ms != 0 ? words->ack_ms : STOP_MS;
    struct process process = {0};
    int rc = find_process(client, &process);

    if (rc == 0)
        rc = ask_to_stop(client, words->at_once, process.pid != 0);
    if (rc != 0)
        return rc;
    if (process.pid == 0 && !words->no_wait)
        yg_api_say(&words->where, 0, "it stops, and cannot be seen from here");
    else if (!words->no_wait && !await(&process, max_ms))
        return yg_api_say(&words->where, YG_EXIT_TIMEOUT, "process %lld still runs", process.pid);
    return show_stop(words, &process);
}

int yg_api_control(struct yg_api_words *words)
{
    struct yg_api_client client;
    int rc = yg_api_open(&words->where, &client);

    if (rc == 0)
        rc = words->verb == YG_API_RELOAD   ? reload(&client, words)
             : words->verb == YG_API_REOPEN ? reopen(&client, words)
                                            : stop(&client, words);
    yg_api_close(&client);
    return rc;
}
