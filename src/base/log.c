/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/container.h"
#include "base/utf8.h"

#define LINE_LIMIT 1000
#define CHAR_LIMIT 4 /* bytes of UTF-8 */

static const char *const level_names[] = {"debug", "info", "warn", "error"};

const char *yodel_log_level_name(yodel_log_level level)
{
    return (size_t)level < YD_LEN(level_names) ? level_names[level] : "unknown";
}

/* The bytes of the printable character at text, 0 when there is none.  Terminals also obey U+0080
 * to U+009F. */
static size_t printable_len(const char *text, size_t len)
{
    uint8_t first = (uint8_t)text[0];
    size_t size = 1 + (size_t)(first >= 0xc0) + (first >= 0xe0) + (first >= 0xf0);

    if (first < 0x20 || first == 0x7f || size > len || !yd_utf8_is_valid(text, size))
        return 0;
    if (first == 0xc2 && (uint8_t)text[1] < 0xa0)
        return 0;
    return size;
}

/* Writes at most LINE_LIMIT bytes to line, never a part of a character.  Returns its length. */
static size_t escape(const char *text, size_t len, char *line)
{
    static const char hex[] = "0123456789abcdef";
    size_t used = 0, i = 0;

    while (i < len) {
        size_t size = printable_len(text + i, len - i);

        if (used + (size ? size : 4) > LINE_LIMIT)
            break;
        if (size > 0) {
            memcpy(line + used, text + i, size);
            used += size;
            i += size;
        } else {
            uint8_t byte = (uint8_t)text[i++];

            line[used++] = '\\';
            line[used++] = 'x';
            line[used++] = hex[byte >> 4];
            line[used++] = hex[byte & 15];
        }
    }
    return used;
}

bool yd_log_wants(const struct yodel_log_sink *sink, yodel_log_level level)
{
    return sink != NULL && sink->write != NULL && level >= sink->min_level;
}

void yd_log(const struct yodel_log_sink *sink, yodel_log_level level, const char *format, ...)
{
    /* Room for the rest of a character that begins just before the limit. */
    char text[LINE_LIMIT + CHAR_LIMIT], line[LINE_LIMIT];
    va_list args;
    int len;

    if (!yd_log_wants(sink, level))
        return;
    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len < 0)
        return;
    sink->write(level, (yodel_str){line, escape(text, YD_MIN((size_t)len, sizeof(text) - 1), line)},
                sink->user);
}

/* ISO 8601, UTC, milliseconds.  Returns the length. */
static size_t print_stamp(char *stamp, size_t size)
{
    struct timespec now;
    struct tm utc;
    size_t len;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    len = strftime(stamp, size, "%Y-%m-%dT%H:%M:%S", &utc);
    return len + (size_t)snprintf(stamp + len, size - len, ".%03dZ", (int)(now.tv_nsec / 1000000));
}

void yodel_log_stderr(yodel_log_level level, yodel_str text, void *user)
{
    char line[LINE_LIMIT + 64];
    size_t len = print_stamp(line, sizeof(line)), room;
    int saved = errno;

    (void)user;
    len += (size_t)snprintf(line + len, sizeof(line) - len, " %s ", yodel_log_level_name(level));
    room = sizeof(line) - 1 - len;
    if (text.len > 0) {
        text.len = yd_utf8_cut(text.ptr, text.len, room);
        memcpy(line + len, text.ptr, text.len);
    }
    len += text.len;
    line[len++] = '\n';
    /* One write, so that lines of several threads do not mix; there is no one to tell of a failure.
     */
    if (write(STDERR_FILENO, line, len) < 0)
        errno = saved;
}
