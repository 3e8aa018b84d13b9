/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "serve/state.h"

static void write_line(const struct yg_state *state, enum yg_log_level level, yodel_str text)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    char time[YG_CLOCK_TEXT];
    struct yg_text line = {0};

    yg_clock_text(yg_clock_wall_ms(), time);
    if (text.len > 1000)
        text.len = 1000;
    if (state->log_json) {
        yg_text_printf(&line, "{\"ts\":\"%s\",\"level\":\"%s\",\"msg\":", time, names[level]);
        yg_text_put_json(&line, text.ptr, text.len);
        yg_text_puts(&line, "}\n");
    } else {
        yg_text_printf(&line, "%s %s %" YODEL_PRI "\n", time, names[level], YODEL_ARG(text));
    }
    while (write(STDERR_FILENO, line.ptr, line.len) < 0 && errno == EINTR)
        continue;
    yg_text_done(&line);
}

void yg_log_write(yodel_log_level level, yodel_str text, void *user)
{
    struct yg_state *state = user;

    if ((int)level >= atomic_load_explicit(&state->log_level, memory_order_relaxed))
        write_line(state, (enum yg_log_level)level, text);
}

void yg_log(struct yg_state *state, enum yg_log_level level, const char *format, ...)
{
    char text[1000];
    va_list args;
    int len;

    if ((int)level < atomic_load_explicit(&state->log_level, memory_order_relaxed))
        return;
    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len >= (int)sizeof(text))
        len = sizeof(text) - 1;
    write_line(state, level, (yodel_str){text, len > 0 ? (size_t)len : 0});
}
