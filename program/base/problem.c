/* SPDX-License-Identifier: MIT */
#include "base/problem.h"

#include <errno.h>
#include <string.h>

static const struct {
    int status;
    const char *code;
    const char *title;
} problems[YG_NUM_PROBLEMS] = {[YG_PROBLEM_NONE] = {200, "ok", "Done"},
#define X(name, status, code, title) [YG_PROBLEM_##name] = {status, code, title},
                               YG_PROBLEM_MAP(X)
#undef X
};

static enum yg_problem known(enum yg_problem problem)
{
    return (unsigned)problem < YG_NUM_PROBLEMS ? problem : YG_PROBLEM_INTERNAL;
}

int yg_problem_status(enum yg_problem problem)
{
    return problems[known(problem)].status;
}

const char *yg_problem_code(enum yg_problem problem)
{
    return problems[known(problem)].code;
}

const char *yg_problem_title(enum yg_problem problem)
{
    return problems[known(problem)].title;
}

enum yg_problem yg_problem_of(const char *code)
{
    for (unsigned i = 1; i < YG_NUM_PROBLEMS; i++) {
        if (strcmp(problems[i].code, code) == 0)
            return (enum yg_problem)i;
    }
    return YG_PROBLEM_NONE;
}

enum yg_problem yg_problem_of_result(int result)
{
    switch (result) {
    case -ENOMEM:
    case YODEL_ERR_CONGESTED:
        return YG_PROBLEM_OVERLOADED;
    case YODEL_ERR_TOO_BIG:
        return YG_PROBLEM_TOO_LARGE;
    case YODEL_ERR_NOT_FOUND:
        return YG_PROBLEM_UNKNOWN_SOCKET;
    case YODEL_ERR_CLOSED:
        return YG_PROBLEM_DRAINING;
    case YODEL_ERR_UNSUPPORTED:
        return YG_PROBLEM_NOT_ENABLED;
    case -EINVAL:
    case YODEL_ERR_NAME:
    case YODEL_ERR_FORMAT:
    case YODEL_ERR_ENCODING:
        return YG_PROBLEM_INVALID;
    default:
        return result < 0 ? YG_PROBLEM_INTERNAL : YG_PROBLEM_NONE;
    }
}

static void put_member(struct yg_text *text, const char *name, const char *value)
{
    if (value == NULL)
        return;
    yg_text_printf(text, ",\"%s\":", name);
    yg_text_put_json(text, value, strlen(value));
}

void yg_problem_put(struct yg_text *text, const struct yg_complaint *complaint)
{
    const enum yg_problem problem = known(complaint->problem);

    yg_text_printf(text, "{\"type\":\"urn:yodel:problem:%s\"", problems[problem].code);
    put_member(text, "title", problems[problem].title);
    yg_text_printf(text, ",\"status\":%d", problems[problem].status);
    put_member(text, "code", problems[problem].code);
    put_member(text, "detail", complaint->detail);
    put_member(text, "pointer", complaint->pointer);
    yg_text_putc(text, '}');
}
