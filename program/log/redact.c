/* SPDX-License-Identifier: MIT */
#include "log/redact.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void yg_redact_init(struct yg_redact *redact)
{
    redact->names = NULL;
    pthread_mutex_init(&redact->lock, NULL);
}

void yg_redact_done(struct yg_redact *redact)
{
    free(redact->names);
    pthread_mutex_destroy(&redact->lock);
}

static char *join(const char *const *names, size_t num)
{
    size_t len = 1;
    char *all, *at;

    for (size_t i = 0; i < num; i++)
        len += strlen(names[i]) + 1;
    all = at = malloc(len);
    if (all == NULL)
        return NULL;
    for (size_t i = 0; i < num; i++) {
        if (*names[i] != '\0')
            at = stpcpy(at, names[i]) + 1;
    }
    *at = '\0';
    return all;
}

int yg_redact_set(struct yg_redact *redact, const char *const *names, size_t num)
{
    char *all = join(names, num), *before;

    if (all == NULL)
        return -ENOMEM;
    pthread_mutex_lock(&redact->lock);
    before = redact->names;
    redact->names = all;
    pthread_mutex_unlock(&redact->lock);
    free(before);
    return 0;
}

static bool is_of_name(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '_';
}

static int digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

/* The next character, as it is or as %XX; *at moves on. */
static int take(const char **at, const char *end)
{
    const char *from = *at;

    if (end - from >= 3 && *from == '%' && isxdigit((unsigned char)from[1]) &&
        isxdigit((unsigned char)from[2])) {
        *at += 3;
        return digit(from[1]) << 4 | digit(from[2]);
    }
    ++*at;
    return (unsigned char)*from;
}

/* What follows the name that begins there, the separator included; 0: it does not. */
static size_t match_one(const char *name, const char *text, size_t left)
{
    const bool is_parameter = *name == ':';
    const char *at = text, *end = text + left;

    for (name += is_parameter; *name != '\0'; name++) {
        if (at == end || tolower(take(&at, end)) != tolower((unsigned char)*name))
            return 0;
    }
    return at < end && (*at == '=' || (*at == ':' && !is_parameter)) ? (size_t)(at + 1 - text) : 0;
}

/* The length of the name, with what follows it, that begins there; 0: none does. */
static size_t match(const char *names, const char *at, size_t left)
{
    for (const char *name = names; *name != '\0'; name += strlen(name) + 1) {
        const size_t len = match_one(name, at, left);

        if (len > 0)
            return len;
    }
    return 0;
}

/* How long the value is that begins there. */
static size_t length_of_value(char separator, const char *at, size_t left)
{
    const char *ends = separator == ':' ? "\r\n\"" : "\r\n\"' &;,)";
    size_t len = 0;

    while (len < left && strchr(ends, at[len]) == NULL)
        len++;
    return len;
}

static void put_all(const char *names, struct yg_text *to, yodel_str text)
{
    size_t begin = 0, i = 0;

    while (i < text.len) {
        const bool may_begin = i == 0 || !is_of_name(text.ptr[i - 1]);
        const size_t len = may_begin ? match(names, text.ptr + i, text.len - i) : 0;
        size_t value;

        if (len == 0) {
            i++;
            continue;
        }
        i += len;
        while (i < text.len && text.ptr[i] == ' ' && text.ptr[i - 1] != '=')
            i++;
        yg_text_add(to, text.ptr + begin, i - begin);
        value = length_of_value(text.ptr[i - 1] == '=' ? '=' : ':', text.ptr + i, text.len - i);
        if (value > 0)
            yg_text_puts(to, "***");
        i += value;
        begin = i;
    }
    yg_text_add(to, text.ptr + begin, text.len - begin);
}

void yg_redact_put(struct yg_redact *redact, struct yg_text *to, yodel_str text)
{
    if (text.len == 0)
        return;
    pthread_mutex_lock(&redact->lock);
    put_all(redact->names != NULL ? redact->names : "", to, text);
    pthread_mutex_unlock(&redact->lock);
}
