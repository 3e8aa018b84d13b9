/* SPDX-License-Identifier: MIT */
#include "token/refusal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct code_info {
    enum yg_token_step step;
    const char *word, *sentence;
};

static const struct code_info codes[] = {
    [YG_TOKEN_OK] = {YG_NUM_TOKEN_STEPS, "ok", "the token is good"},
#define X(name, step, word, sentence) [YG_TOKEN_##name] = {YG_STEP_##step, word, sentence},
    YG_TOKEN_CODES(X)
#undef X
};

static const char *const steps[][2] = {
#define X(name, word, what) [YG_STEP_##name] = {word, what},
    YG_TOKEN_STEPS(X)
#undef X
};

const char *yg_token_code_word(enum yg_token_code code)
{
    return codes[code].word;
}

enum yg_token_step yg_token_code_step(enum yg_token_code code)
{
    return codes[code].step;
}

const char *yg_token_step_word(enum yg_token_step step)
{
    return steps[step][0];
}

const char *yg_token_step_words(enum yg_token_step step)
{
    return steps[step][1];
}

bool yg_token_code_is_temporary(enum yg_token_code code)
{
    return code == YG_TOKEN_KEYS_ABSENT;
}

int yg_refuse(struct yg_refusal *refusal, enum yg_token_code code, const char *format, ...)
{
    va_list args;
    size_t used;

    if (refusal == NULL)
        return -EACCES;
    refusal->code = code;
    snprintf(refusal->text, sizeof refusal->text, "%s", codes[code].sentence);
    used = strlen(refusal->text);
    if (format != NULL && used + 2 < sizeof refusal->text) {
        memcpy(refusal->text + used, ": ", 3);
        va_start(args, format);
        vsnprintf(refusal->text + used + 2, sizeof refusal->text - used - 2, format, args);
        va_end(args);
    }
    return -EACCES;
}

static bool is_continuation(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80;
}

const char *yg_quoted(const char *text, char ret_quoted[YG_QUOTED_SIZE])
{
    const size_t most = YG_QUOTED_SIZE - sizeof "\"\"...";
    size_t len = strnlen(text, most + 1);
    bool is_cut = len > most;
    char *out = ret_quoted;

    if (is_cut)
        for (len = most; len > 0 && is_continuation(text[len]); len--)
            ;
    *out++ = '"';
    for (size_t i = 0; i < len; i++)
        *out++ = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i];
    memcpy(out, is_cut ? "...\"" : "\"", is_cut ? 5 : 2);
    return ret_quoted;
}
