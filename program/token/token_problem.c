/* SPDX-License-Identifier: MIT */
#include "token/token_problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int yg_token_problem_set(struct yg_token_problem *problem, int result, const char *format, ...)
{
    va_list args;

    if (problem == NULL)
        return result;
    va_start(args, format);
    vsnprintf(problem->text, sizeof problem->text, format, args);
    va_end(args);
    return result;
}

void yg_token_problem_prefix(struct yg_token_problem *problem, const char *format, ...)
{
    char words[sizeof problem->text / 2], old[sizeof problem->text];
    va_list args;

    if (problem == NULL)
        return;
    va_start(args, format);
    vsnprintf(words, sizeof words, format, args);
    va_end(args);
    memcpy(old, problem->text, sizeof old);
    snprintf(problem->text, sizeof problem->text, "%s: %.*s", words,
             (int)(sizeof problem->text - strlen(words) - 3), old);
}
