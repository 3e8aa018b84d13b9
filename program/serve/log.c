/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/peer.h"
#include "base/text.h"
#include "serve/state.h"

#define MAX_LINE 1000 /* bytes of a text */
#define LASTING_MS 60000

/* Whether standard error is the journal's: systemd names its device and inode. */
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat about;

    return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &about) == 0 && about.st_dev == device && about.st_ino == inode;
}

static enum yg_log_form form_of(const struct yg_log_config *config)
{
    const bool has_file = *config->file != '\0';

    if (config->format == YG_FORMAT_JSON)
        return YG_LOG_JSON;
    if (!has_file && is_journal())
        return YG_LOG_JOURNAL;
    if (config->format == YG_FORMAT_TEXT || (!has_file && isatty(STDERR_FILENO)))
        return YG_LOG_TEXT;
    return YG_LOG_JSON;
}

/* ---- lines ---- */

static void put_member(struct yg_text *line, const char *name, yodel_str value)
{
    if (value.len == 0)
        return;
    yg_text_printf(line, ",\"%s\":", name);
    yg_text_put_json(line, value.ptr, value.len);
}

static void put_string(struct yg_text *line, const char *name, const char *value)
{
    put_member(line, name, yodel_str_of(value != NULL ? value : ""));
}

static void put_json(struct yg_text *line, const char *node, const struct yg_log_about *about,
                     yodel_str text)
{
    put_member(line, "node", yodel_str_of(node));
    put_string(line, "event", about->event);
    yg_text_puts(line, ",\"msg\":");
    yg_text_put_json(line, text.ptr, text.len);
    if (about->conn != 0)
        yg_text_printf(line, ",\"conn\":\"%016" PRIx64 "\"", about->conn);
    put_member(line, "sid", about->sid);
    put_member(line, "namespace", about->ns);
    put_string(line, "user", about->user);
    put_member(line, "address", yg_peer_address(about->address));
    if (yg_peer_port(about->address) > 0)
        yg_text_printf(line, ",\"port\":%u", yg_peer_port(about->address));
    put_string(line, "error", about->error);
    put_string(line, "transport", about->transport);
    put_string(line, "reason", about->reason);
    put_member(line, "path", about->path);
    put_string(line, "command", about->command);
    put_string(line, "key", about->key);
    yg_text_puts(line, "}\n");
}

static void put_line(const struct yg_state *state, enum yg_log_level level,
                     const struct yg_log_about *about, yodel_str text, struct yg_text *line)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    static const int journal[] = {7, 6, 4, 3}; /* as those of syslog(3) */
    char time[YG_CLOCK_TEXT];

    yg_clock_text(yg_clock_wall_ms(), time);
    if (state->log_form == YG_LOG_JSON) {
        yg_text_printf(line, "{\"ts\":\"%s\",\"level\":\"%s\"", time, names[level]);
        put_json(line, state->node, about, text);
    } else if (state->log_form == YG_LOG_JOURNAL) {
        yg_text_printf(line, "<%d>%" YODEL_PRI "\n", journal[level], YODEL_ARG(text));
    } else {
        yg_text_printf(line, "%s %s %" YODEL_PRI "\n", time, names[level], YODEL_ARG(text));
    }
}

static void write_line(struct yg_state *state, enum yg_log_level level,
                       const struct yg_log_about *about, yodel_str text)
{
    struct yg_log_about shown = *about;
    struct yg_text line = {0}, words = {0}, path = {0};

    if (text.len > MAX_LINE)
        text.len = MAX_LINE;
    yg_redact_put(&state->redact, &words, text);
    yg_redact_put(&state->redact, &path, about->path);
    shown.path = (yodel_str){path.ptr, path.len};
    put_line(state, level, &shown, (yodel_str){words.ptr, words.len}, &line);
    if (!yg_text_failed(&line) && !yg_text_failed(&words) && !yg_text_failed(&path))
        yg_sink_write(state->sink, line.ptr, line.len);
    yg_text_done(&path);
    yg_text_done(&words);
    yg_text_done(&line);
}

static _Thread_local json_t *captured; /* NULL: nobody wants it */

void yg_log_capture(json_t *list)
{
    captured = list;
}

static void capture(enum yg_log_level level, yodel_str text)
{
    if (captured != NULL && level >= YG_LOG_WARN)
        (void)json_array_append_new(captured, json_stringn(text.ptr, text.len));
}

/* Lines with one key are of one kind. */
static void consider(struct yg_state *state, struct yg_repeat *repeat, const char *key,
                     enum yg_log_level level, const struct yg_log_about *about, yodel_str text)
{
    if ((int)level >= atomic_load_explicit(&state->log_level, memory_order_relaxed) &&
        yg_repeat_allows(repeat, key, (int)level, text.ptr, text.len, yg_clock_ms()))
        write_line(state, level, about, text);
}

void yg_log_write(yodel_log_level level, yodel_str text, void *user)
{
    const struct yg_log_about about = {.event = "library"};
    char key[200];
    const size_t len = text.len < sizeof(key) ? text.len : sizeof(key) - 1;

    memcpy(key, text.ptr, len);
    key[len] = '\0';
    capture((enum yg_log_level)level, text);
    consider(user, &((struct yg_state *)user)->repeat, key, (enum yg_log_level)level, &about, text);
}

static void say(struct yg_state *state, enum yg_log_level level, const struct yg_log_about *about,
                const char *format, va_list args) __attribute__((format(printf, 4, 0)));

static void say(struct yg_state *state, enum yg_log_level level, const struct yg_log_about *about,
                const char *format, va_list args)
{
    char text[MAX_LINE];
    int len;

    if ((int)level < atomic_load_explicit(&state->log_level, memory_order_relaxed) &&
        captured == NULL)
        return;
    len = vsnprintf(text, sizeof(text), format, args);
    if (len >= (int)sizeof(text))
        len = sizeof(text) - 1;
    capture(level, (yodel_str){text, len > 0 ? (size_t)len : 0});
    consider(state, &state->repeat, format, level, about,
             (yodel_str){text, len > 0 ? (size_t)len : 0});
}

/* Adds "file:line:column: " of the option that a text begins with; nothing where nobody has set it,
 * or out of memory. */
static void put_place_of(struct yg_text *into, const struct yg_config *config, const char *text)
{
    const char *end = strstr(text, ": ");
    char option[256];
    struct yg_place place;

    snprintf(option, sizeof(option), "%.*s", end != NULL ? (int)(end - text) : 0, text);
    place = yg_config_place(config, option);
    if (strcmp(place.source, YG_PLACE_DEFAULT) == 0)
        return;
    yg_place_put(into, &place);
    yg_text_puts(into, ": ");
    if (yg_text_failed(into))
        yg_text_reset(into);
}

void yg_log(struct yg_state *state, enum yg_log_level level, const char *format, ...)
{
    const struct yg_log_about about = {.event = "program"};
    va_list args;

    va_start(args, format);
    say(state, level, &about, format, args);
    va_end(args);
}

void yg_log_option(struct yg_state *state, const struct yg_config *config, const char *format, ...)
{
    char text[MAX_LINE];
    struct yg_text place = {0};
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    put_place_of(&place, config, text);
    yg_log(state, YG_LOG_ERROR, "%s%s", yg_text_string(&place), text);
    yg_text_done(&place);
}

void yg_log_about(struct yg_state *state, enum yg_log_level level, const struct yg_log_about *about,
                  const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(state, level, about, format, args);
    va_end(args);
}

/* A text of one kind is the same but for its digits. */
void yg_log_lasting(struct yg_state *state, enum yg_log_level level, const char *event,
                    const char *format, ...)
{
    const struct yg_log_about about = {.event = event};
    char text[MAX_LINE];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len >= (int)sizeof(text))
        len = sizeof(text) - 1;
    consider(state, &state->lasting, text, level, &about,
             (yodel_str){text, len > 0 ? (size_t)len : 0});
}

void yg_log_access(struct yg_state *state, const struct yg_log_about *about, const char *format,
                   ...)
{
    char text[MAX_LINE];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len >= (int)sizeof(text))
        len = sizeof(text) - 1;
    write_line(state, YG_LOG_INFO, about, (yodel_str){text, len > 0 ? (size_t)len : 0});
}

bool yg_log_once_a_second(atomic_int_least64_t *said)
{
    const int_least64_t now = yg_clock_wall_ms() / 1000;

    return atomic_exchange_explicit(said, now, memory_order_relaxed) != now;
}

/* ---- the log ---- */

static void tell_left_out(int level, uint32_t left_out, const char *text, void *user)
{
    const struct yg_log_about about = {.event = "log.repeated"};
    char line[YG_REPEAT_TEXT + 60];
    const int len = snprintf(line, sizeof(line), "%" PRIu32 " more like this were left out: %s",
                             left_out, text);

    write_line(user, (enum yg_log_level)level, &about, (yodel_str){line, (size_t)len});
}

void yg_log_turn(struct yg_state *state)
{
    yg_repeat_tell(&state->repeat, yg_clock_ms(), tell_left_out, state);
    yg_repeat_tell(&state->lasting, yg_clock_ms(), tell_left_out, state);
}

static void on_reopened(int result, uint64_t number, void *user)
{
    if (result < 0)
        yg_log_event(user, YG_LOG_ERROR, "log.reopen_failed",
                     "log.file: cannot be opened again: %s", strerror(-result));
    else
        yg_log_event(user, YG_LOG_INFO, "log.reopened", "log.file: opened again");
    yg_control_reopened(user, result, number);
}

/* There is no log to say it in. */
static void tell_file(const struct yg_config *config, int rc)
{
    struct yg_text place = {0};

    put_place_of(&place, config, "log.file: ");
    fprintf(stderr, "yodel: %slog.file: %s: %s\n", yg_text_string(&place), config->log.file,
            strerror(-rc));
    yg_text_done(&place);
}

int yg_log_start(struct yg_state *state)
{
    const struct yg_log_config *config = &state->first->log;
    int rc;

    state->log_form = form_of(config);
    yg_repeat_init(&state->repeat);
    yg_repeat_init(&state->lasting);
    yg_repeat_set(&state->lasting, 1, LASTING_MS);
    yg_redact_init(&state->redact);
    if ((rc = yg_log_change(state, state->first)) < 0)
        return rc;
    rc = yg_sink_new(config->file, on_reopened, state, &state->sink);
    if (rc < 0)
        tell_file(state->first, rc);
    return rc;
}

/* Tokens in the query are not written, whatever they are called. */
static int change_redact(struct yg_state *state, const struct yg_config *config)
{
    const struct yg_texts *given = &config->log.redact, *sources = &config->auth.jwt.sources;
    const char **names = calloc(given->num + sources->num + 1, sizeof(*names));
    size_t num = 0;
    int rc;

    if (names == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < given->num; i++) {
        if (*given->items[i] != '\0')
            names[num++] = given->items[i];
    }
    for (size_t i = 0; i < sources->num; i++) {
        if (strncmp(sources->items[i], "query:", 6) == 0)
            names[num++] = sources->items[i] + 5; /* with its colon: see redact.h */
    }
    rc = yg_redact_set(&state->redact, names, num);
    free(names);
    return rc;
}

int yg_log_change(struct yg_state *state, const struct yg_config *all)
{
    const struct yg_log_config *config = &all->log;
    const int rc = change_redact(state, all);

    atomic_store(&state->log_access, config->access);
    atomic_store(&state->log_level, config->level);
    yg_repeat_set(&state->repeat, config->repeat.count, config->repeat.per_ms);
    return rc;
}

void yg_log_end(struct yg_state *state)
{
    yg_sink_free(state->sink);
    state->sink = NULL;
    yg_repeat_done(&state->repeat);
    yg_repeat_done(&state->lasting);
    yg_redact_done(&state->redact);
}

void yg_log_put(struct yg_state *state, struct yg_text *text)
{
    yg_metric(text, "yodel_log_suppressed_total", "counter",
              "Lines of the log that were left out, as too many were alike.",
              yg_repeat_left_out(&state->repeat) + yg_repeat_left_out(&state->lasting));
    yg_metric(text, "yodel_log_dropped_total", "counter", "Lines that could not be written.",
              yg_sink_dropped(state->sink));
}
